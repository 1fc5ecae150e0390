//! What this process is: one of `cargo ptest`'s, one of nextest's, or simply `cargo test`'s.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::channel::Channel;
use super::os;
use crate::wire::environment::{
    self, ANY, CASES, CONTEXT, HOST, NEXTEST_RUN_ID, OWN_NEXTEST_RUN_ID, ROLE, RUN_ID, RUNNER, SLOT, STOP, TOKEN,
    VALUE, WANTED, WORKER,
};
#[cfg(unix)]
use crate::wire::environment::{CALL, FUNCTION};
use crate::wire::record::Record;

pub(super) struct Process {
    pub role: Role,
    /// Begins each record, if somebody reads them, and where they go.
    token: Option<(String, Channel)>,
    pub arguments: Vec<String>,
    run: String,
    /// Where a file is put when no further test is to begin.
    stop: Option<String>,
    program: Program,
}

pub(super) enum Role {
    /// Runs tests for `cargo ptest`; of generated ones those cases that a file names.
    Worker { wanted: Option<String> },
    /// Holds a shared context.
    Host { context: String, value: String },
    /// Says which cases a generated test has.
    Cases,
    /// Makes one of several concurrent calls, that of a function which is so far away.
    #[cfg(unix)]
    Call { function: String },
    /// One process for each test.
    Nextest,
    /// All tests in one process.
    Alone,
}

static PROCESS: LazyLock<Process> = LazyLock::new(Process::read);

impl Process {
    pub(super) fn get() -> &'static Self {
        &PROCESS
    }

    fn read() -> Self {
        let mut given = std::env::args_os();
        let _program = given.next();
        let mut arguments = Vec::new();
        for argument in given {
            arguments.push(argument.to_string_lossy().into_owned());
        }
        // What a test starts inherits its environment, but not its arguments.
        let token = match variable(TOKEN) {
            Some(token) if arguments.contains(&environment::argument(&token)) => Some(token),
            _ => None,
        };
        let said = if token.is_some() { variable(ROLE) } else { None };
        let role = match said.as_deref() {
            Some(WORKER) => Role::Worker { wanted: variable(WANTED) },
            Some(HOST) => match (variable(CONTEXT), variable(VALUE)) {
                (Some(context), Some(value)) => Role::Host { context, value },
                _ => panic!("{ROLE}={HOST} needs {CONTEXT} and {VALUE}"),
            },
            Some(CASES) => Role::Cases,
            #[cfg(unix)]
            Some(CALL) => Role::Call { function: variable(FUNCTION).unwrap_or_default() },
            Some(role) => panic!("{ROLE}={role}: cargo-ptest and the crate ptest have different versions"),
            None if nextest_run().is_some() && is_of_one_test(&arguments) => Role::Nextest,
            None => Role::Alone,
        };
        let run = match (&role, variable(RUN_ID)) {
            (Role::Nextest, outer) => nested(outer, nextest_run().unwrap_or_else(own_run_id)),
            // A binary without annotations, or one with a harness of its own.
            (Role::Alone, Some(run)) if is_started_by_runner() => run,
            (Role::Alone, outer) => nested(outer, own_run_id()),
            (_, run) => run.unwrap_or_else(own_run_id),
        };
        let stop = if matches!(role, Role::Worker { .. }) { variable(STOP) } else { None };
        let token = token.map(|token| (token, Channel::open()));
        Self { role, token, arguments, run, stop, program: Program::of_this_process() }
    }

    /// Whether `cargo ptest` reports what happens to fixtures.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self.role, Role::Worker { .. })
    }

    /// Whether the run has come to its end before this process has.
    pub(super) fn is_to_stop(&self) -> bool {
        match &self.stop {
            Some(path) => Path::new(path).exists(),
            None => false,
        }
    }

    /// Says a record to whoever started this process, if it is somebody who understands it.
    pub(super) fn say(&self, record: &Record) {
        if let Some((token, channel)) = &self.token {
            channel.write(&record.encode(token));
        }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }
}

/// What the environment says.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// nextest's name for its run, if it is nextest who runs this. `cargo ptest` sets the variable as well.
fn nextest_run() -> Option<String> {
    let run = variable(NEXTEST_RUN_ID)?;
    if variable(OWN_NEXTEST_RUN_ID).as_ref() == Some(&run) { None } else { Some(run) }
}

/// Whether `cargo ptest` has started this process, and not one of its tests. What a test starts inherits the variable.
fn is_started_by_runner() -> bool {
    match variable(RUNNER) {
        Some(runner) => runner == ANY || runner == parent_process(),
        None => false,
    }
}

#[cfg(unix)]
fn parent_process() -> String {
    std::os::unix::process::parent_id().to_string()
}

#[cfg(not(unix))]
fn parent_process() -> String {
    String::new()
}

/// nextest starts a process for each test, as `BIN --exact NAME --nocapture`. A `cargo test` that is run by such a
/// test inherits the variables but not the arguments.
fn is_of_one_test(arguments: &[String]) -> bool {
    let (mut exact, mut nocapture, mut free) = (false, false, 0);
    for argument in arguments {
        match argument.as_str() {
            "--exact" => exact = true,
            "--nocapture" => nocapture = true,
            argument if argument.starts_with('-') => {}
            _ => free += 1,
        }
    }
    exact && nocapture && free == 1
}

/// A run that a test has started is another one, and its name tells where it belongs.
fn nested(outer: Option<String>, run: String) -> String {
    match outer {
        Some(outer) => format!("{outer}/{run}"),
        None => run,
    }
}

fn own_run_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("test-{}-{}", std::process::id(), since.as_nanos())
}

/// This very program, to be started once more; or why it cannot be. Cargo may put another one into its place while tests
/// run: Linux knows the old one all the same, elsewhere it has to be the one that was there when the tests began.
pub(super) fn own_program() -> Result<PathBuf, String> {
    let itself = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() {
        return Ok(itself);
    }
    Process::get().program.path()
}

/// Where this program lies, and which file that was at the beginning.
struct Program {
    path: PathBuf,
    file: Option<File>,
}

impl Program {
    fn of_this_process() -> Self {
        let path = std::env::current_exe().unwrap_or_else(|_| std::env::args_os().next().unwrap_or_default().into());
        Self { file: File::of(&path), path }
    }

    /// Its path, as long as the same file is there.
    fn path(&self) -> Result<PathBuf, String> {
        if File::of(&self.path) == self.file {
            return Ok(self.path.clone());
        }
        Err(format!(
            "{} was replaced after these tests had started, so it cannot be started again: run the tests again, and do not \
             build while they run",
            self.path.display()
        ))
    }
}

/// What tells a file from the one that takes its place.
#[derive(Debug, PartialEq)]
struct File {
    length: u64,
    modified: Option<SystemTime>,
    stamp: os::Stamp,
}

impl File {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let stamp = os::stamp(&metadata);
        Some(Self { length: metadata.len(), modified: metadata.modified().ok(), stamp })
    }
}

/// A token for a process that this one starts.
pub(super) fn fresh_token() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", std::process::id(), since.as_nanos(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An identifier of this test run. It may contain `/`, if the run was started by a test of another run.
///
/// It is the same in all processes of a `cargo ptest` or `cargo nextest` run, including hosts of shared contexts. Under
/// `cargo test` each test binary has another one. Use it for names that must not collide with those of other runs.
///
/// ```
/// let scratch = std::env::temp_dir().join(format!("orders-{}", ptest::run_id().replace('/', "-")));
/// assert_eq!(ptest::run_id(), ptest::run_id());
/// # drop(scratch);
/// ```
#[must_use]
pub fn run_id() -> &'static str {
    Process::get().run()
}

/// The number of the slot that this process runs in, counted from 0. Tests that run at the same time in different
/// processes have different numbers.
///
/// Under `cargo test`, where all tests of a binary run in one process, it is always 0, as in hosts of shared contexts.
///
/// ```
/// let port = 9000 + ptest::worker_index();
/// # assert_eq!(port, 9000);
/// ```
#[must_use]
pub fn worker_index() -> usize {
    let name = match Process::get().role {
        Role::Nextest => "NEXTEST_TEST_GLOBAL_SLOT",
        _ => SLOT,
    };
    let Some(slot) = variable(name) else { return 0 };
    slot.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{File, Program};

    #[test]
    fn a_program_that_was_built_anew_is_noticed() {
        let path = std::env::temp_dir().join(format!("ptest-program-{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let program = Program { file: File::of(&path), path };
        assert_eq!(program.path().unwrap(), program.path);
        std::fs::write(&program.path, "new one").unwrap();
        assert!(program.path().unwrap_err().contains("run the tests again"));
        if cfg!(unix) {
            // Of the same length, and as if it had been modified when the first one was.
            let modified = program.file.as_ref().and_then(|file| file.modified).unwrap();
            let other = program.path.with_extension("other");
            std::fs::write(&other, "OLD").unwrap();
            std::fs::File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
            std::fs::rename(&other, &program.path).unwrap();
            assert!(program.path().unwrap_err().contains("run the tests again"));
        }
        std::fs::remove_file(&program.path).unwrap();
        assert!(program.path().is_err());
    }
}
