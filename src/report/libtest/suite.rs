//! One test binary as libtest's JSON has it: `suite` and `test` objects, by libtest's names.

use anyhow::{Context, Result};
use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::Serialize;

use crate::event::{BinarySelected, Event, Outcome, TestFinished, WorkerFailed};
use crate::report::{terminal::is_in, trace::micros};

/// A line of the `type` "suite".
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum OfSuite {
    Started { test_count: usize },
    Ok(Counts),
    Failed(Counts),
}

#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Benches that were measured: as under `cargo test` without `--bench`, there are none.
    measured: usize,
    filtered_out: usize,
    exec_time: f64,
}

/// A line of the `type` "test".
#[derive(Default, Serialize)]
struct OfTest<'a> {
    name: &'a str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_time: Option<f64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    stdout: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Suite(OfSuite),
    Test(OfTest<'a>),
}

/// What is known of a binary and not written yet.
pub struct Suite {
    show_output: bool,
    /// The lines of its tests.
    lines: String,
    selected: usize,
    finished: usize,
    /// Tests that the run did not reach. libtest has no word for them.
    not_reached: usize,
    /// Failures that are no test's.
    others: usize,
    processes: usize,
    counts: Counts,
    began: Option<DateTime<FixedOffset>>,
    ended: Option<DateTime<FixedOffset>>,
}

impl Suite {
    pub fn new(show_output: bool) -> Self {
        Self {
            show_output,
            lines: String::new(),
            selected: 0,
            finished: 0,
            not_reached: 0,
            others: 0,
            processes: 0,
            counts: Counts::default(),
            began: None,
            ended: None,
        }
    }

    pub fn select(&mut self, it: &BinarySelected) {
        self.selected = it.tests.len();
        self.counts.filtered_out = it.listed - it.tests.len();
    }

    pub fn add(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::WorkerStarted(_) => self.processes += 1,
            Event::WorkerExited(_) => self.processes = self.processes.saturating_sub(1),
            Event::TestSlow(slow) => self.say(OfTest { name: &slow.test, event: "timeout", ..OfTest::default() })?,
            Event::TestFinished(test) => self.test(test)?,
            Event::WorkerFailed(it) => self.other(WorkerFailed::NAME, &it.message, &it.output)?,
            // That of a setup shows in its tests.
            Event::FixtureFinished(it) if it.is_entry() => {
                self.other(&it.name(), it.message.as_deref().unwrap_or_default(), &it.output)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn test(&mut self, test: &TestFinished) -> Result<()> {
        self.finished += 1;
        let name = if test.repetition > 1 { &format!("{} [{}]", test.test, test.repetition) } else { &*test.test };
        let exec_time = test.worker.map(|_| test.duration);
        if exec_time.is_some() {
            let end = test.timestamp + TimeDelta::microseconds(micros(test.duration));
            self.began = self.began.map_or(Some(test.timestamp), |began| Some(began.min(test.timestamp)));
            self.ended = self.ended.max(Some(end));
        }
        // As in libtest, what a panic says stands in the output alone.
        let message = test.message.as_deref().filter(|message| !is_in(message, &test.output));
        let result = OfTest { name, exec_time, message, ..OfTest::default() };
        match test.outcome {
            Outcome::NotReached => {
                self.not_reached += 1;
                Ok(())
            }
            Outcome::Ignored => {
                self.counts.ignored += 1;
                self.started(name)?;
                self.say(OfTest { event: "ignored", exec_time: None, ..result })
            }
            Outcome::Passed => {
                self.counts.passed += 1;
                self.started(name)?;
                let stdout = if self.show_output { &*test.output } else { "" };
                self.say(OfTest { event: "ok", stdout, message: None, ..result })
            }
            Outcome::Failed | Outcome::TimedOut | Outcome::Crashed | Outcome::SetupFailed | Outcome::Error => {
                self.counts.failed += 1;
                self.started(name)?;
                let reason = (test.outcome == Outcome::TimedOut).then_some("time limit exceeded");
                self.say(OfTest { event: "failed", stdout: &test.output, reason, ..result })
            }
        }
    }

    /// A failure that is no test's.
    fn other(&mut self, name: &str, message: &str, output: &str) -> Result<()> {
        self.others += 1;
        self.counts.failed += 1;
        self.started(name)?;
        self.say(OfTest { name, event: "failed", stdout: output, message: Some(message), ..OfTest::default() })
    }

    fn started(&mut self, name: &str) -> Result<()> {
        self.say(OfTest { name, event: "started", ..OfTest::default() })
    }

    fn say(&mut self, test: OfTest) -> Result<()> {
        self.lines += &line(&Line::Test(test))?;
        Ok(())
    }

    /// Nothing more is to come.
    pub fn is_complete(&self) -> bool {
        self.selected > 0 && self.finished >= self.selected && self.processes == 0
    }

    /// There is nothing to write: no test was selected, and none failed.
    pub fn is_empty(&self) -> bool {
        self.selected == 0 && self.lines.is_empty()
    }

    pub fn into_lines(self) -> Result<String> {
        let test_count = self.finished.max(self.selected) + self.others;
        let exec_time = match (self.began, self.ended) {
            (Some(began), Some(ended)) => (ended - began).as_seconds_f64(),
            _ => 0.0,
        };
        let counts = Counts { exec_time, ..self.counts };
        let is_green = counts.failed == 0 && self.not_reached == 0 && self.finished >= self.selected;
        let end = if is_green { OfSuite::Ok(counts) } else { OfSuite::Failed(counts) };
        Ok(line(&Line::Suite(OfSuite::Started { test_count }))? + &self.lines + &line(&Line::Suite(end))?)
    }
}

fn line(line: &Line) -> Result<String> {
    let text = serde_json::to_string(line).context("cannot write JSON")?;
    Ok(crate::report::control::json(&text).into_owned() + "\n")
}
