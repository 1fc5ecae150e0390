//! Counts what a run came to.

use serde::{Deserialize, Serialize};

use super::{Event, Outcome, is_zero};

/// How many tests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", default)]
pub struct Tally {
    pub passed: usize,
    /// Of `passed`: those that needed more than one attempt.
    pub flaky: usize,
    pub failed: usize,
    pub ignored: usize,
    pub timed_out: usize,
    /// Of `timed_out`: those that were ended from the keyboard.
    #[serde(skip_serializing_if = "is_zero")]
    pub ended_by_hand: usize,
    pub crashed: usize,
    /// Tests that did not run, since a setup failed.
    pub setup_failed: usize,
    pub error: usize,
    pub not_reached: usize,
    /// Of `not_reached`: those that ran when the run ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub cancelled: usize,
    /// Error entries that belong to a process and to no test; not among the tests.
    pub worker_failed: usize,
    /// Teardowns and hosts that failed, each an entry of its own; not among the tests.
    pub fixture_failed: usize,
    /// Setups that failed. They show in their tests, and count even if there should be none of these: a setup that
    /// failed is never green.
    pub failed_setups: usize,
}

impl Tally {
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::TestFinished(test) => {
                *self.of(test.outcome) += 1;
                self.flaky += usize::from(test.flaky);
                self.ended_by_hand += usize::from(test.was_ended_by_hand());
                self.cancelled += usize::from(test.was_cut_short());
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

    /// Whether a test or a process failed for which no fixture is to blame.
    pub fn has_failed_tests(&self) -> bool {
        self.failed + self.timed_out + self.crashed + self.error + self.worker_failed > 0
    }

    /// Whether a fixture failed. This, too, makes the run red.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, FixtureFinished, FixtureKind};

    fn count(outcomes: &[(Fixture, Outcome)]) -> Tally {
        let mut tally = Tally::default();
        for (fixture, outcome) in outcomes {
            tally.count(&Event::FixtureFinished(FixtureFinished {
                binary: "demo".into(),
                context: "demo::db".into(),
                fixture: *fixture,
                kind: FixtureKind::Unit,
                function: None,
                outcome: *outcome,
                timestamp: "2024-05-06T07:08:01.250+02:00".parse().unwrap(),
                duration: 0.5,
                worker: Some(0),
                process: 1,
                file: None,
                line: None,
                message: None,
                output: String::new(),
                truncated: false,
            }));
        }
        tally
    }

    const RED: [Outcome; 4] = [Outcome::Failed, Outcome::TimedOut, Outcome::Crashed, Outcome::Error];

    #[test]
    fn a_fixture_that_failed_makes_the_run_red_and_counts_as_no_test() {
        for fixture in [Fixture::Setup, Fixture::Teardown, Fixture::Host] {
            for outcome in RED {
                let tally = count(&[(fixture, outcome)]);
                assert!(tally.has_failed_fixtures() && !tally.has_failed_tests(), "{fixture:?} {outcome:?}");
                assert_eq!(tally.reported(), 0);
            }
            assert_eq!(count(&[(fixture, Outcome::Passed)]), Tally::default());
        }
    }

    #[test]
    fn teardowns_and_hosts_are_entries_of_their_own_and_setups_are_not() {
        let tally = count(&RED.map(|outcome| (Fixture::Teardown, outcome)));
        assert_eq!((tally.fixture_failed, tally.failed_setups), (4, 0));
        let tally = count(&[(Fixture::Host, Outcome::Crashed), (Fixture::Setup, Outcome::Failed)]);
        assert_eq!((tally.fixture_failed, tally.failed_setups), (1, 1));
    }

    #[test]
    fn a_tally_that_knew_no_fixtures_can_still_be_read() {
        let tally: Tally = serde_json::from_str(r#"{"passed": 3, "not-reached": 1}"#).unwrap();
        assert_eq!(tally, Tally { passed: 3, not_reached: 1, ..Tally::default() });
        let json = serde_json::to_value(Tally { setup_failed: 2, fixture_failed: 1, ..tally }).unwrap();
        assert_eq!(
            (&json["setup-failed"], &json["fixture-failed"], &json["failed-setups"]),
            (&2.into(), &1.into(), &0.into())
        );
    }
}
