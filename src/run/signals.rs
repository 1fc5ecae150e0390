//! Ctrl-C, Ctrl-Z and their like become messages. (SIGUSR1 is left alone: the jobserver uses it to end its thread.)

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::{Handle, Signals};

use crate::event::Stopped;
use crate::threads::{self, Panic};
use crate::tty;

/// Listens until it is dropped.
pub(super) struct Listening(Handle);

/// What a signal asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signalled {
    Stop(Stopped),
    /// Ctrl-Z.
    Suspend,
    /// Somebody has had the program go on.
    Continue,
}

/// What was asked for and not heard yet. Whoever is to hear it may be stuck, and then the thread that tells must not be:
/// it is still needed for those who ask again.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<VecDeque<Signalled>>>);

impl Heard {
    fn push(&self, signalled: Signalled) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(signalled);
    }

    /// The first one.
    pub(super) fn pop(&self) -> Option<Signalled> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Puts each signal that asks something of the run into `heard`, and then calls `wake`, which must not block.
///
/// Whoever receives that may be stuck: writing to a terminal that is stopped, for example. So from the second signal to
/// end on `hurry` is called first, and the third one ends the program as it would without us; the watchdog cleans up.
/// SIGQUIT (Ctrl-\\) does so at once: who uses it wants no orderly end.
pub(super) fn listen(
    heard: Heard,
    wake: impl Fn() + Send + 'static,
    hurry: impl Fn() + Send + 'static,
    panicked: impl FnOnce(Panic) + Send + 'static,
) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT])?;
    let handle = signals.handle();
    let listen = move || {
        let mut ends = 0;
        for signal in &mut signals {
            let signalled = match signal {
                SIGTSTP => Signalled::Suspend,
                SIGCONT => Signalled::Continue,
                SIGINT => Signalled::Stop(Stopped::Interrupted),
                _ => Signalled::Stop(Stopped::Terminated),
            };
            ends += usize::from(matches!(signalled, Signalled::Stop(_)));
            if ends >= 2 {
                hurry();
            }
            if ends >= 3 || signal == SIGQUIT {
                tty::give_back();
                // It fails only for signals that nobody may handle.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            heard.push(signalled);
            wake();
        }
    };
    threads::start("signals", listen, panicked)?;
    Ok(Listening(handle))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
