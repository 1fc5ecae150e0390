//! The least that a process for each test can cost: a loop that starts one after another, on each core, and waits for it.
//! It is xargs's.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;

use crate::cargo;

/// Where the names of the tests are written, in the package's folder.
const NAMES: &str = "names";

/// A loop over the tests of a package with one test binary.
pub(super) fn command(folder: &Path) -> Result<Command> {
    let built = cargo::elsewhere(folder, &["test", "--tests", "--no-run", "--quiet", "--message-format=json"]).output();
    let built = built.context("running cargo test --no-run")?.stdout;
    let executable = Message::parse_stream(&built[..]).find_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
        _ => None,
    });
    let executable = executable.context("cargo test --no-run names no test binary")?;
    let listed = Command::new(&executable).args(["--list", "--format=terse"]).output().context("listing the tests")?;
    ensure!(listed.status.success(), "{executable} cannot list its tests");
    let names = String::from_utf8(listed.stdout).context("names are text")?.replace(": test\n", "\n");
    fs::write(folder.join(NAMES), names)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("xargs");
    command
        .args(["-a", NAMES, "-n", "1", "-P", &cores.to_string(), executable.as_str(), "--exact"])
        .current_dir(folder);
    Ok(command)
}
