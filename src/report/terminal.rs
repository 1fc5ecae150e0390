//! The report for people, on stderr: a line for each test as it finishes, failing output at once, a closing list, and on
//! a terminal what goes on, below all that.

mod asked;
mod fixtures;
#[cfg(test)]
mod outcomes;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::control::{self, colours_left, line, tame};
use super::diagnosis;
use super::levels::{
    FinalStatusLevel, Levels, StatusLevel, final_level, level_of_leaks, may_be_told_again, status_level,
};
use super::live::{Live, Progress};
use super::repeats::Repeats;
use super::rerun::Reruns;
pub(super) use super::rerun::{cargo_ptest, exactly, selection};
use super::setups::FailedSetups;
use super::slowest::Slowest;
use super::styles::{Style, Styles};
use super::summary::{self, Failure};
use crate::event::{
    ENDED_BY_HAND, Event, Outcome, Reporter, RunFinished, RunStarted, Show, TestFinished, TestOutput, TestSlow,
    WorkerExited, WorkerFailed,
};

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub struct Options {
    pub colours: bool,
    pub verbosity: Verbosity,
    pub levels: Levels,
    pub progress: Progress,
    /// What tests write is shown as they write it.
    pub live: bool,
    /// Failed tests are run again alone, where that may tell something.
    pub diagnose: bool,
    /// The toolchain that was said on the command line.
    pub toolchain: Option<String>,
    /// Each test is run more than once.
    pub repeated: bool,
    /// The options that select packages and targets, and say how to build: for a command that runs all again that failed.
    pub rerun_all: Vec<String>,
    /// How many of the slowest tests to list at the end.
    pub slowest: usize,
    /// The run listens to keys.
    pub keys: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures and totals.
    Quiet,
    #[default]
    Normal,
    /// Processes, too.
    Verbose,
}

pub(super) struct Terminal<W: Write> {
    options: Options,
    styles: Styles,
    out: W,
    /// What is told and not written yet: lines.
    page: Vec<u8>,
    live: Live,
    /// A test that has the terminal has written a line that has no end yet.
    unfinished: bool,
    /// How many workers there may be: with one, live output needs no names.
    workers: usize,
    failures: Vec<Failure>,
    setups: FailedSetups,
    /// Where in `failures` each of `setups` is.
    of_setups: Vec<usize>,
    /// What may be told again at the end.
    again: Vec<Again>,
    slow_is_explained: bool,
    /// By slot, the colours that the test in it has left switched on in its live output.
    live_colours: HashMap<usize, (Arc<str>, String)>,
    repeats: Repeats,
    slowest: Slowest,
    reruns: Reruns,
}

/// A test with its line, and what it wrote if that is shown once more.
struct Again {
    level: FinalStatusLevel,
    binary: Arc<str>,
    test: Arc<str>,
    text: String,
}

/// What a test may wait for in vain because of how it is run. It is printed once in a run.
const WHY_SLOW: &str = "if it waits for another test: a process runs one test at a time (docs/running.md, \"Tests that wait for one another\"); if \
     it waits for a slot of the jobserver: jobserver = \"hide\" in .config/ptest.toml";

/// So much is told before it is written, whether the moment is good or not.
const PAGE: usize = 64 * 1024;

/// What ends a test's output. Nothing that a test prints is at the beginning of a line.
const END_OF_OUTPUT: &str = "────────────";

impl<W: Write> Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.page.clear();
        if bytes.is_empty() {
            return Ok(());
        }
        self.out.write_all(bytes).and_then(|()| self.out.flush()).context("cannot write to stderr")
    }

    pub(super) fn new(options: Options, out: W) -> Self {
        let styles = Styles::new(options.colours);
        let live = Live::new(options.progress, options.keys);
        let slowest = Slowest::new(options.slowest);
        Self {
            options,
            styles,
            out,
            page: Vec::new(),
            live,
            unfinished: false,
            workers: 1,
            failures: Vec::new(),
            setups: FailedSetups::default(),
            of_setups: Vec::new(),
            again: Vec::new(),
            slow_is_explained: false,
            live_colours: HashMap::new(),
            repeats: Repeats::default(),
            slowest,
            reruns: Reruns::default(),
        }
    }

    fn started(&mut self, run: &RunStarted) -> std::io::Result<()> {
        self.workers = run.workers;
        // There is nothing to say before there is something to run.
        if run.eager { Ok(()) } else { self.there_are(run.tests, run.binaries) }
    }

    fn there_are(&mut self, tests: usize, binaries: usize) -> std::io::Result<()> {
        if self.options.verbosity < Verbosity::Normal {
            return Ok(());
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let workers = self.workers;
        let label = self.styles.green.apply_to("     Running");
        let binaries = format!("{binaries} {}", if binaries == 1 { "binary" } else { "binaries" });
        let (more_tests, more_workers) = (plural(tests), plural(workers));
        writeln!(
            self.page,
            "{label} {tests} test{more_tests} of {binaries}, up to {workers} process{}",
            if more_workers.is_empty() { "" } else { "es" }
        )
    }

    fn test(&mut self, test: &TestFinished, last: bool) -> std::io::Result<()> {
        let (levels, red) = (self.options.levels, test.outcome.is_red());
        let when = levels.output_of(test);
        let status = status(test, last);
        if last && self.options.repeated {
            self.repeats.add(test);
        }
        // What a test says that did not run, its setup has said.
        let setup = self.setups.number(test).filter(|_| test.outcome == Outcome::SetupFailed);
        match setup {
            Some(number) if last => self.failures[self.of_setups[number]].keeps(test),
            None if red && last => {
                let output =
                    if when.at_the_end() { self.block(&test.output, self.style(test, last)) } else { String::new() };
                if !self.repeats.is_known(test) {
                    let word = word(test.outcome, test.message.as_deref()).to_owned();
                    self.failures.push(Failure::of_test(test, word, self.reruns.of_test(test), output));
                }
            }
            _ => {}
        }
        let level = final_level(test, self.live.state().was_slow(&test.binary, &test.test));
        let again = last && !red && may_be_told_again(level, levels.at_the_end);
        let at_once = status_level(test, last) <= levels.status;
        if !again && !at_once {
            return Ok(());
        }
        let line = self.line(test, &status, last);
        if again {
            let output =
                if when.at_the_end() { self.block(&test.output, self.style(test, last)) } else { String::new() };
            let (binary, name) = (test.binary.clone(), test.test.clone());
            self.again.push(Again { level, binary, test: name, text: format!("{line}\n{output}") });
        }
        if !at_once {
            return Ok(());
        }
        writeln!(self.page, "{line}")?;
        if setup.is_some() {
            return Ok(());
        }
        // The line of a cancelled test has the reason.
        if red {
            self.reason(test.outcome, test.message.as_deref(), &test.output)?;
        }
        if when.at_once() && !self.options.live { self.output(&test.output, self.style(test, last)) } else { Ok(()) }
    }

    /// The line of a test.
    fn line(&self, test: &TestFinished, status: &str, last: bool) -> String {
        let style = self.style(test, last);
        let name = self.name(&test.binary, &test.test);
        let duration = match test.worker {
            Some(_) => format!("[{:>9.3}s]", test.duration),
            None => " ".repeat(12),
        };
        let reason = match (test.outcome, &test.message) {
            (Outcome::Ignored, Some(reason)) => format!(", {}", line(reason)),
            (Outcome::NotReached, Some(why)) if test.worker.is_some() => format!(", {}", line(why)),
            _ => String::new(),
        };
        let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
        format!("{} {duration} {name}{repetition}{reason}", style.apply_to(format!("{status:>12}")))
    }

    fn style(&self, test: &TestFinished, last: bool) -> Style {
        match test.outcome {
            _ if !last || test.flaky => self.styles.yellow,
            Outcome::Passed => self.styles.green,
            Outcome::Ignored | Outcome::NotReached => self.styles.yellow,
            _ => self.styles.red,
        }
    }

    /// What a test or a fixture wrote.
    fn output(&mut self, output: &str, style: Style) -> std::io::Result<()> {
        let text = self.block(output, style);
        self.page.write_all(text.as_bytes())
    }

    /// The same as text, with a heading and an end that can be seen. The heading is nextest's for stdout and stderr in one,
    /// word for word: programs that read its report find the output by it, and see the end.
    fn block(&self, output: &str, style: Style) -> String {
        match self.indented(output) {
            text if text.is_empty() => text,
            text => format!("  {} {}\n{text}{END_OF_OUTPUT}\n", style.apply_to("output"), style.apply_to("───")),
        }
    }

    /// Why it failed, if that is neither in its output nor in the outcome.
    fn reason(&mut self, outcome: Outcome, message: Option<&str>, output: &str) -> std::io::Result<()> {
        let Some(message) = message else { return Ok(()) };
        let said = match message.split_once(": ") {
            // The outcome has the signal.
            Some((signal, said)) if signal == word(outcome, Some(message)) => said,
            _ => message,
        };
        let is_told = message == word(outcome, Some(message)) || is_in(said, output);
        let text = if is_told { String::new() } else { self.indented(said) };
        self.page.write_all(text.as_bytes())
    }

    fn indented(&self, output: &str) -> String {
        let text = tame(output, self.options.colours);
        let mut indented = String::new();
        if text.trim().is_empty() {
            return indented;
        }
        for line in text.trim_end().trim_start_matches('\n').lines() {
            indented.extend(["    ", line, "\n"]);
        }
        if self.options.colours && text.contains('\u{1b}') {
            // A colour that a test left switched on ends with its output.
            indented.push_str("\u{1b}[0m");
        }
        indented
    }

    fn finished(&mut self, run: &RunFinished) -> std::io::Result<()> {
        if self.options.levels.at_the_end >= FinalStatusLevel::Fail {
            self.failures.iter_mut().for_each(|failure| failure.count(&self.repeats));
            let failures = summary::failures(&self.failures, self.options.diagnose, &self.styles);
            write!(self.page, "{failures}")?;
            if !self.failures.is_empty() {
                writeln!(self.page, "  rerun all: {}", self.rerun_all())?;
            }
        }
        for it in &mut self.again {
            it.level = level_of_leaks(it.level, self.live.state().has_leaked(&it.binary, &it.test));
        }
        self.again.retain(|it| it.level <= self.options.levels.at_the_end);
        self.again.sort_by_key(|it| it.level);
        for (number, it) in self.again.iter().enumerate() {
            let before = if number == 0 { "\n" } else { "" };
            write!(self.page, "{before}{}", it.text)?;
        }
        let slowest = self.slowest.lines();
        if !slowest.is_empty() {
            write!(self.page, "\nSlowest tests:\n{slowest}")?;
        }
        write!(self.page, "{}", summary::totals(run, &self.styles))
    }

    fn worker_exited(&mut self, exited: &WorkerExited) -> std::io::Result<()> {
        let WorkerExited { process, status, reason, .. } = exited;
        let binary = line(&exited.binary);
        let why = reason.as_ref().map(|why| line(&format!(": {why}"))).unwrap_or_default();
        if exited.leaked && self.options.levels.status >= StatusLevel::Leak {
            let label = self.styles.yellow.apply_to("        LEAK");
            writeln!(self.page, "{label} {binary}: {}", line(&exited.leak()))?;
        }
        if exited.rescheduled > 0 && self.options.verbosity >= Verbosity::Normal {
            let label = self.styles.dim.apply_to("     process");
            let count = exited.rescheduled;
            let tests = match (reason, count) {
                (None, 1) => "test that had not started",
                (None, _) => "tests that had not started",
                (Some(_), 1) => "test",
                (Some(_), _) => "tests",
            };
            let ran = match exited.tests.len() {
                0 => String::new(),
                ran => line(&format!(" after {}", diagnosis::names(&exited.tests, ran))),
            };
            // The next one first.
            let waiting: Vec<_> = exited.waiting.iter().rev().cloned().collect();
            let waiting = line(&diagnosis::names(&waiting, count));
            writeln!(
                self.page,
                "{label} {process} of {binary} ended ({status}){ran}{why}; {count} {tests} will run in another: {waiting}"
            )?;
        } else if self.options.verbosity >= Verbosity::Verbose {
            let label = self.styles.dim.apply_to("     process");
            writeln!(self.page, "{label} {process} of {binary} ended ({status}){why}")?;
        }
        Ok(())
    }

    fn worker_failed(&mut self, failed: &WorkerFailed) -> std::io::Result<()> {
        let status = "ERROR".to_owned();
        let label = self.styles.red.apply_to(format!("{status:>12}"));
        let (name, message) = (self.name(&failed.binary, WorkerFailed::NAME), tame(&failed.message, false));
        writeln!(self.page, "{label} {:12} {name}: {message}", "")?;
        self.failures.push(Failure::of_worker(failed, status));
        self.output(&failed.output, self.styles.red)
    }

    fn name(&self, binary: &str, test: &str) -> String {
        let (binary, test) = (line(binary), &*line(test));
        let (modules, last) =
            test.rsplit_once("::").map_or(("", test), |(_, last)| (&test[..test.len() - last.len()], last));
        // Bacon takes what has a style for the name.
        let modules = if modules.is_empty() { String::new() } else { self.styles.plain.apply_to(modules).to_string() };
        format!("{} {modules}{}", self.styles.dim.apply_to(binary), self.styles.bold.apply_to(last))
    }

    /// The command that runs all again that failed or was left unfinished.
    fn rerun_all(&self) -> String {
        let words = cargo_ptest(self.options.toolchain.as_deref()).into_iter();
        let words = words.chain(self.options.rerun_all.iter().cloned()).chain(["--failed".to_owned()]);
        control::command(&words.collect::<Vec<_>>())
    }

    fn slow(&mut self, it: &TestSlow) -> std::io::Result<()> {
        let label = self.styles.yellow.apply_to("        SLOW");
        writeln!(self.page, "{label} [>{:>8.3}s] {}", it.elapsed, self.name(&it.binary, &it.test))?;
        if std::mem::replace(&mut self.slow_is_explained, true) {
            return Ok(());
        }
        writeln!(self.page, "{:>12} {WHY_SLOW}", "help:")
    }

    /// A line that a test has written. Its colours end with it, for other lines may come between it and the next one,
    /// which begins with them again.
    fn live_line(&mut self, it: &TestOutput) -> String {
        let text = tame(&it.line, self.options.colours);
        if !self.options.colours {
            return text;
        }
        let (test, before) = self.live_colours.remove(&it.worker).unwrap_or_default();
        let text = if test == it.test { before + &text } else { text };
        let left = colours_left(&text);
        let reset = if left.is_empty() { "" } else { "\u{1b}[0m" };
        let coloured = format!("{text}{reset}");
        if !left.is_empty() {
            self.live_colours.insert(it.worker, (it.test.clone(), left));
        }
        coloured
    }

    fn tell(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::TestFinished(TestFinished { worker: Some(worker), .. })
        | Event::AttemptFailed(TestFinished { worker: Some(worker), .. }) = event
        {
            self.live_colours.remove(worker);
        }
        self.slowest.event(event);
        self.reruns.event(event);
        let verbose = self.options.verbosity >= Verbosity::Verbose;
        match event {
            Event::RunStarted(run) => self.started(run),
            Event::TestsKnown(known) if known.build.is_some() && !known.cut_short => {
                self.there_are(known.tests, known.binaries)
            }
            Event::WorkerStarted(it) if verbose => {
                let label = self.styles.dim.apply_to("     process");
                writeln!(
                    self.page,
                    "{label} {} in slot {}: {} {} of {} (pid {})",
                    it.process,
                    it.worker,
                    it.tests,
                    if it.tests == 1 { "test" } else { "tests" },
                    line(&it.binary),
                    it.pid
                )
            }
            // It has been shown as it came.
            Event::TestOutput(_) if self.live.is_lent() => Ok(()),
            Event::TestOutput(it) => {
                let text = self.live_line(it);
                match self.workers {
                    1 => writeln!(self.page, "{text}"),
                    _ => writeln!(self.page, "{} | {text}", self.name(&it.binary, &it.test)),
                }
            }
            Event::TestSlow(it) if self.options.levels.status >= StatusLevel::Slow => self.slow(it),
            Event::AttemptFailed(test) => self.test(test, false),
            Event::TestFinished(test) => self.test(test, true),
            Event::TestDiagnosed(it) => {
                self.failures.iter_mut().for_each(|failure| failure.add(it));
                Ok(())
            }
            Event::WorkerExited(it) => self.worker_exited(it),
            Event::WorkerFailed(it) => self.worker_failed(it),
            Event::Warning { message } => {
                writeln!(self.page, "{}: {}", self.styles.yellow.apply_to("warning"), tame(message, false))
            }
            Event::RunFinished(run) => self.finished(run),
            Event::FixtureFinished(it) => self.fixture(it),
            Event::JournalStarted(_)
            | Event::BinarySelected(_)
            | Event::TestsKnown(_)
            | Event::TestStarted(_)
            | Event::TestSlow(_)
            | Event::WorkerStarted(_)
            | Event::FixtureStarted(_)
            | Event::SlotsChanged(_) => Ok(()),
        }
    }
}

impl<W: Write> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.live.event(event);
        let start = self.page.len();
        self.tell(event).context("cannot write to stderr")?;
        if self.page.len() > start && std::mem::take(&mut self.unfinished) {
            self.page.insert(start, b'\n');
        }
        if self.page.len() > PAGE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let heartbeat = self.live.heartbeat(&self.styles);
        self.page.extend(heartbeat.iter().flat_map(|line| line.bytes().chain([b'\n'])));
        match self.live.frame(&self.page, &self.styles) {
            Some(bytes) => self.write(&bytes),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<()> {
        let bytes = self.live.without_region(&self.page);
        self.write(&bytes)
    }

    fn pulse(&self) -> Duration {
        self.live.pulse()
    }

    fn show(&mut self, wanted: &Show) -> Result<()> {
        self.answer(wanted).context("cannot write to stderr")?;
        self.flush()
    }

    fn lend_terminal(&mut self, lent: bool) -> Result<()> {
        if std::mem::take(&mut self.unfinished) {
            self.page.push(b'\n');
        }
        self.live.lend_terminal(lent);
        self.finish()
    }

    fn suspend(&mut self) -> Result<()> {
        self.live.suspend();
        self.finish()
    }

    fn resume(&mut self) {
        self.live.resume();
    }
}

fn status(test: &TestFinished, last: bool) -> String {
    let word = match test.was_cut_short() {
        true => "CANCELLED",
        false => word(test.outcome, test.message.as_deref()),
    };
    match (last, test.flaky) {
        (false, _) => format!("TRY {} {word}", test.attempt),
        (true, false) if test.attempt > 1 && test.outcome.is_red() => format!("TRY {} {word}", test.attempt),
        (true, true) => "FLAKY".to_owned(),
        (true, false) => word.to_owned(),
    }
}

/// An outcome for people; a signal speaks for itself.
fn word(outcome: Outcome, message: Option<&str>) -> &str {
    match outcome {
        Outcome::Passed => "PASS",
        Outcome::Failed => "FAIL",
        Outcome::Ignored => "IGNORED",
        // Somebody's patience was up, and not its time.
        Outcome::TimedOut if message == Some(ENDED_BY_HAND) => "ENDED",
        Outcome::TimedOut => "TIMEOUT",
        Outcome::Crashed => match message.and_then(|it| it.split(':').next()) {
            Some(signal) if signal.starts_with("SIG") => signal,
            _ => "CRASH",
        },
        Outcome::SetupFailed => "SETUP FAILED",
        Outcome::Error => "ERROR",
        Outcome::NotReached => "NOT REACHED",
    }
}

/// Whether an output shows a message already. The place and the text of a panic stand on two lines there.
pub(super) fn is_in(message: &str, output: &str) -> bool {
    let placed = message.strip_prefix("panicked at ").and_then(|it| it.split_once(": ")).map(|(_, text)| text);
    let text = placed.or(message.strip_prefix("panicked: ")).unwrap_or(message);
    text.lines().all(|line| output.contains(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_the_output_shows_is_not_told_twice() {
        let output = "thread 'a' (1) panicked at src/lib.rs:1:1:\nboom\n  left: 1\n";
        assert!(is_in("panicked at src/lib.rs:1:1: boom\n  left: 1", output));
        assert!(is_in("panicked: boom\n  left: 1", output));
        assert!(!is_in("SIGABRT", output));
    }
}
