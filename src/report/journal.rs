//! The journal: every event of a run in a file, written as it happens. All other files are made from it.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::runs::Runs;
use super::write_line;
use crate::event::{Event, Reporter, TestStarted};

pub(super) struct Journal {
    path: Utf8PathBuf,
    file: BufWriter<File>,
    /// What is not written yet: that a test began says nothing more once it has ended, and small ones end at once.
    began: Vec<TestStarted>,
}

impl Journal {
    /// Creates the journal of a run.
    pub(super) fn create(runs: &Runs, run: &str) -> Result<Self> {
        let (path, file) = runs.create(run)?;
        Ok(Self { path, file: BufWriter::new(file), began: Vec::new() })
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    fn write(&mut self, event: &Event) -> Result<()> {
        write_line(&mut self.file, event).with_context(|| format!("cannot write {}", self.path))
    }
}

impl Reporter for Journal {
    fn event(&mut self, event: &Event) -> Result<()> {
        match event {
            // The test's last word has it.
            Event::TestOutput(_) => return Ok(()),
            Event::TestStarted(it) => {
                self.began.push(it.clone());
                return Ok(());
            }
            Event::TestFinished(it) | Event::AttemptFailed(it) => {
                self.began.retain(|began| Some(began.process) != it.process || began.test != it.test);
            }
            _ => {}
        }
        self.write(event)
    }

    fn flush(&mut self) -> Result<()> {
        for began in std::mem::take(&mut self.began) {
            self.write(&Event::TestStarted(began))?;
        }
        self.file.flush().with_context(|| format!("cannot write {}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TestFinished;
    use crate::report::junit::sample::{finished, test_started};

    #[test]
    fn the_beginning_of_a_test_is_written_when_it_goes_on_and_not_when_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().to_owned().try_into().unwrap(), None);
        let mut journal = Journal::create(&runs, "run").unwrap();
        let ended = |name: &str| Event::TestFinished(TestFinished { process: Some(1), ..finished(name) });
        for event in [test_started("demo", "a"), ended("a"), test_started("demo", "b")] {
            journal.event(&event).unwrap();
        }
        journal.flush().unwrap();
        journal.event(&ended("b")).unwrap();
        journal.finish().unwrap();
        let written = std::fs::read_to_string(journal.path()).unwrap();
        let words = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let words: Vec<String> =
            words.map(|line| format!("{} {}", line["event"], line["test"]).replace('"', "")).collect();
        assert_eq!(words, ["journal-started null", "test-finished a", "test-started b", "test-finished b"]);
    }
}
