//! Groups whose processes take several slots each: all of them or none.
//!
//! They come first in the order, so that as a rule they find their slots free. One that does not (it is tried again, or
//! its host was not up) lets others pass that make do with what is free, but only so many of them: then it is its turn,
//! and what comes free is kept for it. That is the one exception to the rule that no slot is held without a process in
//! it. When nothing at all runs and the slots still do not come, since the pool is somebody else's, it is
//! started with those that are there: a test that has to run on fewer cores is better than one that never does.

use std::time::Duration;

use super::fill::PATIENCE;
use super::{Action, Scheduler};

/// Slots that are free are granted sooner than this; it would be a pity if others were started just before they come.
const ON_THEIR_WAY: Duration = Duration::from_millis(100);

/// The first group that could start if it had its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gathering {
    pub group: usize,
    /// Nothing that sorts behind it is started before it.
    pub alone: bool,
    /// When that, or the waiting for slots while nothing runs, comes to an end.
    pub until: Option<Duration>,
}

impl Scheduler {
    /// How many slots a process of the group takes. Nobody gets more than there are.
    pub(super) fn weight(&self, group: usize) -> usize {
        self.spec.groups[group].slots.min(self.spec.processes).max(1)
    }

    /// How many slots are there without a process in them.
    pub(super) fn free_slots(&self) -> usize {
        (self.held + self.owned()).min(self.spec.processes).saturating_sub(self.active())
    }

    /// Finds out whether a group waits for its slots, and whether the others have to stand back.
    pub(super) fn gather(&mut self, now: Duration) {
        let free = self.free_slots();
        let is_lacking = |group: &usize| self.weight(*group) > free.max(1) && self.startable(*group) > 0;
        let Some(group) = self.order.iter().find(is_lacking) else {
            self.gathering = None;
            return;
        };
        let has_room = self.active() + self.weight(group) <= self.spec.processes;
        let queue = &mut self.queues[group];
        let on_their_way = *queue.lacking_since.get_or_insert(now) + ON_THEIR_WAY;
        let is_its_turn = queue.passed_over >= self.spec.processes;
        let is_granted_soon = has_room && now < on_their_way;
        let alone = is_its_turn || is_granted_soon;
        let until = (!is_its_turn && is_granted_soon).then_some(on_their_way);
        self.gathering = Some(Gathering { group, alone, until });
    }

    /// Starts what nobody grants enough slots for, when there is nothing left to wait for. While more comes, that is
    /// waited for: whoever finds it out has slots that will be free then.
    pub(super) fn start_with_fewer_slots(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Some(gathering) = self.gathering.filter(|_| self.active() == 0 && !self.spec.growing) else {
            self.nothing_runs_since = None;
            return;
        };
        let until = *self.nothing_runs_since.get_or_insert(now) + PATIENCE;
        if now >= until {
            self.nothing_runs_since = None;
            self.spawn(now, gathering.group, self.free_slots(), actions);
            self.gather(now);
        } else {
            let earlier = gathering.until.map_or(until, |other| other.min(until));
            self.gathering = Some(Gathering { until: Some(earlier), ..gathering });
        }
    }

    /// How many slots, in all, are worth keeping.
    pub(super) fn kept_slots(&self) -> usize {
        let active = self.active();
        let gathered = self.gathering.map_or(0, |it| (active + self.weight(it.group)).min(self.spec.processes));
        active.max(gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Group, Host, Input, Item, Process, Spec};
    use super::*;

    fn spec(groups: Vec<Group>, processes: usize) -> Spec {
        let hosts = vec![Host { setup_limit: secs(100), ..Host::default() }];
        Spec { hosts, retries: 1, ..Spec::sample(groups, processes) }
    }

    /// Its items come one by one.
    fn group(items: std::ops::Range<Item>, slots: usize) -> Group {
        Group { timeouts: vec![None; items.len()], items: items.collect(), slots, per_process: 1, ..Group::default() }
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn batch(process: Process, group: usize, slots: usize, item: Item) -> Batch {
        Batch { process, worker: 0, group, slots, items: vec![item], attempt: 1, diagnosis: false }
    }

    fn end(scheduler: &mut Scheduler, process: Process, item: Item, passed: bool) -> Vec<Action> {
        let (now, duration) = (secs(1), secs(1));
        scheduler.step(now, Input::ItemStarted { process, item });
        scheduler.step(now, Input::ItemFinished { process, item, passed, duration });
        scheduler.step(now, Input::ProcessExited(process))
    }

    #[test]
    fn what_takes_all_slots_gets_them_at_once_and_keeps_them_when_it_is_tried_again() {
        let mut scheduler = Scheduler::new(spec(vec![group(0..9, 1), group(9..10, 3)], 3));
        assert_eq!(scheduler.step(secs(0), Input::Tick), [Action::RequestSlot, Action::RequestSlot]);
        assert_eq!(scheduler.step(secs(0), Input::SlotGranted), []);
        let first = batch(1, 1, 3, 9);
        assert_eq!(scheduler.step(secs(0), Input::SlotGranted), [Action::Spawn(first.clone())]);
        assert_eq!(scheduler.slots().held, 3);
        let second = Batch { process: 2, attempt: 2, ..first };
        assert_eq!(end(&mut scheduler, 1, 9, false), [Action::Spawn(second)]);
    }

    #[test]
    fn others_pass_a_few_times_and_then_slots_are_kept() {
        let heavy = Group { hosts: vec![0], ..group(8..9, 2) };
        let mut scheduler = Scheduler::new(spec(vec![group(0..8, 1), heavy], 2));
        let on_worker_1 = |process, item| Action::Spawn(Batch { worker: 1, ..batch(process, 0, 1, item) });
        let host = Action::StartHost { host: 0, process: 1 };
        assert_eq!(scheduler.step(secs(0), Input::Tick), [host, Action::RequestSlot]);
        assert_eq!(scheduler.step(secs(0), Input::SlotGranted), [Action::Spawn(batch(2, 0, 1, 0))]);
        assert_eq!(scheduler.step(secs(0), Input::HostUp(0)), [on_worker_1(3, 1)]);
        assert_eq!(end(&mut scheduler, 2, 0, true), [Action::Spawn(batch(4, 0, 1, 2))]);
        assert_eq!(end(&mut scheduler, 3, 1, true), [], "two have passed, so this slot waits for the other");
        assert_eq!(end(&mut scheduler, 4, 2, true), [Action::Spawn(batch(5, 1, 2, 8))]);
    }

    #[test]
    fn where_nobody_grants_enough_it_starts_with_what_there_is() {
        let mut scheduler = Scheduler::new(spec(vec![group(0..1, 1), group(1..2, 3)], 3));
        scheduler.step(secs(0), Input::Tick);
        assert_eq!(scheduler.next_deadline(), Some(ON_THEIR_WAY));
        assert_eq!(
            scheduler.step(ON_THEIR_WAY, Input::Tick),
            [Action::Spawn(batch(1, 0, 1, 0))],
            "others need not wait"
        );
        assert_eq!(end(&mut scheduler, 1, 0, true), []);
        assert_eq!(scheduler.step(secs(2), Input::SlotGranted), [], "it is worth keeping");
        assert_eq!(scheduler.next_deadline(), Some(secs(3)));
        assert_eq!(scheduler.step(secs(3), Input::Tick), [Action::Spawn(batch(2, 1, 2, 1))]);
        assert_eq!(end(&mut scheduler, 2, 1, true), [Action::ReleaseSlot]);
        assert!(scheduler.is_done());
    }
}
