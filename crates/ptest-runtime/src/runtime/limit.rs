//! Runs a fixture on a thread of its own, and waits for it no longer than its limit.
//!
//! The thread keeps runtimes and thread-locals of a fixture apart from those of its test. What the fixture prints is
//! still caught by libtest, which a new thread inherits.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::value::{Made, Scope, within};
use super::watched::{Watched, spawn};
use crate::wire::record::Failure;

/// A setup; or a teardown, which makes nothing.
pub(super) type Function = Box<dyn FnOnce() -> Result<Option<Made>, String> + Send>;

/// Runs a function within a scope of values, on a thread of the given name.
///
/// One that panics has failed. One that has no end in time is left behind: there is no way to end a thread.
pub(super) fn run(
    name: String,
    limit: Duration,
    scope: Scope,
    function: Function,
) -> Result<(Option<Made>, Duration), Failure> {
    let start = Instant::now();
    let deadline = start + limit;
    let failed = |message: String, timed_out: bool| Failure { message, duration: start.elapsed(), timed_out };
    let outcome = Arc::new(Watched::new(Outcome { result: None, is_over: false }));
    let told = outcome.clone();
    let tell = move || {
        END.set(Some(End(told.clone())));
        let result = match catch_unwind(AssertUnwindSafe(|| within(scope, function))) {
            Ok(result) => result,
            Err(payload) => Err(message(&*payload)),
        };
        told.change(|outcome| outcome.result = Some(result));
    };
    if let Err(error) = spawn(name, Box::new(tell)) {
        return Err(failed(format!("cannot start a thread: {error}"), false));
    }
    let Some(result) = outcome.wait(deadline, |outcome| outcome.result.take()) else {
        return Err(failed(format!("timed out after {limit:?}"), true));
    };
    let duration = start.elapsed();
    // What its thread-locals hold is to be dropped by now, and that may take its time, too.
    if outcome.wait(deadline, |outcome| outcome.is_over.then_some(())).is_none() {
        return Err(failed(
            format!("timed out after {limit:?}: the function has returned, but a thread-local is still being dropped"),
            true,
        ));
    }
    match result {
        Ok(made) => Ok((made, duration)),
        Err(message) => Err(failed(message, false)),
    }
}

/// How far the thread is.
struct Outcome {
    result: Option<Result<Option<Made>, String>>,
    is_over: bool,
}

thread_local! {
    /// Dropped after the other thread-locals, which are dropped in the order opposite to that in which they were first
    /// used. To join the thread would do as well, but that has no limit.
    static END: Cell<Option<End>> = const { Cell::new(None) };
}

struct End(Arc<Watched<Outcome>>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.change(|outcome| outcome.is_over = true);
    }
}

/// What a panic said.
pub(super) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "a panic without a message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_local_that_drops_for_ever_is_not_waited_for() {
        struct Slow;
        impl Drop for Slow {
            fn drop(&mut self) {
                loop {
                    std::thread::park();
                }
            }
        }
        thread_local!(static SLOW: Cell<Option<Slow>> = const { Cell::new(None) });
        let function = || {
            SLOW.set(Some(Slow));
            Ok(None)
        };
        let result = run("slow".into(), Duration::from_millis(100), Scope::new(), Box::new(function));
        let Err(failure) = result else { panic!("it has no end") };
        assert!(failure.timed_out && failure.message.contains("thread-local"), "{failure:?}");
    }

    #[test]
    fn what_ends_in_time_is_told_and_what_panics_has_failed() {
        let limit = Duration::from_secs(60);
        assert!(matches!(run("a".into(), limit, Scope::new(), Box::new(|| Ok(None))), Ok((None, _))));
        let function: Function = Box::new(|| panic!("with a word"));
        let Err(failure) = run("b".into(), limit, Scope::new(), function) else { panic!("it has failed") };
        assert_eq!((failure.timed_out, &*failure.message), (false, "with a word"));
    }
}
