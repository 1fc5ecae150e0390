//! What the scheduler is told, and what it says: plain data.

use std::time::Duration;

use super::Host;

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
    /// How many of them the system has room for, as far as that is known.
    pub room: usize,
    /// How many of them can compute at once.
    pub cores: usize,
    /// How often a failed item is tried again.
    pub retries: u32,
    /// Stop after so many failures.
    pub max_fail: Option<usize>,
    /// Run a failed item once more alone, if its process had run others before it, or others of its family ran beside it.
    pub diagnose: bool,
    /// From the polite signal to the one that cannot be ignored.
    pub grace: Duration,
    /// When an item is slow for the first time; after that at each doubling.
    pub slow: Duration,
    /// More comes while the run goes on. Until [`Input::AllKnown`] the slot that every process owns is in use by whoever
    /// finds it out, and nobody knows which hosts are needed no more.
    pub growing: bool,
}

#[cfg(test)]
impl Spec {
    /// A run of these groups on as many cores as processes, in which nothing is tried again.
    pub fn sample(groups: Vec<Group>, processes: usize) -> Self {
        Self {
            groups,
            limits: Vec::new(),
            hosts: Vec::new(),
            contexts: Vec::new(),
            processes,
            room: usize::MAX,
            cores: processes,
            retries: 0,
            max_fail: None,
            diagnose: false,
            grace: Duration::from_secs(3),
            slow: Duration::from_secs(60),
            growing: false,
        }
    }
}

/// What comes while the run goes on; all numbers go on where those of [`Spec`] end.
#[derive(Clone, Debug, Default)]
pub struct More {
    pub groups: Vec<Group>,
    pub limits: Vec<usize>,
    pub hosts: Vec<Host>,
    pub contexts: Vec<Option<ContextId>>,
}

/// Items that one process may run together.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub struct Group {
    /// In the order in which a process runs them: ascending.
    pub items: Vec<Item>,
    /// The time limit of each item.
    pub timeouts: Vec<Option<Duration>>,
    /// What each item took in earlier runs; may be left out where nothing is known of any.
    pub lengths: Vec<Option<Duration>>,
    /// What setups took that its items wait for: those in its processes, and those in its hosts.
    pub setup: Duration,
    /// What each of its processes pays once, for what the items share.
    pub warmup: Duration,
    /// Which items are known to need that; may be left out where it is known of none.
    pub pays: Vec<bool>,
    /// The innermost context of each item; may be left out where there is none.
    pub contexts: Vec<Option<ContextId>>,
    /// Given to one process whole, and to no other while that one lives.
    pub unit: bool,
    /// A unit of which only one process in the run may begin any item: nothing is tried again, and what that process
    /// leaves is given up.
    pub once: bool,
    /// Nothing of a group without this starts before it has run.
    pub first: bool,
    /// Each of its processes sets something up, so there should be few of them, and they should come to their end.
    pub can_split: bool,
    /// Its processes have to come to an end by themselves, wherever that is possible: what they write then counts.
    pub to_the_end: bool,
    /// How many items a process may be given.
    pub per_process: usize,
    /// How many it is given at the least, where the group can split and has as many left.
    pub at_least: usize,
    /// How many slots each of its processes takes, all of them or none; 0 is 1.
    pub slots: usize,
    /// Groups of one family may disturb one another: a failed item is diagnosed while nothing else of its family runs.
    pub family: Option<usize>,
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
    /// An item has ended, and what it came to is known when its process is gone: then [`Input::ItemFinished`] follows, or
    /// [`Input::RunAlone`].
    ItemEnded {
        process: Process,
        item: Item,
    },
    /// The process sets something up or tears it down, which may take so long; the running item's clock stands still.
    FixtureStarted {
        process: Process,
        limit: Duration,
    },
    FixtureEnded(Process),
    /// A process could not set this up: no other will try.
    ContextFailed(ContextId),
    /// The process has ended in this item, and nothing says what came of it: it is to run once more, alone.
    RunAlone {
        process: Process,
        item: Item,
    },
    /// The process is gone. What it was given and did not finish goes to another.
    ProcessExited(Process),
    /// The process could not be started, and will be tried again ([`super::Scheduler::tries_later`]).
    NotStarted {
        process: Process,
        why: Shortage,
    },
    /// The same for a host.
    HostNotStarted(HostId),
    HostUp(HostId),
    HostFailed(HostId),
    HostExited(HostId),
    Stop(Stop),
    /// Somebody wants the process's item to end, as if its time was up; at the second time, at once.
    End(Process),
    /// The same for the setup or teardown that a host is at.
    EndHost(HostId),
    /// The upper cap on processes is another from now on.
    Cap(usize),
    /// No more comes.
    AllKnown,
}

/// Why a process could not be started that may be later, or with less to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The system has no more processes, descriptors or memory for now.
    Resources,
    /// The names of its items do not fit on a command line.
    Arguments,
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
    /// Let the process begin no further item, or only one: it is to tear down what it has set up, and to end.
    Dismiss(Process),
    StartHost {
        host: HostId,
        process: Process,
    },
    /// Have the host tear down and end.
    StopHost(HostId),
    /// Ask the host to end in the middle of what it is at.
    TerminateHost(HostId),
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

/// Why items will not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// It could not be set up.
    Host(HostId),
    Context(ContextId),
    /// The only process that may run them has ended.
    Process(Process),
}
