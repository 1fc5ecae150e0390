//! A run, folded from its events: what happened, without the order in which it was told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, FixedOffset};

use super::escape::cut;
use crate::event::{
    Event, FixtureFinished, Origin, Outcome, RunFinished, RunStarted, SlotsChanged, Tally, TestFinished, WorkerFailed,
};
use crate::report::setups::FailedSetups;

/// How much of one output is kept, and of one message.
const MOST: usize = 32 * 1024;
const MOST_OF_MESSAGE: usize = 8 * 1024;

/// And of one message when there has been enough of all.
const LEAST_OF_MESSAGE: usize = 400;

/// How much is kept of all outputs together; a page of a hundred megabytes helps nobody.
const MOST_OF_ALL: usize = 8 * 1024 * 1024;

/// How much is kept of the output of tests that passed, of one and of all together: it is rarely looked at.
const MOST_OF_PASSED: usize = 8 * 1024;
const MOST_OF_ALL_PASSED: usize = 1024 * 1024;

const LEFT_OUT: &str = "[the output is left out, since the page is large already; the run's journal has it]";

/// Which test, and which time under `--repeat`.
pub(super) type Key = (Arc<str>, Arc<str>, u32);

#[derive(Default)]
pub(super) struct Run {
    pub started: Option<RunStarted>,
    /// How long the build went on beside the run, in seconds.
    pub beside: Option<f64>,
    pub finished: Option<RunFinished>,
    pub tally: Tally,
    /// The workspace's root, as the journal has it.
    pub workspace: Option<String>,
    /// The last word on each test.
    pub tests: Vec<TestFinished>,
    /// The attempts before the last one.
    pub attempts: HashMap<Key, Vec<TestFinished>>,
    pub fixtures: Vec<FixtureFinished>,
    pub setups: FailedSetups,
    pub workers: Vec<WorkerFailed>,
    /// What tests came to that were run once more alone.
    pub alone: HashMap<(Arc<str>, Arc<str>), Outcome>,
    pub slots: Vec<SlotsChanged>,
    /// By binary, how cargo is told of its package, where the name alone is ambiguous.
    pub packages: HashMap<Arc<str>, String>,
    pub warnings: Vec<String>,
    /// What had begun and not ended: binary, name, and what tells it from others of that name.
    pub running: BTreeSet<Key>,
    kept: usize,
    kept_of_passed: usize,
}

impl Run {
    pub(super) fn of(events: impl Iterator<Item = Result<Event>>) -> Result<Self> {
        let mut run = Self::default();
        for event in events {
            run.add(event?);
        }
        Ok(run)
    }

    fn add(&mut self, event: Event) {
        self.tally.count(&event);
        match event {
            Event::RunStarted(it) => self.started = Some(it),
            Event::BinarySelected(it) => self.packages.extend(it.package.map(|package| (it.binary, package))),
            Event::TestsKnown(it) => {
                self.started.iter_mut().for_each(|run| run.learn(&it));
                self.beside = it.build;
            }
            Event::RunFinished(it) => self.finished = Some(it),
            Event::TestStarted(it) => {
                self.running.insert((it.binary, it.test, it.repetition));
            }
            Event::AttemptFailed(mut it) => {
                self.running.remove(&key(&it));
                self.keep(&mut it.message, &mut it.output);
                self.attempts.entry(key(&it)).or_default().push(it);
            }
            Event::TestFinished(mut it) => {
                self.running.remove(&key(&it));
                if it.outcome == Outcome::Passed {
                    self.keep_of_passed(&mut it.output);
                }
                self.keep(&mut it.message, &mut it.output);
                self.tests.push(it);
            }
            Event::TestDiagnosed(it) => {
                self.alone.insert((it.binary, it.test), it.alone);
            }
            Event::FixtureStarted(it) => {
                self.running.insert((it.binary, it.fixture.of(&it.context).into(), it.process));
            }
            Event::FixtureFinished(mut it) => {
                self.running.remove(&(it.binary.clone(), it.name().into(), it.process));
                if !it.outcome.is_red() {
                    it.output = String::new();
                }
                self.keep(&mut it.message, &mut it.output);
                self.setups.add(it.clone());
                self.fixtures.push(it);
            }
            Event::WorkerFailed(mut it) => {
                let mut message = Some(std::mem::take(&mut it.message));
                self.keep(&mut message, &mut it.output);
                it.message = message.unwrap_or_default();
                self.workers.push(it);
            }
            Event::WorkerExited(it) if it.leaked => {
                self.warnings.push(format!("{}: {}", it.binary, it.leak()));
            }
            Event::SlotsChanged(it) => self.slots.push(it),
            Event::Warning { message } => self.warnings.push(message),
            Event::JournalStarted(it) => self.workspace = it.workspace,
            Event::WorkerStarted(_) | Event::TestOutput(_) | Event::TestSlow(_) | Event::WorkerExited(_) => {}
        }
    }

    /// Cuts to size, and leaves it out when there has been enough of all.
    fn keep_of_passed(&mut self, output: &mut String) {
        *output = cut(output, MOST_OF_PASSED);
        if self.kept_of_passed + output.len() > MOST_OF_ALL_PASSED {
            output.clear();
        }
        self.kept_of_passed += output.len();
    }

    /// Cuts to size, and leaves out the output when there has been enough of it.
    fn keep(&mut self, message: &mut Option<String>, output: &mut String) {
        *message = message.as_deref().map(|it| cut(it, MOST_OF_MESSAGE));
        *output = cut(output, MOST);
        let size = output.len() + message.as_ref().map_or(0, String::len);
        if self.kept + size <= MOST_OF_ALL {
            self.kept += size;
            return;
        }
        *message = message.as_deref().map(|it| cut(it, LEAST_OF_MESSAGE));
        if !output.is_empty() {
            LEFT_OUT.clone_into(output);
        }
    }

    pub(super) fn origin(&self) -> Option<&Origin> {
        self.started.as_ref()?.origin.as_ref()
    }

    /// How many results there should be.
    pub(super) fn expected(&self) -> usize {
        self.started.as_ref().map_or(self.tally.reported(), |run| run.tests)
    }

    /// Seconds since the run began.
    pub(super) fn since_start(&self, at: DateTime<FixedOffset>) -> f64 {
        let began = self.started.as_ref().map_or(at, |run| run.timestamp);
        // A clock that was set back in the meantime makes nobody's time negative.
        (at - began).as_seconds_f64().max(0.0)
    }

    /// How long the run took, as far as is known.
    pub(super) fn wall(&self) -> f64 {
        let tests = self.tests.iter().chain(self.attempts.values().flatten());
        let ends = tests.map(|it| self.since_start(it.timestamp) + it.duration);
        let fixtures = self.fixtures.iter().map(|it| self.since_start(it.timestamp) + it.duration);
        let last = ends.chain(fixtures).fold(0.0, f64::max);
        self.finished.as_ref().map_or(last, |run| run.duration.max(0.0))
    }

    /// The number of attempts at a test.
    pub(super) fn attempts_before(&self, test: &TestFinished) -> &[TestFinished] {
        self.attempts.get(&key(test)).map_or(&[], Vec::as_slice)
    }
}

fn key(test: &TestFinished) -> Key {
    (test.binary.clone(), test.test.clone(), test.repetition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample;

    fn failed(test: &str) -> TestFinished {
        let output = format!("{}the end", "é".repeat(MOST));
        TestFinished { outcome: Outcome::Failed, message: Some("boom ".repeat(9000)), output, ..sample::finished(test) }
    }

    #[test]
    fn a_flood_of_output_does_not_flood_the_page() {
        let tests = (0..2000).map(|number| Event::TestFinished(failed(&number.to_string()))).collect();
        let run = Run::of(sample::complete(tests).into_iter().map(Ok)).unwrap();
        assert!(run.tests[0].output.ends_with("the end"), "the first ones keep theirs");
        let kept: usize = run.tests.iter().map(|it| it.output.len() + it.message.as_ref().unwrap().len()).sum();
        assert!(kept < MOST_OF_ALL + run.tests.len() * 1000, "{kept}");
    }

    #[test]
    fn of_tests_that_pass_less_is_kept() {
        let passed = |number: usize| {
            let output = format!("hello{}", "x".repeat(2 * MOST_OF_PASSED));
            Event::TestFinished(TestFinished { output, ..sample::finished(&number.to_string()) })
        };
        let run = Run::of((0..1000).map(|number| Ok(passed(number)))).unwrap();
        assert!(run.tests[0].output.starts_with("hello") && run.tests[0].output.len() < MOST_OF_PASSED + 100);
        assert_eq!(run.tests[999].output, "");
        let kept: usize = run.tests.iter().map(|it| it.output.len()).sum();
        assert!(kept <= MOST_OF_ALL_PASSED, "{kept}");
    }

    #[test]
    fn what_began_and_did_not_end_is_known() {
        let events = vec![sample::run_started(1), sample::test_started("demo", "hangs")];
        let run = Run::of(events.into_iter().map(Ok)).unwrap();
        assert_eq!(run.running.iter().map(|(_, test, _)| &**test).collect::<Vec<_>>(), ["hangs"]);
        assert_eq!((run.expected(), run.tally.reported()), (1, 0));
    }
}
