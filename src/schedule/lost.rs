//! Items that cannot run any more, because what they need could not be set up.

use std::collections::{BTreeMap, VecDeque};

use super::{Action, Item, Lost, Scheduler};

impl Scheduler {
    /// Whether it is known that an item would find nothing set up.
    pub(super) fn lost(&self, group: usize, item: Item) -> Option<Lost> {
        let spec = &self.spec.groups[group];
        if let Some(host) = spec.hosts.iter().find(|host| self.hosts.has_failed(**host)) {
            return Some(Lost::Host(*host));
        }
        let place = spec.items.binary_search(&item).ok()?;
        let innermost = spec.contexts.get(place).copied().flatten();
        let mut contexts = std::iter::successors(innermost, |context| self.spec.contexts[*context]);
        contexts.find(|context| self.failed_contexts.contains(context)).map(Lost::Context)
    }

    /// Takes out of the queues what would find nothing set up. What runs already may go on.
    pub(super) fn give_up(&mut self, actions: &mut Vec<Action>) {
        if self.failed_contexts.is_empty() && !self.hosts.any_failed() {
            return;
        }
        let mut lost: BTreeMap<Lost, Vec<Item>> = BTreeMap::new();
        for group in 0..self.queues.len() {
            let queue = &mut self.queues[group];
            let fresh = queue.take_all(&self.lengths);
            let (again, diagnoses) = (std::mem::take(&mut queue.again), std::mem::take(&mut queue.diagnoses));
            let mut sift = |item: &Item| {
                let why = self.lost(group, *item);
                why.into_iter().for_each(|why| lost.entry(why).or_default().push(*item));
                why.is_none()
            };
            let fresh: Vec<Item> = fresh.into_iter().filter(&mut sift).collect();
            let again = again.into_iter().filter(|(item, _)| sift(item)).collect();
            self.queues[group].put(fresh.into_iter(), &self.lengths);
            self.queues[group].again = again;
            // Of these the verdicts stand. What is lost is the second look at them.
            let left: VecDeque<Item> = diagnoses.into_iter().filter(|item| self.lost(group, *item).is_none()).collect();
            self.queues[group].diagnoses = left;
            self.sort_in(group);
        }
        for (why, items) in lost {
            self.failures += items.len();
            actions.push(Action::GiveUp { items, why });
        }
    }
}
