//! What has no form in the standard library.

/// The number of the user that this process acts for; 0 is root.
pub(crate) fn user() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() }
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
