//! What the loop does with what a living process tells.

use std::io;
use std::time::{Duration, Instant};

use camino::{Utf8Component, Utf8Path};

use super::dialect::{Ended, Fact, Verdict};
use super::fixtures::NotSetUp;
use super::live::Early;
use super::message::Reason;
use super::output::Output;
use super::process::{EndOfLog, Report, SoFar, Timed};
use super::{NEAREST, Run, message, os};
use crate::event::{Event, Outcome, Place, Show, TestDiagnosed, TestFinished, TestOutput, WorkerStarted};
use crate::list::Harness;
use crate::schedule::{self, Batch, Input, Process, Shortage};

/// What came of a test at its end.
pub(super) struct Attempt {
    pub item: schedule::Item,
    pub place: usize,
    pub outcome: Outcome,
    pub note: Option<String>,
    pub output: Output,
    since: Instant,
    duration: Duration,
    /// How many tests its process had run before, and the last of them.
    before: usize,
    nearest: Vec<schedule::Item>,
    /// Others of its family ran beside it.
    beside: bool,
}

fn outcome_of(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Passed => Outcome::Passed,
        Verdict::Failed => Outcome::Failed,
        Verdict::Ignored => Outcome::Ignored,
    }
}

impl Run<'_> {
    pub(super) fn process_reports(&mut self, process: Process, report: Report) {
        match report {
            Report::Started { pid, group, so_far, end_of_log, .. } => {
                self.process_started(process, pid, (group, so_far, end_of_log));
            }
            Report::NotStarted(error) => {
                if !self.is_started_later(process, &error) {
                    self.process_not_started(process, Outcome::Error, |path| format!("cannot start {path}: {error}"));
                }
            }
            Report::Withheld(why) => self.process_not_started(process, Outcome::NotReached, |_| why),
            Report::Panicked(panic) => self.process_not_started(process, Outcome::Error, |_| panic.to_string()),
            Report::Facts(facts) => facts.into_iter().for_each(|fact| self.fact(process, fact)),
            Report::WaitsForTerminal => self.waits_for_terminal(process),
            // The thread has done what there was to do.
            Report::Ending => {}
            Report::Gone(gone) => self.process_gone(process, *gone),
        }
    }

    fn process_started(
        &mut self,
        process: Process,
        pid: u32,
        (group, so_far, end_of_log): (os::Group, SoFar, EndOfLog),
    ) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        // It may have been asked to end before it was there to hear it.
        match live.asked {
            Some(_) if live.kill_asked => group.kill(),
            Some(_) => group.terminate(),
            None => {}
        }
        live.group = Some(group);
        live.so_far = Some(so_far);
        live.end_of_log = Some(end_of_log);
        if let Some(loan) = self.loan.as_mut().filter(|loan| loan.process == process) {
            loan.pid = Some(pid);
            self.watch_stops(process, pid);
        }
        let Some(live) = self.processes.get(&process) else { return };
        let Batch { worker, ref items, .. } = live.batch;
        let binary = self.book.suite(items[0]).binary.id.clone();
        self.book.tell(&Event::WorkerStarted(WorkerStarted { worker, process, pid, binary, tests: items.len() }));
    }

    /// As if its time was up.
    pub(super) fn waits_for_terminal(&mut self, process: Process) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.early.get_or_insert(Early::WaitsForTerminal);
        self.step(Instant::now(), Input::End(process));
        let Some(live) = self.processes.get(&process) else { return };
        // It may not have come to a test yet.
        if let (None, Some(group)) = (live.asked, &live.group) {
            group.kill();
        }
    }

    /// Nothing will be heard of it, or nothing more.
    fn process_not_started(&mut self, process: Process, outcome: Outcome, why: impl FnOnce(&Utf8Path) -> String) {
        let Some(live) = self.processes.get(&process) else { return };
        let binary = &self.book.suite(live.batch.items[0]).binary;
        let why = why(&binary.path);
        for place in live.owed() {
            self.test_finished(process, place, outcome, Some(why.clone()), Output::default(), Instant::now());
        }
        self.end_loan(process);
        self.processes.remove(&process);
        self.step(Instant::now(), Input::ProcessExited(process));
    }

    /// What the system had no room for has done nothing yet, and another time there may be room.
    fn is_started_later(&mut self, process: Process, error: &io::Error) -> bool {
        let Some(live) = self.processes.get(&process) else { return false };
        let shortage =
            os::shortage(error).filter(|why| live.group.is_none() && self.scheduler.tries_later(process, *why));
        let Some(why) = shortage else { return false };
        self.end_loan(process);
        self.processes.remove(&process);
        self.warn_of_shortage(why, error);
        self.step(Instant::now(), Input::NotStarted { process, why });
        true
    }

    /// Once is enough, and a batch that was too large is nobody's concern.
    pub(super) fn warn_of_shortage(&mut self, why: Shortage, error: &io::Error) {
        if why == Shortage::Resources && !std::mem::replace(&mut self.warned_of_shortage, true) {
            self.book.warn(format!(
                "the system cannot start another process ({error}): fewer run at a time, and what could not be started \
                 is when another has ended (see ulimit -n and -u, or use fewer --processes)"
            ));
        }
    }

    fn fact(&mut self, process: Process, Timed { fact, at }: Timed) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        match fact {
            // One that was dismissed may say what becomes of its teardowns.
            fact if live.muted && !matches!(fact, Fact::Said(..)) => {}
            Fact::Began(place) => {
                live.began = Some((place, at));
                let item = live.batch.items[place];
                if !live.batch.diagnosis {
                    let started = self.book.started(&live.batch, item);
                    self.book.tell(&Event::TestStarted(started));
                }
                if self.book.suite(item).harness == Harness::Doctests {
                    self.step(at, Input::FixtureEnded(process));
                }
                self.step(at, Input::ItemStarted { process, item });
            }
            Fact::Said(record, output) => self.worker_said(process, record, output, at),
            Fact::Wrote(place, bytes) => {
                let (item, worker) = (live.batch.items[place], live.batch.worker);
                let lines = live.lines(&bytes);
                if self.has_terminal(process) {
                    self.book.show(&Show::Written(bytes));
                }
                for line in lines {
                    self.tell_line(item, worker, line);
                }
            }
            Fact::Ended(ended) if live.first.is_some() => live.held = Some((ended, at)),
            Fact::Ended(ended) if live.by_text => self.ended_by_text(process, ended, at),
            Fact::Ended(ended) => self.ended(process, ended, at),
        }
    }

    pub(super) fn ended(&mut self, process: Process, Ended { place, verdict, note, output }: Ended, at: Instant) {
        self.test_finished(process, place, outcome_of(verdict), note, output, at);
    }

    fn tell_line(&mut self, item: schedule::Item, worker: usize, line: String) {
        let (binary, test) = (self.book.suite(item).binary.id.clone(), self.book.test(item).name.clone());
        self.book.tell(&Event::TestOutput(TestOutput { binary, test, worker, line }));
    }

    /// One attempt has come to something: by a verdict, or by the end of its process.
    pub(super) fn test_finished(
        &mut self,
        process: Process,
        place: usize,
        outcome: Outcome,
        note: Option<String>,
        output: Output,
        at: Instant,
    ) {
        if let Some(attempt) = self.attempt(process, place, outcome, note, output, at) {
            self.report_attempt(process, attempt, at);
        }
    }

    /// What came of an attempt by the text alone, which is reported when the process is gone.
    fn ended_by_text(&mut self, process: Process, ended: Ended, at: Instant) {
        let Ended { place, verdict, note, output } = ended;
        let Some(attempt) = self.attempt(process, place, outcome_of(verdict), note, output, at) else { return };
        let item = attempt.item;
        if let Some(live) = self.processes.get_mut(&process) {
            live.attempts.push(attempt);
        }
        self.step(at, Input::ItemEnded { process, item });
    }

    /// Takes together what is known of a test whose end has come.
    fn attempt(
        &mut self,
        process: Process,
        place: usize,
        outcome: Outcome,
        note: Option<String>,
        output: Output,
        at: Instant,
    ) -> Option<Attempt> {
        let live = self.processes.get_mut(&process)?;
        let item = live.batch.items[place];
        let worker = live.batch.worker;
        // Whatever its verdict: it has not run. (The harness knows of no fixtures, and says that it failed.)
        let (outcome, note) = match live.not_set_up.take() {
            Some(NotSetUp(why)) if outcome != Outcome::NotReached => {
                (Outcome::SetupFailed, why.map(|it| it.to_string()).or(note))
            }
            _ => (outcome, note),
        };
        // A doctest runs in a process of its own below the one that we know.
        let shares_state = self.book.suite(item).harness != Harness::Doctests;
        let (before, nearest) = match outcome.is_red() && shares_state {
            true => (live.has_run(), live.nearest(NEAREST)),
            false => (0, Vec::new()),
        };
        let last_line = live.last_line();
        let since = live.began.take().filter(|(began, _)| *began == place).map_or(at, |(_, since)| since);
        live.end(place);
        live.failed |= matches!(outcome, Outcome::Failed | Outcome::SetupFailed);
        let in_fixtures = std::mem::take(&mut live.in_fixtures);
        if let Some(line) = last_line {
            self.tell_line(item, worker, line);
        }
        let duration = self.book.between(since, at).saturating_sub(in_fixtures);
        let beside = outcome.is_red() && self.scheduler.has_company(process);
        Some(Attempt { item, place, outcome, note, output, since, duration, before, nearest, beside })
    }

    pub(super) fn report_attempt(&mut self, process: Process, attempt: Attempt, at: Instant) {
        let Attempt { item, outcome, note, output, since, duration, before, nearest, beside, .. } = attempt;
        let Some(live) = self.processes.get(&process) else { return };
        let Batch { worker, attempt, diagnosis, .. } = live.batch;
        let again = outcome.is_red() && self.scheduler.tries_again(process, item);
        let truncated = output.truncated();
        let output = output.into_text();
        let (message, place) = self.reason(item, outcome, note, &output);
        let result = TestFinished {
            attempt,
            worker: Some(worker),
            process: Some(process),
            duration: duration.as_secs_f64(),
            message,
            place,
            output,
            truncated,
            before,
            after: self.book.names(&nearest),
            beside,
            ..self.book.result(item, outcome, since)
        };
        if diagnosis {
            let (binary, test) = (result.binary, result.test);
            let after = self.book.predecessors(item);
            self.book.tell(&Event::TestDiagnosed(TestDiagnosed { binary, test, alone: outcome, after }));
        } else if again {
            self.book.will_try_again(item, result);
        } else {
            self.book.finished(item, result);
        }
        let passed = !outcome.is_red();
        self.step(at, Input::ItemFinished { process, item, passed, duration });
    }

    /// Why it came to this, and where in the workspace. libtest's own words are about the test; an exit code is the last
    /// resort.
    fn reason(
        &self,
        item: schedule::Item,
        outcome: Outcome,
        note: Option<String>,
        output: &str,
    ) -> (Option<String>, Option<Place>) {
        let test = self.book.test(item).argument();
        let found = || message::of_failure(test, output);
        let message = |reason: Option<Reason>| reason.map(|reason| reason.message);
        match (outcome, self.book.suite(item).harness) {
            (Outcome::Failed, Harness::Libtest) if note.is_some() => {
                (note, self.place(item, message::place_of_panic(test, output)))
            }
            (Outcome::Failed, Harness::Libtest | Harness::Custom | Harness::Whole) => match found() {
                Some(Reason { message, place }) => (Some(message), self.place(item, place)),
                None => (note, None),
            },
            (Outcome::SetupFailed, Harness::Libtest) => (note.or_else(|| message(found())), None),
            (Outcome::Failed | Outcome::SetupFailed, Harness::Doctests) => {
                (note.or_else(|| message::of_doctest(output)), None)
            }
            (Outcome::Crashed, _) => {
                let reason =
                    message::of_death(test, output, note.as_deref().is_some_and(|it| it.starts_with("SIGABRT")));
                (note, self.place(item, reason.and_then(|reason| reason.place)))
            }
            _ => (note, None),
        }
    }

    /// The place that a panic names, if it lies in the sources of the workspace.
    fn place(&self, item: schedule::Item, place: Option<String>) -> Option<Place> {
        let place = place?;
        let (line, file) = place.rsplit_once(':').and_then(|(place, _column)| {
            let (file, line) = place.rsplit_once(':')?;
            Some((line.parse().ok()?, Utf8Path::new(file)))
        })?;
        let root = &self.book.suite(item).binary.root;
        let inside = if file.is_absolute() { file.strip_prefix(root).ok()? } else { file };
        let leaves = inside.components().any(|it| it == Utf8Component::ParentDir);
        (!leaves && root.join(inside).is_file()).then(|| Place { file: inside.as_str().into(), line })
    }
}
