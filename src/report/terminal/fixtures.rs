//! The lines of set-ups and teardowns.
//!
//! A failed one is told like a failed test, at once and with its output. That one went well is worth a line only where
//! it happens once in a run, for a shared context; the others come with every process.

use std::io::Write;

use super::{Terminal, Verbosity, word};
use crate::event::{Fixture, FixtureFinished, FixtureKind};

impl Terminal {
    pub(super) fn fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        if fixture.outcome.is_red() { self.failed_fixture(fixture) } else { self.passed_fixture(fixture) }
    }

    fn failed_fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        let status = word(fixture.outcome, fixture.message.as_deref());
        let label = self.styles.red.apply_to(format!("{status:>12}"));
        let name = self.name(&fixture.binary, &fixture.name());
        writeln!(self.out, "{label} [{:>9.3}s] {name}", fixture.duration)?;
        self.output(&fixture.output)?;
        self.reason(fixture.outcome, fixture.message.as_deref(), &fixture.output)
    }

    fn passed_fixture(&mut self, fixture: &FixtureFinished) -> std::io::Result<()> {
        let shown = match (fixture.fixture, fixture.kind) {
            (Fixture::Setup | Fixture::Teardown, FixtureKind::Shared) => Verbosity::Normal,
            _ => Verbosity::Verbose,
        };
        if self.options.verbosity < shown {
            return Ok(());
        }
        let status = match fixture.fixture {
            Fixture::Setup => "SETUP",
            Fixture::Teardown => "TEARDOWN",
            Fixture::Host => "HOST",
        };
        let label = self.styles.green.apply_to(format!("{status:>12}"));
        let name = self.name(&fixture.binary, &fixture.context);
        writeln!(self.out, "{label} [{:>9.3}s] {name}", fixture.duration)
    }
}
