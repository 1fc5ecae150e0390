//! The terminal, and how it is given back on every way out.
//!
//! Two things of it are ours for a while: its modes, so that keys arrive one by one and unseen, and the lines of the live
//! region below the report. The ways out are many (the end, an error, a panic, signals that nobody waits for), and some
//! of them are no place to ask anybody, so what has to be put back is remembered here, for the whole program.
//!
//! The region makes that easy: the cursor always rests at its beginning, so whoever writes next writes over it, and to
//! clear from there to the end of the screen is all that has to be done, whatever has become of the window meanwhile.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// The modes in which the terminal was found, while they are others.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// The live region is on the screen.
static REGION: AtomicBool = AtomicBool::new(false);

/// From the cursor to the end of the screen: all of the region.
pub const CLEAR_REGION: &str = "\r\u{1b}[J";

/// Whether it is our turn at the terminal that this belongs to. A shell puts one job in front; to read, or to change the
/// modes, would stop any other. A terminal that is not the one that controls us is nobody's but ours.
pub fn is_ours(fd: impl AsFd) -> bool {
    tcgetpgrp(fd).map_or(true, |front| front == getpgrp())
}

/// Columns and rows of the terminal that stderr is.
pub fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// Has keys arrive one by one, without their echo. Ctrl-C and Ctrl-Z stay signals.
pub fn take_keys() -> io::Result<()> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !is_ours(&stdin) {
        return Ok(());
    }
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let now = tcgetattr(&stdin)?;
    let mut modes = now.clone();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    found.get_or_insert(now);
    tcsetattr(&stdin, OptionalActions::Now, &modes)?;
    Ok(())
}

/// The modes are as they were.
pub fn give_back_keys() {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let stdin = io::stdin();
    // Where it is another's turn, the modes are his already.
    if let Some(modes) = found.take().filter(|_| is_ours(&stdin)) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&stdin, OptionalActions::Now, &modes);
    }
}

/// The live region has been drawn, or cleared.
pub fn region_is_drawn(drawn: bool) {
    REGION.store(drawn, Ordering::SeqCst);
}

/// Everything is as it was. Never waits.
pub fn give_back() {
    give_back_keys();
    if REGION.swap(false, Ordering::SeqCst) && is_writable() {
        let _ = io::stderr().write_all(CLEAR_REGION.as_bytes());
    }
}

/// Whoever has stopped the terminal (Ctrl-S) would stop us, too.
fn is_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// A panic's message is to stand on a terminal that shows it properly.
pub fn give_back_before_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        told(panic);
    }));
}
