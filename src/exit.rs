//! Every exit code, documented. Where the meaning agrees they are cargo-nextest's, so that scripts can move over.

use std::process::{ExitCode, Termination};

use crate::event::{RunFinished, Stopped};

/// How `cargo ptest` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every selected test passed or is `#[ignore]`d.
    Success,
    /// No test was selected (`--no-tests` changes that).
    NoTests,
    /// An option, the environment or `.config/ptest.toml` could not be understood, or the set-up failed.
    Setup,
    /// At least one test failed, or a worker process did.
    TestsFailed,
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
            Self::OutputFailed => 110,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// What a finished run means for the caller.
    pub fn of_run(run: &RunFinished) -> Self {
        match run.stopped {
            Some(Stopped::Interrupted) => Self::Interrupted,
            Some(Stopped::Terminated) => Self::Terminated,
            Some(Stopped::Error) => Self::Setup,
            Some(Stopped::FailFast) => Self::TestsFailed,
            None if run.tally.is_red() || run.tally.not_reached > 0 => Self::TestsFailed,
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
