//! The summary of a job, in GitHub's Markdown.

use std::fmt::Write;

use super::{Finding, FixtureTime, Gathered};
use crate::event::{Stopped, Tally};
use crate::report::control::tame;

/// What GitHub takes of a step, in bytes, is 1 MiB; more than that it refuses as a whole. This leaves others something.
pub(super) const ROOM: usize = 768 * 1024;

/// How long a cell is, in characters.
const CELL_LIMIT: usize = 1_000;

/// Verdict, counts, failures, flaky tests, the slowest, what fixtures took: as much of it as `room` holds.
pub(super) fn summary(gathered: &Gathered, room: usize) -> String {
    let mut page = Page { text: String::new(), room };
    page.add(&head(gathered));
    page.table("Failures", &["", "test", "where", "message"], gathered.failures.iter().map(failure));
    page.table("Flaky", &["test", "where", "message"], gathered.flaky.iter().map(|it| failure(it)[1..].to_vec()));
    let slowest = gathered.slowest.iter().map(|(seconds, what)| vec![format!("{seconds:.3} s"), cell(what)]);
    page.table("Slowest", &["time", "test"], slowest);
    page.table("Set-ups and teardowns", &["time", "how often", "fixture"], gathered.fixtures.iter().map(fixture));
    page.text
}

/// Text that ends before it is too long.
struct Page {
    text: String,
    room: usize,
}

impl Page {
    /// Adds a piece whole, or not at all.
    fn add(&mut self, piece: &str) -> bool {
        let fits = self.text.len() + piece.len() <= self.room;
        if fits {
            self.text += piece;
        }
        fits
    }

    fn table(&mut self, title: &str, columns: &[&str], rows: impl ExactSizeIterator<Item = Vec<String>>) {
        let count = rows.len();
        if count == 0 {
            return;
        }
        let rule = "---|".repeat(columns.len());
        if !self.add(&format!("\n### {title} ({count})\n\n| {} |\n|{rule}\n", columns.join(" | "))) {
            return;
        }
        // What is said of the rows that do not fit has to fit.
        self.room = self.room.saturating_sub(MORE);
        let written = rows.take_while(|row| self.add(&format!("| {} |\n", row.join(" | ")))).count();
        self.room += MORE;
        if written < count {
            self.add(&format!("\n... and {} more\n", count - written));
        }
    }
}

/// The longest note on what is left out.
const MORE: usize = 40;

fn head(gathered: &Gathered) -> String {
    let Some(run) = &gathered.finished else {
        return "\n## cargo ptest: incomplete\n\nThe run has not come to its end.\n".to_owned();
    };
    let tally = &run.tally;
    let missing = gathered.started.as_ref().is_some_and(|started| tally.reported() < started.tests);
    let verdict = match run.stopped {
        Some(Stopped::Interrupted) => "interrupted",
        Some(Stopped::Terminated) => "terminated",
        Some(Stopped::Error) => "stopped by an error",
        Some(Stopped::BuildFailed) => "stopped since the build failed",
        _ if tally.has_failed_tests() || tally.has_failed_fixtures() => "failed",
        _ if missing || tally.not_reached > 0 => "incomplete",
        _ => "passed",
    };
    format!("\n## cargo ptest: {verdict}\n\n{} in {:.1} s\n", counts(tally), run.duration)
}

fn counts(tally: &Tally) -> String {
    let counts = [
        (tally.failed, "failed"),
        (tally.timed_out, "timed out"),
        (tally.crashed, "crashed"),
        (tally.setup_failed, "set-up failed"),
        (tally.error, "in error"),
        (tally.worker_failed, "worker failures"),
        (tally.fixture_failed + tally.failed_setups, "failed fixtures"),
        (tally.flaky, "flaky"),
        (tally.ignored, "ignored"),
        (tally.not_reached, "not reached"),
    ];
    let mut text = format!("**{} passed**", tally.passed);
    for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
        // Writing to a string does not fail.
        let _ = write!(text, ", {count} {word}");
    }
    text
}

fn failure(finding: &Finding) -> Vec<String> {
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => cell(&format!("{file}:{line}")),
        (file, _) => file.as_deref().map(cell).unwrap_or_default(),
    };
    vec![cell(&finding.status), cell(&finding.what), place, cell(&finding.message)]
}

fn fixture(fixture: &FixtureTime) -> Vec<String> {
    vec![format!("{:.3} s", fixture.seconds), fixture.times.to_string(), cell(&fixture.what)]
}

/// Text that is nothing but text: no HTML, no Markdown, no end of the cell.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for character in tame(text, false).trim().chars().take(CELL_LIMIT) {
        match character {
            '\n' => cell += "<br>",
            '\t' => cell.push(' '),
            '<' => cell += "&lt;",
            '>' => cell += "&gt;",
            '&' => cell += "&amp;",
            // As entities they mean nothing to Markdown; `@` and `#` would call people and issues.
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '!' | '@' | '#' | '$' | ':' => {
                let _ = write!(cell, "&#{};", u32::from(character));
            }
            character => cell.push(character),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Event, Fixture, Outcome, TestFinished};
    use crate::report::github::tests::gathered;
    use crate::report::junit::sample::{finished, fixture};

    fn failed(name: &str, message: &str) -> Event {
        Event::TestFinished(TestFinished { outcome: Outcome::Failed, message: Some(message.into()), ..finished(name) })
    }

    #[test]
    fn a_summary_has_verdict_counts_and_tables() {
        let flaky = TestFinished { flaky: true, attempt: 2, duration: 1.5, ..finished("flickers") };
        let text = summary(
            &gathered(vec![
                Event::FixtureFinished(fixture(Fixture::Setup, Outcome::Passed)),
                Event::FixtureFinished(fixture(Fixture::Setup, Outcome::Passed)),
                failed("fails", "left\nright"),
                Event::TestFinished(flaky),
            ]),
            ROOM,
        );
        let expected = "
## cargo ptest: failed

**1 passed**, 1 failed, 1 flaky in 12.5 s

### Failures (1)

|  | test | where | message |
|---|---|---|---|
| failed | demo fails | src/lib.rs&#58;12 | left<br>right |

### Flaky (1)

| test | where | message |
|---|---|---|
| demo flickers | src/lib.rs&#58;12 | passed at attempt 2 |

### Slowest (2)

| time | test |
|---|---|
| 1.500 s | demo flickers |
| 0.250 s | demo fails |

### Set-ups and teardowns (1)

| time | how often | fixture |
|---|---|---|
| 1.000 s | 2 | demo demo&#58;&#58;db&#58;&#58;(setup) |
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_run_that_passes_says_so_and_one_without_an_end_is_incomplete() {
        assert!(summary(&gathered(vec![]), ROOM).starts_with("\n## cargo ptest: passed\n\n**0 passed** in 12.5 s\n"));
        assert!(summary(&Gathered::default(), ROOM).starts_with("\n## cargo ptest: incomplete\n"));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let events = (0..1_000).map(|number| failed(&format!("t{number}"), &"x".repeat(5_000))).collect();
        let text = summary(&gathered(events), 100_000);
        assert!(text.len() <= 100_000);
        let rows = text.lines().filter(|line| line.starts_with("| failed ")).count();
        assert!(rows > 50 && text.contains(&format!("\n... and {} more\n", 1_000 - rows)), "{rows}");
        assert_eq!(summary(&gathered(vec![failed("a", "b")]), 0), "");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_cell(text in "(\\PC|[|`<>&*_\\[\\]\n\r\t\u{1b}]){0,60}") {
            let cell = cell(&text);
            let leaves = cell.contains(['|', '`', '*', '[', '\n', '\r', '\u{1b}']);
            let has_html = cell.replace("<br>", "").contains(['<', '>']);
            prop_assert!(!leaves && !has_html, "{}", cell);
        }
    }
}
