//! What was not tested on this machine. The harness shows nothing of a test that passes, so tests append a line to a file for
//! each thing that they skip; so do the commands of xtask. `cargo xtask ci` counts the lines at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::cargo;

/// Names the file to the tests: see `skipped` in `tests/it/tool.rs`.
const VARIABLE: &str = "XTASK_SKIPS";

/// The file, while there is somebody to count.
static LIST: OnceLock<PathBuf> = OnceLock::new();

/// Starts an empty list below the target folder.
pub(crate) fn start() -> Result<()> {
    let folder = cargo::target_folder()?.join("ci");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join("skipped");
    fs::write(&path, "").with_context(|| format!("writing {}", path.display()))?;
    LIST.get_or_init(|| path);
    Ok(())
}

/// Reports that something was not tested, and why.
pub(crate) fn add(what: &str) -> Result<()> {
    println!("SKIPPED: {what}");
    let Some(path) = LIST.get() else { return Ok(()) };
    let mut file = File::options().append(true).open(path).context("opening the list of skips")?;
    writeln!(file, "{what}").context("writing to the list of skips")
}

/// Has the tests that a command runs add to the list.
pub(crate) fn collect_from(command: &mut Command) {
    if let Some(path) = LIST.get() {
        command.env(VARIABLE, path);
    }
}

/// Prints each reason with its count; returns how many skips there are.
pub(crate) fn report() -> Result<usize> {
    let Some(path) = LIST.get() else { return Ok(0) };
    let list = fs::read_to_string(path).context("reading the list of skips")?;
    for (what, count) in counted(&list) {
        println!("SKIPPED {count}x: {what}");
    }
    Ok(list.lines().count())
}

fn counted(list: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in list.lines() {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_reasons_are_counted_together() {
        let counts = super::counted("no make\nno browser\nno make\n");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("no browser", 1), ("no make", 2)]);
    }
}
