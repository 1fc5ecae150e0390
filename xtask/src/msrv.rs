//! Checks that the published packages compile with the oldest Rust that their manifests promise (`rust-version`).

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{cargo, skips};

pub(crate) fn run() -> Result<()> {
    let packages = cargo::published()?;
    let version = packages[0].rust_version.as_ref().context("the packages have no rust-version")?;
    // Rustup's toolchains are named as their versions are, without a last `.0`.
    let toolchain = format!("{}.{}", version.major, version.minor);
    if !is_installed(&toolchain) {
        return skips::add(&format!(
            "the packages were not compiled with the oldest Rust that they promise: rustup has no toolchain {toolchain}; \
             `rustup toolchain install {toolchain} --profile minimal` installs it"
        ));
    }
    let names: Vec<String> = packages.iter().map(|package| format!("--package={}", package.name)).collect();
    check(&toolchain, &[&["--all-features"], &*as_strs(&names)].concat())?;
    // What the attributes expand to is compiled by users, too. The tests of `ptest-db` are not checked: their drivers build two
    // databases' libraries from C.
    check(&toolchain, &["--all-targets", "--package=ptest"])?;
    println!("msrv: {} compile with Rust {toolchain}", names.len());
    Ok(())
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The artifacts of another compiler are kept apart, else both would be built anew each time.
fn check(toolchain: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new("rustup")
        .args(["run", toolchain, "cargo", "check", "--quiet", "--locked"])
        .args(arguments)
        .current_dir(cargo::repository())
        .env("CARGO_TARGET_DIR", cargo::target_folder()?.join("msrv"))
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .status()
        .context("running rustup")?;
    ensure!(status.success(), "the packages do not compile with Rust {toolchain}: mend that, or raise `rust-version`");
    Ok(())
}

fn is_installed(toolchain: &str) -> bool {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "cargo", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
