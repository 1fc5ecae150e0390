//! What must hold of every history that a scheduler can meet, tried on random ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::{Action, Batch, Group, Input, Item, Process, Scheduler, Spec, Stop};

/// A world that does what the scheduler asks, with chance deciding what happens next, and checks it on the way.
struct World {
    spec: Spec,
    scheduler: Scheduler,
    now: Duration,
    running: BTreeMap<Process, (Batch, Vec<Item>)>,
    /// How many attempts of each item have finished; diagnoses apart.
    attempts: BTreeMap<Item, u32>,
    final_results: BTreeMap<Item, u32>,
    slots: usize,
    asked: usize,
    stopped: bool,
    steps: usize,
    /// How many processes there were when the cap was lowered, and not fewer since.
    allowed: usize,
}

/// What happens next to a process, drawn by chance.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Pass,
    Fail,
    /// The process dies before it finishes what it runs.
    Die,
    Grant,
    Stop(Stop),
    /// Somebody changes the cap.
    Cap(usize),
    Wait,
}

impl World {
    fn new(spec: Spec) -> Self {
        let scheduler = Scheduler::new(spec.clone());
        let mut world = Self {
            spec,
            scheduler,
            now: Duration::ZERO,
            running: BTreeMap::new(),
            attempts: BTreeMap::new(),
            final_results: BTreeMap::new(),
            slots: 0,
            asked: 0,
            stopped: false,
            steps: 0,
            allowed: 0,
        };
        world.step(Input::Tick);
        world
    }

    fn step(&mut self, input: Input) {
        self.steps += 1;
        if let Input::SlotGranted = input {
            self.asked -= 1;
            self.slots += 1;
        }
        if let Input::Stop(_) = input {
            self.stopped = true;
        }
        for action in self.scheduler.step(self.now, input) {
            match action {
                Action::Spawn(batch) => self.spawn(batch),
                Action::RequestSlot => self.asked += 1,
                Action::ReleaseSlot => self.slots -= 1,
                // The world does not hurry: what is killed goes when its turn comes.
                Action::Kill(_) | Action::Terminate { .. } | Action::Slow { .. } => {}
            }
        }
        self.allowed = self.allowed.min(self.running.len());
        self.check();
    }

    fn spawn(&mut self, batch: Batch) {
        assert!(!self.stopped, "nothing starts after a stop");
        assert!(!batch.items.is_empty(), "no process starts for nothing");
        assert!(batch.items.is_sorted(), "a batch is in the order in which it runs");
        let group = &self.spec.groups[batch.group];
        assert!(batch.items.len() <= group.per_process, "a process is given no more than it may run");
        let same_group = self.running.values().filter(|(other, _)| other.group == batch.group).count();
        assert!(!group.unit || same_group == 0, "a unit has one process at a time");
        for (other, left) in self.running.values() {
            assert_ne!(other.worker, batch.worker, "a worker has one process at a time");
            assert!(!left.iter().any(|item| batch.items.contains(item)), "an item is in one process at a time");
        }
        for item in &batch.items {
            let done = self.attempts.get(item).copied().unwrap_or(0);
            assert!(batch.diagnosis || batch.attempt == done + 1, "attempts are counted without a gap");
            assert!(batch.diagnosis || !self.final_results.contains_key(item), "what is decided is not run again");
        }
        self.running.insert(batch.process, (batch.clone(), batch.items));
    }

    fn check(&self) {
        assert!(self.running.len() <= self.slots + 1, "no more processes than slots, and the one that is owned");
        assert!(self.running.len() <= self.spec.processes.max(self.allowed), "the cap holds");
        assert!(self.slots <= self.running.len().saturating_sub(1), "no slot is held without a process in it");
        for (limit, most) in self.spec.limits.iter().enumerate() {
            let counted = self.running.values().filter(|(it, _)| self.spec.groups[it.group].limits.contains(&limit));
            assert!(counted.count() <= *most, "a limit holds");
        }
        if !self.stopped && self.could_start() && self.running.len() < self.spec.processes {
            assert!(self.asked > 0, "it asks for every slot that it could use");
        }
    }

    /// Whether a fresh unit or item waits that no limit holds back. (Computed from the world's own books.)
    fn could_start(&self) -> bool {
        let running: BTreeSet<Item> = self.running.values().flat_map(|(_, left)| left.iter().copied()).collect();
        self.spec.groups.iter().enumerate().any(|(number, group)| {
            let waits = |item: &Item| !running.contains(item) && !self.final_results.contains_key(item);
            let active = self.running.values().any(|(it, _)| it.group == number);
            let counted = |limit: usize| {
                self.running.values().filter(|(it, _)| self.spec.groups[it.group].limits.contains(&limit)).count()
            };
            group.items.iter().any(waits)
                && !(group.unit && active)
                && group.limits.iter().all(|limit| counted(*limit) < self.spec.limits[*limit])
        })
    }

    fn meet(&mut self, fate: Fate, choice: usize) {
        self.now += Duration::from_millis(1);
        match fate {
            Fate::Grant if self.asked > 0 => self.step(Input::SlotGranted),
            Fate::Stop(stop) => self.step(Input::Stop(stop)),
            Fate::Cap(cap) => {
                // What runs already may run on.
                self.allowed = self.running.len();
                self.spec.processes = cap;
                self.step(Input::Cap(cap));
            }
            Fate::Pass | Fate::Fail | Fate::Die if !self.running.is_empty() => {
                let process = *self.running.keys().nth(choice % self.running.len()).unwrap();
                self.advance(process, fate);
            }
            _ => self.step(Input::Tick),
        }
    }

    fn advance(&mut self, process: Process, fate: Fate) {
        let (batch, left) = self.running.get_mut(&process).unwrap();
        let (batch, next) = (batch.clone(), left.first().copied());
        if let (Fate::Pass | Fate::Fail, Some(item)) = (fate, next) {
            self.step(Input::ItemStarted { process, item });
            self.finish(&batch, item, matches!(fate, Fate::Pass));
        } else {
            self.running.remove(&process);
            self.step(Input::ProcessExited(process));
        }
    }

    fn finish(&mut self, batch: &Batch, item: Item, passed: bool) {
        let again = !passed && self.scheduler.tries_again(batch.process);
        if !batch.diagnosis {
            *self.attempts.entry(item).or_default() += 1;
            if !again {
                *self.final_results.entry(item).or_default() += 1;
            }
        }
        if let Some((_, left)) = self.running.get_mut(&batch.process) {
            left.remove(0);
        }
        let duration = Duration::from_millis(1);
        self.step(Input::ItemFinished { process: batch.process, item, passed, duration });
    }

    /// Lets everything pass until nothing is left.
    fn settle(&mut self) {
        let most = 20 * (self.spec.groups.iter().map(|group| group.items.len()).sum::<usize>() + 10);
        for _ in 0..most {
            if self.scheduler.is_done() {
                return;
            }
            let fate = if self.asked > 0 && self.running.is_empty() { Fate::Grant } else { Fate::Pass };
            self.meet(fate, 0);
        }
        panic!("the scheduler is stuck with {} processes", self.running.len());
    }
}

fn specs() -> impl Strategy<Value = Spec> {
    let group = (1..20_usize, any::<bool>(), 1..8_usize, prop::collection::btree_set(0..2_usize, 0..3));
    let groups = prop::collection::vec(group, 1..6);
    (groups, [1..4_usize, 1..4_usize], 1..6_usize, 0..3_u32, any::<bool>()).prop_map(
        |(groups, limits, processes, retries, diagnose)| {
            let mut next = 0;
            let groups = groups.into_iter().map(|(size, unit, per_process, limits)| {
                let items: Vec<Item> = (next..next + size).collect();
                next += size;
                let per_process = if unit { usize::MAX } else { per_process };
                Group { timeouts: vec![None; size], items, unit, per_process, limits: limits.into_iter().collect() }
            });
            Spec {
                groups: groups.collect(),
                limits: limits.to_vec(),
                processes,
                retries,
                max_fail: None,
                diagnose,
                grace: Duration::from_secs(1),
                slow: Duration::from_secs(60),
            }
        },
    )
}

fn fates() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![
        6 => Just(Fate::Pass),
        2 => Just(Fate::Fail),
        1 => Just(Fate::Die),
        4 => Just(Fate::Grant),
        1 => Just(Fate::Wait),
        1 => (1..6_usize).prop_map(Fate::Cap),
    ];
    prop::collection::vec((fate, 0..8_usize), 0..200)
}

proptest! {
    #[test]
    fn every_item_is_decided_exactly_once_when_nothing_stops_the_run(spec in specs(), fates in fates()) {
        let mut world = World::new(spec);
        for (fate, choice) in fates {
            world.meet(fate, choice);
        }
        world.settle();
        let items: usize = world.spec.groups.iter().map(|group| group.items.len()).sum();
        prop_assert_eq!(world.final_results.len(), items);
        prop_assert!(world.final_results.values().all(|times| *times == 1));
        prop_assert!(world.attempts.values().all(|attempts| *attempts <= world.spec.retries + 1));
        prop_assert_eq!(world.slots, 0);
    }

    #[test]
    fn after_a_stop_nothing_starts_and_the_run_ends(
        spec in specs(),
        fates in fates(),
        stop in prop_oneof![Just(Stop::Drain), Just(Stop::Terminate), Just(Stop::Kill)],
        rest in fates_of_a_stopped_run(),
    ) {
        let mut world = World::new(spec);
        for (fate, choice) in fates {
            world.meet(fate, choice);
        }
        world.meet(Fate::Stop(stop), 0);
        for (fate, choice) in rest {
            world.meet(fate, choice);
        }
        world.settle();
        prop_assert!(world.running.is_empty());
        prop_assert_eq!(world.slots, 0);
        prop_assert!(world.final_results.values().all(|times| *times == 1));
    }
}

fn fates_of_a_stopped_run() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![Just(Fate::Pass), Just(Fate::Fail), Just(Fate::Die), Just(Fate::Grant), Just(Fate::Wait)];
    prop::collection::vec((fate, 0..8_usize), 0..40)
}

fn one_group(items: usize, timeout: Option<Duration>) -> Spec {
    let group = Group {
        items: (0..items).collect(),
        timeouts: vec![timeout; items],
        unit: true,
        per_process: usize::MAX,
        limits: Vec::new(),
    };
    Spec {
        groups: vec![group],
        limits: Vec::new(),
        processes: 2,
        retries: 0,
        max_fail: None,
        diagnose: false,
        grace: Duration::from_secs(3),
        slow: Duration::from_secs(60),
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn an_item_whose_time_is_up_is_asked_to_end_and_then_made_to() {
    let mut scheduler = Scheduler::new(one_group(2, Some(secs(10))));
    assert!(matches!(scheduler.step(secs(0), Input::Tick)[..], [Action::Spawn(_)]));
    scheduler.step(secs(1), Input::ItemStarted { process: 1, item: 0 });
    assert_eq!(scheduler.next_deadline(), Some(secs(11)));
    assert_eq!(scheduler.step(secs(10), Input::Tick), []);
    let late = Action::Terminate { process: 1, late: Some(0) };
    assert_eq!(scheduler.step(secs(11), Input::Tick), [late]);
    assert_eq!(scheduler.next_deadline(), Some(secs(14)));
    assert_eq!(scheduler.step(secs(14), Input::Tick), [Action::Kill(1)]);
    let finished = Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(13) };
    assert_eq!(scheduler.step(secs(14), finished), []);
    let rest = scheduler.step(secs(14), Input::ProcessExited(1));
    assert!(matches!(&rest[..], [Action::Spawn(batch)] if batch.items == [1]), "the rest of the unit goes on");
}

#[test]
fn what_waits_behind_a_slow_item_goes_to_an_idle_worker() {
    let mut scheduler = Scheduler::new(one_divisible_group_of(8));
    let actions = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&actions[0], Action::Spawn(batch) if batch.items == [0, 1]), "{actions:?}");
    let second = scheduler.step(secs(0), Input::SlotGranted);
    assert!(matches!(&second[0], Action::Spawn(batch) if batch.items == [2, 3]), "{second:?}");
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    // The second worker does all the rest.
    let mut process = 2;
    let mut left = vec![2, 3];
    while !left.is_empty() {
        for item in left {
            scheduler.step(secs(1), Input::ItemStarted { process, item });
            let duration = Duration::from_millis(1);
            scheduler.step(secs(1), Input::ItemFinished { process, item, passed: true, duration });
        }
        let actions = scheduler.step(secs(1), Input::ProcessExited(process));
        left = actions
            .iter()
            .find_map(|it| if let Action::Spawn(batch) = it { Some(batch.items.clone()) } else { None })
            .unwrap_or_default();
        process += 1;
    }
    assert_eq!(scheduler.next_deadline(), Some(secs(2)), "then it waits for the slow item, but not for ever");
    assert_eq!(scheduler.step(secs(2), Input::Tick), [Action::RequestSlot]);
    let robbed = scheduler.step(secs(2), Input::SlotGranted);
    assert!(matches!(&robbed[..], [Action::Spawn(batch)] if batch.items == [1]), "{robbed:?}");
    let finished = Input::ItemFinished { process: 1, item: 0, passed: true, duration: secs(3) };
    assert_eq!(scheduler.step(secs(3), finished), [Action::Kill(1)], "it would begin what another has");
}

fn one_divisible_group_of(items: usize) -> Spec {
    let mut spec = one_group(items, None);
    spec.groups[0].unit = false;
    spec
}

#[test]
fn an_item_that_somebody_ends_is_asked_then_made_to_and_not_tried_again() {
    let spec = Spec { retries: 3, ..one_group(2, None) };
    let mut scheduler = Scheduler::new(spec);
    scheduler.step(secs(0), Input::Tick);
    assert_eq!(scheduler.step(secs(0), Input::End(1)), [], "nothing runs yet");
    scheduler.step(secs(1), Input::ItemStarted { process: 1, item: 0 });
    let asked = Action::Terminate { process: 1, late: Some(0) };
    assert_eq!(scheduler.step(secs(2), Input::End(1)), [asked]);
    assert_eq!(scheduler.step(secs(3), Input::End(1)), [Action::Kill(1)]);
    assert_eq!(scheduler.step(secs(3), Input::End(1)), []);
    assert!(!scheduler.tries_again(1));
    scheduler.step(secs(3), Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(2) });
    let rest = scheduler.step(secs(3), Input::ProcessExited(1));
    assert!(matches!(&rest[..], [Action::Spawn(batch)] if batch.items == [1]), "{rest:?}");
    assert!(scheduler.tries_again(2), "the others are tried again as ever");
}

#[test]
fn under_a_lower_cap_the_last_process_goes_after_its_item() {
    let mut scheduler = Scheduler::new(one_divisible_group_of(8));
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(0), Input::SlotGranted);
    for (process, item) in [(1, 0), (2, 2)] {
        scheduler.step(secs(0), Input::ItemStarted { process, item });
    }
    assert_eq!(scheduler.step(secs(1), Input::Cap(1)), [], "nothing is ended in the middle of an item");
    assert_eq!(scheduler.slots(), super::Slots { held: 2, waiting: 0, cap: 1 });
    let finished = |process, item| Input::ItemFinished { process, item, passed: true, duration: secs(1) };
    assert_eq!(scheduler.step(secs(1), finished(1, 0)), [], "one may stay");
    assert_eq!(scheduler.step(secs(1), finished(2, 2)), [Action::Kill(2)]);
    assert_eq!(scheduler.step(secs(1), Input::ProcessExited(2)), [Action::ReleaseSlot]);
    assert_eq!(scheduler.step(secs(2), Input::Cap(3)), [Action::RequestSlot, Action::RequestSlot]);
    let more = scheduler.step(secs(2), Input::SlotGranted);
    assert!(matches!(&more[..], [Action::Spawn(batch)] if batch.worker == 1), "{more:?}");
}

#[test]
fn each_item_has_its_own_time() {
    let mut scheduler = Scheduler::new(one_group(2, Some(secs(10))));
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    scheduler.step(secs(9), Input::ItemFinished { process: 1, item: 0, passed: true, duration: secs(9) });
    scheduler.step(secs(9), Input::ItemStarted { process: 1, item: 1 });
    assert_eq!(scheduler.step(secs(18), Input::Tick), []);
    assert_eq!(scheduler.next_deadline(), Some(secs(19)));
}

#[test]
fn a_slow_item_is_told_at_doubling_intervals() {
    let mut scheduler = Scheduler::new(one_group(1, None));
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    let slow = |elapsed| Action::Slow { process: 1, item: 0, elapsed: secs(elapsed) };
    assert_eq!(scheduler.step(secs(60), Input::Tick), [slow(60)]);
    assert_eq!(scheduler.step(secs(119), Input::Tick), []);
    assert_eq!(scheduler.step(secs(120), Input::Tick), [slow(120)]);
    assert_eq!(scheduler.next_deadline(), Some(secs(240)));
}

#[test]
fn after_the_last_failure_allowed_running_items_finish_and_what_began_meanwhile_does_not() {
    let mut scheduler = Scheduler::new(Spec { max_fail: Some(1), ..one_group(3, None) });
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    let failed = Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(1) };
    assert_eq!(scheduler.step(secs(1), failed), [Action::Kill(1)]);
    assert_eq!(scheduler.step(secs(1), Input::ProcessExited(1)), []);
    assert!(scheduler.is_done());
}

#[test]
fn a_failure_after_others_is_diagnosed_alone_and_a_first_one_is_not() {
    let mut scheduler = Scheduler::new(Spec { diagnose: true, ..one_group(2, None) });
    scheduler.step(secs(0), Input::Tick);
    for item in [0, 1] {
        scheduler.step(secs(0), Input::ItemStarted { process: 1, item });
        scheduler.step(secs(1), Input::ItemFinished { process: 1, item, passed: false, duration: secs(1) });
    }
    let actions = scheduler.step(secs(2), Input::ProcessExited(1));
    assert!(matches!(&actions[..], [Action::Spawn(batch)] if batch.items == [1] && batch.diagnosis));
}
