//! What has no form in the standard library.

/// The number of the user that this process acts for; 0 is root.
pub(crate) fn user() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// How many bytes may still be written to the file system that a folder is in.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "these numbers have other types elsewhere")]
pub(crate) fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let path = std::ffi::CString::new(folder.as_os_str().as_encoded_bytes()).ok()?;
    // SAFETY: zeroes are a valid value of this structure of numbers.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero, and the structure is the one that this call fills.
    let done = unsafe { libc::statvfs(path.as_ptr(), &raw mut found) };
    (done == 0).then(|| u64::from(found.f_bavail) * found.f_frsize as u64)
}

/// Whether `/proc` is there and means the same processes by their numbers as we do: in a pid namespace of its own a
/// program may still see that of another one, and must end nobody by what stands there.
#[cfg(feature = "postgres")]
pub(crate) fn proc_knows_us() -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

/// Sends a signal to a process, or if the number is negative, to a group.
#[cfg(feature = "postgres")]
pub(crate) fn kill(process: i32, signal: i32) {
    // SAFETY: it takes two numbers. One that is gone needs no signal.
    unsafe { libc::kill(process, signal) };
}

/// Removes a System V segment if it has that key. Whoever still has it attached keeps it until he ends.
#[cfg(feature = "postgres")]
pub(crate) fn remove_segment(key: i32, id: i32) {
    // SAFETY: zeroes are a valid value of this structure of numbers.
    let mut found: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is the one that this command fills.
    if unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut found) } != 0 {
        return;
    }
    if key_of(&found) == Some(key) {
        // SAFETY: this command takes no structure.
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

/// The key of a System V segment, where it is known how that is called: on other systems no segment is removed.
#[cfg(feature = "postgres")]
#[cfg_attr(target_env = "musl", allow(deprecated, reason = "it is to be called as elsewhere one day, and is not yet"))]
fn key_of(segment: &libc::shmid_ds) -> Option<i32> {
    #[cfg(all(target_os = "linux", not(target_env = "musl")))]
    let key = Some(segment.shm_perm.__key);
    #[cfg(all(target_os = "linux", target_env = "musl"))]
    let key = Some(segment.shm_perm.__ipc_perm_key);
    #[cfg(target_vendor = "apple")]
    let key = Some(segment.shm_perm._key);
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    let key = None;
    key
}
