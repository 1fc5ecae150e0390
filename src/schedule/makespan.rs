//! How long runs take whose lengths are known, on slots that cost nothing and processes that do.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Action, Batch, Group, Input, Process, Scheduler, Spec};

/// What a process costs before its first item.
const START: Duration = Duration::from_millis(4);

/// Lets a run go as its lengths say, and gives the time at which its last process ends.
fn makespan(spec: &Spec) -> Duration {
    let lengths: BTreeMap<usize, Duration> = spec
        .groups
        .iter()
        .flat_map(|it| it.items.iter().copied().zip(it.lengths.iter().map(|it| it.unwrap_or_default())))
        .collect();
    let mut scheduler = Scheduler::new(spec.clone());
    let mut ends: BTreeMap<(Duration, Process), Batch> = BTreeMap::new();
    let mut now = Duration::ZERO;
    let mut inputs = vec![Input::Tick];
    loop {
        while let Some(input) = inputs.pop() {
            for action in scheduler.step(now, input) {
                match action {
                    Action::Spawn(batch) => {
                        let takes: Duration = batch.items.iter().map(|item| lengths[item]).sum();
                        ends.insert((now + START + takes, batch.process), batch);
                    }
                    Action::RequestSlot => inputs.push(Input::SlotGranted),
                    _ => {}
                }
            }
        }
        let Some(((at, process), batch)) = ends.pop_first() else { break };
        now = at;
        for item in batch.items {
            scheduler.step(now, Input::ItemFinished { process, item, passed: true, duration: lengths[&item] });
        }
        inputs.push(Input::ProcessExited(process));
    }
    assert!(scheduler.is_done());
    now
}

fn spec(groups: &[(bool, Vec<u64>)], processes: usize) -> Spec {
    let mut next = 0;
    let group = |(unit, millis): &(bool, Vec<u64>)| {
        let items: Vec<usize> = (next..next + millis.len()).collect();
        next += items.len();
        Group {
            timeouts: vec![None; items.len()],
            lengths: millis.iter().map(|it| Some(Duration::from_millis(*it))).collect(),
            items,
            unit: *unit,
            per_process: usize::MAX,
            ..Group::default()
        }
    };
    Spec::sample(groups.iter().map(group).collect(), processes)
}

#[test]
fn uneven_modules_of_long_tests_come_to_the_bound() {
    for (processes, tests_long) in [(2, 6), (3, 4), (4, 3)] {
        let took = makespan(&spec(&[(false, vec![2000; 9]), (false, vec![2000; 2])], processes));
        assert_eq!(took, (Duration::from_secs(2) + START) * tests_long);
    }
}

#[test]
fn tests_that_wait_are_spread_over_many_workers() {
    let took = makespan(&spec(&[(false, vec![50; 400])], 64));
    assert_eq!(took.as_millis() / 50, 7, "seven rounds are the bound: {took:?}");
    assert!(took < Duration::from_millis(350) + 7 * START, "{took:?}");
}

#[test]
fn the_longest_one_begins_first_wherever_it_stands() {
    let mut short = vec![10; 300];
    short.push(2000);
    let took = makespan(&spec(&[(true, vec![100; 10]), (false, vec![5; 100]), (false, short)], 4));
    assert!(took < Duration::from_millis(2010), "{took:?}");
}

#[test]
fn many_small_tests_need_few_processes() {
    let spec = spec(&[(false, vec![1; 200])], 2);
    let took = makespan(&spec);
    assert!(took <= Duration::from_millis(100) + 3 * START, "{took:?}");
}

proptest! {
    /// Graham's bound for any list, with what processes cost and what a batch may hold.
    #[test]
    fn nobody_is_idle_for_long_while_there_is_work(
        groups in prop::collection::vec((any::<bool>(), prop::collection::vec(0..800_u64, 1..30)), 1..12),
        processes in 1..9_usize,
    ) {
        let spec = spec(&groups, processes);
        let took = makespan(&spec);
        let all: u64 = groups.iter().flat_map(|(_, millis)| millis).sum();
        let piece = |(unit, millis): &(bool, Vec<u64>)| {
            if *unit { millis.iter().sum::<u64>() } else { millis.iter().copied().max().unwrap_or(0) }
        };
        let longest = groups.iter().map(piece).max().unwrap_or(0).max(250);
        let share = Duration::from_millis(all) / u32::try_from(processes).unwrap();
        // No two batches together are shorter than the shortest that a process is worth.
        let starts = u32::try_from(all / 10 / processes as u64 + groups.len() as u64 + 2).unwrap();
        let bound = share + Duration::from_millis(longest) + START * starts;
        prop_assert!(took <= bound, "{:?} > {:?}", took, bound);
    }
}
