//! What must hold of every history that a scheduler can meet, tried on random ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::clocks::ExitLimit;
use super::{
    Action, Batch, ContextId, Group, Host, HostId, Input, Item, Lost, More, Process, Scheduler, Shortage, Spec, Stop,
    growth,
};

/// A world that does what the scheduler asks, with chance deciding what happens next, and checks it on the way.
struct World {
    spec: Spec,
    scheduler: Scheduler,
    now: Duration,
    running: BTreeMap<Process, (Batch, Vec<Item>)>,
    hosts: Vec<At>,
    failed_contexts: BTreeSet<ContextId>,
    /// How many attempts of each item have finished; diagnoses apart.
    attempts: BTreeMap<Item, u32>,
    final_results: BTreeMap<Item, u32>,
    slots: usize,
    asked: usize,
    stopped: bool,
    steps: usize,
    /// How many slots were in use when the cap was lowered, and not fewer since.
    allowed: usize,
    /// For each number of slots how often others were started that take fewer, while a group of these could start.
    passed_over: BTreeMap<usize, usize>,
    /// Of each group that only one process may begin, that process.
    only: BTreeMap<usize, Process>,
    /// What becomes known later.
    later: VecDeque<More>,
    /// How many processes there were when one could not be started, and when that was.
    full: Option<(usize, Duration)>,
}

/// What a host is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Down,
    SettingUp,
    Up,
    Ending,
    Killed,
    Gone { failed: bool },
}

/// What happens next to a process, drawn by chance.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Pass,
    Fail,
    /// The process dies before it finishes what it runs.
    Die,
    /// The process could not be started.
    NotStarted(Shortage),
    /// What runs could not be set up.
    FailContext,
    /// A host does what it is to do, or fails to.
    Host,
    FailHost,
    HostNotStarted,
    /// Somebody wants an end of what a host is at.
    EndHost,
    Grant,
    Stop(Stop),
    /// Somebody changes the cap.
    Cap(usize),
    /// More becomes known, or that this was all.
    More,
    Wait,
}

/// The highest cap that is tried.
const MOST_PROCESSES: usize = 5;

impl World {
    fn new(spec: Spec) -> Self {
        let scheduler = Scheduler::new(spec.clone());
        let hosts = vec![At::Down; spec.hosts.len()];
        let mut world = Self {
            spec,
            scheduler,
            now: Duration::ZERO,
            running: BTreeMap::new(),
            hosts,
            failed_contexts: BTreeSet::new(),
            attempts: BTreeMap::new(),
            final_results: BTreeMap::new(),
            slots: 0,
            asked: 0,
            stopped: false,
            steps: 0,
            allowed: 0,
            passed_over: BTreeMap::new(),
            only: BTreeMap::new(),
            later: VecDeque::new(),
            full: None,
        };
        world.step(Input::Tick);
        world
    }

    /// A world in which all is known, or nothing at first. Then the groups come in waves, and each brings what it refers
    /// to.
    fn of(mut whole: Spec, wave: Option<usize>) -> Self {
        let Some(wave) = wave else { return Self::new(whole) };
        let More { groups, limits, hosts, contexts } = growth::take(&mut whole);
        let mut world = Self::new(Spec { growing: true, ..whole });
        let (mut seen_limits, mut seen_hosts) = (0, 0);
        for groups in groups.chunks(wave) {
            let last = |all: fn(&Group) -> &Vec<usize>, seen: usize| {
                groups.iter().flat_map(all).map(|it| it + 1).max().unwrap_or(0).max(seen)
            };
            let (limit, host) = (last(|it| &it.limits, seen_limits), last(|it| &it.hosts, seen_hosts));
            world.later.push_back(More {
                groups: groups.to_vec(),
                limits: limits[seen_limits..limit].to_vec(),
                hosts: hosts[seen_hosts..host].to_vec(),
                contexts: if world.later.is_empty() { contexts.clone() } else { Vec::new() },
            });
            (seen_limits, seen_hosts) = (limit, host);
        }
        world
    }

    /// Takes in the next wave, or that there is none.
    fn grow(&mut self) {
        let Some(more) = self.later.pop_front() else {
            self.spec.growing = false;
            return self.step(Input::AllKnown);
        };
        self.scheduler.grow(more.clone());
        self.hosts.resize(self.hosts.len() + more.hosts.len(), At::Down);
        self.spec.groups.extend(more.groups);
        self.spec.limits.extend(more.limits);
        self.spec.hosts.extend(more.hosts);
        self.spec.contexts.extend(more.contexts);
        self.step(Input::Tick);
    }

    /// The slots that nobody has to grant.
    fn owned(&self) -> usize {
        usize::from(!self.spec.growing)
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
                Action::StartHost { host, .. } => self.start_host(host),
                Action::StopHost(host) => self.stop_host(host),
                Action::KillHost { host, .. } => self.hosts[host] = At::Killed,
                Action::GiveUp { items, why } => self.give_up(&items, why),
                // The world does not hurry: what is killed goes when its turn comes.
                Action::Kill(_)
                | Action::Dismiss(_)
                | Action::Terminate { .. }
                | Action::TerminateHost(_)
                | Action::Slow { .. } => {}
            }
        }
        self.allowed = self.allowed.min(self.active());
        self.check();
    }

    fn spawn(&mut self, batch: Batch) {
        assert!(!self.stopped, "nothing starts after a stop");
        assert!(!batch.items.is_empty(), "no process starts for nothing");
        assert!(batch.items.is_sorted(), "a batch is in the order in which it runs");
        self.check_weight(&batch);
        self.check_room();
        let group = &self.spec.groups[batch.group];
        assert!(batch.items.len() <= group.per_process, "a process is given no more than it may run");
        let same_group = self.running.values().filter(|(other, _)| other.group == batch.group).count();
        assert!(!group.unit || same_group == 0, "a unit has one process at a time");
        assert!(!group.once || (batch.attempt == 1 && !batch.diagnosis), "what may run once is not tried again");
        assert!(group.first || !self.first_are_left(), "what comes first has run before the others start");
        assert!(
            group.hosts.iter().all(|host| self.hosts[*host] == At::Up),
            "what a group needs is up before it starts"
        );
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

    /// How many processes do something.
    fn at_work(&self) -> usize {
        self.running.len() + self.hosts.iter().filter(|at| matches!(at, At::SettingUp | At::Ending)).count()
    }

    /// To be called before a process starts.
    fn check_room(&self) {
        let Some((full, since)) = self.full else { return };
        let later = usize::try_from(self.now.saturating_sub(since).as_secs()).unwrap();
        assert!(self.at_work() < (full + later).max(1), "what had no room waits for another to go, or for a while");
    }

    /// All of its slots or none, and everybody's turn comes.
    fn check_weight(&mut self, batch: &Batch) {
        let wanted = self.weight(batch.group);
        let fewer = batch.slots < wanted && self.active() == 0 && batch.slots == self.slots + self.owned();
        assert!(batch.slots == wanted || fewer, "fewer slots only where nothing else runs and no more come");
        let slots = |group: usize| self.spec.groups[group].slots;
        let first = (0..self.spec.groups.len()).filter(|group| self.weight(*group) > 1 && self.could_run(*group));
        let most = first.map(slots).max();
        self.passed_over.remove(&slots(batch.group));
        if let Some(most) = most.filter(|most| *most > slots(batch.group)) {
            let alike = (0..self.spec.groups.len()).filter(|group| slots(*group) == most).count();
            let times = self.passed_over.entry(most).or_default();
            *times += 1;
            // Whether a group ahead of it waits with a second look at an item, only the scheduler knows.
            assert!(
                *times <= MOST_PROCESSES * alike || self.spec.diagnose,
                "others go first as often as there are slots at most"
            );
        }
    }

    fn weight(&self, group: usize) -> usize {
        self.spec.groups[group].slots.clamp(1, self.spec.processes)
    }

    /// Whether a group waits that takes several slots, and would start if there were enough of them.
    fn waits_for_several(&self) -> bool {
        (0..self.spec.groups.len()).any(|group| self.weight(group) > 1 && self.could_run_or_diagnose(group))
    }

    fn start_host(&mut self, host: HostId) {
        assert!(!self.stopped, "nothing starts after a stop");
        assert_eq!(self.hosts[host], At::Down, "a host is started once");
        let needs = &self.spec.hosts[host].needs;
        assert!(needs.iter().all(|outer| self.hosts[*outer] == At::Up), "what a host needs is up before it starts");
        assert!(self.is_needed(host), "no host starts without need");
        self.check_room();
        self.hosts[host] = At::SettingUp;
    }

    fn stop_host(&mut self, host: HostId) {
        assert!(self.hosts[host] == At::Up || (self.stopped && self.hosts[host] == At::SettingUp));
        assert!(!self.is_used(host), "a host is there until the last process that needs it is gone");
        assert!(self.stopped || !self.is_needed(host), "and until nothing waits that needs it");
        assert!(self.stopped || !self.spec.growing, "nor can come that needs it");
        for (inner, spec) in self.spec.hosts.iter().enumerate() {
            assert!(!(spec.needs.contains(&host) && self.is_alive(inner)), "the inner ones go first");
        }
        self.hosts[host] = At::Ending;
    }

    fn give_up(&mut self, items: &[Item], why: Lost) {
        assert!(!self.stopped, "what a stopped run does not reach is nobody's failure");
        for item in items {
            assert!(!self.running.values().any(|(_, left)| left.contains(item)), "what runs may go on");
            let group = self.spec.groups.iter().find(|group| group.items.contains(item)).unwrap();
            assert!(match why {
                Lost::Host(host) => group.hosts.contains(&host) && self.has_failed(host),
                Lost::Context(context) => {
                    self.failed_contexts.contains(&context) && self.contexts_of(*item).contains(&context)
                }
                Lost::Process(process) => group.once && self.only.values().any(|only| *only == process),
            });
            *self.final_results.entry(*item).or_default() += 1;
        }
    }

    fn is_used(&self, host: HostId) -> bool {
        self.running.values().any(|(batch, _)| self.spec.groups[batch.group].hosts.contains(&host))
    }

    fn is_alive(&self, host: HostId) -> bool {
        !matches!(self.hosts[host], At::Down | At::Gone { .. })
    }

    /// It has, or cannot but fail.
    fn has_failed(&self, host: HostId) -> bool {
        let outer = || self.spec.hosts[host].needs.iter().any(|outer| self.has_failed(*outer));
        match self.hosts[host] {
            At::Gone { failed } => failed,
            At::Down => outer(),
            At::Ending | At::Killed => true,
            At::SettingUp | At::Up => false,
        }
    }

    /// Whether something runs or waits that cannot do without a host.
    fn is_needed(&self, host: HostId) -> bool {
        let by_group = self.spec.groups.iter().any(|group| {
            group.hosts.contains(&host) && group.items.iter().any(|item| !self.final_results.contains_key(item))
        });
        let by_host = |inner: HostId| {
            self.spec.hosts[inner].needs.contains(&host)
                && (self.is_alive(inner) || (self.hosts[inner] == At::Down && self.is_needed(inner)))
        };
        by_group || (host + 1..self.hosts.len()).any(by_host)
    }

    fn contexts_of(&self, item: Item) -> Vec<ContextId> {
        let group = self.spec.groups.iter().find(|group| group.items.contains(&item)).unwrap();
        let innermost = group.contexts[item - group.items[0]];
        std::iter::successors(innermost, |context| self.spec.contexts[*context]).collect()
    }

    fn active(&self) -> usize {
        let slots: usize = self.running.values().map(|(batch, _)| batch.slots).sum();
        slots + self.hosts.iter().filter(|at| matches!(at, At::SettingUp | At::Ending)).count()
    }

    fn check(&self) {
        let owned = self.owned();
        assert!(self.active() <= self.slots + owned, "no more processes than slots, and the one that is owned");
        assert!(self.active() <= self.spec.processes.max(self.allowed), "the cap holds");
        let gathers = !self.stopped && self.waits_for_several() && self.slots + owned <= self.spec.processes;
        let is_in_use = self.slots <= self.active().saturating_sub(owned);
        assert!(is_in_use || gathers, "no slot is held without a process in it, or one that waits for several");
        for (limit, most) in self.spec.limits.iter().enumerate() {
            let counted = self.running.values().filter(|(it, _)| self.spec.groups[it.group].limits.contains(&limit));
            assert!(counted.count() <= *most, "a limit holds");
        }
        let has_all = self.slots + owned >= self.spec.processes;
        let has_room = self.scheduler.room_left() > 0;
        if !self.stopped && (self.could_start() || self.could_move_a_host()) && !has_all && has_room {
            assert!(self.asked > 0, "it asks for every slot that it could use");
        }
    }

    fn could_move_a_host(&self) -> bool {
        (0..self.hosts.len()).any(|host| match self.hosts[host] {
            At::Down => {
                self.is_needed(host) && self.spec.hosts[host].needs.iter().all(|outer| self.hosts[*outer] == At::Up)
            }
            At::Up => {
                let is_needed = self.is_needed(host) || self.is_used(host) || self.has_diagnoses(host);
                !is_needed && !self.spec.growing
            }
            _ => false,
        })
    }

    /// A decided item may wait for a second look, which only the scheduler knows.
    fn has_diagnoses(&self, host: HostId) -> bool {
        self.spec.diagnose && self.spec.groups.iter().any(|group| group.hosts.contains(&host))
    }

    /// Whether a fresh unit or item waits that no limit holds back. (Computed from the world's own books.)
    fn could_start(&self) -> bool {
        (0..self.spec.groups.len()).any(|group| self.could_run(group))
    }

    fn could_run(&self, number: usize) -> bool {
        let running: BTreeSet<Item> = self.running.values().flat_map(|(_, left)| left.iter().copied()).collect();
        let waits = |item: &Item| !running.contains(item) && !self.final_results.contains_key(item);
        self.spec.groups[number].items.iter().any(waits) && self.nothing_holds_back(number)
    }

    /// Of the items that may have to be run once more, only the scheduler knows whether they do.
    fn could_run_or_diagnose(&self, number: usize) -> bool {
        self.could_run(number) || (self.spec.diagnose && self.nothing_holds_back(number))
    }

    fn nothing_holds_back(&self, number: usize) -> bool {
        let group = &self.spec.groups[number];
        let active = self.running.values().any(|(it, _)| it.group == number);
        let counted = |limit: usize| {
            self.running.values().filter(|(it, _)| self.spec.groups[it.group].limits.contains(&limit)).count()
        };
        group.hosts.iter().all(|host| self.hosts[*host] == At::Up)
            && (group.first || !self.first_are_left())
            && !(group.unit && active)
            && group.limits.iter().all(|limit| counted(*limit) < self.spec.limits[*limit])
    }

    fn first_are_left(&self) -> bool {
        let runs = |group: &Group| {
            self.running.values().any(|(batch, _)| batch.items.iter().any(|it| group.items.contains(it)))
        };
        let waits = |group: &Group| group.items.iter().any(|item| !self.final_results.contains_key(item));
        self.spec.groups.iter().any(|group| group.first && (waits(group) || runs(group)))
    }

    fn meet(&mut self, fate: Fate, choice: usize) {
        self.now += Duration::from_millis(1);
        match fate {
            Fate::Grant if self.asked > 0 => self.step(Input::SlotGranted),
            Fate::Stop(stop) => self.step(Input::Stop(stop)),
            Fate::More if self.spec.growing => self.grow(),
            Fate::Cap(cap) => {
                // What runs already may run on.
                self.allowed = self.active();
                self.spec.processes = cap;
                self.step(Input::Cap(cap));
            }
            Fate::Pass | Fate::Fail | Fate::Die | Fate::FailContext if !self.running.is_empty() => {
                let process = *self.running.keys().nth(choice % self.running.len()).unwrap();
                self.advance(process, fate);
            }
            Fate::NotStarted(why) => self.fail_to_start(choice, why),
            Fate::HostNotStarted => {
                let starting = (0..self.hosts.len()).filter(|host| self.hosts[*host] == At::SettingUp).nth(choice);
                starting.into_iter().for_each(|host| self.fail_to_start_host(host));
            }
            Fate::Host | Fate::FailHost | Fate::EndHost => {
                let alive: Vec<HostId> = (0..self.hosts.len()).filter(|host| self.is_alive(*host)).collect();
                match (alive.len(), fate) {
                    (0, _) => {}
                    (count, Fate::EndHost) => self.step(Input::EndHost(alive[choice % count])),
                    (count, _) => self.advance_host(alive[choice % count], matches!(fate, Fate::FailHost)),
                }
            }
            _ => self.step(Input::Tick),
        }
    }

    fn fail_to_start(&mut self, choice: usize, why: Shortage) {
        let mut fresh = self.running.values().filter(|(batch, left)| batch.items.len() == left.len());
        let Some((batch, items)) = fresh.nth(choice).cloned() else { return };
        let process = batch.process;
        if self.scheduler.tries_later(process, why) {
            self.running.remove(&process);
            match why {
                Shortage::Resources => self.full = Some((self.at_work(), self.now)),
                Shortage::Arguments => self.spec.groups[batch.group].per_process = (items.len() / 2).max(1),
            }
            return self.step(Input::NotStarted { process, why });
        }
        assert!(why == Shortage::Arguments || self.at_work() == 1, "only who is alone is given up");
        items.into_iter().for_each(|item| self.finish(&batch, item, false));
        self.running.remove(&process);
        self.step(Input::ProcessExited(process));
    }

    fn fail_to_start_host(&mut self, host: HostId) {
        if self.scheduler.tries_host_later(host) {
            self.hosts[host] = At::Down;
            self.full = Some((self.at_work(), self.now));
            return self.step(Input::HostNotStarted(host));
        }
        assert_eq!(self.at_work(), 1, "only who is alone is given up");
        self.hosts[host] = At::Gone { failed: true };
        self.step(Input::HostExited(host));
    }

    fn advance_host(&mut self, host: HostId, fails: bool) {
        match (self.hosts[host], fails) {
            (At::SettingUp, false) => {
                self.hosts[host] = At::Up;
                self.step(Input::HostUp(host));
            }
            (At::SettingUp, true) => {
                self.hosts[host] = At::Ending;
                self.step(Input::HostFailed(host));
            }
            (At::Up, false) | (At::Down | At::Gone { .. }, _) => {}
            (At::Up, true) => {
                self.hosts[host] = At::Gone { failed: true };
                self.step(Input::HostExited(host));
            }
            (At::Ending | At::Killed, _) => {
                // One that failed to set up has nobody left who would mind that it is taken for failed.
                self.hosts[host] = At::Gone { failed: true };
                self.step(Input::HostExited(host));
            }
        }
    }

    fn advance(&mut self, process: Process, fate: Fate) {
        let (batch, left) = self.running.get_mut(&process).unwrap();
        let (batch, next) = (batch.clone(), left.first().copied());
        if let (Fate::Pass | Fate::Fail | Fate::FailContext, Some(item)) = (fate, next) {
            if self.spec.groups[batch.group].once {
                let only = *self.only.entry(batch.group).or_insert(process);
                assert_eq!(only, process, "only one process begins anything of it");
            }
            self.step(Input::ItemStarted { process, item });
            if let (Fate::FailContext, Some(context)) = (fate, self.contexts_of(item).last().copied()) {
                self.failed_contexts.insert(context);
                self.step(Input::ContextFailed(context));
            }
            self.finish(&batch, item, matches!(fate, Fate::Pass));
        } else {
            self.running.remove(&process);
            self.step(Input::ProcessExited(process));
        }
    }

    fn finish(&mut self, batch: &Batch, item: Item, passed: bool) {
        let again = !passed && self.scheduler.tries_again(batch.process, item);
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
        self.settle_with(true);
    }

    /// The same; whether another slot is ever granted is said.
    fn settle_with(&mut self, grants: bool) {
        while self.spec.growing {
            assert!(self.stopped || !self.scheduler.is_done(), "more may come");
            self.grow();
        }
        let most = 20 * (self.hosts.len() + self.spec.groups.iter().map(|group| group.items.len()).sum::<usize>() + 10);
        for _ in 0..most {
            if self.scheduler.is_done() {
                return;
            }
            let moving = self.hosts.iter().position(|at| !matches!(at, At::Down | At::Up | At::Gone { .. }));
            match moving {
                Some(host) => self.advance_host(host, false),
                None if self.running.is_empty() && !grants => {
                    self.now = self.scheduler.next_deadline().expect("it waits for something that may happen");
                    self.step(Input::Tick);
                }
                None if self.running.is_empty() && self.asked > 0 => self.meet(Fate::Grant, 0),
                None => self.meet(Fate::Pass, 0),
            }
        }
        panic!("the scheduler is stuck with {} processes", self.running.len());
    }
}

/// What is remembered may be of fewer tests, and absurd.
pub(super) fn lengths() -> impl Strategy<Value = Vec<Option<Duration>>> {
    let length = prop_oneof![
        4 => (0..100_000_u64).prop_map(Duration::from_micros),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
    ];
    prop::collection::vec(prop::option::of(length), 0..20)
}

fn specs() -> impl Strategy<Value = Spec> {
    let hosts = prop::collection::btree_set(0..4_usize, 0..3);
    // Each item may be in any of four contexts; the innermost one is in the one before it, the others in none.
    let group = (1..20_usize, any::<bool>(), any::<bool>(), 1..8_usize, 0..6_usize, hosts.clone(), lengths());
    let limits = prop::collection::btree_set(0..2_usize, 0..3);
    let slots = prop_oneof![3 => Just(1_usize), 2 => 2..8_usize];
    let special = (prop::bool::weighted(0.2), prop::bool::weighted(0.1));
    let groups = prop::collection::vec((group, limits, slots, special), 1..6);
    let hosts = prop::collection::vec(hosts, 0..4);
    (groups, [1..4_usize, 1..4_usize], hosts, 1..=MOST_PROCESSES, 0..3_u32, any::<bool>()).prop_map(
        |(groups, limits, hosts, processes, retries, diagnose)| {
            let mut next = 0;
            let groups = groups.into_iter().map(
                |((size, unit, can_split, per_process, context, needs, lengths), limits, slots, (once, first))| {
                    let once = once || first;
                    let unit = unit || once;
                    let items: Vec<Item> = (next..next + size).collect();
                    next += size;
                    Group {
                        timeouts: vec![None; size],
                        setup: lengths.first().copied().flatten().unwrap_or_default(),
                        warmup: lengths.last().copied().flatten().unwrap_or_default(),
                        lengths,
                        pays: items.iter().map(|item| item % 3 == 0).collect(),
                        slots,
                        contexts: items.iter().map(|item| Some((item + context) % 6).filter(|it| *it < 4)).collect(),
                        items,
                        unit,
                        once,
                        first,
                        can_split,
                        to_the_end: false,
                        at_least: per_process / 2,
                        per_process: if unit { usize::MAX } else { per_process },
                        family: None,
                        limits: limits.into_iter().collect(),
                        hosts: needs.into_iter().filter(|host| *host < hosts.len()).collect(),
                    }
                },
            );
            let groups = groups.collect();
            let host = |(number, needs): (usize, &BTreeSet<usize>)| Host {
                needs: needs.iter().copied().filter(|outer| *outer < number).collect(),
                setup_limit: Duration::from_secs(100),
                teardown_limit: Duration::from_secs(100),
            };
            Spec {
                groups,
                limits: limits.to_vec(),
                hosts: hosts.iter().enumerate().map(host).collect(),
                contexts: vec![None, None, None, Some(2)],
                processes,
                room: usize::MAX,
                cores: 2,
                retries,
                max_fail: None,
                diagnose,
                grace: Duration::from_secs(1),
                slow: Duration::from_secs(60),
                growing: false,
            }
        },
    )
}

fn fates() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![
        6 => Just(Fate::Pass),
        2 => Just(Fate::Fail),
        1 => Just(Fate::Die),
        2 => Just(Fate::NotStarted(Shortage::Resources)),
        1 => Just(Fate::NotStarted(Shortage::Arguments)),
        1 => Just(Fate::HostNotStarted),
        1 => Just(Fate::FailContext),
        5 => Just(Fate::Host),
        1 => Just(Fate::FailHost),
        1 => Just(Fate::EndHost),
        4 => Just(Fate::Grant),
        1 => Just(Fate::Wait),
        1 => (1..=MOST_PROCESSES).prop_map(Fate::Cap),
        1 => Just(Fate::More),
    ];
    prop::collection::vec((fate, 0..8_usize), 0..200)
}

/// In waves of how many groups what there is to do becomes known; `None`: all is known from the beginning.
fn waves() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(1..4_usize)
}

proptest! {
    #[test]
    fn every_item_is_decided_exactly_once_when_nothing_stops_the_run(
        spec in specs(),
        wave in waves(),
        fates in fates(),
    ) {
        let mut world = World::of(spec, wave);
        for (fate, choice) in fates {
            world.meet(fate, choice);
        }
        world.settle();
        let items: usize = world.spec.groups.iter().map(|group| group.items.len()).sum();
        prop_assert_eq!(world.final_results.len(), items);
        prop_assert!(world.final_results.values().all(|times| *times == 1));
        prop_assert!(world.attempts.values().all(|attempts| *attempts <= world.spec.retries + 1));
        prop_assert_eq!(world.slots, 0);
        prop_assert!((0..world.hosts.len()).all(|host| !world.is_alive(host)), "every host that started has ended");
    }

    #[test]
    fn everything_runs_even_if_not_one_more_slot_is_ever_granted(
        spec in specs(),
        wave in waves(),
        fates in fates(),
    ) {
        let mut world = World::of(spec, wave);
        for (fate, choice) in fates {
            world.meet(fate, choice);
        }
        world.settle_with(false);
        let items: usize = world.spec.groups.iter().map(|group| group.items.len()).sum();
        prop_assert_eq!(world.final_results.len(), items);
        prop_assert_eq!(world.slots, 0);
    }

    #[test]
    fn after_a_stop_nothing_starts_and_the_run_ends(
        spec in specs(),
        wave in waves(),
        fates in fates(),
        stop in prop_oneof![Just(Stop::Drain), Just(Stop::Terminate), Just(Stop::Kill)],
        rest in fates_of_a_stopped_run(),
    ) {
        let mut world = World::of(spec, wave);
        for (fate, choice) in fates {
            world.meet(fate, choice);
        }
        world.meet(Fate::Stop(stop), 0);
        for (fate, choice) in rest {
            world.meet(fate, choice);
        }
        world.settle();
        prop_assert!(world.running.is_empty());
        prop_assert!((0..world.hosts.len()).all(|host| !world.is_alive(host)), "every host that started has ended");
        prop_assert_eq!(world.slots, 0);
        prop_assert!(world.final_results.values().all(|times| *times == 1));
    }
}

fn fates_of_a_stopped_run() -> impl Strategy<Value = Vec<(Fate, usize)>> {
    let fate = prop_oneof![
        Just(Fate::Pass),
        Just(Fate::Fail),
        Just(Fate::Die),
        Just(Fate::NotStarted(Shortage::Resources)),
        Just(Fate::NotStarted(Shortage::Arguments)),
        Just(Fate::Host),
        Just(Fate::FailHost),
        Just(Fate::EndHost),
        Just(Fate::Grant),
        Just(Fate::Wait),
        Just(Fate::More)
    ];
    prop::collection::vec((fate, 0..8_usize), 0..40)
}

#[test]
fn a_host_is_up_before_its_group_and_gone_after_it() {
    let mut scheduler = Scheduler::new(one_group_with_a_host());
    assert_eq!(scheduler.step(secs(0), Input::Tick), [Action::StartHost { host: 0, process: 1 }]);
    let actions = scheduler.step(secs(1), Input::HostUp(0));
    assert!(matches!(&actions[..], [Action::Spawn(batch)] if batch.items == [0, 1]), "{actions:?}");
    for item in [0, 1] {
        scheduler.step(secs(1), Input::ItemStarted { process: 2, item });
        let duration = secs(0);
        scheduler.step(secs(1), Input::ItemFinished { process: 2, item, passed: true, duration });
    }
    assert_eq!(scheduler.step(secs(2), Input::ProcessExited(2)), [Action::StopHost(0)]);
    assert!(!scheduler.is_done(), "it is waited for");
    assert_eq!(scheduler.step(secs(3), Input::HostExited(0)), []);
    assert!(scheduler.is_done());
}

#[test]
fn a_host_that_takes_too_long_is_killed_and_what_needs_it_is_given_up() {
    let mut scheduler = Scheduler::new(one_group_with_a_host());
    scheduler.step(secs(0), Input::Tick);
    assert_eq!(scheduler.next_deadline(), Some(secs(23)), "its own limit, and the time to say so");
    assert_eq!(scheduler.step(secs(23), Input::Tick), [Action::KillHost { host: 0, late: true }, given_up()]);
    scheduler.step(secs(23), Input::HostExited(0));
    assert!(scheduler.is_done());
}

#[test]
fn a_host_is_ended_by_hand_politely_first_and_only_while_it_is_at_work() {
    let mut scheduler = Scheduler::new(one_group_with_a_host());
    scheduler.step(secs(0), Input::Tick);
    assert_eq!(scheduler.step(secs(1), Input::EndHost(0)), [Action::TerminateHost(0)]);
    assert_eq!(scheduler.next_deadline(), Some(secs(4)), "the grace, though its own limit is later");
    let killed = Action::KillHost { host: 0, late: true };
    assert_eq!(scheduler.step(secs(2), Input::EndHost(0)), [killed, given_up()]);
    assert_eq!(scheduler.step(secs(2), Input::EndHost(0)), []);

    let mut scheduler = Scheduler::new(one_group_with_a_host());
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(1), Input::HostUp(0));
    assert_eq!(scheduler.step(secs(1), Input::EndHost(0)), [], "what is up waits for others");
}

#[test]
fn a_teardown_that_takes_too_long_is_killed_and_nobody_is_given_up() {
    let mut scheduler = Scheduler::new(one_group_with_a_host());
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(1), Input::HostUp(0));
    scheduler.step(secs(1), Input::Stop(Stop::Terminate));
    assert_eq!(scheduler.step(secs(2), Input::ProcessExited(2)), [Action::StopHost(0)]);
    assert_eq!(scheduler.next_deadline(), Some(secs(15)));
    assert_eq!(scheduler.step(secs(15), Input::Tick), [Action::KillHost { host: 0, late: true }]);
}

#[test]
fn whoever_asks_the_run_to_end_does_not_wait_for_a_set_up_and_whoever_is_in_a_hurry_for_nothing() {
    let mut scheduler = Scheduler::new(one_group_with_a_host());
    scheduler.step(secs(0), Input::Tick);
    assert_eq!(scheduler.step(secs(1), Input::Stop(Stop::Terminate)), [Action::StopHost(0)]);
    assert_eq!(scheduler.next_deadline(), Some(secs(14)));
    let killed = Action::KillHost { host: 0, late: false };
    assert_eq!(scheduler.step(secs(2), Input::Stop(Stop::Kill)), [killed]);
    assert!(!scheduler.is_done());
    scheduler.step(secs(2), Input::HostExited(0));
    assert!(scheduler.is_done());
}

fn given_up() -> Action {
    Action::GiveUp { items: vec![0, 1], why: Lost::Host(0) }
}

fn one_group_with_a_host() -> Spec {
    let mut spec = one_group(2, None);
    spec.groups[0].hosts = vec![0];
    spec.hosts = vec![Host { needs: Vec::new(), setup_limit: secs(20), teardown_limit: secs(10) }];
    spec
}

#[test]
fn what_a_context_could_not_be_set_up_for_is_not_tried_again_by_anybody() {
    let mut spec = Spec { retries: 2, ..one_divisible_group_of(5) };
    spec.groups[0].contexts = [Some(1), Some(1), Some(0), Some(1), None].to_vec();
    spec.contexts = vec![None, Some(0)];
    let mut scheduler = Scheduler::new(spec);
    let actions = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&actions[0], Action::Spawn(batch) if batch.items == [0, 1]), "{actions:?}");
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    let given_up = Action::GiveUp { items: vec![3], why: Lost::Context(1) };
    assert_eq!(scheduler.step(secs(1), Input::ContextFailed(1)), [given_up]);
    assert!(!scheduler.tries_again(1, 0));
    let failed = Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(1) };
    scheduler.step(secs(1), failed);
    let actions = scheduler.step(secs(2), Input::ProcessExited(1));
    let given_up = Action::GiveUp { items: vec![1], why: Lost::Context(1) };
    assert!(
        matches!(&actions[..], [it, Action::Spawn(batch)] if *it == given_up && batch.items[0] == 2),
        "{actions:?}"
    );
}

#[test]
fn a_fixtures_time_is_not_that_of_the_test_around_it() {
    let mut scheduler = Scheduler::new(one_group(1, Some(secs(10))));
    scheduler.step(secs(0), Input::Tick);
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    scheduler.step(secs(1), Input::FixtureStarted { process: 1, limit: secs(100) });
    assert_eq!(scheduler.next_deadline(), Some(secs(104)));
    scheduler.step(secs(91), Input::FixtureEnded(1));
    assert_eq!(scheduler.next_deadline(), Some(secs(100)));
    scheduler.step(secs(95), Input::FixtureStarted { process: 1, limit: secs(20) });
    assert_eq!(scheduler.step(secs(117), Input::Tick), []);
    let late = Action::Terminate { process: 1, late: Some(0) };
    assert_eq!(scheduler.step(secs(118), Input::Tick), [late], "it is stuck, whatever it says of itself");
}

#[test]
fn a_context_that_can_split_is_divided_among_the_workers_and_no_further() {
    let batches = |items: usize| {
        let mut spec = one_divisible_group_of(items);
        spec.groups[0].can_split = true;
        let mut scheduler = Scheduler::new(spec);
        let actions = [scheduler.step(secs(0), Input::Tick), scheduler.step(secs(0), Input::SlotGranted)].concat();
        let batches = actions.iter().filter_map(|it| match it {
            Action::Spawn(batch) => Some(batch.items.len()),
            _ => None,
        });
        batches.collect::<Vec<_>>()
    };
    assert_eq!(batches(2), [1, 1]);
    assert_eq!(batches(101), [51, 50]);
}

fn one_group(items: usize, timeout: Option<Duration>) -> Spec {
    let group = Group {
        items: (0..items).collect(),
        timeouts: vec![timeout; items],
        unit: true,
        per_process: usize::MAX,
        ..Group::default()
    };
    Spec::sample(vec![group], 2)
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
fn what_may_run_once_is_given_up_with_its_process_unless_that_has_begun_nothing() {
    let mut spec = Spec { retries: 2, diagnose: true, ..one_group(4, None) };
    spec.groups[0].once = true;
    let mut scheduler = Scheduler::new(spec);
    scheduler.step(secs(0), Input::Tick);
    let again = scheduler.step(secs(0), Input::ProcessExited(1));
    assert!(
        matches!(&again[..], [Action::Spawn(batch)] if batch.items == [0, 1, 2, 3]),
        "nothing had begun: {again:?}"
    );
    let failed = |item| Input::ItemFinished { process: 2, item, passed: false, duration: secs(1) };
    for item in [0, 1] {
        scheduler.step(secs(0), Input::ItemStarted { process: 2, item });
        assert!(!scheduler.tries_again(2, item));
        assert_eq!(scheduler.step(secs(1), failed(item)), [], "it is neither tried again nor looked at alone");
    }
    let given_up = Action::GiveUp { items: vec![2, 3], why: Lost::Process(2) };
    assert_eq!(scheduler.step(secs(2), Input::ProcessExited(2)), [given_up]);
    assert!(scheduler.is_done());
}

#[test]
fn an_item_whose_verdict_is_not_sure_yet_neither_goes_to_others_nor_counts_before_it_is() {
    let mut scheduler = Scheduler::new(Spec { max_fail: Some(1), ..one_group(2, None) });
    scheduler.step(secs(0), Input::Tick);
    for item in [0, 1] {
        scheduler.step(secs(0), Input::ItemStarted { process: 1, item });
        assert_eq!(scheduler.step(secs(1), Input::ItemEnded { process: 1, item }), []);
    }
    let passed = Input::ItemFinished { process: 1, item: 0, passed: true, duration: secs(1) };
    assert_eq!(scheduler.step(secs(2), passed), []);
    scheduler.step(secs(2), Input::RunAlone { process: 1, item: 1 });
    let spawned = |actions: Vec<Action>| match &actions[..] {
        [Action::Spawn(batch), ..] => batch.clone(),
        other => panic!("nothing starts: {other:?}"),
    };
    let again = spawned(scheduler.step(secs(2), Input::ProcessExited(1)));
    let failed = Input::ItemFinished { process: again.process, item: 1, passed: false, duration: secs(1) };
    assert_eq!(again.items, [1], "the one that is disputed");
    scheduler.step(secs(3), failed);
    assert!(scheduler.is_stopped());
    scheduler.step(secs(3), Input::ProcessExited(again.process));
    assert!(scheduler.is_done());
}

#[test]
fn what_comes_first_has_run_before_anything_else_starts() {
    let mut spec = one_divisible_group_of(4);
    spec.groups.push(Group { items: vec![4], timeouts: vec![None], first: true, per_process: 1, ..Group::default() });
    let mut scheduler = Scheduler::new(spec);
    let first = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&first[..], [Action::Spawn(batch)] if batch.items == [4]), "no slot is asked for: {first:?}");
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 4 });
    let passed = Input::ItemFinished { process: 1, item: 4, passed: true, duration: secs(1) };
    assert_eq!(scheduler.step(secs(1), passed), []);
    let others = scheduler.step(secs(1), Input::ProcessExited(1));
    assert!(matches!(&others[..], [Action::Spawn(batch), Action::RequestSlot] if batch.group == 0), "{others:?}");
}

#[test]
fn after_its_last_item_a_process_has_as_long_to_end_as_that_item_had_within_limits() {
    let exit_limit = |timeout: Option<u64>| {
        let mut scheduler = Scheduler::new(one_group(1, timeout.map(Duration::from_millis)));
        scheduler.step(secs(0), Input::Tick);
        scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
        let finished = Input::ItemFinished { process: 1, item: 0, passed: true, duration: Duration::ZERO };
        scheduler.step(secs(0), finished);
        let deadline = scheduler.next_deadline().unwrap();
        assert_eq!(scheduler.step(deadline, Input::Tick), [Action::Terminate { process: 1, late: None }]);
        let ExitLimit { limit, of_item } = scheduler.exit_limit(1).unwrap();
        assert_eq!(limit, deadline);
        (limit, of_item)
    };
    assert_eq!(exit_limit(Some(2000)), (secs(2), true));
    assert_eq!(exit_limit(Some(50)), (secs(1), true));
    assert_eq!(exit_limit(Some(3_600_000)), (secs(60), false));
    assert_eq!(exit_limit(None), (secs(60), false));
}

#[test]
fn what_had_no_room_is_started_when_another_has_gone_and_given_up_when_it_was_alone() {
    let mut scheduler = Scheduler::new(Spec { processes: 3, ..one_divisible_group_of(6) });
    let batch = |actions: &[Action]| match actions {
        [.., Action::Spawn(batch)] => batch.clone(),
        other => panic!("nothing starts: {other:?}"),
    };
    let first = batch(&scheduler.step(secs(0), Input::Tick)[..1]);
    let second = batch(&scheduler.step(secs(0), Input::SlotGranted));
    let why = Shortage::Resources;
    assert!(scheduler.tries_later(second.process, why));
    let process = second.process;
    let released = [Action::ReleaseSlot];
    assert_eq!(scheduler.step(secs(0), Input::NotStarted { process, why }), released, "there is room for one");
    for item in &first.items {
        scheduler.step(secs(0), Input::ItemStarted { process: first.process, item: *item });
        let finished = Input::ItemFinished { process: 1, item: *item, passed: true, duration: Duration::ZERO };
        scheduler.step(secs(0), finished);
    }
    let third = batch(&scheduler.step(secs(0), Input::ProcessExited(first.process))[..1]);
    assert!(!scheduler.tries_later(third.process, why), "it is alone");
    assert_eq!(scheduler.next_deadline(), Some(secs(1)), "one more is tried");
    scheduler.step(secs(1), Input::Tick);
    batch(&scheduler.step(secs(1), Input::SlotGranted));
}

#[test]
fn a_batch_that_does_not_fit_is_halved_until_one_is_left() {
    let mut scheduler = Scheduler::new(one_group(5, None));
    let mut actions = scheduler.step(secs(0), Input::Tick);
    let mut sizes = Vec::new();
    loop {
        let [Action::Spawn(Batch { process, items, .. })] = &actions[..] else { panic!("{actions:?}") };
        sizes.push(items.len());
        let (process, why) = (*process, Shortage::Arguments);
        if !scheduler.tries_later(process, why) {
            break;
        }
        actions = scheduler.step(secs(0), Input::NotStarted { process, why });
    }
    assert_eq!(sizes, [5, 2, 1]);
}

/// All but the items 0 and 1, at the first second.
fn the_second_worker_does_all_the_rest(scheduler: &mut Scheduler) {
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
}

#[test]
fn what_waits_behind_a_slow_item_goes_to_an_idle_worker() {
    let mut scheduler = Scheduler::new(one_divisible_group_of(8));
    let actions = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&actions[0], Action::Spawn(batch) if batch.items == [0, 1]), "{actions:?}");
    let second = scheduler.step(secs(0), Input::SlotGranted);
    assert!(matches!(&second[0], Action::Spawn(batch) if batch.items == [2, 3]), "{second:?}");
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    the_second_worker_does_all_the_rest(&mut scheduler);
    assert_eq!(scheduler.next_deadline(), Some(secs(2)), "then it waits for the slow item, but not for ever");
    assert_eq!(scheduler.step(secs(2), Input::Tick), [Action::RequestSlot]);
    let robbed = scheduler.step(secs(2), Input::SlotGranted);
    assert!(matches!(&robbed[..], [Action::Spawn(batch)] if batch.items == [1]), "{robbed:?}");
    let finished = Input::ItemFinished { process: 1, item: 0, passed: true, duration: secs(3) };
    assert_eq!(scheduler.step(secs(3), finished), [Action::Kill(1)], "it would begin what another has");
}

#[test]
fn a_process_that_has_to_come_to_its_end_keeps_what_waits_and_is_dismissed_after_a_failure() {
    let mut spec = Spec { max_fail: Some(1), ..one_divisible_group_of(8) };
    spec.groups[0].to_the_end = true;
    let mut scheduler = Scheduler::new(spec);
    let actions = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&actions[0], Action::Spawn(batch) if batch.items == [0, 1]), "{actions:?}");
    scheduler.step(secs(0), Input::SlotGranted);
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    the_second_worker_does_all_the_rest(&mut scheduler);
    assert_eq!(scheduler.next_deadline(), Some(secs(60)), "nothing is due before the slow item is told of");
    assert_eq!(scheduler.step(secs(9), Input::Tick), []);
    let failed = Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(9) };
    assert_eq!(scheduler.step(secs(9), failed), [Action::Dismiss(1)]);
    assert_eq!(scheduler.step(secs(69), Input::Tick), [Action::Kill(1)]);
}

#[test]
fn an_item_that_is_to_run_alone_does_so_in_the_same_attempt_and_the_others_run_without_it() {
    let mut scheduler = Scheduler::new(Spec { processes: 1, ..one_divisible_group_of(4) });
    let first = scheduler.step(secs(0), Input::Tick);
    assert!(matches!(&first[..], [Action::Spawn(batch)] if batch.items == [0, 1]), "{first:?}");
    scheduler.step(secs(0), Input::ItemStarted { process: 1, item: 0 });
    assert_eq!(scheduler.step(secs(1), Input::RunAlone { process: 1, item: 0 }), []);
    let mut actions = scheduler.step(secs(1), Input::ProcessExited(1));
    let mut batches = Vec::new();
    while let Some(Action::Spawn(batch)) = actions.pop() {
        for item in batch.items.iter().copied() {
            scheduler
                .step(secs(2), Input::ItemFinished { process: batch.process, item, passed: true, duration: secs(1) });
        }
        actions = scheduler.step(secs(2), Input::ProcessExited(batch.process));
        batches.push((batch.items, batch.attempt));
    }
    let (alone, others) = batches.split_last().unwrap();
    assert_eq!(*alone, (vec![0], 1));
    assert!(others.iter().all(|(items, _)| !items.contains(&0)) && others.len() < 4, "{others:?}");
    assert!(scheduler.is_done());
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
    assert!(!scheduler.tries_again(1, 0));
    scheduler.step(secs(3), Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(2) });
    let rest = scheduler.step(secs(3), Input::ProcessExited(1));
    assert!(matches!(&rest[..], [Action::Spawn(batch)] if batch.items == [1]), "{rest:?}");
    assert!(scheduler.tries_again(2, 1), "the others are tried again as ever");
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

#[test]
fn hosts_are_set_up_shortly_before_they_are_used() {
    let mut spec = one_divisible_group_of(40);
    spec.groups = (0..4_usize)
        .map(|number| Group {
            items: (10 * number..10 * (number + 1)).collect(),
            timeouts: vec![None; 10],
            hosts: (number > 0).then(|| number - 1).into_iter().collect(),
            per_process: 4,
            ..Group::default()
        })
        .collect();
    spec.hosts = vec![Host { needs: Vec::new(), setup_limit: secs(20), teardown_limit: secs(10) }; 3];
    let mut scheduler = Scheduler::new(spec);
    let first = scheduler.step(secs(0), Input::Tick);
    assert_eq!(first[0], Action::StartHost { host: 0, process: 1 }, "the next group needs it");
    let second = scheduler.step(secs(0), Input::SlotGranted);
    assert!(matches!(&second[..], [Action::Spawn(batch)] if batch.group == 0), "the others are far away: {second:?}");
}

#[test]
fn after_enough_failures_a_process_that_has_set_something_up_gets_the_time_to_tear_it_down() {
    let started = Input::ItemStarted { process: 1, item: 0 };
    let failed = Input::ItemFinished { process: 1, item: 0, passed: false, duration: secs(1) };
    let ends = |contexts: Vec<Option<usize>>| {
        let mut spec = one_group(2, None);
        spec.contexts = vec![None];
        spec.groups[0].contexts = contexts;
        let mut scheduler = Scheduler::new(Spec { max_fail: Some(1), ..spec });
        scheduler.step(secs(0), Input::Tick);
        scheduler.step(secs(0), started);
        let ends = scheduler.step(secs(1), failed);
        (ends, scheduler)
    };
    assert_eq!(ends(Vec::new()).0, [Action::Kill(1)]);
    let (dismissed, mut scheduler) = ends(vec![Some(0); 2]);
    assert_eq!(dismissed, [Action::Dismiss(1)]);
    assert_eq!(scheduler.next_deadline(), Some(secs(16)));
    assert_eq!(scheduler.step(secs(16), Input::Tick), [Action::Kill(1)], "but not for ever");
}
