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

/// What a process has for its stdout, as device and inode; `None` if it has none or that cannot be found out.
#[cfg(target_os = "linux")]
pub(super) fn stdout(process: u32) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let stdout = fs::metadata(format!("/proc/{process}/fd/1")).ok().filter(|_| knows_us())?;
    Some((stdout.dev(), stdout.ino()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stdout<T>(_process: u32) -> Option<T> {
    None
}

/// Whether any member of a group is more than a zombie, which waits for nothing but to be reaped by init.
#[cfg(target_os = "linux")]
pub(super) fn group_is_alive(group: i32) -> bool {
    if !knows_us() {
        return true;
    }
    let Ok(processes) = fs::read_dir("/proc") else { return true };
    let group = group.to_string();
    let names = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let members = names.filter(|pid| status(pid, 5).as_ref() == Some(&group));
    members.filter_map(|pid| status(&pid, 3)).any(|state| !["Z", "X"].contains(&state.as_str()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn group_is_alive(_group: i32) -> bool {
    true
}

/// A field of a process's status, counted from 1 as proc(5) does. The second one is a name that may hold anything, so
/// only those after it can be asked for.
#[cfg(target_os = "linux")]
fn status(process: &str, field: usize) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = status.rsplit_once(')')?;
    rest.split_whitespace().nth(field - 3).map(str::to_owned)
}
