//! The terminal in the hands of a test: its process group is in the foreground, as a shell's job is, and we are in the
//! background.

use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard};

use rustix::process::{Pid, getpgid, getpgrp, getpid, getppid};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};

use super::give_back_keys;

/// The modes in which the terminal was lent, while a test has it.
static LENT: Mutex<Option<Termios>> = Mutex::new(None);

/// Modes that a test has given to the terminal.
pub struct Modes(Termios);

pub(super) fn lock() -> MutexGuard<'static, Option<Termios>> {
    super::lock(&LENT)
}

pub(super) fn is_lent(loan: &MutexGuard<Option<Termios>>) -> bool {
    loan.is_some()
}

/// The terminal that stdin is, if it is one. (`std::io::stdin` is not fit for a process that has just been forked.)
fn terminal() -> BorrowedFd<'static> {
    // SAFETY: nothing closes stdin.
    unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }
}

/// Prepares the terminal for a test: it has the modes in which it was found, and keys are not listened to until
/// [`take_back`]. False if it cannot be lent: it does not control us, or it is not our turn.
///
/// From here on the calling thread may write to the terminal from the background, even if the terminal minds (`stty
/// tostop`).
pub fn lend() -> bool {
    let mut lent = lock();
    if tcgetpgrp(terminal()) != Ok(getpgrp()) {
        return false;
    }
    give_back_keys();
    let Ok(modes) = tcgetattr(terminal()) else { return false };
    lent.get_or_insert(modes);
    block_ttou();
    true
}

/// Puts the calling process into the foreground with its group, which it leads. For a child between fork and exec: it
/// makes system calls and nothing else.
pub fn come_to_front() {
    bring_to_front(getpid());
}

fn bring_to_front(group: Pid) {
    let before = block_ttou();
    // It fails only if the terminal is gone.
    let _ = tcsetpgrp(terminal(), group);
    restore_signals(&before);
}

/// Lends the terminal to a group that had it before, and gives it the modes that it had then. False if it is not our turn.
pub fn lend_again(group: u32, modes: Option<&Modes>) -> bool {
    let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) else { return false };
    if !lend() {
        return false;
    }
    if let Some(Modes(modes)) = modes {
        // A terminal that is gone has no modes.
        let _ = tcsetattr(terminal(), OptionalActions::Now, modes);
    }
    bring_to_front(group);
    true
}

pub fn is_in_front(group: u32) -> bool {
    tcgetpgrp(terminal()).is_ok_and(|front| u32::try_from(front.as_raw_nonzero().get()) == Ok(group))
}

/// Takes the terminal back from a test, whatever it has done to it; gives the modes that it had there. `None` if no test
/// has the terminal, or a shell has taken it already.
pub fn take_back() -> Option<Modes> {
    let found = lock().take()?;
    if a_shell_is_in_front() {
        return None;
    }
    let modes = tcgetattr(terminal()).ok();
    bring_to_front(getpgrp());
    let before = block_ttou();
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(terminal(), OptionalActions::Now, &found);
    restore_signals(&before);
    modes.map(Modes)
}

/// A shell has taken the terminal because we were stopped, and then had us go on in the background. Other groups in front
/// are those of the test and of what it has started.
fn a_shell_is_in_front() -> bool {
    let parents = getppid().and_then(|parent| getpgid(Some(parent)).ok());
    tcgetpgrp(terminal()).is_ok_and(|front| front != getpgrp() && parents == Some(front))
}

/// Who changes a terminal from the background is stopped unless this signal is blocked. Gives the signals that were
/// blocked before in this thread.
fn block_ttou() -> libc::sigset_t {
    let (mut ttou, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: both sets are initialised by the calls before they are read; `pthread_sigmask` fills the second one, since
    // its arguments are valid.
    unsafe {
        libc::sigemptyset(ttou.as_mut_ptr());
        libc::sigaddset(ttou.as_mut_ptr(), libc::SIGTTOU);
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, ttou.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: the set is one that was read from the same thread.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}
