//! The least that a process for each test can cost: a loop that starts one after another, on each core, and waits for it.
//! It is xargs's. The library path is that which cargo gives to tests: to look through it costs each process its time.

use std::ffi::OsString;
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
    let libraries = libraries(executable.as_std_path())?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("xargs");
    command
        .args(["-a", NAMES, "-n", "1", "-P", &cores.to_string(), executable.as_str(), "--exact"])
        .current_dir(folder);
    command.env("LD_LIBRARY_PATH", libraries);
    Ok(command)
}

/// The folders of what is built, and those of the toolchain.
fn libraries(executable: &Path) -> Result<OsString> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("asking for the sysroot")?;
    let sysroot = Path::new(String::from_utf8(sysroot.stdout)?.trim()).join("lib");
    let deps = executable.parent().context("the binary is in no folder")?;
    let profile = deps.parent().context("the binary is in no profile's folder")?;
    let toolchain = sysroot.join("rustlib").join(cargo::host()?).join("lib");
    Ok(std::env::join_paths([profile, deps, &toolchain, &sysroot])?)
}
