//! How many slots were in use, and how many were waited for, over the time of a run. Pure.

/// [seconds, in use, waited for], until the next one.
pub(super) type Step = (f64, usize, usize);

/// What was said of slots, and what ran: `bars` are the start and the end of all that ran in a slot. Changes that come
/// close together are said as one, so what ran may know better. Empty if nothing was said.
pub(super) fn steps(said: &[Step], bars: impl Iterator<Item = (f64, f64)>) -> Vec<Step> {
    if said.is_empty() {
        return Vec::new();
    }
    // What starts at the moment at which another one ends takes over its slot.
    let mut changes: Vec<(f64, Change)> =
        bars.flat_map(|(start, end)| [(start, Change::Start), (end, Change::End)]).collect();
    changes.extend(said.iter().map(|(at, held, waiting)| (*at, Change::Said(*held, *waiting))));
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.order().cmp(&b.1.order())));
    let (mut busy, mut held, mut waiting) = (0, 0, 0);
    let mut steps: Vec<Step> = Vec::new();
    for (at, change) in changes {
        match change {
            Change::Start => busy += 1,
            Change::End => busy -= 1,
            Change::Said(now_held, now_waiting) => (held, waiting) = (now_held, now_waiting),
        }
        let in_use = held.max(busy);
        let step = (at, in_use, waiting.saturating_sub(in_use - held));
        match steps.last_mut() {
            Some(last) if (last.1, last.2) == (step.1, step.2) => {}
            #[expect(clippy::float_cmp, reason = "of one moment only the last counts")]
            Some(last) if last.0 == at => *last = step,
            _ => steps.push(step),
        }
    }
    steps
}

#[derive(Clone, Copy)]
enum Change {
    Start,
    Said(usize, usize),
    End,
}

impl Change {
    fn order(self) -> u8 {
        match self {
            Self::Start => 0,
            Self::Said(..) => 1,
            Self::End => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_had_a_slot_though_that_was_said_later() {
        let said = [(0.013, 2, 1), (1.0, 1, 0), (2.0, 0, 0)];
        let bars = [(0.0085, 1.0), (0.0085, 1.0), (1.0, 2.0)];
        let steps = steps(&said, bars.into_iter());
        assert_eq!(steps, [(0.0085, 2, 0), (0.013, 2, 1), (1.0, 1, 0), (2.0, 0, 0)]);
    }

    #[test]
    fn a_slot_that_is_held_while_nothing_runs_is_in_use() {
        assert_eq!(steps(&[(0.0, 1, 0), (3.0, 0, 0)], [(1.0, 2.0)].into_iter()), [(0.0, 1, 0), (3.0, 0, 0)]);
    }

    #[test]
    fn where_nothing_was_said_nothing_is_made_up() {
        assert_eq!(steps(&[], [(1.0, 2.0)].into_iter()), []);
    }
}
