//! What is shown of which tests, and when: nextest's levels, with its names and defaults. Pure.

use clap::ValueEnum;

use crate::event::{Outcome, TestFinished};

/// Which tests have a line as they finish; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum StatusLevel {
    None,
    Fail,
    Retry,
    Slow,
    Leak,
    #[default]
    Pass,
    Skip,
    All,
}

/// Which tests are told once more at the end. What was skipped comes before what passed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FinalStatusLevel {
    None,
    Fail,
    #[default]
    #[value(alias = "retry")]
    Flaky,
    Slow,
    Skip,
    Leak,
    Pass,
    All,
}

/// When the output of a test is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputWhen {
    /// As soon as the test has finished
    Immediate,
    /// As soon as the test has finished, and at the end of the run
    ImmediateFinal,
    /// At the end of the run
    Final,
    Never,
}

impl OutputWhen {
    pub(super) fn at_once(self) -> bool {
        matches!(self, Self::Immediate | Self::ImmediateFinal)
    }

    pub(super) fn at_the_end(self) -> bool {
        matches!(self, Self::Final | Self::ImmediateFinal)
    }
}

/// What is shown of tests.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    pub status: StatusLevel,
    pub at_the_end: FinalStatusLevel,
    pub failure_output: OutputWhen,
    pub success_output: OutputWhen,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            status: StatusLevel::default(),
            at_the_end: FinalStatusLevel::default(),
            failure_output: OutputWhen::Immediate,
            success_output: OutputWhen::Never,
        }
    }
}

impl Levels {
    /// When the output of such a test is shown. One that was cut short is as interesting as one that failed.
    pub(super) fn output_of(self, test: &TestFinished) -> OutputWhen {
        match test.outcome {
            Outcome::Passed => self.success_output,
            outcome if outcome.is_red() || test.was_cut_short() => self.failure_output,
            _ => OutputWhen::Never,
        }
    }
}

/// The level from which on a test has a line, if this is its `last` word.
pub(super) fn status_level(test: &TestFinished, last: bool) -> StatusLevel {
    match test.outcome {
        _ if !last || test.flaky => StatusLevel::Retry,
        Outcome::Passed => StatusLevel::Pass,
        Outcome::NotReached if test.was_cut_short() => StatusLevel::Fail,
        Outcome::Ignored | Outcome::NotReached => StatusLevel::Skip,
        _ => StatusLevel::Fail,
    }
}

/// The level from which on it is told again at the end. (Failures are a list of their own.)
pub(super) fn final_level(test: &TestFinished, was_slow: bool) -> FinalStatusLevel {
    match test.outcome {
        _ if test.flaky => FinalStatusLevel::Flaky,
        Outcome::Passed if was_slow => FinalStatusLevel::Slow,
        Outcome::Passed => FinalStatusLevel::Pass,
        Outcome::Ignored | Outcome::NotReached => FinalStatusLevel::Skip,
        _ => FinalStatusLevel::Fail,
    }
}

/// Whether one that is at this level now may have a line at the end. That it leaked is known only when its process ends.
pub(super) fn may_be_told_again(level: FinalStatusLevel, wanted: FinalStatusLevel) -> bool {
    let lowest = if level == FinalStatusLevel::Pass { FinalStatusLevel::Leak } else { level };
    lowest <= wanted
}

/// The level when that is known.
pub(super) fn level_of_leaks(level: FinalStatusLevel, has_leaked: bool) -> FinalStatusLevel {
    if has_leaked && level == FinalStatusLevel::Pass { FinalStatusLevel::Leak } else { level }
}

#[cfg(test)]
mod tests {
    use super::{FinalStatusLevel as Final, StatusLevel as Status, *};
    use crate::report::junit::sample::finished;

    #[test]
    fn every_outcome_has_its_levels() {
        let levels = |outcome, last, flaky, worker| {
            let test = TestFinished { outcome, flaky, worker, ..finished("t") };
            (status_level(&test, last), final_level(&test, false))
        };
        let table = [
            (Outcome::Passed, true, false, Some(0), Status::Pass, Final::Pass),
            (Outcome::Passed, true, true, Some(0), Status::Retry, Final::Flaky),
            (Outcome::Failed, false, false, Some(0), Status::Retry, Final::Fail),
            (Outcome::Failed, true, false, Some(0), Status::Fail, Final::Fail),
            (Outcome::TimedOut, true, false, Some(0), Status::Fail, Final::Fail),
            (Outcome::Crashed, true, false, Some(0), Status::Fail, Final::Fail),
            (Outcome::SetupFailed, true, false, Some(0), Status::Fail, Final::Fail),
            (Outcome::Error, true, false, None, Status::Fail, Final::Fail),
            (Outcome::Ignored, true, false, None, Status::Skip, Final::Skip),
            (Outcome::NotReached, true, false, None, Status::Skip, Final::Skip),
            (Outcome::NotReached, true, false, Some(0), Status::Fail, Final::Skip),
        ];
        for (outcome, last, flaky, worker, status, at_the_end) in table {
            assert_eq!(levels(outcome, last, flaky, worker), (status, at_the_end), "{outcome:?} {last} {flaky}");
        }
    }

    #[test]
    fn what_was_slow_or_leaked_comes_before_what_only_passed() {
        assert_eq!(final_level(&finished("t"), true), Final::Slow);
        let flaky = TestFinished { flaky: true, ..finished("t") };
        assert_eq!(final_level(&flaky, true), Final::Flaky);
        assert_eq!(level_of_leaks(Final::Pass, true), Final::Leak);
        assert_eq!(level_of_leaks(Final::Pass, false), Final::Pass);
        assert_eq!(level_of_leaks(Final::Slow, true), Final::Slow);
        assert!(may_be_told_again(Final::Pass, Final::Leak) && !may_be_told_again(Final::Pass, Final::Skip));
        assert!(may_be_told_again(Final::Skip, Final::Skip) && !may_be_told_again(Final::Skip, Final::Slow));
    }

    #[test]
    fn the_defaults_are_nextests() {
        let Levels { status, at_the_end, failure_output, success_output } = Levels::default();
        assert_eq!((status, at_the_end), (StatusLevel::Pass, FinalStatusLevel::Flaky));
        assert_eq!((failure_output, success_output), (OutputWhen::Immediate, OutputWhen::Never));
    }
}
