//! How many tests the next process is given.
//!
//! A process costs some milliseconds, so small tests want large batches; a batch cannot be divided once it is given,
//! so long tests and the end of the run want small ones. Guided self-scheduling (Polychronopoulos and Kuck, 1987):
//! a fixed part of what is left, divided by the workers. What is left is counted in time, by the lengths of earlier runs
//! and by those measured so far in this one.

use std::time::Duration;

/// What is left to do, as far as the size of the next batch depends on it.
#[derive(Clone, Debug)]
pub(super) struct Left {
    /// Tests that no process was given, in all groups that may be divided.
    pub tests: usize,
    /// How long they will take one after another, as far as that can be said.
    pub time: Option<Duration>,
    /// How many tests were given to processes that have not ended them.
    pub given: usize,
    pub processes: usize,
    /// How many of them share a core.
    pub crowd: usize,
    /// What each process pays once.
    pub warmup: Duration,
    /// How much of that the next one is known to pay.
    pub once: Duration,
    /// How long the processes that run will still take, as far as that can be said.
    pub busy: Vec<Duration>,
}

/// How many tests a batch holds while nothing is known of their length.
const UNKNOWN: usize = 4;

/// And how many such batches there should be for each worker at least. Batches of tests whose lengths are known may be as
/// large as a worker's share, but no larger: what is known may be wrong.
const ROUNDS: usize = 2;

/// Below this a process would cost more than a quarter of the tests that it runs.
const SHORTEST: Duration = Duration::from_millis(20);

/// Beyond this a process costs next to nothing already, unless its tests keep something for each other, as a connection
/// to a database. So where much is left it may last longer: such a part of a worker's share, but no longer than is waited
/// for a test that holds others up.
const LONG: Duration = Duration::from_millis(250);
const PART: u32 = 4;
const LONGEST: Duration = super::fill::PATIENCE;

/// The shortest and the long one in multiples of what a process pays once.
const SHORTEST_OF_WARMUP: u32 = 4;
const LONG_OF_WARMUP: u32 = 12;

/// How many of the tests that wait in a group, from the head; at least one. Their lengths are given where they are known.
pub(super) fn size(lengths: impl Iterator<Item = Option<Duration>>, left: Left) -> usize {
    let wanted =
        left.time.map_or(LONG, |time| lasting(level(time, left.processes, left.busy), left.crowd, left.warmup));
    // It is paid for by a part of the share, but there has to be something to pay it for.
    let wanted = wanted.saturating_sub(left.once.min(wanted / 2));
    let unknown = left.tests.div_ceil(ROUNDS * left.processes).clamp(1, UNKNOWN);
    let worth_paying_for = left.warmup.saturating_mul(SHORTEST_OF_WARMUP);
    let share = match left.time.is_some_and(|time| worth_paying_for > SHORTEST && time < worth_paying_for) {
        // What would be left is not worth to be paid for once more.
        true => left.tests,
        false => (left.tests + left.given).div_ceil(left.processes).max(UNKNOWN),
    };
    let (mut size, mut time, mut strangers) = (0, Duration::ZERO, 0);
    for length in lengths {
        match length {
            // No test takes less.
            Some(length) => time += length.max(Duration::from_micros(1)),
            None => strangers += 1,
        }
        if size > 0 && (time > wanted || strangers > unknown || size == share) {
            break;
        }
        size += 1;
    }
    size
}

/// How long the next batch should take: most of a worker's share, but for a rest by which all can end together. A rest
/// that is not worth a process of its own is no rest.
///
/// Where several workers share a core, as they may if their tests wait, their processes start one after another, and each
/// is worth as much more. So it is where each of them has to make first what its tests keep.
fn lasting(share: Duration, crowd: usize, warmup: Duration) -> Duration {
    let times = u32::try_from(crowd).unwrap_or(u32::MAX);
    let at_least =
        |process: Duration, of_warmup| process.saturating_mul(times).max(warmup.saturating_mul(of_warmup)).min(LONGEST);
    let (shortest, long) = (at_least(SHORTEST, SHORTEST_OF_WARMUP), at_least(LONG, LONG_OF_WARMUP));
    let rest = share / 4;
    let part = if rest < shortest { share } else { share.saturating_sub(rest) };
    part.clamp(SHORTEST, (share / PART).clamp(long, LONGEST))
}

/// When all would end, if what is left were poured over the workers like water: those that are busy for longer get none.
fn level(left: Duration, processes: usize, mut busy: Vec<Duration>) -> Duration {
    busy.resize(processes.max(1), Duration::ZERO);
    busy.sort_unstable();
    let (mut filled, mut level) = (left, Duration::MAX);
    for (workers, busy) in (1_u32..).zip(busy) {
        if busy >= level {
            break;
        }
        filled = filled.saturating_add(busy);
        level = filled / workers;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Left = Left {
        tests: 0,
        time: None,
        given: 0,
        processes: 2,
        crowd: 1,
        warmup: Duration::ZERO,
        once: Duration::ZERO,
        busy: Vec::new(),
    };

    /// How many of so many tests that take so long, in milliseconds, if they are all that is left.
    fn of(tests: usize, processes: usize, millis: f64) -> usize {
        let length = Duration::from_secs_f64(millis / 1000.0);
        let left = Left { tests, time: Some(length * u32::try_from(tests).unwrap()), processes, ..LEFT };
        size(std::iter::repeat_n(Some(length), tests), left)
    }

    #[test]
    fn a_first_batch_is_small() {
        let unknown = |tests, processes| size(std::iter::repeat_n(None, tests), Left { tests, processes, ..LEFT });
        assert_eq!(unknown(2000, 2), 4);
        assert_eq!(unknown(3, 2), 1);
        let among_others = Left { tests: 300, ..LEFT };
        assert_eq!(size([None; 3].into_iter(), among_others), 3);
    }

    #[test]
    fn short_tests_fill_a_process_and_long_ones_come_alone() {
        assert_eq!(of(2000, 2, 0.2), 750);
        assert_eq!(of(160, 2, 10.0), 25);
        assert_eq!(of(2000, 2, 2000.0), 1);
        assert_eq!(of(2000, 2, 0.0), 1000);
    }

    #[test]
    fn where_much_is_left_batches_are_long_and_never_too_long() {
        assert_eq!(of(2000, 2, 10.0), 200);
        assert_eq!(of(216, 3, 60.0), 18);
        assert_eq!(of(20_000, 2, 10.0), 200);
    }

    #[test]
    fn where_workers_share_cores_a_process_has_to_be_worth_more() {
        let length = Some(Duration::from_millis(50));
        let of = |crowd| {
            let time = Some(Duration::from_secs(20));
            size(std::iter::repeat_n(length, 400), Left { tests: 400, time, processes: 64, crowd, ..LEFT })
        };
        assert_eq!((of(1), of(32)), (4, 6));
    }

    #[test]
    fn where_each_process_makes_something_first_there_are_few_of_them() {
        let length = Some(Duration::from_millis(10));
        let of = |tests, warmup| {
            let time = Some(Duration::from_millis(10) * u32::try_from(tests).unwrap());
            let left = Left { tests, time, warmup: Duration::from_millis(warmup), ..LEFT };
            size(std::iter::repeat_n(length, tests), left)
        };
        assert_eq!((of(40, 0), of(40, 45)), (15, 20), "the rest would not be worth another process");
        assert_eq!((of(160, 0), of(160, 45)), (25, 54));
        assert_eq!(
            (of(2000, 0), of(2000, 45), of(2000, 100_000)),
            (200, 200, 200),
            "nobody waits for longer than that"
        );
    }

    #[test]
    fn batches_shrink_toward_the_end_but_stay_worth_a_process() {
        assert_eq!(of(100, 2, 5.0), 37);
        assert_eq!(of(40, 2, 5.0), 15);
        assert_eq!(of(20, 2, 5.0), 10);
        assert_eq!(of(10, 2, 5.0), 5);
        assert_eq!(of(10, 2, 0.1), 5);
        assert_eq!(of(3, 2, 0.1), 3);
    }

    #[test]
    fn what_is_known_to_be_long_is_not_put_beside_others() {
        let lengths = [900, 30, 20, 1].map(|it| Some(Duration::from_millis(it)));
        let left = Left { tests: 4, time: Some(Duration::from_millis(951)), ..LEFT };
        assert_eq!(size(lengths.into_iter(), left), 1);
        let left = Left { tests: 3, time: Some(Duration::from_millis(51)), ..LEFT };
        assert_eq!(size(lengths[1..].iter().copied(), left.clone()), 1);
        assert_eq!(size(lengths[2..].iter().copied(), left), 2);
    }

    #[test]
    fn what_is_left_is_shared_with_those_who_will_be_free() {
        let millis = Duration::from_millis;
        assert_eq!(level(millis(100), 2, Vec::new()), millis(50));
        assert_eq!(level(millis(100), 2, vec![millis(60)]), millis(80));
        assert_eq!(level(millis(100), 2, vec![millis(700)]), millis(100));
        assert_eq!(level(millis(100), 3, vec![millis(700), millis(40)]), millis(70));
        assert_eq!(level(millis(100), 1, vec![millis(5); 3]), millis(105), "the cap was lowered");
    }

    #[test]
    fn a_few_that_are_not_known_may_come_with_those_that_are() {
        let known = Some(Duration::from_millis(1));
        let lengths = [known, known, None, known, None, None, None, None, known];
        let left = Left { tests: 1000, time: Some(Duration::from_secs(10)), ..LEFT };
        assert_eq!(size(lengths.into_iter(), left), 7);
    }
}
