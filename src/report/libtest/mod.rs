//! `--message-format libtest-json`: what test binaries write under `-Z unstable-options --format json --report-time`.
//!
//! In that format a test does not say which binary it belongs to: it belongs to the suite that was started last. So what
//! is known of a binary is held back until its last test has ended and the last of its processes is gone, which may
//! still fail, and is written as a whole then.

mod suite;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::event::{Event, Reporter};
use suite::Suite;

pub struct LibtestJson<W> {
    out: W,
    /// What passing tests wrote is told, too: `--show-output`.
    show_output: bool,
    suites: BTreeMap<Arc<str>, Suite>,
    /// How many results were announced for the whole run, and how many tests were selected.
    announced: usize,
    selected: usize,
}

impl<W: Write> LibtestJson<W> {
    pub fn new(out: W, show_output: bool) -> Self {
        Self { out, show_output, suites: BTreeMap::new(), announced: 0, selected: 0 }
    }

    fn suite(&mut self, binary: &Arc<str>) -> &mut Suite {
        let show_output = self.show_output;
        self.suites.entry(binary.clone()).or_insert_with(|| Suite::new(show_output))
    }

    /// Under `--repeat` nobody says how many results a binary has.
    fn is_repeated(&self) -> bool {
        self.announced > self.selected
    }

    fn write(&mut self, binary: &Arc<str>) -> Result<()> {
        let Some(suite) = self.suites.remove(binary) else { return Ok(()) };
        self.out.write_all(suite.into_lines()?.as_bytes()).context("cannot write to stdout")
    }
}

impl<W: Write> Reporter for LibtestJson<W> {
    fn event(&mut self, event: &Event) -> Result<()> {
        let binary = match event {
            Event::RunStarted(run) => {
                self.announced = run.tests;
                return Ok(());
            }
            Event::TestsKnown(known) => {
                self.announced = known.tests;
                return Ok(());
            }
            Event::BinarySelected(it) => {
                self.selected += it.tests.len();
                self.suite(&it.binary).select(it);
                return Ok(());
            }
            Event::WorkerStarted(it) => &it.binary,
            Event::WorkerExited(it) => &it.binary,
            Event::WorkerFailed(it) => &it.binary,
            Event::TestSlow(it) => &it.binary,
            Event::TestFinished(it) => &it.binary,
            Event::FixtureFinished(it) if it.outcome.is_red() => &it.binary,
            _ => return Ok(()),
        };
        self.suite(binary).add(event)?;
        if !self.is_repeated() && self.suites[binary].is_complete() { self.write(binary) } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().context("cannot write to stdout")
    }

    /// Writes what is left: the suites of a run that was stopped, and what came after the end of a suite, as one of its
    /// own.
    fn finish(&mut self) -> Result<()> {
        let left: Vec<Arc<str>> =
            self.suites.iter().filter(|(_, suite)| !suite.is_empty()).map(|(binary, _)| binary.clone()).collect();
        for binary in left {
            self.write(&binary)?;
        }
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{BinarySelected, Fixture, Outcome, TestFinished, TestSlow, WorkerExited, WorkerStarted};
    use crate::report::junit::sample::{failed_fixture, finished, run_started, worker_failed};

    fn selected(binary: &str, tests: &[&str], listed: usize) -> Event {
        let tests = tests.iter().map(|test| Arc::from(*test)).collect();
        Event::BinarySelected(BinarySelected { binary: binary.into(), package: None, tests, listed })
    }

    fn of(binary: &str, test: TestFinished) -> Event {
        Event::TestFinished(TestFinished { binary: binary.into(), ..test })
    }

    fn process(binary: &str, starts: bool) -> Event {
        let (worker, process, binary) = (0, 1, Arc::from(binary));
        if starts {
            return Event::WorkerStarted(WorkerStarted { worker, process, pid: 7, binary, tests: 1 });
        }
        let (status, tests) = ("exit code 0".to_owned(), Vec::new());
        Event::WorkerExited(WorkerExited {
            worker,
            process,
            binary,
            status,
            leaked: false,
            left: Vec::new(),
            held: false,
            tests,
            reason: None,
            rescheduled: 0,
            waiting: Vec::new(),
        })
    }

    fn lines(events: &[Event], ends: bool) -> Vec<Value> {
        let mut out = Vec::new();
        let mut stream = LibtestJson::new(&mut out, false);
        events.iter().for_each(|event| stream.event(event).unwrap());
        if ends {
            stream.finish().unwrap();
        }
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn types(lines: &[Value]) -> Vec<String> {
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        lines
            .iter()
            .map(|line| format!("{} {} {}", text(line, "type"), text(line, "event"), text(line, "name")))
            .collect()
    }

    #[test]
    fn a_suite_is_written_whole_when_its_last_test_has_ended_and_its_last_process_is_gone() {
        let events = [
            run_started(3),
            selected("a", &["one", "two"], 5),
            selected("b", &["three"], 1),
            process("a", true),
            of("a", finished("one")),
            process("b", true),
            of("b", finished("three")),
            of("a", finished("two")),
            process("a", false),
        ];
        assert!(lines(&events[..8], false).is_empty());
        let written = lines(&events, false);
        let expected =
            ["suite started ", "test started one", "test ok one", "test started two", "test ok two", "suite ok "];
        assert_eq!(types(&written), expected);
        assert_eq!(written[0], json!({ "type": "suite", "event": "started", "test_count": 2 }));
        assert_eq!(written[2], json!({ "type": "test", "name": "one", "event": "ok", "exec_time": 0.25 }));
        let expected = json!({
            "type": "suite", "event": "ok", "passed": 2, "failed": 0, "ignored": 0, "measured": 0, "filtered_out": 3,
            "exec_time": 0.25,
        });
        assert_eq!(written[5], expected);
        assert_eq!(types(&lines(&events, true)).len(), 10);
    }

    #[test]
    fn each_outcome_has_its_words() {
        let test = |name: &str, outcome, message: Option<&str>, output: &str| {
            let message = message.map(str::to_owned);
            of("a", TestFinished { outcome, message, output: output.into(), ..finished(name) })
        };
        let slow = TestSlow { binary: "a".into(), test: "hangs".into(), worker: 0, elapsed: 60.0 };
        let written = lines(
            &[
                run_started(6),
                selected("a", &["panics", "hangs", "aborts", "sleeps", "rots", "late"], 6),
                test(
                    "panics",
                    Outcome::Failed,
                    Some("panicked at src/lib.rs:1:1: no"),
                    "panicked at src/lib.rs:1:1:\nno\n",
                ),
                Event::TestSlow(slow),
                test("hangs", Outcome::TimedOut, None, ""),
                test("aborts", Outcome::Crashed, Some("SIGABRT"), "oh\n"),
                test("sleeps", Outcome::Ignored, Some("it is night"), ""),
                test("rots", Outcome::Ignored, None, ""),
                test("late", Outcome::NotReached, None, ""),
            ],
            true,
        );
        let result = |name: &str| written.iter().find(|it| it["name"] == name && it["event"] != "started").unwrap();
        let stdout = "panicked at src/lib.rs:1:1:\nno\n";
        assert_eq!(
            *result("panics"),
            json!({ "type": "test", "name": "panics", "event": "failed", "exec_time": 0.25, "stdout": stdout })
        );
        assert_eq!(*result("hangs"), json!({ "type": "test", "event": "timeout", "name": "hangs" }));
        let hangs = written.iter().find(|it| it["name"] == "hangs" && it["event"] == "failed").unwrap();
        assert_eq!(hangs["reason"], "time limit exceeded");
        assert_eq!((&result("aborts")["message"], &result("aborts")["stdout"]), (&json!("SIGABRT"), &json!("oh\n")));
        assert_eq!(
            *result("sleeps"),
            json!({ "type": "test", "name": "sleeps", "event": "ignored", "message": "it is night" })
        );
        assert_eq!(*result("rots"), json!({ "type": "test", "name": "rots", "event": "ignored" }));
        assert!(!types(&written).iter().any(|line| line.ends_with("late")));
        let end = written.last().unwrap();
        assert_eq!((&end["event"], &end["failed"], &end["ignored"]), (&json!("failed"), &json!(3), &json!(2)));
    }

    #[test]
    fn what_is_no_tests_failure_is_a_failed_test_of_its_own_even_after_the_suite() {
        let events = [
            run_started(1),
            selected("demo", &["one"], 1),
            of("demo", finished("one")),
            Event::WorkerFailed(worker_failed("exit code 3")),
            Event::FixtureFinished(failed_fixture(Fixture::Teardown, "still in use")),
        ];
        let written = lines(&events, true);
        assert_eq!(
            types(&written)[3..],
            [
                "suite ok ",
                "suite started ",
                "test started (worker exit)",
                "test failed (worker exit)",
                "test started demo::db::(teardown)",
                "test failed demo::db::(teardown)",
                "suite failed "
            ][..types(&written).len() - 3]
        );
        assert_eq!(written.last().unwrap()["failed"], 2);
    }

    #[test]
    fn a_run_with_repetitions_is_written_at_its_end() {
        let again = TestFinished { repetition: 2, ..finished("one") };
        let events = [run_started(2), selected("a", &["one"], 1), of("a", finished("one")), of("a", again)];
        assert!(lines(&events, false).is_empty());
        assert_eq!(
            types(&lines(&events, true))[1..5],
            ["test started one", "test ok one", "test started one [2]", "test ok one [2]"]
        );
    }
}
