//! Pipes and programs, made so that no program inherits a descriptor that is not meant for it.
//!
//! Linux makes a descriptor private as it makes it. macOS takes two steps, and a program that another thread starts between
//! them inherits the descriptor: a pipe has no end then before that program has ended, whoever else has closed it. So there
//! only one thread at a time makes pipes, or starts a program.

use std::io::{self, PipeReader, PipeWriter};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Makes a pipe that no program inherits.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let _turn = turn();
    io::pipe()
}

/// Starts a program.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let _turn = turn();
    command.spawn()
}

/// Runs a program to its end, without anything on its stdin, and gives what it has written.
pub fn output(command: &mut Command) -> io::Result<Output> {
    spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?.wait_with_output()
}

/// The turn of this thread, where threads have to take turns.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    (!cfg!(target_os = "linux")).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}
