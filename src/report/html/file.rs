//! Puts the page in its place: at the end of a run, or whenever somebody wants one from a journal.
//!
//! A page of an earlier run must not be taken for this one's, so a first one replaces it before anything is built. It
//! says that the run has not ended, and is what stays if the runner is killed.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::page::page;
use super::{Earlier, Run, Sources};
use crate::event::{Event, Reporter};
use crate::report::file;
use crate::report::journal::Written;

/// What errors call the file.
const WHAT: &str = "HTML file";

/// The page of a run, made from the run's journal.
pub struct HtmlFile {
    path: Utf8PathBuf,
    journal: Written,
}

impl HtmlFile {
    /// Writes a first page to `path`, which knows of no result. Fails if `path` can't be written, or is something that must
    /// not be replaced, such as a device.
    pub fn create(path: &Utf8Path, journal: &Written) -> Result<Self> {
        replace(path, &Run::default(), &Earlier::default(), Sources::default())?;
        Ok(Self { path: path.to_owned(), journal: journal.clone() })
    }
}

impl Reporter for HtmlFile {
    fn event(&mut self, _: &Event) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        super::write(&self.journal, &self.path)
    }
}

/// Puts the page of a run in the place of the file at `path`.
pub(super) fn replace(path: &Utf8Path, run: &Run, earlier: &Earlier, sources: Sources) -> Result<()> {
    let page = page(run, earlier, sources, &nonce())?;
    file::replace(&file::target(path, WHAT)?, WHAT, |out| Ok(out.write_all(page.as_bytes())?))
}

/// What the policy of a page knows its script by. It is chosen when all tests have said what they had to say.
fn nonce() -> String {
    // The standard library has no random numbers but the keys of its hashes, which are.
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::junit::sample;

    #[test]
    fn the_first_page_knows_of_no_result_and_the_last_one_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (path, journal) = (folder.join("new/page.html"), folder.join("journal.jsonl"));
        let lines: Vec<String> =
            sample::green_run().iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(&journal, lines.concat()).unwrap();
        let mut file = HtmlFile::create(&path, &Written::at(&journal)).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("<h1>Incomplete</h1>"));
        file.finish().unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.contains("<h1>Passed</h1>") && !page.contains("<h1>Incomplete</h1>"));
        assert_eq!(fs::read_dir(folder.join("new")).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_journal_that_breaks_off_is_an_incomplete_run() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (path, journal) = (folder.join("page.html"), folder.join("journal.jsonl"));
        let events = [sample::run_started(2), sample::test_started("demo", "hangs")];
        let lines: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(&journal, lines.concat() + "{\"v\":1,\"eve").unwrap();
        super::super::write(&Written::at(&journal), &path).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.contains("<h1>Incomplete</h1>") && page.contains("hangs"), "{page}");
    }
}
