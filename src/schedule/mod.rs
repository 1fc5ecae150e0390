//! Decides what runs when: a state machine fed by events. Pure: no process, clock or thread is touched here.
//!
//! The run loop tells [`Scheduler::step`] what happened and performs the actions that come back. Time enters with each
//! input, as the time since the run began. Cargo's job queue is the model: a slot of the jobserver is one more
//! message, every process owns one slot that nobody has to grant (so another may start while `active < slots + 1`),
//! and surplus slots go back before anybody waits.
//!
//! Some groups need what a host holds: a process that sets something up once in a run. Hosts are started and ended as
//! the groups need them, and take part in the counting of processes while they are at work.

mod alone;
mod batch;
#[cfg(test)]
mod bounds;
mod clocks;
mod fill;
mod gather;
mod growth;
mod hosts;
mod lengths;
mod lost;
#[cfg(test)]
mod makespan;
mod once;
mod order;
#[cfg(test)]
mod properties;
mod queue;
mod room;
mod spent;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use alone::Families;
pub use clocks::{ExitLimit, SHORTEST_EXIT};
use gather::Gathering;
pub use hosts::Host;
use hosts::Hosts;
use lengths::Lengths;
use order::Order;
use queue::Queue;
use room::Room;
pub use words::{
    Action, Batch, ContextId, Group, HostId, Input, Item, Lost, More, Process, Shortage, Slots, Spec, Stop,
};

pub struct Scheduler {
    spec: Spec,
    queues: Vec<Queue>,
    lengths: Lengths,
    order: Order,
    /// How many processes each limit counts now.
    used: Vec<usize>,
    running: BTreeMap<Process, Running>,
    families: Families,
    free_workers: BTreeSet<usize>,
    most_workers: usize,
    next_process: Process,
    /// Slots held beyond the one that every process owns.
    held: usize,
    requested: usize,
    room: Room,
    hosts: Hosts,
    failed_contexts: BTreeSet<ContextId>,
    /// The groups that come before all others.
    first: Vec<usize>,
    failures: usize,
    stop: Option<Stop>,
    gathering: Option<Gathering>,
    /// Nothing runs, because a group waits for its slots.
    nothing_runs_since: Option<Duration>,
}

/// A setup or teardown that a process is at.
struct Fixture {
    since: Duration,
    /// It sees to its own limit. If it is still there so long after, it is stuck with its process.
    until: Duration,
}

#[expect(clippy::struct_excessive_bools, reason = "each of them may come true whatever the others are")]
struct Running {
    batch: Batch,
    /// What it has not finished, in its order.
    pending: VecDeque<Item>,
    /// The item that runs (none before the first begins and after the last ends) and since when.
    current: Option<Item>,
    /// The item that ended last.
    last: Option<Item>,
    since: Duration,
    /// When it will be through, as far as the lengths are known.
    ends_at: Duration,
    slow_at: Duration,
    fixture: Option<Fixture>,
    /// When the polite signal will have been ignored for too long.
    kill_at: Option<Duration>,
    killed: bool,
    /// What its longest item took, once one has finished, and by how much an item exceeded at most what was known of it.
    longest: Option<Duration>,
    most_excess: Duration,
    /// There has been no other process since it was to start.
    alone: bool,
    /// What it would run after its current item was given to others.
    robbed: bool,
    /// An item of it has begun.
    begun: bool,
    /// Its item is ended because somebody wanted it so, who does not want it tried again.
    by_hand: bool,
    /// Other processes of its family ran while it was at its current item.
    company: bool,
}

impl Running {
    /// The item is over.
    fn goes_on(&mut self, now: Duration, slow: Duration, item: Item) {
        // Items end in the order in which they were given, but for those of a process that told nothing of them.
        if let Some(at) = self.pending.iter().position(|pending| *pending == item) {
            self.pending.remove(at);
        }
        self.current = None;
        self.begun = true;
        self.last = Some(item);
        self.fixture = None;
        self.since = now;
        self.slow_at = now + slow;
    }
}

impl Scheduler {
    pub fn new(mut spec: Spec) -> Self {
        let all = growth::take(&mut spec);
        let mut scheduler = Self {
            order: Order::default(),
            queues: Vec::new(),
            lengths: Lengths::new(spec.processes),
            used: Vec::new(),
            running: BTreeMap::new(),
            families: Families::default(),
            free_workers: (0..spec.processes).collect(),
            most_workers: spec.processes,
            next_process: 1,
            held: 0,
            requested: 0,
            room: Room::new(spec.room),
            hosts: Hosts::new(spec.grace),
            failed_contexts: BTreeSet::new(),
            first: Vec::new(),
            failures: 0,
            stop: None,
            gathering: None,
            nothing_runs_since: None,
            spec,
        };
        scheduler.grow(all);
        scheduler
    }

    /// To be called when what waits in the group has changed.
    fn sort_in(&mut self, group: usize) {
        let piece = self.queues[group].piece(&self.lengths);
        let Group { slots, setup, .. } = self.spec.groups[group];
        self.order.put(group, piece.map(|piece| (slots.max(1), piece.saturating_add(setup))));
    }

    /// Takes in what happened at `now` and says what is to be done about it, in order.
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Tick => {}
            Input::SlotGranted => {
                self.requested = self.requested.saturating_sub(1);
                self.held += 1;
            }
            Input::ItemStarted { process, item } => self.item_started(now, process, item),
            Input::ItemFinished { process, item, passed, duration } => {
                self.item_finished(now, process, item, passed, duration, &mut actions);
            }
            Input::ItemEnded { process, item } => self.item_ended(now, process, item, &mut actions),
            Input::FixtureStarted { process, limit } => self.fixture_started(now, process, limit),
            Input::FixtureEnded(process) => self.fixture_ended(now, process),
            Input::ContextFailed(context) => drop(self.failed_contexts.insert(context)),
            Input::RunAlone { process, item } => self.run_alone(process, item),
            Input::ProcessExited(process) => self.take_back(process, true, &mut actions),
            Input::NotStarted { process, why } => self.not_started(now, process, why, &mut actions),
            Input::HostNotStarted(host) => self.host_not_started(now, host),
            Input::HostUp(host) => self.hosts.came_up(host),
            Input::HostFailed(host) => self.hosts.failed(now, host),
            Input::HostExited(host) => self.hosts.exited(host),
            Input::Stop(stop) => self.stop(now, stop, &mut actions),
            Input::End(process) => self.end_by_hand(now, process, &mut actions),
            Input::EndHost(host) => self.hosts.end_by_hand(now, host, &mut actions),
            Input::Cap(processes) => self.cap(processes),
            Input::AllKnown => self.spec.growing = false,
        }
        self.look_at_clocks(now, &mut actions);
        // An item that passes in the middle of its batch frees nothing; looking for work then would cost for nothing.
        let passes = matches!(
            input,
            Input::ItemStarted { .. }
                | Input::ItemFinished { passed: true, .. }
                | Input::ItemEnded { .. }
                | Input::FixtureStarted { .. }
                | Input::FixtureEnded(_)
        );
        if !passes {
            self.fill(now, &mut actions);
        }
        actions
    }

    /// Nothing runs, and nothing will.
    pub fn is_done(&self) -> bool {
        let nothing_runs = self.running.is_empty() && self.hosts.all_gone();
        let nothing_waits = || !self.spec.growing && self.queues.iter().all(|queue| queue.len() == 0);
        nothing_runs && (self.stop.is_some() || nothing_waits())
    }

    /// Nothing more is started.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    pub fn slots(&self) -> Slots {
        let owned = self.owned().min(self.running.len());
        // A request that nobody needs any more can't be taken back.
        let useful = if self.stop.is_none() { self.wanted().saturating_sub(self.held) } else { 0 };
        Slots { held: self.held + owned, waiting: self.requested.min(useful), cap: self.spec.processes }
    }

    /// How many workers there may have been at once until now.
    pub fn most_workers(&self) -> usize {
        self.most_workers
    }

    /// Whether the scheduler will try again an item that does not pass now.
    pub fn tries_again(&self, process: Process, item: Item) -> bool {
        let Some(Running { batch, by_hand, .. }) = self.running.get(&process) else { return false };
        let may = self.stop.is_none() && !by_hand && !batch.diagnosis && batch.attempt <= self.spec.retries;
        may && !self.spec.groups[batch.group].once && self.lost(batch.group, item).is_none()
    }

    fn item_started(&mut self, now: Duration, process: Process, item: Item) {
        if let Some(running) = self.running.get_mut(&process) {
            running.current = Some(item);
            running.begun = true;
            running.since = now;
            running.slow_at = now + self.spec.slow;
        }
    }

    fn fixture_started(&mut self, now: Duration, process: Process, limit: Duration) {
        if let Some(running) = self.running.get_mut(&process) {
            running.fixture = Some(Fixture { since: now, until: now + limit + self.spec.grace });
        }
    }

    fn fixture_ended(&mut self, now: Duration, process: Process) {
        let Some(running) = self.running.get_mut(&process) else { return };
        if let Some(fixture) = running.fixture.take() {
            let took = now.saturating_sub(fixture.since);
            running.since += took;
            running.slow_at += took;
        }
    }

    fn item_finished(
        &mut self,
        now: Duration,
        process: Process,
        item: Item,
        passed: bool,
        duration: Duration,
        actions: &mut Vec<Action>,
    ) {
        let again = !passed && self.tries_again(process, item);
        let Some(running) = self.running.get_mut(&process) else { return };
        running.goes_on(now, self.spec.slow, item);
        let group = running.batch.group;
        let queue = &mut self.queues[group];
        queue.finished(duration, running.longest);
        running.longest = running.longest.max(Some(duration));
        self.lengths.finished(item, duration, &mut running.most_excess);
        if again {
            queue.again.push_back((item, running.batch.attempt + 1));
        } else if !passed && !running.batch.diagnosis {
            self.failures += 1;
            let may_be_disturbed = running.batch.items.first() != Some(&item) || running.company;
            if self.spec.diagnose && may_be_disturbed && !self.spec.groups[group].once && self.stop.is_none() {
                queue.diagnoses.push_back(item);
            }
            self.stop_after_failures(now, actions);
        }
        self.sort_in(group);
        self.leaves_item(now, process, actions);
    }

    fn item_ended(&mut self, now: Duration, process: Process, item: Item, actions: &mut Vec<Action>) {
        let slow = self.spec.slow;
        if let Some(running) = self.running.get_mut(&process) {
            running.goes_on(now, slow, item);
            self.leaves_item(now, process, actions);
        }
    }

    /// The process comes to its next item, if it is to run that.
    fn leaves_item(&mut self, now: Duration, process: Process, actions: &mut Vec<Action>) {
        let Some(group) = self.running.get(&process).map(|running| running.batch.group) else { return };
        let company = self.begins_with_company(group);
        self.running.entry(process).and_modify(|running| running.company = company);
        // What would begin next is no part of the run; a process that has nothing left ends by itself, in good order.
        let Some(running) = self.running.get(&process) else { return };
        // One that was asked to end would otherwise be ended in the middle of the next item, when the grace is over.
        let asked_to_end = running.kill_at.is_some() && self.stop.is_none();
        let stops = asked_to_end || self.stop == Some(Stop::Drain);
        if running.robbed {
            self.kill(process, actions);
        } else if stops && !running.pending.is_empty() {
            self.end(now, process, actions);
        }
    }

    /// The attempt goes on in a process of its own.
    fn run_alone(&mut self, process: Process, item: Item) {
        let Some(running) = self.running.get_mut(&process) else { return };
        running.pending.retain(|pending| *pending != item);
        running.current = None;
        let (group, attempt) = (running.batch.group, running.batch.attempt);
        match running.batch.diagnosis {
            true => self.queues[group].diagnoses.push_back(item),
            false => self.queues[group].again.push_back((item, attempt)),
        }
        self.sort_in(group);
    }

    fn stop_after_failures(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.stop.is_none() && self.spec.max_fail.is_some_and(|most| self.failures >= most) {
            self.stop(now, Stop::Drain, actions);
        }
    }

    /// The process is gone, or was never there: what it has not finished waits again.
    fn take_back(&mut self, process: Process, started: bool, actions: &mut Vec<Action>) {
        let Some(running) = self.running.remove(&process) else { return };
        let Batch { worker, group, attempt, diagnosis, .. } = running.batch;
        self.free_workers.insert(worker);
        self.spec.groups[group].limits.iter().for_each(|limit| self.used[*limit] -= 1);
        self.families.exited(self.spec.groups[group].family);
        let queue = &mut self.queues[group];
        queue.active -= 1;
        if let Some(longest) = running.longest.filter(|_| running.batch.items.len() > 1) {
            queue.process_exited(longest);
        }
        if self.spec.groups[group].once && running.begun && !running.pending.is_empty() && self.stop.is_none() {
            actions.push(Action::GiveUp { items: running.pending.into(), why: Lost::Process(process) });
            return;
        }
        let left = running.pending.into_iter();
        match (diagnosis, attempt) {
            (true, _) if started => {}
            (true, _) => left.rev().for_each(|item| queue.diagnoses.push_front(item)),
            (false, 1) => queue.put(left, &self.lengths),
            (false, attempt) => left.rev().for_each(|item| queue.again.push_front((item, attempt))),
        }
        self.sort_in(group);
    }

    fn stop(&mut self, now: Duration, stop: Stop, actions: &mut Vec<Action>) {
        self.stop = self.stop.max(Some(stop));
        let processes: Vec<Process> = self.running.keys().copied().collect();
        for process in processes {
            let running = &self.running[&process];
            match stop {
                Stop::Drain if running.current.is_some() || running.pending.is_empty() => {}
                Stop::Drain => self.end(now, process, actions),
                Stop::Kill => self.kill(process, actions),
                Stop::Terminate => self.terminate(now, process, None, actions),
            }
        }
        match stop {
            Stop::Drain => {}
            Stop::Terminate => self.hosts.cut_setups_short(now, actions),
            Stop::Kill => self.hosts.kill_all(actions),
        }
    }

    /// Processes beyond a lower cap go after their current items, where that can be.
    fn cap(&mut self, processes: usize) {
        self.free_workers.extend(self.most_workers..processes);
        self.most_workers = self.most_workers.max(processes);
        self.spec.processes = processes;
        let mut staying: usize = self.running.values().filter(|it| !it.robbed).map(|it| it.batch.slots).sum();
        let last_begun: Vec<Process> = self.running.keys().rev().copied().collect();
        for process in last_begun {
            let running = &self.running[&process];
            if staying > processes && self.may_be_robbed(running) {
                staying -= running.batch.slots;
                self.take_what_waits_in(process);
            }
        }
    }

    fn spawn(&mut self, now: Duration, group: usize, slots: usize, actions: &mut Vec<Action>) {
        let Some(worker) = self.free_workers.pop_first() else { return };
        let (items, attempt, diagnosis) = self.take(now, group);
        let takes: Duration = items.iter().filter_map(|item| self.length(group, *item)).sum();
        let takes = takes.saturating_add(self.paid_by_process(group, &items));
        let (process, alone) = (self.new_process(), self.is_alone());
        let queue = &mut self.queues[group];
        queue.active += 1;
        (queue.lacking_since, queue.passed_over) = (None, 0);
        self.spec.groups[group].limits.iter().for_each(|limit| self.used[*limit] += 1);
        let batch = Batch { process, worker, group, slots, items, attempt, diagnosis };
        let running = Running {
            pending: batch.items.iter().copied().collect(),
            batch: batch.clone(),
            current: None,
            last: None,
            since: now,
            ends_at: now.saturating_add(takes),
            slow_at: now + self.spec.slow,
            fixture: None,
            kill_at: None,
            killed: false,
            longest: None,
            most_excess: Duration::ZERO,
            alone,
            robbed: false,
            begun: false,
            by_hand: false,
            company: false,
        };
        self.running.insert(process, running);
        self.joins_family(group, diagnosis);
        actions.push(Action::Spawn(batch));
    }

    fn new_process(&mut self) -> Process {
        self.next_process += 1;
        self.next_process - 1
    }

    /// The items for the group's next process, the attempt that they are at, and whether it is a diagnosis.
    fn take(&mut self, now: Duration, group: usize) -> (Vec<Item>, u32, bool) {
        let size = self.batch_size(now, group);
        let queue = &mut self.queues[group];
        let taken = if size > 0 {
            (queue.take(size, &self.lengths), 1, false)
        } else if let Some((item, attempt)) = queue.again.pop_front() {
            (vec![item], attempt, false)
        } else {
            (queue.diagnoses.pop_front().into_iter().collect(), 1, true)
        };
        self.sort_in(group);
        taken
    }

    /// How many of the group's fresh items its next process is given; 0 if it has none.
    fn batch_size(&self, now: Duration, group: usize) -> usize {
        let queue = &self.queues[group];
        let spec = &self.spec.groups[group];
        let size = if spec.unit {
            queue.fresh().len()
        } else if spec.can_split {
            // A part for each worker, of the same size: they run at once, and nothing is set up more often than that.
            let workers = self.spec.processes / self.weight(group);
            spec.items.len().div_ceil(workers).max(spec.at_least).min(queue.fresh().len())
        } else {
            let length = |item: &Item| self.length(group, *item);
            batch::size(queue.fresh().iter().map(length), self.left(now, group))
        };
        size.min(spec.per_process)
    }

    /// How long an item takes, if that is known, or others of its group have ended.
    fn length(&self, group: usize, item: Item) -> Option<Duration> {
        let known = self.lengths.known(item).map(|length| self.lengths.today(length));
        known.or_else(|| self.queues[group].mean())
    }

    /// What is left of the groups that may be divided, if those of which nothing is known are like this one.
    fn left(&self, now: Duration, group: usize) -> batch::Left {
        let queue = &self.queues[group];
        let once = self.paid_for_what_waits(group);
        let (mean, warmup) = (queue.mean(), queue.once().max(self.spec.groups[group].warmup));
        let groups = self.order.iter().filter(|group| !self.spec.groups[*group].unit);
        let busy = self.running.values().map(|running| running.ends_at.saturating_sub(now)).collect();
        let given = self.running.values().map(|running| running.pending.len()).sum();
        let processes = self.spec.processes;
        let crowd = processes.div_ceil(self.spec.cores);
        let mut left =
            batch::Left { tests: 0, time: Some(Duration::ZERO), given, processes, crowd, warmup, once, busy };
        for group in groups {
            let queue = &self.queues[group];
            left.tests += queue.fresh().len();
            let time = queue.time_left(mean, |known| self.lengths.today(known));
            let once = self.paid_for_what_waits(group);
            left.time = left.time.and_then(|sum| Some(sum.saturating_add(time?).saturating_add(once)));
        }
        left
    }
}
