//! What goes on in a run, gathered from its events. Pure: time comes with them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, SlotsChanged, Tally};

#[derive(Default)]
pub(in crate::report) struct State {
    /// How many results there will be; `None` before the run begins and after it is over.
    pub tests: Option<usize>,
    pub tally: Tally,
    pub slots: Option<SlotsChanged>,
    /// By process what it is in, the innermost last: a fixture may run within a test's time.
    running: BTreeMap<u32, Vec<Running>>,
    /// The processes that have not come to anything yet.
    starting: BTreeMap<u32, Running>,
    /// When the first result came, and how many came with it: what was ignored took no time.
    pace: Option<(Duration, usize)>,
    /// When the last result came.
    last: Option<Duration>,
    /// How long what has not ended should take one after another, in seconds, going by earlier runs.
    expected: Option<f64>,
    /// And what has ended.
    through: f64,
    /// Cargo has the terminal as well.
    pub building: bool,
    /// Tests that were told to be slow.
    slow: HashSet<(Arc<str>, Arc<str>)>,
    /// Tests in whose process something was left behind, as far as they were named.
    leaked: HashSet<(Arc<str>, Arc<str>)>,
}

/// A process whose first test has not begun is nothing to tell before so long; then there may be doctests to compile.
const STARTING: Duration = Duration::from_secs(1);

/// How long the rest of the run will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Left {
    For(Duration),
    /// A test takes much longer than it should, or no result has come for too long: it may be that it never ends.
    NotKnown,
}

/// How much longer than expected a test may take, as any does now and then, before nothing is concluded from what was
/// expected.
const LATE: Duration = Duration::from_secs(2);

/// A test, or a setup or teardown.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Running {
    pub binary: Arc<str>,
    pub name: Arc<str>,
    pub contexts: Vec<Arc<str>>,
    /// `None` for a host.
    pub worker: Option<usize>,
    pub since: Duration,
    /// From 1.
    pub attempt: u32,
    /// How long it should take, in seconds.
    pub expected: Option<f64>,
}

impl State {
    pub(in crate::report) fn event(&mut self, event: &Event, now: Duration) {
        self.tally.count(event);
        match event {
            Event::RunStarted(run) => {
                (self.tests, self.expected, self.building) = (Some(run.tests), run.expected, run.eager);
            }
            Event::TestsKnown(known) => {
                (self.tests, self.expected) = (Some(known.tests), known.expected.map(|it| it - self.through));
                self.building = known.build.is_none();
            }
            Event::WorkerStarted(it) => {
                let running = Running {
                    binary: it.binary.clone(),
                    name: "(starting)".into(),
                    contexts: Vec::new(),
                    worker: Some(it.worker),
                    since: now,
                    attempt: 1,
                    expected: None,
                };
                self.starting.insert(it.process, running);
            }
            Event::TestStarted(it) => {
                self.starting.remove(&it.process);
                self.pace.get_or_insert((now, self.tally.finished()));
                let running = Running {
                    binary: it.binary.clone(),
                    name: it.test.clone(),
                    contexts: it.contexts.clone(),
                    worker: Some(it.worker),
                    since: now,
                    attempt: it.attempt,
                    expected: it.expected,
                };
                self.running.entry(it.process).or_default().push(running);
            }
            Event::FixtureStarted(it) => {
                self.starting.remove(&it.process);
                let running = Running {
                    binary: it.binary.clone(),
                    name: it.fixture.of(&it.context).into(),
                    contexts: Vec::new(),
                    worker: it.worker,
                    since: now,
                    attempt: 1,
                    expected: None,
                };
                self.running.entry(it.process).or_default().push(running);
            }
            Event::TestFinished(it) | Event::AttemptFailed(it) => {
                self.last = Some(now);
                self.ended(it.process, &it.test);
            }
            Event::FixtureFinished(it) => self.ended(Some(it.process), &it.name()),
            Event::TestSlow(it) => drop(self.slow.insert((it.binary.clone(), it.test.clone()))),
            Event::WorkerExited(it) => {
                self.starting.remove(&it.process);
                self.running.remove(&it.process);
                if it.leaked {
                    self.leaked.extend(it.tests.iter().map(|test| (it.binary.clone(), test.clone())));
                }
            }
            Event::SlotsChanged(it) => self.slots = Some(it.clone()),
            Event::RunFinished(_) => self.tests = None,
            Event::JournalStarted(_)
            | Event::BinarySelected(_)
            | Event::TestOutput(_)
            | Event::TestDiagnosed(_)
            | Event::WorkerFailed(_)
            | Event::Warning { .. } => {}
        }
    }

    fn ended(&mut self, process: Option<u32>, name: &str) {
        if let Some(process) = process {
            self.starting.remove(&process);
        }
        let Some(running) = process.and_then(|process| self.running.get_mut(&process)) else { return };
        if let Some(at) = running.iter().rposition(|running| *running.name == *name) {
            let ended: f64 = running[at..].iter().filter_map(|running| running.expected).sum();
            self.expected = self.expected.map(|expected| expected - ended);
            self.through += ended;
            running.truncate(at);
        }
    }

    /// What runs, the longest first.
    pub(super) fn running(&self, now: Duration) -> Vec<&Running> {
        let starting = self.starting.values().filter(|it| now.saturating_sub(it.since) >= STARTING);
        let running = self.running.values().filter_map(|running| running.last());
        let mut running: Vec<&Running> = running.chain(starting).collect();
        running.sort_by_key(|it| it.since);
        running
    }

    pub(in crate::report) fn was_slow(&self, binary: &Arc<str>, test: &Arc<str>) -> bool {
        !self.slow.is_empty() && self.slow.contains(&(binary.clone(), test.clone()))
    }

    pub(in crate::report) fn has_leaked(&self, binary: &Arc<str>, test: &Arc<str>) -> bool {
        !self.leaked.is_empty() && self.leaked.contains(&(binary.clone(), test.clone()))
    }

    pub(super) fn done(&self) -> usize {
        self.tally.finished()
    }

    pub(super) fn red(&self) -> usize {
        let Tally { failed, timed_out, crashed, setup_failed, error, worker_failed, fixture_failed, .. } = self.tally;
        failed + timed_out + crashed + setup_failed + error + worker_failed + fixture_failed
    }

    /// `None` as long as there is nothing to go by.
    pub(super) fn left(&self, now: Duration) -> Option<Left> {
        self.by_earlier_runs(now).or_else(|| self.by_pace(now))
    }

    /// If all takes as long as it did before: with all slots at work, and no sooner than the longest that runs.
    fn by_earlier_runs(&self, now: Duration) -> Option<Left> {
        let (slots, all) = (self.slots.as_ref()?.cap.max(1), self.expected?);
        let spent = |running: &Running| now.saturating_sub(running.since).as_secs_f64();
        let running: Vec<(f64, f64)> =
            self.running.values().flatten().filter_map(|it| Some((spent(it), it.expected?))).collect();
        if running.iter().any(|(spent, expected)| *spent > 2.0 * expected + LATE.as_secs_f64()) {
            return Some(Left::NotKnown);
        }
        let done: f64 = running.iter().map(|(spent, expected)| spent.min(*expected)).sum();
        let longest = running.iter().map(|(spent, expected)| expected - spent).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many slots")]
        let left = ((all - done) / slots as f64).max(longest);
        Duration::try_from_secs_f64(left).ok().filter(|left| *left > Duration::ZERO).map(Left::For)
    }

    /// If it goes on at the pace of the results so far. Nothing is said before there is a pace.
    fn by_pace(&self, now: Duration) -> Option<Left> {
        let ((since, before), last) = (self.pace?, self.last?);
        let done = u32::try_from(self.done().checked_sub(before)?).ok()?;
        let left = u32::try_from(self.tests?.checked_sub(self.done())?).ok()?;
        if done < 3 || now.checked_sub(since)? < Duration::from_secs(2) || left == 0 {
            return None;
        }
        let (interval, silence) = (last.checked_sub(since)? / done, now.saturating_sub(last));
        // Tests that run side by side may well end side by side.
        let at_once = u32::try_from(self.running.len()).ok()?;
        let usual = interval.checked_mul(2)?.checked_mul(at_once.checked_add(1)?)?;
        let rest = interval.checked_mul(left)?.checked_sub(silence).filter(|rest| *rest > Duration::ZERO);
        Some(rest.filter(|_| silence <= usual + LATE).map_or(Left::NotKnown, Left::For))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Outcome, RunStarted, TestFinished, TestStarted, WorkerStarted};
    use crate::report::junit::sample::{finished, run_started, test_started};

    fn left(left: u64) -> Left {
        Left::For(secs(left))
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_runs_is_what_started_and_has_not_ended() {
        let mut state = State::default();
        state.event(&run_started(2), secs(0));
        state.event(&test_started("demo", "a"), secs(1));
        assert_eq!(state.running(secs(1)).iter().map(|it| &*it.name).collect::<Vec<_>>(), ["a"]);
        // Another test's end is told late, after its process has begun this one.
        state.event(&Event::TestFinished(TestFinished { process: Some(1), ..finished("before") }), secs(1));
        assert_eq!(state.running(secs(1)).len(), 1);
        state.event(&Event::TestFinished(TestFinished { process: Some(1), ..finished("a") }), secs(2));
        assert!(state.running(secs(2)).is_empty());
        assert_eq!((state.done(), state.red()), (2, 0));
    }

    #[test]
    fn a_process_that_takes_its_time_to_start_is_told_until_its_first_test() {
        let mut state = State::default();
        state.event(&run_started(2), secs(0));
        let binary: Arc<str> = "demo::doc/demo".into();
        state.event(&Event::WorkerStarted(WorkerStarted { worker: 0, process: 1, pid: 9, binary, tests: 2 }), secs(3));
        assert!(state.running(secs(3)).is_empty());
        let told = state.running(secs(5)).iter().map(|it| format!("{} {}", it.binary, it.name)).collect::<Vec<_>>();
        assert_eq!(told, ["demo::doc/demo (starting)"]);
        state.event(&test_started("demo", "a"), secs(6));
        assert_eq!(state.running(secs(7)).iter().map(|it| &*it.name).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_time_left_goes_by_earlier_runs_where_there_were_any() {
        let mut state = State::default();
        let Event::RunStarted(run) = run_started(3) else { panic!() };
        state.event(&Event::RunStarted(RunStarted { expected: Some(12.0), ..run }), secs(0));
        assert_eq!(state.left(secs(0)), None, "with how many slots is not known");
        let slots = SlotsChanged { timestamp: finished("a").timestamp, held: 2, waiting: 0, cap: 2 };
        state.event(&Event::SlotsChanged(slots), secs(0));
        assert_eq!(state.left(secs(0)), Some(left(6)));
        for (name, process, expected) in [("a", 1, 8.0), ("b", 2, 2.0)] {
            let Event::TestStarted(it) = test_started("demo", name) else { panic!() };
            state.event(&Event::TestStarted(TestStarted { process, expected: Some(expected), ..it }), secs(0));
        }
        assert_eq!(state.left(secs(1)), Some(left(7)), "the longest one decides");
        assert_eq!(state.left(secs(5)), Some(left(3)), "what takes longer than it should may end at any moment");
        assert_eq!(state.left(secs(7)), Some(Left::NotKnown), "or never");
        state.event(&Event::TestFinished(TestFinished { process: Some(1), ..finished("a") }), secs(9));
        state.event(&Event::TestFinished(TestFinished { process: Some(2), ..finished("b") }), secs(9));
        assert_eq!(state.left(secs(9)), Some(left(1)));
    }

    #[test]
    fn the_time_left_goes_by_the_pace_of_what_took_time() {
        let mut state = State::default();
        state.event(&run_started(30), secs(0));
        for _ in 0..10 {
            let ignored = TestFinished { outcome: Outcome::Ignored, process: None, ..finished("ignored") };
            state.event(&Event::TestFinished(ignored), secs(0));
        }
        state.event(&test_started("demo", "a"), secs(1));
        assert_eq!(state.left(secs(5)), None, "nothing is known before anything has ended");
        for _ in 0..5 {
            state.event(&Event::TestFinished(finished("t")), secs(6));
        }
        assert_eq!(state.left(secs(6)), Some(left(15)));
        assert_eq!(state.left(secs(8)), Some(left(13)), "it does not grow while nothing ends");
        assert_eq!(state.left(secs(13)), Some(Left::NotKnown), "three seconds would have been usual");
        assert_eq!(state.left(secs(999)), Some(Left::NotKnown));
        state.event(&Event::TestFinished(finished("t")), secs(19));
        assert_eq!(state.left(secs(19)), Some(left(42)));
    }

    /// Of the last one it is said in vain how long the others took.
    #[test]
    fn the_time_left_of_a_run_whose_last_test_hangs_is_not_known() {
        let mut state = State::default();
        state.event(&run_started(4), secs(0));
        state.event(&test_started("demo", "a"), secs(0));
        for second in 1..=3 {
            state.event(&Event::TestFinished(finished("t")), secs(second));
        }
        assert_eq!(state.left(secs(3)), Some(left(1)));
        assert_eq!(state.left(secs(4)), Some(Left::NotKnown));
    }
}
