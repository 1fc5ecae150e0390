//! What runs in the tests of the `ptest` crate, which re-exports it; use it from there.
//!
//! It is a crate of its own so that it is compiled beside `ptest-macros`, and not after it: `ptest`, which needs both, has
//! nothing in it that takes time.
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

/// What the attributes expand to. Nobody else may depend on it.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub use runtime::private as __private;
