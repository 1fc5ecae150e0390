//! Finds the end of the last test in a text that no log confirms. Pure.
//!
//! A test may print what libtest prints, and end the process then. So the last result counts only at its place: before
//! the summary that ends the text, in which the numbers are right.

use memchr::memmem;

use super::Verdict;
use super::lines::word;

/// What libtest has to say in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub ignored: usize,
    /// How many tests it was not asked to run, if that is known.
    pub filtered: Option<usize>,
}

impl Counts {
    pub(super) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Ignored => self.ignored += 1,
        }
    }
}

/// The verdict on the last test, where its word begins in the text, and where the summary's line ends. `counts` are those
/// of the tests before it.
pub(super) fn last_result(text: &[u8], counts: Counts) -> Option<(Verdict, usize, usize)> {
    let at = memmem::rfind(text, b"\ntest result: ")?;
    let line = &text[at + 1..];
    let length = memchr::memchr(b'\n', line)?;
    [Verdict::Passed, Verdict::Failed, Verdict::Ignored].into_iter().find_map(|verdict| {
        let mut counts = counts;
        counts.add(verdict);
        let start = says(&line[..length], counts).then(|| result_before(&text[..at], verdict, counts.failed > 0))??;
        Some((verdict, start, at + 1 + length + 1))
    })
}

/// Whether a line is the summary with these numbers.
fn says(line: &[u8], Counts { passed, failed, ignored, filtered }: Counts) -> bool {
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let head = format!("test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; ");
    let rest = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(&head));
    let Some((number, end)) = rest.and_then(|rest| rest.split_once(" filtered out")) else { return false };
    let is_right = number.parse::<usize>().is_ok_and(|number| filtered.is_none_or(|filtered| filtered == number));
    is_right && (end.is_empty() || end.starts_with("; finished in "))
}

/// Where the word of the result begins that stands right before the summary, or before the list of what has failed.
fn result_before(text: &[u8], verdict: Verdict, has_failures: bool) -> Option<usize> {
    if !has_failures {
        return result_at_end(text, verdict);
    }
    let lists = memmem::find_iter(text, b"\nfailures:\n").collect::<Vec<_>>();
    lists.into_iter().rev().find_map(|list| result_at_end(&text[..list], verdict))
}

fn result_at_end(text: &[u8], verdict: Verdict) -> Option<usize> {
    let line = text.strip_suffix(b"\n")?;
    if verdict != Verdict::Ignored {
        return line.strip_suffix(word(verdict)).map(<[u8]>::len);
    }
    let start = memmem::rfind(line, word(verdict))?;
    let reason = &line[start + word(verdict).len()..];
    (reason.is_empty() || reason.starts_with(b", ") && !reason.contains(&b'\n')).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_PASSED: Counts = Counts { passed: 1, failed: 0, ignored: 0, filtered: Some(3) };

    fn found(text: &str) -> Option<(Verdict, &str)> {
        let (verdict, start, _) = last_result(text.as_bytes(), ONE_PASSED)?;
        Some((verdict, &text[..start]))
    }

    const OK: &str =
        "ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s\n\n";
    const FAILED: &str = "FAILED\n\nfailures:\n\n---- b stdout ----\nnote: x\n\n\nfailures:\n    b\n\ntest result: FAILED. \
                          1 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s\n\n";

    #[test]
    fn the_last_result_stands_before_the_summary_that_counts_it() {
        assert_eq!(found(OK), Some((Verdict::Passed, "")));
        assert_eq!(found(&format!("no newline{OK}at exit\n")), Some((Verdict::Passed, "no newline")));
        assert_eq!(found(FAILED), Some((Verdict::Failed, "")));
        let ignored = OK.replace("ok\n\n", "ignored, why\n\n").replace("2 passed", "1 passed").replace("0 ig", "1 ig");
        assert_eq!(found(&ignored), Some((Verdict::Ignored, "")));
        let old = OK.replace("; finished in 0.00s", "");
        assert_eq!(found(&old), Some((Verdict::Passed, "")), "older ones do not say how long it took");
    }

    #[test]
    fn what_another_program_says_of_its_tests_is_output() {
        let inner = OK.replace("2 passed", "7 passed").replace("3 filtered", "0 filtered");
        let text = format!("\nrunning 7 tests\ntest x ... {inner}");
        assert_eq!(found(&text), None, "with nothing behind it");
        assert_eq!(found(&format!("{text}{OK}")), Some((Verdict::Passed, &*text)));
    }

    #[test]
    fn a_summary_with_other_numbers_or_at_another_place_is_none() {
        for (from, to) in [
            ("2 passed", "1 passed"),
            ("0 failed", "1 failed"),
            ("ok. ", "FAILED. "),
            ("3 filtered", "0 filtered"),
            ("; finished in", " and"),
            ("ok\n\n", "ok\n"),
            ("ok\n\n", "ok\nmore\n\n"),
            ("ok\n\n", "FAILED\n\n"),
            (" filtered out; finished in 0.00s\n\n", ""),
        ] {
            let text = OK.replacen(from, to, 1);
            assert_ne!(text, OK);
            assert_eq!(found(&text), None, "{text}");
        }
        assert_eq!(found("ok\n"), None);
    }
}
