//! What Unix has, and Linux above all.

use std::ffi::{c_int, c_short};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whether a process can outlive the test that has started it, and see when the runner ends.
pub(in crate::runtime) const HAS_KEEPERS: bool = true;

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
    const POLLOUT: c_short = 4;
    const POLLERR: c_short = 8;
    // So macOS calls it, and only if something is asked for.
    const POLLHUP: c_short = 16;
    for fd in OUTPUTS {
        let mut polled = PollFd { fd, events: POLLOUT, revents: 0 };
        // SAFETY: it is one such structure.
        let count = unsafe { poll(&raw mut polled, 1, 0) };
        if count == 1 && polled.revents & (POLLERR | POLLHUP) != 0 {
            discard(&[fd]);
        }
    }
}

/// What is printed goes nowhere.
pub(in crate::runtime) fn discard_output() {
    discard(&OUTPUTS);
}

/// What is printed to stderr goes there.
pub(in crate::runtime) fn send_stderr_to(file: &File) {
    // SAFETY: both are descriptors of this process.
    unsafe { dup2(file.as_raw_fd(), 2) };
}

fn discard(descriptors: &[RawFd]) {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        for fd in descriptors {
            // SAFETY: both are descriptors of this process.
            unsafe { dup2(null.as_raw_fd(), *fd) };
        }
    }
}

/// There is nothing to read on stdin any more.
pub(in crate::runtime) fn discard_input() {
    if let Ok(null) = File::open("/dev/null") {
        // SAFETY: both are descriptors of this process.
        unsafe { dup2(null.as_raw_fd(), 0) };
    }
}

/// The process leads a group, so that it can be ended with all that it has started.
pub(in crate::runtime) fn in_group_of_its_own(command: &mut Command) {
    command.process_group(0);
}

/// A file that is made so is for nobody else to read.
pub(in crate::runtime) fn for_me_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// A pipe that no program inherits.
pub(in crate::runtime) fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let _turn = turn();
    io::pipe()
}

/// Starts a program.
pub(in crate::runtime) fn spawn(command: &mut Command) -> io::Result<Child> {
    let _turn = turn();
    command.spawn()
}

/// macOS makes a descriptor first, and private after that. A program that is started between the two inherits it, and a pipe
/// has no end as long as that program lives. So one thread at a time does either there.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if cfg!(target_os = "linux") { None } else { Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)) }
}

/// Two ends of a line between processes, the second one for the standard input of a child.
pub(in crate::runtime) fn line() -> io::Result<(UnixStream, Stdio)> {
    let _turn = turn();
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, Stdio::from(OwnedFd::from(theirs))))
}

/// The line that this process has got as its standard input, which is nobody else's from now on.
pub(in crate::runtime) fn take_line() -> io::Result<UnixStream> {
    take_stdin().map(|file| UnixStream::from(OwnedFd::from(file)))
}

/// The file that this process has got as its standard input, which is nobody else's from now on.
pub(in crate::runtime) fn take_stdin() -> io::Result<File> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    discard_input();
    Ok(File::from(stdin))
}

/// Another number for stdout, which no program that is started inherits.
pub(in crate::runtime) fn copy_of_stdout() -> Option<File> {
    io::stdout().as_fd().try_clone_to_owned().ok().map(File::from)
}

/// Which file it is.
pub(in crate::runtime) fn identity(file: &File) -> Option<super::Identity> {
    let Ok(metadata) = file.metadata() else { return None };
    Some((metadata.dev(), metadata.ino()))
}

/// Tells a file from the one that takes its place.
pub(in crate::runtime) fn stamp(file: &Metadata) -> super::Stamp {
    (file.ino(), file.ctime(), file.ctime_nsec())
}

/// Whether `/proc` is there and means the same processes by their numbers as we do: in a pid namespace of its own a
/// program may still see that of another one, where its number may happen to be the same. A process has one number for
/// each namespace from that of `/proc` to its own.
fn proc_knows_us() -> bool {
    let own = std::process::id().to_string();
    if !std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str()) {
        return false;
    }
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return true };
    for line in status.lines() {
        if let Some(numbers) = line.strip_prefix("NSpid:") {
            return numbers.split_whitespace().count() == 1;
        }
    }
    true
}

/// The stderr of another process.
pub(in crate::runtime) fn stderr_of(process: u32) -> Option<File> {
    if !proc_knows_us() {
        return None;
    }
    File::options().append(true).open(format!("/proc/{process}/fd/2")).ok()
}

/// The nearest process above this one that is called so, for there may be something between; if there is none, the one
/// right above.
pub(in crate::runtime) fn runner(name: &str) -> u32 {
    let parent = parent_id();
    let mut process = parent;
    let known = proc_knows_us();
    while known && process > 1 {
        let program = std::fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        if let Some(program) = program.file_name()
            && program.to_string_lossy().contains(name)
        {
            return process;
        }
        let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Behind the program's name, which ends with the last bracket: the state, one letter, and the process above.
        let Some(end) = status.rfind(')') else { break };
        let Some((_, rest)) = status[end..].split_once(' ') else { break };
        let Some((_, rest)) = rest.split_once(' ') else { break };
        let Some((above, _)) = rest.split_once(' ') else { break };
        let Ok(above) = above.parse() else { break };
        process = above;
    }
    parent
}

/// Whether a child has ended. It is not waited for by this, so its number, which may be that of a group, too, stays its
/// own until it is.
pub(in crate::runtime) fn has_ended(child: &mut Child) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const FLAGS: c_int = 0x0100_0005;
    #[cfg(target_vendor = "apple")]
    const FLAGS: c_int = 0x25;
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        unsafe extern "C" {
            fn waitid(kind: c_int, id: std::ffi::c_uint, information: *mut c_int, flags: c_int) -> c_int;
        }
        const P_PID: c_int = 1;
        // A `siginfo_t` has 128 bytes, or fewer, and the alignment of a pointer; the signal's number is the first of it.
        #[repr(C, align(16))]
        struct Information([c_int; 32]);
        let mut information = Information([0; 32]);
        // SAFETY: it writes one such structure. FLAGS are WEXITED, WNOHANG and WNOWAIT.
        let result = unsafe { waitid(P_PID, child.id(), information.0.as_mut_ptr(), FLAGS) };
        result == -1 || information.0[0] != 0
    }
    // Elsewhere it is waited for, and only its own number is safe from then on.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        !matches!(child.try_wait(), Ok(None))
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
        std::thread::sleep(Duration::from_millis(20));
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
