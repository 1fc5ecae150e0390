//! The contexts of this binary: which there are, and the state that each is in.
//!
//! A context is set up by the first test that needs it and torn down by the last one of this process. Whoever comes
//! while it is being set up waits; a setup that failed is not tried again.

mod fixture;
mod tree;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use super::host;
use super::process::Process;
use super::section::{Setup, Teardown};
use super::value::{Live, Scope};
use super::{limit, os};
use crate::wire::record::{Failure, Record};

pub(super) use fixture::{decode, make};
pub(super) use tree::{Tree, libtest_name};

/// A module with a setup.
pub(super) struct Context {
    /// With the crate's name in front; names the context.
    pub module: &'static str,
    pub kind: Kind,
    setup: &'static Setup,
    teardown: Option<&'static Teardown>,
    pub setup_limit: Duration,
    pub teardown_limit: Duration,
    /// All binaries of a package share the context under this name.
    pub key: Option<&'static str>,
    state: Mutex<State>,
    changed: Condvar,
    /// Held by the running test, if it is a unit: its tests take turns.
    turn: Mutex<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its tests run one after another in one process.
    Unit,
    /// Each process sets it up for itself.
    CanSplit,
    /// A host sets it up, once for all processes.
    Shared,
    /// Shared, but inside of a unit, whose only process sets it up; or all processes are one, for a debugger.
    Inside,
}

struct State {
    phase: Phase,
    /// How many of this process's tests have not left it.
    remaining: usize,
}

enum Phase {
    Down,
    SettingUp,
    Up(Arc<Live>, Option<host::Handle>),
    Failed(String),
}

/// Why a test cannot run.
pub(super) struct NotSetUp {
    pub context: &'static str,
    pub message: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics is done while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    /// One more test of this process will enter it.
    fn expect_one(&self) {
        lock(&self.state).remaining += 1;
    }

    /// Waits for its turn, if it is a unit.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Gives its value, after setting it up where nobody has. `around` are the contexts around it.
    pub(super) fn enter(&self, around: &Scope) -> Result<Arc<Live>, NotSetUp> {
        let mut state = lock(&self.state);
        loop {
            match &state.phase {
                Phase::Up(live, _) => return Ok(live.clone()),
                Phase::Failed(message) => {
                    Process::get().say(&Record::NotSetUp { context: self.module.to_owned() });
                    return Err(NotSetUp { context: self.module, message: message.clone() });
                }
                Phase::SettingUp => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Phase::Down => break,
            }
        }
        state.phase = Phase::SettingUp;
        drop(state);
        at_exit_leave_all();
        let result = fixture::set_up(self, around);
        let mut state = lock(&self.state);
        let (phase, result) = match result {
            Ok((live, host)) => {
                let live = Arc::new(live);
                (Phase::Up(live.clone(), host), Ok(live))
            }
            Err(Failure { message, .. }) => {
                (Phase::Failed(message.clone()), Err(NotSetUp { context: self.module, message }))
            }
        };
        state.phase = phase;
        self.changed.notify_all();
        result
    }

    /// One test has left it; the last one tears it down. `passed`: what the test came to.
    pub(super) fn leave(&self, around: &Scope, passed: bool) -> Result<(), Failure> {
        let mut state = lock(&self.state);
        state.remaining = state.remaining.saturating_sub(1);
        if state.remaining > 0 || !matches!(state.phase, Phase::Up(..)) {
            return Ok(());
        }
        let phase = std::mem::replace(&mut state.phase, Phase::Down);
        drop(state);
        let Phase::Up(live, host) = phase else { return Ok(()) };
        fixture::tear_down(self, live, host, around, passed)
    }

    /// Its value if it is up, so that what is inside of it can be torn down.
    fn idle(&self) -> Option<Arc<Live>> {
        match &lock(&self.state).phase {
            Phase::Up(live, _) => Some(live.clone()),
            _ => None,
        }
    }
}

/// Sees to it that what is still up when the process ends is torn down: should libtest have selected fewer tests than we
/// think, no last test comes.
fn at_exit_leave_all() {
    static ONCE: Once = Once::new();
    extern "C" fn leave_all() {
        let tree = Tree::get();
        let mut failed = false;
        for context in tree.innermost_first() {
            // Whatever the exit code says, the tests that waited for it have not passed.
            if matches!(lock(&context.state).phase, Phase::SettingUp) {
                os::write_stderr(&format!("ptest: {}::(setup) exited the process\n", context.module));
                failed = true;
            }
            if context.idle().is_none() {
                continue;
            }
            lock(&context.state).remaining = 0;
            let mut around = Scope::new();
            for outer in tree.around(context.module) {
                if let Some(live) = outer.idle() {
                    around.push((outer.module, live));
                }
            }
            if let Err(failure) = context.leave(&around, true) {
                os::write_stderr(&format!("ptest: {}::(teardown) failed: {}\n", context.module, failure.message));
                failed |= !matches!(context.kind, Kind::Shared);
            }
        }
        if failed && !Process::get().is_watched() {
            os::exit_now(101);
        }
    }
    ONCE.call_once(|| os::at_exit(leave_all));
}

/// Runs a teardown, or drops what there is.
pub(super) fn end(
    context: &Context,
    given: Option<Box<dyn std::any::Any + Send>>,
    around: Scope,
) -> Result<Duration, Failure> {
    let teardown = context.teardown;
    // Without a teardown, to drop what there is has to do.
    let run = move || {
        if let Some(teardown) = teardown {
            (teardown.run)(given)?;
        }
        Ok(None)
    };
    let name = format!("{}::(teardown)", context.module);
    let (_, duration) = limit::run(name, context.teardown_limit, around, Box::new(run))?;
    Ok(duration)
}
