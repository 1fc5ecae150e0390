//! Makes the reports of a run that is over, from its journal.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::journal::Written;
use super::record::Record;
use super::runs::Runs;
use super::slowest::Slowest;
use super::{html, junit, trace};

/// What to make, and of which run.
#[derive(Clone, Debug)]
pub struct Options {
    pub run: Run,
    pub junit: Option<Utf8PathBuf>,
    /// What the JUnit file says of what tests wrote.
    pub junit_output: junit::Output,
    pub html: Option<Utf8PathBuf>,
    pub trace: Option<Utf8PathBuf>,
    /// How many of the slowest tests to print.
    pub slowest: usize,
}

impl Options {
    /// The files that are to be written, by their options.
    pub fn files(&self) -> Vec<(&'static str, &Utf8Path)> {
        super::named(self.junit.as_deref(), self.html.as_deref(), self.trace.as_deref())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    Latest,
    /// Its id, or the beginning of it.
    Named(String),
    /// The journal itself.
    Path(Utf8PathBuf),
}

/// A run of which there is a journal.
pub struct Found(Record);

impl Found {
    /// Looks for the run. `runs` is called only if it is to be looked for.
    ///
    /// Fails if there is no such run, and names those that there are.
    pub fn find<E: From<anyhow::Error>>(run: &Run, runs: impl FnOnce() -> Result<Runs, E>) -> Result<Self, E> {
        let path = match run {
            Run::Path(path) => path.clone(),
            Run::Latest => runs()?.find(None)?,
            Run::Named(name) => runs()?.find(Some(name))?,
        };
        Ok(Self(Record::open(path)?))
    }

    /// What should be said of the run beside its reports.
    pub fn note(&self) -> Result<Option<&'static str>> {
        if self.0.goes_on {
            return Ok(Some("the run is still going; the reports show what has happened so far"));
        }
        let mut last = None;
        for event in self.0.events()? {
            last = Some(event?);
        }
        let is_whole = matches!(last, Some(crate::event::Event::RunFinished(_)));
        Ok((!is_whole).then_some("the run did not finish; the reports show what had happened"))
    }

    pub fn path(&self) -> &Utf8Path {
        &self.0.path
    }

    /// The slowest tests, a line for each.
    pub fn slowest(&self, most: usize) -> Result<String> {
        let mut slowest = Slowest::new(most);
        for event in self.0.events()?.take_while(|_| most > 0) {
            slowest.event(&event?);
        }
        Ok(slowest.lines())
    }

    /// Writes the reports.
    pub fn write(&self, options: &Options) -> Result<()> {
        if let Some(path) = &options.junit {
            junit::write(path, options.junit_output, self.0.events()?)?;
        }
        if let Some(path) = &options.html {
            html::write(&Written::at(&self.0.path), path)?;
        }
        if let Some(path) = &options.trace {
            trace::write(path, self.0.events()?)?;
        }
        Ok(())
    }
}
