//! What test binaries and `cargo ptest` tell one another. It is written once, here, and used by both sides; nobody else
//! should depend on it.
//!
//! * [`annotation`]: what the attributes leave in a binary, to be read without running it.
//! * [`environment`]: how a process is told what it is to be: a worker, a fixture host, or a lister of cases.
//! * [`record`]: what such a process says besides what its tests print, in the same stream.

pub mod annotation;
pub mod environment;
pub mod record;

/// Begins an annotation and a record. No text that people print has it.
pub const BEGIN: u8 = 0x02;
/// Ends an annotation and a record.
pub const END: u8 = 0x03;
/// Stands between the fields of either.
pub const FIELD: char = '\x1f';
