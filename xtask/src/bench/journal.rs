//! What the journal of a run says of its time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct RunFinished {
    duration: f64,
}

/// How long the newest run of the folder took, from its first process to its last result.
pub(super) fn duration(folder: &Path) -> Result<Duration> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    // Their names begin with the time.
    let newest: Option<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).max();
    let path = newest.context("there is no journal")?;
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let last = text.lines().last().context("the journal is empty")?;
    let finished: RunFinished = serde_json::from_str(last).context("the journal does not end with the run")?;
    Ok(Duration::from_secs_f64(finished.duration))
}
