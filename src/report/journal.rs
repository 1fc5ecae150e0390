//! The journal: every event of a run in a file, written as it happens. All other files are made from it.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::runs::Runs;
use super::{file, write_line};
use crate::event::{Event, Reporter, TestStarted};

pub(super) struct Journal {
    path: Utf8PathBuf,
    file: BufWriter<Arc<File>>,
    /// What is not written yet: that a test began says nothing more once it has ended, and small ones end at once.
    began: Vec<TestStarted>,
}

impl Journal {
    /// Creates the journal of a run.
    pub(super) fn create(runs: &Runs, run: &str) -> Result<Self> {
        let (path, file) = runs.create(run)?;
        Ok(Self { path, file: BufWriter::new(Arc::new(file)), began: Vec::new() })
    }

    /// The same, for reports that are made from it.
    pub(super) fn written(&self) -> Written {
        Written { path: self.path.clone(), open: Some(self.file.get_ref().clone()) }
    }

    /// Writes the journal anew if it was removed: later runs look for it.
    fn restore(&self) -> io::Result<()> {
        if self.path.exists() {
            return Ok(());
        }
        self.path.parent().map_or(Ok(()), fs::create_dir_all)?;
        io::copy(&mut FromStart::new(self.file.get_ref()), &mut File::create_new(&self.path)?)?;
        Ok(())
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

    fn finish(&mut self) -> Result<()> {
        self.flush()?;
        self.restore().with_context(|| format!("cannot write {} again, which was removed", self.path))
    }
}

/// A journal as the source of other reports. The one of a run that goes on is held open: `cargo clean` removes its name.
#[derive(Clone)]
pub(super) struct Written {
    path: Utf8PathBuf,
    open: Option<Arc<File>>,
}

impl Written {
    /// The one of an earlier run.
    pub(super) fn at(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), open: None }
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    pub(super) fn events(&self) -> Result<impl Iterator<Item = Result<Event>>> {
        let events: Box<dyn Iterator<Item = Result<Event>>> = match &self.open {
            Some(open) => Box::new(file::events_of(BufReader::new(FromStart::new(open)), &self.path)),
            None => Box::new(file::events(&self.path)?),
        };
        Ok(events)
    }
}

/// Reads a file from its beginning, whatever its position is, which stays.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl FromStart {
    fn new(file: &Arc<File>) -> Self {
        Self { file: file.clone(), at: 0 }
    }
}

impl io::Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
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
        let written = std::fs::read_to_string(&journal.path).unwrap();
        let words = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let words: Vec<String> =
            words.map(|line| format!("{} {}", line["event"], line["test"]).replace('"', "")).collect();
        assert_eq!(words, ["journal-started null", "test-finished a", "test-started b", "test-finished b"]);
    }

    #[test]
    fn a_journal_that_was_removed_is_read_all_the_same_and_written_again_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let runs = Runs::new(target.join("ptest").try_into().unwrap(), None);
        let mut journal = Journal::create(&runs, "run").unwrap();
        let written = journal.written();
        let ended = Event::TestFinished(finished("a"));
        journal.event(&ended).unwrap();
        std::fs::remove_dir_all(&target).unwrap();
        journal.event(&ended).unwrap();
        journal.finish().unwrap();
        for source in [written, Written::at(&journal.path)] {
            let events: Vec<Event> = source.events().unwrap().collect::<Result<_>>().unwrap();
            assert!(matches!(events[0], Event::JournalStarted(_)));
            assert_eq!(events[1..], [ended.clone(), ended.clone()]);
        }
        // One that is there is left alone.
        journal.finish().unwrap();
    }
}
