//! Runs the groups: one loop that owns the run.
//!
//! Threads that read processes, the jobserver's thread and the signals' thread only send messages. The loop receives
//! them, asks the [`Scheduler`] what to do, does it, and tells the reporter what happened. A failing test is a value
//! here; an error means that `cargo ptest` itself cannot go on, and then the run is brought to an orderly end first.

mod background;
mod book;
mod clock;
mod control;
mod counters;
mod dialect;
mod expected;
mod fixtures;
mod gone;
mod growth;
mod hosts;
mod judge;
mod keys;
mod launch;
mod leftovers;
mod live;
mod loan;
mod message;
mod os;
mod output;
mod pick;
mod plan;
mod process;
mod programs;
mod refill;
mod rerun;
pub mod signals;
pub mod slots;
mod sources;
mod told;
mod trickle;
pub mod watchdog;
mod witness;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use jobserver::HelperThread;

use crate::event::{
    Event, Origin, Outcome, Reporter, RunFinished, RunStarted, Stopped, TestFinished, TestSlow, WorkerFailed,
};
use crate::filter::Decision;
use crate::group::{Groups, Unaskable};
use crate::history::Lengths;
use crate::list::{Harness, Suite};
use crate::schedule::{self, Action, Batch, ContextId, HostId, Input, Process, Scheduler, Slots, Stop};
use crate::threads::{self, Panic};

use book::Book;
pub use counters::{Counters, PROFILE};
use growth::EndBuild;
pub use growth::{Beside, News, kill_build, variables};
use hosts::LiveHost;
use judge::Asked;
use keys::Key;
use leftovers::Whose;
use live::Live;
use loan::Loan;
use plan::Plan;
use process::{EndOfLog, Launch, Report, Speech};
use programs::Programs;
use rerun::First;
use signals::{Heard, Signalled};
use slots::{Pool, Slot};
use sources::Sources;
use watchdog::Watchdog;

pub use ptest::wire::environment::RUN_ID;

/// What the run stage needs to know.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub struct Options {
    /// Names the run in the environment of its tests.
    pub run: String,
    /// The same for those who look for nextest's name of a run: a UUID.
    pub nextest_run: String,
    /// The upper cap on worker slots.
    pub processes: usize,
    /// How many of them the machine can run at once.
    pub cores: usize,
    /// How often a failed test is tried again.
    pub retries: u32,
    /// How often each test is run.
    pub repeat: u32,
    /// Stop after so many failures.
    pub max_fail: Option<usize>,
    /// Run failed tests once more alone.
    pub diagnose: bool,
    /// Processes that outlive their test make the run red.
    pub leaks_fail: bool,
    /// Tell what tests write as they write it.
    pub live: bool,
    /// Listen to the keyboard.
    pub keys: bool,
    /// Whether test processes count what they cover.
    pub counters: Counters,
    /// The folder for the values of shared contexts; it belongs to this run alone.
    pub values: Utf8PathBuf,
    /// How long the build took.
    pub built: Option<Duration>,
    /// What a command that runs one of the tests again needs of this run's options.
    pub again: Vec<String>,
    /// The toolchain that was said on the command line.
    pub toolchain: Option<String>,
    /// Where the run comes from. Known when the workspace is.
    pub origin: Option<Origin>,
}

/// Why a run could not be carried out to its end.
#[derive(Debug)]
pub enum Error {
    /// A reporter could not write. A signal may have ended the run as well.
    Report {
        error: anyhow::Error,
        stopped: Option<Stopped>,
    },
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// What the loop receives.
enum Message {
    Slot(io::Result<Slot>),
    /// Look at what was asked for by signals.
    Signalled,
    Key(Key),
    /// The test that has the terminal has been stopped.
    Stopped(Process),
    Process(Who, Report),
    News(News),
    /// A thread of ours does its work no more.
    Panicked(Panic),
    /// Something that is to be reported, though nothing follows from it.
    Warning(String),
}

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Worker(Process),
    Host(HostId),
}

/// How many messages may wait. Whoever sends more has to wait himself, down to the test that writes faster than can be
/// read.
const BACKLOG: usize = 256;

/// While more happens within this time, what is told of it is gathered before it is written.
const GATHER: Duration = Duration::from_millis(4);

/// How long rustdoc may take until its first doctest begins.
const RUSTDOC_LIMIT: Duration = Duration::from_secs(3600);

/// How many of the tests that ran before a failed one in its process are named: the nearest ones are the likeliest.
const NEAREST: usize = 16;

/// What there is to do.
#[derive(Debug, Default)]
pub struct Work<'a> {
    pub suites: Vec<&'a Suite>,
    /// For each suite what is to be done with its tests.
    pub decisions: Vec<Vec<Decision>>,
    pub groups: Groups,
    /// For each suite how long its tests took in earlier runs.
    pub lengths: Vec<Lengths>,
}

impl Work<'_> {
    /// Adds what has become known after it.
    pub fn extend(&mut self, more: Self) {
        let Self { suites, decisions, groups, lengths } = more;
        self.suites.extend(suites);
        self.decisions.extend(decisions);
        self.groups.extend(groups);
        self.lengths.extend(lengths);
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    os::host_name()
}

/// Runs all groups and reports every decision that is not a skip exactly once.
///
/// If there is a build beside the run, what it makes known is run as well.
pub fn groups<'a>(
    work: Work<'a>,
    beside: Option<Beside>,
    pool: &'a Pool,
    watchdog: &'a Watchdog,
    options: &'a Options,
    reporter: &'a mut dyn Reporter,
) -> Result<RunFinished, Error> {
    let (sender, receiver) = mpsc::sync_channel(BACKLOG);
    // A receiver that is gone means that the run is over.
    let panicked = || {
        let sender = sender.clone();
        move |panic| drop(sender.send(Message::Panicked(panic)))
    };
    let (signalled, waking, table) = (Heard::default(), sender.clone(), watchdog.table());
    // Where there is no room for it, the loop has so much to do that it will look without being woken.
    let wake = move || drop(waking.try_send(Message::Signalled));
    let listening = signals::listen(signalled.clone(), wake, move || table.kill_all(), panicked());
    let _listening = listening.context("cannot listen to signals")?;
    let warned = sender.clone();
    let warnings = watchdog.report_to(move |warning| drop(warned.send(Message::Warning(warning))));
    let pressed = sender.clone();
    let pressed = move |key| pressed.send(Message::Key(key)).is_ok();
    let keyboard = options.keys.then(|| keys::listen(pressed, panicked()));
    // A run goes on without its keys.
    let _keyboard = keyboard.and_then(Result::ok);
    let granted = sender.clone();
    let in_flight = Arc::new(AtomicUsize::new(0));
    let counter = in_flight.clone();
    let granted = move |slot| {
        counter.fetch_add(1, Ordering::SeqCst);
        drop(granted.send(Message::Slot(slot)));
    };
    let requests = pool.requests(granted, panicked());
    let room = os::make_room(options.processes);
    let rules = plan::rules(options, beside.is_some(), room);
    let mut run = Run {
        book: Book::open(reporter),
        plan: Plan::new(options),
        groups: Groups::default(),
        sources: Sources::default(),
        programs: Programs::default(),
        results: 0,
        binaries: 0,
        scheduler: Scheduler::new(rules),
        end_build: beside.map(|beside| beside.pass_on(&sender)).transpose().context("cannot start a thread")?,
        building: false,
        options,
        pool,
        requests: requests.context("cannot start the jobserver's thread")?,
        signalled,
        in_flight,
        surplus: 0,
        held: Vec::new(),
        processes: BTreeMap::new(),
        hosts: BTreeMap::new(),
        host_failures: HashMap::new(),
        failed_contexts: HashMap::new(),
        without_log: HashSet::new(),
        alone: HashMap::new(),
        loan: None,
        watchdog,
        sender,
        stopped: None,
        failure: None,
        how: None,
        slots_told: None,
        flushed: Instant::now(),
        warned_of_lost_slots: false,
        warned_of_fewer_slots: false,
        warned_of_shortage: false,
        warned_of_counters: false,
        warned_of_sources: HashSet::new(),
        told_hosts: HashSet::new(),
        not_started: Vec::new(),
    };
    run.building = run.end_build.is_some();
    let went_on = threads::guard("run", || {
        run.begin(work);
        warnings.into_iter().for_each(|warning| run.book.warn(warning));
        if room < options.processes {
            run.book.warn(format!(
                "the limit on open files allows {room} {} at a time, not {} (see ulimit -Hn)",
                if room == 1 { "process" } else { "processes" },
                options.processes
            ));
        }
        run.step(Instant::now(), Input::Tick);
        run.receive_until_done(&receiver);
    });
    went_on.unwrap_or_else(|panic| run.break_off(panic));
    // It may have been a reporter that panicked, and it may do so again.
    threads::guard("run", || run.end()).unwrap_or_else(|panic| Err(Error::Other(panic.into())))
}

#[expect(clippy::struct_excessive_bools, reason = "each warning is given once, whatever else is the case")]
struct Run<'a> {
    book: Book<'a>,
    plan: Plan,
    groups: Groups,
    /// Of suites whose tests write into them.
    sources: Sources,
    programs: Programs,
    /// How many results the run will report, of how many binaries, as far as is known.
    results: usize,
    binaries: usize,
    scheduler: Scheduler,
    /// Ends the build beside the run.
    end_build: Option<EndBuild>,
    /// It goes on, as far as is known.
    building: bool,
    options: &'a Options,
    pool: &'a Pool,
    requests: HelperThread,
    signalled: Heard,
    /// How many slots were granted and not received yet.
    in_flight: Arc<AtomicUsize>,
    /// How many slots were asked for only to take them out of the pool.
    surplus: usize,
    held: Vec<Slot>,
    processes: BTreeMap<Process, Live>,
    hosts: BTreeMap<HostId, LiveHost>,
    /// Why a host could not be set up, or is there no more.
    host_failures: HashMap<HostId, Arc<str>>,
    /// Why a context could not be set up that a worker has for itself.
    failed_contexts: HashMap<ContextId, Arc<str>>,
    /// The suites whose processes cannot write a log.
    without_log: HashSet<usize>,
    /// The items that are to run again alone.
    alone: HashMap<schedule::Item, First>,
    /// A test has the terminal.
    loan: Option<Loan>,
    watchdog: &'a Watchdog,
    sender: SyncSender<Message>,
    stopped: Option<Stopped>,
    /// Why the run cannot go on.
    failure: Option<Panic>,
    /// How it was asked to stop last.
    how: Option<Stop>,
    /// What was told last.
    slots_told: Option<Slots>,
    /// When the reporter last wrote what it had gathered.
    flushed: Instant,
    warned_of_lost_slots: bool,
    warned_of_fewer_slots: bool,
    warned_of_shortage: bool,
    warned_of_counters: bool,
    /// The suites of which it was told that their sources have changed.
    warned_of_sources: HashSet<usize>,
    /// The hosts whose setup was told to begin.
    told_hosts: HashSet<HostId>,
    /// The processes that there will not be, and why: [`Report::NotStarted`] or [`Report::Withheld`].
    not_started: Vec<(Who, Report)>,
}

impl<'a> Run<'a> {
    /// Says what the run will report.
    fn begin(&mut self, work: Work<'a>) {
        let taken = self.take_in(work);
        self.book.tell(&Event::RunStarted(RunStarted {
            run: self.options.run.clone(),
            timestamp: self.book.time(Instant::now()),
            tests: self.results,
            binaries: self.binaries,
            workers: self.options.processes,
            expected: self.book.expected(),
            build: self.options.built.map(|took| took.as_secs_f64()),
            eager: self.building,
            options: self.options.again.clone(),
            toolchain: self.options.toolchain.clone(),
            origin: self.options.origin.clone(),
        }));
        self.report(taken);
    }

    fn report_ignored(&mut self, ignored: &[(usize, usize)]) {
        let now = self.book.time(Instant::now());
        for (suite, test) in ignored {
            let suite = self.book.suites[*suite];
            let test = &suite.tests[*test];
            let result = book::result(suite, test, Outcome::Ignored, now);
            self.book.tell(&Event::TestFinished(TestFinished { message: test.ignore_reason.clone(), ..result }));
        }
    }

    /// These would run without what the tests around them are given, and might even pass.
    fn report_without_setup(&mut self, tests: &[(usize, usize)]) {
        let now = self.book.time(Instant::now());
        for (suite, test) in tests {
            let suite = self.book.suites[*suite];
            let result = book::result(suite, &suite.tests[*test], Outcome::Failed, now);
            let message =
                "its context's setup does not run for it; use ptest::test, or #[context(plain)] if it needs none";
            self.book.tell(&Event::TestFinished(TestFinished { message: Some(message.to_owned()), ..result }));
        }
    }

    /// No process is started for these: it would do something else, which would be taken for their result.
    fn report_unaskable(&mut self, tests: Vec<Unaskable>) {
        let now = self.book.time(Instant::now());
        for Unaskable { suite, test, why } in tests {
            let suite = self.book.suites[suite];
            let result = book::result(suite, &suite.tests[test], Outcome::Error, now);
            self.book.tell(&Event::TestFinished(TestFinished { message: Some(why), ..result }));
        }
    }

    fn receive_until_done(&mut self, receiver: &Receiver<Message>) {
        while !self.scheduler.is_done() {
            while let Some((who, report)) = self.not_started.pop() {
                self.reports(who, report);
            }
            if self.scheduler.is_done() {
                break;
            }
            let message = self.next_message(receiver);
            self.hear_signals();
            match message {
                Some(Message::Slot(slot)) => self.slot_granted(slot),
                Some(Message::Signalled) => {}
                Some(Message::Key(key)) => self.key(key),
                Some(Message::Stopped(process)) => self.test_is_stopped(process),
                Some(Message::Process(who, report)) => self.reports(who, report),
                Some(Message::News(news)) => self.hear(news),
                Some(Message::Panicked(panic)) => self.fail(panic),
                Some(Message::Warning(warning)) => self.book.warn(warning),
                None => self.step(Instant::now(), Input::Tick),
            }
            if self.book.error.is_some() && self.stopped.is_none() {
                self.stop(Stopped::Error, Stop::Terminate);
            }
        }
    }

    /// What a thread of ours would have done will not be done any more.
    fn fail(&mut self, panic: Panic) {
        self.failure.get_or_insert(panic);
        self.stop(Stopped::Error, Stop::Terminate);
    }

    /// The loop itself has panicked: there is nobody to end things in their order.
    fn break_off(&mut self, panic: Panic) {
        self.failure.get_or_insert(panic);
        self.stopped.get_or_insert(Stopped::Error);
        self.watchdog.table().kill_all();
        if let Some(end) = self.end_build.take() {
            end();
        }
    }

    fn hear_signals(&mut self) {
        while let Some(signalled) = self.signalled.pop() {
            match signalled {
                Signalled::Stop(why) => self.asked_to_stop(why),
                Signalled::Suspend => self.suspend(),
                Signalled::Continue => self.resumed(),
            }
        }
    }

    fn reports(&mut self, who: Who, report: Report) {
        if let Report::Panicked(panic) = &report {
            self.fail(panic.clone());
        }
        match who {
            Who::Worker(process) => self.process_reports(process, report),
            Who::Host(host) => self.host_reports(host, report),
        }
    }

    /// Waits for a message, or until something is due. What was told goes out when it has become quiet for a moment, and
    /// at the latest after a while.
    fn next_message(&mut self, receiver: &Receiver<Message>) -> Option<Message> {
        let overdue = self.flushed.elapsed() > 10 * GATHER;
        let at_once = receiver.try_recv().ok();
        let message = at_once.or_else(|| if overdue { None } else { receiver.recv_timeout(GATHER).ok() });
        if message.is_some() && !overdue {
            return message;
        }
        self.tell_slots();
        self.book.flush();
        self.flushed = Instant::now();
        message.or_else(|| {
            let deadline = self.scheduler.next_deadline();
            let left = deadline.map(|at| at.saturating_sub(self.book.since_start(Instant::now())));
            let pulse = self.book.pulse();
            receiver.recv_timeout(left.unwrap_or(pulse).min(pulse)).ok()
        })
    }

    /// Says how many slots there are, if it is not what was said last. What changes back before there is a moment to say
    /// it is not said.
    fn tell_slots(&mut self) {
        let slots = self.scheduler.slots();
        if self.slots_told.replace(slots) != Some(slots) {
            self.book.slots_changed(slots);
        }
    }

    fn end(mut self) -> Result<RunFinished, Error> {
        self.held.clear();
        self.kill_survivors();
        // Hosts have taken their values away; what is left is the folder, if there ever was one.
        let _ = std::fs::remove_dir_all(&self.options.values);
        self.book.close(self.stopped);
        let finished = RunFinished {
            duration: self.book.since_start(Instant::now()).as_secs_f64(),
            tally: self.book.tally,
            stopped: self.stopped,
        };
        self.book.tell(&Event::RunFinished(finished.clone()));
        match (self.failure, self.book.error) {
            (Some(panic), _) => Err(Error::Other(panic.into())),
            (None, Some(error)) => Err(Error::Report { error, stopped: self.stopped }),
            (None, None) => Ok(finished),
        }
    }

    /// Ends what has left its process group without being noticed until now.
    fn kill_survivors(&mut self) {
        let survivors = leftovers::kill(&self.options.run, Whose::Anybody);
        if survivors.is_empty() {
            return;
        }
        let names: Vec<String> = survivors
            .iter()
            .map(|it| format!("{} (pid {}, worker {})", it.name, it.pid, it.worker.unwrap_or_default()))
            .collect();
        self.book.warn(format!("processes that outlived the run were killed: {}", names.join(", ")));
        if self.options.leaks_fail {
            self.book.tell(&Event::WorkerFailed(WorkerFailed {
                binary: "(run)".into(),
                worker: survivors[0].worker.unwrap_or_default(),
                process: 0,
                timestamp: self.book.time(Instant::now()),
                message: "processes outlived the run, and were killed".to_owned(),
                tests: Vec::new(),
                output: names.join("\n"),
            }));
        }
    }

    fn step(&mut self, at: Instant, input: Input) {
        let actions = self.scheduler.step(self.book.since_start(at), input);
        if self.scheduler.is_stopped() {
            // If it was not asked to stop, it has seen as many failures as are allowed.
            self.stopped.get_or_insert(Stopped::FailFast);
            self.end_build();
        }
        for action in actions {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn(batch) => self.spawn(batch),
            Action::RequestSlot => self.requests.request_token(),
            Action::ReleaseSlot => drop(self.held.pop()),
            Action::Terminate { process, late } => self.terminate(process, late),
            Action::Kill(process) => self.kill(process),
            Action::Dismiss(process) => self.dismiss(process),
            Action::StartHost { host, process } => self.start_host(host, process),
            Action::StopHost(host) => self.stop_host(host),
            Action::TerminateHost(host) => self.terminate_host(host),
            Action::KillHost { host, late } => self.kill_host(host, late),
            Action::GiveUp { items, why } => self.give_up(&items, why),
            // A person at a keyboard takes time.
            Action::Slow { process, .. } if self.has_terminal(process) => {}
            Action::Slow { process, item, elapsed } => {
                let worker = self.processes[&process].batch.worker;
                let slow = TestSlow {
                    binary: self.book.suite(item).binary.id.clone(),
                    test: self.book.test(item).name.clone(),
                    worker,
                    elapsed: elapsed.as_secs_f64(),
                };
                self.book.tell(&Event::TestSlow(slow));
            }
        }
    }

    fn slot_granted(&mut self, slot: io::Result<Slot>) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        match slot {
            Ok(slot) if self.surplus > 0 => {
                self.surplus -= 1;
                self.pool.shrink_to(self.scheduler.slots().cap, slot);
            }
            Ok(slot) => {
                self.held.push(slot);
                self.step(Instant::now(), Input::SlotGranted);
            }
            Err(error) => self.book.warn(format!("the jobserver grants no more slots: {error}")),
        }
    }

    fn asked_to_stop(&mut self, why: Stopped) {
        // Whoever asks twice is in a hurry.
        let how = if self.how < Some(Stop::Terminate) { Stop::Terminate } else { Stop::Kill };
        self.stop(why, how);
    }

    fn stop(&mut self, why: Stopped, how: Stop) {
        // Ctrl-C ends the build, too, and that may be heard of first.
        let signalled = matches!(why, Stopped::Interrupted | Stopped::Terminated);
        // A hangup takes the terminal away as well, which may be noticed first.
        let only_unreported = self.stopped == Some(Stopped::Error) && self.failure.is_none() && signalled;
        if only_unreported || matches!(self.stopped, None | Some(Stopped::FailFast | Stopped::BuildFailed)) {
            self.stopped = Some(why);
        }
        self.how = self.how.max(Some(how));
        self.step(Instant::now(), Input::Stop(how));
    }

    fn terminate(&mut self, process: Process, late: Option<schedule::Item>) {
        let lingering = self.scheduler.exit_limit(process).map(Asked::Lingering);
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.asked = match (self.stopped, late) {
            (Some(_), None) => Some(Asked::Stop),
            (_, Some(item)) => live.place(item).map(Asked::Late).or(lingering),
            (None, None) => lingering,
        };
        if let Some(group) = &live.group {
            group.terminate();
        }
    }

    fn kill(&mut self, process: Process) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.kill_asked = true;
        if live.asked.is_none() || live.late_has_ended() {
            // The run ends, or others have what this process would run next.
            live.was_cut_short = live.asked.is_none();
            live.asked = Some(Asked::Stop);
            live.muted = true;
        }
        if let Some(group) = &live.group {
            group.kill();
        }
    }

    /// A process that sets something up looks for the file before each of its tests. Any other ends when its log does.
    fn dismiss(&mut self, process: Process) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.asked = Some(Asked::Stop);
        live.muted = true;
        if !live.batch.items.iter().any(|item| self.book.test(*item).context.is_some()) {
            live.end_of_log.iter().for_each(EndOfLog::ask_for);
            return;
        }
        let file = self.stop_file();
        let written =
            std::fs::create_dir_all(&self.options.values).and_then(|()| os::write_file(file.as_std_path(), ""));
        if let Err(error) = written {
            self.book.warn(format!("cannot write {file}, so what tests have set up may not be torn down: {error}"));
            self.kill(process);
        }
    }

    /// Where a file says that no further test is to begin.
    fn stop_file(&self) -> Utf8PathBuf {
        self.options.values.join("stop")
    }

    fn spawn(&mut self, batch: Batch) {
        self.warn_of_fewer_slots(&batch);
        let first = batch.items[0];
        self.warn_of_another_program(self.book.place(first));
        let alone = if batch.items.len() == 1 { self.alone.remove(&first) } else { None };
        let with_log = alone.as_ref().is_none_or(|first| !first.confirmed);
        let by_text = self.book.suite(first).harness == Harness::Libtest && !self.has_log(first) && alone.is_none();
        let (process, launch) = (batch.process, self.launch(&batch, with_log));
        let mut live = Live::new(batch, alone);
        live.by_text = by_text;
        self.processes.insert(process, live);
        let mut launch = match (self.outdated(first), launch) {
            (Some(why), _) => return self.not_started.push((Who::Worker(process), Report::Withheld(why))),
            (None, Ok(launch)) => launch,
            (None, Err(error)) => return self.not_started.push((Who::Worker(process), Report::NotStarted(error))),
        };
        let is_rustdoc = matches!(launch.speech, Speech::Doctests { .. });
        launch.terminal = !is_rustdoc && self.lend_terminal(process);
        self.start(Who::Worker(process), launch);
        if is_rustdoc {
            // It reads the library first and may compile all of its doctests. That is on nobody's time.
            self.step(Instant::now(), Input::FixtureStarted { process, limit: RUSTDOC_LIMIT });
        }
    }

    /// Why the process that would run an item may not start, if its tests would write to wrong places. One warning for
    /// each binary says what to do about it.
    fn outdated(&mut self, item: schedule::Item) -> Option<String> {
        let suite = self.book.place(item);
        let binary = &self.book.suites[suite].binary;
        let file = self.sources.changed(suite)?;
        let why =
            format!("{} has changed since {} was built", file.strip_prefix(&binary.root).unwrap_or(file), binary.id);
        if self.warned_of_sources.insert(suite) {
            self.book.warn(format!(
                "{why}, so its tests would write to the wrong places: the remaining tests are not reached; run again for these"
            ));
        }
        Some(why)
    }

    pub(super) fn warn_of_another_program(&mut self, suite: usize) {
        let binary = &self.book.suites[suite].binary;
        if self.programs.is_another(suite, &binary.path) {
            self.book.warn(format!(
                "{} was rebuilt during the run ({}): earlier tests ran in a different program than later ones; run \
                 again",
                binary.id, binary.path
            ));
        }
    }

    /// Somebody else's jobserver may never grant as many slots as a test asks for.
    fn warn_of_fewer_slots(&mut self, batch: &Batch) {
        let asked = self.groups.groups[self.book.group(batch.items[0])].slots.min(self.scheduler.slots().cap);
        if batch.slots < asked && !std::mem::replace(&mut self.warned_of_fewer_slots, true) {
            let binary = &self.book.suite(batch.items[0]).binary.id;
            let names = self.book.names(&batch.items).join(", ");
            self.book.warn(format!(
                "the jobserver that this run shares does not grant {asked} slots; a test that needs as many runs \
                 with {} ({binary}: {names})",
                batch.slots
            ));
        }
    }

    fn start(&mut self, who: Who, launch: Launch) {
        let place = match who {
            Who::Worker(process) => watchdog::Place::Worker(self.processes[&process].batch.worker),
            Who::Host(host) => watchdog::Place::Host(host),
        };
        let (sender, table) = (self.sender.clone(), self.watchdog.table());
        let has_terminal = launch.terminal;
        let tell = move |report| {
            match &report {
                Report::Started { pid, .. } => {
                    table.watch(place, *pid);
                    if has_terminal {
                        table.watch(watchdog::Place::Terminal, *pid);
                    }
                }
                Report::Ending => return table.forget(place),
                _ => {}
            }
            // A receiver that is gone means that the run is over.
            drop(sender.send(Message::Process(who, report)));
        };
        let started = process::start(launch, tell);
        if let Err(error) = started {
            // The thread could not be started. Its message cannot go the same way as the others: nobody but this thread
            // makes room there.
            self.not_started.push((who, Report::NotStarted(error)));
        }
    }
}
