//! The journal: every event of a run in a file, written as it happens. All other files are made from it.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::{record, write_line};
use crate::event::{Event, Reporter, TestStarted};

/// How many runs are remembered in any case.
const KEPT: usize = 10;

/// How many more, as long as all together are no larger than [`ROOM`]: `--failed` looks back as far as that.
const KEPT_SMALL: usize = 50;

/// In bytes.
const ROOM: u64 = 128 * 1024 * 1024;

pub(super) struct Journal {
    path: Utf8PathBuf,
    file: BufWriter<File>,
    /// What is not written yet: that a test began says nothing more once it has ended, and small ones end at once.
    began: Vec<TestStarted>,
}

impl Journal {
    /// Begins the journal of a run in `folder`, and lets go of the oldest ones there.
    pub(super) fn create(folder: &Utf8Path, run: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {folder}"))?;
        forget_old_runs(folder);
        // The id of a nested run has the outer one's before it.
        let name = run.rsplit('/').next().unwrap_or(run);
        let path = folder.join(format!("{name}.jsonl"));
        let file = File::create(&path).with_context(|| format!("cannot create the run's journal, {path}"))?;
        // Held while the run goes on, so that no other run takes the journal for an old one.
        file.lock().with_context(|| format!("cannot lock {path}"))?;
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

/// What cannot be removed is in nobody's way.
fn forget_old_runs(folder: &Utf8Path) {
    let journals = record::journals(folder);
    let mut size = 0;
    // The one that is about to begin counts.
    for (number, path) in (2..).zip(journals.iter().rev()) {
        size += path.metadata().map_or(0, |it| it.len());
        if number <= KEPT || (number <= KEPT_SMALL && size <= ROOM) {
            continue;
        }
        let is_over = File::open(path).is_ok_and(|file| file.try_lock().is_ok());
        if is_over {
            let _ = std::fs::remove_file(path);
        }
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
        let mut journal = Journal::create(Utf8Path::from_path(folder.path()).unwrap(), "run").unwrap();
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
        assert_eq!(words, ["test-finished a", "test-started b", "test-finished b"]);
    }
}
