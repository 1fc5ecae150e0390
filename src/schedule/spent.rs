//! What the finished items of a group took in this run.
//!
//! The longest item of a process may have paid what the process pays once, for all that come after it. So it is counted
//! apart from the others, and only if there are others.

use std::time::Duration;

/// Less than this is not worth to be told apart: a process costs as much anyway.
const NOTICEABLE: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(super) struct Spent {
    all: Mean,
    /// All but the longest of each process.
    others: Mean,
    /// The longest ones of those processes that ran several.
    longest: Mean,
}

#[derive(Default)]
struct Mean {
    sum: Duration,
    count: u32,
}

impl Mean {
    fn add(&mut self, duration: Duration) {
        self.sum = self.sum.saturating_add(duration);
        self.count += 1;
    }

    fn get(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}

impl Spent {
    /// An item has finished in a process whose longest one before it took `longest`.
    pub(super) fn finished(&mut self, took: Duration, longest: Option<Duration>) {
        self.all.add(took);
        if let Some(longest) = longest {
            self.others.add(took.min(longest));
        }
    }

    /// A process has exited that ran several items, the longest of which took so long.
    pub(super) fn process_exited(&mut self, longest: Duration) {
        self.longest.add(longest);
    }

    /// The mean duration of an item, once one has finished.
    pub(super) fn mean(&self) -> Option<Duration> {
        self.others.get().or_else(|| self.all.get())
    }

    /// What each process seems to pay once.
    pub(super) fn once(&self) -> Duration {
        let (longest, mean) = (self.longest.get().unwrap_or_default(), self.others.get().unwrap_or_default());
        let more = longest.saturating_sub(mean);
        if more > mean.max(NOTICEABLE) { more } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of one process after another, in milliseconds.
    fn spent(processes: &[&[u64]]) -> (Option<u128>, u128) {
        let mut spent = Spent::default();
        for items in processes {
            let mut longest = None;
            for took in items.iter().copied().map(Duration::from_millis) {
                spent.finished(took, longest);
                longest = longest.max(Some(took));
            }
            longest.filter(|_| items.len() > 1).into_iter().for_each(|longest| spent.process_exited(longest));
        }
        (spent.mean().map(|it| it.as_millis()), spent.once().as_millis())
    }

    #[test]
    fn what_each_process_pays_once_is_no_part_of_the_mean() {
        assert_eq!(spent(&[&[2, 302, 2, 2], &[302, 2, 2]]), (Some(2), 300));
        assert_eq!(spent(&[&[50, 52, 48], &[51, 50]]), (Some(49), 0));
    }

    #[test]
    fn of_processes_with_one_item_nothing_can_be_told_apart() {
        assert_eq!(spent(&[&[300], &[400]]), (Some(350), 0));
        assert_eq!(spent(&[]), (None, 0));
    }
}
