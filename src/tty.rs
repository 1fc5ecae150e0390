//! The terminal, and how it is given back on every way out.
//!
//! Two things of it are ours for a while: its modes, so that keys arrive one by one and unseen, and the lines of the live
//! region below the report. The ways out are many (the end, an error, a panic, signals that nobody waits for), and some
//! of them are no place to ask anybody, so what has to be put back is remembered here, for the whole program. A test may
//! have the whole terminal for a while ([`loan`]); that is put back first.
//!
//! The region makes that easy: the cursor always rests at its beginning, so whoever writes next writes over it, and to
//! clear from there to the end of the screen is all that has to be done, whatever has become of the window meanwhile.

mod loan;

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, getpgrp, test_kill_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcgetwinsize, tcsetattr,
};

pub use loan::{Modes, come_to_front, is_in_front, lend, lend_again, take_back};

/// The modes in which the terminal was found, while they are others.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// The live region is on the screen.
static REGION: AtomicBool = AtomicBool::new(false);

/// From the cursor to the end of the screen: all of the region.
pub const CLEAR_REGION: &str = "\r\u{1b}[J";

/// The same, for somebody who cannot know whether the cursor is at the beginning still.
const CLEAR_BELOW: &str = "\u{1b}[J";

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

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether keys are for us: it is our turn at the terminal that stdin is, and no test has it.
pub fn keys_are_ours() -> bool {
    !loan::is_lent(&loan::lock()) && is_ours(io::stdin())
}

/// Has keys arrive one by one, without their echo. Ctrl-C and Ctrl-Z stay signals.
pub fn take_keys() -> io::Result<()> {
    let stdin = io::stdin();
    let loan = loan::lock();
    if loan::is_lent(&loan) || !stdin.is_terminal() || !is_ours(&stdin) {
        return Ok(());
    }
    let mut found = lock(&FOUND);
    let now = tcgetattr(&stdin)?;
    let modes = for_keys(&now);
    found.get_or_insert(now);
    tcsetattr(&stdin, OptionalActions::Now, &modes)?;
    Ok(())
}

fn for_keys(found: &Termios) -> Termios {
    let mut modes = found.clone();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes
}

/// Reads keys, if there are any and they are for us. Does not wait for one.
pub fn read_keys(keys: &mut [u8]) -> Result<usize, Errno> {
    // Until they have been read, no test can become the one who has the keyboard.
    let loan = loan::lock();
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let there_are_some = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0);
    if loan::is_lent(&loan) || !is_ours(&stdin) || !there_are_some {
        return Err(Errno::AGAIN);
    }
    rustix::io::read(&stdin, keys)
}

/// The terminal, and in words its modes before keys are taken, for a process that gives it back if this one cannot.
pub fn in_words() -> Option<(OwnedFd, String)> {
    let stdin = io::stdin();
    let found = tcgetattr(&stdin).ok()?;
    let codes = [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME].map(|code| found.special_codes[code]);
    let (input, output) = (found.input_modes.bits(), found.output_modes.bits());
    let local = found.local_modes.bits();
    let words = format!("{input} {output} {local} {} {}", codes[0], codes[1]);
    Some((stdin.as_fd().try_clone_to_owned().ok()?, words))
}

/// What [`in_words`] has written. How wide modes are differs from system to system.
struct Words {
    input: libc::tcflag_t,
    output: libc::tcflag_t,
    local: libc::tcflag_t,
    least: u8,
    time: u8,
}

impl Words {
    fn read(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let mut modes = || words.next()?.parse().ok();
        let (input, output, local) = (modes()?, modes()?, modes()?);
        let mut code = || words.next()?.parse().ok();
        let (least, time) = (code()?, code()?);
        Some(Self { input, output, local, least, time })
    }

    /// Modes that differ from `now` in what a runner changes to get keys.
    fn of_keys(&self, now: &Termios) -> Termios {
        let mut modes = now.clone();
        modes.local_modes = LocalModes::from_bits_retain(self.local);
        modes.special_codes[SpecialCodeIndex::VMIN] = self.least;
        modes.special_codes[SpecialCodeIndex::VTIME] = self.time;
        modes
    }

    /// Modes that differ from `now` in whatever a test may have changed.
    fn of_all(&self, now: &Termios) -> Termios {
        let mut modes = self.of_keys(now);
        modes.input_modes = InputModes::from_bits_retain(self.input);
        modes.output_modes = OutputModes::from_bits_retain(self.output);
        modes
    }
}

/// Gives a terminal back that another process has lent to a group and has not taken back. The group is gone.
pub fn give_back_loan_for_another(terminal: impl AsFd, found: &str, borrower: Pid) {
    let (Ok(now), Some(found)) = (tcgetattr(&terminal), Words::read(found)) else { return };
    // A shell that takes it back and edits lines itself sets all modes, and may have done so by now.
    let somebody_else = tcgetpgrp(&terminal).is_ok_and(|it| it != borrower && test_kill_process_group(it).is_ok());
    if !somebody_else || now.local_modes.contains(LocalModes::ICANON) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &found.of_all(&now));
    }
}

/// Gives a terminal back that another process has left without a word. If it is no more as that one had it, somebody else
/// has it by now. The caller must not mind to be in the background.
pub fn give_back_for_another(terminal: impl AsFd, found: &str) {
    let (Ok(now), Some(found)) = (tcgetattr(&terminal), Words::read(found)) else { return };
    let modes = found.of_keys(&now);
    // A shell's own modes for editing a line differ in what becomes of a return.
    let is_as_left = |left: &Termios| {
        let codes = |it: &Termios| [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME].map(|code| it.special_codes[code]);
        (left.local_modes, codes(left), found.input) == (now.local_modes, codes(&now), now.input_modes.bits())
    };
    if is_as_left(&for_keys(&modes)) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &modes);
        if is_writable(&terminal) {
            // What is left of the line stays: a shell may have begun to write its prompt there.
            let _ = rustix::io::write(&terminal, CLEAR_BELOW.as_bytes());
        }
    }
}

/// The modes are as they were.
pub fn give_back_keys() {
    let mut found = lock(&FOUND);
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
    take_back();
    give_back_keys();
    if REGION.swap(false, Ordering::SeqCst) && is_writable(io::stderr()) {
        let _ = io::stderr().write_all(CLEAR_REGION.as_bytes());
    }
}

/// stderr, for reports that people read. When its terminal has hung up, what is written is dropped: there is nobody to read
/// it, and whether the run goes on then is for SIGHUP to say.
pub struct Stderr(io::Stderr);

impl Stderr {
    pub fn new() -> Self {
        Self(io::stderr())
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).or_else(|error| unless_hung_up(error, bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A terminal answers everything so from then on. A file does where the disk fails, but it has no terminal's modes.
fn unless_hung_up<T>(error: io::Error, otherwise: T) -> io::Result<T> {
    let has_no_modes = || tcgetattr(io::stderr()).is_err_and(|why| why == Errno::NOTTY);
    if error.raw_os_error() == Some(libc::EIO) && !has_no_modes() { Ok(otherwise) } else { Err(error) }
}

/// Whoever has stopped the terminal (Ctrl-S) would stop us, too.
fn is_writable(terminal: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&terminal, PollFlags::OUT)];
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
