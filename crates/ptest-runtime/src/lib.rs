//! The part of the crate `ptest` that runs inside of test processes. Use it from `ptest`, which re-exports it.
//!
//! It is a separate crate so that it is compiled at the same time as `ptest-macros`, not after it; and so that `cargo ptest`
//! can use the protocol alone (`default-features = false`).
// Outside of a test build there are no tests, so what they use is not used.
#![doc(test(attr(allow(dead_code, unused_imports))))]
// What tests look like is what the examples are about.
#![allow(clippy::test_attr_in_doctest)]

#[doc(hidden)]
pub mod wire;

#[cfg(feature = "runtime")]
mod runtime;

#[cfg(all(feature = "runtime", unix))]
pub use runtime::{Call, CallError, Calls, ConcurrentCalls, call_concurrently, make_concurrent_calls};
#[cfg(feature = "runtime")]
pub use runtime::{Cx, FromContext, Shared, cx, run_id, worker_index};

/// What the attributes expand to. It is private: nothing else may depend on it.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub use runtime::private as __private;
