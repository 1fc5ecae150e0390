//! The lines of setups and teardowns.
//!
//! A failed one is told like a failed test, at once and with its output. That one went well is worth a line only where
//! it happens once in a run, for a shared context; the others come with every process.

use std::io::Write;

use super::{Failure, Terminal, Verbosity, word};
use crate::event::{Fixture, FixtureFinished, FixtureKind};

impl<W: Write> Terminal<W> {
    pub(super) fn fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        if fixture.outcome.is_red() { self.failed_fixture(fixture) } else { self.passed_fixture(fixture) }
    }

    fn failed_fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        let status = word(fixture.outcome, fixture.message.as_deref());
        let label = self.styles.red.apply_to(format!("{status:>12}"));
        let name = self.name(&fixture.binary, &fixture.name());
        writeln!(self.page, "{label} [{:>9.3}s] {name}", fixture.duration)?;
        if fixture.is_failed_setup() {
            // What is needed of it later is in its failure.
            let setup = FixtureFinished { output: String::new(), ..fixture.clone() };
            if self.setups.add(setup).is_none() {
                // It failed just so in another process, and all has been said.
                return Ok(());
            }
            self.of_setups.push(self.failures.len());
        }
        self.failures.push(Failure::of_fixture(fixture, status.to_owned(), self.reruns.of_context(fixture)));
        self.reason(fixture.outcome, fixture.message.as_deref(), &fixture.output)?;
        // With --nocapture, too: what a host writes is not among the lines of any test.
        self.output(&fixture.output, self.styles.red)
    }

    fn passed_fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        let shown = match (fixture.fixture, fixture.kind) {
            (Fixture::Setup | Fixture::Teardown, FixtureKind::Shared) => Verbosity::Normal,
            _ => Verbosity::Verbose,
        };
        let output = if self.options.levels.success_output.at_once() { fixture.output.trim() } else { "" };
        if self.options.verbosity < shown && output.is_empty() {
            return Ok(());
        }
        let status = match fixture.fixture {
            Fixture::Setup => "SETUP",
            Fixture::Teardown => "TEARDOWN",
            Fixture::Host => "HOST",
        };
        let label = self.styles.green.apply_to(format!("{status:>12}"));
        let name = self.name(&fixture.binary, &fixture.function());
        writeln!(self.page, "{label} [{:>9.3}s] {name}", fixture.duration)?;
        self.output(output, self.styles.green)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Outcome, Reporter as _, TestFinished};
    use crate::report::TerminalOptions;
    use crate::report::junit::sample::{self, failed_fixture, finished, fixture, not_set_up};
    use crate::report::levels::{Levels, OutputWhen, StatusLevel};
    use crate::report::live::Progress;

    fn levels(verbosity: Verbosity) -> Levels {
        let status = if verbosity == Verbosity::Quiet { StatusLevel::Fail } else { StatusLevel::Pass };
        Levels { status, ..Levels::default() }
    }

    fn options(verbosity: Verbosity) -> TerminalOptions {
        TerminalOptions {
            colours: false,
            verbosity,
            levels: levels(verbosity),
            progress: Progress::None,
            live: false,
            diagnose: false,
            repeated: false,
            toolchain: None,
            rerun_all: Vec::new(),
            slowest: 0,
            keys: false,
        }
    }

    fn told_with(options: TerminalOptions, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(options, &mut out);
        events.iter().for_each(|event| terminal.event(event).unwrap());
        terminal.flush().unwrap();
        drop(terminal);
        String::from_utf8(out).unwrap()
    }

    fn told(events: &[Event]) -> String {
        told_with(options(Verbosity::Normal), events)
    }

    fn setup(message: &str) -> FixtureFinished {
        FixtureFinished { output: "dialing\n".into(), ..failed_fixture(Fixture::Setup, message) }
    }

    #[test]
    fn a_failed_set_up_is_told_once_and_its_tests_by_name() {
        let test = |name| {
            let output = "the setup has failed\n".to_owned();
            Event::TestFinished(TestFinished { output, message: Some("no port".into()), ..not_set_up(name) })
        };
        let failed = TestFinished { outcome: Outcome::Failed, ..finished("other") };
        let events = [
            Event::TestFinished(failed),
            Event::FixtureFinished(setup("no port")),
            test("db::reads"),
            test("db::writes"),
            Event::FixtureFinished(failed_fixture(Fixture::Teardown, "still in use")),
        ];
        let end = sample::run_finished(&events, None);
        let expected = "        FAIL [    0.250s] demo other
        FAIL [    0.500s] demo demo::db::(setup)
    no port
  output ───
    dialing
────────────
SETUP FAILED [    0.250s] demo db::reads
SETUP FAILED [    0.250s] demo db::writes
        FAIL [    0.500s] demo demo::db::(teardown)
    still in use

Failures:
  FAIL demo demo::db::(setup) (src/db.rs:3)
      no port
      rerun: cargo ptest -p demo --lib -- db::
      SETUP FAILED db::reads
      SETUP FAILED db::writes
  FAIL demo demo::db::(teardown) (src/db.rs:3)
      still in use
      rerun: cargo ptest -p demo --lib -- db::
  FAIL demo other (src/lib.rs:12)
      rerun: cargo ptest -p demo --lib -- --exact other
  rerun all: cargo ptest --failed
     Summary [   12.500s] 3 tests run: 0 passed, 1 failed, 2 setup failed, 2 failed fixtures
";
        assert_eq!(told(&[&events[..], &[end]].concat()), expected);
    }

    #[test]
    fn quietly_failures_are_all_that_is_told() {
        let events = [
            Event::FixtureFinished(FixtureFinished {
                kind: FixtureKind::Shared,
                ..fixture(Fixture::Setup, Outcome::Passed)
            }),
            Event::FixtureFinished(setup("no port")),
            Event::TestFinished(not_set_up("db::reads")),
        ];
        let expected = "        FAIL [    0.500s] demo demo::db::(setup)
    no port
  output ───
    dialing
────────────
SETUP FAILED [    0.250s] demo db::reads
";
        assert_eq!(told_with(options(Verbosity::Quiet), &events), expected);
    }

    #[test]
    fn what_failed_alike_in_another_process_is_not_told_again() {
        let first = Event::FixtureFinished(setup("no port"));
        let again = Event::FixtureFinished(FixtureFinished { process: 8, ..setup("no port") });
        let test = |name, process| Event::TestFinished(TestFinished { process, ..not_set_up(name) });
        let events = [first, again, test("a", Some(7)), test("b", Some(8))];
        let end = sample::run_finished(&events, None);
        let text = told(&[&events[..], &[end]].concat());
        assert_eq!(text.matches("dialing").count(), 1, "{text}");
        assert!(text.contains("      SETUP FAILED a\n      SETUP FAILED b\n"), "{text}");
    }

    #[test]
    fn a_test_whose_set_up_nobody_heard_of_speaks_for_itself() {
        let test = TestFinished { message: Some("no port".into()), ..not_set_up("db::reads") };
        let events = [Event::TestFinished(test)];
        let end = sample::run_finished(&events, None);
        let text = told(&[&events[..], &[end]].concat());
        assert!(text.starts_with("SETUP FAILED [    0.250s] demo db::reads\n    no port\n"), "{text}");
        assert!(text.contains("  SETUP FAILED demo db::reads (src/lib.rs:12)\n      no port\n"), "{text}");
    }

    #[test]
    fn an_attempt_whose_set_up_failed_is_not_the_last_word() {
        let passed = TestFinished { attempt: 2, flaky: true, process: Some(8), ..finished("db::reads") };
        let events = [
            Event::FixtureFinished(setup("no port")),
            Event::AttemptFailed(not_set_up("db::reads")),
            Event::TestFinished(passed),
        ];
        let end = sample::run_finished(&events, None);
        let text = told(&[&events[..], &[end]].concat());
        assert!(text.contains("TRY 1 SETUP FAILED [    0.250s] demo db::reads\n       FLAKY"), "{text}");
        assert!(
            text.contains(
                "rerun: cargo ptest -p demo --lib -- db::\n  rerun all: cargo ptest --failed\n\n       FLAKY"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_closing_list_names_some_of_many_tests() {
        let tests = (1..=13).map(|number| Event::TestFinished(not_set_up(&format!("t{number}"))));
        let events: Vec<Event> = std::iter::once(Event::FixtureFinished(setup("no port"))).chain(tests).collect();
        let end = sample::run_finished(&events, None);
        let text = told(&[&events[..], &[end]].concat());
        assert!(text.contains("      SETUP FAILED t10\n      and 3 more\n"), "{text}");
    }

    #[test]
    fn a_fixture_that_crashed_has_the_signal_for_a_status() {
        let crashed = fixture(Fixture::Host, Outcome::Crashed);
        let crashed = FixtureFinished { message: Some("SIGSEGV".into()), ..crashed };
        assert_eq!(told(&[Event::FixtureFinished(crashed)]), "     SIGSEGV [    0.500s] demo demo::db::(host)\n");
        let late = FixtureFinished {
            message: Some("timed out after 120s (the default)".into()),
            ..fixture(Fixture::Teardown, Outcome::TimedOut)
        };
        let expected = "     TIMEOUT [    0.500s] demo demo::db::(teardown)\n    timed out after 120s (the default)\n";
        assert_eq!(told(&[Event::FixtureFinished(late)]), expected);
    }

    #[test]
    fn what_went_well_has_a_line_if_it_is_shared_or_if_more_was_asked_for() {
        let passed = |which, kind| {
            let output = "ready\n".to_owned();
            // What was set up is only dropped.
            let function = Some("server".into()).filter(|_| which == Fixture::Setup);
            Event::FixtureFinished(FixtureFinished { kind, function, output, ..fixture(which, Outcome::Passed) })
        };
        let levels = Levels { success_output: OutputWhen::Immediate, ..Levels::default() };
        let with_output = TerminalOptions { levels, ..options(Verbosity::Normal) };
        for (kind, word) in
            [(FixtureKind::Unit, "unit"), (FixtureKind::CanSplit, "can_split"), (FixtureKind::Shared, "shared")]
        {
            let setup = format!("       SETUP [    0.500s] demo demo::db::server ({word})\n");
            let teardown = format!("    TEARDOWN [    0.500s] demo demo::db ({word})\n");
            let events = [passed(Fixture::Setup, kind), passed(Fixture::Teardown, kind)];
            let both = format!("{setup}{teardown}");
            let expected = if kind == FixtureKind::Shared { &*both } else { "" };
            assert_eq!(told(&events), expected, "{kind:?}");
            assert_eq!(told_with(options(Verbosity::Verbose), &events), both, "{kind:?}");
            assert_eq!(told_with(options(Verbosity::Quiet), &events), "", "{kind:?}");
            let output = "  output ───\n    ready\n────────────\n";
            let both = format!("{setup}{output}{teardown}{output}");
            assert_eq!(told_with(with_output.clone(), &events), both, "{kind:?}");
        }
    }
}
