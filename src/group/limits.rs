//! How many processes may run at once of what names a limit.

use crate::config::Context;

/// The contexts that have a `max`, numbered anew.
pub(super) struct Limits {
    /// Until somebody has taken them.
    most: Vec<usize>,
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
        Self { most, of_context }
    }

    /// How many each allows; the second time there are none that would be new.
    pub(super) fn take(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.most)
    }

    pub(super) fn that_count(&self, contexts: &[usize]) -> Vec<usize> {
        let mut limits: Vec<usize> = contexts.iter().filter_map(|context| self.of_context[*context]).collect();
        limits.sort_unstable();
        limits
    }
}
