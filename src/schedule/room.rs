//! How many processes the system has room for, which is known only by those that it could not start.
//!
//! What such a process was given goes back to where it came from, and nothing is started then before another process has
//! gone. Later there may be more room, so now and then one more is tried. A process that cannot be started while no other
//! one is there never can be, and whoever starts processes has to say so.

use std::time::Duration;

use super::{Action, HostId, Process, Running, Scheduler, Shortage};

/// After this long one more process is tried than there was room for.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Room {
    /// There never is more.
    all: usize,
    /// So many processes may be there at once.
    now: usize,
    /// When there may be one more.
    more_at: Option<Duration>,
}

impl Room {
    pub(super) fn new(all: usize) -> Self {
        Self { all, now: all, more_at: None }
    }
}

impl Scheduler {
    /// Whether a process that could not be started will be tried again; its items are for the caller to decide otherwise.
    pub fn tries_later(&self, process: Process, why: Shortage) -> bool {
        let may_fit = |running: &Running| match why {
            Shortage::Resources => !running.alone,
            // What may have one process only cannot be divided.
            Shortage::Arguments => running.batch.items.len() > 1 && !self.spec.groups[running.batch.group].once,
        };
        self.running.get(&process).is_some_and(|running| self.stop.is_some() || may_fit(running))
    }

    /// The same for a host.
    pub fn tries_host_later(&self, host: HostId) -> bool {
        self.stop.is_some() || !self.hosts.is_alone(host)
    }

    pub(super) fn not_started(&mut self, now: Duration, process: Process, why: Shortage, actions: &mut Vec<Action>) {
        let Some(Running { batch, .. }) = self.running.get(&process) else { return };
        match why {
            Shortage::Arguments => self.spec.groups[batch.group].per_process = (batch.items.len() / 2).max(1),
            Shortage::Resources => {}
        }
        self.take_back(process, false, actions);
        if why == Shortage::Resources {
            self.is_full(now);
        }
    }

    pub(super) fn host_not_started(&mut self, now: Duration, host: HostId) {
        self.hosts.not_started(host);
        self.is_full(now);
    }

    /// There is room for those that are there, and for no other.
    fn is_full(&mut self, now: Duration) {
        self.room.now = self.processes_at_work().max(1);
        self.room.more_at = Some(now + PAUSE);
    }

    pub(super) fn processes_at_work(&self) -> usize {
        self.running.len() + self.hosts.busy()
    }

    /// How many more processes may be started. Where there is none, one always may.
    pub(super) fn room_left(&self) -> usize {
        match self.processes_at_work() {
            0 => self.room.now.max(1),
            at_work => self.room.now.saturating_sub(at_work),
        }
    }

    /// When there may be room for one more, if it matters.
    pub(super) fn more_room_at(&self) -> Option<Duration> {
        self.room.more_at.filter(|_| self.stop.is_none() && self.room_left() == 0)
    }

    pub(super) fn look_for_more_room(&mut self, now: Duration) {
        if self.room.more_at.is_some_and(|at| at <= now) {
            self.room.now = (self.room.now + 1).min(self.room.all);
            self.room.more_at = (self.room.now < self.room.all.min(self.spec.processes)).then(|| now + PAUSE);
            if self.room.more_at.is_none() {
                self.room.now = self.room.all;
            }
        }
    }

    /// To be called before a process is started; says whether it is the only one.
    pub(super) fn is_alone(&mut self) -> bool {
        self.have_company();
        self.processes_at_work() == 0
    }

    /// Something else is at work now, and there may be room when it has exited.
    pub(super) fn have_company(&mut self) {
        self.running.values_mut().for_each(|running| running.alone = false);
        self.hosts.have_company();
    }
}
