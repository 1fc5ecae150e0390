//! What is known of a text that has no log beside it, so that it can be decided whether it is to be believed. Pure.

use std::collections::HashSet;

use memchr::memmem;

use super::Run;

/// What is known of a text without a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::run) struct Unlogged {
    /// How many bytes libtest has written by what the text says.
    pub told: u64,
    /// How many of these it had written when the first test started; 0 if that was not seen.
    pub started: u64,
    /// How many bytes stand before the header, and how many the header has.
    pub before: u64,
    pub header: u64,
    /// A test has written what libtest writes when one of the process's tests starts.
    pub has_doubled: bool,
    /// It goes on to its end, where the numbers are right.
    pub is_complete: bool,
    /// If not, there is something like a summary in it.
    pub has_summary: bool,
    /// What libtest says of failures that were no panics, by the names of the tests.
    pub notes: Vec<(String, String)>,
}

impl Unlogged {
    pub(in crate::run) fn is_disputed(&self) -> bool {
        !self.is_complete && self.has_summary
    }

    /// Whether libtest has written anything after its only test started, if it has written so many bytes in all. How many
    /// more says nothing: a thread that the test has left behind may write some of them in its place.
    pub(in crate::run) fn has_gone_on(&self, written: u64) -> Option<bool> {
        (self.started > 0).then_some(written > self.started)
    }

    pub(in crate::run) fn note(&self, test: &str) -> Option<&str> {
        self.notes.iter().find(|(name, _)| name == test).map(|(_, note)| &**note)
    }

    /// Takes in where the header begins and ends. An empty line before it is a part of it.
    pub(super) fn begin(&mut self, start: usize, end: usize) {
        self.before = start.saturating_sub(1) as u64;
        self.header = end as u64 - self.before;
        self.told = self.header;
    }

    /// Takes in how long the marker of a test is.
    pub(super) fn mark(&mut self, length: usize) {
        self.told += length as u64;
        if self.started == 0 && length > 0 {
            self.started = self.told;
        }
    }

    /// Takes in what stands there from the last result to the end of the summary, behind which is one more line.
    pub(super) fn end(&mut self, text: &[u8]) {
        self.told += text.len() as u64 + 1;
        self.notes = notes(&String::from_utf8_lossy(text));
    }
}

/// The notes in libtest's list of failures.
fn notes(text: &str) -> Vec<(String, String)> {
    let pieces = text.split("\n---- ").skip(1);
    let note = |piece: &str| {
        let (name, rest) = piece.split_once(" stdout ----\n")?;
        let note = rest.strip_prefix("note: ").or_else(|| rest.split_once("\nnote: ").map(|(_, note)| note))?;
        let end = note.find("\n\n").unwrap_or(note.len());
        Some((name.to_owned(), note[..end].trim_end().to_owned()))
    };
    pieces.filter_map(note).collect()
}

/// Whether a test's output has the marker of one of these.
pub(super) fn has_marker(output: &str, runs: &[Run]) -> bool {
    if !output.contains(" ... ") {
        return false;
    }
    let names: HashSet<&str> = runs.iter().map(|run| &*run.name).collect();
    memmem::find_iter(output.as_bytes(), b"test ").any(|start| {
        let rest = &output[start + "test ".len()..];
        let Some((head, _)) = rest.split_once(" ... ") else { return false };
        names.contains(head) || names.contains(head.strip_suffix(" - should panic").unwrap_or(head))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Expected, Libtest};
    use super::*;

    const SUMMARY: &str = "\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out\n\n";

    fn read(text: &str) -> Unlogged {
        let expected: Vec<Expected> = ["a", "b"].map(Expected::named).into();
        let mut it = Libtest::new(&expected, None, false, false).out_of(Some(5));
        it.read(text.as_bytes(), b"");
        it.end().1.unlogged.unwrap()
    }

    #[test]
    fn what_libtest_has_written_is_counted_and_what_tests_write_is_not() {
        let text = format!("\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n{SUMMARY}");
        let plain = read(&text);
        assert!(plain.is_complete && !plain.has_doubled);
        assert_eq!(plain.told, text.len() as u64);
        let noisy = read(&format!("constructor\n{}", text.replace("b ... ", "b ... noise\n")));
        assert_eq!((noisy.told, noisy.before, noisy.header), (plain.told, 12, plain.header));
    }

    #[test]
    fn a_second_marker_of_a_test_is_noticed_and_one_of_a_stranger_is_not() {
        let text = |said: &str| format!("\nrunning 2 tests\ntest a ... {said}ok\ntest b ... ok\n{SUMMARY}");
        assert!(!read(&text("test c ... ")).has_doubled);
        assert!(read(&text("test b ... FAILED\n")).has_doubled);
        let forged = read("\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\ntest b ... ok\n\ntest result: x\n");
        assert!(forged.is_disputed(), "{forged:?}");
    }

    #[test]
    fn a_text_that_breaks_off_is_not_complete() {
        let start = "\nrunning 2 tests\ntest a ... ";
        let broken = read(start);
        assert!(!broken.is_complete && !broken.has_summary);
        let started = start.len() as u64;
        assert_eq!([started, started + 1].map(|written| broken.has_gone_on(written)), [Some(false), Some(true)]);
        let late = read(&format!("{start}ok\ntest b ... "));
        assert_eq!(late.started, started);
        assert_eq!(read("\nrunning 2 tests\n").has_gone_on(99), None);
    }

    #[test]
    fn notes_on_failures_are_found_in_their_list() {
        let text = "FAILED\n\nfailures:\n\n---- a stdout ----\nnote: test did not panic as expected\n\n---- b stdout ----\n\
                    Error: no\nnote: two\nlines\n\n\nfailures:\n    a\n    b\n";
        let expected = [("a", "test did not panic as expected"), ("b", "two\nlines")];
        assert_eq!(notes(text), expected.map(|(name, note)| (name.to_owned(), note.to_owned())));
    }
}
