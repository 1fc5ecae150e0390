//! Contexts for Rust tests.

#[doc(hidden)]
pub mod wire;
