//! JUnit XML on stdout, each case as soon as its result is there.

use std::io::Write;

use anyhow::Context as _;
use quick_junit::{Report, TestCase, TestSuite};

use super::{Cases, NAME, Output, Progress};
use crate::event::{Event, Reporter, RunStarted};

/// Writes one `<testsuite>` whose cases come in the order of their results.
///
/// A stream can't take anything back, so its suite has no totals but `tests`, which is how many results the run will
/// report; errors that belong to no test come on top. Where the run begins before that is known, it is left out.
pub struct JunitStream<W> {
    out: W,
    cases: Cases,
    progress: Progress,
    opened: bool,
    closed: bool,
}

impl<W: Write> JunitStream<W> {
    /// A stream that writes to `out`, beginning when the run begins.
    pub fn new(out: W, output: Output) -> Self {
        Self { out, cases: Cases::new(output), progress: Progress::default(), opened: false, closed: false }
    }

    /// Writes the head, once. It waits for the run to begin, for it says how many tests there are; a warning may come
    /// before that.
    fn open(&mut self) -> anyhow::Result<()> {
        if !self.opened {
            self.opened = true;
            let head = head(self.progress.started());
            self.out.write_all(head.as_bytes()).context(FAILED)?;
        }
        Ok(())
    }

    fn write(&mut self, case: TestCase) -> anyhow::Result<()> {
        self.open()?;
        let element = element(case)?;
        writeln!(self.out, "    {element}").context(FAILED)
    }
}

const FAILED: &str = "could not write JUnit XML to the output";

impl<W: Write> Reporter for JunitStream<W> {
    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        self.progress.add(event);
        if matches!(event, Event::RunStarted(_)) {
            self.open()?;
        }
        match self.cases.add(event) {
            Some(case) => self.write(case.xml),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.out.flush().context(FAILED)
    }

    /// Closes the suite, after the setups that failed unseen, and after a red case if the run did not come to its end.
    fn finish(&mut self) -> anyhow::Result<()> {
        if !self.closed {
            self.closed = true;
            self.open()?;
            for case in self.cases.left() {
                self.write(case.xml)?;
            }
            if let Some(case) = self.progress.incomplete() {
                self.write(case)?;
            }
            writeln!(self.out, "</testsuite>").context(FAILED)?;
        }
        self.flush()
    }
}

/// All that comes before the first case. Nothing in it needs escaping.
fn head(run: Option<&RunStarted>) -> String {
    let tests = match run {
        Some(run) if run.eager => String::new(),
        run => format!(" tests=\"{}\"", run.map_or(0, |run| run.tests)),
    };
    let timestamp = run.map_or_else(String::new, |run| {
        format!(" timestamp=\"{}\"", run.timestamp.to_rfc3339_opts(chrono::SecondsFormat::Millis, false))
    });
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{NAME}\"{tests}{timestamp}>\n")
}

/// The `<testcase>` element alone. `quick_junit` writes whole documents only, so this is cut out of a document that
/// holds nothing else. The marks that it is cut at can't be text, where `<` is always escaped.
pub fn element(case: TestCase) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("");
    suite.add_test_case(case);
    let mut report = Report::unnamed();
    report.add_test_suite(suite);
    let document = report.to_string().context("could not write a test case as XML")?;
    let start = document.find("<testcase").context("no test case in its own document")?;
    let end = document.rfind("</testsuite>").context("no end of the suite in a test case's own document")?;
    Ok(document[start..end].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, TestsKnown};
    use crate::report::junit::sample::{self, finished};

    fn stream(events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut stream = JunitStream::new(&mut out, Output::Failed);
        for event in events {
            stream.event(event).unwrap();
        }
        stream.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cases_come_in_the_order_of_their_results() {
        let mut test = finished("works");
        (test.worker, test.process, test.file, test.line) = (None, None, None, None);
        let events = vec![Event::WorkerFailed(sample::worker_failed("exit code 3")), Event::TestFinished(test)];
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="cargo ptest" tests="1" timestamp="2024-05-06T07:08:00.250+02:00">
    <testcase name="(worker exit)" classname="demo" timestamp="2024-05-06T07:08:03.250+02:00" time="0.000">
            <properties>
                <property name="worker" value="1"/>
                <property name="process" value="7"/>
            </properties>
            <error message="exit code 3" type="worker-failed">exit code 3

Tests that ran in it, any of which may be the cause: fails, works</error>
        </testcase>
    <testcase name="works" classname="demo" timestamp="2024-05-06T07:08:01.250+02:00" time="0.250"/>
</testsuite>
"#;
        assert_eq!(stream(&sample::complete(events)), expected);
    }

    #[test]
    fn a_set_up_that_failed_unseen_comes_last() {
        let setup = Event::FixtureFinished(sample::failed_fixture(Fixture::Setup, "no port"));
        let xml = stream(&sample::complete(vec![setup.clone(), Event::TestFinished(finished("works"))]));
        let (works, unseen) = (xml.find(r#"name="works""#), xml.find(r#"name="demo::db::(setup)""#));
        assert!(works.is_some() && works < unseen, "{xml}");
        sample::assert_well_formed(&xml);

        let xml = stream(&sample::complete(vec![setup, Event::TestFinished(sample::not_set_up("test"))]));
        assert_eq!(xml.matches("<testcase ").count(), 1, "{xml}");
    }

    #[test]
    fn a_case_is_written_when_its_result_arrives() {
        let mut out = Vec::new();
        let mut stream = JunitStream::new(&mut out, Output::Failed);
        stream.event(&sample::run_started(2)).unwrap();
        stream.event(&Event::TestFinished(finished("first"))).unwrap();
        assert!(String::from_utf8_lossy(stream.out).contains(r#"name="first""#));
    }

    #[test]
    fn a_stream_that_breaks_off_is_closed_and_red() {
        let events = [sample::run_started(2), Event::TestFinished(finished("works"))];
        let xml = stream(&events);
        assert!(xml.contains(r#"<testcase name="[run incomplete]" classname="[run incomplete]""#), "{xml}");
        assert!(xml.ends_with("</testcase>\n</testsuite>\n"), "{xml}");
        sample::assert_well_formed(&xml);
    }

    #[test]
    fn a_stream_without_events_is_a_red_document() {
        let xml = stream(&[]);
        assert!(xml.contains("[run incomplete]"), "{xml}");
        sample::assert_well_formed(&xml);
    }

    #[test]
    fn a_warning_before_the_run_does_not_hide_how_many_tests_it_has() {
        let mut events = sample::green_run();
        events.insert(0, Event::Warning { message: "early".into() });
        assert_eq!(stream(&events), stream(&sample::green_run()));
    }

    #[test]
    fn what_is_not_known_in_the_beginning_is_not_said() {
        let Event::RunStarted(run) = sample::run_started(0) else { unreachable!() };
        let known = TestsKnown { tests: 1, binaries: 1, expected: None, build: Some(1.0), cut_short: false };
        let mut events = sample::green_run();
        events[0] = Event::RunStarted(RunStarted { eager: true, ..run });
        events.insert(1, Event::TestsKnown(known));
        assert_eq!(stream(&events), stream(&sample::green_run()).replace(" tests=\"1\"", ""));
    }

    #[test]
    fn a_stream_is_closed_once() {
        let mut out = Vec::new();
        let mut stream = JunitStream::new(&mut out, Output::Failed);
        stream.finish().unwrap();
        stream.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap().matches("</testsuite>").count(), 1);
    }

    #[test]
    fn an_element_is_cut_at_its_own_ends() {
        let mut test = finished("</testsuite><testcase ");
        test.outcome = crate::event::Outcome::Failed;
        test.output = "</testcase></testsuite>\n  \n".into();
        let element = stream(&sample::complete(vec![Event::TestFinished(test)]));
        sample::assert_well_formed(&element);
        assert_eq!(element.matches("<testcase ").count(), 1);
        assert!(element.contains("&lt;/testsuite&gt;\n  \n</system-out>"), "{element}");
    }
}
