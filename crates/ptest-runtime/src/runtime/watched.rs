//! A state that one thread changes and another waits for.
//!
//! All that the threads here say to one another is said so. It is less than a channel, whose code is compiled anew for
//! each type that goes through it: half of what there was to compile here once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) struct Watched<S> {
    state: Mutex<S>,
    changed: Condvar,
}

impl<S> Watched<S> {
    pub(super) const fn new(state: S) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Changes the state, and wakes who waits for it.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Looks at the state, now and whenever it has changed, until there is something to be seen. At the deadline there is
    /// not.
    pub(super) fn wait<R>(&self, deadline: Instant, mut look: impl FnMut(&mut S) -> Option<R>) -> Option<R> {
        let mut state = self.lock();
        loop {
            let seen = look(&mut state);
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.is_some() || left.is_zero() {
                return seen;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // Nothing that panics is done while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a function on a thread of its own. What it prints is caught by libtest if what this thread prints is.
///
/// It is the only place that starts one, for the sake of what a test build costs: see [`Watched`].
pub(super) fn spawn(name: String, function: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    std::thread::Builder::new().name(name).spawn(function).map(drop)
}
