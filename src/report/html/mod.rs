//! `--html PATH`: the report of a run as a page for the browser, in one file that needs nothing else.
//!
//! The line from [`Event`](crate::event::Event)s to a file, each step a function of the one before: [`Run`] folds the
//! events, [`Earlier`] knows what became of the same tests before; [`measures`], [`contexts`], [`slowest`] and
//! [`failures`] make sense of them; [`data`] is what the script draws the timeline and the table of all tests from;
//! [`page`] writes all of it down. [`HtmlFile`] puts that into its place at the end of a run, and [`write()`] does so for
//! any journal.
//!
//! Whoever reads the page may have no scripts: verdict, failures, contexts and the slowest tests are plain HTML, and the
//! script only adds to it. Whatever a test wrote stays text: maud escapes all that is not markup by its type, and a
//! content-security policy allows one style sheet and one script, by a nonce that no test can know, and no request to
//! anywhere.

mod ansi;
mod contexts;
mod contrast;
mod data;
mod diff;
mod earlier;
mod entry;
mod escape;
mod failures;
mod file;
mod header;
mod links;
mod measures;
mod outputs;
mod page;
mod run;
mod slots;
mod slowest;
mod source;
mod status;

use anyhow::Result;
use camino::Utf8Path;

use super::journal::Written;
use earlier::Earlier;
use run::Run;
use source::Sources;

pub use file::HtmlFile;

/// Writes the page of the run in `journal` to `path`, whether the run is over or was cut short.
pub fn write(journal: &Written, path: &Utf8Path) -> Result<()> {
    let run = Run::of(journal.events()?)?;
    let earlier = Earlier::before(journal.path(), &run);
    let root = run.workspace.as_deref().and_then(|root| Some(journal.path().parent()?.join(root)));
    let sources = match &run.started {
        Some(started) => Sources::of(root.as_deref(), started.timestamp),
        None => Sources::default(),
    };
    file::replace(path, &run, &earlier, sources)
}
