//! How many processes may run at once of what names a limit.

use std::collections::HashMap;

use crate::config::Context;

/// The contexts that have a `max`, numbered anew, and the packages whose binaries run one after another.
pub(super) struct Limits {
    /// Until somebody has taken them.
    most: Vec<usize>,
    /// How many there are in all.
    count: usize,
    /// For each context, its limit.
    of_context: Vec<Option<usize>>,
    of_package: HashMap<String, usize>,
}

impl Limits {
    pub(super) fn of(contexts: &[Context]) -> Self {
        let mut most = Vec::new();
        let of_context = contexts.iter().map(|context| {
            most.push(context.max?);
            Some(most.len() - 1)
        });
        let of_context = of_context.collect();
        Self { count: most.len(), most, of_context, of_package: HashMap::new() }
    }

    /// The limit that lets the binaries of a package run one after another.
    pub(super) fn of_package(&mut self, package_id: &str) -> usize {
        if let Some(limit) = self.of_package.get(package_id) {
            return *limit;
        }
        let limit = self.count;
        self.most.push(1);
        self.count += 1;
        self.of_package.insert(package_id.to_owned(), limit);
        limit
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
