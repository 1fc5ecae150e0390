//! Finds what has escaped from its process group, by the run's mark in its environment. Linux only, and only where
//! `/proc` is that of our own pid namespace: elsewhere the environment of another process cannot be read.

use std::io::Read;

#[cfg(target_os = "linux")]
use ptest::wire::environment::{HOST_NUMBER, RUN_ID, SLOT};

#[cfg(target_os = "linux")]
use super::os::{group_members, has_ended, knows_us, started};

/// Names the run in the environment of a build that goes on beside it.
pub(super) const BUILD_ID: &str = "PTEST_BUILD_ID";

/// A process that carries the mark of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    pub pid: i32,
    /// Its command's name, for people.
    pub name: String,
    /// The worker in whose slot it was started, if it says so.
    pub worker: Option<usize>,
    /// When it started: another process may have its number later.
    started: Option<u64>,
}

impl Leftover {
    #[cfg(target_os = "linux")]
    fn of(pid: u32, worker: Option<usize>) -> Option<Self> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned();
        Some(Self { pid: i32::try_from(pid).ok()?, name, worker, started: started(&pid.to_string()) })
    }

    #[cfg(target_os = "linux")]
    pub(super) fn is_gone(&self) -> bool {
        let pid = self.pid.to_string();
        started(&pid) != self.started || has_ended(&pid)
    }

    /// There is none.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_gone(&self) -> bool {
        self.started.is_none()
    }
}

/// Whose processes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Anybody,
    /// What was started in this worker's slot.
    Worker(usize),
    /// What belongs to the host with this serial number.
    Host(u32),
    /// All but what belongs to hosts, of this run or of one inside of it.
    NoHosts,
    /// The build beside the run, which has a mark of its own.
    Build,
}

/// Kills what is left of a run, or of a part of it, with the groups that it leads, and says what that was.
///
/// What is killed may have just started something, so this looks again until it finds nothing. While a process
/// executes a new program its environment reads as empty: that is waited for, but not for long.
pub(crate) fn kill(run: &str, whose: Whose) -> Vec<Leftover> {
    let mut killed: Vec<Leftover> = Vec::new();
    let mut patience = 20;
    for _ in 0..100 {
        let Found { marked, unsettled } = find(run, whose);
        let marked: Vec<Leftover> = marked.into_iter().filter(|it| !killed.contains(it)).collect();
        if marked.is_empty() && !settles(&unsettled, &mut patience) {
            break;
        }
        // One that is just executing another program is found again.
        killed.extend(marked.into_iter().filter(|it| kill_one(it.pid, run, whose)));
    }
    killed
}

/// The members of a process group that have not ended.
#[cfg(target_os = "linux")]
pub(super) fn in_group(group: i32) -> Vec<Leftover> {
    group_members(group).into_iter().filter_map(|pid| Leftover::of(pid, None)).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn in_group(_group: i32) -> Vec<Leftover> {
    Vec::new()
}

/// A process's output, as what it has started may still hold it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody can be asked who holds a pipe"))]
pub(super) struct Held {
    /// The inode of the pipe.
    pub pipe: u64,
    /// When the process started.
    pub since: u64,
}

/// Kills what holds an output though it has left its group and cleared its environment, and says what that was.
///
/// Nobody but the process, and what it started, was given the output. It may have been passed on to a server that was there
/// before (a terminal multiplexer, for example), so what is older than the process is left alone. What holds no output
/// either is not found: to adopt all orphans (`PR_SET_CHILD_SUBREAPER`) would find it, together with all that a build
/// leaves running on purpose, and would change the parent that orphans of tests see.
#[cfg(target_os = "linux")]
pub(super) fn kill_holders(held: Held) -> Vec<Leftover> {
    let own = std::process::id();
    let mut killed: Vec<Leftover> = Vec::new();
    // What is killed may have just started something.
    for _ in 0..10 {
        let Some(processes) = std::fs::read_dir("/proc").ok().filter(|_| knows_us()) else { break };
        let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let holders = numbers.filter(|pid| *pid != own && holds(*pid, held)).filter_map(|pid| Leftover::of(pid, None));
        let holders: Vec<Leftover> = holders.filter(|it| !killed.contains(it)).collect();
        if holders.is_empty() {
            break;
        }
        killed.extend(holders.into_iter().filter(|it| kill_if(it.pid, |pid| holds(pid, held))));
    }
    killed
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_holders(_held: Held) -> Vec<Leftover> {
    Vec::new()
}

/// Whether a process can write into the pipe and is no older than the one whose output that is.
#[cfg(target_os = "linux")]
fn holds(pid: u32, held: Held) -> bool {
    let is_output = |link: &std::path::Path| link.as_os_str() == format!("pipe:[{}]", held.pipe).as_str();
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut outputs =
        descriptors.flatten().filter(|it| std::fs::read_link(it.path()).is_ok_and(|link| is_output(&link)));
    let is_young = || started(&pid.to_string()).is_some_and(|it| it >= held.since);
    outputs.any(|it| is_writable(pid, &it.file_name().to_string_lossy())) && is_young()
}

#[cfg(target_os = "linux")]
fn is_writable(pid: u32, descriptor: &str) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| i32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

struct Found {
    marked: Vec<Leftover>,
    /// The numbers of those that could not be told from marked ones.
    unsettled: Vec<u32>,
}

/// Waits until one of them is known, or gone; false when patience is at an end, or there are none. To look at these alone
/// costs little, while there may be thousands of others.
fn settles(unsettled: &[u32], patience: &mut u32) -> bool {
    while !unsettled.is_empty() && *patience > 0 {
        *patience -= 1;
        // There is no event to wait for.
        let _ = rustix::event::poll(&mut [], Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
        let mut buffer = Vec::new();
        let mut is_empty = |pid| environment(pid, &mut buffer).is_some_and(<[u8]>::is_empty);
        if !unsettled.iter().all(|pid| is_empty(*pid) && may_be_executing(*pid)) {
            return true;
        }
    }
    false
}

#[cfg(target_os = "linux")]
fn find(run: &str, whose: Whose) -> Found {
    let own = std::process::id();
    let mut found = Found { marked: Vec::new(), unsettled: Vec::new() };
    if !knows_us() {
        return found;
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return found };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut buffer = Vec::new();
    for pid in numbers.filter(|pid| *pid != own) {
        let Some(environment) = environment(pid, &mut buffer) else { continue };
        if environment.is_empty() {
            found.unsettled.extend(may_be_executing(pid).then_some(pid));
        } else if is_marked(environment, run, whose) {
            let worker = value(environment, SLOT).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
            found.marked.extend(Leftover::of(pid, worker));
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn find(_run: &str, _whose: Whose) -> Found {
    Found { marked: Vec::new(), unsettled: Vec::new() }
}

/// What cannot be read belongs to another user, or is gone.
///
/// Every run does this with every process of the machine before it ends, and such a file does not tell its size: so the
/// buffer is one for all, and has room for most of them at once.
fn environment(pid: u32, buffer: &mut Vec<u8>) -> Option<&[u8]> {
    buffer.clear();
    buffer.reserve(64 * 1024);
    std::fs::File::open(format!("/proc/{pid}/environ")).ok()?.read_to_end(buffer).ok()?;
    Some(buffer)
}

/// Whether a process without an environment may get one: not a zombie, not the kernel's, and younger than this one.
#[cfg(target_os = "linux")]
fn may_be_executing(pid: u32) -> bool {
    let has_program = std::fs::read_link(format!("/proc/{pid}/exe")).is_ok();
    has_program && started("self").is_some_and(|own| started(&pid.to_string()).is_some_and(|it| it >= own))
}

#[cfg(not(target_os = "linux"))]
fn may_be_executing(_pid: u32) -> bool {
    false
}

/// A run inside of this one has this one's mark with something added.
#[cfg(target_os = "linux")]
fn is_marked(environment: &[u8], run: &str, whose: Whose) -> bool {
    // Nearly all processes of a machine have nothing to do with a run, and are passed over quickly.
    if memchr::memmem::find(environment, run.as_bytes()).is_none() {
        return false;
    }
    if whose == Whose::Build {
        return value(environment, BUILD_ID) == Some(run.as_bytes());
    }
    let of_run = value(environment, RUN_ID).and_then(|it| it.strip_prefix(run.as_bytes()));
    let says = |name: &str, number: String| value(environment, name) == Some(number.as_bytes());
    // Whoever belongs to a worker that was started by a host's process belongs to that worker.
    let is_hosts = value(environment, SLOT).is_none() && value(environment, HOST_NUMBER).is_some();
    match (of_run, whose) {
        (Some(b"" | [b'/', ..]), Whose::Anybody) => true,
        (Some(b"" | [b'/', ..]), Whose::NoHosts) => !is_hosts,
        (Some(b""), Whose::Worker(worker)) => says(SLOT, worker.to_string()),
        (Some(b""), Whose::Host(host)) => is_hosts && says(HOST_NUMBER, host.to_string()),
        // In which of our workers a nested run was started is not known from its own workers.
        _ => false,
    }
}

#[cfg(target_os = "linux")]
fn value<'a>(environment: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Kills one that was found; false if there is no more such process.
#[cfg(target_os = "linux")]
fn kill_one(pid: i32, run: &str, whose: Whose) -> bool {
    let mut buffer = Vec::new();
    kill_if(pid, |pid| environment(pid, &mut buffer).is_some_and(|environment| is_marked(environment, run, whose)))
}

/// Kills a process, with the group that it leads, if it is still the one that is meant.
#[cfg(target_os = "linux")]
fn kill_if(pid: i32, is_meant: impl FnOnce(u32) -> bool) -> bool {
    use rustix::process::{
        Pid, PidfdFlags, Signal, getpgid, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
    };
    let Some(pid) = Pid::from_raw(pid) else { return false };
    // Kernels before 5.3, and emulators, lack the call.
    let descriptor = pidfd_open(pid, PidfdFlags::empty());
    // The number may be another's by now. The descriptor means whoever had it just before this look.
    if !is_meant(pid.as_raw_pid().unsigned_abs()) {
        return false;
    }
    // It has made the group that it leads. Any other may be that of a stranger's job, which it has joined. All of this
    // fails only for what is gone in the meantime, which is as good.
    if getpgid(Some(pid)) == Ok(pid) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = match descriptor {
        Ok(descriptor) => pidfd_send_signal(descriptor, Signal::KILL),
        Err(_) => kill_process(pid, Signal::KILL),
    };
    true
}

#[cfg(not(target_os = "linux"))]
fn kill_one(_pid: i32, _run: &str, _whose: Whose) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_whole_value_or_the_beginning_of_a_nested_runs() {
        let environment = b"A=1\0PTEST_RUN_ID=run-1\0PTEST_WORKER=2\0";
        assert!(is_marked(environment, "run-1", Whose::Anybody));
        assert!(is_marked(environment, "run-1", Whose::Worker(2)));
        assert!(!is_marked(environment, "run-1", Whose::Worker(3)));
        assert!(!is_marked(environment, "run-", Whose::Anybody));
        assert!(!is_marked(environment, "run-12", Whose::Anybody));
        assert!(is_marked(b"PTEST_RUN_ID=run-1/run-7\0", "run-1", Whose::Anybody));
        assert!(!is_marked(b"XPTEST_RUN_ID=run-1\0", "run-1", Whose::Anybody));
    }

    #[test]
    fn hosts_are_spared_and_what_they_started_but_not_the_workers_of_a_run_inside_of_them() {
        let host = b"PTEST_RUN_ID=run-1\0PTEST_HOST=3\0";
        assert!(!is_marked(host, "run-1", Whose::NoHosts));
        assert!(is_marked(host, "run-1", Whose::Host(3)) && !is_marked(host, "run-1", Whose::Host(4)));
        assert!(is_marked(host, "run-1", Whose::Anybody));
        let worker_inside = b"PTEST_RUN_ID=run-1/run-7\0PTEST_HOST=3\0PTEST_WORKER=0\0";
        assert!(is_marked(worker_inside, "run-1", Whose::NoHosts));
        let worker = b"PTEST_RUN_ID=run-1\0PTEST_WORKER=2\0";
        assert!(is_marked(worker, "run-1", Whose::NoHosts));
        assert!(!is_marked(host, "run-1", Whose::Build) && !is_marked(worker, "run-1", Whose::Build));
        let build = b"PTEST_BUILD_ID=run-1\0";
        assert!(is_marked(build, "run-1", Whose::Build) && !is_marked(build, "run-1", Whose::Anybody));
    }
}
