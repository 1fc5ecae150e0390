//! `--html PATH`: the report of a run as a page for the browser, in one file that needs nothing else.
//!
//! The line from [`Event`](crate::event::Event)s to a file, each step a function of the one before: [`Run`] folds the
//! events; [`measures`], [`contexts`], [`slowest`] and [`failures`] make sense of them; [`data`] is what the script draws
//! the timeline and the table of all tests from; [`page`] writes all of it down. [`HtmlFile`] puts that into its place at
//! the end of a run, and [`write()`] does so for any journal.
//!
//! Whoever reads the page may have no scripts: verdict, failures, contexts and the slowest tests are plain HTML, and the
//! script only adds to it. Whatever a test wrote stays text: all of it is escaped ([`escape`]), and a content-security
//! policy allows one style sheet and one script, by a nonce that no test can know, and no request to anywhere.

mod ansi;
mod contexts;
mod data;
mod escape;
mod failures;
mod file;
mod header;
mod measures;
mod page;
mod previous;
mod run;
mod slowest;
mod status;

use anyhow::Result;
use camino::Utf8Path;

use super::journal::Written;
use previous::Previous;
use run::Run;

pub use file::HtmlFile;

/// Writes the page of the run in `journal` to `path`, whether the run is over or was cut short.
pub fn write(journal: &Written, path: &Utf8Path) -> Result<()> {
    let run = Run::of(journal.events()?)?;
    let previous = Previous::before(journal.path(), &run);
    file::replace(path, &run, previous.as_ref())
}
