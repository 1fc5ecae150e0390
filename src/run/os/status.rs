//! What Linux tells of a process in `/proc/PID/stat`. Elsewhere it has to be taken for alive.

/// When a process started, in the kernel's own unit: the 22nd field of its status.
#[cfg(target_os = "linux")]
pub(in crate::run) fn started(process: &str) -> Option<u64> {
    status(process, 22)?.parse().ok()
}

/// Whether any member of a group is more than a zombie, which waits for nothing but to be reaped by init.
#[cfg(target_os = "linux")]
pub(super) fn group_is_alive(group: i32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
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
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = status.rsplit_once(')')?;
    rest.split_whitespace().nth(field - 3).map(str::to_owned)
}
