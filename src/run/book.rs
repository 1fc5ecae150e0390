//! Keeps the books of a run: tells the reporters, counts, and knows which results are still owed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, Local};

use super::clock::Clock;
use super::expected::Expected;
use super::plan::Item;
use crate::event::{Event, Outcome, Reporter, Show, SlotsChanged, Stopped, Tally, TestFinished, TestStarted};
use crate::list::{Suite, Test};
use crate::schedule::{self, Batch, ContextId, More, Slots};

pub(super) struct Book<'a> {
    pub suites: Vec<&'a Suite>,
    items: Vec<Item>,
    expected: Expected,
    reporter: &'a mut dyn Reporter,
    clock: Clock,
    began_at: DateTime<FixedOffset>,
    pub tally: Tally,
    /// Whether an item has had its last word.
    told: Vec<bool>,
    /// The failures of items that are to be tried again.
    attempts: HashMap<schedule::Item, TestFinished>,
    predecessors: HashMap<schedule::Item, Vec<Arc<str>>>,
    /// The first thing that the reporter could not do.
    pub error: Option<anyhow::Error>,
}

impl<'a> Book<'a> {
    pub(super) fn open(reporter: &'a mut dyn Reporter) -> Self {
        Self {
            suites: Vec::new(),
            items: Vec::new(),
            expected: Expected::default(),
            reporter,
            clock: Clock::start(),
            began_at: Local::now().fixed_offset(),
            tally: Tally::default(),
            told: Vec::new(),
            attempts: HashMap::new(),
            predecessors: HashMap::new(),
            error: None,
        }
    }

    /// There are more results to come.
    pub(super) fn add(&mut self, suites: Vec<&'a Suite>, items: Vec<Item>, more: &More) {
        self.told.resize(self.told.len() + items.len(), false);
        self.suites.extend(suites);
        self.items.extend(items);
        self.expected.add(more);
    }

    /// The time since the run began, without that in which it was stopped.
    pub(super) fn since_start(&self, at: Instant) -> Duration {
        self.clock.at(at)
    }

    /// How long the run went on between two moments.
    pub(super) fn between(&self, from: Instant, to: Instant) -> Duration {
        self.clock.at(to).saturating_sub(self.clock.at(from))
    }

    pub(super) fn leave_out(&mut self, from: Instant, to: Instant) {
        self.clock.leave_out(from, to);
    }

    /// The time of day.
    pub(super) fn time(&self, at: Instant) -> DateTime<FixedOffset> {
        self.began_at + self.clock.on_the_wall(at)
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.tally.count(event);
        let told = self.reporter.event(event);
        self.note(told);
    }

    pub(super) fn warn(&mut self, message: String) {
        self.tell(&Event::Warning { message });
    }

    pub(super) fn flush(&mut self) {
        let flushed = self.reporter.flush();
        self.note(flushed);
    }

    pub(super) fn pulse(&self) -> Duration {
        self.reporter.pulse()
    }

    pub(super) fn show(&mut self, wanted: &Show) {
        let shown = self.reporter.show(wanted);
        self.note(shown);
    }

    pub(super) fn lend_terminal(&mut self, lent: bool) {
        let told = self.reporter.lend_terminal(lent);
        self.note(told);
    }

    /// There is one item in the run.
    pub(super) fn has_one_item(&self) -> bool {
        self.items.len() == 1
    }

    pub(super) fn suspend(&mut self) {
        let suspended = self.reporter.suspend();
        self.note(suspended);
    }

    pub(super) fn resume(&mut self) {
        self.reporter.resume();
    }

    pub(super) fn slots_changed(&mut self, slots: Slots) {
        let Slots { held, waiting, cap } = slots;
        let timestamp = self.time(Instant::now());
        self.tell(&Event::SlotsChanged(SlotsChanged { timestamp, held, waiting, cap }));
    }

    fn note(&mut self, result: anyhow::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// How long all items should take one after another, in seconds.
    pub(super) fn expected(&self) -> Option<f64> {
        self.expected.sum().map(|sum| sum.as_secs_f64())
    }

    /// The number of the suite that an item belongs to.
    pub(super) fn place(&self, item: schedule::Item) -> usize {
        self.items[item].suite
    }

    /// The number of the group that an item belongs to.
    pub(super) fn group(&self, item: schedule::Item) -> usize {
        self.items[item].group
    }

    /// The number of the first context of an item's suite.
    pub(super) fn first_context(&self, item: schedule::Item) -> ContextId {
        self.items[item].first_context
    }

    pub(super) fn suite(&self, item: schedule::Item) -> &'a Suite {
        self.suites[self.items[item].suite]
    }

    pub(super) fn test(&self, item: schedule::Item) -> &'a Test {
        &self.suite(item).tests[self.items[item].test]
    }

    pub(super) fn names(&self, items: &[schedule::Item]) -> Vec<Arc<str>> {
        items.iter().map(|item| self.test(*item).name.clone()).collect()
    }

    /// Why the time of an item was up.
    pub(super) fn late(&self, item: schedule::Item) -> String {
        match self.items[item].limit {
            Some((limit, whence)) => format!("timed out after {limit:?} ({whence})"),
            None => "timed out".to_owned(),
        }
    }

    pub(super) fn started(&self, batch: &Batch, item: schedule::Item) -> TestStarted {
        TestStarted {
            binary: self.suite(item).binary.id.clone(),
            test: self.test(item).name.clone(),
            attempt: batch.attempt,
            repetition: self.items[item].repetition,
            worker: batch.worker,
            process: batch.process,
            expected: self.expected.of(item).map(|it| it.as_secs_f64()),
            contexts: self.suite(item).contexts_of(self.test(item)),
        }
    }

    /// A result with all that is known of the test, for the caller to complete.
    pub(super) fn result(&self, item: schedule::Item, outcome: Outcome, at: Instant) -> TestFinished {
        let result = result(self.suite(item), self.test(item), outcome, self.time(at));
        TestFinished { repetition: self.items[item].repetition, ..result }
    }

    /// An attempt that is not the last one.
    pub(super) fn will_try_again(&mut self, item: schedule::Item, result: TestFinished) {
        self.tell(&Event::AttemptFailed(result.clone()));
        self.attempts.insert(item, result);
    }

    /// The last word on an item.
    pub(super) fn finished(&mut self, item: schedule::Item, mut result: TestFinished) {
        self.attempts.remove(&item);
        if std::mem::replace(&mut self.told[item], true) {
            return;
        }
        if !result.after.is_empty() {
            self.predecessors.insert(item, result.after.clone());
        }
        result.flaky = result.outcome == Outcome::Passed && result.attempt > 1;
        self.tell(&Event::TestFinished(result));
    }

    /// An item will not run, since what it needs could not be set up. If it was to be tried again, its failure stands.
    pub(super) fn not_set_up(&mut self, item: schedule::Item, why: Option<&str>) {
        let result = self.attempts.remove(&item).unwrap_or_else(|| {
            let result = self.result(item, Outcome::SetupFailed, Instant::now());
            TestFinished { message: why.map(str::to_owned), ..result }
        });
        self.finished(item, result);
    }

    /// An item will not run.
    pub(super) fn not_reached(&mut self, item: schedule::Item, why: &str) {
        let result = self.result(item, Outcome::NotReached, Instant::now());
        self.finished(item, TestFinished { message: Some(why.to_owned()), ..result });
    }

    /// The tests that ran before a failed one in its process.
    pub(super) fn predecessors(&self, item: schedule::Item) -> Vec<Arc<str>> {
        self.predecessors.get(&item).cloned().unwrap_or_default()
    }

    /// Gives every item that is still owed its last word: the failure that was to be tried again, or that the run
    /// ended before it.
    pub(super) fn close(&mut self, stopped: Option<Stopped>) {
        for item in 0..self.items.len() {
            if self.told[item] {
                continue;
            }
            let result = self.attempts.remove(&item).unwrap_or_else(|| {
                // Without a stop nothing may be left; if it is, that is a fault of ours, and the run is red.
                let (outcome, message) = match stopped {
                    Some(_) => (Outcome::NotReached, "the run ended before it started"),
                    None => (Outcome::Error, "cargo ptest lost sight of this test; please report this"),
                };
                let result = self.result(item, outcome, Instant::now());
                TestFinished { message: Some(message.to_owned()), ..result }
            });
            self.finished(item, result);
        }
    }
}

/// A result that says nothing yet but what is known of the test before it runs.
pub(super) fn result(suite: &Suite, test: &Test, outcome: Outcome, timestamp: DateTime<FixedOffset>) -> TestFinished {
    TestFinished {
        binary: suite.binary.id.clone(),
        test: test.name.clone(),
        outcome,
        attempt: 1,
        repetition: 1,
        flaky: false,
        timestamp,
        duration: 0.0,
        worker: None,
        process: None,
        file: test.file.clone(),
        line: test.line,
        place: None,
        contexts: suite.contexts_of(test),
        message: None,
        output: String::new(),
        truncated: false,
        before: 0,
        after: Vec::new(),
        beside: false,
    }
}
