//! Runs a fixture on a thread of its own, and waits for it no longer than its limit.
//!
//! The thread keeps runtimes and thread-locals of a fixture apart from those of its test. What the fixture prints is
//! still caught by libtest, which a new thread inherits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::value::{Scope, within};
use crate::wire::record::Failure;

/// Runs `function` within a scope of values, on a thread of the given name.
///
/// One that panics has failed. One that has no end in time is left behind: there is no way to end a thread.
pub(super) fn run<T: Send + 'static>(
    name: String,
    limit: Duration,
    scope: Scope,
    function: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<(T, Duration), Failure> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let start = Instant::now();
    let failed = |message: String, timed_out: bool| Failure { message, duration: start.elapsed(), timed_out };
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| within(scope, function)));
        // Whoever has given up does not listen any more.
        let _ = sender.send(result.unwrap_or_else(|payload| Err(message(&*payload))));
    });
    let thread = thread.map_err(|error| failed(format!("cannot start a thread: {error}"), false))?;
    match receiver.recv_timeout(limit) {
        Ok(result) => {
            // What it holds is to be dropped by now.
            let _ = thread.join();
            result.map(|value| (value, start.elapsed())).map_err(|message| failed(message, false))
        }
        Err(RecvTimeoutError::Timeout) => Err(failed(format!("no end after {limit:?}"), true)),
        Err(RecvTimeoutError::Disconnected) => Err(failed("its thread ended without a word".to_owned(), false)),
    }
}

/// What a panic said.
pub(super) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}
