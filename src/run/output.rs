//! What a test writes, kept in bounded memory: the beginning and the end of it, whatever its size.

use std::collections::VecDeque;

/// How many bytes are kept of the beginning, and as many of the end.
const HALF: usize = 512 * 1024;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How many bytes between the two were let go.
    cut: u64,
}

impl Output {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HALF - self.head.len()));
        self.head.extend_from_slice(head);
        // Of a large piece only its end can stay.
        let (gone, rest) = rest.split_at(rest.len().saturating_sub(HALF));
        let surplus = (self.tail.len() + rest.len()).saturating_sub(HALF);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
        self.cut += (gone.len() + surplus) as u64;
    }

    pub(super) fn truncated(&self) -> bool {
        self.cut > 0
    }

    /// As text; what is not UTF-8 is replaced, and what was let go is said.
    pub(super) fn into_text(mut self) -> String {
        if self.cut > 0 {
            let note = format!("\n[... {} bytes are left out here ...]\n", self.cut);
            self.head.extend(note.into_bytes());
        }
        self.head.extend(self.tail);
        match String::from_utf8(self.head) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_output_is_kept_whole() {
        let mut output = Output::default();
        output.push(b"one ");
        output.push(b"t\xffwo");
        assert!(!output.truncated());
        assert_eq!(output.into_text(), "one t\u{fffd}wo");
    }

    #[test]
    fn of_large_output_both_ends_are_kept_and_the_rest_is_counted() {
        let mut output = Output::default();
        output.push(b"first");
        for _ in 0..100 {
            output.push(&vec![b'.'; 100_000]);
        }
        output.push(b"last");
        assert!(output.truncated());
        let text = output.into_text();
        assert!(text.starts_with("first.") && text.ends_with("..last"));
        assert!(text.contains(&format!("[... {} bytes are left out here ...]", 10_000_009 - 2 * HALF)));
        assert!(text.len() < 2 * HALF + 100);
    }
}
