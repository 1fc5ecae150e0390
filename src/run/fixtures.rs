//! What the loop does with what workers say of the fixtures that they run between their tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ptest::wire::record::{Failure, Record};

use super::Run;
use super::output::Output;
use crate::event::{Event, Fixture, FixtureFinished, FixtureKind, FixtureStarted, Outcome};
use crate::list::{Context, ContextKind, Suite};
use crate::schedule::{Input, Process};

/// A setup or teardown that a process is at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Among those of the process's suite.
    pub context: usize,
    pub fixture: Fixture,
    pub since: Instant,
    /// For a teardown: what the test came to in which it runs.
    pub passed: bool,
}

/// Why a test does not run, if a setup that failed has told.
pub(super) struct NotSetUp(pub Option<Arc<str>>);

/// What a fixture came to.
pub(super) struct Came {
    pub outcome: Outcome,
    pub message: Option<String>,
    pub duration: Duration,
}

impl Came {
    pub(super) fn passed(duration: Duration) -> Self {
        Self { outcome: Outcome::Passed, message: None, duration }
    }

    /// That is nobody's failure.
    pub(super) fn cut_short(since: Instant) -> Self {
        let message = Some("the run ended while it ran".to_owned());
        Self { outcome: Outcome::NotReached, message, duration: since.elapsed() }
    }

    pub(super) fn failed(failure: Failure) -> Self {
        let outcome = if failure.timed_out { Outcome::TimedOut } else { Outcome::Failed };
        Self { outcome, message: Some(failure.message), duration: failure.duration }
    }
}

impl Run<'_> {
    pub(super) fn worker_said(&mut self, process: Process, record: Record, output: Output, at: Instant) {
        match record {
            Record::SetupStarted { context, limit } => {
                self.fixture_started(process, &context, Fixture::Setup, limit, true, at);
            }
            Record::SetupFinished { context, duration } => {
                self.fixture_ended(process, &context, Fixture::Setup, Came::passed(duration), output, at);
            }
            Record::SetupFailed { context, failure } => {
                self.fixture_ended(process, &context, Fixture::Setup, Came::failed(failure), output, at);
            }
            Record::NotSetUp { context } => {
                let Some(number) = self.context_of(process, &context) else { return };
                let Some(live) = self.processes.get_mut(&process) else { return };
                live.not_set_up = Some(NotSetUp(live.failures.get(&number).cloned()));
            }
            Record::TeardownStarted { context, limit, passed } => {
                self.fixture_started(process, &context, Fixture::Teardown, limit, passed, at);
            }
            Record::TeardownFinished { context, duration } => {
                self.fixture_ended(process, &context, Fixture::Teardown, Came::passed(duration), output, at);
            }
            Record::TeardownFailed { context, failure } => {
                self.fixture_ended(process, &context, Fixture::Teardown, Came::failed(failure), output, at);
            }
            // A worker has no reason to say these.
            _ => {}
        }
    }

    fn fixture_started(
        &mut self,
        process: Process,
        module: &str,
        fixture: Fixture,
        limit: Duration,
        passed: bool,
        at: Instant,
    ) {
        let Some(context) = self.context_of(process, module) else { return };
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.open = Some(Open { context, fixture, since: at, passed });
        let worker = live.batch.worker;
        let suite = self.book.suite(live.batch.items[0]);
        let context = &suite.contexts[context];
        self.book.tell(&Event::FixtureStarted(FixtureStarted {
            binary: suite.binary.id.clone(),
            context: context.module.clone(),
            fixture,
            kind: kind(context),
            worker: Some(worker),
            process,
        }));
        self.step(at, Input::FixtureStarted { process, limit });
    }

    fn fixture_ended(
        &mut self,
        process: Process,
        module: &str,
        fixture: Fixture,
        came: Came,
        output: Output,
        at: Instant,
    ) {
        let Some(context) = self.context_of(process, module) else { return };
        let Some(live) = self.processes.get_mut(&process) else { return };
        let open = live.open.take().filter(|open| open.fixture == fixture && open.context == context);
        let since = open.map_or(at, |open| open.since);
        live.in_fixtures += came.duration;
        self.tell_fixture(process, Open { context, fixture, since, passed: true }, came, output);
        self.step(at, Input::FixtureEnded(process));
    }

    /// The process has ended in the middle of a fixture. That of a setup is the end of all who need it.
    pub(super) fn fixture_broke(
        &mut self,
        process: Process,
        open: Open,
        outcome: Outcome,
        why: String,
        output: Output,
    ) {
        let duration = open.since.elapsed();
        if let Some(live) = self.processes.get_mut(&process) {
            live.in_fixtures += duration;
        }
        self.tell_fixture(process, open, Came { outcome, message: Some(why), duration }, output);
    }

    /// The run ended in the middle of a fixture.
    pub(super) fn fixture_cut_short(&mut self, process: Process, open: Open, output: Output) {
        self.tell_fixture(process, open, Came::cut_short(open.since), output);
    }

    fn tell_fixture(&mut self, process: Process, open: Open, came: Came, output: Output) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        let first = live.batch.items[0];
        let suite = self.book.suite(first);
        let setup_failed = open.fixture == Fixture::Setup && came.outcome.is_red();
        let message: Arc<str> = came.message.clone().unwrap_or_default().into();
        if setup_failed {
            live.failures.insert(open.context, message.clone());
            live.not_set_up = Some(NotSetUp(Some(message.clone())));
        }
        let worker = Some(live.batch.worker);
        let timestamp = self.book.time(open.since);
        let finished = finished(suite, open.context, open.fixture, came, output, timestamp, process);
        self.book.tell(&Event::FixtureFinished(FixtureFinished { worker, ..finished }));
        if setup_failed {
            let context = self.book.first_context(first) + open.context;
            self.failed_contexts.insert(context, message);
            self.step(Instant::now(), Input::ContextFailed(context));
        }
    }

    /// The context of a module, in the process's suite.
    fn context_of(&self, process: Process, module: &str) -> Option<usize> {
        let suite = self.book.suite(self.processes.get(&process)?.batch.items[0]);
        suite.contexts.iter().position(|context| *context.module == *module)
    }
}

/// A fixture's end with all that is known of it, for a fixture without a worker.
pub(super) fn finished(
    suite: &Suite,
    context: usize,
    fixture: Fixture,
    came: Came,
    output: Output,
    timestamp: chrono::DateTime<chrono::FixedOffset>,
    process: Process,
) -> FixtureFinished {
    let context = &suite.contexts[context];
    let place = match fixture {
        Fixture::Teardown => context.teardown.as_ref().unwrap_or(&context.setup),
        Fixture::Setup | Fixture::Host => &context.setup,
    };
    let function = match fixture {
        Fixture::Teardown => context.teardown.as_ref(),
        Fixture::Setup | Fixture::Host => Some(&context.setup),
    };
    let function = function.map(|function| function.name.clone());
    let truncated = output.truncated();
    FixtureFinished {
        binary: suite.binary.id.clone(),
        context: context.module.clone(),
        fixture,
        kind: kind(context),
        function,
        outcome: came.outcome,
        timestamp,
        duration: came.duration.as_secs_f64(),
        worker: None,
        process,
        file: Some(place.file.clone()),
        line: Some(place.line),
        message: came.message,
        output: output.into_text(),
        truncated,
    }
}

pub(super) fn kind(context: &Context) -> FixtureKind {
    match context.kind {
        ContextKind::Unit => FixtureKind::Unit,
        ContextKind::CanSplit => FixtureKind::CanSplit,
        ContextKind::Shared => FixtureKind::Shared,
    }
}
