//! Answers to whoever presses keys while the run goes on.

use std::io::Write;

use super::Terminal;
use crate::event::{AtWork, RunFinished, Show};
use crate::report::control::tame;
use crate::report::summary;

const KEYS: &[(&str, &str)] = &[
    ("t", "running tests, with their output so far"),
    ("Enter", "totals so far"),
    ("f", "failures so far"),
    ("s", "start no more tests; let the running ones finish"),
    ("k", "end the longest-running test or fixture; again: kill it immediately"),
    ("+ -", "one slot more, one slot less"),
    ("q", "cancel the run, like Ctrl-C; again: kill what is running immediately"),
    ("?", "these keys"),
];

impl<W: Write> Terminal<W> {
    pub(super) fn answer(&mut self, wanted: &Show) -> std::io::Result<()> {
        match wanted {
            Show::Running(all) => self.running(all),
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
                self.failures.iter_mut().for_each(|failure| failure.count(&self.repeats));
                let failures = summary::failures(&self.failures, self.options.diagnose, &self.styles);
                writeln!(self.page, "{failures}")
            }
            Show::Help => KEYS.iter().try_for_each(|(key, meaning)| {
                let key = self.styles.bold.apply_to(format!("{key:>12}"));
                writeln!(self.page, "{key} {meaning}")
            }),
            Show::Done(text) => self.said(&tame(text, false)),
            Show::Written(bytes) => {
                self.unfinished = bytes.last().is_some_and(|last| *last != b'\n');
                self.page.write_all(bytes)
            }
        }
    }

    fn running(&mut self, all: &[AtWork]) -> std::io::Result<()> {
        if all.is_empty() {
            return self.said("nothing is running");
        }
        for it in all {
            let label = self.styles.green.apply_to("     RUNNING");
            let name = self.name(&it.binary, &it.name);
            let place = it.worker.map_or("a host".to_owned(), |worker| format!("slot {worker}"));
            writeln!(self.page, "{label} [{:>9.3}s] {name}, in {place}", it.elapsed)?;
            self.output(&it.output, self.styles.green)?;
        }
        Ok(())
    }

    fn said(&mut self, text: &str) -> std::io::Result<()> {
        writeln!(self.page, "{} {text}", self.styles.dim.apply_to("            "))
    }
}
