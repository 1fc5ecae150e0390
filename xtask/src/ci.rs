//! Everything that must be green before a change lands, in the order in which it fails soonest.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{alone, cargo, deny, msrv, packages, tidy, workflows};

const STEPS: &[&str] = &[
    "fmt --all --check",
    "clippy --workspace --all-targets -- -D warnings",
    "doc --workspace --all-features --no-deps --document-private-items",
    "test --workspace",
];

pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    step("tidy", tidy::run)?;
    for arguments in STEPS {
        step(&format!("cargo {arguments}"), || {
            let mut command = cargo::here(&arguments.split(' ').collect::<Vec<_>>());
            // As for clippy, a warning is a fault; rustdoc has no option for it.
            command.env("RUSTDOCFLAGS", "-Dwarnings");
            let status = command.status().context("running cargo")?;
            ensure!(status.success(), "{status}");
            Ok(())
        })?;
    }
    step("alone", alone::run)?;
    step("packages", packages::run)?;
    step("msrv", msrv::run)?;
    step("deny", deny::run)?;
    step("workflows", workflows::run)?;
    println!("ci: all green after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("ci: {name}");
    let start = Instant::now();
    work().with_context(|| format!("ci: {name}"))?;
    println!("ci: {name}: {:.1} s\n", start.elapsed().as_secs_f64());
    Ok(())
}
