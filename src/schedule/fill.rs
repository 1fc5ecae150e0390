//! What is started, now that something has changed, and how many slots that takes.

use std::time::Duration;

use super::alone::Families;
use super::{Action, HostId, Process, Queue, Running, Scheduler};

/// When an item has run for so long while there is nothing else to do, what waits behind it goes to another process: the
/// item may never end. And so it does where a process takes so much longer than it should: what was thought of its items
/// is wrong.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

impl Running {
    /// When what waits in it may be given to others.
    pub(super) fn is_overdue_at(&self) -> Duration {
        self.since.min(self.ends_at).saturating_add(PATIENCE)
    }
}

impl Scheduler {
    /// Starts what may start, asks for the slots that could be used, gives back the others.
    pub(super) fn fill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.hosts.fail_with_the_outer_ones();
        if self.stop.is_none() {
            self.give_up(actions);
            self.stop_after_failures(now, actions);
        }
        self.gather(now);
        if self.is_idle() {
            self.rob(now);
        }
        while self.free_slots() > 0 && self.begin_something(now, actions) {
            self.gather(now);
        }
        self.start_with_fewer_slots(now, actions);
        let wanted = self.wanted();
        while self.held + self.requested < wanted {
            self.requested += 1;
            actions.push(Action::RequestSlot);
        }
        while self.held > self.kept_slots().saturating_sub(self.owned()) {
            self.held -= 1;
            actions.push(Action::ReleaseSlot);
        }
    }

    /// How many slots have a process at work in them.
    pub(super) fn active(&self) -> usize {
        self.running.values().map(|running| running.batch.slots).sum::<usize>() + self.hosts.busy()
    }

    /// How many slots could be used that somebody has to grant.
    pub(super) fn wanted(&self) -> usize {
        let room = self.spec.processes.saturating_sub(self.active());
        (self.active() + self.usable(room)).max(self.kept_slots()).saturating_sub(self.owned())
    }

    /// What is not needed any more goes first. A host is set up while those who come before its groups run, but not
    /// long before: it may take a lot of room. Only where there is nothing else to do all of them may come at once.
    fn begin_something(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let idle = self.order.iter().all(|group| self.startable(group) == 0);
        let stands_back = self.gathering.is_some_and(|it| it.alone);
        let hosts = || self.startable_hosts(if idle { usize::MAX } else { self.spec.processes });
        if let Some(host) = self.stoppable_hosts().first() {
            let host = *host;
            self.have_company();
            self.hosts.stop(now, host, actions);
        } else if self.room_left() == 0 {
            return false;
        } else if let Some(host) = (!stands_back).then(hosts).and_then(|hosts| hosts.first().copied()) {
            let alone = self.is_alone();
            self.hosts.start(now, host, alone);
            let process = self.new_process();
            actions.push(Action::StartHost { host, process });
        } else if let Some(group) = self.next_group() {
            self.spawn(now, group, self.weight(group), actions);
        } else {
            return false;
        }
        true
    }

    /// The first group that can start with the slots that are free.
    fn next_group(&mut self) -> Option<usize> {
        let free = self.free_slots();
        let lacking = self.gathering.map(|it| it.group);
        let alone = self.gathering.filter(|it| it.alone).map(|it| it.group);
        let mut ahead = self.order.iter().take_while(|group| Some(*group) != alone);
        let next = ahead.find(|group| self.weight(*group) <= free && self.startable(*group) > 0)?;
        if let Some(lacking) = lacking.filter(|lacking| self.order.is_before(*lacking, next)) {
            self.queues[lacking].passed_over += 1;
        }
        Some(next)
    }

    /// The hosts that the next groups need, so many of them, and that can be started now.
    fn startable_hosts(&self, groups: usize) -> Vec<HostId> {
        if self.stop.is_some() || self.hosts.is_empty() {
            return Vec::new();
        }
        self.hosts.startable(self.hosts_of(self.order.iter().take(groups)))
    }

    fn stoppable_hosts(&self) -> Vec<HostId> {
        // What comes may need one that is up, and none is started twice.
        if self.hosts.is_empty() || (self.spec.growing && self.stop.is_none()) {
            return Vec::new();
        }
        let needs = |queue: &Queue| queue.active > 0 || (queue.len() > 0 && self.stop.is_none());
        let groups = 0..self.queues.len();
        self.hosts.stoppable(self.hosts_of(groups.filter(|group| needs(&self.queues[*group]))))
    }

    /// For each host whether one of the groups needs it.
    fn hosts_of(&self, groups: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut needed = vec![false; self.spec.hosts.len()];
        for group in groups {
            self.spec.groups[group].hosts.iter().for_each(|host| needed[*host] = true);
        }
        needed
    }

    /// There is room for another process, and nothing that it could do.
    pub(super) fn is_idle(&self) -> bool {
        let room = self.spec.processes.saturating_sub(self.active());
        self.stop.is_none() && room > 0 && self.room_left() > 0 && self.usable(room) == 0
    }

    /// A unit stays together, whatever it costs; and who has set something up is not ended before the teardown, nor who
    /// writes something at its end.
    pub(super) fn may_be_robbed(&self, running: &Running) -> bool {
        let group = &self.spec.groups[running.batch.group];
        let has_set_up = group.can_split && group.contexts.iter().any(Option::is_some);
        let has_more = running.current.is_some() && running.pending.len() > 1;
        has_more && !group.unit && !has_set_up && !group.to_the_end && !running.killed && running.kill_at.is_none()
    }

    /// Takes what waits behind items that take long, for those who have nothing to do. Their processes are ended after
    /// the item, because they would begin the next one.
    fn rob(&mut self, now: Duration) {
        let impatient = |running: &Running| self.may_be_robbed(running) && running.is_overdue_at() <= now;
        let slow: Vec<Process> =
            self.running.iter().filter(|(_, it)| impatient(it)).map(|(process, _)| *process).collect();
        slow.into_iter().for_each(|process| self.take_what_waits_in(process));
    }

    pub(super) fn take_what_waits_in(&mut self, process: Process) {
        let Some(running) = self.running.get_mut(&process) else { return };
        running.robbed = true;
        let current = running.current;
        let group = running.batch.group;
        let waiting = running.pending.iter().copied().filter(|item| Some(*item) != current);
        self.queues[group].put(waiting, &self.lengths);
        running.pending.retain(|item| Some(*item) == current);
        self.sort_in(group);
    }

    /// How many more slots could have a process in them now, if so many were granted.
    fn usable(&self, room: usize) -> usize {
        let first_of_all = self.gathering.filter(|it| it.alone).map(|it| it.group);
        let startable_hosts = || self.startable_hosts(usize::MAX).len();
        let mut processes = self.room_left();
        let hosts = if first_of_all.is_none() { startable_hosts().min(processes) } else { 0 };
        let mut more = self.stoppable_hosts().len() + hosts;
        processes -= hosts;
        let (mut used, mut families) = (self.used.clone(), self.families.clone());
        for group in self.order.iter() {
            if more >= room || processes == 0 {
                break;
            }
            let weight = self.weight(group);
            let startable = self.startable_beside(&used, &families, group).min((room - more) / weight).min(processes);
            processes -= startable;
            // Groups may share a limit, and then not all of them can have its last places.
            self.spec.groups[group].limits.iter().for_each(|limit| used[*limit] += startable);
            if startable > 0 {
                families.started(self.spec.groups[group].family, self.queues[group].has_only_diagnoses());
            }
            more += startable * weight;
            if first_of_all == Some(group) {
                break;
            }
        }
        more.min(room)
    }

    /// How many more processes could run items of the group now, if there were slots.
    pub(super) fn startable(&self, group: usize) -> usize {
        self.startable_beside(&self.used, &self.families, group)
    }

    /// The same, if so many processes counted in each limit, and these ran of each family.
    fn startable_beside(&self, used: &[usize], families: &Families, group: usize) -> usize {
        let queue = &self.queues[group];
        let spec = &self.spec.groups[group];
        if self.stop.is_some() || !spec.hosts.iter().all(|host| self.hosts.is_up(*host)) {
            return 0;
        }
        if !spec.first && self.first.iter().any(|first| self.queues[*first].is_in_use()) {
            return 0;
        }
        let waiting = families.room(spec.family, queue);
        let work = match spec.unit {
            true => usize::from(queue.active == 0).min(waiting),
            false => waiting,
        };
        let room = spec.limits.iter().map(|limit| self.spec.limits[*limit].saturating_sub(used[*limit])).min();
        work.min(room.unwrap_or(usize::MAX))
    }
}
