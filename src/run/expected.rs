//! How long what there is to do should take, by earlier runs.

use std::time::Duration;

use crate::schedule::{Item, More};

/// The lengths of all items by their numbers, as far as they are known.
#[derive(Default)]
pub(super) struct Expected {
    lengths: Vec<Option<Duration>>,
    /// What all of those take together that are known, and how many these are.
    known: Duration,
    count: u32,
}

impl Expected {
    pub(super) fn add(&mut self, more: &More) {
        let new = more.groups.iter().flat_map(|group| group.lengths.iter().copied());
        for length in new {
            self.lengths.push(length);
            self.known = self.known.saturating_add(length.unwrap_or_default());
            self.count += u32::from(length.is_some());
        }
    }

    /// What the others take on average. `None` if most of them are new: then nothing can be said.
    fn mean(&self) -> Option<Duration> {
        self.known.checked_div(self.count).filter(|_| 2 * self.count as usize > self.lengths.len())
    }

    pub(super) fn of(&self, item: Item) -> Option<Duration> {
        let mean = self.mean()?;
        Some(self.lengths[item].unwrap_or(mean))
    }

    /// Of all one after another.
    pub(super) fn sum(&self) -> Option<Duration> {
        let others = u32::try_from(self.lengths.len()).ok()? - self.count;
        Some(self.known.saturating_add(self.mean()?.saturating_mul(others)))
    }
}
