//! What becomes due: time limits, notices, the end of a grace; and how processes are made to end.

use std::time::Duration;

use super::{Action, Item, Process, Running, Scheduler};

/// A process that is to tear down and end may take this long: the item that it has begun meanwhile is not waited for.
const DISMISSAL: Duration = Duration::from_secs(15);

/// After its last item a process may take this long to end at the most: exit handlers write coverage data, for example.
const LONGEST_EXIT: Duration = Duration::from_secs(60);

/// And at the least, however short the limit of that item is: an exit takes its time on a busy machine.
pub const SHORTEST_EXIT: Duration = Duration::from_secs(1);

/// How long a process may take to end after its last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitLimit {
    pub limit: Duration,
    /// It is the item's own time limit, or [`SHORTEST_EXIT`] where that is longer; otherwise the one that all have.
    pub of_item: bool,
}

impl ExitLimit {
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        let own = timeout.filter(|timeout| *timeout < LONGEST_EXIT).map(|timeout| timeout.max(SHORTEST_EXIT));
        Self { limit: own.unwrap_or(LONGEST_EXIT), of_item: own.is_some() }
    }
}

impl Scheduler {
    /// When [`super::Input::Tick`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Duration> {
        let idle = self.is_idle();
        let deadlines = self.running.values().flat_map(|running| {
            let patience = self.may_be_robbed(running).then(|| running.is_overdue_at()).filter(|_| idle);
            self.deadlines(running).into_iter().chain([patience])
        });
        let gathering = self.gathering.and_then(|it| it.until);
        deadlines.flatten().chain(self.hosts.next_deadline()).chain(gathering).chain(self.more_room_at()).min()
    }

    pub(super) fn end_by_hand(&mut self, now: Duration, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        let (current, was_asked) = (running.current, running.by_hand || running.kill_at.is_some());
        running.by_hand |= current.is_some();
        if was_asked {
            self.kill(process, actions);
        } else if current.is_some() {
            self.terminate(now, process, current, actions);
        }
    }

    pub(super) fn terminate(&mut self, now: Duration, process: Process, late: Option<Item>, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        if running.kill_at.is_none() && !running.killed {
            running.kill_at = Some(now + self.spec.grace);
            actions.push(Action::Terminate { process, late });
        }
    }

    /// Ends a process between two items. One that has set something up gets the time to tear it down, and one whose end
    /// counts the time to come to it.
    pub(super) fn end(&mut self, now: Duration, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        let group = &self.spec.groups[running.batch.group];
        let has_fixtures = group.contexts.iter().any(Option::is_some);
        let limit = if group.to_the_end { LONGEST_EXIT } else { DISMISSAL };
        // Without a stop, it is its own time that was up: nobody else's tests are to be held up.
        if !(has_fixtures || group.to_the_end) || running.killed || self.stop.is_none() {
            self.kill(process, actions);
        } else if running.kill_at.is_none() {
            running.kill_at = Some(now + limit);
            actions.push(Action::Dismiss(process));
        }
    }

    pub(super) fn kill(&mut self, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        if !std::mem::replace(&mut running.killed, true) {
            actions.push(Action::Kill(process));
        }
    }

    /// When the item's time is up, when it is slow, when the grace ends: those that lie ahead.
    fn deadlines(&self, running: &Running) -> [Option<Duration>; 3] {
        let late = self.late_at(running).filter(|_| running.kill_at.is_none() && !running.killed);
        let slow = running.current.filter(|_| running.fixture.is_none()).map(|_| running.slow_at);
        [late, slow, running.kill_at.filter(|_| !running.killed)]
    }

    fn late_at(&self, running: &Running) -> Option<Duration> {
        if let Some(fixture) = &running.fixture {
            return Some(fixture.until);
        }
        // Before its first item begins, a process is on that item's time: a constructor may hang.
        let Some(item) = running.current.or(running.pending.front().copied()) else {
            return Some(running.since + self.exit_limit_of(running).limit);
        };
        self.timeout(running.batch.group, item).map(|limit| running.since + limit)
    }

    fn timeout(&self, group: usize, item: Item) -> Option<Duration> {
        let group = &self.spec.groups[group];
        let place = group.items.binary_search(&item).ok()?;
        group.timeouts[place]
    }

    fn exit_limit_of(&self, running: &Running) -> ExitLimit {
        ExitLimit::after(running.last.and_then(|item| self.timeout(running.batch.group, item)))
    }

    /// How long the process may take to end after its last item. `None` if there is no such process.
    pub fn exit_limit(&self, process: Process) -> Option<ExitLimit> {
        self.running.get(&process).map(|running| self.exit_limit_of(running))
    }

    pub(super) fn look_at_clocks(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let due = |at: &Option<Duration>| at.is_some_and(|at| at <= now);
        let late: Vec<(Process, [bool; 3])> = self
            .running
            .iter()
            .map(|(process, running)| (*process, self.deadlines(running).map(|at| due(&at))))
            .filter(|(_, due)| due.contains(&true))
            .collect();
        self.hosts.look_at_clocks(now, actions);
        self.look_for_more_room(now);
        for (process, [late, slow, grace_is_over]) in late {
            let current = self.running[&process].current;
            if grace_is_over {
                self.kill(process, actions);
            }
            if let (true, Some(item), Some(running)) = (slow, current, self.running.get_mut(&process)) {
                let elapsed = now.saturating_sub(running.since);
                running.slow_at = now + elapsed;
                actions.push(Action::Slow { process, item, elapsed });
            }
            if late {
                let item = current.or(self.running[&process].pending.front().copied());
                self.terminate(now, process, item, actions);
            }
        }
    }
}
