//! How many processes may run at once of what names a limit.

use crate::config::Context;

/// The contexts that have a `max`, numbered anew.
pub(super) struct Limits {
    most: Vec<usize>,
    /// How many of these were taken.
    taken: usize,
    /// For each context, its limit.
    of_context: Vec<Option<usize>>,
}

impl Limits {
    pub(super) fn of(contexts: &[Context]) -> Self {
        let mut most = Vec::new();
        let of_context = contexts.iter().map(|context| {
            most.push(context.max?);
            Some(most.len() - 1)
        });
        let of_context = of_context.collect();
        Self { most, taken: 0, of_context }
    }

    /// Those that were made since the last time.
    pub(super) fn take(&mut self) -> Vec<usize> {
        let new = self.most[self.taken..].to_vec();
        self.taken = self.most.len();
        new
    }

    pub(super) fn that_count(&self, contexts: &[usize]) -> Vec<usize> {
        let mut limits: Vec<usize> = contexts.iter().filter_map(|context| self.of_context[*context]).collect();
        limits.sort_unstable();
        limits
    }
}
