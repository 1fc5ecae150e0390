//! The line between a call's process and whoever waits for it: single bytes, and texts behind their length.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

pub(super) struct Line {
    pub stream: UnixStream,
    /// Until when is read from it, if not for ever.
    pub deadline: Option<Instant>,
}

/// The most that is read at once: how long somebody says that a text is does not decide how much memory is taken.
const MOST: usize = 64 * 1024;

impl Line {
    #[inline]
    pub(super) fn read_byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[inline]
    pub(super) fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.read_exact(&mut length)?;
        let mut left = u64::from_le_bytes(length);
        let mut bytes = Vec::new();
        while left > 0 {
            let begin = bytes.len();
            bytes.resize(begin + usize::try_from(left).unwrap_or(MOST).min(MOST), 0);
            self.read_exact(&mut bytes[begin..])?;
            left -= (bytes.len() - begin) as u64;
        }
        Ok(bytes)
    }

    #[inline]
    pub(super) fn write_byte(&mut self, byte: u8) -> io::Result<()> {
        self.stream.write_all(&[byte])
    }

    #[inline]
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.stream.write_all(bytes)
    }
}

impl Read for Line {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer)
    }
}
