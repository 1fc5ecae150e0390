//! The one place that knows the operating system: child processes with their pipes, process groups, signals.
//!
//! `unix` is what everything is tested on, on Linux; on macOS it uses the same calls, with a file in place of the
//! pipe for libtest's log and a thread in place of the process descriptor. There is no implementation for Windows yet:
//! it needs job objects in place of process groups.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::*;

#[cfg(not(unix))]
compile_error!("cargo ptest runs on Unix only as yet: src/run/os/ lacks an implementation for this system");
