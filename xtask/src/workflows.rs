//! Checks GitHub's workflows with actionlint: a mistake in the one for releases would be found on the day of a release.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, skips};

pub(crate) fn run() -> Result<()> {
    if !cargo::is_installed("actionlint") {
        return skips::add(".github/workflows were not checked: actionlint is not installed");
    }
    let status = Command::new("actionlint").current_dir(cargo::repository()).status().context("running actionlint")?;
    ensure!(status.success(), "actionlint finds mistakes in .github/workflows");
    Ok(())
}
