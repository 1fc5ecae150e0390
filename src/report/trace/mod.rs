//! Chrome trace events, which <https://ui.perfetto.dev> opens: a track for each worker, with its tests and fixtures as
//! slices, the build before them, and as counters how many workers are busy and how many slots there are.

mod file;
mod slice;

pub use file::{TraceFile, write};

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::Serialize;
use serde_json::{Value, json};

use crate::event::{Event, RunFinished, RunStarted, SlotsChanged};
use slice::{Slice, Track};

pub(super) use slice::micros;

/// The one process of the trace; its threads are our tracks.
const PID: u32 = 1;

/// A trace in the JSON object format.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    display_time_unit: &'static str,
    other_data: Value,
    trace_events: Vec<Value>,
}

/// What a trace needs to know of a run.
#[derive(Default)]
pub struct Gathered {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    /// How long the build went on beside the run, in seconds.
    beside: Option<f64>,
    slices: Vec<Slice>,
    slots: Vec<SlotsChanged>,
}

impl Gathered {
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => self.started = Some(run.clone()),
            Event::TestsKnown(known) => {
                self.started.iter_mut().for_each(|run| run.learn(known));
                self.beside = known.build;
            }
            Event::RunFinished(run) => self.finished = Some(run.clone()),
            Event::SlotsChanged(slots) => self.slots.push(slots.clone()),
            Event::AttemptFailed(test) | Event::TestFinished(test) => self.slices.extend(Slice::of_test(test)),
            Event::FixtureFinished(fixture) => self.slices.push(Slice::of_fixture(fixture)),
            _ => {}
        }
    }

    /// The trace. Times in it are microseconds since the build began, or the run if no build is known.
    pub fn into_trace(self) -> Trace {
        let first = self.slices.iter().map(|slice| slice.start).min();
        let Some(began) = self.started.as_ref().map(|run| run.timestamp).or(first) else { return Trace::default() };
        // The build came before. Not every viewer takes times below zero.
        let built = self.started.as_ref().and_then(|run| run.build).map(slice::micros);
        let zero = began - TimeDelta::microseconds(built.unwrap_or(0));
        let slices = slice::side_by_side(self.slices);
        let took = self.finished.as_ref().map(|run| slice::micros(run.duration));
        let took = took.or_else(|| slices.iter().map(|slice| slice.end_since(began)).max()).unwrap_or(0);
        let run = self.started.as_ref().map_or("", |run| run.run.as_str());
        let mut events = names(run, &slices);
        events.push(json!({
            "ph": "X", "pid": PID, "tid": Track::Run.tid(), "ts": built.unwrap_or(0), "dur": took, "name": "run", "cat": "run",
            "args": { "run": run, "tests": self.started.as_ref().map(|run| run.tests) },
        }));
        // The slices of a track have to lie one in another or side by side, so a part beside the run is one of its own.
        let beside = self.beside.map(|took| (built.unwrap_or(0), slice::micros(took)));
        for (from, took) in built.map(|took| (0, took)).into_iter().chain(beside) {
            events.push(json!({
                "ph": "X", "pid": PID, "tid": Track::Run.tid(), "ts": from, "dur": took, "name": "build", "cat": "build",
                "args": {},
            }));
        }
        events.extend(self.slots.iter().map(|it| {
            let at = (it.timestamp - zero).num_microseconds().unwrap_or_default();
            json!({
                "ph": "C", "pid": PID, "ts": at, "name": "slots",
                "args": { "held": it.held, "waiting": it.waiting },
            })
        }));
        events.extend(slices.iter().map(|slice| slice.to_json(zero)));
        events.extend(busy_workers(&slices, zero));
        let started = self.started.as_ref().map(|run| run.timestamp.to_rfc3339());
        Trace {
            display_time_unit: "ms",
            other_data: json!({ "run": run, "started": started, "complete": self.finished.is_some() }),
            trace_events: events,
        }
    }
}

/// What the tracks are called, and in which order they stand.
fn names(run: &str, slices: &[Slice]) -> Vec<Value> {
    let tracks: BTreeSet<Track> = slices.iter().map(|slice| slice.track).chain([Track::Run]).collect();
    let mut names = vec![json!({
        "ph": "M", "pid": PID, "name": "process_name", "args": { "name": format!("cargo ptest {run}").trim_end() },
    })];
    for track in tracks {
        let named = |name, args| json!({ "ph": "M", "pid": PID, "tid": track.tid(), "name": name, "args": args });
        names.push(named("thread_name", json!({ "name": track.to_string() })));
        names.push(named("thread_sort_index", json!({ "sort_index": track.tid() })));
    }
    names
}

/// How many workers are busy with a test or a fixture, at each moment at which that changes.
fn busy_workers(slices: &[Slice], zero: DateTime<FixedOffset>) -> Vec<Value> {
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for slice in slices.iter().filter(|slice| matches!(slice.track, Track::Worker(_))) {
        *changes.entry(slice.start_since(zero)).or_default() += 1;
        *changes.entry(slice.end_since(zero)).or_default() -= 1;
    }
    let mut busy = 0;
    let changes = changes.into_iter().filter(|(_, change)| *change != 0);
    let counted = changes.map(|(at, change)| {
        busy += change;
        json!({ "ph": "C", "pid": PID, "ts": at, "name": "busy workers", "args": { "workers": busy } })
    });
    counted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, Outcome, TestFinished};
    use crate::report::junit::sample::{at, complete, finished, fixture, run_started};

    fn trace(events: &[Event]) -> Value {
        let mut gathered = Gathered::default();
        events.iter().for_each(|event| gathered.add(event));
        serde_json::to_value(gathered.into_trace()).unwrap()
    }

    fn of_phase<'a>(trace: &'a Value, phase: &'a str) -> impl Iterator<Item = &'a Value> {
        trace["traceEvents"].as_array().unwrap().iter().filter(move |event| event["ph"] == phase)
    }

    fn test(name: &str, worker: usize, second: u32, duration: f64) -> TestFinished {
        TestFinished { worker: Some(worker), timestamp: at(second), duration, ..finished(name) }
    }

    #[test]
    fn a_test_is_a_slice_on_the_track_of_its_worker() {
        let failed = TestFinished { outcome: Outcome::Failed, message: Some("no".into()), ..test("m::a", 2, 1, 0.5) };
        let trace = trace(&complete(vec![Event::TestFinished(failed)]));
        let slice = of_phase(&trace, "X").find(|slice| slice["cat"] == "test").unwrap();
        let expected = json!({
            "ph": "X", "pid": 1, "tid": 3, "ts": 1_000_000, "dur": 500_000, "name": "m::a", "cat": "test",
            "args": { "binary": "demo", "outcome": "failed", "attempt": 1, "process": 7, "place": "src/lib.rs:12", "message": "no" },
        });
        assert_eq!(*slice, expected);
        let names: Vec<_> = of_phase(&trace, "M").filter(|it| it["name"] == "thread_name").collect();
        assert_eq!(names.len(), 2);
        assert_eq!((&names[0]["tid"], &names[0]["args"]["name"]), (&json!(0), &json!("run")));
        assert_eq!((&names[1]["tid"], &names[1]["args"]["name"]), (&json!(3), &json!("worker 2")));
        assert_eq!(of_phase(&trace, "X").next().unwrap()["dur"], 12_500_000);
    }

    #[test]
    fn the_build_stands_before_the_run_and_slots_are_a_counter() {
        let Event::RunStarted(run) = run_started(0) else { unreachable!() };
        let slots = SlotsChanged { timestamp: at(1), held: 2, waiting: 1, cap: 3 };
        let trace = trace(&[Event::RunStarted(RunStarted { build: Some(1.5), ..run }), Event::SlotsChanged(slots)]);
        let build = of_phase(&trace, "X").find(|slice| slice["name"] == "build").unwrap();
        assert_eq!((&build["ts"], &build["dur"]), (&json!(0), &json!(1_500_000)));
        let counter = of_phase(&trace, "C").next().unwrap();
        assert_eq!((&counter["ts"], &counter["args"]), (&json!(2_500_000), &json!({ "held": 2, "waiting": 1 })));
    }

    #[test]
    fn what_ran_nowhere_is_no_slice_and_each_attempt_is_one() {
        let ignored = TestFinished { outcome: Outcome::Ignored, worker: None, process: None, ..finished("ignored") };
        let attempt = Event::AttemptFailed(TestFinished { outcome: Outcome::TimedOut, ..test("a", 0, 1, 0.25) });
        let passed = TestFinished { attempt: 2, flaky: true, ..test("a", 0, 2, 0.25) };
        let trace = trace(&complete(vec![Event::TestFinished(ignored), attempt, Event::TestFinished(passed)]));
        let of_tests: Vec<_> = of_phase(&trace, "X").filter(|slice| slice["cat"] == "test").collect();
        assert_eq!(of_tests.len(), 2);
        assert_eq!(of_tests[0]["args"]["outcome"], "timed-out");
        assert_eq!((&of_tests[1]["args"]["attempt"], &of_tests[1]["args"]["flaky"]), (&json!(2), &json!(true)));
    }

    #[test]
    fn fixtures_are_slices_and_a_host_has_a_track_of_its_own() {
        let mut shared = fixture(Fixture::Setup, Outcome::Passed);
        (shared.worker, shared.process) = (None, 9);
        let own = fixture(Fixture::Teardown, Outcome::Passed);
        let trace = trace(&complete(vec![Event::FixtureFinished(shared), Event::FixtureFinished(own)]));
        let categories: Vec<_> = of_phase(&trace, "X").map(|it| it["cat"].as_str().unwrap()).collect();
        assert_eq!(categories, ["run", "teardown", "setup"]);
        let names: Vec<_> = of_phase(&trace, "M").map(|it| it["args"]["name"].as_str().unwrap_or_default()).collect();
        assert!(names.contains(&"host (process 9)"), "{names:?}");
    }

    #[test]
    fn slices_of_a_track_never_overlap_and_busy_workers_are_counted() {
        let trace = trace(&complete(vec![
            Event::TestFinished(test("a", 0, 1, 2.5)),
            Event::TestFinished(test("b", 0, 2, 1.0)),
            Event::TestFinished(test("c", 1, 2, 2.0)),
        ]));
        let spans: Vec<_> = of_phase(&trace, "X").filter(|slice| slice["cat"] == "test").collect();
        assert_eq!((&spans[0]["name"], &spans[0]["dur"]), (&json!("a"), &json!(1_000_000)));
        let counts: Vec<_> = of_phase(&trace, "C")
            .map(|it| (it["ts"].as_i64().unwrap(), it["args"]["workers"].as_i64().unwrap()))
            .collect();
        assert_eq!(counts, [(1_000_000, 1), (2_000_000, 2), (3_000_000, 1), (4_000_000, 0)]);
    }

    #[test]
    fn a_run_that_broke_off_ends_with_its_last_test_and_no_run_is_an_empty_trace() {
        let unfinished = trace(&[run_started(2), Event::TestFinished(test("a", 0, 1, 0.5))]);
        assert_eq!(of_phase(&unfinished, "X").next().unwrap()["dur"], 1_500_000);
        assert_eq!(unfinished["otherData"]["complete"], false);
        assert_eq!(trace(&[])["traceEvents"], json!([]));
    }
}
