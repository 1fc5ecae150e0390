//! What became of the tests in earlier runs, by their journals.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use camino::Utf8Path;
use serde::Deserialize;

use super::Run;
use crate::event::{Outcome, RunStarted};
use crate::history;
use crate::report::{Runs, file};

/// The outcomes of so many earlier runs of a test are shown.
const SHOWN: usize = 10;

/// In bytes; journals are read from the latest on, until the tests of the run are known or so much has been read.
const MOST: u64 = 256 * 1024 * 1024;

/// A line that is longer is not looked at.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

type Key = (Arc<str>, Arc<str>);

/// The earlier runs of the tests of a run.
#[derive(Default)]
pub(super) struct Earlier {
    tests: HashMap<Key, Past>,
    /// All journals were looked at, so a test that is missing may be new.
    complete: bool,
    /// Tests of no journal that the history knows: journals are removed in time.
    older: HashSet<Key>,
    /// Any earlier run was found.
    pub exist: bool,
}

/// The earlier runs of one test.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Past {
    /// How long it took in the latest run that it passed, in seconds, of those with the same profile.
    pub passed: Option<f64>,
    /// What it came to, the latest run first.
    pub outcomes: Vec<Came>,
}

/// What a test came to in a run, the worst last: it may have been repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Came {
    Passed,
    Flaky,
    Failed,
}

/// What is known of a test from earlier runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Before<'a> {
    Ran(&'a Past),
    /// No record has it.
    New,
    /// It is older than the journals, or not all of them were read, or there is none.
    Unknown,
}

impl Earlier {
    /// From the journals before this one. What can't be read is as if it were not there: the page does without.
    pub(super) fn before(journal: &Utf8Path, run: &Run) -> Self {
        let mut earlier = Self {
            tests: run.tests.iter().map(|it| ((it.binary.clone(), it.test.clone()), Past::default())).collect(),
            ..Self::default()
        };
        let profile = run.started.as_ref().map(profile).unwrap_or_default();
        let mut budget = MOST;
        for (number, path) in Runs::before(journal).iter().rev().enumerate() {
            let all_known = earlier.tests.values().all(|past| past.passed.is_some());
            if budget == 0 || (number >= SHOWN && all_known) {
                return earlier;
            }
            earlier.exist = true;
            budget = budget.saturating_sub(path.metadata().map_or(0, |it| it.len()));
            if let Ok(journal) = file::open(path) {
                earlier.add(&journal, &profile);
            }
        }
        earlier.complete = earlier.exist;
        earlier.look_into_history(journal, run);
        earlier
    }

    fn look_into_history(&mut self, journal: &Utf8Path, run: &Run) {
        let (Some(folder), Some(started)) = (journal.parent(), &run.started) else { return };
        let missing = self.tests.iter().filter(|(_, past)| past.outcomes.is_empty()).map(|(key, _)| key);
        let mut by_binary: HashMap<&Arc<str>, Vec<&Key>> = HashMap::new();
        missing.for_each(|key| by_binary.entry(&key.0).or_default().push(key));
        for (binary, keys) in by_binary {
            let remembered = history::remembered(&folder.join("history"), binary, started.timestamp.into());
            self.older.extend(keys.into_iter().filter(|key| remembered.contains(&*key.1)).cloned());
        }
    }

    pub(super) fn of(&self, binary: &Arc<str>, test: &Arc<str>) -> Before<'_> {
        let key = (binary.clone(), test.clone());
        match self.tests.get(&key) {
            Some(past) if !past.outcomes.is_empty() => Before::Ran(past),
            _ if self.complete && !self.older.contains(&key) => Before::New,
            _ => Before::Unknown,
        }
    }

    /// Adds a run that is older than those that were added before.
    fn add(&mut self, journal: &File, own_profile: &[String]) {
        let mut came: HashMap<Key, (Came, Option<f64>)> = HashMap::new();
        let mut same_profile = true;
        for line in lines(journal) {
            match Line::parse(&line) {
                Some(Line::Started(run)) => same_profile = profile(&run) == own_profile,
                Some(Line::Finished(test)) => {
                    let Some(outcome) = test.came() else { continue };
                    let key = (Arc::from(&*test.binary), Arc::from(&*test.test));
                    let took = Some(test.duration).filter(|_| outcome != Came::Failed && same_profile);
                    let known = came.entry(key).or_insert((outcome, took));
                    *known = (known.0.max(outcome), known.1.or(took));
                }
                None => {}
            }
        }
        for (key, (outcome, took)) in came {
            if let Some(past) = self.tests.get_mut(&key) {
                past.passed = past.passed.or(took);
                if past.outcomes.len() < SHOWN {
                    past.outcomes.push(outcome);
                }
            }
        }
    }
}

impl Past {
    /// In words, for the entry of a failure.
    pub(super) fn sentence(&self) -> String {
        let count = |came: Came| self.outcomes.iter().filter(|it| **it == came).count();
        let runs = match self.outcomes.len() {
            1 => "the run before this one".to_owned(),
            runs => format!("the {runs} runs before this one"),
        };
        let parts: Vec<String> = [("failed", Came::Failed), ("flaky", Came::Flaky), ("passed", Came::Passed)]
            .into_iter()
            .map(|(word, came)| (word, count(came)))
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| {
                format!("{word} {}", if self.outcomes.len() == 1 { String::new() } else { times(count) })
            })
            .collect();
        format!("In {runs}: {}.", parts.iter().map(|it| it.trim_end()).collect::<Vec<_>>().join(", "))
    }

    /// A letter for each run, the latest first, for the script.
    pub(super) fn letters(&self) -> String {
        self.outcomes
            .iter()
            .map(|it| match it {
                Came::Passed => 'p',
                Came::Flaky => 'y',
                Came::Failed => 'f',
            })
            .collect()
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// The options that choose a build's profile: what a test takes in another one can't be compared.
fn profile(run: &RunStarted) -> Vec<String> {
    let mut words = run.options.iter();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if word == "--release" || word.starts_with("--profile=") {
            found.push(word.clone());
        } else if word == "--profile" {
            found.extend(words.next().cloned());
        }
    }
    found
}

enum Line<'a> {
    Started(Box<RunStarted>),
    Finished(Finished<'a>),
}

/// Of a result only what is needed: most of a journal is output.
#[derive(Deserialize)]
struct Finished<'a> {
    #[serde(borrow)]
    binary: Cow<'a, str>,
    #[serde(borrow)]
    test: Cow<'a, str>,
    outcome: Outcome,
    #[serde(default)]
    flaky: bool,
    duration: f64,
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        // The kind comes first, behind the version.
        let has = |kind: &[u8]| memchr::memmem::find(&line[..line.len().min(64)], kind).is_some();
        if has(b"\"event\":\"test-finished\"") {
            return serde_json::from_slice(line).ok().map(Self::Finished);
        }
        if has(b"\"event\":\"run-started\"") {
            return serde_json::from_slice(line).ok().map(|it| Self::Started(Box::new(it)));
        }
        None
    }
}

impl Finished<'_> {
    /// `None` for one that did not run.
    fn came(&self) -> Option<Came> {
        match self.outcome {
            Outcome::Passed if self.flaky => Some(Came::Flaky),
            Outcome::Passed => Some(Came::Passed),
            Outcome::Failed | Outcome::Crashed | Outcome::TimedOut | Outcome::Error => Some(Came::Failed),
            Outcome::SetupFailed | Outcome::NotReached | Outcome::Ignored => None,
        }
    }
}

/// The lines of a journal, as far as they can be read.
fn lines(journal: &File) -> impl Iterator<Item = Vec<u8>> {
    let mut reader = BufReader::with_capacity(256 * 1024, journal);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let length = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
        (length > 0).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, TestFinished};
    use crate::report::junit::sample;
    use crate::report::write_line;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn write(&self, name: &str, events: &[Event]) {
            let mut text = Vec::new();
            events.iter().for_each(|event| write_line(&mut text, event).unwrap());
            text.extend(b"{half");
            std::fs::write(self.path().join(name), text).unwrap();
        }
    }

    fn result(test: &str, outcome: Outcome, duration: f64) -> Event {
        Event::TestFinished(TestFinished { outcome, duration, ..sample::finished(test) })
    }

    fn passed(test: &str, duration: f64) -> Event {
        result(test, Outcome::Passed, duration)
    }

    fn run() -> Run {
        let tests = ["works", "fails", "another"].map(|test| passed(test, 1.0));
        Run::of(sample::complete(tests.to_vec()).into_iter().map(Ok)).unwrap()
    }

    #[test]
    fn each_test_has_the_latest_run_of_its_own() {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("20240101.jsonl", &[passed("works", 1.0)]);
        folder.write("20240102.jsonl", &[passed("works", 2.0), passed("fails", 2.5)]);
        folder.write("20240103.jsonl", &[result("fails", Outcome::Failed, 9.0)]);
        folder.write("20240104.jsonl", &[passed("works", 4.0)]);
        folder.write("20240105.jsonl", &[passed("works", 5.0)]);
        let earlier = Earlier::before(&folder.path().join("20240104.jsonl"), &run());
        let of = |test: &str| earlier.of(&"demo".into(), &test.into());
        assert_eq!(of("works"), Before::Ran(&Past { passed: Some(2.0), outcomes: vec![Came::Passed, Came::Passed] }));
        assert_eq!(of("fails"), Before::Ran(&Past { passed: Some(2.5), outcomes: vec![Came::Failed, Came::Passed] }));
        assert_eq!(of("another"), Before::New);
        let earlier = Earlier::before(&folder.path().join("20240101.jsonl"), &run());
        assert_eq!(earlier.of(&"demo".into(), &"works".into()), Before::Unknown, "it is the first run of all");
        assert!(!earlier.exist);
    }

    #[test]
    fn a_test_that_only_the_history_knows_is_not_new() {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write("20240101.jsonl", &[passed("works", 1.0)]);
        folder.write("20240102.jsonl", &[passed("works", 1.0)]);
        let history = folder.path().join("history");
        std::fs::create_dir(&history).unwrap();
        let file = std::fs::File::create(history.join("demo.0123456789abcdef")).unwrap();
        std::fs::write(history.join("demo.0123456789abcdef"), "ptest history 2\n5 test fails\n").unwrap();
        let another = |seconds| {
            // The run started in 2024.
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
            let earlier = Earlier::before(&folder.path().join("20240102.jsonl"), &run());
            ["fails", "another"].map(|test| earlier.of(&"demo".into(), &test.into()) == Before::New)
        };
        assert_eq!(another(1_000_000_000), [false, true]);
        assert_eq!(another(2_000_000_000), [true, true], "it may be this run that it remembers");
    }

    #[test]
    fn another_profile_says_how_it_ended_but_not_how_long_it_takes() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let release = |options: &[&str]| match sample::run_started(1) {
            Event::RunStarted(run) => {
                Event::RunStarted(RunStarted { options: options.iter().map(|it| (*it).to_owned()).collect(), ..run })
            }
            other => other,
        };
        folder.write("20240101.jsonl", &[release(&["--locked"]), passed("works", 3.0)]);
        folder.write("20240102.jsonl", &[release(&["--release"]), passed("works", 0.1)]);
        folder.write("20240103.jsonl", &[release(&["--profile", "fast"]), passed("works", 0.2)]);
        folder.write("20240104.jsonl", &[sample::run_started(1)]);
        let earlier = Earlier::before(&folder.path().join("20240104.jsonl"), &run());
        let expected = Past { passed: Some(3.0), outcomes: vec![Came::Passed; 3] };
        assert_eq!(earlier.of(&"demo".into(), &"works".into()), Before::Ran(&expected));
    }

    #[test]
    fn of_a_run_that_repeats_tests_the_worst_result_counts() {
        let folder = Folder(tempfile::tempdir().unwrap());
        let flaky = Event::TestFinished(TestFinished { flaky: true, ..sample::finished("works") });
        folder.write("20240101.jsonl", &[passed("works", 1.0), flaky, passed("works", 2.0)]);
        folder.write("20240102.jsonl", &[result("works", Outcome::Ignored, 0.0)]);
        folder.write("20240104.jsonl", &[passed("works", 9.0)]);
        let earlier = Earlier::before(&folder.path().join("20240104.jsonl"), &run());
        let expected = Past { passed: Some(1.0), outcomes: vec![Came::Flaky] };
        assert_eq!(earlier.of(&"demo".into(), &"works".into()), Before::Ran(&expected));
    }

    #[test]
    fn the_past_is_told_in_numbers() {
        use Came::{Failed, Flaky, Passed};
        for (outcomes, expected) in [
            (vec![Passed], "In the run before this one: passed."),
            (vec![Passed; 10], "In the 10 runs before this one: passed 10 times."),
            (
                vec![Flaky, Failed, Passed, Flaky],
                "In the 4 runs before this one: failed once, flaky twice, passed once.",
            ),
        ] {
            let past = Past { passed: None, outcomes };
            assert_eq!(past.sentence(), expected);
        }
        assert_eq!(Past { passed: None, outcomes: vec![Flaky, Failed, Passed] }.letters(), "yfp");
    }
}
