//! Checks licences, sources and known vulnerabilities of all dependencies with cargo-deny; `deny.toml` says what is accepted.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{cargo, skips};

/// Of these, cargo-deny needs the network for the database of advisories alone.
const OFFLINE: [&str; 3] = ["licenses", "bans", "sources"];

pub(crate) fn run() -> Result<()> {
    if !cargo::is_installed("cargo-deny") {
        return skips::add(
            "licences and known vulnerabilities of the dependencies were not checked: cargo-deny is not installed; `cargo \
             install --locked cargo-deny` installs it",
        );
    }
    let status = deny(&["check"], &OFFLINE).status().context("running cargo-deny")?;
    ensure!(status.success(), "deny.toml does not accept a dependency");
    if !has_advisories()? {
        return skips::add("known vulnerabilities were not looked for: the database of advisories cannot be fetched");
    }
    let status = deny(&["--offline", "check"], &["advisories"]).status().context("running cargo-deny")?;
    ensure!(status.success(), "a dependency has a known vulnerability; `cargo deny check advisories` says more");
    Ok(())
}

/// Whether the database is there; it is brought up to date if that is possible.
fn has_advisories() -> Result<bool> {
    let fetched = deny(&["fetch", "db"], &[]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(fetched.context("running cargo-deny")?.success())
}

fn deny(command: &[&str], checks: &[&str]) -> Command {
    let mut deny = Command::new("cargo-deny");
    deny.args(command).args(checks).current_dir(cargo::repository());
    deny
}
