//! Annotations, as workflow commands: `::error file=F,line=L,title=T::MESSAGE`.

use std::fmt::Write;

use camino::Utf8Path;

use super::{Finding, Gathered, Options};
use crate::report::control::tame;

/// How many annotations of a type GitHub shows of a step.
const MOST: usize = 10;

/// How much of a message is shown, in characters: an annotation is a note in a margin.
const MESSAGE_LIMIT: usize = 2_000;

/// An error for each failure, and a warning for each flaky test.
pub(super) fn annotations(gathered: &Gathered, options: &Options) -> String {
    let mut text = String::new();
    for (kind, findings) in [("error", &gathered.failures), ("warning", &gathered.flaky)] {
        for finding in findings.iter().take(MOST) {
            text += &annotation(kind, finding, options);
        }
        if findings.len() > MOST {
            let more = findings.len() - MOST;
            let what = if kind == "error" { "failures" } else { "flaky tests" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "::notice title=cargo ptest::{more} more {what} have no annotation");
        }
    }
    text
}

fn annotation(kind: &str, finding: &Finding, options: &Options) -> String {
    let mut properties = Vec::new();
    if let Some(file) = &finding.file {
        properties.push(format!("file={}", property(&from_checkout(file, options))));
        properties.extend(finding.line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", property(&format!("{}: {}", finding.status, finding.what))));
    // One without a message is not shown.
    let message = if finding.message.is_empty() { &finding.status } else { &finding.message };
    let message: String = message.chars().take(MESSAGE_LIMIT).collect();
    format!("::{kind} {}::{}\n", properties.join(","), data(&message))
}

/// The path of a file as GitHub counts it: from the root of the checkout.
fn from_checkout(file: &str, options: &Options) -> String {
    let path = options.workspace.join(file);
    let checkout = options.checkout.as_deref().unwrap_or(Utf8Path::new(""));
    match path.strip_prefix(checkout) {
        Ok(inside) if !checkout.as_str().is_empty() => inside.to_string(),
        _ => file.to_owned(),
    }
}

/// Text after the second `::`. The log that has it may be a terminal, too.
fn data(text: &str) -> String {
    tame(text, false).replace('%', "%25").replace('\n', "%0A")
}

/// The value of a property, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Outcome, TestFinished};
    use crate::report::github::tests::gathered;
    use crate::report::junit::sample::finished;

    fn failed(name: &str, message: &str) -> Event {
        Event::TestFinished(TestFinished { outcome: Outcome::Failed, message: Some(message.into()), ..finished(name) })
    }

    #[test]
    fn what_would_end_a_command_or_steer_a_terminal_does_not_stay() {
        let text = annotations(
            &gathered(vec![failed("m::a,b\u{1b}[2J", "100 %\r\nleft: \u{1b}[31m1\n::error::x")]),
            &Options::default(),
        );
        let expected =
            "::error file=src/lib.rs,line=12,title=failed%3A demo m%3A%3Aa%2Cb::100 %25%0Aleft: 1%0A::error::x\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_more_than_ten_of_a_type() {
        let flaky = |name: String| Event::TestFinished(TestFinished { flaky: true, attempt: 2, ..finished(&name) });
        let mut events: Vec<Event> = (0..12).map(|number| failed(&format!("t{number}"), "no")).collect();
        events.extend((0..10).map(|number| flaky(format!("f{number}"))));
        let text = annotations(&gathered(events), &Options::default());
        assert_eq!(text.matches("::error ").count(), 10);
        assert_eq!(text.matches("::warning ").count(), 10);
        assert_eq!(text.matches("::notice title=cargo ptest::2 more failures have no annotation\n").count(), 1);
        assert_eq!(text.lines().count(), 21);
    }

    #[test]
    fn paths_count_from_the_checkout() {
        let options = |checkout: &str| Options {
            checkout: Some(checkout.into()),
            workspace: "/home/runner/work/rust".into(),
            ..Options::default()
        };
        assert_eq!(from_checkout("src/lib.rs", &options("/home/runner/work")), "rust/src/lib.rs");
        assert_eq!(from_checkout("src/lib.rs", &options("/elsewhere")), "src/lib.rs");
        assert_eq!(from_checkout("src/lib.rs", &Options::default()), "src/lib.rs");
    }

    #[test]
    fn a_failure_without_a_message_says_its_status() {
        let silent = TestFinished { outcome: Outcome::Crashed, file: None, ..finished("aborts") };
        let text = annotations(&gathered(vec![Event::TestFinished(silent)]), &Options::default());
        assert_eq!(text, "::error title=crashed%3A demo aborts::crashed\n");
    }
}
