//! Decides what runs when: a state machine fed by events. Pure: no process, clock or thread is touched here.
//!
//! The run loop tells [`Scheduler::step`] what happened and performs the actions that come back. Time enters with each
//! input, as the time since the run began. Cargo's job queue is the model: a slot of the jobserver is one more
//! message, every process owns one slot that nobody has to grant (so another may start while `active < slots + 1`),
//! and surplus slots go back before anybody waits.
//!
//! Some groups need what a host holds: a process that sets something up once in a run. Hosts are started and ended as
//! the groups need them, and take part in the counting of processes while they are at work.

mod batch;
#[cfg(test)]
mod bounds;
mod gather;
mod hosts;
mod lengths;
mod lost;
#[cfg(test)]
mod makespan;
mod order;
#[cfg(test)]
mod properties;
mod queue;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use gather::Gathering;
pub use hosts::Host;
use hosts::Hosts;
use lengths::Lengths;
use order::Order;
use queue::Queue;

/// A test to run, numbered by the caller.
pub type Item = usize;

/// An index into [`Spec::hosts`].
pub type HostId = usize;

/// An index into [`Spec::contexts`].
pub type ContextId = usize;

/// The serial number of a process in this run, from 1.
pub type Process = u32;

/// Everything that a scheduler is told in advance.
#[derive(Clone, Debug)]
pub struct Spec {
    pub groups: Vec<Group>,
    /// At most so many processes of the groups that name a limit run at once.
    pub limits: Vec<usize>,
    pub hosts: Vec<Host>,
    /// What processes set up for themselves: for each context the one around it.
    pub contexts: Vec<Option<ContextId>>,
    /// The upper cap on processes.
    pub processes: usize,
    /// How often a failed item is tried again.
    pub retries: u32,
    /// Stop after so many failures.
    pub max_fail: Option<usize>,
    /// Run a failed item once more alone, if its process had run others before it.
    pub diagnose: bool,
    /// From the polite signal to the one that cannot be ignored.
    pub grace: Duration,
    /// When an item is slow for the first time; after that at each doubling.
    pub slow: Duration,
}

/// Items that one process may run together.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// In the order in which a process runs them: ascending.
    pub items: Vec<Item>,
    /// The time limit of each item.
    pub timeouts: Vec<Option<Duration>>,
    /// What each item took in earlier runs; may be left out where nothing is known of any.
    pub lengths: Vec<Option<Duration>>,
    /// What set-ups took that its items wait for: those in its processes, and those in its hosts.
    pub setup: Duration,
    /// The innermost context of each item; may be left out where there is none.
    pub contexts: Vec<Option<ContextId>>,
    /// Given to one process whole, and to no other while that one lives.
    pub unit: bool,
    /// Each of its processes sets something up, so there should be few of them, and they should come to their end.
    pub can_split: bool,
    /// How many items a process may be given.
    pub per_process: usize,
    /// How many it is given at the least, where the group can split and has as many left.
    pub at_least: usize,
    /// How many slots each of its processes takes, all of them or none; 0 is 1.
    pub slots: usize,
    /// Indices into [`Spec::limits`].
    pub limits: Vec<usize>,
    /// They have to be up while any of its processes lives.
    pub hosts: Vec<HostId>,
}

/// What one process is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub process: Process,
    /// The lowest free place, from 0.
    pub worker: usize,
    pub group: usize,
    /// How many it takes.
    pub slots: usize,
    pub items: Vec<Item>,
    /// From 1.
    pub attempt: u32,
    /// The result is told beside the verdict, which stands already.
    pub diagnosis: bool,
}

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// The run begins, or time has passed.
    Tick,
    /// The jobserver granted a slot.
    SlotGranted,
    ItemStarted {
        process: Process,
        item: Item,
    },
    ItemFinished {
        process: Process,
        item: Item,
        passed: bool,
        duration: Duration,
    },
    /// The process sets something up or tears it down, which may take so long; the running item's clock stands still.
    FixtureStarted {
        process: Process,
        limit: Duration,
    },
    FixtureEnded(Process),
    /// A process could not set this up: no other will try.
    ContextFailed(ContextId),
    /// The process is gone. What it was given and did not finish goes to another.
    ProcessExited(Process),
    HostUp(HostId),
    HostFailed(HostId),
    HostExited(HostId),
    Stop(Stop),
    /// Somebody wants the process's item to end, as if its time was up; at the second time, at once.
    End(Process),
    /// The upper cap on processes is another from now on.
    Cap(usize),
}

/// The slots that a run has and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// In use, with the one that nobody has to grant.
    pub held: usize,
    /// Asked for and not granted yet.
    pub waiting: usize,
    /// The upper cap on processes.
    pub cap: usize,
}

/// How a run ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Start nothing; running items may finish.
    Drain,
    /// Ask every process to end, and see to it after the grace.
    Terminate,
    /// End every process now.
    Kill,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Spawn(Batch),
    /// Ask the jobserver for one more slot.
    RequestSlot,
    ReleaseSlot,
    /// Ask the process to end; `late` is the item whose time is up.
    Terminate {
        process: Process,
        late: Option<Item>,
    },
    Kill(Process),
    /// Let the process begin no further item: it is to tear down what it has set up, and to end.
    Dismiss(Process),
    StartHost {
        host: HostId,
        process: Process,
    },
    /// Have the host tear down and end.
    StopHost(HostId),
    /// `late`: its time is up.
    KillHost {
        host: HostId,
        late: bool,
    },
    /// These will not run.
    GiveUp {
        items: Vec<Item>,
        why: Lost,
    },
    /// Tell that an item takes long.
    Slow {
        process: Process,
        item: Item,
        elapsed: Duration,
    },
}

/// What could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    Host(HostId),
    Context(ContextId),
}

/// When an item has run for so long while there is nothing else to do, what waits behind it goes to another process: the
/// item may never end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process that is to tear down and end may take this long: the item that it has begun meanwhile is not waited for.
const DISMISSAL: Duration = Duration::from_secs(15);

/// After its last item a process may take this long to end: exit handlers write coverage data, for example.
const EXIT_LIMIT: Duration = Duration::from_secs(60);

pub struct Scheduler {
    spec: Spec,
    queues: Vec<Queue>,
    lengths: Lengths,
    order: Order,
    /// How many processes each limit counts now.
    used: Vec<usize>,
    running: BTreeMap<Process, Running>,
    free_workers: BTreeSet<usize>,
    most_workers: usize,
    next_process: Process,
    /// Slots held beyond the one that every process owns.
    held: usize,
    requested: usize,
    hosts: Hosts,
    failed_contexts: BTreeSet<ContextId>,
    failures: usize,
    stop: Option<Stop>,
    gathering: Option<Gathering>,
    /// Nothing runs, because a group waits for its slots.
    nothing_runs_since: Option<Duration>,
}

/// A set-up or teardown that a process is at.
struct Fixture {
    since: Duration,
    /// It sees to its own limit. If it is still there so long after, it is stuck with its process.
    until: Duration,
}

struct Running {
    batch: Batch,
    /// What it has not finished, in its order.
    pending: VecDeque<Item>,
    /// The item that runs (none before the first begins and after the last ends) and since when.
    current: Option<Item>,
    since: Duration,
    /// When it will be through, as far as the lengths are known.
    ends_at: Duration,
    slow_at: Duration,
    fixture: Option<Fixture>,
    /// When the polite signal will have been ignored for too long.
    kill_at: Option<Duration>,
    killed: bool,
    /// What it would run after its current item was given to others.
    robbed: bool,
    /// Its item is ended because somebody wanted it so, who does not want it tried again.
    by_hand: bool,
}

impl Scheduler {
    pub fn new(spec: Spec) -> Self {
        let lengths = Lengths::of(&spec.groups, spec.processes);
        let queues: Vec<Queue> = spec.groups.iter().map(|group| Queue::new(group, &lengths)).collect();
        let mut scheduler = Self {
            order: Order::of(queues.len()),
            queues,
            lengths,
            used: vec![0; spec.limits.len()],
            running: BTreeMap::new(),
            free_workers: (0..spec.processes).collect(),
            most_workers: spec.processes,
            next_process: 1,
            held: 0,
            requested: 0,
            hosts: Hosts::new(spec.hosts.clone(), spec.grace),
            failed_contexts: BTreeSet::new(),
            failures: 0,
            stop: None,
            gathering: None,
            nothing_runs_since: None,
            spec,
        };
        (0..scheduler.queues.len()).for_each(|group| scheduler.sort_in(group));
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
            Input::FixtureStarted { process, limit } => self.fixture_started(now, process, limit),
            Input::FixtureEnded(process) => self.fixture_ended(now, process),
            Input::ContextFailed(context) => drop(self.failed_contexts.insert(context)),
            Input::ProcessExited(process) => self.process_exited(process),
            Input::HostUp(host) => self.hosts.came_up(host),
            Input::HostFailed(host) => self.hosts.failed(now, host),
            Input::HostExited(host) => self.hosts.exited(host),
            Input::Stop(stop) => self.stop(now, stop, &mut actions),
            Input::End(process) => self.end_by_hand(now, process, &mut actions),
            Input::Cap(processes) => self.cap(processes),
        }
        self.look_at_clocks(now, &mut actions);
        // An item that passes in the middle of its batch frees nothing; looking for work then would cost for nothing.
        let passes = matches!(
            input,
            Input::ItemStarted { .. }
                | Input::ItemFinished { passed: true, .. }
                | Input::FixtureStarted { .. }
                | Input::FixtureEnded(_)
        );
        if !passes {
            self.fill(now, &mut actions);
        }
        actions
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Duration> {
        let idle = self.is_idle();
        let deadlines = self.running.values().flat_map(|running| {
            let patience = self.may_be_robbed(running).then(|| running.since + PATIENCE).filter(|_| idle);
            self.deadlines(running).into_iter().chain([patience])
        });
        let gathering = self.gathering.and_then(|it| it.until);
        deadlines.flatten().chain(self.hosts.next_deadline()).chain(gathering).min()
    }

    /// Nothing runs, and nothing will.
    pub fn is_done(&self) -> bool {
        let nothing_runs = self.running.is_empty() && self.hosts.all_gone();
        nothing_runs && (self.stop.is_some() || self.queues.iter().all(|queue| queue.len() == 0))
    }

    /// Nothing more is started.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    pub fn slots(&self) -> Slots {
        let owned = usize::from(!self.running.is_empty());
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
        may && self.lost(batch.group, item).is_none()
    }

    fn item_started(&mut self, now: Duration, process: Process, item: Item) {
        if let Some(running) = self.running.get_mut(&process) {
            running.current = Some(item);
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
        // Items end in the order in which they were given, but for those of a process that told nothing of them.
        if let Some(at) = running.pending.iter().position(|pending| *pending == item) {
            running.pending.remove(at);
        }
        running.current = None;
        running.fixture = None;
        running.since = now;
        running.slow_at = now + self.spec.slow;
        let group = running.batch.group;
        let queue = &mut self.queues[group];
        queue.finished(duration);
        self.lengths.finished(item, duration);
        if again {
            queue.again.push_back((item, running.batch.attempt + 1));
        } else if !passed && !running.batch.diagnosis {
            self.failures += 1;
            let first = running.batch.items.first() == Some(&item);
            if self.spec.diagnose && !first && self.stop.is_none() {
                queue.diagnoses.push_back(item);
            }
            self.stop_after_failures(now, actions);
        }
        self.sort_in(group);
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

    fn stop_after_failures(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.stop.is_none() && self.spec.max_fail.is_some_and(|most| self.failures >= most) {
            self.stop(now, Stop::Drain, actions);
        }
    }

    fn process_exited(&mut self, process: Process) {
        let Some(running) = self.running.remove(&process) else { return };
        let Batch { worker, group, attempt, diagnosis, .. } = running.batch;
        self.free_workers.insert(worker);
        self.spec.groups[group].limits.iter().for_each(|limit| self.used[*limit] -= 1);
        let queue = &mut self.queues[group];
        queue.active -= 1;
        let left = running.pending.into_iter();
        match (diagnosis, attempt) {
            (true, _) => {}
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

    fn end_by_hand(&mut self, now: Duration, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        let Some(item) = running.current else { return };
        if std::mem::replace(&mut running.by_hand, true) || running.kill_at.is_some() {
            self.kill(process, actions);
        } else {
            self.terminate(now, process, Some(item), actions);
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

    fn terminate(&mut self, now: Duration, process: Process, late: Option<Item>, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        if running.kill_at.is_none() && !running.killed {
            running.kill_at = Some(now + self.spec.grace);
            actions.push(Action::Terminate { process, late });
        }
    }

    /// Ends a process between two items. One that has set something up gets the time to tear it down.
    fn end(&mut self, now: Duration, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        let has_fixtures = self.spec.groups[running.batch.group].contexts.iter().any(Option::is_some);
        // Without a stop, it is its own time that was up: nobody else's tests are to be held up.
        if !has_fixtures || running.killed || self.stop.is_none() {
            self.kill(process, actions);
        } else if running.kill_at.is_none() {
            running.kill_at = Some(now + DISMISSAL);
            actions.push(Action::Dismiss(process));
        }
    }

    fn kill(&mut self, process: Process, actions: &mut Vec<Action>) {
        let Some(running) = self.running.get_mut(&process) else { return };
        if !std::mem::replace(&mut running.killed, true) {
            actions.push(Action::Kill(process));
        }
    }

    /// When the item's time is up, when it is slow, when the grace ends: those that lie ahead.
    fn deadlines(&self, running: &Running) -> [Option<Duration>; 3] {
        let late = self.late_at(running).filter(|_| running.kill_at.is_none() && !running.killed);
        let slow = running.current.filter(|_| running.fixture.is_none()).map(|_| running.slow_at);
        [late, slow, running.kill_at.filter(|_| !running.killed)]
    }

    fn late_at(&self, running: &Running) -> Option<Duration> {
        if let Some(fixture) = &running.fixture {
            return Some(fixture.until);
        }
        // Before its first item begins, a process is on that item's time: a constructor may hang.
        let Some(item) = running.current.or(running.pending.front().copied()) else {
            return Some(running.since + EXIT_LIMIT);
        };
        let group = &self.spec.groups[running.batch.group];
        let place = group.items.binary_search(&item).ok()?;
        group.timeouts[place].map(|limit| running.since + limit)
    }

    fn look_at_clocks(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let due = |at: &Option<Duration>| at.is_some_and(|at| at <= now);
        let late: Vec<(Process, [bool; 3])> = self
            .running
            .iter()
            .map(|(process, running)| (*process, self.deadlines(running).map(|at| due(&at))))
            .filter(|(_, due)| due.contains(&true))
            .collect();
        self.hosts.look_at_clocks(now, actions);
        for (process, [late, slow, grace_is_over]) in late {
            let current = self.running[&process].current;
            if grace_is_over {
                self.kill(process, actions);
            }
            if let (true, Some(item), Some(running)) = (slow, current, self.running.get_mut(&process)) {
                let elapsed = now.saturating_sub(running.since);
                running.slow_at = now + elapsed;
                actions.push(Action::Slow { process, item, elapsed });
            }
            if late {
                let item = current.or(self.running[&process].pending.front().copied());
                self.terminate(now, process, item, actions);
            }
        }
    }

    /// Starts what may start, asks for the slots that could be used, gives back the others.
    fn fill(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.hosts.fail_with_the_outer_ones();
        if self.stop.is_none() {
            self.give_up(actions);
            self.stop_after_failures(now, actions);
        }
        self.gather(now);
        if self.is_idle() {
            self.rob(now);
        }
        while self.free_slots() > 0 && self.begin_something(now, actions) {
            self.gather(now);
        }
        self.start_with_fewer_slots(now, actions);
        let wanted = self.wanted();
        while self.held + self.requested < wanted {
            self.requested += 1;
            actions.push(Action::RequestSlot);
        }
        while self.held > self.kept_slots().saturating_sub(1) {
            self.held -= 1;
            actions.push(Action::ReleaseSlot);
        }
    }

    /// How many slots have a process at work in them.
    fn active(&self) -> usize {
        self.running.values().map(|running| running.batch.slots).sum::<usize>() + self.hosts.busy()
    }

    /// How many slots could be used, beyond the one that every process owns.
    fn wanted(&self) -> usize {
        let room = self.spec.processes.saturating_sub(self.active());
        (self.active() + self.usable(room)).max(self.kept_slots()).saturating_sub(1)
    }

    /// What is not needed any more goes first. A host is set up while those who come before its groups run, but not
    /// long before: it may take a lot of room. Only where there is nothing else to do all of them may come at once.
    fn begin_something(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        let idle = self.order.iter().all(|group| self.startable(group) == 0);
        let stands_back = self.gathering.is_some_and(|it| it.alone);
        let hosts = || self.startable_hosts(if idle { usize::MAX } else { self.spec.processes });
        if let Some(host) = self.stoppable_hosts().first() {
            self.hosts.stop(now, *host, actions);
        } else if let Some(host) = (!stands_back).then(hosts).and_then(|hosts| hosts.first().copied()) {
            self.hosts.start(now, host);
            let process = self.new_process();
            actions.push(Action::StartHost { host, process });
        } else if let Some(group) = self.next_group() {
            self.spawn(now, group, self.weight(group), actions);
        } else {
            return false;
        }
        true
    }

    /// The first group that can start with the slots that are free.
    fn next_group(&mut self) -> Option<usize> {
        let free = self.free_slots();
        let lacking = self.gathering.map(|it| it.group);
        let alone = self.gathering.filter(|it| it.alone).map(|it| it.group);
        let mut ahead = self.order.iter().take_while(|group| Some(*group) != alone);
        let next = ahead.find(|group| self.weight(*group) <= free && self.startable(*group) > 0)?;
        if let Some(lacking) = lacking.filter(|lacking| self.order.is_before(*lacking, next)) {
            self.queues[lacking].passed_over += 1;
        }
        Some(next)
    }

    /// The hosts that the next groups need, so many of them, and that can be started now.
    fn startable_hosts(&self, groups: usize) -> Vec<HostId> {
        if self.stop.is_some() || self.hosts.is_empty() {
            return Vec::new();
        }
        self.hosts.startable(self.hosts_of(self.order.iter().take(groups)))
    }

    fn stoppable_hosts(&self) -> Vec<HostId> {
        if self.hosts.is_empty() {
            return Vec::new();
        }
        let needs = |queue: &Queue| queue.active > 0 || (queue.len() > 0 && self.stop.is_none());
        let groups = 0..self.queues.len();
        self.hosts.stoppable(self.hosts_of(groups.filter(|group| needs(&self.queues[*group]))))
    }

    /// For each host whether one of the groups needs it.
    fn hosts_of(&self, groups: impl Iterator<Item = usize>) -> Vec<bool> {
        let mut needed = vec![false; self.spec.hosts.len()];
        for group in groups {
            self.spec.groups[group].hosts.iter().for_each(|host| needed[*host] = true);
        }
        needed
    }

    /// There is room for another process, and nothing that it could do.
    fn is_idle(&self) -> bool {
        let room = self.spec.processes.saturating_sub(self.active());
        self.stop.is_none() && room > 0 && self.usable(room) == 0
    }

    /// A unit stays together, whatever it costs; and whoever has set something up is not ended before the teardown.
    fn may_be_robbed(&self, running: &Running) -> bool {
        let group = &self.spec.groups[running.batch.group];
        let has_set_up = group.can_split && group.contexts.iter().any(Option::is_some);
        let has_more = running.current.is_some() && running.pending.len() > 1;
        has_more && !group.unit && !has_set_up && !running.killed && running.kill_at.is_none()
    }

    /// Takes what waits behind items that take long, for those who have nothing to do. Their processes are ended after
    /// the item, because they would begin the next one.
    fn rob(&mut self, now: Duration) {
        let impatient = |running: &Running| self.may_be_robbed(running) && running.since + PATIENCE <= now;
        let slow: Vec<Process> =
            self.running.iter().filter(|(_, it)| impatient(it)).map(|(process, _)| *process).collect();
        slow.into_iter().for_each(|process| self.take_what_waits_in(process));
    }

    fn take_what_waits_in(&mut self, process: Process) {
        let Some(running) = self.running.get_mut(&process) else { return };
        running.robbed = true;
        let current = running.current;
        let group = running.batch.group;
        let waiting = running.pending.iter().copied().filter(|item| Some(*item) != current);
        self.queues[group].put(waiting, &self.lengths);
        running.pending.retain(|item| Some(*item) == current);
        self.sort_in(group);
    }

    /// How many more slots could have a process in them now, if so many were granted.
    fn usable(&self, room: usize) -> usize {
        let first_of_all = self.gathering.filter(|it| it.alone).map(|it| it.group);
        let startable_hosts = || self.startable_hosts(usize::MAX).len();
        let mut more = self.stoppable_hosts().len() + if first_of_all.is_none() { startable_hosts() } else { 0 };
        let mut used = self.used.clone();
        for group in self.order.iter() {
            if more >= room {
                break;
            }
            let weight = self.weight(group);
            let startable = self.startable_beside(&used, group).min((room - more) / weight);
            // Groups may share a limit, and then not all of them can have its last places.
            self.spec.groups[group].limits.iter().for_each(|limit| used[*limit] += startable);
            more += startable * weight;
            if first_of_all == Some(group) {
                break;
            }
        }
        more.min(room)
    }

    /// How many more processes could run items of the group now, if there were slots.
    fn startable(&self, group: usize) -> usize {
        self.startable_beside(&self.used, group)
    }

    /// The same, if so many processes counted in each limit.
    fn startable_beside(&self, used: &[usize], group: usize) -> usize {
        let queue = &self.queues[group];
        let spec = &self.spec.groups[group];
        if self.stop.is_some() || !spec.hosts.iter().all(|host| self.hosts.is_up(*host)) {
            return 0;
        }
        let work = match spec.unit {
            true => usize::from(queue.active == 0).min(queue.len()),
            false => queue.len(),
        };
        let room = spec.limits.iter().map(|limit| self.spec.limits[*limit].saturating_sub(used[*limit])).min();
        work.min(room.unwrap_or(usize::MAX))
    }

    fn spawn(&mut self, now: Duration, group: usize, slots: usize, actions: &mut Vec<Action>) {
        let Some(worker) = self.free_workers.pop_first() else { return };
        let (items, attempt, diagnosis) = self.take(now, group);
        let takes: Duration = items.iter().filter_map(|item| self.length(group, *item)).sum();
        let process = self.new_process();
        let queue = &mut self.queues[group];
        queue.active += 1;
        (queue.lacking_since, queue.passed_over) = (None, 0);
        self.spec.groups[group].limits.iter().for_each(|limit| self.used[*limit] += 1);
        let batch = Batch { process, worker, group, slots, items, attempt, diagnosis };
        let running = Running {
            pending: batch.items.iter().copied().collect(),
            batch: batch.clone(),
            current: None,
            since: now,
            ends_at: now + takes,
            slow_at: now + self.spec.slow,
            fixture: None,
            kill_at: None,
            killed: false,
            robbed: false,
            by_hand: false,
        };
        self.running.insert(process, running);
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
            batch::size(queue.fresh().iter().map(length), self.left(now, queue.mean()))
        };
        size.min(spec.per_process)
    }

    /// How long an item takes, if that is known, or others of its group have ended.
    fn length(&self, group: usize, item: Item) -> Option<Duration> {
        let known = self.lengths.known(item).map(|length| self.lengths.today(length));
        known.or_else(|| self.queues[group].mean())
    }

    /// What is left of the groups that may be divided, if those of which nothing is known are like this one.
    fn left(&self, now: Duration, mean: Option<Duration>) -> batch::Left {
        let groups = self.order.iter().filter(|group| !self.spec.groups[*group].unit);
        let busy = self.running.values().map(|running| running.ends_at.saturating_sub(now)).collect();
        let given = self.running.values().map(|running| running.pending.len()).sum();
        let processes = self.spec.processes;
        let mut left = batch::Left { tests: 0, time: Some(Duration::ZERO), given, processes, busy };
        for queue in groups.map(|group| &self.queues[group]) {
            left.tests += queue.fresh().len();
            let time = queue.time_left(mean, |known| self.lengths.today(known));
            left.time = left.time.and_then(|sum| Some(sum.saturating_add(time?)));
        }
        left
    }
}
