//! What a worker was busy with, from when to when.

use std::fmt;

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Map, Value, json};

use super::PID;
use crate::event::{Fixture, FixtureFinished, TestFinished};

/// A line in the picture. Their order is that from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    Run,
    /// A worker's slot.
    Worker(usize),
    /// A process that has no slot, by its serial number: the host of a shared context.
    Host(u32),
}

impl Track {
    /// The number of the thread as which it appears.
    pub fn tid(self) -> usize {
        match self {
            Self::Run => 0,
            Self::Worker(worker) => worker + 1,
            // There are never so many workers.
            Self::Host(process) => 1_000_000 + process as usize,
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Run => write!(out, "run"),
            Self::Worker(worker) => write!(out, "worker {worker}"),
            Self::Host(process) => write!(out, "host (process {process})"),
        }
    }
}

#[derive(Debug)]
pub struct Slice {
    pub track: Track,
    pub start: DateTime<FixedOffset>,
    /// In microseconds.
    duration: i64,
    name: String,
    category: &'static str,
    args: Map<String, Value>,
}

impl Slice {
    /// One attempt at a test, if a worker was given it.
    pub fn of_test(test: &TestFinished) -> Option<Self> {
        let mut args = Map::new();
        let mut say = |name: &str, value: Value| args.insert(name.to_owned(), value);
        say("binary", json!(test.binary));
        say("outcome", json!(test.outcome));
        say("attempt", json!(test.attempt));
        if test.repetition > 1 {
            say("repetition", json!(test.repetition));
        }
        if test.flaky {
            say("flaky", json!(true));
        }
        if !test.contexts.is_empty() {
            say("context", json!(test.contexts.last()));
        }
        set_rest(&mut args, test.process, test.file.as_deref(), test.line, test.message.as_deref());
        Some(Self {
            track: Track::Worker(test.worker?),
            start: test.timestamp,
            duration: micros(test.duration),
            name: test.test.to_string(),
            category: "test",
            args,
        })
    }

    pub fn of_fixture(it: &FixtureFinished) -> Self {
        let mut args = Map::new();
        args.insert("binary".into(), json!(it.binary));
        args.insert("outcome".into(), json!(it.outcome));
        set_rest(&mut args, Some(it.process), it.file.as_deref(), it.line, it.message.as_deref());
        Self {
            track: it.worker.map_or(Track::Host(it.process), Track::Worker),
            start: it.timestamp,
            duration: micros(it.duration),
            name: it.name(),
            category: match it.fixture {
                Fixture::Setup => "setup",
                Fixture::Teardown => "teardown",
                Fixture::Host => "host",
            },
            args,
        }
    }

    pub fn start_since(&self, zero: DateTime<FixedOffset>) -> i64 {
        (self.start - zero).num_microseconds().unwrap_or_default()
    }

    pub fn end_since(&self, zero: DateTime<FixedOffset>) -> i64 {
        self.start_since(zero).saturating_add(self.duration)
    }

    pub fn to_json(&self, zero: DateTime<FixedOffset>) -> Value {
        json!({
            "ph": "X", "pid": PID, "tid": self.track.tid(), "ts": self.start_since(zero), "dur": self.duration,
            "name": self.name, "cat": self.category, "args": self.args,
        })
    }
}

fn set_rest(
    args: &mut Map<String, Value>,
    process: Option<u32>,
    file: Option<&str>,
    line: Option<u32>,
    message: Option<&str>,
) {
    if let Some(process) = process {
        args.insert("process".into(), json!(process));
    }
    if let Some(file) = file {
        let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        args.insert("place".into(), json!(place));
    }
    if let Some(message) = message {
        // The reports have the whole of it.
        args.insert("message".into(), json!(message.lines().next().unwrap_or_default()));
    }
}

/// Puts the slices of each track in order, each ending where the next one begins at the latest. Viewers take one that
/// lies across another's end for a mistake; times of results that arrive together are estimates.
pub fn side_by_side(mut slices: Vec<Slice>) -> Vec<Slice> {
    slices.sort_by_key(|slice| (slice.track, slice.start));
    for at in 1..slices.len() {
        let (before, after) = slices.split_at_mut(at);
        let (slice, next) = (&mut before[at - 1], &after[0]);
        if slice.track == next.track {
            let room: TimeDelta = next.start - slice.start;
            slice.duration = slice.duration.min(room.num_microseconds().unwrap_or(i64::MAX));
        }
    }
    slices
}

/// A journal is a file that anyone may have touched: what is no duration counts as none.
#[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
pub fn micros(seconds: f64) -> i64 {
    (seconds.max(0.0) * 1e6).round() as i64
}
