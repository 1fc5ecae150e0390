//! Who is being asked now, so that it can be ended when nobody wants to know any more.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The process groups that are being asked. All clones are about the same ones.
#[derive(Clone, Debug, Default)]
pub struct Asking(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    groups: Vec<Pid>,
    given_up: bool,
}

impl Asking {
    fn state(&self) -> MutexGuard<'_, State> {
        // It makes sense at every moment, whoever panicked.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody needs an answer any more: who is being asked is ended, and nobody else will be asked.
    pub fn give_up(&self) {
        let mut state = self.state();
        state.given_up = true;
        state.groups.drain(..).for_each(kill);
    }

    /// Fails when nobody is to be asked any more.
    pub(super) fn ensure_wanted(&self) -> Result<()> {
        ensure!(!self.state().given_up, "the listing was cancelled");
        Ok(())
    }

    pub(super) fn begin(&self, group: Pid) {
        let mut state = self.state();
        state.groups.push(group);
        if state.given_up {
            kill(group);
        }
    }

    /// To be called before the group's leader is reaped: until then its number is its own.
    pub(super) fn end(&self, group: Pid) {
        self.state().groups.retain(|it| *it != group);
        self.0.1.notify_all();
    }

    /// Waits until one of those who are being asked has answered, or for as long.
    pub(super) fn wait_for_another(&self, limit: Duration) {
        drop(self.0.1.wait_timeout(self.state(), limit));
    }
}

/// Ends a group and its leader, which may have joined another group since. The leader must not be reaped yet, so that its
/// number is its own.
pub(super) fn kill(leader: Pid) {
    // Nobody may be left in the group, and the leader may be gone: either is as good.
    let _ = kill_process_group(leader, Signal::KILL);
    let _ = kill_process(leader, Signal::KILL);
}
