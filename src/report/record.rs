//! Reads what a run has left behind: its journal. It may break off anywhere, because its run was killed or goes on, and it
//! may be of another version.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;
use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use super::file;
use super::runs::{LONGEST_FIRST, first_line};
use crate::event::{BinarySelected, Event, Outcome, TestFinished, TestStarted, VERSION};

/// What is known of a journal before it is read.
pub(super) struct Record {
    pub path: Utf8PathBuf,
    /// Its run goes on.
    pub goes_on: bool,
}

impl Record {
    /// Fails if there is nothing to read, or if a newer version has written it, whose words may mean something else.
    pub(super) fn open(path: Utf8PathBuf) -> Result<Self> {
        #[derive(Deserialize)]
        struct Line {
            v: u32,
        }
        let file = file::open(&path)?;
        let line = first_line(&file).with_context(|| format!("cannot read {path}"))?;
        match serde_json::from_slice(&line) {
            Ok(Line { v }) => ensure!(
                v <= VERSION,
                "{path} was written by a newer cargo ptest: it has version {v} of the JSON lines, and this one reads up to {VERSION}"
            ),
            // A run that was killed at once has not got further.
            Err(_) => ensure!(
                is_cut_off(&line),
                "{path} is no journal of a run: its first line is no JSON line (remove it to continue without it)"
            ),
        }
        let goes_on = file.try_lock().is_err();
        Ok(Self { path, goes_on })
    }

    /// The events; after those of a run that broke off, a last word on each test that has none.
    pub(super) fn events(&self) -> Result<impl Iterator<Item = Result<Event>>> {
        Ok(rounded_off(file::events(&self.path)?, self.goes_on))
    }
}

/// Whether this is the beginning of a line that was written in one piece.
fn is_cut_off(line: &[u8]) -> bool {
    !line.ends_with(b"\n") && (line.is_empty() || line.starts_with(b"{")) && (line.len() as u64) < LONGEST_FIRST
}

/// `events`, and if the run has neither finished nor `goes_on`, then a not-reached for each test without a result.
fn rounded_off(mut events: impl Iterator<Item = Result<Event>>, goes_on: bool) -> impl Iterator<Item = Result<Event>> {
    let mut owed = Owed::default();
    let mut rest = None;
    std::iter::from_fn(move || {
        if rest.is_none() {
            match events.next() {
                Some(event) => {
                    event.iter().for_each(|event| owed.add(event));
                    return Some(event);
                }
                None if goes_on => rest = Some(Vec::new().into_iter()),
                None => rest = Some(std::mem::take(&mut owed).into_results().into_iter()),
            }
        }
        rest.as_mut()?.next().map(|test| Ok(Event::TestFinished(test)))
    })
}

/// The results that a run still owes.
#[derive(Default)]
struct Owed {
    now: Option<DateTime<FixedOffset>>,
    is_over: bool,
    /// Each test that was selected, and where it runs if it does. With `--repeat` one result settles it: the report's
    /// own count tells that others are missing.
    tests: BTreeMap<(Arc<str>, Arc<str>), Option<TestStarted>>,
}

impl Owed {
    fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => self.now = Some(run.timestamp),
            Event::BinarySelected(BinarySelected { binary, tests, .. }) => {
                self.tests.extend(tests.iter().map(|test| ((binary.clone(), test.clone()), None)));
            }
            Event::TestStarted(test) => {
                self.tests.insert((test.binary.clone(), test.test.clone()), Some(test.clone()));
            }
            Event::TestFinished(test) => {
                self.now = self.now.max(Some(test.timestamp));
                self.tests.remove(&(test.binary.clone(), test.test.clone()));
            }
            Event::RunFinished(_) => self.is_over = true,
            _ => {}
        }
    }

    fn into_results(self) -> Vec<TestFinished> {
        let Some(now) = self.now.filter(|_| !self.is_over) else { return Vec::new() };
        self.tests
            .into_iter()
            .map(|((binary, test), started)| not_reached(binary, test, started.as_ref(), now))
            .collect()
    }
}

fn not_reached(
    binary: Arc<str>,
    test: Arc<str>,
    started: Option<&TestStarted>,
    now: DateTime<FixedOffset>,
) -> TestFinished {
    let why = if started.is_some() {
        "it was running when the run stopped unexpectedly"
    } else {
        "the run stopped unexpectedly"
    };
    TestFinished {
        binary,
        test,
        outcome: Outcome::NotReached,
        attempt: started.map_or(1, |it| it.attempt),
        repetition: started.map_or(1, |it| it.repetition),
        flaky: false,
        timestamp: now,
        duration: 0.0,
        worker: started.map(|it| it.worker),
        process: started.map(|it| it.process),
        file: None,
        line: None,
        place: None,
        contexts: Vec::new(),
        message: Some(why.to_owned()),
        output: String::new(),
        truncated: false,
        before: 0,
        after: Vec::new(),
        beside: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample::{finished, run_finished, run_started, test_started};

    fn selected(tests: &[&str]) -> Event {
        let tests: Vec<Arc<str>> = tests.iter().map(|test| Arc::from(*test)).collect();
        Event::BinarySelected(BinarySelected { binary: "demo".into(), package: None, listed: tests.len(), tests })
    }

    /// The tests that get a last word from us, and which.
    fn added(events: &[Event], goes_on: bool) -> Vec<(String, String)> {
        let all: Vec<Event> = rounded_off(events.iter().cloned().map(Ok), goes_on).collect::<Result<_>>().unwrap();
        assert_eq!(&all[..events.len()], events);
        let result = |event: &Event| match event {
            Event::TestFinished(test) if test.outcome == Outcome::NotReached => {
                (test.test.to_string(), test.message.clone().unwrap())
            }
            other => panic!("{other:?}"),
        };
        all[events.len()..].iter().map(result).collect()
    }

    #[test]
    fn what_a_broken_off_run_owes_is_not_reached() {
        let events =
            [run_started(3), selected(&["a", "b", "c"]), test_started("demo", "b"), Event::TestFinished(finished("c"))];
        let expected =
            [("a", "the run stopped unexpectedly"), ("b", "it was running when the run stopped unexpectedly")];
        assert_eq!(added(&events, false), expected.map(|(test, why)| (test.to_owned(), why.to_owned())));
        assert!(added(&events, true).is_empty());
        assert!(added(&[&events[..], &[run_finished(&events, None)]].concat(), false).is_empty());
        assert!(added(&[], false).is_empty());
    }

    fn journal(text: &str) -> (tempfile::TempDir, Result<Record>) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("run.jsonl")).unwrap();
        std::fs::write(&path, text).unwrap();
        (folder, Record::open(path))
    }

    #[test]
    fn a_journal_of_a_newer_version_is_refused_and_one_that_breaks_off_is_not() {
        let error = |text| journal(text).1.err().unwrap().to_string();
        assert!(error("{\"v\":2,\"event\":\"run-started\"}\n").contains("written by a newer cargo ptest"));
        for text in ["hello\n", "hello", "\0\0\0"] {
            assert!(error(text).contains("is no journal"), "{text:?}");
        }
        for text in ["", "{\"v\":1,\"ev", "{\"v\":1,\"event\":\"moon-rose\"}\n"] {
            let (_folder, record) = journal(text);
            assert_eq!(record.unwrap().events().unwrap().count(), 0, "{text}");
        }
    }

    #[test]
    fn an_outcome_of_a_newer_version_is_an_error_and_not_lost() {
        let line = serde_json::to_string(&Event::TestFinished(finished("new"))).unwrap();
        let (_folder, record) = journal(&line.replacen('{', "{\"v\":1,", 1).replace("passed", "quarantined"));
        let events: Vec<Event> = record.unwrap().events().unwrap().collect::<Result<_>>().unwrap();
        assert!(matches!(&events[..], [Event::TestFinished(test)] if test.outcome == Outcome::Error), "{events:?}");
    }
}
