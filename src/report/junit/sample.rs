//! Events to test with.

use chrono::{DateTime, FixedOffset};
use quick_junit::TestCase;

use super::{Cases, stream::element};
use crate::event::{
    Event, Fixture, FixtureFinished, FixtureKind, FixtureStarted, Outcome, RunFinished, RunStarted, Stopped, Tally,
    TestFinished, TestStarted, WorkerFailed,
};

pub fn at(second: u32) -> DateTime<FixedOffset> {
    format!("2024-05-06T07:08:{second:02}.250+02:00").parse().unwrap()
}

pub fn run_started(tests: usize) -> Event {
    Event::RunStarted(RunStarted {
        run: "run".into(),
        timestamp: at(0),
        tests,
        binaries: 1,
        workers: 2,
        expected: None,
        build: None,
        eager: false,
        options: Vec::new(),
        toolchain: None,
        origin: None,
    })
}

/// The last event of a run in which `events` were the others.
pub fn run_finished(events: &[Event], stopped: Option<Stopped>) -> Event {
    let mut tally = Tally::default();
    for event in events {
        tally.count(event);
    }
    Event::RunFinished(RunFinished { duration: 12.5, tally, stopped })
}

/// A run of one test that passes.
pub fn green_run() -> Vec<Event> {
    complete(vec![Event::TestFinished(finished("works"))])
}

/// A run in which `events` happened.
pub fn complete(events: Vec<Event>) -> Vec<Event> {
    let tests = events.iter().filter(|event| matches!(event, Event::TestFinished(_))).count();
    let end = run_finished(&events, None);
    [vec![run_started(tests)], events, vec![end]].concat()
}

pub fn test_started(binary: &str, test: &str) -> Event {
    Event::TestStarted(TestStarted {
        binary: binary.into(),
        test: test.into(),
        attempt: 1,
        repetition: 1,
        worker: 0,
        process: 1,
        expected: None,
        contexts: Vec::new(),
    })
}

/// A test of the binary `demo` that passed, for a start.
pub fn finished(test: &str) -> TestFinished {
    TestFinished {
        binary: "demo".into(),
        test: test.into(),
        outcome: Outcome::Passed,
        attempt: 1,
        repetition: 1,
        flaky: false,
        timestamp: at(1),
        duration: 0.25,
        worker: Some(1),
        process: Some(7),
        file: Some("src/lib.rs".into()),
        line: Some(12),
        place: None,
        contexts: Vec::new(),
        message: None,
        output: String::new(),
        truncated: false,
        before: 0,
        after: Vec::new(),
        beside: false,
    }
}

/// A test of the context `demo::db` that did not run, in the process in which [`fixture`]s run.
pub fn not_set_up(test: &str) -> TestFinished {
    TestFinished { outcome: Outcome::SetupFailed, contexts: vec!["demo::db".into()], ..finished(test) }
}

/// A fixture of the unit `demo::db` in the binary `demo`.
pub fn fixture(fixture: Fixture, outcome: Outcome) -> FixtureFinished {
    FixtureFinished {
        binary: "demo".into(),
        context: "demo::db".into(),
        fixture,
        kind: FixtureKind::Unit,
        function: Some("server".into()),
        outcome,
        timestamp: at(2),
        duration: 0.5,
        worker: Some(1),
        process: 7,
        file: Some("src/db.rs".into()),
        line: Some(3),
        message: None,
        output: String::new(),
        truncated: false,
    }
}

pub fn fixture_started(which: Fixture, process: u32) -> Event {
    let FixtureFinished { binary, context, fixture, kind, worker, .. } = fixture(which, Outcome::Passed);
    Event::FixtureStarted(FixtureStarted { binary, context, fixture, kind, worker, process })
}

/// [`fixture`], failed with a message.
pub fn failed_fixture(which: Fixture, message: &str) -> FixtureFinished {
    FixtureFinished { message: Some(message.into()), ..fixture(which, Outcome::Failed) }
}

pub fn worker_failed(message: &str) -> WorkerFailed {
    WorkerFailed {
        binary: "demo".into(),
        worker: 1,
        process: 7,
        timestamp: at(3),
        message: message.into(),
        tests: vec!["works".into(), "fails".into()],
        output: String::new(),
    }
}

/// The XML of the case that the last of `events` completes.
pub fn completed(events: &[Event]) -> String {
    let mut cases = Cases::default();
    let mut last = None;
    for event in events {
        last = cases.add(event);
    }
    case_xml(&last.unwrap().xml)
}

pub fn case_xml(case: &TestCase) -> String {
    element(case.clone()).unwrap()
}

/// Fails unless `document` is well-formed XML 1.0; quick-xml alone would let forbidden characters and bad names pass.
pub fn assert_well_formed(document: &str) {
    use quick_xml::events::Event as Xml;
    let forbidden =
        |c: char| (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!document.contains(forbidden), "{document:?}");
    let mut reader = quick_xml::Reader::from_str(document);
    let (mut depth, mut roots) = (0_usize, 0);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {document:?}")) {
            Xml::Start(tag) => {
                roots += usize::from(depth == 0);
                depth += 1;
                tag.attributes().for_each(|attribute| assert_unescapes(&attribute.unwrap().value));
            }
            Xml::Empty(tag) => tag.attributes().for_each(|attribute| assert_unescapes(&attribute.unwrap().value)),
            Xml::End(_) => depth -= 1,
            Xml::Text(text) => assert!(depth > 0 || text.trim_ascii().is_empty(), "{document:?}"),
            Xml::GeneralRef(reference) => {
                assert!(matches!(&*reference, b"lt" | b"gt" | b"amp" | b"quot" | b"apos"), "{reference:?}");
            }
            Xml::Decl(_) => {}
            Xml::Eof => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!((depth, roots), (0, 1), "{document:?}");
}

fn assert_unescapes(value: &[u8]) {
    let value = str::from_utf8(value).unwrap();
    assert!(!value.contains('<'));
    quick_xml::escape::unescape(value).unwrap();
}
