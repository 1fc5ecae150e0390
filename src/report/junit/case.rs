//! Makes a `<testcase>` of the last word on a test, and of a process or a fixture that failed.
//!
//! The file and the stream both build their cases here, so that they cannot differ.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, XmlString};

use super::{
    Output,
    text::{MESSAGE_LIMIT, OUTPUT_LIMIT, TEXT_LIMIT, attribute, cut, xml, xml_within},
    verdict::{self, status},
};
use crate::{
    event::{Event, Fixture, FixtureFinished, Outcome, TestFinished, WorkerFailed},
    report::setups::FailedSetups,
};

/// The `type` of the `<error>` of a process that failed outside of any test.
const WORKER_FAILED: &str = "worker-failed";

/// A case, and where it belongs.
pub struct Case {
    /// The test binary, which is the suite.
    pub binary: Arc<str>,
    /// The test as its binary lists it, without anything that makes the case's name unique.
    pub test: Arc<str>,
    /// From 1: which of the cases of that name this is.
    pub number: u32,
    pub xml: TestCase,
}

/// Turns events into cases. It remembers the failed attempts of tests whose last word is still to come, and the setups
/// that failed.
#[derive(Default)]
pub struct Cases {
    output: Output,
    attempts: HashMap<(Arc<str>, Arc<str>, u32), Vec<TestFinished>>,
    setups: FailedSetups,
    /// The numbers of the setups that show in a test.
    shown: HashSet<usize>,
    /// How many cases there are of a name that is no test's.
    others: HashMap<(Arc<str>, String), u32>,
}

impl Cases {
    pub fn new(output: Output) -> Self {
        Self { output, ..Self::default() }
    }

    /// The case that `event` completes, if it does.
    pub fn add(&mut self, event: &Event) -> Option<Case> {
        match event {
            Event::AttemptFailed(test) => {
                // No more than the report will have of it: many tests may wait for their next attempt.
                let output = cut(&test.output, OUTPUT_LIMIT).into_owned();
                self.attempts.entry(key(test)).or_default().push(TestFinished { output, ..test.clone() });
                None
            }
            Event::TestFinished(test) => {
                if test.outcome == Outcome::SetupFailed {
                    self.shown.extend(self.setups.number(test));
                }
                let attempts = self.attempts.remove(&key(test)).unwrap_or_default();
                Some(Case {
                    binary: test.binary.clone(),
                    test: test.test.clone(),
                    number: test.repetition,
                    xml: test_case(test, &attempts, &self.setups, self.output),
                })
            }
            Event::FixtureFinished(fixture) if fixture.is_entry() => Some(self.fixture(fixture)),
            Event::FixtureFinished(fixture) => {
                // All of its tests quote the output, and there may be many of them.
                let output = cut(&fixture.output, MESSAGE_LIMIT).into_owned();
                self.setups.add(FixtureFinished { output, ..fixture.clone() });
                None
            }
            Event::WorkerFailed(worker) => {
                let number = self.next_number(&worker.binary, WorkerFailed::NAME);
                Some(Case {
                    binary: worker.binary.clone(),
                    test: WorkerFailed::NAME.into(),
                    number,
                    xml: worker_case(worker, number),
                })
            }
            _ => None,
        }
    }

    /// The setups that failed without a test that shows it so far: each attempt at its tests was followed by another,
    /// or the run ended first. A run that is red for them must not have a green report.
    pub fn left(&mut self) -> Vec<Case> {
        let hidden = self.setups.iter().enumerate().filter(|(number, _)| !self.shown.contains(number));
        let hidden: Vec<FixtureFinished> = hidden.map(|(_, setup)| setup.clone()).collect();
        hidden.iter().map(|setup| self.fixture(setup)).collect()
    }

    fn fixture(&mut self, fixture: &FixtureFinished) -> Case {
        let name = fixture.name();
        let number = self.next_number(&fixture.binary, &name);
        let xml = fixture_case(fixture, &unique(&name, number));
        Case { binary: fixture.binary.clone(), test: name.into(), number, xml }
    }

    fn next_number(&mut self, binary: &Arc<str>, name: &str) -> u32 {
        let number = self.others.entry((binary.clone(), name.to_owned())).or_default();
        *number += 1;
        *number
    }
}

fn key(test: &TestFinished) -> (Arc<str>, Arc<str>, u32) {
    (test.binary.clone(), test.test.clone(), test.repetition)
}

/// An `<error>` that is no test's, called `name`, in the suite `binary`. It took no time: without a time a consumer
/// that adds up shows none at all.
pub fn error_case(name: &str, binary: &str, kind: &str, message: &str, text: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(attribute(message)).set_type(xml(kind)).set_description(xml_within(text, TEXT_LIMIT));
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(xml(binary)).set_time(Duration::ZERO);
    case
}

fn test_case(test: &TestFinished, attempts: &[TestFinished], setups: &FailedSetups, which: Output) -> TestCase {
    let mut case = TestCase::new(xml(&unique(&test.test, test.repetition)), status(test, attempts, setups));
    case.set_classname(xml(&test.binary)).set_timestamp(test.timestamp).set_time(seconds(test.duration));
    case.system_out = output(&test.output).filter(|_| which == Output::All || test.outcome != Outcome::Passed);
    set_place(&mut case, test.file.as_deref(), test.line);
    case.add_properties(properties(test));
    case
}

/// A teardown or a host that failed, or a setup that has no test to show it.
fn fixture_case(fixture: &FixtureFinished, name: &str) -> TestCase {
    let kind = match fixture.fixture {
        Fixture::Setup => "setup-failed",
        Fixture::Teardown => "teardown-failed",
        Fixture::Host => "host-failed",
    };
    let (message, text) = (verdict::fixture_message(fixture), verdict::fixture_text(fixture));
    let mut case = error_case(name, &fixture.binary, kind, &message, &text);
    case.set_timestamp(fixture.timestamp).set_time(seconds(fixture.duration));
    case.system_out = output(&fixture.output);
    set_place(&mut case, fixture.file.as_deref(), fixture.line);
    case.add_property(Property::new("context", xml(&fixture.context)));
    if let Some(worker) = fixture.worker {
        case.add_property(Property::new("worker", xml(&worker.to_string())));
    }
    case.add_property(Property::new("process", xml(&fixture.process.to_string())));
    if fixture.truncated {
        case.add_property(Property::new("truncated", xml("true")));
    }
    case
}

fn set_place(case: &mut TestCase, file: Option<&str>, line: Option<u32>) {
    if let Some(file) = file {
        case.extra.insert("file".into(), xml(file));
    }
    if let Some(line) = line {
        case.extra.insert("line".into(), xml(&line.to_string()));
    }
}

fn worker_case(worker: &WorkerFailed, nth: u32) -> TestCase {
    let name = unique(WorkerFailed::NAME, nth);
    let text = verdict::worker_text(worker);
    let mut case = error_case(&name, &worker.binary, WORKER_FAILED, &worker.message, &text);
    case.set_timestamp(worker.timestamp);
    case.system_out = output(&worker.output);
    case.add_properties([
        Property::new("worker", xml(&worker.worker.to_string())),
        Property::new("process", xml(&worker.process.to_string())),
    ]);
    case
}

/// The `number`th of the cases called `name`. GitLab merges cases that share suite, class and name, so that all but the
/// last repetition would be lost; the first keeps the plain name, so that its history is the same with and without
/// `--repeat`.
fn unique(name: &str, number: u32) -> String {
    if number > 1 { format!("{name} [{number}]") } else { name.to_owned() }
}

fn properties(test: &TestFinished) -> Vec<Property> {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: XmlString| properties.push(Property::new(name, value));
    // Outermost first: whoever keeps one value of a name has the context that says most.
    for context in &test.contexts {
        add("context", xml(context));
    }
    if let Some(worker) = test.worker {
        add("worker", xml(&worker.to_string()));
    }
    if let Some(process) = test.process {
        add("process", xml(&process.to_string()));
        add("attempt", xml(&test.attempt.to_string()));
    }
    if test.repetition > 1 {
        add("repetition", xml(&test.repetition.to_string()));
    }
    if test.truncated {
        add("truncated", xml("true"));
    }
    properties
}

/// What was written to stdout and stderr, as `<system-out>`.
pub fn output(output: &str) -> Option<XmlString> {
    (!output.is_empty()).then(|| xml_within(output, OUTPUT_LIMIT))
}

/// A journal is a file that anyone may have touched: what is no duration counts as none.
pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Outcome,
        report::junit::{
            sample::{self, completed, finished},
            text::MESSAGE_LIMIT,
        },
    };

    #[test]
    fn a_case_says_what_where_and_when() {
        let mut cases = Cases::new(Output::All);
        let passed = Event::TestFinished(TestFinished { output: "hello\n".into(), ..finished("m::test") });
        let xml = sample::case_xml(&cases.add(&passed).unwrap().xml);
        assert!(!completed(&[passed]).contains("hello"), "what passed has no output unless it is asked for");
        let expected = r#"<testcase name="m::test" classname="demo" timestamp="2024-05-06T07:08:01.250+02:00" time="0.250" file="src/lib.rs" line="12">
            <properties>
                <property name="worker" value="1"/>
                <property name="process" value="7"/>
                <property name="attempt" value="1"/>
            </properties>
            <system-out>hello
</system-out>
        </testcase>"#;
        assert_eq!(xml, expected);
    }

    #[test]
    fn a_test_that_no_process_was_given_has_no_properties() {
        let test = TestFinished { worker: None, process: None, file: None, line: None, ..finished("test") };
        let expected =
            r#"<testcase name="test" classname="demo" timestamp="2024-05-06T07:08:01.250+02:00" time="0.250"/>"#;
        assert_eq!(completed(&[Event::TestFinished(test)]), expected);
    }

    #[test]
    fn attempts_belong_to_their_binary_test_and_repetition() {
        let failed = TestFinished { outcome: Outcome::Failed, ..finished("test") };
        let elsewhere = Event::AttemptFailed(TestFinished { binary: "other".into(), ..failed.clone() });
        let again = Event::AttemptFailed(TestFinished { repetition: 2, ..failed });
        let xml = completed(&[elsewhere, again, Event::TestFinished(finished("test"))]);
        assert!(!xml.contains("flaky"), "{xml}");
    }

    #[test]
    fn repetitions_after_the_first_have_names_of_their_own() {
        let first = completed(&[Event::TestFinished(finished("test"))]);
        let second = completed(&[Event::TestFinished(TestFinished { repetition: 2, ..finished("test") })]);
        assert!(first.starts_with(r#"<testcase name="test" "#), "{first}");
        assert!(second.starts_with(r#"<testcase name="test [2]" "#), "{second}");
        assert!(second.contains(r#"<property name="repetition" value="2"/>"#), "{second}");
    }

    #[test]
    fn a_failed_worker_is_an_error_of_its_own() {
        let mut worker = sample::worker_failed("exit code 3 after the last test");
        worker.output = "atexit\n".into();
        let first = Event::WorkerFailed(worker);
        let xml = completed(std::slice::from_ref(&first));
        let expected = r#"<testcase name="(worker exit)" classname="demo" timestamp="2024-05-06T07:08:03.250+02:00" time="0.000">
            <properties>
                <property name="worker" value="1"/>
                <property name="process" value="7"/>
            </properties>
            <error message="exit code 3 after the last test" type="worker-failed">exit code 3 after the last test

atexit

Tests that ran in it, any of which may be the cause: fails, works</error>
            <system-out>atexit
</system-out>
        </testcase>"#;
        assert_eq!(xml, expected);
        assert!(completed(&[first.clone(), first]).starts_with(r#"<testcase name="(worker exit) [2]" "#));
    }

    #[test]
    fn a_failed_teardown_or_host_is_an_error_of_its_own() {
        let teardown = sample::failed_fixture(Fixture::Teardown, "cannot drop the table");
        let teardown = FixtureFinished { output: "dropping\n".into(), truncated: true, ..teardown };
        let first = Event::FixtureFinished(teardown);
        let xml = completed(std::slice::from_ref(&first));
        let expected = r#"<testcase name="demo::db::(teardown)" classname="demo" timestamp="2024-05-06T07:08:02.250+02:00" time="0.500" file="src/db.rs" line="3">
            <properties>
                <property name="context" value="demo::db"/>
                <property name="worker" value="1"/>
                <property name="process" value="7"/>
                <property name="truncated" value="true"/>
            </properties>
            <error message="cannot drop the table" type="teardown-failed">cannot drop the table

dropping</error>
            <system-out>dropping
</system-out>
        </testcase>"#;
        assert_eq!(xml, expected);
        assert!(completed(&[first.clone(), first]).starts_with(r#"<testcase name="demo::db::(teardown) [2]" "#));

        let host = FixtureFinished { worker: None, ..sample::fixture(Fixture::Host, Outcome::Crashed) };
        let xml = completed(&[Event::FixtureFinished(host)]);
        assert!(xml.starts_with(r#"<testcase name="demo::db::(host)" "#), "{xml}");
        assert!(xml.contains(r#"<error message="crashed" type="host-failed">crashed</error>"#), "{xml}");
        assert!(!xml.contains("\"worker\""), "{xml}");
    }

    #[test]
    fn fixtures_that_did_what_they_should_are_no_cases() {
        for fixture in [Fixture::Setup, Fixture::Teardown, Fixture::Host] {
            let mut cases = Cases::default();
            assert!(cases.add(&Event::FixtureFinished(sample::fixture(fixture, Outcome::Passed))).is_none());
            assert!(cases.left().is_empty());
        }
    }

    #[test]
    fn a_failed_set_up_shows_in_its_tests_or_else_as_an_error_of_its_own() {
        let setup = Event::FixtureFinished(sample::failed_fixture(Fixture::Setup, "no port"));
        let not_set_up = sample::not_set_up("test");
        let left_after = |event| {
            let mut cases = Cases::default();
            assert!(cases.add(&setup).is_none());
            cases.add(&event);
            cases.left()
        };
        assert!(left_after(Event::TestFinished(not_set_up.clone())).is_empty());

        let cut_short = TestFinished { outcome: Outcome::NotReached, ..not_set_up.clone() };
        for hidden in [Event::AttemptFailed(not_set_up), Event::TestFinished(cut_short)] {
            let left = left_after(hidden);
            assert_eq!(left.len(), 1);
            let xml = sample::case_xml(&left[0].xml);
            assert!(xml.starts_with(r#"<testcase name="demo::db::(setup)" classname="demo" "#), "{xml}");
            assert!(xml.contains(r#"<error message="no port" type="setup-failed">no port</error>"#), "{xml}");
        }
    }

    #[test]
    fn the_contexts_of_a_test_are_properties_outermost_first() {
        let contexts = vec!["demo".into(), "demo::db".into()];
        let xml = completed(&[Event::TestFinished(TestFinished { contexts, ..finished("db::test") })]);
        let expected = r#"<properties>
                <property name="context" value="demo"/>
                <property name="context" value="demo::db"/>
                <property name="worker" value="1"/>"#;
        assert!(xml.contains(expected), "{xml}");
    }

    #[test]
    fn no_part_of_a_case_grows_without_bound() {
        let long = "0123456789 \u{1f980}\n".repeat(100_000);
        let test =
            TestFinished { outcome: Outcome::Failed, message: Some(long.clone()), output: long, ..finished("test") };
        let setup = FixtureFinished {
            message: test.message.clone(),
            output: test.output.clone(),
            ..sample::fixture(Fixture::Setup, Outcome::Failed)
        };
        let teardown = FixtureFinished { fixture: Fixture::Teardown, ..setup.clone() };
        let not_set_up = TestFinished { output: test.output.clone(), ..sample::not_set_up("test") };
        for events in [
            vec![Event::TestFinished(test)],
            vec![Event::FixtureFinished(setup), Event::TestFinished(not_set_up)],
            vec![Event::FixtureFinished(teardown)],
        ] {
            let size = completed(&events).len();
            assert!(size < OUTPUT_LIMIT + TEXT_LIMIT + MESSAGE_LIMIT + 1_000, "{size}");
        }
    }

    #[test]
    fn a_duration_that_is_none_counts_as_none() {
        for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(super::seconds(seconds), Duration::ZERO);
        }
    }
}
