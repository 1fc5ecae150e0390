//! What GitHub shows of a run: annotations, which are lines of the log in a form of their own, and a summary of the job.
//!
//! What tests print goes into the same log, and GitHub takes any line of it for a command that begins with `::` behind
//! blanks, or has `##[` in it: a test of a linter's output would annotate, end groups and mask words. So no command counts
//! from the beginning of the run until the annotations, which is said with a word that no test can know. The other way, to
//! change the lines, would have people read what no test has written, and would have to know all forms of commands, on
//! stdout as well as on stderr; this way the log has two lines more, and everything else in it is as it was.

mod command;
mod markdown;

use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::brief::brief;
use super::control::tame;
use super::junit;
use super::rerun::Reruns;
use super::setups::FailedSetups;
use super::slowest::Slowest;
use super::terminal::is_in;
use crate::event::{Event, FixtureFinished, Outcome, Reporter, RunFinished, RunStarted, TestFinished, WorkerFailed};
use crate::files;

/// Where GitHub looks.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file to which the summary is appended; `None` if there is none.
    pub summary: Option<Utf8PathBuf>,
    /// The root of the checkout, from which GitHub counts the paths of files.
    pub checkout: Option<Utf8PathBuf>,
    /// The root of the workspace, from which the compiler counts them.
    pub workspace: Utf8PathBuf,
}

/// What is remembered of a run for the two.
struct Gathered {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    failures: Vec<Finding>,
    flaky: Vec<Finding>,
    slowest: Slowest,
    fixtures: Vec<FixtureTime>,
    setups: FailedSetups,
    reruns: Reruns,
    /// How many bytes of text are kept of failures.
    kept: usize,
}

/// Something to look at.
struct Finding {
    /// Binary and name.
    what: String,
    status: String,
    message: String,
    file: Option<String>,
    line: Option<u32>,
    /// The lines of the message that say most.
    brief: Vec<String>,
    /// The message, where the output lacks it, and the output.
    text: String,
    /// The command that runs it again.
    rerun: Option<String>,
}

/// How long a context's setups and teardowns took together.
struct FixtureTime {
    what: String,
    times: usize,
    seconds: f64,
}

/// How many of the slowest tests the summary has.
const SLOWEST: usize = 10;

/// How much text of a failure the summary has, in bytes.
const TEXT_LIMIT: usize = 16 * 1024;

impl Default for Gathered {
    fn default() -> Self {
        Self {
            started: None,
            finished: None,
            failures: Vec::new(),
            flaky: Vec::new(),
            slowest: Slowest::new(SLOWEST),
            fixtures: Vec::new(),
            setups: FailedSetups::default(),
            reruns: Reruns::default(),
            kept: 0,
        }
    }
}

impl Gathered {
    fn add(&mut self, event: &Event) {
        self.slowest.event(event);
        self.reruns.event(event);
        match event {
            Event::RunStarted(run) => self.started = Some(run.clone()),
            Event::TestsKnown(known) => self.started.iter_mut().for_each(|run| run.learn(known)),
            Event::RunFinished(run) => self.finished = Some(run.clone()),
            Event::TestFinished(test) => self.test(test),
            Event::FixtureFinished(fixture) => self.fixture(fixture),
            Event::WorkerFailed(worker) => {
                let text = self.text(&worker.message, &worker.output);
                self.failures.push(Finding {
                    what: format!("{} {}", worker.binary, WorkerFailed::NAME),
                    status: "error".to_owned(),
                    message: worker.message.clone(),
                    file: None,
                    line: None,
                    brief: brief(&worker.message, &worker.output, "", None),
                    text,
                    rerun: None,
                });
            }
            _ => {}
        }
    }

    fn test(&mut self, test: &TestFinished) {
        let what = format!("{} {}", test.binary, test.test);
        let (file, line) = test.where_to_look();
        let message = test.message.clone().unwrap_or_default();
        let finding = |status: &str, text: String, rerun: Option<String>| Finding {
            what: what.clone(),
            status: status.to_owned(),
            brief: brief(&message, &test.output, status, place(file, line).as_deref()),
            message: message.clone(),
            file: file.map(str::to_owned),
            line,
            text,
            rerun,
        };
        // Of a test that did not run its setup tells.
        let told = test.outcome == Outcome::SetupFailed && self.setups.of(test).is_some();
        if test.outcome.is_red() && !told {
            let (text, rerun) = (self.text(&message, &test.output), self.reruns.of_test(test));
            self.failures.push(finding(word(test.outcome), text, rerun));
        } else if test.flaky {
            let attempts = test.attempt;
            let flaky = finding("flaky", String::new(), None);
            self.flaky.push(Finding { message: format!("passed at attempt {attempts}"), ..flaky });
        }
    }

    fn fixture(&mut self, fixture: &FixtureFinished) {
        let what = format!("{} {}", fixture.binary, fixture.name());
        match self.fixtures.iter_mut().find(|it| it.what == what) {
            Some(known) => {
                known.times += 1;
                known.seconds += fixture.duration;
            }
            None => self.fixtures.push(FixtureTime { what: what.clone(), times: 1, seconds: fixture.duration }),
        }
        let is_new = fixture.is_entry() || self.setups.add(fixture.clone()).is_some();
        if fixture.outcome.is_red() && is_new {
            let message = fixture.message.clone().unwrap_or_default();
            let status = word(fixture.outcome);
            let (file, line) = (fixture.file.as_deref(), fixture.line);
            let text = self.text(&message, &fixture.output);
            self.failures.push(Finding {
                what,
                status: status.to_owned(),
                brief: brief(&message, &fixture.output, status, place(file, line).as_deref()),
                message,
                file: file.map(str::to_owned),
                line,
                text,
                rerun: Some(self.reruns.of_context(fixture)),
            });
        }
    }

    /// What the summary shows of a failure; less of all after the first ones, since it has a limit.
    fn text(&mut self, message: &str, output: &str) -> String {
        let message = if is_in(message, output) { "" } else { message.trim_end() };
        let output = output.trim_end().trim_start_matches('\n');
        let between = if message.is_empty() || output.is_empty() { "" } else { "\n\n" };
        let room = TEXT_LIMIT.min(markdown::ROOM.saturating_sub(self.kept));
        let text = junit::cut(&tame(&format!("{message}{between}{output}"), false), room).into_owned();
        self.kept += text.len();
        if room == 0 { String::new() } else { text }
    }
}

fn place(file: Option<&str>, line: Option<u32>) -> Option<String> {
    Some(format!("{}:{}", file?, line?))
}

/// An outcome as the JSON lines spell it, with blanks.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Ignored => "ignored",
        Outcome::TimedOut => "timed out",
        Outcome::Crashed => "crashed",
        Outcome::SetupFailed => "setup failed",
        Outcome::Error => "error",
        Outcome::NotReached => "not reached",
    }
}

pub(super) struct Github<W> {
    options: Options,
    out: W,
    gathered: Gathered,
    /// The word that makes commands count again, while none does.
    stopped: Option<String>,
}

impl<W: Write> Github<W> {
    /// Annotations go to `out`, which may be stderr: GitHub reads both.
    pub(super) fn new(options: Options, out: W) -> Self {
        Self { options, out, gathered: Gathered::default(), stopped: None }
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.context("cannot write the annotations")
    }
}

/// Nobody can guess it: the keys of the standard library's hashes are random.
fn token() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("ptest-{:016x}{:016x}", random(), random())
}

impl<W: Write> Reporter for Github<W> {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.gathered.add(event);
        if let Event::RunStarted(_) = event {
            let token = self.stopped.insert(token());
            let stop = format!("::stop-commands::{token}\n");
            return self.write(&stop);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let resume = self.stopped.take().map(|token| format!("::{token}::\n")).unwrap_or_default();
        self.write(&(resume + &command::annotations(&self.gathered, &self.options)))?;
        let Some(path) = &self.options.summary else { return Ok(()) };
        append(path, &self.gathered).with_context(|| format!("cannot append the summary of the job to {path}"))
    }
}

/// What other commands of the step have written stays.
fn append(path: &Utf8Path, gathered: &Gathered) -> std::io::Result<()> {
    let mut file = files::append(path)?;
    let taken = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(markdown::summary(gathered, markdown::ROOM.saturating_sub(taken)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fixture;
    use crate::report::junit::sample::{complete, failed_fixture, finished, not_set_up, worker_failed};

    pub(super) fn gathered(events: Vec<Event>) -> Gathered {
        let mut gathered = Gathered::default();
        complete(events).iter().for_each(|event| gathered.add(event));
        gathered
    }

    #[test]
    fn each_cause_is_one_finding() {
        let gathered = gathered(vec![
            Event::FixtureFinished(failed_fixture(Fixture::Setup, "no port")),
            Event::TestFinished(not_set_up("db::reads")),
            Event::TestFinished(not_set_up("db::writes")),
            Event::TestFinished(TestFinished { outcome: Outcome::TimedOut, ..finished("hangs") }),
            Event::TestFinished(TestFinished { flaky: true, attempt: 2, ..finished("flickers") }),
            Event::WorkerFailed(worker_failed("exit code 3")),
        ]);
        let failures: Vec<&str> = gathered.failures.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(failures, ["demo demo::db::(setup)", "demo hangs", "demo (worker exit)"]);
        assert_eq!(gathered.flaky[0].message, "passed at attempt 2");
    }

    #[test]
    fn the_word_that_ends_the_silence_is_another_each_time() {
        let words = [token(), token()];
        assert!(words[0] != words[1] && words.iter().all(|word| word.len() == 38), "{words:?}");
    }

    #[test]
    fn the_summary_is_appended_to_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let summary = Utf8PathBuf::from_path_buf(folder.path().join("summary.md")).unwrap();
        std::fs::write(&summary, "before\n").unwrap();
        let options = Options { summary: Some(summary.clone()), ..Options::default() };
        let mut out = Vec::new();
        let mut github = Github::new(options, &mut out);
        let failed = TestFinished { outcome: Outcome::Failed, message: Some("no".into()), ..finished("fails") };
        complete(vec![Event::TestFinished(failed)]).iter().for_each(|event| github.event(event).unwrap());
        github.finish().unwrap();
        let out = String::from_utf8(out).unwrap();
        let [stop, resume, annotation] = out.lines().collect::<Vec<_>>()[..] else { panic!("{out}") };
        assert_eq!(format!("::{}::", stop.strip_prefix("::stop-commands::").unwrap()), resume);
        assert_eq!(annotation, "::error file=src/lib.rs,line=12,title=failed%3A demo fails::no");
        let text = std::fs::read_to_string(summary).unwrap();
        assert!(text.starts_with("before\n\n## cargo ptest: failed\n"), "{text}");
    }
}
