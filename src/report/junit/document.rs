//! Makes a JUnit document of a whole run, or of as much of it as there is.

use std::{collections::BTreeMap, io::Write, sync::Arc, time::Duration};

use anyhow::Context as _;
use quick_junit::{Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{Case, Cases, NAME, Output, Progress, case::seconds, progress::INCOMPLETE, text::xml, verdict::word};
use crate::event::{Event, Fixture, FixtureFinished, TestDiagnosed};

/// Writes a JUnit document of the run that `events` tell of, in order, to `out`.
///
/// Suites are sorted by binary id and cases by name, so that two runs can be compared whatever their schedules were.
/// Unless the events tell of a run that came to its end, the first suite is a red `[run incomplete]`.
///
/// Fails if `events` do or `out` does.
pub fn write_report(
    events: impl Iterator<Item = anyhow::Result<Event>>,
    output: Output,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut run = Run { cases: Cases::new(output), ..Run::default() };
    for event in events {
        run.add(&event?);
    }
    run.into_report().serialize(out).context("could not write JUnit XML")
}

/// How much of outputs a document holds, in bytes, since all of it is in memory before it is written.
const ROOM: usize = 64 * 1024 * 1024;

/// A test binary.
#[derive(Default)]
struct Suite {
    /// By name and number.
    cases: BTreeMap<(Arc<str>, u32), TestCase>,
    /// How long the setups and teardowns of each context took, all processes together.
    fixtures: BTreeMap<(Arc<str>, Fixture), Duration>,
}

/// What a report needs to know of a run.
#[derive(Default)]
struct Run {
    progress: Progress,
    cases: Cases,
    suites: BTreeMap<Arc<str>, Suite>,
    /// How much of [`ROOM`] is taken.
    taken: usize,
}

impl Run {
    fn add(&mut self, event: &Event) {
        self.progress.add(event);
        if let Some(case) = self.cases.add(event) {
            self.insert(case);
        }
        match event {
            Event::TestDiagnosed(diagnosis) => self.diagnose(diagnosis),
            Event::FixtureFinished(fixture) => self.time(fixture),
            _ => {}
        }
    }

    fn insert(&mut self, mut case: Case) {
        for output in outputs(&mut case.xml) {
            let size = output.as_ref().map_or(0, |it| it.as_str().len());
            if self.taken + size > ROOM {
                *output = Some(xml("[omitted: the output of other tests fills this file; the run's journal has it]"));
            } else {
                self.taken += size;
            }
        }
        let suite = self.suites.entry(case.binary).or_default();
        suite.cases.insert((case.test, case.number), case.xml);
    }

    fn time(&mut self, fixture: &FixtureFinished) {
        // How long a host was there before it died says nothing about it.
        if fixture.fixture != Fixture::Host {
            let suite = self.suites.entry(fixture.binary.clone()).or_default();
            let time = suite.fixtures.entry((fixture.context.clone(), fixture.fixture)).or_default();
            *time = time.saturating_add(seconds(fixture.duration));
        }
    }

    /// What a red test came to alone becomes a property. The stream lacks it, for the case has gone out by then.
    fn diagnose(&mut self, diagnosis: &TestDiagnosed) {
        let Some(suite) = self.suites.get_mut(&diagnosis.binary) else {
            return;
        };
        let repetitions = (diagnosis.test.clone(), 0)..=(diagnosis.test.clone(), u32::MAX);
        for (_, case) in suite.cases.range_mut(repetitions) {
            if matches!(case.status, TestCaseStatus::NonSuccess { .. }) {
                case.add_property(Property::new("alone", word(diagnosis.alone)));
            }
        }
    }

    fn into_report(mut self) -> Report {
        self.cases.left().into_iter().for_each(|case| self.insert(case));
        let mut report = Report::new(NAME);
        report.timestamp = self.progress.started().map(|run| run.timestamp);
        report.time = self.progress.finished().and_then(|run| Duration::try_from_secs_f64(run.duration).ok());
        if let Some(case) = self.progress.incomplete() {
            report.add_test_suite(suite(INCOMPLETE, [case]));
        }
        // A suite that has no case yet, because its first setup has only just ended, says nothing.
        for (binary, Suite { cases, fixtures }) in self.suites.into_iter().filter(|(_, suite)| !suite.cases.is_empty())
        {
            let mut suite = suite(&binary, cases.into_values());
            for ((context, fixture), time) in fixtures {
                suite.add_property(Property::new(
                    xml(&fixture.of(&context)),
                    xml(&format!("{:.3}", time.as_secs_f64())),
                ));
            }
            report.add_test_suite(suite);
        }
        report
    }
}

/// The outputs of a case and of its attempts.
fn outputs(case: &mut TestCase) -> impl Iterator<Item = &mut Option<XmlString>> {
    let attempts = match &mut case.status {
        TestCaseStatus::Success { flaky_runs } => flaky_runs.as_mut_slice(),
        TestCaseStatus::NonSuccess { reruns, .. } => reruns.runs.as_mut_slice(),
        TestCaseStatus::Skipped { .. } => &mut [],
    };
    attempts.iter_mut().map(|attempt| &mut attempt.system_out).chain([&mut case.system_out])
}

/// A suite takes the time that its cases take together: it depends on the tests and not on how many ran at once, and
/// consumers that ignore the attribute and add up themselves come to the same.
fn suite(name: &str, cases: impl IntoIterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(xml(name));
    suite.add_test_cases(cases);
    suite.time = Some(suite.test_cases.iter().filter_map(|case| case.time).sum());
    suite.timestamp = suite.test_cases.iter().filter_map(|case| case.timestamp).min();
    suite
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Outcome, Stopped, TestFinished},
        report::junit::sample::{self, failed_fixture, finished, not_set_up},
    };

    fn document(events: &[Event]) -> String {
        let mut document = Vec::new();
        write_report(events.iter().cloned().map(Ok), Output::Failed, &mut document).unwrap();
        String::from_utf8(document).unwrap()
    }

    /// The attributes `name`, in document order.
    fn names(document: &str, element: &str) -> Vec<String> {
        let start = format!("<{element} name=\"");
        let after = document.split(&start).skip(1);
        after.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    /// One test for each outcome, in two binaries.
    fn every_outcome() -> Vec<Event> {
        let test = |binary: &str, test: &str, outcome| {
            Event::TestFinished(TestFinished { binary: binary.into(), outcome, ..finished(test) })
        };
        sample::complete(vec![
            test("demo::it", "z_errs", Outcome::Error),
            test("demo::it", "is_not_set_up", Outcome::SetupFailed),
            test("demo::it", "hangs", Outcome::TimedOut),
            test("demo", "passes", Outcome::Passed),
            test("demo", "fails", Outcome::Failed),
            test("demo", "crashes", Outcome::Crashed),
            test("demo::it", "is_ignored", Outcome::Ignored),
            test("demo::it", "a_not_reached", Outcome::NotReached),
        ])
    }

    #[test]
    fn suites_and_cases_are_sorted_and_totals_add_up() {
        let document = document(&every_outcome());
        assert_eq!(names(&document, "testsuite"), ["demo", "demo::it"]);
        let cases = ["crashes", "fails", "passes", "a_not_reached", "hangs", "is_ignored", "is_not_set_up", "z_errs"];
        assert_eq!(names(&document, "testcase"), cases);
        for totals in [
            r#"<testsuites name="cargo ptest" tests="8" skipped="2" failures="3" errors="2" timestamp="2024-05-06T07:08:00.250+02:00" time="12.500">"#,
            r#"<testsuite name="demo" tests="3" skipped="0" errors="0" failures="2" timestamp="2024-05-06T07:08:01.250+02:00" time="0.750">"#,
            r#"<testsuite name="demo::it" tests="5" skipped="2" errors="2" failures="1" timestamp="2024-05-06T07:08:01.250+02:00" time="1.250">"#,
        ] {
            assert!(document.contains(totals), "{document}");
        }
    }

    #[test]
    fn the_schedule_leaves_no_trace_in_the_order() {
        let mut events = every_outcome();
        let forwards = document(&events);
        events.reverse();
        assert_eq!(document(&events), forwards);
    }

    #[test]
    fn repetitions_stand_together_and_in_their_order() {
        let repetition = |repetition| Event::TestFinished(TestFinished { repetition, ..finished("test") });
        let other = Event::TestFinished(finished("test [1"));
        let document = document(&sample::complete(vec![repetition(10), other, repetition(2), repetition(1)]));
        assert_eq!(names(&document, "testcase"), ["test", "test [2]", "test [10]", "test [1"]);
    }

    #[test]
    fn a_report_is_red_until_the_run_has_finished() {
        let mut events = every_outcome();
        assert_eq!(names(&document(&events), "testsuite"), ["demo", "demo::it"]);
        while events.pop().is_some() {
            let document = document(&events);
            assert_eq!(names(&document, "testsuite")[0], "[run incomplete]", "{document}");
            assert_eq!(names(&document, "testcase")[0], "[run incomplete]", "{document}");
        }
    }

    #[test]
    fn a_run_that_was_interrupted_is_red_and_adds_up() {
        let not_reached = TestFinished { outcome: Outcome::NotReached, ..finished("late") };
        let events = [Event::TestFinished(finished("works")), Event::TestFinished(not_reached)];
        let end = sample::run_finished(&events, Some(Stopped::Interrupted));
        let document = document(&[vec![sample::run_started(2)], events.to_vec(), vec![end]].concat());
        assert!(document.contains(r#"tests="3" skipped="1" failures="0" errors="1""#), "{document}");
        assert!(document.contains("the run was interrupted: 1 of 2 tests have a result"), "{document}");
    }

    #[test]
    fn failed_fixtures_and_their_tests_are_errors_and_add_up() {
        let document = document(&sample::complete(vec![
            Event::FixtureFinished(failed_fixture(Fixture::Setup, "no port")),
            Event::TestFinished(not_set_up("db::reads")),
            Event::TestFinished(not_set_up("db::writes")),
            Event::TestFinished(finished("db")),
            Event::FixtureFinished(failed_fixture(Fixture::Teardown, "still in use")),
            Event::FixtureFinished(failed_fixture(Fixture::Teardown, "still in use")),
        ]));
        let cases = ["db", "db::reads", "db::writes", "demo::db::(teardown)", "demo::db::(teardown) [2]"];
        assert_eq!(names(&document, "testcase"), cases);
        for totals in [
            r#"<testsuites name="cargo ptest" tests="5" skipped="0" failures="0" errors="4" "#,
            r#"<testsuite name="demo" tests="5" skipped="0" errors="4" failures="0" timestamp="2024-05-06T07:08:01.250+02:00" time="1.750">"#,
        ] {
            assert!(document.contains(totals), "{document}");
        }
    }

    #[test]
    fn a_set_up_that_failed_unseen_makes_the_report_red() {
        let passed_at_last = vec![
            Event::FixtureFinished(failed_fixture(Fixture::Setup, "no port")),
            Event::AttemptFailed(not_set_up("db::reads")),
            Event::TestFinished(TestFinished { attempt: 2, flaky: true, ..finished("db::reads") }),
        ];
        let document = document(&sample::complete(passed_at_last));
        assert_eq!(names(&document, "testcase"), ["db::reads", "demo::db::(setup)"]);
        assert!(document.contains(r#"tests="2" skipped="0" failures="0" errors="1""#), "{document}");
    }

    #[test]
    fn how_long_the_fixtures_of_a_suite_took_are_its_properties() {
        let fixture = |which| Event::FixtureFinished(sample::fixture(which, Outcome::Passed));
        let of_other = FixtureFinished { binary: "other".into(), ..sample::fixture(Fixture::Setup, Outcome::Passed) };
        let document = document(&sample::complete(vec![
            fixture(Fixture::Setup),
            Event::TestFinished(finished("works")),
            fixture(Fixture::Teardown),
            fixture(Fixture::Setup),
            Event::FixtureFinished(of_other),
        ]));
        let expected = r#"        <properties>
            <property name="demo::db::(setup)" value="1.000"/>
            <property name="demo::db::(teardown)" value="0.500"/>
        </properties>
        <testcase name="works""#;
        assert!(document.contains(expected), "{document}");
        assert_eq!(names(&document, "testsuite"), ["demo"], "a suite without cases is left out");
    }

    #[test]
    fn what_a_red_test_came_to_alone_is_a_property() {
        let red = TestFinished { outcome: Outcome::Failed, ..finished("fails") };
        let diagnosed = |test: &str| {
            Event::TestDiagnosed(TestDiagnosed {
                binary: "demo".into(),
                test: test.into(),
                alone: Outcome::Passed,
                after: Vec::new(),
            })
        };
        let events = vec![Event::TestFinished(red), diagnosed("fails"), diagnosed("unheard of")];
        let document = document(&sample::complete(events));
        assert_eq!(document.matches(r#"<property name="alone" value="passed"/>"#).count(), 1, "{document}");
    }

    #[test]
    fn the_outputs_of_a_document_have_an_end() {
        let mut run = Run { taken: ROOM - 2_500, ..Run::default() };
        for number in 0..5 {
            let failed = TestFinished { outcome: Outcome::Failed, ..finished(&format!("t{number}")) };
            run.add(&Event::TestFinished(TestFinished { output: "x".repeat(1_000), ..failed }));
        }
        let mut document = Vec::new();
        run.into_report().serialize(&mut document).unwrap();
        let document = String::from_utf8(document).unwrap();
        assert_eq!(document.matches("<system-out>x").count(), 2);
        assert_eq!(document.matches("<system-out>[omitted: the output of other tests").count(), 3);
    }

    #[test]
    fn an_error_among_the_events_is_passed_on() {
        let events = [Ok(sample::run_started(0)), Err(anyhow::anyhow!("unreadable"))];
        let error = write_report(events.into_iter(), Output::Failed, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "unreadable");
    }
}
