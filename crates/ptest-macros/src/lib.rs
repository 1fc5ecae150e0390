//! The attributes of the `ptest` crate.
