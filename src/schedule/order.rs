//! In which order groups are begun. Those whose processes take several slots come first, the most at the head: at the
//! beginning all slots are free. Then comes the longest piece that cannot be divided, so that the short ones can fill the
//! gaps at the end (Graham's "longest processing time", 1969). Where nothing is known of the lengths these are the
//! units, the largest at the head; groups that are alike keep their order.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many slots a process of the group takes, and the longest piece that waits in it.
type Rank = (usize, Duration);

/// The groups in which something waits.
#[derive(Default)]
pub(super) struct Order {
    sorted: BTreeSet<(Reverse<Rank>, usize)>,
    /// By group, how it is sorted in.
    ranks: Vec<Option<Rank>>,
}

impl Order {
    /// One more group, in which nothing waits yet.
    pub(super) fn add(&mut self) {
        self.ranks.push(None);
    }

    /// The group has this rank from now on. With `None` nothing waits in it.
    pub(super) fn put(&mut self, group: usize, rank: Option<Rank>) {
        let before = std::mem::replace(&mut self.ranks[group], rank);
        if before == rank {
            return;
        }
        if let Some(before) = before {
            self.sorted.remove(&(Reverse(before), group));
        }
        if let Some(rank) = rank {
            self.sorted.insert((Reverse(rank), group));
        }
    }

    /// Whether the group comes before the other one.
    pub(super) fn is_before(&self, group: usize, other: usize) -> bool {
        let key = |group: usize| self.ranks[group].map(|rank| (Reverse(rank), group));
        key(group).is_some_and(|group| key(other).is_none_or(|other| group < other))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.sorted.iter().map(|(_, group)| *group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Group;
    use crate::schedule::lengths::Lengths;
    use crate::schedule::queue::Queue;

    fn order(groups: &[Group]) -> Vec<usize> {
        let lengths = Lengths::of(groups, 2);
        let mut order = Order::default();
        for (number, group) in groups.iter().enumerate() {
            order.add();
            order.put(number, Queue::new(group, &lengths).piece(&lengths).map(|piece| (group.slots.max(1), piece)));
        }
        order.iter().collect()
    }

    fn groups(all: &[(bool, &[Option<u64>])]) -> Vec<Group> {
        let mut next = 0;
        let group = |(unit, lengths): &(bool, &[Option<u64>])| {
            let items: Vec<usize> = (next..next + lengths.len()).collect();
            next += items.len();
            let lengths = lengths.iter().map(|it| it.map(Duration::from_millis)).collect();
            Group { items, lengths, unit: *unit, ..Group::default() }
        };
        all.iter().map(group).collect()
    }

    #[test]
    fn without_lengths_units_come_first_and_the_largest_of_them_at_the_head() {
        let all = groups(&[(false, &[None; 9]), (true, &[None; 2]), (false, &[None; 3]), (true, &[None; 5])]);
        assert_eq!(order(&all), [3, 1, 0, 2]);
    }

    #[test]
    fn with_lengths_the_longest_piece_comes_first() {
        let all = groups(&[(true, &[Some(3); 9]), (false, &[Some(1), Some(40)]), (true, &[Some(20), Some(30)])]);
        assert_eq!(order(&all), [2, 1, 0]);
    }

    #[test]
    fn a_group_that_shrinks_falls_back_and_an_empty_one_is_gone() {
        let millis = |it| Some((1, Duration::from_millis(it)));
        let mut order = Order::default();
        (0..2).for_each(|_| order.add());
        order.put(0, millis(5));
        order.put(1, millis(3));
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1]);
        order.put(0, millis(1));
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 0]);
        assert!(order.is_before(1, 0) && !order.is_before(0, 1));
        order.put(1, None);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0]);
        assert!(order.is_before(0, 1) && !order.is_before(1, 0));
    }

    #[test]
    fn what_takes_several_slots_comes_before_what_takes_one() {
        let all = groups(&[(false, &[None]), (false, &[None]), (true, &[None; 2]), (false, &[None])]);
        let slots = [0, 2, 1, 3];
        let all: Vec<Group> = all.into_iter().zip(slots).map(|(group, slots)| Group { slots, ..group }).collect();
        assert_eq!(order(&all), [3, 1, 2, 0]);
    }
}
