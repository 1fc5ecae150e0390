//! Checks that the code compiles without warnings for systems that it is not tested on: both of Apple's processors, another
//! one of Linux, and musl.
//!
//! This takes no linker and no libraries of those systems, only the standard library for them, which comes with
//! `rustup target add`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, skips};

const TARGETS: [&str; 4] =
    ["aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"];

/// What is checked. The tests of `ptest-db` are left out: their drivers compile C, which takes a compiler and headers for
/// that system.
const CHECKS: [&str; 2] = ["--workspace --exclude=ptest-db --all-targets", "--package=ptest-db --lib --all-features"];

/// Checks the targets whose standard library is installed, and names the others.
pub(crate) fn run() -> Result<()> {
    let missing = missing()?;
    let targets: Vec<&str> = TARGETS.into_iter().filter(|target| !missing.contains(target)).collect();
    if !targets.is_empty() {
        CHECKS.iter().try_for_each(|what| check(what, &targets))?;
        println!("platforms: all compiles for {}", targets.join(", "));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (names, missing) = (missing.join(", "), missing.join(" "));
    skips::add(&format!("nothing was checked for {names}: `rustup target add {missing}` installs what is needed"))
}

/// The targets whose standard library is not installed for the toolchain in use.
pub(crate) fn missing() -> Result<Vec<&'static str>> {
    let output = Command::new("rustc").arg("--print=sysroot").output().context("running rustc --print=sysroot")?;
    ensure!(output.status.success(), "rustc --print=sysroot: {}", output.status);
    let root = String::from_utf8(output.stdout).context("the path of the toolchain is not UTF-8")?;
    let libraries = Path::new(root.trim_end()).join("lib/rustlib");
    Ok(TARGETS.into_iter().filter(|target| !libraries.join(target).join("lib").is_dir()).collect())
}

fn check(what: &str, targets: &[&str]) -> Result<()> {
    let mut command = cargo::here(&["clippy"]);
    command
        .args(what.split(' '))
        .args(targets.iter().flat_map(|target| ["--target", target]))
        .args(["--", "-Dwarnings"])
        // It is done too seldom for what this costs in time and room.
        .env("CARGO_INCREMENTAL", "0");
    let status = command.status().context("running cargo clippy")?;
    ensure!(status.success(), "cargo clippy {what} fails for one of {}: {status}", targets.join(", "));
    Ok(())
}
