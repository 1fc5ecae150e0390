//! What a case came to: its `<failure>`, `<error>` or `<skipped>`, and the attempts before.

use std::sync::Arc;

use quick_junit::{NonSuccessKind, TestCaseStatus, TestRerun, XmlString};

use super::{
    case::{output, seconds},
    text::{self, TEXT_LIMIT, attribute, xml, xml_within},
};
use crate::{
    event::{FixtureFinished, Outcome, TestFinished, WorkerFailed},
    report::setups::FailedSetups,
};

/// How many of the tests that ran before a failed one are named in its text.
const NAMED: usize = 10;

/// The element that says what `test` came to, and the `attempts` that failed before. `setups` may be why.
pub fn status(test: &TestFinished, attempts: &[TestFinished], setups: &FailedSetups) -> TestCaseStatus {
    let reruns = attempts.iter().map(|attempt| rerun(attempt, setups));
    match test.outcome {
        Outcome::Passed => TestCaseStatus::Success { flaky_runs: reruns.collect() },
        Outcome::Ignored | Outcome::NotReached => skipped(test, attempts, setups),
        Outcome::Failed | Outcome::TimedOut | Outcome::Crashed | Outcome::SetupFailed | Outcome::Error => {
            let mut status = TestCaseStatus::non_success(kind(test.outcome));
            status
                .set_message(attribute(&message(test, setups)))
                .set_type(word(test.outcome))
                .set_description(xml_within(&text(test, setups), TEXT_LIMIT))
                .add_reruns(reruns);
            status
        }
    }
}

/// JUnit has no place for the attempts of a skipped test, which a run that ends before the next attempt leaves behind.
/// They become its text, for a failure that happened must not go unsaid.
fn skipped(test: &TestFinished, attempts: &[TestFinished], setups: &FailedSetups) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(attribute(&message(test, setups))).set_type(skipped_word(test));
    if !attempts.is_empty() {
        let texts: Vec<String> = attempts.iter().map(|attempt| excerpt(&text(attempt, setups))).collect();
        status.set_description(xml_within(&texts.join("\n\n"), TEXT_LIMIT));
    }
    status
}

/// A failed attempt that another followed. Jenkins reads the stack trace, Allure the text.
fn rerun(attempt: &TestFinished, setups: &FailedSetups) -> TestRerun {
    let text = xml_within(&text(attempt, setups), TEXT_LIMIT);
    let mut rerun = TestRerun::new(kind(attempt.outcome));
    rerun
        .set_timestamp(attempt.timestamp)
        .set_time(seconds(attempt.duration))
        .set_message(attribute(&message(attempt, setups)))
        .set_type(word(attempt.outcome))
        .set_description(text.clone())
        .set_stack_trace(text);
    rerun.system_out = output(&attempt.output);
    rerun
}

fn kind(outcome: Outcome) -> NonSuccessKind {
    match outcome {
        Outcome::SetupFailed | Outcome::Error => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    }
}

/// The outcome as the JSON lines spell it, which is the `type` of a `<failure>`. None may be the name of a Ruby type
/// ("integer", "symbol"): the way in which GitLab reads XML, such a `type` converts the element's text.
pub fn word(outcome: Outcome) -> XmlString {
    xml(match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Ignored => "ignored",
        Outcome::TimedOut => "timed-out",
        Outcome::Crashed => "crashed",
        Outcome::SetupFailed => "setup-failed",
        Outcome::Error => "error",
        Outcome::NotReached => "not-reached",
    })
}

/// The same of a test that has no verdict. One that ran when the run ended was cancelled.
fn skipped_word(test: &TestFinished) -> XmlString {
    if test.was_cut_short() { xml("cancelled") } else { word(test.outcome) }
}

/// Why it came to that outcome, in a line if the event says nothing.
fn message(test: &TestFinished, setups: &FailedSetups) -> String {
    match (test.outcome, &test.message, setups.of(test)) {
        (Outcome::SetupFailed, _, Some(setup)) => format!("{}: {}", setup.name(), fixture_message(setup)),
        (Outcome::SetupFailed, None, None) => "the setup of a context that it belongs to failed".to_owned(),
        (Outcome::NotReached, message, _) => {
            let what = if test.was_cut_short() { "cancelled" } else { "not reached" };
            message.as_ref().map_or(what.to_owned(), |message| format!("{what}: {message}"))
        }
        (outcome, message, _) => reason(outcome, message.as_deref(), test.duration),
    }
}

/// Why a fixture failed.
pub fn fixture_message(fixture: &FixtureFinished) -> String {
    reason(fixture.outcome, fixture.message.as_deref(), fixture.duration)
}

fn reason(outcome: Outcome, message: Option<&str>, duration: f64) -> String {
    match (outcome, message) {
        (_, Some(message)) => message.to_owned(),
        (Outcome::TimedOut, None) => format!("timed out after {duration:.3} s"),
        (outcome, None) => word(outcome).into_string(),
    }
}

/// What a page of failures should show of a test: GitLab shows this text and nothing else, so it quotes the output. Of
/// a test that did not run it quotes that of the setup.
fn text(test: &TestFinished, setups: &FailedSetups) -> String {
    let after = if test.after.is_empty() {
        String::new()
    } else {
        format!(
            "Its process ran other tests before, which may have left state behind: {}",
            list_last(&test.after, test.before)
        )
    };
    let setup = setups.of(test).filter(|_| test.outcome == Outcome::SetupFailed);
    let output = setup.map_or(&test.output, |setup| &setup.output);
    paragraphs(&[&unless_in(&message(test, setups), output), &excerpt(output), &after])
}

/// What a reader needs to find the cause of a fixture's failure.
pub fn fixture_text(fixture: &FixtureFinished) -> String {
    paragraphs(&[&unless_in(&fixture_message(fixture), &fixture.output), &excerpt(&fixture.output)])
}

/// What a reader needs to find the cause of a process's failure.
pub fn worker_text(worker: &WorkerFailed) -> String {
    let tests = if worker.tests.is_empty() {
        "No test ran in it.".to_owned()
    } else {
        format!("Tests that ran in it, any of which may be the cause: {}", list_last(&worker.tests, worker.tests.len()))
    };
    paragraphs(&[&unless_in(&worker.message, &worker.output), &excerpt(&worker.output), &tests])
}

/// `message`, unless a reader meets it in the output anyway, as is the case after a panic.
fn unless_in(message: &str, output: &str) -> String {
    if output.contains(message) { String::new() } else { excerpt(message) }
}

/// Half of what the text may hold, so that what stands beside it is not cut away.
fn excerpt(text: &str) -> String {
    text::cut(text.trim_end(), TEXT_LIMIT / 2).into_owned()
}

fn paragraphs(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// The last of `tests`, which is the nearest in time, first.
fn list_last(tests: &[Arc<str>], count: usize) -> String {
    let named: Vec<&str> = tests.iter().rev().take(NAMED).map(AsRef::as_ref).collect();
    match count.saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{}, and {more} more before", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, Fixture},
        report::junit::sample::{completed, failed_fixture, finished, not_set_up},
    };

    fn case_of(outcome: Outcome, message: Option<&str>) -> String {
        let message = message.map(Into::into);
        let worker = Some(1).filter(|_| outcome != Outcome::NotReached);
        completed(&[Event::TestFinished(TestFinished { outcome, worker, message, ..finished("test") })])
    }

    #[test]
    fn a_test_that_ran_when_the_run_ended_was_cancelled() {
        let message = Some("the run ended while it ran".to_owned());
        let xml = completed(&[Event::TestFinished(TestFinished {
            outcome: Outcome::NotReached,
            message,
            ..finished("test")
        })]);
        let element = r#"<skipped message="cancelled: the run ended while it ran" type="cancelled""#;
        assert!(xml.contains(element), "{xml}");
    }

    #[test]
    fn each_outcome_has_its_element() {
        for (outcome, message, expected) in [
            (Outcome::Passed, None, "</properties>\n        </testcase>"),
            (Outcome::Failed, None, r#"<failure message="failed" type="failed">failed</failure>"#),
            (Outcome::Failed, Some("no"), r#"<failure message="no" type="failed">no</failure>"#),
            (Outcome::TimedOut, None, r#"<failure message="timed out after 0.250 s" type="timed-out">timed out after"#),
            (Outcome::Crashed, Some("SIGSEGV"), r#"<failure message="SIGSEGV" type="crashed">SIGSEGV</failure>"#),
            (Outcome::SetupFailed, Some("no port"), r#"<error message="no port" type="setup-failed">no port</error>"#),
            (Outcome::SetupFailed, None, r#"<error message="the setup of a context that it belongs to failed" type="#),
            (Outcome::Error, Some("no pipe"), r#"<error message="no pipe" type="error">no pipe</error>"#),
            (Outcome::Ignored, None, r#"<skipped message="ignored" type="ignored"/>"#),
            (Outcome::Ignored, Some("needs a network"), r#"<skipped message="needs a network" type="ignored"/>"#),
            (Outcome::NotReached, None, r#"<skipped message="not reached" type="not-reached"/>"#),
            (Outcome::NotReached, Some("--fail-fast"), r#"<skipped message="not reached: --fail-fast" type="#),
        ] {
            let xml = case_of(outcome, message);
            assert!(xml.contains(expected), "{outcome:?} with {message:?}: {xml}");
            let verdicts = ["<failure", "<error", "<skipped"].map(|element| xml.matches(element).count());
            assert_eq!(verdicts.iter().sum::<usize>(), usize::from(outcome != Outcome::Passed), "{xml}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_json_lines() {
        for outcome in [
            Outcome::Passed,
            Outcome::Failed,
            Outcome::Ignored,
            Outcome::TimedOut,
            Outcome::Crashed,
            Outcome::SetupFailed,
            Outcome::Error,
            Outcome::NotReached,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), word(outcome).as_str());
        }
    }

    #[test]
    fn the_text_quotes_the_output_and_repeats_nothing() {
        let red = TestFinished { outcome: Outcome::Failed, message: Some("oh no".into()), ..finished("test") };
        let panicked = TestFinished { output: "thread panicked:\noh no\n".into(), ..red.clone() };
        let returned = TestFinished { output: "one line\n".into(), ..red };
        let text = |test| completed(&[Event::TestFinished(test)]);
        assert!(text(panicked).contains(">thread panicked:\noh no</failure>"));
        assert!(text(returned).contains(">oh no\n\none line</failure>"));
    }

    #[test]
    fn the_text_names_the_tests_that_the_process_had_run_nearest_first() {
        let after = (1..=12).map(|number| format!("t{number}").into()).collect();
        let red = TestFinished { outcome: Outcome::Failed, before: 12, after, ..finished("test") };
        let xml = completed(&[Event::TestFinished(red)]);
        assert!(
            xml.contains("may have left state behind: t12, t11, t10, t9, t8, t7, t6, t5, t4, t3, and 2 more before"),
            "{xml}"
        );
    }

    #[test]
    fn a_flaky_test_carries_the_attempts_that_failed() {
        let failed = TestFinished {
            outcome: Outcome::Failed,
            message: Some("flickers".into()),
            output: "dark\n".into(),
            ..finished("test")
        };
        let broken = TestFinished { outcome: Outcome::Error, attempt: 2, ..failed.clone() };
        let passed = TestFinished { attempt: 3, flaky: true, ..finished("test") };
        let xml = completed(&[Event::AttemptFailed(failed), Event::AttemptFailed(broken), Event::TestFinished(passed)]);
        let expected = r#"<flakyFailure timestamp="2024-05-06T07:08:01.250+02:00" time="0.250" message="flickers" type="failed">flickers

dark
                <stackTrace>flickers

dark</stackTrace>
                <system-out>dark
</system-out>
            </flakyFailure>
            <flakyError "#;
        assert!(xml.contains(expected), "{xml}");
        assert!(xml.contains(r#"<property name="attempt" value="3"/>"#), "{xml}");
        assert!(!xml.contains("<failure"), "{xml}");
    }

    #[test]
    fn a_test_that_failed_again_carries_the_attempts_before() {
        let failed = TestFinished { outcome: Outcome::Failed, ..finished("test") };
        let timed_out = TestFinished { outcome: Outcome::TimedOut, attempt: 2, ..failed.clone() };
        let xml = completed(&[Event::AttemptFailed(failed), Event::TestFinished(timed_out)]);
        assert_eq!(xml.matches("<rerunFailure ").count(), 1, "{xml}");
        assert!(xml.contains(r#"type="timed-out">"#), "{xml}");
    }

    #[test]
    fn a_test_that_did_not_run_says_what_its_set_up_failed_with() {
        let setup = FixtureFinished { output: "dialing\n".into(), ..failed_fixture(Fixture::Setup, "no port") };
        let silent = FixtureFinished { message: None, outcome: Outcome::TimedOut, ..setup.clone() };
        let xml = |setup| completed(&[Event::FixtureFinished(setup), Event::TestFinished(not_set_up("test"))]);
        let expected = "<error message=\"demo::db::(setup): no port\" type=\"setup-failed\">demo::db::(setup): no port\n\ndialing</error>";
        assert!(xml(setup).contains(expected));
        assert!(
            xml(silent).contains(r#"<error message="demo::db::(setup): timed out after 0.500 s" type="setup-failed">"#)
        );
    }

    #[test]
    fn an_attempt_whose_set_up_failed_says_so_too() {
        let setup = Event::FixtureFinished(failed_fixture(Fixture::Setup, "no port"));
        let passed = TestFinished { attempt: 2, flaky: true, process: Some(8), ..finished("test") };
        let xml = completed(&[setup, Event::AttemptFailed(not_set_up("test")), Event::TestFinished(passed)]);
        assert!(xml.contains("<flakyError "), "{xml}");
        assert!(xml.contains(r#"message="demo::db::(setup): no port" type="setup-failed">"#), "{xml}");
    }

    #[test]
    fn an_attempt_that_failed_is_not_lost_when_the_next_was_not_reached() {
        let failed = TestFinished { outcome: Outcome::Failed, message: Some("oh no".into()), ..finished("test") };
        let not_reached = TestFinished { outcome: Outcome::NotReached, worker: None, ..finished("test") };
        let xml = completed(&[Event::AttemptFailed(failed), Event::TestFinished(not_reached)]);
        assert!(xml.contains(r#"<skipped message="not reached" type="not-reached">oh no</skipped>"#), "{xml}");
    }
}
