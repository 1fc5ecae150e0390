//! Answers to whoever presses keys while the run goes on.

use std::io::Write;

use super::Terminal;
use crate::event::{RunFinished, RunningTest, Show};
use crate::report::control::tame;
use crate::report::summary;

const KEYS: &[(&str, &str)] = &[
    ("t", "what runs now, with its output so far"),
    ("Enter", "what the tests have come to so far"),
    ("f", "the failures so far"),
    ("s", "start no more tests; those that run may finish"),
    ("k", "end the test that has run for the longest time; again: at once"),
    ("+ -", "one slot more, one less"),
    ("q", "cancel the run, as Ctrl-C does; again: at once"),
    ("?", "these keys"),
];

impl<W: Write> Terminal<W> {
    pub(super) fn answer(&mut self, wanted: &Show) -> std::io::Result<()> {
        match wanted {
            Show::Running(tests) => self.running(tests),
            Show::Summary => {
                let run = RunFinished {
                    duration: self.live.now().as_secs_f64(),
                    tally: self.live.state().tally,
                    stopped: None,
                };
                let totals = summary::totals(&run, &self.styles);
                write!(self.page, "{}", totals.replacen("     Summary", "      So far", 1))
            }
            Show::Failures if self.failures.is_empty() => self.said("no failures so far"),
            Show::Failures => {
                let failures = summary::failures(&self.failures, &self.styles);
                writeln!(self.page, "{failures}")
            }
            Show::Help => KEYS.iter().try_for_each(|(key, meaning)| {
                let key = self.styles.bold.apply_to(format!("{key:>12}"));
                writeln!(self.page, "{key} {meaning}")
            }),
            Show::Done(text) => self.said(&tame(text, false)),
        }
    }

    fn running(&mut self, tests: &[RunningTest]) -> std::io::Result<()> {
        if tests.is_empty() {
            return self.said("no test is running");
        }
        for test in tests {
            let label = self.styles.green.apply_to("     RUNNING");
            let name = self.name(&test.binary, &test.test);
            writeln!(self.page, "{label} [{:>9.3}s] {name}, in slot {}", test.elapsed, test.worker)?;
            self.output(&test.output)?;
        }
        Ok(())
    }

    fn said(&mut self, text: &str) -> std::io::Result<()> {
        writeln!(self.page, "{} {text}", self.styles.dim.apply_to("            "))
    }
}
