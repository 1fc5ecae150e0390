//! Reads what a test binary prints for people, which is all that `cargo test` gives.
//!
//! Nothing here is shared with the runner on purpose: a mistake that both make would compare as equal.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// The outcome of each test in the text of a libtest harness, or of one that imitates it to the last line. Any other
/// text is that of one test, which is named like its target and judged by its exit status; so is half a text, whose
/// binary died: nobody can say from it what became of its tests.
pub(super) fn outcomes(text: &str, target: &str, success: bool) -> Result<BTreeMap<String, String>> {
    let Some((passed, failed, ignored)) = text.lines().rev().find_map(summary) else {
        let outcome = if success { "passed" } else { "failed" };
        return Ok(BTreeMap::from([(target.to_owned(), outcome.to_owned())]));
    };
    let mut outcomes = BTreeMap::new();
    let mut read = 0;
    for (name, outcome) in text.lines().filter_map(result) {
        read += 1;
        // One name can be listed twice; then the worse of the two is the test's outcome.
        let known = outcomes.entry(name.to_owned()).or_insert(outcome);
        if *known != "failed" {
            *known = outcome;
        }
    }
    // A test can print lines that look like results; the numbers are the witness that none was taken for one.
    let counted = passed + failed + ignored;
    ensure!(read == counted, "{counted} tests were counted and {read} results were printed");
    Ok(outcomes.into_iter().map(|(name, outcome)| (name, outcome.to_owned())).collect())
}

/// `test NAME ... ok`, where ` - should panic` can follow the name, and libtest-mimic pads it.
fn result(line: &str) -> Option<(&str, &'static str)> {
    let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match verdict {
        "ok" => "passed",
        "FAILED" => "failed",
        _ if verdict == "ignored" || verdict.starts_with("ignored, ") => "ignored",
        _ => return None,
    };
    let name = name.trim_end();
    Some((name.strip_suffix(" - should panic").unwrap_or(name), outcome))
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn summary(line: &str) -> Option<(usize, usize, usize)> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        let part = numbers.split("; ").find_map(|part| part.strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some((number("passed")?, number("failed")?, number("ignored")?))
}

#[cfg(test)]
mod tests {
    use super::outcomes;

    const SUMMARY: &str =
        "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let outcomes = outcomes(text, "demo", false).map_err(|error| error.to_string())?;
        Ok(outcomes.into_iter().collect())
    }

    #[test]
    fn every_kind_of_result_is_read() {
        let text = format!(
            "\nrunning 3 tests\ntest a::x - should panic ... ok\ntest b   ... ignored, no net\ntest c ... FAILED\n\n{SUMMARY}\n"
        );
        let expected = [("a::x", "passed"), ("b", "ignored"), ("c", "failed")];
        assert_eq!(read(&text).unwrap(), expected.map(|(name, outcome)| (name.into(), outcome.into())));
    }

    #[test]
    fn a_line_that_a_test_printed_is_not_taken_for_a_result() {
        let text = format!("running 3 tests\ntest inner ... ok\ntest outer ... ok\n{SUMMARY}\n");
        assert_eq!(read(&text).unwrap_err(), "3 tests were counted and 2 results were printed");
    }

    #[test]
    fn a_harness_of_another_kind_is_one_test_judged_by_its_status() {
        assert_eq!(
            read("running 1 tests\ntest client ... ok\ntest result: ok\n").unwrap(),
            [("demo".into(), "failed".into())]
        );
    }
}
