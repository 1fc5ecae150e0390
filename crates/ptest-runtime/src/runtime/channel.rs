//! Where a process says its records: on its stdout as that was in the beginning, whatever tests make of it. Some close it,
//! and some send it elsewhere to see what is printed.

use std::fs::File;
use std::io::Write;

use super::os::{self, Identity};

pub(super) struct Channel {
    /// Another number for the same pipe. Tests that close what they have not opened may close this, too.
    copy: Option<(File, Identity)>,
}

impl Channel {
    /// To be called before the first test runs.
    pub(super) fn open() -> Self {
        Self { copy: Self::copy() }
    }

    fn copy() -> Option<(File, Identity)> {
        let copy = os::copy_of_stdout()?;
        let identity = os::identity(&copy)?;
        Some((copy, identity))
    }

    /// Writes in one call, after what was printed before. What cannot be written has no reader.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.flush();
        match &self.copy {
            // Behind a number that was closed there may be anything by now.
            Some((copy, identity)) if os::identity(copy) == Some(*identity) => {
                let mut copy = copy;
                let _ = copy.write_all(bytes);
            }
            // What ends in a newline is not kept back, and what finds the buffer empty and is short goes out in one piece.
            _ => {
                let _ = out.write_all(bytes);
                let _ = out.flush();
            }
        }
    }
}
