//! The one place that knows the operating system: child processes with their pipes, process groups, signals.
//!
//! `unix` is what everything is tested on, on Linux; on macOS it uses the same calls, with a pipe that has a name for
//! libtest's log and a thread in place of the process descriptor. There is no implementation for Windows yet: it needs
//! job objects in place of process groups.
//!
//! `proc` reads Linux's `/proc`, and is the one place that knows whether that is about us at all.
//!
//! The rest of the run is built on this and not the other way round.

#[cfg(unix)]
mod limits;
mod proc;
#[cfg(unix)]
mod unix;

use std::fmt;

#[cfg(unix)]
pub(super) use limits::{make_room, most_arguments, shortage};
pub(super) use proc::started;
#[cfg(target_os = "linux")]
pub(super) use proc::{group_members, has_ended, knows_us};
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(not(unix))]
compile_error!("cargo ptest runs on Unix only as yet: src/run/os/ lacks an implementation for this system");

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    pub(super) fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// Whether a process came to it by itself: these are signals that nobody sends to have it end.
    pub(super) fn is_own_doing(self) -> bool {
        use signal_hook::consts::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
        matches!(self, Self::Signal(SIGABRT | SIGBUS | SIGFPE | SIGILL | SIGSEGV | SIGSYS | SIGTRAP))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => match signal_hook::low_level::signal_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {number}"),
            },
        }
    }
}
