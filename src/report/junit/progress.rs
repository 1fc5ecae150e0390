//! How far a run has come, and the red case that says so while that isn't the end.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use quick_junit::TestCase;

use super::case::error_case;
use crate::event::{Event, RunFinished, RunStarted, Stopped, Tally};

/// The name of the case that makes an incomplete report red, and of its suite.
pub const INCOMPLETE: &str = "[run incomplete]";

/// What the events so far say about the run as a whole.
#[derive(Default)]
pub struct Progress {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    tally: Tally,
    /// Binary and name of each test and fixture, with what tells it from others of that name: a test's repetition, a
    /// fixture's process.
    running: BTreeSet<(Arc<str>, Arc<str>, u32)>,
}

impl Progress {
    pub fn add(&mut self, event: &Event) {
        self.tally.count(event);
        match event {
            Event::RunStarted(run) => self.started = Some(run.clone()),
            Event::TestsKnown(known) => self.started.iter_mut().for_each(|run| run.learn(known)),
            Event::RunFinished(run) => self.finished = Some(run.clone()),
            Event::TestStarted(test) => {
                self.running.insert((test.binary.clone(), test.test.clone(), test.repetition));
            }
            Event::AttemptFailed(test) | Event::TestFinished(test) => {
                self.running.remove(&(test.binary.clone(), test.test.clone(), test.repetition));
            }
            Event::FixtureStarted(it) => {
                self.running.insert((it.binary.clone(), it.fixture.of(&it.context).into(), it.process));
            }
            Event::FixtureFinished(it) => {
                self.running.remove(&(it.binary.clone(), it.name().into(), it.process));
            }
            _ => {}
        }
    }

    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    pub fn finished(&self) -> Option<&RunFinished> {
        self.finished.as_ref()
    }

    /// The red case, if the run was cut short, is still going on, or lost results.
    pub fn incomplete(&self) -> Option<TestCase> {
        let expected = self.expected();
        let why = why_incomplete(expected, self.tally.reported(), self.finished.as_ref())?;
        let message = match expected {
            0 => why.to_owned(),
            _ => format!("{why}: {} of {expected} tests have a result", self.tally.finished()),
        };
        let text = message.clone() + &self.list_running();
        let mut case = error_case(INCOMPLETE, INCOMPLETE, "incomplete", &message, &text);
        case.timestamp = self.started.as_ref().map(|run| run.timestamp);
        Some(case)
    }

    fn expected(&self) -> usize {
        match (&self.started, &self.finished) {
            (Some(run), _) => run.tests,
            (None, Some(run)) => run.tally.reported(),
            (None, None) => 0,
        }
    }

    /// After a kill these are the tests to look at first.
    fn list_running(&self) -> String {
        let mut list = String::new();
        for (nth, (binary, test, _)) in self.running.iter().enumerate() {
            let heading = if nth == 0 { "\n\nRunning when this was written:" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(list, "{heading}\n{binary} {test}");
        }
        list
    }
}

/// Why a report must not look green, whatever its tests came to; nothing if what they came to is all there is to say.
/// After `--fail-fast` a failure is among them.
fn why_incomplete(expected: usize, reported: usize, finished: Option<&RunFinished>) -> Option<&'static str> {
    let Some(finished) = finished else {
        return Some("the run has not finished");
    };
    match finished.stopped {
        Some(Stopped::Interrupted) => Some("the run was interrupted"),
        Some(Stopped::Terminated) => Some("the run was terminated"),
        Some(Stopped::Error) => Some("the run could not continue"),
        Some(Stopped::BuildFailed) => Some("the build failed"),
        Some(Stopped::FailFast) | None if reported < expected => Some("results are missing"),
        Some(Stopped::FailFast) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Fixture, Outcome},
        report::junit::sample,
    };

    fn finished(stopped: Option<Stopped>) -> RunFinished {
        RunFinished { duration: 1.0, tally: Tally::default(), stopped }
    }

    #[test]
    fn a_run_is_incomplete_until_it_has_finished() {
        assert_eq!(why_incomplete(0, 0, None), Some("the run has not finished"));
        assert_eq!(why_incomplete(3, 3, None), Some("the run has not finished"));
        assert_eq!(why_incomplete(3, 3, Some(&finished(None))), None);
    }

    #[test]
    fn a_run_that_lacks_results_is_incomplete_whatever_it_says() {
        assert_eq!(why_incomplete(3, 2, Some(&finished(None))), Some("results are missing"));
        assert_eq!(why_incomplete(3, 2, Some(&finished(Some(Stopped::FailFast)))), Some("results are missing"));
    }

    #[test]
    fn a_run_that_was_stopped_is_incomplete_unless_a_failure_stopped_it() {
        let why = |stopped| why_incomplete(3, 3, Some(&finished(Some(stopped))));
        assert_eq!(why(Stopped::FailFast), None);
        assert_eq!(why(Stopped::Interrupted), Some("the run was interrupted"));
        assert_eq!(why(Stopped::Terminated), Some("the run was terminated"));
        assert_eq!(why(Stopped::Error), Some("the run could not continue"));
        assert_eq!(why(Stopped::BuildFailed), Some("the build failed"));
    }

    #[test]
    fn the_red_case_names_what_was_running() {
        let mut progress = Progress::default();
        for event in [
            sample::run_started(3),
            sample::test_started("demo", "slow"),
            sample::test_started("demo", "quick"),
            Event::TestFinished(sample::finished("quick")),
        ] {
            progress.add(&event);
        }
        let case = sample::case_xml(&progress.incomplete().unwrap());
        assert!(case.contains("the run has not finished: 1 of 3 tests have a result"), "{case}");
        assert!(case.contains("Running when this was written:\ndemo slow</error>"), "{case}");
    }

    #[test]
    fn the_red_case_names_the_fixtures_that_were_running() {
        let mut progress = Progress::default();
        for event in [
            sample::run_started(3),
            sample::fixture_started(Fixture::Setup, 7),
            sample::fixture_started(Fixture::Setup, 8),
            Event::FixtureFinished(sample::fixture(Fixture::Setup, Outcome::Passed)),
        ] {
            progress.add(&event);
        }
        let case = sample::case_xml(&progress.incomplete().unwrap());
        assert_eq!(case.matches("demo demo::db::(setup)").count(), 1, "{case}");
    }
}
