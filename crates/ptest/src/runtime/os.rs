//! What has no portable form in the standard library. Where a system lacks something, its function says what is done
//! instead.

use std::io::Write;

/// Writes to stdout in one call, after what was printed before. What cannot be written has no reader.
pub(super) fn write_stdout(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.flush();
    // What ends in a newline is not kept back, and what finds the buffer empty and is short goes out in one piece.
    let _ = out.write_all(bytes);
    let _ = out.flush();
}

/// Writes to stderr itself, past libtest's capture. What cannot be written has no reader.
pub(super) fn write_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Has `function` called when the process ends normally, however its `main` ends it.
pub(super) fn at_exit(function: extern "C" fn()) {
    unsafe extern "C" {
        fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
    }
    // SAFETY: the function lives as long as the program, and takes and gives nothing.
    let _ = unsafe { atexit(function) };
}

/// Ends the process without calling what was registered for its end.
pub(super) fn exit_now(code: i32) -> ! {
    unsafe extern "C" {
        fn _exit(code: std::ffi::c_int) -> !;
    }
    // SAFETY: it ends the process; other threads hold nothing that anybody needs any more.
    unsafe { _exit(code) }
}

#[cfg(unix)]
pub(super) use unix::{
    discard_broken_output, discard_input, discard_output, kill_group, send_stderr_to, wait_for_exit,
    wait_for_exit_until,
};

/// A process's descendants are not found here; the process itself is ended by who started it.
#[cfg(not(unix))]
pub(super) fn kill_group(_leader: u32) {}

#[cfg(unix)]
mod unix {
    use std::ffi::{c_int, c_short};
    use std::os::fd::{AsRawFd, RawFd};
    use std::time::Instant;

    #[repr(C)]
    struct PollFd {
        fd: c_int,
        events: c_short,
        revents: c_short,
    }

    #[cfg(target_os = "linux")]
    type Count = std::ffi::c_ulong;
    #[cfg(not(target_os = "linux"))]
    type Count = std::ffi::c_uint;

    unsafe extern "C" {
        fn poll(fds: *mut PollFd, count: Count, timeout: c_int) -> c_int;
        fn dup2(from: c_int, to: c_int) -> c_int;
        fn kill(process: c_int, signal: c_int) -> c_int;
    }

    const OUTPUTS: [RawFd; 2] = [1, 2];

    /// Where nobody reads stdout or stderr any more, what is printed goes nowhere, instead of ending in a panic.
    pub(in crate::runtime) fn discard_broken_output() {
        const POLLERR: c_short = 8;
        for fd in OUTPUTS {
            let mut polled = PollFd { fd, events: 0, revents: 0 };
            // SAFETY: it is one such structure.
            let count = unsafe { poll(&raw mut polled, 1, 0) };
            if count == 1 && polled.revents & POLLERR != 0 {
                discard(&[fd]);
            }
        }
    }

    /// What is printed goes nowhere.
    pub(in crate::runtime) fn discard_output() {
        discard(&OUTPUTS);
    }

    /// What is printed to stderr goes there.
    pub(in crate::runtime) fn send_stderr_to(file: &std::fs::File) {
        // SAFETY: both are descriptors of this process.
        unsafe { dup2(file.as_raw_fd(), 2) };
    }

    fn discard(descriptors: &[RawFd]) {
        if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
            for fd in descriptors {
                // SAFETY: both are descriptors of this process.
                unsafe { dup2(null.as_raw_fd(), *fd) };
            }
        }
    }

    /// There is nothing to read on stdin any more.
    pub(in crate::runtime) fn discard_input() {
        if let Ok(null) = std::fs::File::open("/dev/null") {
            // SAFETY: both are descriptors of this process.
            unsafe { dup2(null.as_raw_fd(), 0) };
        }
    }

    /// Returns when a process is gone.
    pub(in crate::runtime) fn wait_for_exit(process: u32) {
        wait(process, None);
    }

    /// Returns when a process is gone, or is a zombie, and at the latest at the deadline.
    pub(in crate::runtime) fn wait_for_exit_until(process: u32, deadline: Instant) {
        wait(process, Some(deadline));
    }

    fn wait(process: u32, deadline: Option<Instant>) {
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        #[cfg(target_os = "linux")]
        if let Some(descriptor) = linux::open_process(process) {
            const POLLIN: c_short = 1;
            let mut polled = PollFd { fd: descriptor.as_raw_fd(), events: POLLIN, revents: 0 };
            loop {
                // Rounded up, so that nothing is left when it returns for that.
                let millis = left().map_or(-1, |left| c_int::try_from(left.as_millis() + 1).unwrap_or(c_int::MAX));
                // SAFETY: it is one such structure, and the descriptor is open.
                let count = unsafe { poll(&raw mut polled, 1, millis) };
                if count == 1 || left().is_some_and(|left| left.is_zero()) {
                    return;
                }
            }
        }
        // Without a descriptor of a process there is nothing to wait for.
        while is_alive(process) && left().is_none_or(|left| !left.is_zero()) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Ends a process and what it has started, all that is in the group that it leads.
    pub(in crate::runtime) fn kill_group(leader: u32) {
        const SIGKILL: c_int = 9;
        if let Ok(group) = c_int::try_from(leader) {
            // SAFETY: it leads a group, for it was started so.
            unsafe { kill(-group, SIGKILL) };
        }
    }

    fn is_alive(process: u32) -> bool {
        // SAFETY: signal 0 only asks.
        c_int::try_from(process).is_ok_and(|process| unsafe { kill(process, 0) } == 0)
    }

    #[cfg(target_os = "linux")]
    mod linux {
        use std::ffi::{c_int, c_long, c_uint};
        use std::os::fd::{FromRawFd, OwnedFd};

        /// `None` if the process is gone, or if the kernel is older than 5.3.
        pub(super) fn open_process(process: u32) -> Option<OwnedFd> {
            // The same on every architecture that Rust knows, but Alpha.
            const PIDFD_OPEN: c_long = 434;
            unsafe extern "C" {
                fn syscall(number: c_long, ...) -> c_long;
            }
            let (process, flags) = (c_int::try_from(process).ok()?, 0 as c_uint);
            // SAFETY: the call takes two numbers and gives a descriptor or -1.
            let descriptor = unsafe { syscall(PIDFD_OPEN, process, flags) };
            let descriptor = c_int::try_from(descriptor).ok().filter(|it| *it >= 0)?;
            // SAFETY: it is new, and nobody else's.
            Some(unsafe { OwnedFd::from_raw_fd(descriptor) })
        }
    }
}
