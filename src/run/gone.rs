//! What the loop does when a process is gone: every test that it was given gets an outcome, or goes to another.

use std::sync::atomic::Ordering;
use std::time::Instant;

use signal_hook::consts::SIGABRT;

use super::NEAREST;
use super::Run;
use super::counters::{self, Lost};
use super::dialect::{Ended, NoWord, Verdict};
use super::judge::{Judgement, judge};
use super::leftovers::{self, Whose};
use super::live::Early;
use super::message;
use super::os::Exit;
use super::output::Output;
use super::plan;
use super::process::{Gone, Leak};
use super::rerun::{Conclusion, Confirmation, First, Second, conclude, confirm};
use super::witness::{self, is_believed};
use crate::event::{Event, Fixture, Outcome, WorkerExited, WorkerFailed};
use crate::list::Harness;
use crate::schedule::{Input, Item, Process};

impl Run<'_> {
    pub(super) fn process_gone(&mut self, process: Process, gone: Gone) {
        self.take_terminal_back(process, gone.exit);
        self.conclude(process, &gone);
        let is_disputed = self.settle_text(process, &gone);
        let Some(live) = self.processes.get(&process) else { return };
        let early = live.early.map(Early::verdict);
        // Whatever its process came to then, that is why.
        let stopped = live.early.filter(|early| *early == Early::WaitsForTerminal).map(|early| early.verdict().1);
        let judgement = match live.muted {
            true => Judgement::Interrupted,
            false if live.concluded || is_disputed => Judgement::Clean,
            false => judge(live.facts(&gone)),
        };
        self.clean_up_after(process, &gone, &judgement);
        let lost = self.lost_counters(process, gone.exit);
        let exit = gone.exit.to_string();
        let first = self.processes[&process].batch.items[0];
        let (running, output) = match gone.end.running {
            Some((place, output)) => (Some(place), output),
            None => (None, gone.end.stray),
        };
        let (fixture, no_word) = (gone.end.fixture, gone.end.no_word);
        match judgement {
            Judgement::Clean => {}
            Judgement::Interrupted => self.interrupted(process, gone.exit, running, output, fixture),
            Judgement::WithoutLog => self.log_is_lost(process),
            Judgement::Alone(place) if self.may_run_again(process) => {
                let first = no_word.map(|why| First { why, exit: gone.exit, output, confirmed: false });
                self.run_alone(process, place, first);
            }
            Judgement::TimedOut(place) => {
                let live = &self.processes[&process];
                let item = live.batch.items[place];
                let late = match &live.open {
                    Some(open) => plan::late(&self.book.suite(item).contexts[open.context], open.fixture),
                    None => self.book.late(item),
                };
                let verdict = early.unwrap_or((Outcome::TimedOut, late));
                self.died_in(process, place, verdict, output, fixture);
            }
            Judgement::Crashed(place) | Judgement::Alone(place) => {
                let doubt = if gone.end.disputed { ": libtest's summary is missing or does not match" } else { "" };
                let item = self.processes[&process].batch.items[place];
                let open = self.processes[&process].open.is_some();
                let why =
                    self.with_last_words(item, exit.clone() + doubt, gone.exit, if open { &fixture } else { &output });
                self.died_in(process, place, (Outcome::Crashed, why), output, fixture);
            }
            Judgement::NotStarted(why) => {
                let why = stopped.unwrap_or_else(|| self.with_last_words(first, why, gone.exit, &output));
                self.never_began(process, &why, &output);
            }
            Judgement::Failed(why) => {
                let why = stopped.unwrap_or_else(|| self.with_last_words(first, why, gone.exit, &output));
                self.died_outside(process, why, output, fixture);
            }
        }
        lost.into_iter().for_each(|note| self.book.warn(note));
        self.tell_exit(process, exit, gone.leak);
        self.end_loan(process);
        self.processes.remove(&process);
        self.top_up();
        self.step(Instant::now(), Input::ProcessExited(process));
    }

    /// What there is to say of the counters of the tests that ended in a process before it did. Nothing, if that was because
    /// the run ends: what the run covers has gaps then in any case.
    fn lost_counters(&mut self, process: Process, exit: Exit) -> Option<String> {
        let live = self.processes.get(&process).filter(|live| !live.muted && live.has_run() > 0)?;
        let suite = self.book.suite(live.batch.items[0]);
        // rustdoc runs each doctest in a process of its own.
        let has_counters = suite.harness != Harness::Doctests;
        if !has_counters || !plan::counters_of(suite, self.options.counters).are_lost(exit) {
            return None;
        }
        let names = self.book.names(&live.nearest(counters::NAMED));
        let lost = Lost {
            binary: &suite.binary.id,
            names: &names,
            count: live.has_run(),
            exit,
            unit: self.groups.groups[self.book.group(live.batch.items[0])].unit,
        };
        let is_first = !std::mem::replace(&mut self.warned_of_counters, true);
        Some(lost.note(is_first))
    }

    /// Why a process died, and what it said of that itself, if it died by a signal or a code of its own.
    fn with_last_words(&self, item: Item, why: String, exit: Exit, output: &Output) -> String {
        let test = self.book.test(item).argument();
        let aborted = exit == Exit::Signal(SIGABRT);
        match message::of_death(test, &output.clone().into_text(), aborted) {
            Some(reason) if !why.contains(&reason.message) => format!("{why}: {}", reason.message),
            _ => why,
        }
    }

    /// What has left the process group of a process that was killed is found by its mark. That takes a look at every
    /// process of the machine, so it is done only where there is reason to.
    fn clean_up_after(&mut self, process: Process, gone: &Gone, judgement: &Judgement) {
        let worker = self.processes[&process].batch.worker;
        let was_killed = matches!(judgement, Judgement::TimedOut(_) | Judgement::Interrupted);
        if was_killed {
            leftovers::kill(&self.options.run, Whose::Worker(worker));
        }
        let was_killed = was_killed && matches!(gone.exit, Exit::Signal(_));
        if was_killed && self.pool.guest && !self.warned_of_lost_slots {
            self.warned_of_lost_slots = true;
            let names = self.process_names(process);
            self.book.warn(format!(
                "a process was killed ({names}); if it ran cargo or make, their slots are lost to the jobserver of the make \
                 or cargo that started this run",
            ));
        }
    }

    fn process_names(&self, process: Process) -> String {
        let live = &self.processes[&process];
        let mut items = live.nearest(1);
        items.extend(live.began.map(|(place, _)| live.batch.items[place]));
        let binary = &self.book.suite(live.batch.items[0]).binary.id;
        format!("{binary}: {}", self.book.names(&items).join(", "))
    }

    /// The process died in a test: in the test itself, or in a fixture that runs within its time.
    fn died_in(
        &mut self,
        process: Process,
        place: usize,
        (outcome, why): (Outcome, String),
        output: Output,
        fixture: Output,
    ) {
        let open = self.processes.get_mut(&process).and_then(|live| live.open.take());
        let (outcome, why) = match open {
            None => (outcome, Some(why)),
            Some(open) => {
                let verdict = match (open.fixture, open.passed) {
                    // The failed setup makes of it what it is.
                    (Fixture::Setup, _) => (outcome, Some(why.clone())),
                    (_, true) => (Outcome::Passed, None),
                    (_, false) => (Outcome::Failed, None),
                };
                self.fixture_broke(process, open, outcome, why, fixture);
                verdict
            }
        };
        self.test_finished(process, place, outcome, why, output, Instant::now());
    }

    /// It died with no test running. Should it have been at a fixture, that is to blame and nobody else.
    fn died_outside(&mut self, process: Process, why: String, output: Output, fixture: Output) {
        match self.processes.get_mut(&process).and_then(|live| live.open.take()) {
            Some(open) => self.fixture_broke(process, open, Outcome::Crashed, why, fixture),
            None => self.worker_failed(process, why, output),
        }
    }

    /// The run ended while a test ran: that is no verdict, but whoever ended it wants to know in which test it hung. A teardown
    /// that runs because of the end may fail as ever.
    fn interrupted(&mut self, process: Process, exit: Exit, running: Option<usize>, output: Output, fixture: Output) {
        if let Some(open) = self.processes.get_mut(&process).and_then(|live| live.open.take()) {
            match exit.is_own_doing() {
                true => self.fixture_broke(process, open, Outcome::Crashed, exit.to_string(), fixture),
                false => self.fixture_cut_short(process, open, fixture),
            }
        }
        // What began after the test whose time was up goes to another process.
        let muted = self.processes.get(&process).is_none_or(|live| live.muted || live.late_has_ended());
        if let Some(place) = running.filter(|_| !muted) {
            let why = Some("the run ended while it ran".to_owned());
            self.test_finished(process, place, Outcome::NotReached, why, output, Instant::now());
        }
    }

    fn never_began(&mut self, process: Process, why: &str, output: &Output) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.never_began = true;
        for place in live.owed() {
            self.test_finished(process, place, Outcome::Error, Some(why.to_owned()), output.clone(), Instant::now());
        }
    }

    fn log_is_lost(&mut self, process: Process) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.reason = Some("libtest's log could not be opened, so all its tests run without one".to_owned());
        let suite = self.book.place(live.batch.items[0]);
        self.without_log.insert(suite);
    }

    /// Not if it died in a fixture, which is to blame then, nor if only one process may begin its tests.
    fn may_run_again(&self, process: Process) -> bool {
        let live = &self.processes[&process];
        live.open.is_none() && !self.groups.groups[self.book.group(live.batch.items[0])].once
    }

    /// libtest ended the process without a word on a test.
    fn run_alone(&mut self, process: Process, place: usize, first: Option<First>) {
        let (Some(live), Some(first)) = (self.processes.get_mut(&process), first) else { return };
        let item = live.batch.items[place];
        let name = &self.book.test(item).name;
        live.reason = Some(format!("{name} has no result, as if it had closed libtest's log; it runs again alone"));
        self.alone.insert(item, first);
        self.step(Instant::now(), Input::RunAlone { process, item });
    }

    /// What came of a test that ran again alone, with a log: whether it does so again.
    fn confirm(&mut self, process: Process, gone: &Gone, first: First) {
        let Some(live) = self.processes.get_mut(&process) else { return };
        let held = live.held.take();
        let verdict = held.as_ref().map(|(ended, _)| ended.verdict);
        let confirmation = match live.asked {
            Some(_) => Confirmation::AsUsual,
            None => confirm(gone.exit, verdict, gone.end.no_word.is_some()),
        };
        live.concluded = confirmation != Confirmation::AsUsual;
        match (confirmation, held) {
            (Confirmation::Confirmed, _) => self.run_alone(process, 0, Some(First { confirmed: true, ..first })),
            (Confirmation::Crashed, _) => self.first_end_stands(process, first),
            (Confirmation::AsUsual, Some((ended, at))) => self.ended(process, ended, at),
            (Confirmation::AsUsual, None) => {}
        }
    }

    fn first_end_stands(&mut self, process: Process, first: First) {
        let item = self.processes[&process].batch.items[0];
        let why = Some(self.with_last_words(item, first.exit.to_string(), first.exit, &first.output));
        self.test_finished(process, 0, Outcome::Crashed, why, first.output, Instant::now());
    }

    /// What the text of a process without a log says of its tests is reported, if it is to be believed. Otherwise each of
    /// them runs again alone, and this is true.
    fn settle_text(&mut self, process: Process, gone: &Gone) -> bool {
        let Some(live) = self.processes.get_mut(&process).filter(|live| live.by_text) else { return false };
        let attempts = std::mem::take(&mut live.attempts);
        let Some(text) = &gone.end.unlogged else { return false };
        let believed = is_believed(text, gone.written, gone.exit, live.failed);
        let now = Instant::now();
        if believed || !self.may_run_again(process) {
            for mut attempt in attempts {
                let name = self.book.test(attempt.item).argument();
                let note = text.note(name).filter(|_| attempt.outcome == Outcome::Failed);
                attempt.note = attempt.note.or(note.map(str::to_owned));
                if !believed && !attempt.outcome.is_red() {
                    attempt.outcome = Outcome::Error;
                    attempt.note = Some("its result is disputed, and it may not run again".to_owned());
                }
                self.report_attempt(process, attempt, now);
            }
            return false;
        }
        let running = gone.end.running.iter().map(|(place, output)| (*place, output.clone()));
        let again: Vec<_> = attempts.into_iter().map(|it| (it.place, it.output)).chain(running).collect();
        let places: Vec<usize> = again.iter().map(|(place, _)| *place).collect();
        let Some(live) = self.processes.get_mut(&process) else { return false };
        live.forget_ends(&places);
        live.reason = Some("its test results are disputed, so each test runs again alone".to_owned());
        let items: Vec<_> = places.iter().map(|place| live.batch.items[*place]).collect();
        for (item, (_, output)) in items.into_iter().zip(again) {
            self.alone.insert(item, First { why: NoWord::Disputed, exit: gone.exit, output, confirmed: true });
            self.step(now, Input::RunAlone { process, item });
        }
        true
    }

    /// What came of a test that ran again alone.
    fn conclude(&mut self, process: Process, gone: &Gone) {
        let Some(live) = self.processes.get_mut(&process).filter(|live| !live.muted) else { return };
        let Some(first) = live.first.take() else { return };
        if !first.confirmed {
            return self.confirm(process, gone, first);
        }
        let held = live.held.take();
        let name = self.book.test(live.batch.items[0]).argument();
        let running = gone.end.running.as_ref().map(|(_, output)| output.clone());
        let panicked = |output: &Output| message::of_failure(name, &output.clone().into_text());
        let panic = running.as_ref().and_then(panicked);
        let ended_with = held.as_ref().map(|(ended, _)| &ended.output);
        let only_first_panicked =
            panicked(&first.output).is_some() && panic.is_none() && ended_with.and_then(panicked).is_none();
        let second = Second {
            exit: gone.exit,
            verdict: held.as_ref().map(|(ended, _)| ended.verdict),
            ended_inside: running.is_some(),
            disputed: gone.end.disputed,
            failed_or_closed: panic.is_some() || gone.end.closed,
            only_first_panicked,
        };
        let is_disputed = first.why == NoWord::Disputed;
        let conclusion = match &gone.end.unlogged {
            _ if live.asked.is_some() => Conclusion::AsUsual,
            Some(text) if is_disputed => witness::conclude(text, gone.written, second),
            _ => conclude(&first, second),
        };
        let now = Instant::now();
        match (conclusion, held) {
            (Conclusion::Crashed, held) if is_disputed => {
                let made_up = held.is_some() || gone.end.disputed;
                let doubt = if made_up { ", and libtest did not write its summary" } else { "" };
                let output = running.or(held.map(|(ended, _)| ended.output)).unwrap_or_default();
                let why = Some(format!("{}{doubt}", gone.exit));
                self.test_finished(process, 0, Outcome::Crashed, why, output, now);
            }
            (Conclusion::Crashed, _) => self.first_end_stands(process, first),
            (Conclusion::Verdict(verdict), Some((ended, at))) if is_disputed => {
                let note = gone.end.unlogged.as_ref().and_then(|text| text.note(name)).map(str::to_owned);
                self.ended(process, Ended { verdict, note: ended.note.or(note), ..ended }, at);
            }
            (_, Some((ended, at))) => self.ended(process, ended, at),
            (Conclusion::Verdict(verdict), None) => {
                let note = (verdict == Verdict::Failed && panic.is_none()).then(|| gone.exit.to_string());
                self.ended(process, Ended { place: 0, verdict, note, output: running.unwrap_or_default() }, now);
            }
            (Conclusion::AsUsual, None) => return,
        }
        if let Some(live) = self.processes.get_mut(&process).filter(|_| conclusion != Conclusion::AsUsual) {
            live.concluded = true;
        }
    }

    fn worker_failed(&mut self, process: Process, message: String, output: Output) {
        let live = &self.processes[&process];
        let failed = WorkerFailed {
            binary: self.book.suite(live.batch.items[0]).binary.id.clone(),
            worker: live.batch.worker,
            process,
            timestamp: self.book.time(Instant::now()),
            message,
            tests: self.book.names(&live.nearest(NEAREST)),
            output: output.into_text(),
        };
        self.book.tell(&Event::WorkerFailed(failed));
    }

    fn tell_exit(&mut self, process: Process, status: String, leak: Option<Leak>) {
        let leaked = leak.is_some();
        let Leak { left, holds_output } = leak.unwrap_or_default();
        let live = &self.processes[&process];
        let once = self.groups.groups[self.book.group(live.batch.items[0])].once;
        let is_given_up = once && !live.has_started_nothing();
        // What was left to a process that was cut short is no news: others have it already.
        let is_news = self.stopped.is_none() && !is_given_up && !live.was_cut_short;
        let owed = if is_news { live.owed() } else { Vec::new() };
        let reason = match live.was_cut_short {
            true => Some("its remaining tests run in other processes".to_owned()),
            false => live.reason.clone(),
        };
        let waiting: Vec<_> = owed.iter().take(NEAREST).map(|place| live.batch.items[*place]).collect();
        let ran = if leaked || !owed.is_empty() { live.nearest(NEAREST) } else { Vec::new() };
        let exited = WorkerExited {
            worker: live.batch.worker,
            process,
            binary: self.book.suite(live.batch.items[0]).binary.id.clone(),
            status,
            leaked,
            left,
            held: holds_output,
            reason: reason.filter(|_| self.stopped.is_none()),
            tests: self.book.names(&ran),
            rescheduled: owed.len(),
            waiting: self.book.names(&waiting),
        };
        let failure = (leaked && self.options.leaks_fail).then(|| exited.leak());
        self.book.tell(&Event::WorkerExited(exited));
        if let Some(failure) = failure {
            self.worker_failed(process, failure, Output::default());
        }
    }

    /// Whoever is killed while it holds slots of the jobserver takes them along; when nobody else can hold any, the
    /// owner knows how many there have to be.
    pub(super) fn top_up(&mut self) {
        if !self.processes.is_empty() || !self.hosts.is_empty() || self.building {
            return;
        }
        if let Err(error) = self.pool.top_up(self.held.len() + self.in_flight.load(Ordering::SeqCst)) {
            self.book.warn(format!("cannot return slots to the jobserver: {error}"));
        }
    }
}
