//! The words between doing and telling: everything that happens in a run, as plain data.
//!
//! `run` emits [`Event`]s and `report` listens; neither knows the other. The same types, written as one JSON object a
//! line, are what `--message-format json` prints and what the journal stores, so an event can be printed, compared,
//! stored and replayed. Durations are seconds.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

mod fixture;
#[cfg(test)]
mod schema;
mod show;
mod tally;

pub use fixture::{Fixture, FixtureFinished, FixtureKind, FixtureStarted};
pub use show::{AtWork, Show};
pub use tally::Tally;

/// The version of the JSON lines; it changes only when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// Somebody who listens to a run.
pub trait Reporter {
    fn event(&mut self, event: &Event) -> anyhow::Result<()>;

    /// Nothing more is waiting to be told: what was gathered goes out now.
    fn flush(&mut self) -> anyhow::Result<()>;

    /// How long it may take at the most until [`Reporter::flush`] is called again, though nothing happens.
    fn pulse(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Somebody at the keyboard asks.
    fn show(&mut self, _wanted: &Show) -> anyhow::Result<()> {
        Ok(())
    }

    /// The run is about to be stopped (Ctrl-Z): others will use the terminal.
    fn suspend(&mut self) -> anyhow::Result<()> {
        self.flush()
    }

    /// It goes on.
    fn resume(&mut self) {}

    /// A test gets the terminal, or had it until now. What the test writes is shown meanwhile as it is
    /// ([`Show::Written`]).
    fn lend_terminal(&mut self, _lent: bool) -> anyhow::Result<()> {
        self.flush()
    }

    /// The run is over.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.flush()
    }
}

/// Something that happened. Readers must accept kinds, fields and outcomes that they do not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line of a journal, and of nothing else.
    JournalStarted(JournalStarted),
    RunStarted(RunStarted),
    /// Which tests of a binary the run will report: one for each binary that takes part, after the beginning.
    BinarySelected(BinarySelected),
    /// With `--eager`, each time that more is known of what the run will report, and when the build is over.
    TestsKnown(TestsKnown),
    /// A process was started in a worker's slot.
    WorkerStarted(WorkerStarted),
    TestStarted(TestStarted),
    /// A line that a test wrote, as it came (`--nocapture`).
    TestOutput(TestOutput),
    /// A test has been running for a long time.
    TestSlow(TestSlow),
    /// An attempt failed and the test will be tried again.
    AttemptFailed(TestFinished),
    /// The last word on a test: exactly one for each selected test (and repetition).
    TestFinished(TestFinished),
    /// `--diagnose` ran a failed test once more, alone; the test's last word came before.
    TestDiagnosed(TestDiagnosed),
    FixtureStarted(FixtureStarted),
    /// A fixture is done, or its process is. A setup's comes before the results of the tests that it kept from running.
    FixtureFinished(FixtureFinished),
    WorkerExited(WorkerExited),
    SlotsChanged(SlotsChanged),
    /// A process failed outside of any test; an error entry of its own.
    WorkerFailed(WorkerFailed),
    Warning {
        message: String,
    },
    RunFinished(RunFinished),
}

/// Where a journal belongs among the others in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JournalStarted {
    /// Runs that start later have higher numbers, whatever the clock says.
    pub sequence: u64,
    /// The root of the run's workspace: relative to the folder if that lies in it, as by default, otherwise absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunStarted {
    pub run: String,
    pub timestamp: DateTime<FixedOffset>,
    /// How many results this run will report: the selected tests, times `--repeat`.
    pub tests: usize,
    pub binaries: usize,
    /// The upper cap on worker slots.
    pub workers: usize,
    /// How long the tests will take one after another, in seconds, if they take as long as in earlier runs; absent where
    /// most of them are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// How long the build took that came before, or had gone on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<f64>,
    /// The build goes on beside the run (`--eager`): nothing is known yet of its tests, and [`TestsKnown`] says more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub eager: bool,
    /// The options of this run that a command which runs one of its tests again needs, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The toolchain that was said on the command line: such a command needs it as `cargo +TOOLCHAIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<String>,
    /// Where the run comes from; absent in journals of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a run comes from, as far as that is known at its start. It is for people and for links: nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Origin {
    /// The workspace's name: that of the package at its root, or else of its folder.
    pub workspace: String,
    /// The command line. Values of `--config`, and users and passwords in addresses, are `***`.
    pub command: String,
    /// The hash of the commit that was checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What `rustc --version` prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rustc: Option<String>,
    /// The name of the machine, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// In the CI of a forge: the address that, with the path of a file in the workspace behind it, shows the file at this
    /// commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<String>,
}

impl RunStarted {
    /// What would have been said if it had been known in the beginning.
    pub fn learn(&mut self, known: &TestsKnown) {
        (self.tests, self.binaries, self.expected) = (known.tests, known.binaries, known.expected);
    }
}

/// What is known of the whole run by now. It takes the place of what was said of it before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct TestsKnown {
    /// How many results this run will report.
    pub tests: usize,
    pub binaries: usize,
    /// How long the tests will take one after another, in seconds, if they take as long as in earlier runs; absent where
    /// most of them are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// The build is over, and has gone on so long after the beginning of the run. No more will become known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<f64>,
    /// It has not come to its end, so there are tests that nobody knows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut_short: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BinarySelected {
    pub binary: Arc<str>,
    /// How cargo is told of its package, where the name alone is ambiguous: `itoa@0.3.9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The tests that the run will report, the ignored ones with them, in the order in which the binary lists them.
    pub tests: Vec<Arc<str>>,
    /// How many tests the binary has.
    pub listed: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkerStarted {
    /// The slot, from 0.
    pub worker: usize,
    /// The serial number of the process in this run, from 1.
    pub process: u32,
    pub pid: u32,
    pub binary: Arc<str>,
    /// How many tests the process was given.
    pub tests: usize,
}

/// Which test, which time, and where it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestStarted {
    pub binary: Arc<str>,
    pub test: Arc<str>,
    /// From 1; more under `--retries`.
    pub attempt: u32,
    /// From 1; more under `--repeat`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub repetition: u32,
    pub worker: usize,
    pub process: u32,
    /// How long it took in earlier runs, in seconds, or if it is new, how long others did; its part of the run's
    /// `expected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// The contexts that it belongs to, by module path, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestOutput {
    pub binary: Arc<str>,
    pub test: Arc<str>,
    pub worker: usize,
    /// Without its newline.
    pub line: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestSlow {
    pub binary: Arc<str>,
    pub test: Arc<str>,
    pub worker: usize,
    pub elapsed: f64,
}

/// What became of one attempt at a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestFinished {
    /// nextest's binary id.
    pub binary: Arc<str>,
    pub test: Arc<str>,
    pub outcome: Outcome,
    /// From 1; the attempts before the last one are [`Event::AttemptFailed`].
    pub attempt: u32,
    /// From 1; more under `--repeat`.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub repetition: u32,
    /// Passed, but not at the first attempt.
    #[serde(default, skip_serializing_if = "is_false")]
    pub flaky: bool,
    /// When it started, or when it was decided that it will not.
    pub timestamp: DateTime<FixedOffset>,
    pub duration: f64,
    /// `None` for a test that no process was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// Where the test stands in the source, as the compiler wrote it down: relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Where it failed, if that is known and lies in the workspace: the place of its panic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The contexts that it belongs to, by module path, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<Arc<str>>,
    /// Why: the panic's message, the reason of `#[ignore]`, the signal that killed it, what its setup failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it wrote to stdout and stderr, in the order in which it was written; not UTF-8 is replaced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// `output` lacks its middle, because it was larger than the runner keeps; a note in it says how much.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// For a test that did not pass: how many tests its process had run before it, whose state it may have met.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: usize,
    /// The nearest of them, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Arc<str>>,
    /// For a test that did not pass: other processes of its package ran at the same time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside: bool,
}

/// The message of a test that was ended from the keyboard.
pub const ENDED_BY_HAND: &str = "ended by hand";

impl TestFinished {
    /// Whether the run ended while it ran: no failure, but whoever ended the run wants to know where.
    pub fn was_cut_short(&self) -> bool {
        self.outcome == Outcome::NotReached && self.worker.is_some()
    }

    /// Whether somebody at the keyboard ended it.
    pub fn was_ended_by_hand(&self) -> bool {
        self.outcome == Outcome::TimedOut && self.message.as_deref() == Some(ENDED_BY_HAND)
    }

    /// Where people should look, as file and line: where it failed, or else where it stands.
    pub fn where_to_look(&self) -> (Option<&str>, Option<u32>) {
        match &self.place {
            Some(place) => (Some(&place.file), Some(place.line)),
            None => (self.file.as_deref(), self.line),
        }
    }
}

/// A line of the workspace's sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place {
    /// Relative to the workspace.
    pub file: Arc<str>,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TestDiagnosed {
    pub binary: Arc<str>,
    pub test: Arc<str>,
    /// What it came to in a process of its own, while no other one of its package ran.
    pub alone: Outcome,
    /// The nearest of the tests that ran before it in the process in which it failed.
    pub after: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkerExited {
    pub worker: usize,
    pub process: u32,
    pub binary: Arc<str>,
    /// For people: `exit code 101`, `SIGSEGV`.
    pub status: String,
    /// Something that it has started outlived it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leaked: bool,
    /// With `leaked`: what was found of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftBehind>,
    /// With `leaked`: something still holds its output, and was not found.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held: bool,
    /// With `leaked` or `rescheduled`: the nearest of the tests that ran in it, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Arc<str>>,
    /// Why it was ended, or why tests that had begun run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many of its tests go to another process: those that had not begun and, with a `reason`, one that had.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rescheduled: usize,
    /// The first of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Arc<str>>,
}

/// A process that has outlived the one that started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftBehind {
    pub pid: u32,
    pub name: String,
    /// It was killed, and seen to be gone.
    pub killed: bool,
}

impl LeftBehind {
    /// Says of these, and of what was not found, that they have outlived `whom`.
    pub fn describe(left: &[Self], holds_output: bool, whom: &str) -> String {
        let those = |killed: bool| {
            let named = left.iter().filter(|it| it.killed == killed);
            named.map(|it| format!("{} (pid {})", it.name, it.pid)).collect::<Vec<_>>()
        };
        let (killed, alive) = (those(true), those(false));
        let mut parts = Vec::new();
        if !killed.is_empty() {
            let verb = if killed.len() == 1 { "was" } else { "were" };
            parts.push(format!("{} outlived {whom}, and {verb} killed", killed.join(", ")));
        }
        if !alive.is_empty() {
            parts.push(format!("{} outlived {whom}, and did not exit when killed", alive.join(", ")));
        }
        if holds_output {
            parts.push(format!("something that {whom} started still holds its output; it was not found"));
        }
        if parts.is_empty() {
            parts.push(format!("something outlived {whom} briefly and has exited"));
        }
        parts.join("; ")
    }
}

impl WorkerExited {
    /// What there is to say of what it has left behind.
    pub fn leak(&self) -> String {
        LeftBehind::describe(&self.left, self.held, &self.tests.join(", "))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkerFailed {
    pub binary: Arc<str>,
    pub worker: usize,
    pub process: u32,
    pub timestamp: DateTime<FixedOffset>,
    pub message: String,
    /// The tests that ran in the process, any of which may be the cause.
    pub tests: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl WorkerFailed {
    /// The name under which the entry stands among the tests of its binary.
    pub const NAME: &str = "(worker exit)";
}

/// How many slots the run has: the jobserver's, and the one that it owns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SlotsChanged {
    pub timestamp: DateTime<FixedOffset>,
    /// Slots that are in use.
    pub held: usize,
    /// Slots that the jobserver was asked for and has not granted yet.
    pub waiting: usize,
    /// The upper cap on both together.
    pub cap: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunFinished {
    pub duration: f64,
    #[serde(flatten)]
    pub tally: Tally,
    /// Why the run ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// `--max-fail` or `--fail-fast`.
    FailFast,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM or SIGHUP.
    Terminated,
    /// The runner could not go on.
    Error,
    /// The build beside the run failed (`--eager`).
    BuildFailed,
}

/// What a test or a fixture came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Passed,
    Failed,
    /// `#[ignore]`d and not asked for.
    Ignored,
    TimedOut,
    /// Its process ended under it: a signal, an abort, an exit with any code.
    Crashed,
    /// It did not run, since the setup of a context that it belongs to failed.
    SetupFailed,
    /// Selected, but the run ended first.
    NotReached,
    /// The runner or the process failed, not the test. A journal of a newer version may hold outcomes that are not
    /// known here: they are read as this one, since green they must not be.
    #[serde(other)]
    Error,
}

impl Outcome {
    /// Whether this outcome makes the run red.
    pub fn is_red(self) -> bool {
        match self {
            Self::Passed | Self::Ignored | Self::NotReached => false,
            Self::Failed | Self::TimedOut | Self::Crashed | Self::SetupFailed | Self::Error => true,
        }
    }
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(flag: &bool) -> bool {
    !flag
}
