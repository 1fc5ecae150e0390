//! The report for people, on stderr: a line for each test as it finishes, failing output at once, a closing list.

mod fixtures;

use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use console::Style;
use nextest_metadata::{RustBinaryId, RustBinaryIdNameAndKind};

use super::control::tame;
use super::setups::{FailedSetups, within_crate};
use super::summary::{self, Failure};
use crate::event::{Event, FixtureFinished, Outcome, Reporter, RunStarted, TestFinished, WorkerExited, WorkerFailed};

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a flag of the command line")]
pub struct Options {
    pub colours: bool,
    pub verbosity: Verbosity,
    /// Show what passing tests wrote.
    pub show_output: bool,
    /// What tests write is shown as they write it.
    pub live: bool,
    /// What was said on the command line of how to build: a command that runs a test again needs it, too.
    pub build_args: Vec<String>,
    /// And of what to do with `#[ignore]`d tests.
    pub include_ignored: bool,
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

pub(super) struct Styles {
    pub green: Style,
    pub red: Style,
    pub yellow: Style,
    pub bold: Style,
    pub dim: Style,
}

impl Styles {
    pub(super) fn new(colours: bool) -> Self {
        let style = || Style::new().force_styling(colours);
        Self {
            green: style().green().bold(),
            red: style().red().bold(),
            yellow: style().yellow().bold(),
            bold: style().bold(),
            dim: style().dim(),
        }
    }
}

pub(super) struct Terminal<W: Write> {
    options: Options,
    styles: Styles,
    out: BufWriter<W>,
    /// How many workers there may be: with one, live output needs no names.
    workers: usize,
    failures: Vec<Failure>,
    setups: FailedSetups,
    /// Where in `failures` each of `setups` is.
    of_setups: Vec<usize>,
}

impl<W: Write> Terminal<W> {
    pub(super) fn new(options: Options, out: W) -> Self {
        let styles = Styles::new(options.colours);
        Self {
            options,
            styles,
            out: BufWriter::new(out),
            workers: 1,
            failures: Vec::new(),
            setups: FailedSetups::default(),
            of_setups: Vec::new(),
        }
    }

    fn started(&mut self, run: &RunStarted) -> std::io::Result<()> {
        self.workers = run.workers;
        if self.options.verbosity < Verbosity::Normal {
            return Ok(());
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (tests, binaries, workers) = (run.tests, run.binaries, run.workers);
        let label = self.styles.green.apply_to("     Running");
        let binaries = format!("{binaries} {}", if binaries == 1 { "binary" } else { "binaries" });
        let (more_tests, more_workers) = (plural(tests), plural(workers));
        writeln!(
            self.out,
            "{label} {tests} test{more_tests} of {binaries}, up to {workers} process{}",
            if more_workers.is_empty() { "" } else { "es at once" }
        )
    }

    fn test(&mut self, test: &TestFinished, last: bool) -> std::io::Result<()> {
        let red = test.outcome.is_red();
        let status = status(test, last);
        // What a test says that did not run, its set-up has said.
        let setup = self.setups.number(test).filter(|_| test.outcome == Outcome::SetupFailed);
        match setup {
            Some(number) if last => self.failures[self.of_setups[number]].keeps(test),
            None if red && last => self.failures.push(Failure::of_test(test, status.clone(), self.rerun(test))),
            _ => {}
        }
        let shown = match self.options.verbosity {
            Verbosity::Quiet => (red && last) || (test.outcome == Outcome::NotReached && test.worker.is_some()),
            _ => true,
        };
        if !shown {
            return Ok(());
        }
        let style = match test.outcome {
            _ if !last || test.flaky => &self.styles.yellow,
            Outcome::Passed => &self.styles.green,
            Outcome::Ignored | Outcome::NotReached => &self.styles.yellow,
            _ => &self.styles.red,
        };
        let name = self.name(&test.binary, &test.test);
        let duration = match test.worker {
            Some(_) => format!("[{:>9.3}s]", test.duration),
            None => " ".repeat(12),
        };
        let reason = match (test.outcome, &test.message) {
            (Outcome::Ignored, Some(reason)) => format!(", {}", tame(reason, self.options.colours)),
            (Outcome::NotReached, Some(why)) if test.worker.is_some() => format!(", {why}"),
            _ => String::new(),
        };
        let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
        writeln!(self.out, "{} {duration} {name}{repetition}{reason}", style.apply_to(format!("{status:>12}")))?;
        let cut_short = test.outcome == Outcome::NotReached && test.worker.is_some();
        let whole =
            (red && setup.is_none()) || cut_short || (self.options.show_output && test.outcome == Outcome::Passed);
        if !whole {
            return Ok(());
        }
        if !self.options.live {
            self.output(&test.output)?;
        }
        self.reason(test.outcome, test.message.as_deref(), &test.output)
    }

    /// What a test or a fixture wrote.
    fn output(&mut self, output: &str) -> std::io::Result<()> {
        let text = tame(output, self.options.colours);
        if text.trim().is_empty() { Ok(()) } else { self.indented(text.trim_end()) }
    }

    /// Why it failed, if that is neither in its output nor in the outcome.
    fn reason(&mut self, outcome: Outcome, message: Option<&str>, output: &str) -> std::io::Result<()> {
        match message {
            Some(message) if message != word(outcome, Some(message)) && !is_in(message, output) => {
                let message = tame(message, self.options.colours);
                self.indented(&message)
            }
            _ => Ok(()),
        }
    }

    fn indented(&mut self, text: &str) -> std::io::Result<()> {
        for line in text.lines() {
            writeln!(self.out, "    {line}")?;
        }
        // A colour that a test left switched on ends with its output.
        if self.options.colours && text.contains('\u{1b}') { write!(self.out, "\u{1b}[0m") } else { Ok(()) }
    }

    fn worker_exited(&mut self, exited: &WorkerExited) -> std::io::Result<()> {
        let WorkerExited { process, binary, status, .. } = exited;
        if exited.leaked {
            let label = self.styles.yellow.apply_to("        LEAK");
            writeln!(self.out, "{label} {binary}: processes outlived {}, and were killed", exited.tests.join(", "))?;
        }
        if exited.rescheduled > 0 && self.options.verbosity >= Verbosity::Normal {
            let label = self.styles.dim.apply_to("     process");
            let tests = if exited.rescheduled == 1 { "test that had" } else { "tests that had" };
            let count = exited.rescheduled;
            writeln!(
                self.out,
                "{label} {process} of {binary} ended ({status}); {count} {tests} not begun will run in another"
            )?;
        } else if self.options.verbosity >= Verbosity::Verbose {
            let label = self.styles.dim.apply_to("     process");
            writeln!(self.out, "{label} {process} of {binary} ended ({status})")?;
        }
        Ok(())
    }

    fn worker_failed(&mut self, failed: &WorkerFailed) -> std::io::Result<()> {
        let status = "ERROR".to_owned();
        let label = self.styles.red.apply_to(format!("{status:>12}"));
        let (name, message) = (self.name(&failed.binary, WorkerFailed::NAME), tame(&failed.message, false));
        writeln!(self.out, "{label} {:12} {name}: {message}", "")?;
        self.failures.push(Failure::of_worker(failed, status));
        let text = tame(&failed.output, self.options.colours);
        self.indented(text.trim())
    }

    fn name(&self, binary: &str, test: &str) -> String {
        let (modules, last) =
            test.rsplit_once("::").map_or(("", test), |(_, last)| (&test[..test.len() - last.len()], last));
        format!("{} {modules}{}", self.styles.dim.apply_to(binary), self.styles.bold.apply_to(last))
    }

    /// The command that runs one test again.
    fn rerun(&self, test: &TestFinished) -> String {
        self.command(&test.binary, ["--exact", &test.test])
    }

    /// The command that runs a context again: all tests in its module.
    fn rerun_context(&self, fixture: &FixtureFinished) -> String {
        let module = within_crate(&fixture.context);
        let filter = (!module.is_empty()).then(|| format!("{module}::"));
        self.command(&fixture.binary, filter.as_deref())
    }

    fn command<'a>(&self, binary: &str, filters: impl IntoIterator<Item = &'a str>) -> String {
        let mut words: Vec<String> = vec!["cargo".into(), "ptest".into()];
        words.extend(self.options.build_args.iter().cloned());
        words.extend(selection(binary));
        let ignored = self.options.include_ignored.then_some("--include-ignored");
        let mut harness = ignored.into_iter().chain(filters).peekable();
        if harness.peek().is_some() {
            words.push("--".into());
        }
        words.extend(harness.map(str::to_owned));
        shell_words::join(words)
    }

    fn tell(&mut self, event: &Event) -> std::io::Result<()> {
        let verbose = self.options.verbosity >= Verbosity::Verbose;
        match event {
            Event::RunStarted(run) => self.started(run),
            Event::WorkerStarted(it) if verbose => {
                let label = self.styles.dim.apply_to("     process");
                writeln!(
                    self.out,
                    "{label} {} in slot {}: {} {} of {} (pid {})",
                    it.process,
                    it.worker,
                    it.tests,
                    if it.tests == 1 { "test" } else { "tests" },
                    it.binary,
                    it.pid
                )
            }
            Event::TestOutput(it) => {
                let line = tame(&it.line, self.options.colours);
                match self.workers {
                    1 => writeln!(self.out, "{line}"),
                    _ => writeln!(self.out, "{} | {line}", self.name(&it.binary, &it.test)),
                }
            }
            Event::TestSlow(it) => {
                let label = self.styles.yellow.apply_to("        SLOW");
                writeln!(self.out, "{label} [>{:>8.3}s] {}", it.elapsed, self.name(&it.binary, &it.test))
            }
            Event::AttemptFailed(test) => self.test(test, false),
            Event::TestFinished(test) => self.test(test, true),
            Event::TestDiagnosed(it) => {
                self.failures.iter_mut().for_each(|failure| failure.add(it));
                Ok(())
            }
            Event::WorkerExited(it) => self.worker_exited(it),
            Event::WorkerFailed(it) => self.worker_failed(it),
            Event::Warning { message } => {
                writeln!(self.out, "{}: {}", self.styles.yellow.apply_to("warning"), tame(message, false))
            }
            Event::RunFinished(run) => {
                let failures = summary::failures(&self.failures, &self.styles);
                write!(self.out, "{failures}{}", summary::totals(run, &self.styles))
            }
            Event::FixtureFinished(it) => self.fixture(it),
            Event::BinarySelected(_)
            | Event::TestStarted(_)
            | Event::WorkerStarted(_)
            | Event::FixtureStarted(_)
            | Event::SlotsChanged(_) => Ok(()),
        }
    }
}

impl<W: Write> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.tell(event).context("cannot write to stderr")
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().context("cannot write to stderr")
    }
}

fn status(test: &TestFinished, last: bool) -> String {
    let word = word(test.outcome, test.message.as_deref());
    match (last, test.flaky) {
        (false, _) => format!("TRY {} {word}", test.attempt),
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
        Outcome::TimedOut => "TIMEOUT",
        Outcome::Crashed => message.filter(|it| it.starts_with("SIG")).unwrap_or("CRASH"),
        Outcome::SetupFailed => "SETUP FAILED",
        Outcome::Error => "ERROR",
        Outcome::NotReached => "NOT REACHED",
    }
}

/// Whether an output shows a message already. The place and the text of a panic stand on two lines there.
pub(super) fn is_in(message: &str, output: &str) -> bool {
    let text =
        message.strip_prefix("panicked at ").and_then(|it| it.split_once(": ")).map_or(message, |(_, text)| text);
    text.lines().all(|line| output.contains(line))
}

/// The options that select a binary by its id.
pub(super) fn selection(binary: &str) -> Vec<String> {
    let binary = RustBinaryId::new(binary.split('@').next().unwrap_or(binary));
    let parts = binary.components();
    let mut words = vec!["-p".to_owned(), parts.package_name.to_owned()];
    match parts.binary_name_and_kind {
        RustBinaryIdNameAndKind::None => words.push("--lib".to_owned()),
        RustBinaryIdNameAndKind::NameOnly { binary_name } => {
            words.extend(["--test".to_owned(), binary_name.to_owned()]);
        }
        RustBinaryIdNameAndKind::NameAndKind { kind, binary_name } => {
            words.extend([format!("--{kind}"), binary_name.to_owned()]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_selected_as_cargo_would_have_it() {
        assert_eq!(selection("p").join(" "), "-p p --lib");
        assert_eq!(selection("p::t").join(" "), "-p p --test t");
        assert_eq!(selection("p::bin/b").join(" "), "-p p --bin b");
        assert_eq!(selection("p::t@x86_64-unknown-linux-gnu").join(" "), "-p p --test t");
    }

    #[test]
    fn a_panic_that_the_output_shows_is_not_told_twice() {
        let output = "thread 'a' (1) panicked at src/lib.rs:1:1:\nboom\n  left: 1\n";
        assert!(is_in("panicked at src/lib.rs:1:1: boom\n  left: 1", output));
        assert!(!is_in("SIGABRT", output));
    }
}
