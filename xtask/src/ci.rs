//! Everything that must be green before a change lands, in the order in which it fails soonest.
//!
//! It prepares the machine first, as far as it may: see [`mod@machine`]. What cannot be tested on this machine is skipped, and
//! listed and counted at the end.

mod machine;

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::{alone, cargo, deny, msrv, packages, platforms, skips, tidy, workflows};
use machine::Machine;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install nothing: skip what cannot be tested on this machine as it is
    #[arg(long)]
    no_install: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    skips::start()?;
    let machine = Machine::prepare(!options.no_install);
    step("tidy", tidy::run)?;
    match machine.has_rustfmt {
        true => cargo_step("fmt --all --check")?,
        false => skips::add("formatting was not checked: rustfmt is not installed")?,
    }
    match machine.has_clippy {
        true => cargo_step("clippy --workspace --all-targets -- -D warnings")?,
        false => skips::add("lints were not checked: clippy is not installed")?,
    }
    cargo_step("doc --workspace --all-features --no-deps --document-private-items")?;
    match machine.has_clippy {
        true => step("platforms", platforms::run)?,
        false => skips::add("nothing was checked for other platforms: clippy is not installed")?,
    }
    test(&machine)?;
    match machine.has_clippy {
        true => step("alone", alone::run)?,
        false => skips::add("the published crates were not checked by themselves: clippy is not installed")?,
    }
    step("packages", packages::run)?;
    step("msrv", msrv::run)?;
    step("deny", deny::run)?;
    step("workflows", workflows::run)?;
    let skipped = skips::report()?;
    let but = if skipped == 0 { String::new() } else { format!(", but for {skipped} skips, listed above") };
    println!("ci: all green after {:.1} s{but}", start.elapsed().as_secs_f64());
    Ok(())
}

/// All tests; without a PostgreSQL all that need none. (The tests of the runner find out for themselves what they can do
/// without; those of `ptest-db` fail, as a user's tests would.)
fn test(machine: &Machine) -> Result<()> {
    if machine.has_postgresql {
        return cargo_step("test --workspace");
    }
    skips::add(
        "ptest-db was not tested on PostgreSQL (its tests kept, kills, traps, bank and drivers): there is none",
    )?;
    cargo_step("test --workspace --exclude ptest-db")?;
    cargo_step("test --package ptest-db --lib --test bank --test drivers -- --skip postgresql::")?;
    cargo_step("test --package ptest-db --doc")
}

fn cargo_step(arguments: &str) -> Result<()> {
    step(&format!("cargo {arguments}"), || {
        let mut command = cargo::here(&arguments.split(' ').collect::<Vec<_>>());
        // As for clippy, a warning is a fault; rustdoc has no option for it.
        command.env("RUSTDOCFLAGS", "-Dwarnings");
        skips::collect_from(&mut command);
        let status = command.status().context("running cargo")?;
        ensure!(status.success(), "{status}");
        Ok(())
    })
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("ci: {name}");
    let start = Instant::now();
    work().with_context(|| format!("ci: {name}"))?;
    println!("ci: {name}: {:.1} s\n", start.elapsed().as_secs_f64());
    Ok(())
}
