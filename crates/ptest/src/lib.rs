//! TODO docs
#![doc(test(attr(deny(warnings))))]
#![allow(clippy::test_attr_in_doctest)]

#[doc(hidden)]
pub mod wire;

#[cfg(feature = "runtime")]
mod runtime;

#[cfg(feature = "runtime")]
pub use ptest_macros::{context, generate, setup, teardown, test};
#[cfg(feature = "runtime")]
pub use runtime::{Cx, Shared, cx, run_id, worker_index};

/// What the attributes expand to. Nobody else may depend on it.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub use runtime::private as __private;
