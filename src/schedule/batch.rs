//! How many tests the next process is given.
//!
//! A process costs some milliseconds, so small tests want large batches; a batch cannot be divided once it is given,
//! so long tests and the end of the run want small ones. Guided self-scheduling (Polychronopoulos and Kuck, 1987)
//! gives the upper bound: a fixed part of what is left, divided by the workers. The lengths measured so far in this
//! run give the rest.

use std::time::Duration;

/// What is left to do, as far as the size of the next batch depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// Tests of the group that have not been given to a process.
    pub in_group: usize,
    /// The same for all groups that may be divided.
    pub in_all: usize,
    pub processes: usize,
    /// The mean length of the group's tests, once one has finished.
    pub mean: Option<Duration>,
}

/// Every worker should get this many more batches, if the tests are alike.
const ROUNDS: usize = 2;

/// How many tests a batch holds while nothing is known of their length.
const UNKNOWN: usize = 4;

/// Below this a process would cost more than a quarter of the tests that it runs.
const SHORTEST: Duration = Duration::from_millis(20);

/// Beyond this a process costs next to nothing already.
const LONGEST: Duration = Duration::from_millis(250);

/// At least 1, at most what the group has left.
pub(super) fn size(left: Left) -> usize {
    let guided = left.in_all.div_ceil(ROUNDS * left.processes).max(1);
    let size = match left.mean {
        None => guided.min(UNKNOWN),
        Some(mean) => {
            let lasting = |time: Duration| {
                usize::try_from(time.as_nanos() / mean.as_nanos().max(1_000)).unwrap_or(usize::MAX).max(1)
            };
            guided.clamp(lasting(SHORTEST), lasting(LONGEST))
        }
    };
    size.min(left.in_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(in_group: usize, in_all: usize, processes: usize, millis: Option<f64>) -> Left {
        Left { in_group, in_all, processes, mean: millis.map(|millis| Duration::from_secs_f64(millis / 1000.0)) }
    }

    #[test]
    fn a_first_batch_is_small() {
        assert_eq!(size(left(2000, 2000, 2, None)), 4);
        assert_eq!(size(left(3, 300, 2, None)), 3);
    }

    #[test]
    fn short_tests_fill_a_process_and_long_ones_come_alone() {
        assert_eq!(size(left(2000, 2000, 2, Some(0.2))), 500);
        assert_eq!(size(left(2000, 2000, 2, Some(10.0))), 25);
        assert_eq!(size(left(2000, 2000, 2, Some(2000.0))), 1);
    }

    #[test]
    fn batches_shrink_toward_the_end_but_stay_worth_a_process() {
        assert_eq!(size(left(100, 100, 2, Some(5.0))), 25);
        assert_eq!(size(left(10, 10, 2, Some(5.0))), 4);
        assert_eq!(size(left(10, 10, 2, Some(0.1))), 10);
    }
}
