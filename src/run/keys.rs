//! The keyboard: keys become messages to the loop, as signals do.

use std::io::{self, PipeWriter};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::threads::{self, Panic};
use crate::{descriptors, tty};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// What runs now.
    Running,
    Summary,
    Failures,
    /// Start nothing more.
    Stop,
    /// End what has run for the longest time.
    Kill,
    More,
    Fewer,
    Cancel,
    Help,
}

/// The terminal's keys are ours until this is dropped.
pub(super) struct Keyboard {
    /// The thread ends when the other end of it does.
    _open: PipeWriter,
}

/// How often it is looked whether it is our turn at the terminal again.
const TURN: Duration = Duration::from_millis(500);

/// Has `tell` called, from a thread, for each key that means something. False from it ends the thread.
pub(super) fn listen(
    tell: impl Fn(Key) -> bool + Send + 'static,
    panicked: impl FnOnce(Panic) + Send + 'static,
) -> io::Result<Keyboard> {
    let (ended, open) = descriptors::pipe()?;
    tty::take_keys()?;
    let keyboard = Keyboard { _open: open };
    let listen = move || {
        let stdin = io::stdin();
        let mut was_ours = true;
        loop {
            // Whoever reads out of turn is stopped by the system.
            let ours = tty::keys_are_ours();
            if ours && !std::mem::replace(&mut was_ours, ours) {
                // Without them keys come as lines, which is as good as can be had then.
                let _ = tty::take_keys();
            }
            was_ours = ours;
            let mut fds = vec![PollFd::new(&ended, PollFlags::IN)];
            fds.extend(ours.then(|| PollFd::new(&stdin, PollFlags::IN)));
            let turn = Timespec { tv_sec: 0, tv_nsec: TURN.subsec_nanos().into() };
            match poll(&mut fds, (!ours).then_some(&turn)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            if !fds[0].revents().is_empty() {
                return;
            }
            match fds.get(1).map(PollFd::revents) {
                // macOS says so of `/dev/tty` itself. To read without being told that there is something would wait.
                Some(events) if events.contains(PollFlags::NVAL) => return tty::give_back_keys(),
                Some(events) if !events.is_empty() => {}
                _ => continue,
            }
            let mut bytes = [0; 64];
            match tty::read_keys(&mut bytes) {
                Ok(0) => return,
                Ok(length) if !keys(&bytes[..length]).into_iter().all(&tell) => return,
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                // The terminal is gone.
                Err(_) => return,
            }
        }
    };
    threads::start("keys", listen, panicked)?;
    Ok(keyboard)
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        tty::give_back_keys();
    }
}

/// What was pressed. Arrows and function keys come as sequences that begin with an escape; none of them means anything.
fn keys(bytes: &[u8]) -> Vec<Key> {
    bytes.iter().take_while(|byte| **byte != 0x1b).filter_map(|byte| key(*byte)).collect()
}

fn key(byte: u8) -> Option<Key> {
    Some(match byte.to_ascii_lowercase() {
        b't' => Key::Running,
        b'\n' | b'\r' => Key::Summary,
        b'f' => Key::Failures,
        b's' => Key::Stop,
        b'k' => Key::Kill,
        // Where the plus needs the shift key, it is easily forgotten.
        b'+' | b'=' => Key::More,
        b'-' => Key::Fewer,
        b'q' => Key::Cancel,
        b'?' | b'h' => Key::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_help_says_and_sequences_mean_nothing() {
        assert_eq!(keys(b"tT\nxf"), [Key::Running, Key::Running, Key::Summary, Key::Failures]);
        assert_eq!(keys(b"sk+-q?"), [Key::Stop, Key::Kill, Key::More, Key::Fewer, Key::Cancel, Key::Help]);
        assert_eq!(keys(b"t\x1b[1;5q"), [Key::Running]);
        assert_eq!(keys("\u{e4}\0\x04".as_bytes()), []);
    }
}
