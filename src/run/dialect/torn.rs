//! Finds where the next test begins when the lines that should tell are torn. Pure.
//!
//! A thread that outlives its test writes between libtest's pieces, which are the marker, the word of the result and
//! the end of its line. A marker itself stays whole, because a pipe takes it in one piece, but it may stand anywhere in a
//! line, and not behind a result. Two things are beyond finding out: whether a thread's words that look like a marker are
//! one, and where a marker stood that is longer than a pipe takes at once (4096 bytes) and so was torn itself. Then it
//! is the panics that tell: std writes in one piece, too, which test it was that panicked.

use std::ops::Range;

use memchr::memmem;

use super::Verdict;
use super::lines::{markers, word};

/// The beginning of a test's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Beginning {
    /// Which of the later tests.
    pub number: usize,
    /// Where its marker is, or its panic if there is no marker.
    pub at: usize,
    /// A panic of the same test or of one after it stands behind the marker.
    pub confirmed: bool,
}

/// The beginning of the first of the `later` tests of which there is any, in a text that begins in the output of the
/// `current` one. All of them but the last are known to have ended, and the last to have begun; of the first so many
/// (`sure`) the text is known to hold the markers. That it holds others, too, is told by panics only.
pub(super) fn beginning(
    text: &[u8],
    current: &str,
    verdict: Option<Verdict>,
    later: &[&str],
    sure: usize,
) -> Option<Beginning> {
    let panics: Vec<(Range<usize>, &[u8])> = panics(text).collect();
    let number = |name: &[u8]| later.iter().position(|later| later.as_bytes() == name);
    // Where a test has panicked, no other has begun yet.
    let own = |name: &[u8]| name == current.as_bytes() && number(name).is_none();
    let from = panics.iter().rfind(|(_, name)| own(name)).map_or(0, |(place, _)| place.end);
    let mut behind = panics.iter().filter(|(place, _)| place.start >= from);
    let panic = behind.find_map(|(place, name)| Some((number(name)?, place.start)));
    let (count, end) = panic.map_or((sure, text.len()), |(number, at)| (number + 1, at));
    let marked = later[..count].iter().enumerate().find_map(|(number, name)| {
        let at = from + marker_after(&text[from..end], verdict, name)?;
        Some(Beginning { number, at, confirmed: panic.is_some() })
    });
    marked.or(panic.map(|(number, at)| Beginning { number, at, confirmed: false }))
}

/// The first marker behind the word of the result that stands before it, if there is such a one.
fn marker_after(text: &[u8], verdict: Option<Verdict>, name: &str) -> Option<usize> {
    let result = verdict.and_then(|verdict| memmem::find(text, word(verdict)));
    let behind = result.and_then(|result| markers(&text[result..], name).next().map(|(start, _)| result + start));
    behind.or_else(|| markers(text, name).next().map(|(start, _)| start))
}

/// What std says of panics, `thread 'NAME' (ID) panicked at `: where it stands, and the name. (Older ones lack the id.)
pub(super) fn panics(text: &[u8]) -> impl Iterator<Item = (Range<usize>, &[u8])> {
    const HEAD: &[u8] = b"thread '";
    const TAIL: &[u8] = b" panicked at ";
    memmem::find_iter(text, TAIL).filter_map(|tail| {
        let line = memchr::memrchr(b'\n', &text[..tail]).map_or(0, |end| end + 1);
        let start = line + memmem::rfind(&text[line..tail], HEAD)?;
        let name = &text[start + HEAD.len()..tail];
        let (name, id) = name.split_at(memchr::memchr(b'\'', name)?);
        let is_id = |id: &[u8]| id.starts_with(b" (") && id.ends_with(b")");
        (id == b"'" || is_id(&id[1..])).then_some((start..tail + TAIL.len(), name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, current: &str, verdict: Verdict, later: &[&str]) -> Option<(usize, usize)> {
        beginning(text.as_bytes(), current, Some(verdict), later, later.len()).map(|it| (it.number, it.at))
    }

    #[test]
    fn a_marker_may_stand_anywhere_in_a_line() {
        assert_eq!(found("okNOISEtest b ... x", "a", Verdict::Passed, &["b"]), Some((0, 7)));
        assert_eq!(found("ok\nNOISE\ntest bb ... x", "a", Verdict::Passed, &["b"]), None);
    }

    #[test]
    fn of_several_markers_the_one_behind_the_result_counts() {
        let text = "oktest b ... thread 'a' (1) panicked at x.rs:1:1:\nFAILEDNOISE\n!test b ... ok\n";
        assert_eq!(found(text, "a", Verdict::Failed, &["b"]), text.rfind("test b").map(|at| (0, at)));
        let text = "oktest b ... FAILEDNOISE\n!test b ... ok\n";
        assert_eq!(found(text, "a", Verdict::Failed, &["b"]), text.rfind("test b").map(|at| (0, at)));
        assert_eq!(found("test b ... ", "a", Verdict::Failed, &["b"]), Some((0, 0)));
    }

    #[test]
    fn a_test_whose_marker_is_missing_is_passed_over() {
        assert_eq!(found("dark\ntest c ... x", "a", Verdict::Passed, &["b", "c"]), Some((1, 5)));
        let both = "ok!test c ... ?test b ... !test c ... ";
        assert_eq!(found(both, "a", Verdict::Passed, &["b", "c"]), Some((0, 15)), "the nearest test before the first");
    }

    #[test]
    fn a_panic_names_its_test_where_no_marker_does() {
        let text = "ok\nNOISEthread 'b' (17) panicked at x.rs:1:1:\nwhy\ntest b ... ";
        assert_eq!(found(text, "a", Verdict::Passed, &["b", "c"]), Some((0, 8)));
        assert_eq!(found(text, "a", Verdict::Passed, &["c"]), None);
        let text = b"test c ... ok\ntest b ... \nthread 'b' panicked at x.rs:1:1:";
        let at = |text| beginning(text, "a", None, &["b", "c"], 0).map(|it| (it.number, it.at));
        assert_eq!(at(&text[..30]), None);
        assert_eq!(at(text), Some((0, 14)));
    }

    #[test]
    fn panics_are_told_by_name_with_and_without_an_id() {
        let text = b"x thread 'a' panicked at y\nthread 'b::c' (7) panicked at y\nthread 'd' has panicked at y\n'e' panicked at y";
        let names: Vec<&[u8]> = panics(text).map(|(_, name)| name).collect();
        assert_eq!(names, [&b"a"[..], b"b::c"]);
    }
}
