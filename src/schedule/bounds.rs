//! What must hold of a run's bounds, which are time limits, the failures allowed and the slots that it can use, tried on
//! random histories. The world here keeps books of its own and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::clocks::ExitLimit;
use super::properties::lengths;
use super::{Action, Batch, Group, Input, Item, Process, Scheduler, Spec, Stop};

struct World {
    spec: Spec,
    scheduler: Scheduler,
    now: Duration,
    running: BTreeMap<Process, Running>,
    /// To be run, or to be tried again.
    waiting: BTreeSet<Item>,
    /// To be run alone once more.
    diagnoses: Vec<Item>,
    decided: BTreeMap<Item, u32>,
    failures: usize,
    slots: usize,
    asked: usize,
    /// What the run was asked to do.
    stop: Option<Stop>,
}

struct Running {
    batch: Batch,
    /// What it has not finished; the first one is the one that runs, if any does.
    left: Vec<Item>,
    runs: bool,
    /// When that began, or the process did, or it ended its last item.
    since: Duration,
    /// When it was asked to end.
    asked: Option<Duration>,
    killed: bool,
}

/// What happens next, drawn by chance.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Start,
    Pass,
    Fail,
    /// The process ends: in the middle of its item, if one runs.
    End,
    Grant,
    Wait(Duration),
    /// The next deadline comes, and nothing before it.
    Deadline,
    Stop(Stop),
}

impl World {
    fn new(spec: Spec) -> Self {
        let mut world = Self {
            scheduler: Scheduler::new(spec.clone()),
            now: Duration::ZERO,
            running: BTreeMap::new(),
            waiting: spec.groups.iter().flat_map(|group| group.items.iter().copied()).collect(),
            diagnoses: Vec::new(),
            decided: BTreeMap::new(),
            failures: 0,
            slots: 0,
            asked: 0,
            stop: None,
            spec,
        };
        world.step(Input::Tick);
        world
    }

    /// How the run ends, if it does before its time.
    fn stopped(&self) -> Option<Stop> {
        let failed = self.spec.max_fail.is_some_and(|most| self.failures >= most);
        self.stop.max(failed.then_some(Stop::Drain))
    }

    fn step(&mut self, input: Input) {
        if let Input::SlotGranted = input {
            self.asked -= 1;
            self.slots += 1;
        }
        let mut requests = 0;
        for action in self.scheduler.step(self.now, input) {
            match action {
                Action::Spawn(batch) => self.spawn(batch),
                Action::RequestSlot => requests += 1,
                Action::ReleaseSlot => self.slots -= 1,
                Action::Terminate { process, late } => self.terminate(process, late),
                Action::Kill(process) => self.kill(process, input),
                Action::Slow { process, elapsed, .. } => {
                    let running = &self.running[&process];
                    assert!(running.runs && running.since + elapsed == self.now && elapsed >= self.spec.slow);
                }
                other => panic!("there are no hosts and no contexts here: {other:?}"),
            }
        }
        self.asked += requests;
        self.check_slots(requests);
        self.check_clocks(input);
        assert_eq!(
            self.scheduler.is_stopped(),
            self.stopped().is_some(),
            "as many failures as are allowed stop the run"
        );
    }

    fn spawn(&mut self, batch: Batch) {
        assert_eq!(self.stopped(), None, "nothing starts after a stop");
        for item in &batch.items {
            match batch.diagnosis {
                true => self.diagnoses.retain(|it| it != item),
                false => assert!(self.waiting.remove(item), "what starts was waiting"),
            }
        }
        let left = batch.items.clone();
        let running = Running { batch, left, runs: false, since: self.now, asked: None, killed: false };
        self.running.insert(running.batch.process, running);
    }

    fn terminate(&mut self, process: Process, late: Option<Item>) {
        let is_due = self.due(&self.running[&process]).is_some_and(|due| due <= self.now);
        let stopped = self.stopped();
        let running = self.running.get_mut(&process).unwrap();
        assert!(running.asked.is_none() && !running.killed, "a process is asked to end once");
        match late {
            Some(item) => assert!(is_due && running.left.first() == Some(&item), "its time is up, and nobody else's"),
            None => assert!(stopped == Some(Stop::Terminate) || (is_due && running.left.is_empty())),
        }
        running.asked = Some(self.now);
    }

    fn kill(&mut self, process: Process, input: Input) {
        let stopped = self.stopped();
        let running = self.running.get_mut(&process).unwrap();
        assert!(!running.killed, "a process is killed once");
        let has_finished = matches!(input, Input::ItemFinished { process: it, .. } if it == process);
        let is_over = running.asked.is_some_and(|at| at + self.spec.grace <= self.now);
        let begins_another = !running.runs && (stopped.is_some() || (has_finished && running.asked.is_some()));
        assert!(is_over || begins_another || stopped == Some(Stop::Kill), "no process is killed without a reason");
        running.killed = true;
    }

    /// When the time is up of what a process is at.
    fn due(&self, running: &Running) -> Option<Duration> {
        let group = &self.spec.groups[running.batch.group];
        let timeout = |item: &Item| group.timeouts[group.items.iter().position(|it| it == item).unwrap()];
        match running.left.first() {
            Some(item) => timeout(item).map(|limit| running.since + limit),
            None => Some(running.since + ExitLimit::after(running.batch.items.last().and_then(timeout)).limit),
        }
    }

    fn check_clocks(&self, input: Input) {
        let next = self.scheduler.next_deadline();
        let is_awaited = |deadline: Duration| next.is_some_and(|next| next <= deadline);
        for (process, running) in self.running.iter().filter(|(_, running)| !running.killed) {
            match (running.asked, self.due(running)) {
                (Some(asked), _) => {
                    assert!(self.now < asked + self.spec.grace, "whoever does not end in time is killed");
                    assert!(is_awaited(asked + self.spec.grace), "the end of the grace is not slept through");
                }
                (None, Some(due)) => {
                    assert!(self.now < due, "whoever takes too long is asked to end");
                    assert!(is_awaited(due), "the end of a time limit is not slept through");
                }
                (None, None) => {}
            }
            let has_finished = matches!(input, Input::ItemFinished { process: it, .. } if it == *process);
            let is_between = !running.runs && !running.left.is_empty();
            match self.stopped() {
                None => assert!(!(has_finished && is_between && running.asked.is_some()), "it begins nothing any more"),
                Some(Stop::Drain) => assert!(!is_between, "what has not begun does not begin after a stop"),
                Some(Stop::Terminate) => assert!(running.asked.is_some(), "all are asked to end"),
                Some(Stop::Kill) => panic!("all are killed"),
            }
        }
    }

    fn check_slots(&self, requests: usize) {
        assert!(self.running.len() <= self.slots + 1, "no more processes than slots, and the one that is owned");
        assert!(self.slots <= self.running.len().saturating_sub(1), "no slot is held without a process in it");
        let usable = (self.running.len() + self.startable()).saturating_sub(1);
        let (known, stopped) = (self.slots + self.asked, self.stopped().is_some());
        assert!(stopped || known >= usable, "it asks for every slot that it could use: {known} of {usable}");
        // What was asked for cannot be taken back, though it may have become useless.
        assert!(requests == 0 || (known == usable && !stopped), "and for no other: {known} of {usable}");
    }

    /// How many more processes could run if there were slots, an item in each. Who comes first is served first, where
    /// several groups share a limit.
    fn startable(&self) -> usize {
        let counts = |limit: usize| {
            self.running.values().filter(|it| self.spec.groups[it.batch.group].limits.contains(&limit)).count()
        };
        let mut room: Vec<usize> = (0..self.spec.limits.len()).map(|it| self.spec.limits[it] - counts(it)).collect();
        let mut startable = 0;
        for number in self.scheduler.order.iter() {
            let group = &self.spec.groups[number];
            let waiting = group.items.iter().filter(|item| self.waiting.contains(item)).count();
            let mut more = waiting + self.diagnoses.iter().filter(|item| group.items.contains(item)).count();
            if group.unit {
                let is_active = self.running.values().any(|running| running.batch.group == number);
                more = more.min(usize::from(!is_active));
            }
            let more = group.limits.iter().map(|limit| room[*limit]).fold(more, usize::min);
            group.limits.iter().for_each(|limit| room[*limit] -= more);
            startable += more;
        }
        startable.min(self.spec.processes - self.running.len())
    }

    fn meet(&mut self, fate: Fate, choice: usize) {
        match fate {
            Fate::Grant if self.asked > 0 => return self.step(Input::SlotGranted),
            Fate::Stop(stop) => {
                self.stop = self.stop.max(Some(stop));
                return self.step(Input::Stop(stop));
            }
            Fate::Wait(time) => self.now += time,
            Fate::Deadline => {
                // Not those that are there only so that nothing lasts for ever.
                let near = |at: &Duration| *at < self.now + Duration::from_millis(100);
                self.now = self.scheduler.next_deadline().filter(near).map_or(self.now, |at| at.max(self.now));
            }
            _ if !self.running.is_empty() => {
                let process = *self.running.keys().nth(choice % self.running.len()).unwrap();
                return self.advance(process, fate);
            }
            _ => {}
        }
        self.step(Input::Tick);
    }

    fn advance(&mut self, process: Process, fate: Fate) {
        let stopped = self.stopped().is_some();
        let running = self.running.get_mut(&process).unwrap();
        // Whoever was killed tells nothing any more, but for the item that it was asked to end for.
        let is_mute = running.killed && (stopped || running.asked.is_none());
        match fate {
            Fate::Start if !running.runs && !running.killed && !running.left.is_empty() => {
                (running.runs, running.since) = (true, self.now);
                let item = running.left[0];
                self.step(Input::ItemStarted { process, item });
            }
            Fate::Pass | Fate::Fail if running.runs && !is_mute => self.finish(process, matches!(fate, Fate::Pass)),
            Fate::End => {
                if running.runs && !is_mute {
                    self.finish(process, false);
                }
                let running = self.running.remove(&process).unwrap();
                if !running.batch.diagnosis {
                    self.waiting.extend(running.left);
                }
                self.step(Input::ProcessExited(process));
            }
            _ => self.step(Input::Tick),
        }
    }

    fn finish(&mut self, process: Process, passed: bool) {
        let stopped = self.stopped().is_some();
        let running = self.running.get_mut(&process).unwrap();
        let item = running.left.remove(0);
        let duration = self.now.saturating_sub(running.since);
        (running.runs, running.since) = (false, self.now);
        let Batch { attempt, diagnosis, ref items, .. } = running.batch;
        let is_first = items[0] == item;
        if !passed && !diagnosis && !stopped && attempt <= self.spec.retries {
            self.waiting.insert(item);
        } else if !diagnosis {
            *self.decided.entry(item).or_default() += 1;
            self.failures += usize::from(!passed);
            if !passed && !is_first && self.spec.diagnose && !stopped {
                self.diagnoses.push(item);
            }
        }
        self.step(Input::ItemFinished { process, item, passed, duration });
    }

    /// Lets everything pass at once until nothing is left.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.scheduler.is_done() {
                return;
            }
            match self.running.iter().next() {
                None => {
                    assert!(self.asked > 0, "the scheduler is stuck");
                    self.step(Input::SlotGranted);
                }
                Some((process, running)) => {
                    let fate = match running.left.is_empty() || running.killed {
                        true => Fate::End,
                        false if running.runs => Fate::Pass,
                        false => Fate::Start,
                    };
                    self.advance(*process, fate);
                }
            }
        }
        panic!("the scheduler does not come to an end");
    }
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let timeouts = prop::collection::vec(prop::option::of(millis(2..20)), 1..8);
    let group = (timeouts, any::<bool>(), 1..8_usize, prop::collection::btree_set(0..2_usize, 0..3), lengths());
    prop::collection::vec(group, 1..5).prop_map(|groups| {
        let mut next = 0;
        let group = |(timeouts, unit, per_process, limits, lengths): (Vec<_>, bool, usize, BTreeSet<usize>, Vec<_>)| {
            let items: Vec<Item> = (next..next + timeouts.len()).collect();
            next += items.len();
            let per_process = if unit { usize::MAX } else { per_process };
            let limits = limits.into_iter().collect();
            Group { items, timeouts, lengths, unit, per_process, limits, ..Group::default() }
        };
        groups.into_iter().map(group).collect()
    })
}

fn specs() -> impl Strategy<Value = Spec> {
    let numbers = ([1..4_usize, 1..4_usize], 1..6_usize, 0..3_u32, prop::option::of(1..6_usize));
    (groups(), numbers, any::<bool>(), millis(1..10)).prop_map(|(groups, numbers, diagnose, grace)| {
        let (limits, processes, retries, max_fail) = numbers;
        let slow = Duration::from_millis(15);
        let (hosts, contexts) = (Vec::new(), Vec::new());
        Spec {
            groups,
            limits: limits.to_vec(),
            hosts,
            contexts,
            processes,
            room: usize::MAX,
            cores: 2,
            retries,
            max_fail,
            diagnose,
            grace,
            slow,
            growing: false,
        }
    })
}

/// The times are so short that nobody loses patience with what is slow: that is another story.
fn fates() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![
        8 => Just(Fate::Start),
        5 => Just(Fate::Pass),
        3 => Just(Fate::Fail),
        3 => Just(Fate::End),
        5 => Just(Fate::Grant),
        2 => millis(1..8).prop_map(Fate::Wait),
        2 => Just(Fate::Deadline),
    ];
    prop::collection::vec((fate, 0..8_usize), 0..200)
}

proptest! {
    #[test]
    fn clocks_and_failures_end_what_they_should_and_nothing_else(
        spec in specs(),
        fates in fates(),
        stop in prop::option::of(prop_oneof![Just(Stop::Drain), Just(Stop::Terminate), Just(Stop::Kill)]),
        rest in fates(),
    ) {
        let items: usize = spec.groups.iter().map(|group| group.items.len()).sum();
        let mut world = World::new(spec);
        for (fate, choice) in fates.into_iter().chain(stop.map(|stop| (Fate::Stop(stop), 0))).chain(rest) {
            world.meet(fate, choice);
        }
        world.settle();
        prop_assert!(world.running.is_empty());
        prop_assert_eq!(world.slots, 0);
        prop_assert!(world.decided.values().all(|times| *times == 1));
        prop_assert!(world.stopped().is_some() || world.decided.len() == items);
    }
}
