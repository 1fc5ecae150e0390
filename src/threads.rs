//! Threads whose panics are not lost: whoever waits for a thread is told when it panics, and does not wait for ever.
//!
//! A panic is a fault of ours. What it says is on stderr by then; it also becomes an error that ends the run in order.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io, thread};

/// A panic in one of our threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    thread: &'static str,
    message: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { thread, message } = self;
        write!(f, "the thread `{thread}` of cargo ptest panicked: {message}; please report this")
    }
}

impl std::error::Error for Panic {}

/// Starts a thread. If it panics, `panicked` is called there.
pub fn start(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
    panicked: impl FnOnce(Panic) + Send + 'static,
) -> io::Result<()> {
    let guarded = move || guard(name, work).unwrap_or_else(panicked);
    thread::Builder::new().name(name.to_owned()).spawn(guarded).map(drop)
}

/// Does the work of a thread, or of a part of it, and catches a panic. What the work had in hand must be fit to be looked
/// at whenever it stopped, or not be looked at again.
pub fn guard<T>(thread: &'static str, work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic { thread, message: message(&*payload) })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_in_a_thread_is_told_with_the_threads_name() {
        let works: [(fn(), &str); 3] = [
            (|| panic!("boom"), "boom"),
            (|| panic!("boom {}", 1 + 1), "boom 2"),
            (|| std::panic::panic_any(7), "without a message"),
        ];
        for (work, message) in works {
            let (sender, receiver) = mpsc::channel();
            start("tried", work, move |panic| sender.send(panic.to_string()).unwrap()).unwrap();
            let told = receiver.recv().unwrap();
            assert_eq!(told, format!("the thread `tried` of cargo ptest panicked: {message}; please report this"));
        }
    }

    #[test]
    fn a_thread_that_does_its_work_tells_nothing() {
        let (sender, receiver) = mpsc::channel();
        let panicked = sender.clone();
        start("tried", move || sender.send("done").unwrap(), move |_| panicked.send("panicked").unwrap()).unwrap();
        assert_eq!(receiver.iter().collect::<Vec<_>>(), ["done"]);
        assert_eq!(guard("tried", || 7), Ok(7));
    }
}
