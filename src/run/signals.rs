//! Ctrl-C, Ctrl-Z and their like become messages. (SIGUSR1 is left alone: the jobserver uses it to end its thread.)
//!
//! Before and after a run they do what they do by default. A signal that is ignored when the program starts (`nohup`, a
//! background job of a shell without job control) stays ignored, as it is in what the program starts.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::flag::{register_conditional_default, register_conditional_shutdown};
use signal_hook::iterator::{Handle, Signals};

use crate::event::Stopped;
use crate::threads::{self, Panic};
use crate::tty;

/// Listens until it is dropped.
pub(super) struct Listening {
    handle: Handle,
    heard: Heard,
}

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
pub(super) struct Heard(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Signalled>,
    /// The run has heard that it is to stop.
    stops: bool,
}

impl Heard {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, signalled: Signalled) {
        self.queue().waiting.push_back(signalled);
    }

    /// The first one.
    pub(super) fn pop(&self) -> Option<Signalled> {
        let mut queue = self.queue();
        let first = queue.waiting.pop_front();
        queue.stops |= matches!(first, Some(Signalled::Stop(_)));
        first
    }

    /// What came too late for the run to stop.
    fn too_late(&self) -> Option<Stopped> {
        let queue = self.queue();
        let stop = |signalled: &Signalled| if let Signalled::Stop(why) = signalled { Some(*why) } else { None };
        queue.waiting.iter().find_map(stop).filter(|_| !queue.stops)
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
    for signal in heeded(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP]).filter(|_| !is_first_process()) {
        register_conditional_default(signal, NO_RUN.clone())?;
    }
    let mut signals = Signals::new(heeded(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT]))?;
    NO_RUN.store(false, Ordering::SeqCst);
    let (handle, unheard) = (signals.handle(), heard.clone());
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
                end_by(signal);
            }
            heard.push(signalled);
            wake();
        }
    };
    let listening = Listening { handle, heard: unheard };
    threads::start("signals", listen, panicked)?;
    Ok(listening)
}

impl Drop for Listening {
    fn drop(&mut self) {
        NO_RUN.store(true, Ordering::SeqCst);
        self.handle.close();
        match self.heard.too_late() {
            Some(Stopped::Interrupted) => end_by(SIGINT),
            Some(_) => end_by(SIGTERM),
            None => {}
        }
    }
}

/// No run listens: signals do what they do by default. A handler stays installed once it was, so it has to be told.
static NO_RUN: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// To be called at the start. The kernel keeps a signal that is not handled from the first process of a pid namespace, as
/// in a container. There a signal between runs ends the program, and with it everything in the namespace.
pub fn heed_as_first_process() -> io::Result<()> {
    for signal in heeded(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT]).filter(|_| is_first_process()) {
        register_conditional_shutdown(signal, exit_code(signal), NO_RUN.clone())?;
    }
    Ok(())
}

/// Those of the signals that were not ignored when the program started.
fn heeded(signals: &[i32]) -> impl Iterator<Item = i32> {
    signals.iter().copied().filter(|signal| !is_ignored(*signal))
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros are a valid value, and what it is replaced with is only asked for.
    let (asked, action) = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action), action)
    };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

fn is_first_process() -> bool {
    std::process::id() == 1
}

/// The exit code of a program that ends because of a signal, as shells count. That of SIGHUP is SIGTERM's.
fn exit_code(signal: i32) -> i32 {
    128 + if signal == SIGHUP { SIGTERM } else { signal }
}

fn end_by(signal: i32) {
    if is_first_process() {
        signal_hook::low_level::exit(exit_code(signal));
    }
    // It fails only for signals that nobody may handle.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
