//! What runs in a test binary: the wrapper that `#[ptest::test]` puts around a test, and all that it needs.
//!
//! * [`mod@test`] is the wrapper: it enters the contexts of a test, runs it, leaves them.
//! * [`mod@context`] holds the contexts of the binary: which there are, what state each is in, when it is over.
//! * [`selection`] knows which tests this process will run, so that a context's last one is known when it comes.
//! * [`limit`] runs a fixture on a thread of its own, and not for ever.
//! * [`value`] holds what a setup made and gives it out by type; [`share`] sends it to other processes.
//! * [`host`] is the process that holds shared contexts; [`process`] knows what this one is.
//! * `call` makes concurrent calls.
//! * [`watched`] is how threads wait for one another, [`output`] what is kept of what a process prints, [`codec`] how a
//!   value becomes bytes.
//! * [`channel`] is where a process says what becomes of fixtures and cases.
//! * [`cases`] is for generated tests, [`section`] is where the attributes' work is found, [`os`] what has no
//!   portable form.

#[cfg(unix)]
mod call;
mod cases;
mod channel;
mod codec;
mod context;
mod host;
mod limit;
mod os;
mod output;
mod process;
mod section;
mod selection;
mod share;
mod test;
mod value;
mod watched;

#[cfg(unix)]
pub use call::{Call, CallError, Calls, ConcurrentCalls, call_concurrently, make_concurrent_calls};
pub use process::{run_id, worker_index};
pub use share::Shared;
pub use value::{Cx, FromContext, cx};

pub mod private {
    pub use super::cases::{CaseResult, run_cases};
    pub use super::section::{Fixture, Setup, Teardown};
    pub use super::share::{SharePlain, ShareShared, share};
    pub use super::test::{is_inside, run, run_plain, run_should_panic};
    pub use super::value::{Made, Returned, ViaPlain, ViaResult, take};
}
