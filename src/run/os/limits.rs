//! What the system allows a process, and what of that the runner needs.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::schedule::Shortage;

/// How many descriptors a process takes while it starts: both ends of its text, one of them twice, of its log and of its
/// stdin, and its own.
const FOR_START: usize = 9;

/// And while it runs: the text, the log, what keeps the number by which the log was opened, and its own, which is a pipe
/// where processes have no descriptors.
const FOR_LIFE: usize = if cfg!(target_os = "linux") { 4 } else { 5 };

/// What reports, lists and a look at other processes take besides.
const SPARE: usize = 24;

/// No more is asked of a system that allows more.
const MOST_ARGUMENTS: usize = 512 * 1024;

/// The least that Linux allows for arguments and environment together.
const LEAST_ARGUMENTS: usize = 128 * 1024;

/// Room for the variables that a test process has and we have not.
const VARIABLES: usize = 32 * 1024;

/// More descriptors than so many are refused by macOS, though it says that there is no limit.
const MOST_OF_MACOS: usize = 10_240;

/// The most that is allowed for arguments and environment together, whatever the stack's limit is.
const MOST_TOGETHER: usize = if cfg!(target_vendor = "apple") { 1024 * 1024 } else { usize::MAX };

/// The limit on descriptors that the runner was started with, if it has another one now.
static CALLERS: OnceLock<Rlimit> = OnceLock::new();

/// Sees to it that so many processes have descriptors enough, as far as the system allows; says for how many it does. The
/// limit is left alone where it is high enough: giving it back costs each process a fork.
pub(in crate::run) fn make_room(processes: usize) -> usize {
    let found = getrlimit(Resource::Nofile);
    let Some(limit) = found.current.and_then(|limit| usize::try_from(limit).ok()) else { return usize::MAX };
    let taken = std::fs::read_dir("/dev/fd").map_or(0, Iterator::count) + SPARE;
    let needed = processes.saturating_mul(FOR_START).saturating_add(taken);
    let hard = found.maximum.and_then(|hard| usize::try_from(hard).ok()).unwrap_or(usize::MAX);
    let most = if cfg!(target_vendor = "apple") { hard.min(MOST_OF_MACOS) } else { hard };
    let wanted = needed.min(most);
    let raised = Rlimit { current: Some(wanted as u64), ..found };
    let limit = match limit < wanted && setrlimit(Resource::Nofile, raised).is_ok() {
        true => {
            let _ = CALLERS.set(found);
            wanted
        }
        false => limit,
    };
    (limit.saturating_sub(taken) / FOR_LIFE).max(1)
}

/// What a child has to be given back.
pub(super) fn of_caller() -> Option<Rlimit> {
    CALLERS.get().copied()
}

pub(super) fn give_back(limit: Rlimit) -> io::Result<()> {
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// How many bytes of arguments a process is given at the most. Linux allows a quarter of the stack's limit, 2 MiB as a
/// rule, for arguments and environment together; macOS 1 MiB.
pub(in crate::run) fn most_arguments() -> usize {
    let stack = getrlimit(Resource::Stack).current.and_then(|stack| usize::try_from(stack).ok()).unwrap_or(usize::MAX);
    let allowed = (stack / 4).clamp(LEAST_ARGUMENTS, MOST_TOGETHER);
    let environment = size_of_environment();
    allowed.saturating_sub(environment + VARIABLES).clamp(1, MOST_ARGUMENTS)
}

#[expect(clippy::disallowed_methods, reason = "it is handed on as it is, and nobody looks at what it says")]
fn size_of_environment() -> usize {
    // Each variable costs its bytes, `=`, a zero and a pointer.
    std::env::vars_os().map(|(name, value)| name.len() + value.len() + 2 + size_of::<usize>()).sum()
}

/// Whether a process could not be started for want of something that there may be more of later, or with fewer arguments.
pub(in crate::run) fn shortage(error: &io::Error) -> Option<Shortage> {
    match error.raw_os_error()? {
        libc::E2BIG => Some(Shortage::Arguments),
        libc::EMFILE | libc::ENFILE | libc::EAGAIN | libc::ENOMEM => Some(Shortage::Resources),
        _ => None,
    }
}
