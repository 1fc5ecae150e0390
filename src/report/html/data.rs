//! What the script draws from, as JSON: short rows instead of objects, since there may be twenty thousand.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::earlier::{Before, Earlier};
use super::escape::plain;
use super::failures::{Failures, place_of};
use super::slots::{Step, steps};
use super::{Run, status};
use crate::event::{Fixture, FixtureFinished};
use crate::report::brief::brief;

#[derive(Serialize)]
pub(super) struct Data {
    /// [key, word, mark] of each status.
    statuses: Vec<[&'static str; 3]>,
    binaries: Vec<String>,
    tests: Vec<Test>,
    /// The rows of the timeline: workers, then the hosts of shared contexts.
    rows: Vec<String>,
    bars: Vec<Bar>,
    /// Seconds before the run.
    build: Option<f64>,
    /// How long it went on beside the run.
    beside: Option<f64>,
    wall: f64,
    cap: usize,
    /// Empty if nothing was said of them.
    slots: Vec<Step>,
    /// There was an earlier run to compare with.
    compared: bool,
}

/// Binary, name, status, seconds, start, worker, attempt, place, message, contexts, failure, seconds last time; and a
/// letter for each earlier run, the latest first, or `new`.
#[derive(Serialize)]
struct Test(
    usize,
    String,
    usize,
    f64,
    Option<f64>,
    Option<usize>,
    u32,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<usize>,
    Option<f64>,
    Option<String>,
);

/// Row, start, seconds, status, kind, and what it is: a test's place, or a name; then the number of its failure.
#[derive(Serialize)]
struct Bar(usize, f64, f64, usize, Kind, What, #[serde(skip_serializing_if = "Option::is_none")] Option<usize>);

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[serde(rename = "t")]
    Test,
    /// An attempt that was followed by another.
    #[serde(rename = "a")]
    Attempt,
    #[serde(rename = "s")]
    Setup,
    #[serde(rename = "d")]
    Teardown,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What {
    Test(usize),
    Name(String),
}

/// A message's first line says what kind of failure it was; the entry of the failure has the rest.
const MESSAGE: usize = 200;

pub(super) fn data(run: &Run, earlier: &Earlier, failures: &Failures) -> Data {
    let mut binaries: Vec<&Arc<str>> = run.tests.iter().map(|it| &it.binary).collect();
    binaries.sort_unstable();
    binaries.dedup();
    let (rows, bars) = bars(run, failures);
    Data {
        statuses: status::ALL.iter().map(|it| [it.key, it.word, it.mark]).collect(),
        tests: run
            .tests
            .iter()
            .enumerate()
            .map(|(place, test)| {
                let binary = binaries.binary_search(&&test.binary).unwrap_or_default();
                let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
                let message =
                    test.message.as_deref().and_then(|it| brief(it, &test.output, "", None).into_iter().next());
                let (passed, past) = match earlier.of(&test.binary, &test.test) {
                    Before::Ran(past) => (past.passed, Some(past.letters())),
                    Before::New => (None, Some("new".to_owned())),
                    Before::Unknown => (None, None),
                };
                let (file, line) = test.where_to_look();
                Test(
                    binary,
                    plain(&test.test) + &repetition,
                    status::of_test(test),
                    short(test.duration),
                    test.worker.map(|_| short(run.since_start(test.timestamp))),
                    test.worker,
                    test.attempt,
                    place_of(file, line).map(|it| plain(&it)),
                    message.map(|it| plain(&it).chars().take(MESSAGE).collect()),
                    (!test.contexts.is_empty()).then(|| plain(&test.contexts.join(", "))),
                    failures.of_tests.get(&place).copied(),
                    passed.map(short),
                    past,
                )
            })
            .collect(),
        binaries: binaries.into_iter().map(|it| plain(it)).collect(),
        slots: slots(run, &rows, &bars),
        rows,
        bars,
        build: run.started.as_ref().and_then(|it| it.build).map(short),
        beside: run.beside.map(short),
        wall: short(run.wall()),
        cap: run.started.as_ref().map_or(1, |it| it.workers),
        compared: earlier.exist,
    }
}

fn slots(run: &Run, rows: &[String], bars: &[Bar]) -> Vec<Step> {
    let said: Vec<Step> =
        run.slots.iter().map(|it| (short(run.since_start(it.timestamp)), it.held, it.waiting)).collect();
    // The row of a host has no slot. One bar in a row ends when the next one starts, at the latest: times are rounded.
    let ran =
        bars.iter().enumerate().filter(|(_, bar)| rows[bar.0] != HOST).map(|(place, Bar(row, start, seconds, ..))| {
            let next = bars.get(place + 1).filter(|next| next.0 == *row).map_or(f64::INFINITY, |next| next.1);
            (*start, (start + seconds).min(next))
        });
    steps(&said, ran)
}

/// The name of a row for the process of a shared context.
const HOST: &str = "host";

/// Everything that took time, each in the row of its worker.
fn bars(run: &Run, failures: &Failures) -> (Vec<String>, Vec<Bar>) {
    let mut bars = Vec::new();
    for (place, test) in run.tests.iter().enumerate() {
        for (it, kind) in run.attempts_before(test).iter().map(|it| (it, Kind::Attempt)).chain([(test, Kind::Test)]) {
            if let Some(worker) = it.worker {
                let start = short(run.since_start(it.timestamp));
                let status = if kind.is_attempt() { status::of(it.outcome) } else { status::of_test(it) };
                bars.push(Bar(worker, start, short(it.duration), status, kind, What::Test(place), None));
            }
        }
    }
    let fixture = |(place, it): (usize, &FixtureFinished), row| {
        let kind = if it.fixture == Fixture::Teardown { Kind::Teardown } else { Kind::Setup };
        let name = What::Name(plain(&it.name()));
        let (start, failure) = (short(run.since_start(it.timestamp)), failures.of_fixtures.get(&place).copied());
        Bar(row, start, short(it.duration), status::of(it.outcome), kind, name, failure)
    };
    let fixtures = || run.fixtures.iter().enumerate();
    bars.extend(fixtures().filter_map(|it| Some(fixture(it, it.1.worker?))));
    let workers = bars.iter().map(|it| it.0 + 1).max().unwrap_or_default();
    let mut rows: Vec<String> = (0..workers).map(|worker| format!("worker {worker}")).collect();
    // A host is a process without a slot; each has a row of its own.
    let mut hosts: BTreeMap<u32, usize> = BTreeMap::new();
    for it in fixtures().filter(|(_, it)| it.worker.is_none()) {
        let row = *hosts.entry(it.1.process).or_insert_with(|| {
            rows.push(HOST.to_owned());
            rows.len() - 1
        });
        bars.push(fixture(it, row));
    }
    bars.sort_by(|a, b| (a.0, a.1).partial_cmp(&(b.0, b.1)).unwrap_or(std::cmp::Ordering::Equal));
    (rows, bars)
}

impl Kind {
    fn is_attempt(self) -> bool {
        matches!(self, Self::Attempt)
    }
}

/// To a tenth of a millisecond: more digits would be half of the page.
fn short(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, FixtureFinished, Outcome, TestFinished};
    use crate::report::junit::sample;

    #[test]
    fn everything_that_took_time_is_a_bar_in_the_row_of_its_worker() {
        let retried = TestFinished { outcome: Outcome::Failed, worker: Some(0), ..sample::finished("retried") };
        let ignored = TestFinished { outcome: Outcome::Ignored, worker: None, ..sample::finished("ignored") };
        let host = FixtureFinished { worker: None, ..sample::fixture(Fixture::Setup, Outcome::Passed) };
        let events = sample::complete(vec![
            Event::AttemptFailed(retried.clone()),
            Event::TestFinished(TestFinished { outcome: Outcome::Passed, flaky: true, ..retried }),
            Event::TestFinished(ignored),
            Event::FixtureFinished(sample::fixture(Fixture::Teardown, Outcome::Passed)),
            Event::FixtureFinished(host),
        ]);
        let run = Run::of(events.into_iter().map(Ok)).unwrap();
        let data = data(&run, &Earlier::default(), &Failures::default());
        assert_eq!(data.rows, ["worker 0", "worker 1", "host"]);
        let bars = serde_json::to_value(&data.bars).unwrap();
        let bar = |row, start, seconds, status, kind, what: serde_json::Value| {
            serde_json::json!([row, start, seconds, status, kind, what])
        };
        assert_eq!(
            bars,
            serde_json::json!([
                bar(0, 1.0, 0.25, 0, "a", 0.into()),
                bar(0, 1.0, 0.25, 5, "t", 0.into()),
                bar(1, 2.0, 0.5, 9, "d", "demo::db::(teardown)".into()),
                bar(2, 2.0, 0.5, 9, "s", "demo::db::(setup)".into()),
            ])
        );
        assert_eq!(data.tests[1].4, None, "what did not run has no start");
    }
}
