//! In which order groups are begun.

use super::Group;

/// Those whose processes take several slots come first, the most at the head: at the beginning all slots are free. Then
/// comes what cannot be divided, the largest at the head, so that the small and divisible rest can fill the gaps at the
/// end. Within that, groups keep their order.
pub(super) fn initial(groups: &[Group]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|group| {
        let group = &groups[*group];
        let indivisible = if group.unit { group.items.len() } else { 0 };
        std::cmp::Reverse((group.slots.max(1), indivisible))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_first_and_the_largest_of_them_at_the_head() {
        let group = |unit: bool, items: usize| Group { items: (0..items).collect(), unit, ..Group::default() };
        let groups = [group(false, 9), group(true, 2), group(false, 3), group(true, 5)];
        assert_eq!(initial(&groups), [3, 1, 0, 2]);
    }

    #[test]
    fn what_takes_several_slots_comes_before_what_takes_one() {
        let group = |slots: usize, unit: bool| Group { items: vec![0], slots, unit, ..Group::default() };
        assert_eq!(initial(&[group(0, false), group(2, false), group(1, true), group(3, false)]), [3, 1, 2, 0]);
    }
}
