//! A small child of the runner that cleans up when the runner is killed in a way that it cannot notice.
//!
//! It holds the reading end of a pipe whose other end only the runner has. When the pipe ends, the runner is gone, and
//! whatever groups stand in a table then are killed. The table is a file without a name that both have open: writing a
//! number into it wakes nobody, so the watchdog costs nothing while the run goes on.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};

use super::leftovers;

/// The hidden first argument that makes this program a watchdog; the second one is the run's id.
pub const ARGUMENT: &str = "--ptest-watchdog";

/// One group's number in the table; 0 where the worker runs nothing.
const ENTRY: usize = size_of::<i32>();

/// The runner's side. It is stopped when it goes: there is nothing left to watch.
pub struct Watchdog {
    table: Arc<Table>,
    child: Child,
}

/// For each worker the number of the group that it runs.
pub(super) struct Table(File);

impl Table {
    fn new(workers: usize) -> io::Result<Self> {
        let table = Self(tempfile::tempfile()?);
        // What is written later replaces this, so that it cannot fail for want of room.
        table.0.write_all_at(&vec![0; workers * ENTRY], 0)?;
        Ok(table)
    }

    /// The worker now runs the group of this number.
    pub(super) fn watch(&self, worker: usize, group: u32) {
        let group = i32::try_from(group).unwrap_or(0);
        // Its room is there; and if it fails all the same, the watchdog finds the group by its mark.
        let _ = self.0.write_all_at(&group.to_ne_bytes(), (worker * ENTRY) as u64);
    }

    pub(super) fn forget(&self, worker: usize) {
        self.watch(worker, 0);
    }

    /// Kills every group in the table.
    pub(super) fn kill_all(&self) {
        signal_groups(&self.0, Signal::KILL);
    }

    /// Has every group in the table stop as at Ctrl-Z, or go on.
    pub(super) fn stop_all(&self) {
        signal_groups(&self.0, Signal::TSTP);
    }

    pub(super) fn continue_all(&self) {
        signal_groups(&self.0, Signal::CONT);
    }
}

fn signal_groups(table: &File, signal: Signal) {
    let mut entry = [0; ENTRY];
    for worker in 0_usize.. {
        if table.read_exact_at(&mut entry, (worker * ENTRY) as u64).is_err() {
            break;
        }
        if let Some(group) = Pid::from_raw(i32::from_ne_bytes(entry)) {
            // It may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Watchdog {
    #[expect(clippy::disallowed_methods, reason = "the watchdog is a process like the workers")]
    pub fn start(run: &str, workers: usize) -> io::Result<Self> {
        let table = Table::new(workers)?;
        let child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, run])
            // It has to outlive what carries the mark of a run around this one.
            .env_remove(leftovers::RUN_ID)
            .stdin(Stdio::piped())
            .stdout(table.0.try_clone()?)
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for the runner.
            .process_group(0)
            .spawn()?;
        Ok(Self { table: Arc::new(table), child })
    }

    /// The table, for the threads that start processes.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.clone()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The watchdog's side: waits for the runner's end, then kills what it left running.
pub fn main(run: &str) {
    // An error means that there is no runner, either.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    let table = io::stdout();
    let table = File::from(std::os::fd::AsFd::as_fd(&table).try_clone_to_owned().expect("stdout is open"));
    signal_groups(&table, Signal::KILL);
    leftovers::kill(run, None);
}
