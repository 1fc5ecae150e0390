//! What is left to do after the runs so far: the tests that failed or did not finish the last time that they were
//! selected.
//!
//! That is not the same as the failures of the last run. Whoever mends one of three failures runs it alone to see, and
//! then wants the other two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, ensure};
use camino::Utf8PathBuf;

use super::record::Record;
use super::runs::Runs;
use super::setups::is_for;
use crate::errors;
use crate::event::{BinarySelected, Event, FixtureFinished, Outcome, TestFinished};

/// A test, by the id of its binary and its name.
pub type Name = (Arc<str>, Arc<str>);

/// What the runs so far leave to do.
#[derive(Debug)]
pub struct Outstanding {
    pub tests: BTreeSet<Name>,
    /// The journals that could not be read, and why.
    pub notes: Vec<String>,
}

/// What the runs so far leave to do. A journal that can't be read is left out, with a note.
///
/// Fails if there is none that can be read.
pub fn outstanding(runs: &Runs) -> Result<Outstanding> {
    let journals = runs.journals();
    ensure!(
        !journals.is_empty(),
        "no run of this workspace is recorded in {}, so it is not known what failed; run `cargo ptest` without --failed first",
        runs.folder()
    );
    let mut outstanding = Outstanding { tests: BTreeSet::new(), notes: Vec::new() };
    let (mut read, mut failure) = (false, None);
    // A run at the same time may let go of the oldest ones.
    for path in journals.into_iter().filter(|path| path.exists()) {
        match Run::of(path) {
            Ok(run) => {
                read = true;
                run.apply(&mut outstanding.tests);
            }
            Err(error) => {
                outstanding.notes.push(format!("the results of one run are ignored: {}", errors::describe(&error)));
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) if !read => Err(error.context("it is not known what failed, since no journal can be read")),
        _ => Ok(outstanding),
    }
}

/// What one run says about its tests.
#[derive(Default)]
struct Run {
    /// Whether each test that was run passed, in all its repetitions.
    passed: BTreeMap<Name, bool>,
    /// The tests of the binaries that were selected as a whole: there are no others in them.
    whole: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    failed_fixtures: Vec<FixtureFinished>,
    /// Those that belong to contexts.
    in_contexts: Vec<TestFinished>,
}

impl Run {
    fn of(journal: Utf8PathBuf) -> Result<Self> {
        let mut run = Self::default();
        for event in Record::open(journal)?.events()? {
            run.add(&event?);
        }
        Ok(run)
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::BinarySelected(BinarySelected { binary, tests, listed, .. }) if tests.len() == *listed => {
                self.whole.insert(binary.clone(), tests.iter().cloned().collect());
            }
            // One that is ignored has neither passed nor failed.
            Event::TestFinished(test) if test.outcome != Outcome::Ignored => {
                let passed = self.passed.entry((test.binary.clone(), test.test.clone())).or_insert(true);
                *passed &= test.outcome == Outcome::Passed;
                if !test.contexts.is_empty() {
                    self.in_contexts.push(TestFinished { output: String::new(), ..test.clone() });
                }
            }
            // Any of the tests may be the cause, and to know that it is mended takes all of them.
            Event::WorkerFailed(worker) => {
                self.passed.extend(worker.tests.iter().map(|test| ((worker.binary.clone(), test.clone()), false)));
            }
            Event::FixtureFinished(fixture) if fixture.outcome.is_red() => self.failed_fixtures.push(fixture.clone()),
            _ => {}
        }
    }

    /// Brings what was `outstanding` before this run up to date.
    fn apply(mut self, outstanding: &mut BTreeSet<Name>) {
        let with_failed_fixture =
            |test: &&TestFinished| self.failed_fixtures.iter().any(|fixture| is_for(fixture, test));
        let of_fixtures = self.in_contexts.iter().filter(with_failed_fixture);
        let of_fixtures: Vec<Name> = of_fixtures.map(|test| (test.binary.clone(), test.test.clone())).collect();
        self.passed.extend(of_fixtures.into_iter().map(|name| (name, false)));
        outstanding.retain(|(binary, test)| self.whole.get(binary).is_none_or(|tests| tests.contains(test)));
        for (name, passed) in self.passed {
            if passed {
                outstanding.remove(&name);
            } else {
                outstanding.insert(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, WorkerFailed};
    use crate::report::junit::sample::{failed_fixture, finished, worker_failed};

    fn test(name: &str, outcome: Outcome) -> Event {
        Event::TestFinished(TestFinished { outcome, ..finished(name) })
    }

    fn passed(name: &str) -> Event {
        test(name, Outcome::Passed)
    }

    fn failed(name: &str) -> Event {
        test(name, Outcome::Failed)
    }

    fn selected(tests: &[&str], listed: usize) -> Event {
        let tests = tests.iter().map(|test| Arc::from(*test)).collect();
        Event::BinarySelected(BinarySelected { binary: "demo".into(), package: None, tests, listed })
    }

    /// The names of the tests that are left after these runs.
    fn left(runs: &[&[Event]]) -> Vec<String> {
        let mut outstanding = BTreeSet::new();
        for events in runs {
            let mut run = Run::default();
            events.iter().for_each(|event| run.add(event));
            run.apply(&mut outstanding);
        }
        outstanding.into_iter().map(|(_, test)| test.to_string()).collect()
    }

    #[test]
    fn what_failed_is_left_until_it_passes_whatever_else_is_run_in_between() {
        let first = [failed("a"), failed("b"), passed("c"), test("d", Outcome::NotReached)];
        assert_eq!(left(&[&first]), ["a", "b", "d"]);
        assert_eq!(left(&[&first, &[passed("a")]]), ["b", "d"]);
        assert_eq!(left(&[&first, &[passed("a")], &[], &[passed("d"), failed("c")]]), ["b", "c"]);
    }

    #[test]
    fn every_red_outcome_counts_and_an_ignored_test_stays_what_it_was() {
        let red =
            [Outcome::Failed, Outcome::TimedOut, Outcome::Crashed, Outcome::SetupFailed, Outcome::Error].into_iter();
        for outcome in red {
            assert_eq!(left(&[&[test("a", outcome)]]), ["a"], "{outcome:?}");
        }
        assert_eq!(left(&[&[failed("a")], &[test("a", Outcome::Ignored), test("b", Outcome::Ignored)]]), ["a"]);
    }

    #[test]
    fn one_repetition_that_fails_is_enough() {
        let again = Event::TestFinished(TestFinished { repetition: 2, ..finished("a") });
        assert_eq!(left(&[&[failed("a"), again.clone()]]), ["a"]);
        assert!(left(&[&[failed("a")], &[passed("a"), again]]).is_empty());
    }

    #[test]
    fn what_is_no_tests_failure_leaves_all_tests_that_may_be_its_cause() {
        let worker = WorkerFailed { tests: vec!["a".into(), "b".into()], ..worker_failed("exit code 3") };
        assert_eq!(left(&[&[passed("a"), passed("b"), passed("c"), Event::WorkerFailed(worker)]]), ["a", "b"]);
        let in_context = TestFinished { contexts: vec!["demo::db".into()], ..finished("db::reads") };
        for which in [Fixture::Setup, Fixture::Teardown, Fixture::Host] {
            let fixture = Event::FixtureFinished(failed_fixture(which, "still in use"));
            assert_eq!(left(&[&[Event::TestFinished(in_context.clone()), fixture, passed("x")]]), ["db::reads"]);
        }
    }

    #[test]
    fn a_test_that_is_gone_is_forgotten_once_its_binary_was_run_as_a_whole() {
        let first = [failed("gone"), failed("b")];
        assert_eq!(left(&[&first, &[selected(&["b"], 2), passed("b")]]), ["gone"]);
        assert!(left(&[&first, &[selected(&["b"], 1), passed("b")]]).is_empty());
    }
}
