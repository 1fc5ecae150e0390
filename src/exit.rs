//! Every exit code, documented. Where the meaning agrees they are cargo-nextest's, so that scripts can move over.

use std::process::{ExitCode, Termination};

use crate::event::{RunFinished, Stopped};

/// How `cargo ptest` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every selected test passed or is `#[ignore]`d.
    Success,
    /// No test was selected, or a word selects none that looks like a mistyped command (`--no-tests` changes that).
    NoTests,
    /// An option, the environment or `.config/ptest.toml` could not be understood, or the runner could not do its work.
    Setup,
    /// At least one test failed, or a worker process did.
    TestsFailed,
    /// A setup or a teardown failed, or the process that held a shared context, and nothing else did.
    FixturesFailed,
    /// `cargo test --no-run` failed.
    BuildFailed,
    /// `cargo metadata` failed.
    MetadataFailed,
    /// A test binary could not list its tests.
    ListFailed,
    /// A report could not be written.
    OutputFailed,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM or SIGHUP.
    Terminated,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::NoTests => 4,
            Self::Setup => 96,
            Self::TestsFailed => 100,
            Self::BuildFailed => 101,
            Self::MetadataFailed => 102,
            Self::ListFailed => 104,
            Self::FixturesFailed => 105,
            Self::OutputFailed => 110,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// What it means that a report could not be written. Whoever ended the run by a signal may have taken away where it was
    /// to be written, as a terminal that hangs up does.
    pub fn of_unreported(stopped: Option<Stopped>) -> Self {
        match stopped {
            Some(Stopped::Interrupted) => Self::Interrupted,
            Some(Stopped::Terminated) => Self::Terminated,
            _ => Self::OutputFailed,
        }
    }

    /// What a finished run means for the caller.
    pub fn of_run(run: &RunFinished) -> Self {
        match run.stopped {
            Some(Stopped::Interrupted) => Self::Interrupted,
            Some(Stopped::Terminated) => Self::Terminated,
            Some(Stopped::Error) => Self::Setup,
            Some(Stopped::BuildFailed) => Self::BuildFailed,
            // What was not reached after a failed fixture is no failure of its own.
            Some(Stopped::FailFast) | None if run.tally.has_failed_tests() => Self::TestsFailed,
            Some(Stopped::FailFast) | None if run.tally.has_failed_fixtures() => Self::FixturesFailed,
            Some(Stopped::FailFast) => Self::TestsFailed,
            None if run.tally.not_reached > 0 => Self::TestsFailed,
            None => Self::Success,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// An error together with the exit code that it asks for.
///
/// Stages attach it with [`OrExit::or_exit`]; what carries none ends with [`Exit::Setup`].
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Setup, error }
    }
}

/// Says which exit code an error means.
pub trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T> OrExit<T> for anyhow::Result<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tally;

    fn code(tally: Tally, stopped: Option<Stopped>) -> u8 {
        Exit::of_run(&RunFinished { duration: 0.0, tally, stopped }).code()
    }

    #[test]
    fn failed_fixtures_have_a_code_of_their_own_unless_something_else_failed() {
        let none = Tally { passed: 1, ignored: 1, ..Tally::default() };
        let fixtures = [
            Tally { setup_failed: 2, failed_setups: 1, ..none },
            Tally { fixture_failed: 1, ..none },
            Tally { failed_setups: 1, ..none },
        ];
        let others = [
            Tally { failed: 1, ..none },
            Tally { timed_out: 1, ..none },
            Tally { crashed: 1, ..none },
            Tally { error: 1, ..none },
            Tally { worker_failed: 1, ..none },
        ];
        assert_eq!(code(none, None), 0);
        for tally in fixtures {
            assert_eq!(code(tally, None), 105, "{tally:?}");
            assert_eq!(code(tally, Some(Stopped::FailFast)), 105, "{tally:?}");
            assert_eq!(code(Tally { not_reached: 3, ..tally }, Some(Stopped::FailFast)), 105, "{tally:?}");
            assert_eq!(code(tally, Some(Stopped::Interrupted)), 130, "{tally:?}");
        }
        for tally in others {
            assert_eq!(code(tally, None), 100, "{tally:?}");
            assert_eq!(code(Tally { fixture_failed: 1, setup_failed: 1, ..tally }, None), 100, "{tally:?}");
        }
    }

    #[test]
    fn what_was_not_reached_is_never_green() {
        let tally = Tally { passed: 1, not_reached: 1, ..Tally::default() };
        assert_eq!(code(tally, None), 100);
        assert_eq!(code(tally, Some(Stopped::FailFast)), 100);
    }
}
