//! What is left of a group, and what the run has learned of it.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use super::lengths::Lengths;
use super::spent::Spent;
use super::{Group, Item};

#[derive(Default)]
pub(super) struct Queue {
    /// What was not given to any process: the longest at the head, but in their order for a unit.
    fresh: VecDeque<Item>,
    in_order: bool,
    /// The lengths of the fresh items together, as far as they are known, and of how many they are not.
    known: Duration,
    unknown: u32,
    /// The guesses at all of them together.
    guessed: Duration,
    /// How many of them are known to need what their process pays once.
    payers: usize,
    /// Items with the number of their next attempt; each in a process of its own.
    pub again: VecDeque<(Item, u32)>,
    pub diagnoses: VecDeque<Item>,
    /// How many processes run items of the group.
    pub active: usize,
    /// It could have started since then, if there had been slots enough.
    pub lacking_since: Option<Duration>,
    /// How many others were started since then that sort behind it.
    pub passed_over: usize,
    spent: Spent,
}

impl Queue {
    pub(super) fn new(group: &Group, lengths: &Lengths) -> Self {
        let mut queue = Self { in_order: group.unit, ..Self::default() };
        queue.put(group.items.iter().copied(), lengths);
        queue
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.again.len() + self.diagnoses.len()
    }

    /// Something of the group waits or runs.
    pub(super) fn is_in_use(&self) -> bool {
        self.active > 0 || self.len() > 0
    }

    /// Something waits, and nothing of it counts.
    pub(super) fn has_only_diagnoses(&self) -> bool {
        self.len() == self.diagnoses.len()
    }

    pub(super) fn fresh(&self) -> &VecDeque<Item> {
        &self.fresh
    }

    /// Items that wait, again or for the first time.
    pub(super) fn put(&mut self, items: impl Iterator<Item = Item>, lengths: &Lengths) {
        for item in items {
            self.fresh.push_back(item);
            self.count(item, lengths, Duration::saturating_add, 1);
            self.payers += usize::from(!lengths.once(item).is_zero());
        }
        match self.in_order {
            true => self.fresh.make_contiguous().sort_unstable(),
            false => self.fresh.make_contiguous().sort_unstable_by_key(|item| (Reverse(lengths.guess(*item)), *item)),
        }
    }

    /// Takes so many from the head; in the order in which a process runs them.
    pub(super) fn take(&mut self, size: usize, lengths: &Lengths) -> Vec<Item> {
        let mut items: Vec<Item> = self.fresh.drain(..size).collect();
        items.iter().for_each(|item| self.count(*item, lengths, Duration::saturating_sub, u32::MAX));
        self.payers -= items.iter().filter(|item| !lengths.once(**item).is_zero()).count();
        items.sort_unstable();
        items
    }

    /// Whether any of the fresh items is known to need what its process pays once.
    pub(super) fn has_payers(&self) -> bool {
        self.payers > 0
    }

    pub(super) fn take_all(&mut self, lengths: &Lengths) -> Vec<Item> {
        self.take(self.fresh.len(), lengths)
    }

    fn count(&mut self, item: Item, lengths: &Lengths, add: fn(Duration, Duration) -> Duration, one: u32) {
        self.guessed = add(self.guessed, lengths.guess(item));
        match lengths.known(item) {
            Some(length) => self.known = add(self.known, length),
            None => self.unknown = self.unknown.wrapping_add(one),
        }
    }

    /// An item has finished in a process whose longest one before it took `longest`.
    pub(super) fn finished(&mut self, took: Duration, longest: Option<Duration>) {
        self.spent.finished(took, longest);
    }

    /// A process has exited that ran several items, the longest of which took so long.
    pub(super) fn process_exited(&mut self, longest: Duration) {
        self.spent.process_exited(longest);
    }

    /// The mean duration of what has finished, once something has.
    pub(super) fn mean(&self) -> Option<Duration> {
        self.spent.mean()
    }

    /// What each process seems to pay once.
    pub(super) fn once(&self) -> Duration {
        self.spent.once()
    }

    /// How long the fresh items will take one after another, if each takes `other` of which nothing is known. What is
    /// known is of other days, and `today` says what it means in this run.
    pub(super) fn time_left(
        &self,
        other: Option<Duration>,
        today: impl FnOnce(Duration) -> Duration,
    ) -> Option<Duration> {
        match (self.unknown, self.mean().or(other)) {
            (0, _) => Some(today(self.known)),
            (unknown, Some(mean)) => Some(today(self.known).saturating_add(mean.saturating_mul(unknown))),
            (_, None) => None,
        }
    }

    /// The longest piece of what waits that cannot be divided, as far as can be guessed. `None` if nothing waits.
    pub(super) fn piece(&self, lengths: &Lengths) -> Option<Duration> {
        let again = self.again.iter().map(|(item, _)| *item).chain(self.diagnoses.iter().copied());
        let alone = again.map(|item| lengths.guess(item)).max();
        let fresh = match self.in_order {
            true => (!self.fresh.is_empty()).then_some(self.guessed),
            false => self.fresh.front().map(|item| lengths.guess(*item)),
        };
        fresh.max(alone)
    }
}
