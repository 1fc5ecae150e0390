//! What test binaries and `cargo ptest` tell one another. It is written once, here, and used by both sides; nobody else
//! should depend on it.
//!
//! * [`annotation`]: what the attributes leave in a binary, to be read without running it.
//! * [`environment`]: how a process is told what it is to be: a worker, a fixture host, or a lister of cases.
//! * [`record`]: what such a process says besides what its tests print, in the same stream.

pub mod annotation;
pub mod environment;
pub mod record;

/// Begins a record. No text that people print has it.
pub const BEGIN: u8 = 0x02;
/// Ends a record.
pub const END: u8 = 0x03;
/// Stands between the fields of a record and of an annotation.
pub const FIELD: char = '\x1f';

/// The parts of a text between such characters. It is all that is needed of `str::split`, of which there is much to compile.
struct Parts<'a> {
    rest: Option<&'a str>,
    between: char,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, between: char) -> Self {
        Self { rest: Some(text), between }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let Some((part, behind)) = rest.split_once(self.between) else { return Some(rest) };
        self.rest = Some(behind);
        Some(part)
    }
}
