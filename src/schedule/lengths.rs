//! How long items take, as far as anybody knows before they run.

use std::time::Duration;

use super::{Group, Item};

/// Where nothing at all is known any length will do, as long as it is the same for all.
const SOMETHING: Duration = Duration::from_millis(10);

/// No more is believed, so that sums stay in bounds.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// The lengths of all items, by their numbers.
pub(super) struct Lengths {
    known: Vec<Option<Duration>>,
    guesses: Vec<Duration>,
    /// What an item's process pays once, if the item is known to need it.
    once: Vec<Duration>,
    /// Where one process runs after another no order is better than another, so all are alike and stay in theirs.
    alike: bool,
    /// What all of those take together that are known, and how many these are.
    sum: Duration,
    count: u32,
    /// What those took that have ended, and what they were thought to take.
    took: Duration,
    believed: Duration,
}

impl Lengths {
    /// Of no items yet.
    pub(super) fn new(processes: usize) -> Self {
        Self {
            known: Vec::new(),
            guesses: Vec::new(),
            once: Vec::new(),
            alike: processes == 1,
            sum: Duration::ZERO,
            count: 0,
            took: Duration::ZERO,
            believed: Duration::ZERO,
        }
    }

    /// Of what is not known it is thought that it takes as long as the others in its group do, or as all others.
    pub(super) fn add(&mut self, groups: &[Group]) {
        let items = groups.iter().flat_map(|group| &group.items).max().map_or(0, |last| last + 1);
        self.known.resize(items.max(self.known.len()), None);
        self.guesses.resize(self.known.len(), SOMETHING);
        self.once.resize(self.known.len(), Duration::ZERO);
        for (sum, count) in groups.iter().map(|group| sum(&group.lengths)) {
            (self.sum, self.count) = (self.sum + sum, self.count + count);
        }
        let of_all = self.sum.checked_div(self.count);
        for group in groups {
            let (sum, count) = sum(&group.lengths);
            let guess = sum.checked_div(count).or(of_all).unwrap_or(SOMETHING);
            for (place, item) in group.items.iter().enumerate() {
                let known = group.lengths.get(place).copied().flatten().map(|it| it.min(MOST));
                let pays = group.pays.get(place).is_some_and(|pays| *pays);
                self.known[*item] = known;
                self.once[*item] = if pays { group.warmup.min(MOST) } else { Duration::ZERO };
                self.guesses[*item] =
                    if self.alike { SOMETHING } else { known.unwrap_or(guess).saturating_add(self.once[*item]) };
            }
        }
    }

    #[cfg(test)]
    pub(super) fn of(groups: &[Group], processes: usize) -> Self {
        let mut lengths = Self::new(processes);
        lengths.add(groups);
        lengths
    }

    pub(super) fn known(&self, item: Item) -> Option<Duration> {
        self.known[item]
    }

    /// `most` is by how much an item of the same process exceeded at most what was known of it. That may be what the
    /// process pays once, and says nothing of other items.
    pub(super) fn finished(&mut self, item: Item, took: Duration, most: &mut Duration) {
        if let Some(known) = self.known[item] {
            let excess = took.min(MOST).saturating_sub(known);
            self.took += took.min(known) + excess.min(*most);
            self.believed += known;
            *most = excess.max(*most);
        }
    }

    /// How long it takes in this run what is known to take so long, if it takes longer: the machine may be slower today,
    /// or what is known be wrong.
    pub(super) fn today(&self, known: Duration) -> Duration {
        let believed = self.believed.max(Duration::from_millis(1));
        let slowness = (self.took.as_secs_f64() / believed.as_secs_f64()).clamp(1.0, 1000.0);
        Duration::try_from_secs_f64(known.as_secs_f64() * slowness).unwrap_or(known)
    }

    /// What a process pays once for this item and those like it; nothing if it is not known to need that.
    pub(super) fn once(&self, item: Item) -> Duration {
        self.once[item]
    }

    /// What to go by where one must be put before another. An item that pays for others counts with that: so those that
    /// need the same come together, in few processes, and the others pay nothing.
    pub(super) fn guess(&self, item: Item) -> Duration {
        self.guesses[item]
    }
}

/// What is known of the group's items, and of how many of them it is.
fn sum(lengths: &[Option<Duration>]) -> (Duration, u32) {
    let known = lengths.iter().flatten();
    known.fold((Duration::ZERO, 0), |(sum, count), it| (sum + (*it).min(MOST), count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slow_today_goes_on_to_be() {
        let millis = Duration::from_millis;
        let group = Group { items: vec![0, 1], lengths: vec![Some(millis(10)), None], ..Group::default() };
        let mut lengths = Lengths::of(&[group], 2);
        assert_eq!(lengths.today(millis(7)), millis(7));
        let mut most = Duration::ZERO;
        lengths.finished(1, millis(500), &mut most);
        assert_eq!(lengths.today(millis(7)), millis(7), "of that one nothing was known");
        lengths.finished(0, millis(5), &mut most);
        assert_eq!(lengths.today(millis(7)), millis(7), "what is fast may be fast by accident");
        lengths.finished(0, millis(900), &mut most);
        assert_eq!(lengths.today(millis(7)), millis(7), "its process may have paid for others");
        lengths.finished(0, millis(55), &mut most);
        assert_eq!(lengths.today(millis(7)), millis(7) * 7 / 3);
        assert_eq!(lengths.today(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn what_is_not_known_is_thought_to_be_like_its_neighbours() {
        let group = |items: std::ops::Range<usize>, lengths: &[Option<u64>]| Group {
            items: items.collect(),
            lengths: lengths.iter().map(|it| it.map(Duration::from_millis)).collect(),
            ..Group::default()
        };
        let groups = [group(0..3, &[Some(10), None, Some(30)]), group(3..4, &[Some(80)]), group(4..6, &[])];
        let lengths = Lengths::of(&groups, 2);
        let guesses: Vec<u128> = (0..6).map(|item| lengths.guess(item).as_millis()).collect();
        assert_eq!(guesses, [10, 20, 30, 80, 40, 40]);
        assert_eq!((lengths.known(1), lengths.known(3)), (None, Some(Duration::from_millis(80))));
        assert_eq!(Lengths::of(&groups[2..], 2).guess(5), SOMETHING);
        let alone = Lengths::of(&groups, 1);
        assert_eq!((alone.guess(3), alone.known(3)), (SOMETHING, lengths.known(3)));
    }
}
