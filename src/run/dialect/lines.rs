//! The lines that libtest writes, found in bytes that hold anything else, too. Pure.

use memchr::memmem;

use super::Verdict;
use crate::run::output::Output;

/// What libtest says on stderr of the option that names the log, without ending the line.
const LOG_IS_DEPRECATED: &[u8] = b"warning: `--logfile` is deprecated";

/// What was written before the first test, but for what our own option causes.
pub(super) fn without_warning(text: &[u8]) -> Vec<u8> {
    match memmem::find(text, LOG_IS_DEPRECATED) {
        Some(at) => [&text[..at], &text[at + LOG_IS_DEPRECATED.len()..]].concat(),
        None => text.to_vec(),
    }
}

/// What was written after the last test, but for libtest's own summary of all tests.
pub(super) fn without_summary(stray: Output) -> Output {
    let text = stray.into_text();
    let summary = text.find("test result: ");
    let rest = summary.map_or(&*text, |at| text[at..].split_once('\n').map_or("", |(_, rest)| rest));
    let mut output = Output::default();
    output.push(rest.trim_start_matches('\n').as_bytes());
    output
}

/// `running N tests` on a line of its own: where it begins, where the next line does, and N.
pub(super) fn header(text: &[u8]) -> Option<(usize, usize, usize)> {
    let word = b"running ";
    memmem::find_iter(text, word).find_map(|start| {
        let at_line_start = start == 0 || text[start - 1] == b'\n';
        let length = memchr::memchr(b'\n', &text[start..])?;
        let line = std::str::from_utf8(&text[start + word.len()..start + length]).ok()?;
        let count = line.strip_suffix(" tests").or(line.strip_suffix(" test"))?.parse().ok()?;
        at_line_start.then_some((start, start + length + 1, count))
    })
}

/// Each `test NAME ... `: where it begins and ends.
pub(super) fn markers(text: &[u8], name: &str) -> impl Iterator<Item = (usize, usize)> {
    let starts = memmem::find_iter(text, b"test ");
    starts.filter_map(move |start| Some((start, start + marker_at(&text[start..], name)?)))
}

/// The length of the marker that `text` begins with.
fn marker_at(text: &[u8], name: &str) -> Option<usize> {
    let rest = text.strip_prefix(b"test ")?.strip_prefix(name.as_bytes())?;
    // The names of benchmarks are padded; other tests may carry a remark.
    let padding = rest.iter().take_while(|byte| **byte == b' ').count().saturating_sub(1);
    let rest = &rest[padding..];
    let remark = [" - should panic", " - compile fail", " - compile"].into_iter();
    let rest = remark.fold(rest, |rest, remark| rest.strip_prefix(remark.as_bytes()).unwrap_or(rest));
    rest.starts_with(b" ... ").then(|| text.len() - rest.len() + 5)
}

/// Whether a text begins with the marker of that test.
pub(super) fn is_marker(text: &[u8], name: &str) -> bool {
    marker_at(text, name).is_some()
}

/// Whether a text begins with what libtest writes after the last test.
pub(super) fn is_summary(text: &[u8]) -> bool {
    text.starts_with(b"\ntest result: ") || text.starts_with(b"\nfailures:\n")
}

/// The result that ends a test's output: the verdict, where its word begins and where its line ends. It counts only
/// when what follows may follow: the next test, or the summary after the last one.
pub(super) fn result(
    text: &[u8],
    verdict: Option<Verdict>,
    follows: impl Fn(&[u8]) -> bool,
) -> Option<(Verdict, usize, usize)> {
    let possible = [Verdict::Passed, Verdict::Failed, Verdict::Ignored].into_iter();
    let possible = possible.filter(|it| verdict.is_none_or(|verdict| verdict == *it));
    let found = possible.filter_map(|verdict| {
        memmem::find_iter(text, word(verdict)).find_map(|start| {
            let after = start + word(verdict).len();
            // Only a reason for ignoring may stand between the word and the end of its line.
            let reason = verdict == Verdict::Ignored && text[after..].starts_with(b", ");
            let line = if reason { memchr::memchr(b'\n', &text[after..])? } else { 0 };
            let whole = text.get(after + line) == Some(&b'\n');
            (whole && follows(&text[after + line + 1..])).then_some((verdict, start, after + line + 1))
        })
    });
    found.min_by_key(|(_, start, _)| *start)
}

/// How a result is told.
pub(super) fn word(verdict: Verdict) -> &'static [u8] {
    match verdict {
        Verdict::Passed => b"ok",
        Verdict::Failed => b"FAILED",
        Verdict::Ignored => b"ignored",
    }
}

/// What the log begins with.
#[derive(Debug, PartialEq)]
pub(super) enum Record {
    /// The record on the test that was asked for, with libtest's note on it, and the record's length.
    Verdict { verdict: Verdict, note: Option<String>, length: usize },
    /// A line of that length that is no record on that test. libtest writes none, but a second program that has opened
    /// the log may.
    Foreign { length: usize },
}

/// Reads the first record of a log, which should be on `name`; `None` if more of it is needed. Only a record with a note
/// may have several lines.
pub(super) fn record(log: &[u8], name: &str, at_end: bool) -> Option<Record> {
    let length = memchr::memchr(b'\n', log);
    let line = length.map_or(log, |length| &log[..length]);
    let is_whole = length.is_some() || at_end;
    let plain = |word: &str| line.strip_prefix(word.as_bytes()).is_some_and(|rest| rest == name.as_bytes());
    let words = [
        ("ok ", Verdict::Passed),
        ("failed ", Verdict::Failed),
        ("failed (time limit exceeded) ", Verdict::Failed),
        ("ignored ", Verdict::Ignored),
    ];
    if let Some((_, verdict)) = words.into_iter().find(|(word, _)| is_whole && plain(word)) {
        return Some(Record::Verdict { verdict, note: None, length: line.len() + usize::from(length.is_some()) });
    }
    let noted = [(&b"failed: "[..], Verdict::Failed), (b"ignored: ", Verdict::Ignored)];
    if let Some((word, verdict)) = noted.into_iter().find(|(word, _)| line.starts_with(word)) {
        let (end, length) = end_of_note(log, name, at_end)?;
        let note = String::from_utf8_lossy(&log[word.len()..end]).into_owned();
        return Some(Record::Verdict { verdict, note: Some(note), length });
    }
    length.map(|length| Record::Foreign { length: length + 1 })
}

/// Where the note ends that stands before a test's name at the end of a line, and the next line begins.
fn end_of_note(log: &[u8], name: &str, at_end: bool) -> Option<(usize, usize)> {
    let word = [b" ", name.as_bytes()].concat();
    memmem::find_iter(log, &word).find_map(|start| {
        let end = start + word.len();
        match log.get(end) {
            Some(b'\n') => Some((start, end + 1)),
            None if at_end => Some((start, end)),
            _ => None,
        }
    })
}

/// Whether a line of the log says that this test failed.
pub(super) fn is_failure(line: &[u8], name: &str) -> bool {
    line.strip_prefix(b"failed ").is_some_and(|rest| rest.strip_suffix(b"\n").unwrap_or(rest) == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_names_of_benchmarks_are_markers_too() {
        let found = |text: &[u8]| markers(text, "bench").collect::<Vec<_>>();
        assert_eq!(found(b"x\ntest bench     ... "), [(2, 21)]);
        assert_eq!(found(b"test bencher ... test bench ... "), [(17, 32)]);
    }

    #[test]
    fn a_record_begins_at_the_beginning_of_a_line_and_is_on_the_test_that_was_expected() {
        let read = |log: &str| record(log.as_bytes(), "b", false);
        let verdict = |verdict, note: Option<&str>, length| {
            Some(Record::Verdict { verdict, note: note.map(str::to_owned), length })
        };
        assert_eq!(read("ok b\nok c\n"), verdict(Verdict::Passed, None, 5));
        assert_eq!(read("failed: why\n more b\nok c\n"), verdict(Verdict::Failed, Some("why\n more"), 20));
        assert_eq!(read("ignored: a reason b\n"), verdict(Verdict::Ignored, Some("a reason"), 20));
        assert_eq!(read("ok a\nok b\n"), Some(Record::Foreign { length: 5 }), "another program's record");
        assert_eq!(read("ok bb\n"), Some(Record::Foreign { length: 6 }));
        assert_eq!((read("ok b"), read("failed: why\nok b")), (None, None), "the end of the line is still to come");
        assert_eq!(record(b"ok b", "b", true), verdict(Verdict::Passed, None, 4));
    }
}
