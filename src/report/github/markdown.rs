//! The summary of a job, in GitHub's Markdown.

use std::fmt::Write;

use super::{Finding, FixtureTime, Gathered};
use crate::event::{Stopped, Tally};
use crate::report::control::tame;

/// What GitHub takes of a step, in bytes, is 1 MiB; more than that it refuses as a whole. This leaves others something.
pub(super) const ROOM: usize = 768 * 1024;

/// How long a cell is, in characters.
const CELL_LIMIT: usize = 1_000;

/// The note on failures that have no details.
const NO_DETAILS: &str = "\nThere is no room for the output of the other failures: see the log.\n";

/// Verdict, counts, failures, flaky tests, the slowest, what fixtures took: as much of it as `room` holds.
pub(super) fn summary(gathered: &Gathered, room: usize) -> String {
    let mut page = Page { text: String::new(), room };
    page.add(&head(gathered));
    page.failures(&gathered.failures);
    page.table("Flaky", &["test", "where", "message"], gathered.flaky.iter().map(flaky));
    let slowest = gathered.slowest.iter().map(|(seconds, what)| vec![format!("{seconds:.3} s"), code(what)]);
    page.table("Slowest", &["time", "test"], slowest);
    page.table("Setups and teardowns", &["time", "count", "fixture"], gathered.fixtures.iter().map(fixture));
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

    /// A part for each, which shows all of it when it is opened.
    fn failures(&mut self, failures: &[Finding]) {
        if failures.is_empty() || !self.add(&format!("\n### Failures ({})\n", failures.len())) {
            return;
        }
        self.room = self.room.saturating_sub(NO_DETAILS.len() + MORE);
        let whole = failures.iter().take_while(|it| self.add(&details(it))).count();
        self.room += NO_DETAILS.len();
        if whole < failures.len() {
            self.add(NO_DETAILS);
        }
        let named = failures[whole..].iter().take_while(|it| self.add(&format!("\n{}\n", headline(it)))).count();
        self.room += MORE;
        let more = failures.len() - whole - named;
        if more > 0 {
            self.add(&format!("\n... and {more} more\n"));
        }
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
        return "\n## cargo ptest: incomplete\n\nThe run did not finish.\n".to_owned();
    };
    let tally = &run.tally;
    let missing = gathered.started.as_ref().is_some_and(|started| tally.reported() < started.tests);
    let verdict = match run.stopped {
        Some(Stopped::Interrupted) => "interrupted",
        Some(Stopped::Terminated) => "terminated",
        Some(Stopped::Error) => "stopped by an error",
        Some(Stopped::BuildFailed) => "stopped because the build failed",
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
        (tally.setup_failed, "setup failed"),
        (tally.error, "errors"),
        (tally.worker_failed, "worker failures"),
        (tally.fixture_failed + tally.failed_setups, "failed fixtures"),
        (tally.flaky, "flaky"),
        (tally.ignored, "ignored"),
        (tally.cancelled, "cancelled"),
        (tally.not_reached - tally.cancelled, "not reached"),
    ];
    let mut text = format!("**{} passed**", tally.passed);
    for (count, word) in counts.into_iter().filter(|(count, _)| *count > 0) {
        // Writing to a string does not fail.
        let _ = write!(text, ", {count} {word}");
    }
    text
}

fn flaky(finding: &Finding) -> Vec<String> {
    vec![code(&finding.what), place(finding).map(|place| code(&place)).unwrap_or_default(), cell(&finding.message)]
}

fn place(finding: &Finding) -> Option<String> {
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => Some(format!("{file}:{line}")),
        (file, _) => file.clone(),
    }
}

/// What is seen of a failure at first: HTML on one line.
fn headline(finding: &Finding) -> String {
    let place = place(finding).map(|place| format!(" ({})", code(&place))).unwrap_or_default();
    let message = finding.brief.first().map(|it| format!(": {}", code(it))).unwrap_or_default();
    format!("<b>{}</b> {}{place}{message}", finding.status, code(&finding.what))
}

fn details(finding: &Finding) -> String {
    let mut text = format!("\n<details>\n<summary>{}</summary>\n", headline(finding));
    if !finding.text.trim().is_empty() {
        text += &block("text", &finding.text);
    }
    if let Some(rerun) = &finding.rerun {
        text += &block("sh", &tame(rerun, false));
    }
    text + "\n</details>\n"
}

/// A block of code. Nothing in it ends it, since its fences are longer than any row of backticks in it.
fn block(language: &str, text: &str) -> String {
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    format!("\n{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// A name, as HTML that is code: there GitHub looks for no people and no issues.
fn code(text: &str) -> String {
    format!("<code>{}</code>", cell(text))
}

fn fixture(fixture: &FixtureTime) -> Vec<String> {
    vec![format!("{:.3} s", fixture.seconds), fixture.times.to_string(), code(&fixture.what)]
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
    use crate::event::{Event, Fixture, Outcome, Place, TestFinished};
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

<details>
<summary><b>failed</b> <code>demo fails</code> (<code>src/lib.rs&#58;12</code>): <code>left</code></summary>

```text
left
right
```

```sh
cargo ptest -p demo --lib -- --exact fails
```

</details>

### Flaky (1)

| test | where | message |
|---|---|---|
| <code>demo flickers</code> | <code>src/lib.rs&#58;12</code> | passed at attempt 2 |

### Slowest (2)

| time | test |
|---|---|
| 1.500 s | <code>demo flickers</code> |
| 0.250 s | <code>demo fails</code> |

### Setups and teardowns (1)

| time | count | fixture |
|---|---|---|
| 1.000 s | 2 | <code>demo demo&#58;&#58;db&#58;&#58;(setup)</code> |
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
        let all = text.matches("<b>failed</b>").count();
        let whole = text.matches("</details>").count();
        assert!(whole > 10 && all > whole && text.contains(NO_DETAILS), "{whole} of {all}");
        assert!(text.contains(&format!("\n... and {} more\n", 1_000 - all)), "{all}");
        assert_eq!(summary(&gathered(vec![failed("a", "b")]), 0), "");
    }

    #[test]
    fn the_output_is_shown_as_it_is_and_where_it_panicked() {
        let test = TestFinished {
            outcome: Outcome::Failed,
            message: Some("panicked at src/deep.rs:7:5: assertion failed: `(left == right)`\n\nDiff < left / right > :\n<1\n>2".into()),
            place: Some(Place { file: "src/deep.rs".into(), line: 7 }),
            output: "\nthread 'a' panicked at src/deep.rs:7:5:\nassertion failed: `(left == right)`\n\nDiff < left / right > :\n<1\n>2\n````\n</details>".into(),
            ..finished("a")
        };
        let text = summary(&gathered(vec![Event::TestFinished(test)]), ROOM);
        let expected = "<summary><b>failed</b> <code>demo a</code> (<code>src/deep.rs&#58;7</code>): <code>assertion failed&#58; &#96;(left == right)&#96;</code></summary>

`````text
thread 'a' panicked at src/deep.rs:7:5:
assertion failed: `(left == right)`

Diff < left / right > :
<1
>2
````
</details>
`````
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn tests_that_ran_when_the_run_ended_are_counted_apart() {
        let cut_short = TestFinished { outcome: Outcome::NotReached, ..finished("a") };
        let not_reached = TestFinished { outcome: Outcome::NotReached, worker: None, ..finished("b") };
        let text = summary(&gathered([cut_short, not_reached].map(Event::TestFinished).to_vec()), ROOM);
        assert!(text.contains("**0 passed**, 1 cancelled, 1 not reached in "), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_ends_its_block(text in "([`a\n~]|``){0,40}") {
            let block = block("text", &text);
            let fence = block.trim_start().split('t').next().unwrap();
            let ends = block.lines().filter(|line| line.trim_start().starts_with(fence)).count();
            prop_assert_eq!(ends, 2, "{}", block);
        }

        #[test]
        fn no_text_leaves_its_cell(text in "(\\PC|[|`<>&*_\\[\\]\n\r\t\u{1b}]){0,60}") {
            let cell = cell(&text);
            let leaves = cell.contains(['|', '`', '*', '[', '\n', '\r', '\u{1b}']);
            let has_html = cell.replace("<br>", "").contains(['<', '>']);
            prop_assert!(!leaves && !has_html, "{}", cell);
        }
    }
}
