//! What a process pays once, for all of its items that need it: a `LazyLock`, a connection, the symbols for the first
//! backtrace.
//!
//! Items that are known to need it are sorted in as if each of them paid ([`Lengths::guess`](super::lengths::Lengths)), so
//! they come together at the head of their group. Then few processes pay, and those with the other items pay nothing.

use std::time::Duration;

use super::{Item, Scheduler};

impl Scheduler {
    /// What a process that runs these items of the group pays. Where it is not known which items need that, any may.
    pub(super) fn paid_by_process(&self, group: usize, items: &[Item]) -> Duration {
        let group = &self.spec.groups[group];
        let pays = !group.pays.contains(&true) || items.iter().any(|item| !self.lengths.once(*item).is_zero());
        if pays { group.warmup } else { Duration::ZERO }
    }

    /// What has to be paid at least for those that wait in the group.
    pub(super) fn paid_for_what_waits(&self, group: usize) -> Duration {
        if self.queues[group].has_payers() { self.spec.groups[group].warmup } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Group, Input, Spec};
    use super::*;

    /// Twelve items of 20 ms, of which these are known to need what takes a process 60 ms; the items of the first two
    /// processes.
    fn batches(payers: &[usize]) -> Vec<Vec<Item>> {
        let group = Group {
            items: (0..12).collect(),
            timeouts: vec![None; 12],
            lengths: vec![Some(Duration::from_millis(20)); 12],
            warmup: Duration::from_millis(60),
            pays: (0..12).map(|item| payers.contains(&item)).collect(),
            per_process: usize::MAX,
            ..Group::default()
        };
        let mut scheduler = Scheduler::new(Spec::sample(vec![group], 2));
        let mut actions = scheduler.step(Duration::ZERO, Input::Tick);
        actions.extend(scheduler.step(Duration::ZERO, Input::SlotGranted));
        let items = |action| if let Action::Spawn(batch) = action { Some(batch.items) } else { None };
        actions.into_iter().filter_map(items).collect()
    }

    #[test]
    fn the_items_that_need_the_same_come_together_and_their_process_runs_fewer() {
        // 240 ms and 60 ms once, so 150 ms for each process; the last item goes to whichever exits first.
        assert_eq!(batches(&[3, 7, 11]), [vec![0, 3, 7, 11], vec![1, 2, 4, 5, 6, 8, 9]]);
    }

    #[test]
    fn where_it_is_not_known_which_items_need_it_each_process_pays() {
        assert_eq!(batches(&[]), [(0..6).collect::<Vec<_>>(), (6..12).collect()]);
    }
}
