//! Puts a trace into its file: when the run is over, for nobody looks at one before.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::Gathered;
use crate::event::{Event, Reporter};
use crate::report::file;
use crate::report::journal::Written;

/// What errors call the file.
const WHAT: &str = "trace";

/// The trace of a run, made from its journal.
pub struct TraceFile {
    path: Utf8PathBuf,
    journal: Written,
}

impl TraceFile {
    /// Writes a trace that is empty so far. What there is at the end is in `journal` by then.
    pub fn create(path: &Utf8Path, journal: &Written) -> Result<Self> {
        let path = file::target(path, WHAT)?;
        write(&path, std::iter::empty())?;
        Ok(Self { path, journal: journal.clone() })
    }
}

impl Reporter for TraceFile {
    fn event(&mut self, _: &Event) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        write(&self.path, self.journal.events()?)
    }
}

/// Writes the trace of the run that `events` tell of.
pub fn write(path: &Utf8Path, events: impl Iterator<Item = Result<Event>>) -> Result<()> {
    let mut gathered = Gathered::default();
    for event in events {
        gathered.add(&event?);
    }
    let trace = gathered.into_trace();
    file::replace(path, WHAT, |out| serde_json::to_writer(out, &trace).context("cannot write JSON"))
}
