//! What Linux tells of processes in `/proc`. Where nothing is told, a process has to be taken for alive.

#[cfg(target_os = "linux")]
use std::fs;

/// Whether `/proc` is there and means the same processes by their numbers as we do.
///
/// In a pid namespace of its own a program may still see the `/proc` of another one (`unshare -pf`, some sandboxes). Each
/// number in there is that of another process for us, whose files must not be written and which must not be killed.
#[cfg(target_os = "linux")]
pub(in crate::run) fn knows_us() -> bool {
    static KNOWS_US: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let own = std::process::id().to_string();
        let is_own = fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&own));
        // The two numbers may happen to be equal. A process has one for each namespace from that of `/proc` to its own.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        is_own && numbers.is_none_or(|numbers| numbers.split_whitespace().count() == 1)
    });
    *KNOWS_US
}

#[cfg(not(target_os = "linux"))]
pub(in crate::run) fn knows_us() -> bool {
    false
}

/// When a process started, in the kernel's own unit: the 22nd field of its status.
#[cfg(target_os = "linux")]
pub(in crate::run) fn started(process: &str) -> Option<u64> {
    status(process, 22)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub(in crate::run) fn started(_process: &str) -> Option<u64> {
    None
}

/// Whether a process is known to have its program still, which is the first thing that goes when it ends.
#[cfg(target_os = "linux")]
pub(super) fn has_program(process: u32) -> bool {
    knows_us() && fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn has_program(_process: u32) -> bool {
    false
}

/// Whether a process has the other end of this pipe for its stdout. What cannot be found out is taken for no.
#[cfg(target_os = "linux")]
pub(super) fn is_stdout(pipe: &impl std::os::fd::AsFd, process: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let stdout = || fs::metadata(format!("/proc/{process}/fd/1")).ok();
    let same = || Some((rustix::fs::fstat(pipe).ok()?, stdout()?));
    knows_us() && same().is_some_and(|(pipe, it)| (pipe.st_dev, pipe.st_ino) == (it.dev(), it.ino()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_stdout(_pipe: &impl std::os::fd::AsFd, _process: u32) -> bool {
    false
}

/// How many bytes the first thread of a process has written, which has ended and waits to be reaped. Only if `program` is
/// what it ran in the end: what has started the program besides is no witness of it.
#[cfg(target_os = "linux")]
pub(super) fn written_by_first_thread(process: u32, program: &str) -> Option<u64> {
    // The kernel keeps so much of a program's name.
    const LONGEST: usize = 15;
    if !knows_us() {
        return None;
    }
    let name = fs::read(format!("/proc/{process}/comm")).ok()?;
    let kept = &program.as_bytes()[..program.len().min(LONGEST)];
    if name.strip_suffix(b"\n") != Some(kept) {
        return None;
    }
    let counts = fs::read_to_string(format!("/proc/{process}/task/{process}/io")).ok()?;
    counts.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn written_by_first_thread<T>(_process: u32, _program: &str) -> Option<T> {
    None
}

/// Whether any member of a group is more than a zombie, which waits for nothing but to be reaped by init.
#[cfg(target_os = "linux")]
pub(super) fn group_is_alive(group: i32) -> bool {
    if !knows_us() {
        return true;
    }
    fs::read_dir("/proc").is_err() || !group_members(group).is_empty()
}

/// The members of a group that have not ended, as far as that is known.
#[cfg(target_os = "linux")]
pub(in crate::run) fn group_members(group: i32) -> Vec<u32> {
    let group = group.to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().filter(|_| knows_us());
    let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let members = names.filter(|pid| status(pid, 5).as_ref() == Some(&group) && !has_ended(pid));
    members.filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether a process is no more than its exit status, or is not there at all.
#[cfg(target_os = "linux")]
pub(in crate::run) fn has_ended(process: &str) -> bool {
    status(process, 3).is_none_or(|state| ["Z", "X"].contains(&state.as_str()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn group_is_alive(_group: i32) -> bool {
    true
}

/// Whether something that a process has started is stopped in a call that its terminal allows to the foreground alone, or
/// has stopped its own group as shells do until they are there. Whatever else it is stopped by, or in, is not meant.
#[cfg(target_os = "linux")]
pub(super) fn descendants_wait_for_terminal(process: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<String> = children.flat_map(|it| it.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
    let mut children = children.iter().filter(|child| !child.is_empty());
    knows_us() && children.any(|child| is_stopped_at_terminal(child) || descendants_wait_for_terminal(child))
}

#[cfg(target_os = "linux")]
fn is_stopped_at_terminal(process: &str) -> bool {
    // In a session of its own, as behind a pty, it has another terminal, and somebody there who brings it to the front.
    let has_our_terminal = || status(process, 6) == status("self", 6);
    if status(process, 3).as_deref() != Some("T") || !has_our_terminal() {
        return false;
    }
    // The number of the call, then its arguments.
    let call = fs::read_to_string(format!("/proc/{process}/syscall")).unwrap_or_default();
    let mut words = call.split_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<libc::c_long>().ok()) else { return false };
    let arguments: Vec<i64> = words.filter_map(|it| i64::from_str_radix(it.strip_prefix("0x")?, 16).ok()).collect();
    match (number, arguments.as_slice()) {
        (libc::SYS_read | libc::SYS_write | libc::SYS_ioctl, [descriptor, ..]) => {
            let file = fs::read_link(format!("/proc/{process}/fd/{descriptor}")).unwrap_or_default();
            file.starts_with("/dev/pts") || file.to_string_lossy().starts_with("/dev/tty")
        }
        (libc::SYS_kill, [_, signal, ..]) => [libc::SIGTTIN, libc::SIGTTOU].iter().any(|it| i64::from(*it) == *signal),
        _ => false,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn descendants_wait_for_terminal(_process: &str) -> bool {
    false
}

/// A field of a process's status, counted from 1 as proc(5) does. The second one is a name that may hold anything, so
/// only those after it can be asked for.
#[cfg(target_os = "linux")]
fn status(process: &str, field: usize) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = status.rsplit_once(')')?;
    rest.split_whitespace().nth(field - 3).map(str::to_owned)
}
