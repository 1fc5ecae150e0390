//! Ctrl-C and its like become messages. (SIGUSR1 is left alone: the jobserver uses it to end its thread.)

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::event::Stopped;

/// Listens until it is dropped.
pub(super) struct Listening(Handle);

/// Has `tell` called, from a thread, for each signal that asks the run to end.
///
/// Whoever receives that may be stuck: writing to a terminal that is stopped, for example. So from the second signal on
/// `hurry` is called first, and the third one ends the program as it would without us; the watchdog cleans up.
pub(super) fn listen(
    tell: impl Fn(Stopped) + Send + 'static,
    hurry: impl Fn() + Send + 'static,
) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (number, signal) in (&mut signals).into_iter().enumerate() {
            if number >= 1 {
                hurry();
            }
            if number >= 2 {
                // It fails only for signals that nobody may handle.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            tell(if signal == SIGINT { Stopped::Interrupted } else { Stopped::Terminated });
        }
    })?;
    Ok(Listening(handle))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
