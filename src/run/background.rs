//! Notices a process that waits for the terminal.
//!
//! Tests are in groups of their own, which are never in the foreground of the terminal that the run was started from. The
//! terminal stops whoever reads from it there, or changes its modes, until a shell brings him to the foreground; for a test
//! no shell does, unless the test is the only one and has been lent the terminal (`run/loan`). A test that stops itself, or what it has started, is none of our business.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::os::{self, Child};

/// How often a silent process is looked at. It has to be found stopped twice: it may be about to go on.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    looked: Instant,
    was_stopped: bool,
    noticed: bool,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { looked: now, was_stopped: false, noticed: false }
    }

    /// When to look, if there is a terminal at all.
    #[expect(clippy::unused_self, reason = "without a watch there is no need to look")]
    pub(super) fn interval(&self) -> Option<Duration> {
        static HAS_TERMINAL: LazyLock<bool> = LazyLock::new(os::has_terminal);
        HAS_TERMINAL.then_some(LOOK)
    }

    /// Whether it has just become clear that the child waits for the terminal.
    pub(super) fn notices(&mut self, child: &Child, now: Instant) -> bool {
        if self.noticed || now - self.looked < LOOK || self.interval().is_none() {
            return false;
        }
        self.looked = now;
        let is_stopped = child.waits_for_terminal();
        self.noticed = std::mem::replace(&mut self.was_stopped, is_stopped) && is_stopped;
        self.noticed
    }
}
