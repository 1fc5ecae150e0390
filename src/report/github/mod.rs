//! What GitHub shows of a run: annotations, which are lines of the log in a form of their own, and a summary of the job.
//!
//! What tests print goes into the same log, and GitHub takes any line of it for a command that begins with `::` behind
//! blanks, or has `##[` in it: a test of a linter's output would annotate, end groups and mask words. So no command counts
//! from the beginning of the run until the annotations, which is said with a word that no test can know. The other way, to
//! change the lines, would have people read what no test has written, and would have to know all forms of commands, on
//! stdout as well as on stderr; this way the log has two lines more, and everything else in it is as it was.

mod command;
mod markdown;

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::setups::FailedSetups;
use crate::event::{Event, FixtureFinished, Outcome, Reporter, RunFinished, RunStarted, TestFinished, WorkerFailed};

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
#[derive(Default)]
struct Gathered {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    failures: Vec<Finding>,
    flaky: Vec<Finding>,
    /// Each result's time, the longest of them at the end.
    slowest: Vec<(f64, String)>,
    fixtures: Vec<FixtureTime>,
    setups: FailedSetups,
}

/// Something to look at.
struct Finding {
    /// Binary and name.
    what: String,
    status: String,
    message: String,
    file: Option<String>,
    line: Option<u32>,
}

/// How long a context's set-ups and teardowns took together.
struct FixtureTime {
    what: String,
    times: usize,
    seconds: f64,
}

/// How many of the slowest tests the summary has.
const SLOWEST: usize = 10;

impl Gathered {
    fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => self.started = Some(run.clone()),
            Event::TestsKnown(known) => self.started.iter_mut().for_each(|run| run.learn(known)),
            Event::RunFinished(run) => self.finished = Some(run.clone()),
            Event::TestFinished(test) => self.test(test),
            Event::FixtureFinished(fixture) => self.fixture(fixture),
            Event::WorkerFailed(worker) => self.failures.push(Finding {
                what: format!("{} {}", worker.binary, WorkerFailed::NAME),
                status: "error".to_owned(),
                message: worker.message.clone(),
                file: None,
                line: None,
            }),
            _ => {}
        }
    }

    fn test(&mut self, test: &TestFinished) {
        let what = format!("{} {}", test.binary, test.test);
        if test.outcome == Outcome::Passed || test.outcome.is_red() {
            self.slowest.push((test.duration, what.clone()));
            self.slowest.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            self.slowest.truncate(SLOWEST);
        }
        let (file, line) = test.where_to_look();
        let finding = |status: &str| Finding {
            what: what.clone(),
            status: status.to_owned(),
            message: test.message.clone().unwrap_or_default(),
            file: file.map(str::to_owned),
            line,
        };
        // Of a test that did not run its set-up tells.
        let told = test.outcome == Outcome::SetupFailed && self.setups.of(test).is_some();
        if test.outcome.is_red() && !told {
            self.failures.push(finding(word(test.outcome)));
        } else if test.flaky {
            let attempts = test.attempt;
            self.flaky.push(Finding { message: format!("passed at attempt {attempts}"), ..finding("flaky") });
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
            self.failures.push(Finding {
                what,
                status: word(fixture.outcome).to_owned(),
                message: fixture.message.clone().unwrap_or_default(),
                file: fixture.file.as_deref().map(str::to_owned),
                line: fixture.line,
            });
        }
    }
}

/// An outcome as the JSON lines spell it, with blanks.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Ignored => "ignored",
        Outcome::TimedOut => "timed out",
        Outcome::Crashed => "crashed",
        Outcome::SetupFailed => "set-up failed",
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
    let mut file: File = OpenOptions::new().append(true).create(true).open(path)?;
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
