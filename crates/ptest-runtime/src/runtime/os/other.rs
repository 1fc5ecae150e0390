//! What is done where there is no Unix: less.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, PipeReader, PipeWriter};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Each test process has its own host, then.
pub(in crate::runtime) const HAS_KEEPERS: bool = false;

/// A process's descendants are not found here; the process itself is ended by who started it.
pub(in crate::runtime) fn kill_group(_leader: u32) {}

/// There are no groups to be in.
pub(in crate::runtime) fn in_group_of_its_own(_command: &mut Command) {}

/// No program inherits it.
pub(in crate::runtime) fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    io::pipe()
}

/// Starts a program.
pub(in crate::runtime) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// The folder for temporary files is the user's own here.
pub(in crate::runtime) fn for_me_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// The handle keeps the process's number its own.
pub(in crate::runtime) fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// A short while, since the end of a process is no event without its handle.
pub(in crate::runtime) fn wait_for_exit_until(_process: u32, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    std::thread::sleep(left.min(Duration::from_millis(20)));
}

/// A write to a closed pipe is an error that is not looked at.
pub(in crate::runtime) fn discard_broken_output() {}

// There are no keepers, so nobody comes by here.

pub(in crate::runtime) fn wait_for_exit(_process: u32) {}

pub(in crate::runtime) fn discard_output() {}

pub(in crate::runtime) fn send_stderr_to(_file: &File) {}

pub(in crate::runtime) fn take_stdin() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The length and the time of the last modification have to do.
pub(in crate::runtime) fn stamp(_file: &Metadata) -> super::Stamp {
    (0, 0, 0)
}

pub(in crate::runtime) fn stderr_of(_process: u32) -> Option<File> {
    None
}

pub(in crate::runtime) fn runner(_name: &str) -> u32 {
    0
}

/// There is none here: records go where stdout goes.
pub(in crate::runtime) fn copy_of_stdout() -> Option<File> {
    None
}

/// No file is known by numbers here.
pub(in crate::runtime) fn identity(_file: &File) -> Option<super::Identity> {
    None
}
