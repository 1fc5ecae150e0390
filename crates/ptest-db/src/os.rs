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
    #[cfg(target_os = "linux")]
    let its_key = found.shm_perm.__key;
    #[cfg(not(target_os = "linux"))]
    let its_key = key;
    if its_key == key {
        // SAFETY: this command takes no structure.
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}
