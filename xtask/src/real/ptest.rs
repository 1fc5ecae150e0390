//! What `cargo ptest` says about each test: the JSON lines of the release build, as anybody's tool would read them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::crates::Project;
use super::{Report, run_to_files};
use crate::cargo;

/// Of an event only what is compared.
#[derive(Deserialize)]
struct Line {
    v: u32,
    event: String,
    #[serde(default)]
    binary: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    message: String,
}

/// Runs the project's tests with the `cargo ptest` that is found on `path`, where libtest may lack something.
pub(super) fn cargo_ptest(project: &Project, folder: &Path, path: &OsStr, without: Option<&str>) -> Result<Report> {
    let mut command = cargo::elsewhere(folder, &["ptest", "--message-format=json"]);
    if let Some(what) = without {
        command.args(["--config", &cargo::without(what)]);
    }
    command.args(project.arguments).env("PATH", path);
    let log = folder.join("target/ptest-says");
    let (status, wall) = run_to_files(command, &log)?;
    let said = fs::read_to_string(log.with_extension("stderr"))?;
    let text = fs::read_to_string(log.with_extension("stdout")).context("reading the JSON lines")?;
    let mut outcomes = BTreeMap::new();
    let mut finished = false;
    for line in text.lines() {
        let event: Line = serde_json::from_str(line).with_context(|| format!("not an event: {line}"))?;
        ensure!(event.v == 1, "an event of version {}", event.v);
        match event.event.as_str() {
            "test-finished" => {
                let before = outcomes.insert((event.binary.clone(), event.test.clone()), event.outcome);
                ensure!(before.is_none(), "{} {} is finished twice", event.binary, event.test);
            }
            // A process that fails outside of any test is an entry of its own, which cargo test knows as an exit status.
            "worker-failed" => {
                let name = format!("(worker exit: {})", event.message);
                outcomes.insert((event.binary, name), "error".to_owned());
            }
            "run-finished" => finished = true,
            _ => {}
        }
    }
    ensure!(finished, "cargo ptest ended with {status} and without `run-finished`:\n{said}");
    Ok(Report { outcomes, wall })
}
