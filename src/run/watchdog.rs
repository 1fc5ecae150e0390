//! A small child of the runner that cleans up when the runner is killed in a way that it cannot notice.
//!
//! It holds the reading end of a pipe whose other end only the runner has. When the pipe ends, the runner is gone, and
//! whatever groups stand in a table then are killed: workers at once, hosts when they had the time to tear down. (That
//! they do by themselves, since the runner held the pipes that they live by.) The table is a file without a name that
//! both have open: writing a number into it wakes nobody, so the watchdog costs nothing while the run goes on.
//!
//! It may be killed itself (by the system when memory runs out, by a test that ends all processes of a name). A thread of
//! the runner notices that and starts another one, with the same table.
//!
//! Where the runner takes keys or may lend the terminal to a test, the watchdog has the terminal open as well, as its
//! stderr, and gives it back.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use ptest::wire::environment::RUN_ID;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid};

use super::leftovers::{self, Whose};
use super::os::signal_child;
use crate::{descriptors, threads, tty};

/// The hidden first argument that makes this program a watchdog; the others are the run's id, the folder with the values
/// of its shared contexts, and the modes of the terminal if the runner changes them.
pub const ARGUMENT: &str = "--ptest-watchdog";

/// One group's number in the table; 0 where there is nothing to kill.
const ENTRY: usize = size_of::<i32>();

/// How long hosts may take to tear down when the runner is gone. The limits of their own are not known here.
const TEARDOWN: Duration = Duration::from_secs(10);

/// The runner's side. It is stopped when it goes: there is nothing left to watch.
pub struct Watchdog {
    table: Arc<Table>,
    watched: Arc<Watched>,
}

/// How often another watchdog takes the place of one that has ended.
const MOST_STARTS: usize = 10;

/// The watchdog's process, for the thread that waits for its end.
struct Watched(Mutex<State>);

struct State {
    child: Child,
    /// The runner has no more use for it.
    over: bool,
    /// What has not been reported yet.
    warnings: Vec<String>,
    report: Option<Report>,
}

type Report = Arc<dyn Fn(String) + Send + Sync>;

/// How a watchdog is started.
struct Launch {
    run: String,
    values: Utf8PathBuf,
    table: Arc<Table>,
    /// What is to be restored, and its modes as they were found.
    terminal: Option<(OwnedFd, String)>,
}

/// For each worker and each host the number of its group, and before them that of the group that has the terminal. Hosts
/// have every other entry, so that there is room for more of them than anybody knows of when the table is made.
pub(super) struct Table(File);

/// Whose group an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Worker(usize),
    Host(usize),
    /// Not to be signalled: it stands here longer than its leader lives.
    Terminal,
}

impl Place {
    fn entry(self) -> u64 {
        let number = match self {
            Self::Terminal => 0,
            Self::Worker(number) => 2 * number + 1,
            Self::Host(number) => 2 * number + 2,
        };
        (number * ENTRY) as u64
    }
}

impl Table {
    fn new(workers: usize, folder: &Utf8Path) -> io::Result<Self> {
        let table = Self(nameless(folder)?);
        // What is written later replaces this, so that it cannot fail for want of room.
        table.0.write_all_at(&vec![0; (1 + 2 * workers) * ENTRY], 0)?;
        Ok(table)
    }

    /// The worker or host now has the group of this number.
    pub(super) fn watch(&self, place: Place, group: u32) {
        let group = i32::try_from(group).unwrap_or(0);
        // Its room is there, as a rule; and if it fails all the same, the watchdog finds the group by its mark.
        let _ = self.0.write_all_at(&group.to_ne_bytes(), place.entry());
    }

    pub(super) fn forget(&self, place: Place) {
        self.watch(place, 0);
    }

    /// Kills every group in the table.
    pub(super) fn kill_all(&self) {
        self.signal_all(Signal::KILL);
    }

    /// Has every group in the table stop as at Ctrl-Z, or go on.
    pub(super) fn stop_all(&self) {
        self.signal_all(Signal::TSTP);
    }

    pub(super) fn continue_all(&self) {
        self.signal_all(Signal::CONT);
    }

    /// What stands in the table is not reaped.
    fn signal_all(&self, signal: Signal) {
        for place in [Place::Worker, Place::Host] {
            groups(&self.0, place).into_iter().for_each(|child| signal_child(child, signal));
        }
    }
}

/// A file without a name. It is in memory where it can be: a folder may be full, or not be there.
fn nameless(folder: &Utf8Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Ok(memory) = rustix::fs::memfd_create("ptest-watchdog", rustix::fs::MemfdFlags::CLOEXEC) {
        return Ok(memory.into());
    }
    std::fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder)
}

fn groups(table: &File, place: fn(usize) -> Place) -> Vec<Pid> {
    (0..).map_while(|number| number_in(table, place(number)).ok()).filter_map(Pid::from_raw).collect()
}

fn number_in(table: &File, place: Place) -> io::Result<i32> {
    let mut entry = [0; ENTRY];
    table.read_exact_at(&mut entry, place.entry())?;
    Ok(i32::from_ne_bytes(entry))
}

/// Without the runner their leaders may be reaped at any time, so only the groups are safe to signal; who has left them is
/// found by the mark.
fn kill_groups(groups: Vec<Pid>) {
    for group in groups {
        // It may be gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Watchdog {
    pub fn start(run: &str, folder: &Utf8Path, values: &Utf8Path, workers: usize, terminal: bool) -> io::Result<Self> {
        let table = Arc::new(Table::new(workers, folder)?);
        let terminal = tty::in_words().filter(|_| terminal);
        let launch = Launch { run: run.to_owned(), values: values.to_owned(), table: table.clone(), terminal };
        let state = State { child: launch.start()?, over: false, warnings: Vec::new(), report: None };
        let watched = Arc::new(Watched(Mutex::new(state)));
        let watchdog = Self { table, watched: watched.clone() };
        threads::start("watchdog", move || watched.replace_when_it_ends(&launch), drop)?;
        Ok(watchdog)
    }

    /// From now on `report` is called with what is to be said of the watchdog, in a thread of its own. Gives what there was
    /// to say before.
    pub(super) fn report_to(&self, report: impl Fn(String) + Send + Sync + 'static) -> Vec<String> {
        let mut state = self.watched.state();
        state.report = Some(Arc::new(report));
        std::mem::take(&mut state.warnings)
    }

    /// The table, for the threads that start processes.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.clone()
    }
}

impl Launch {
    #[expect(clippy::disallowed_methods, reason = "the watchdog is a process like the workers")]
    fn start(&self) -> io::Result<Child> {
        let terminal = self.terminal.as_ref().map(|(terminal, _)| terminal.try_clone()).transpose()?;
        let mut command = Command::new(own_program()?);
        command
            .args([ARGUMENT, &self.run, self.values.as_str()])
            .args(self.terminal.iter().map(|(_, modes)| modes))
            // It has to outlive what carries the mark of a run around this one.
            .env_remove(RUN_ID)
            .stdin(Stdio::piped())
            .stdout(self.table.0.try_clone()?)
            .stderr(terminal.map_or_else(Stdio::null, Stdio::from))
            // Ctrl-C at the terminal is for the runner.
            .process_group(0);
        descriptors::spawn(&mut command)
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace_when_it_ends(&self, launch: &Launch) {
        const WITHOUT: &str = "if cargo ptest is killed now, what its tests have started is not killed with it";
        for start in 1.. {
            let pid = Pid::from_child(&self.state().child);
            while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
            let mut state = self.state();
            if state.over {
                return;
            }
            let ended = state.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            let ended = format!("the watchdog of this run has ended ({ended})");
            let other = if start <= MOST_STARTS { Some(launch.start()) } else { None };
            let (warning, is_last) = match other {
                Some(Ok(child)) => {
                    state.child = child;
                    (format!("{ended}; another one was started"), false)
                }
                Some(Err(error)) => (format!("{ended}, and another one cannot be started: {error}; {WITHOUT}"), true),
                None => (format!("{ended} for the {start}th time, and no other one is started; {WITHOUT}"), true),
            };
            drop(state);
            self.warn(warning);
            if is_last {
                return;
            }
        }
    }

    fn warn(&self, warning: String) {
        let mut state = self.state();
        let Some(report) = state.report.clone() else { return state.warnings.push(warning) };
        drop(state);
        report(warning);
    }
}

/// The system may not know it: there may be no `/proc`, or that of another pid namespace.
fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe().or_else(|error| std::env::args_os().next().map(PathBuf::from).ok_or(error))
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let mut state = self.watched.state();
        state.over = true;
        if std::thread::panicking() {
            // There may be much left to kill. It begins when its stdin ends.
            return drop(state.child.stdin.take());
        }
        // Both fail only if it is gone already.
        let _ = state.child.kill();
        let _ = state.child.wait();
    }
}

/// The watchdog's side: waits for the runner's end, then kills what it left running and clears away what it left lying.
pub fn main(run: &str, values: &Utf8Path, modes: Option<&str>) {
    // An error means that there is no runner, either.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    let table = io::stdout();
    let table = File::from(std::os::fd::AsFd::as_fd(&table).try_clone_to_owned().expect("stdout is open"));
    let borrower = number_in(&table, Place::Terminal).ok().and_then(Pid::from_raw);
    if let Some(modes) = modes {
        // Whoever changes a terminal from the background is stopped otherwise.
        // SAFETY: nothing here handles the signal.
        unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
        if borrower.is_none() {
            tty::give_back_for_another(io::stderr(), modes);
        }
    }
    kill_groups(groups(&table, Place::Worker));
    if let (Some(modes), Some(borrower)) = (modes, borrower) {
        // Who had it can change it no more.
        tty::give_back_loan_for_another(io::stderr(), modes, borrower);
    }
    let mut hosts = groups(&table, Place::Host);
    if !hosts.is_empty() {
        leftovers::kill(run, Whose::NoHosts);
    }
    let end = Instant::now() + TEARDOWN;
    while !hosts.is_empty() && Instant::now() < end {
        // Groups do not tell when they end.
        std::thread::park_timeout(Duration::from_millis(20));
        hosts.retain(|host| test_kill_process_group(*host).is_ok());
    }
    kill_groups(hosts);
    leftovers::kill(run, Whose::Anybody);
    leftovers::kill(run, Whose::Build);
    // There is one only if there were hosts.
    let _ = std::fs::remove_dir_all(values);
}
