//! Counts what a run came to.

use serde::{Deserialize, Serialize};

use super::{Event, Outcome};

/// How many tests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Tally {
    pub passed: usize,
    /// Of `passed`: those that needed more than one attempt.
    pub flaky: usize,
    pub failed: usize,
    pub ignored: usize,
    pub timed_out: usize,
    pub crashed: usize,
    /// Tests that did not run, since a set-up failed.
    pub setup_failed: usize,
    pub error: usize,
    pub not_reached: usize,
    /// Error entries that belong to a process and to no test; not among the tests.
    pub worker_failed: usize,
    /// Teardowns and hosts that failed, each an entry of its own; not among the tests.
    pub fixture_failed: usize,
    /// Set-ups that failed. They show in their tests, and count even if there should be none of these: a set-up that
    /// failed is never green.
    pub failed_setups: usize,
}

impl Tally {
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::TestFinished(test) => {
                *self.of(test.outcome) += 1;
                self.flaky += usize::from(test.flaky);
            }
            Event::WorkerFailed(_) => self.worker_failed += 1,
            Event::FixtureFinished(fixture) => {
                self.fixture_failed += usize::from(fixture.is_entry());
                self.failed_setups += usize::from(fixture.is_failed_setup());
            }
            _ => {}
        }
    }

    /// How many tests have had their last word.
    pub fn reported(&self) -> usize {
        self.finished() + self.not_reached
    }

    /// Those of them that were run, or would never have been: all but the ones not reached.
    pub fn finished(&self) -> usize {
        self.passed + self.failed + self.ignored + self.timed_out + self.crashed + self.setup_failed + self.error
    }

    /// Whether anything counted here makes the run red.
    pub fn is_red(&self) -> bool {
        self.is_red_without_fixtures() || self.has_failed_fixtures()
    }

    /// Whether a test or a process failed for which no fixture is to blame.
    pub fn is_red_without_fixtures(&self) -> bool {
        self.failed + self.timed_out + self.crashed + self.error + self.worker_failed > 0
    }

    pub fn has_failed_fixtures(&self) -> bool {
        self.setup_failed + self.fixture_failed + self.failed_setups > 0
    }

    fn of(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::Ignored => &mut self.ignored,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Crashed => &mut self.crashed,
            Outcome::SetupFailed => &mut self.setup_failed,
            Outcome::Error => &mut self.error,
            Outcome::NotReached => &mut self.not_reached,
        }
    }
}
