//! Lends the terminal to the only test of a run whose output is shown as it comes (`-- --nocapture`).
//!
//! Such a test can talk to whoever sits at the keyboard, as under `cargo test`: its stdin is the terminal and its process
//! group is in the foreground, as a shell's job is. So Ctrl-C and Ctrl-Z reach the test and not us. Ctrl-C then ends the
//! run if the test dies of it; when Ctrl-Z has stopped the test, we stop as well, and lend the terminal again when a shell
//! has us go on in the foreground.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTSTP, SIGTTIN, SIGTTOU};

use super::os::{self, Exit};
use super::watchdog::Place;
use super::{Message, Run};
use crate::event::Stopped;
use crate::schedule::{Process, Stop};
use crate::tty;

/// Which process has the terminal, or had it until the run was stopped.
pub(super) struct Loan {
    pub process: Process,
    /// It has started.
    pub pid: Option<u32>,
    /// The modes that the terminal had there when it was taken back.
    modes: Option<tty::Modes>,
}

impl Run<'_> {
    /// Whether a process that is about to start gets the terminal, which then is prepared.
    pub(super) fn lend_terminal(&mut self, process: Process) -> bool {
        if !self.options.live || self.building || !self.book.has_one_item() {
            return false;
        }
        // The first attempt is over, though its process may not have ended.
        if let Some(process) = self.loan.as_ref().map(|loan| loan.process) {
            self.end_loan(process);
        }
        // What waits to be told is written while the terminal is ours.
        self.book.lend_terminal(true);
        if tty::lend() {
            self.loan = Some(Loan { process, pid: None, modes: None });
        } else {
            self.book.lend_terminal(false);
        }
        self.has_terminal(process)
    }

    pub(super) fn has_terminal(&self, process: Process) -> bool {
        self.loan.as_ref().is_some_and(|loan| loan.process == process)
    }

    /// The process is gone, and so the terminal is ours again. If a key has ended it, that is the end of the run.
    pub(super) fn take_terminal_back(&mut self, process: Process, exit: Exit) {
        if !self.has_terminal(process) {
            return;
        }
        tty::take_back();
        self.watchdog.table().forget(Place::Terminal);
        if self.processes.get(&process).is_none_or(|live| live.asked.is_some()) {
            return;
        }
        match exit {
            Exit::Signal(SIGINT) => self.stop(Stopped::Interrupted, Stop::Terminate),
            Exit::Signal(SIGHUP) => self.stop(Stopped::Terminated, Stop::Terminate),
            _ => {}
        }
    }

    /// All that the process has written has been told.
    pub(super) fn end_loan(&mut self, process: Process) {
        if self.loan.take_if(|loan| loan.process == process).is_none() {
            return;
        }
        // If it has never started, that has not been done yet.
        tty::take_back();
        self.watchdog.table().forget(Place::Terminal);
        self.book.lend_terminal(false);
        if self.options.keys {
            // Without keys the run goes on all the same.
            let _ = tty::take_keys();
        }
    }

    /// Has the loop told when the process is stopped.
    pub(super) fn watch_stops(&mut self, process: Process, pid: u32) {
        let (sender, panics) = (self.sender.clone(), self.sender.clone());
        // A receiver that is gone means that the run is over.
        let tell = move || drop(sender.send(Message::Stopped(process)));
        if let Err(error) = os::when_stopped(pid, tell, move |panic| drop(panics.send(Message::Panicked(panic)))) {
            self.book.warn(format!("Ctrl-Z will stop the test and not the run: {error}"));
        }
    }

    pub(super) fn test_is_stopped(&mut self, process: Process) {
        let Some(pid) = self.loan.as_ref().filter(|loan| loan.process == process).and_then(|loan| loan.pid) else {
            return;
        };
        match os::stopped_by(pid) {
            Some(SIGTSTP) => self.suspend(),
            // It was about to use the terminal in the background, where Ctrl-Z and `bg` have brought it.
            Some(SIGTTIN | SIGTTOU) if !tty::is_in_front(pid) => match self.lend_again() {
                true => self.watchdog.table().continue_all(),
                false => self.suspend(),
            },
            // It has left the group that is in front.
            Some(SIGTTIN | SIGTTOU) => self.waits_for_terminal(process),
            // It has stopped itself, or goes on already.
            _ => {}
        }
        self.watch_stops(process, pid);
    }

    /// Takes the terminal back until [`Run::lend_again`].
    pub(super) fn suspend_loan(&mut self) {
        if let Some(loan) = &mut self.loan {
            loan.modes = tty::take_back().or(loan.modes.take());
        }
    }

    /// Lends it to the process that had it before, if it is our turn. Whether the process may go on with it is told.
    pub(super) fn lend_again(&self) -> bool {
        let Some(loan) = &self.loan else { return false };
        loan.pid.is_some_and(|pid| tty::lend_again(pid, loan.modes.as_ref()))
    }
}
