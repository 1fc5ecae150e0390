//! What `ptest` costs those who use it: the time that its crates take to compile, in a tree that is empty and in one that
//! has syn and serde already, and the time that tests of ours take to compile, beside plain ones.
//!
//! What the crates take is measured as for crates from a registry: not incrementally.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::cases::write;
use super::log_to;
use super::measure::{self, Sample, Spread};
use super::table::range;
use crate::cargo;

const SERDE: &str = "serde = { version = \"1\", features = [\"derive\"] }\n";

/// A body of seven lines, as tests have them.
const REALISTIC: &str = " let mut seen = std::collections::BTreeMap::new();
    for (index, word) in \"to be or not to be\".split(' ').enumerate() {
        seen.entry(word.to_owned()).or_insert_with(Vec::new).push(index + N);
    }
    let most = seen.iter().max_by_key(|(_, places)| places.len()).map(|(word, _)| word.clone());
    assert_eq!(seen.len(), 4, \"{seen:?}\");
    assert!(most.is_some_and(|word| word == \"to\" || word == \"be\"), \"{seen:?}\"); ";

pub(super) fn run(folder: &Path, runs: u8) -> Result<()> {
    println!("| built | wall | CPU |\n|---|--:|--:|");
    crates(folder, runs)?;
    tests(folder, "one assertion", " assert_eq!(N + 1, 1 + N); ", runs)?;
    tests(folder, "seven lines", REALISTIC, runs)
}

/// The crates, each time from nothing; what is there before is built first and not measured.
fn crates(folder: &Path, runs: u8) -> Result<()> {
    let both = &*format!("{SERDE}syn = {{ version = \"3\", features = [\"full\"] }}\n");
    let cases = [
        ("ptest, in an empty tree", "", "", true),
        ("ptest and serde with its derive, in an empty tree", "", SERDE, true),
        ("syn and serde with its derive, in an empty tree", "", both, false),
        ("the same and ptest, in an empty tree", "", both, true),
        ("ptest, where serde with its derive is built", SERDE, SERDE, true),
        ("ptest, where syn and serde with its derive are built", both, both, true),
        ("nothing, where syn and serde with its derive are built", both, both, false),
    ];
    let mut samples = cases.map(|_| Vec::new());
    // In turns, so that what else the machine does is in all of them.
    for run in 1..=runs {
        for ((what, before, with, ptest), samples) in cases.iter().zip(&mut samples) {
            eprintln!("bench: {what} {run}/{runs}");
            let target = folder.join("target");
            if target.exists() {
                fs::remove_dir_all(&target).with_context(|| format!("removing {}", target.display()))?;
            }
            if !before.is_empty() {
                package(folder, before, false)?;
                build(folder, &["build"])?;
            }
            package(folder, with, *ptest)?;
            samples.push(build(folder, &["build"])?);
        }
    }
    for ((what, ..), samples) in cases.iter().zip(&samples) {
        row(what, samples);
    }
    Ok(())
}

/// A thousand tests, plain and ours: the first build of their binaries, and one after a change, with what cargo keeps for it.
fn tests(folder: &Path, what: &str, body: &str, runs: u8) -> Result<()> {
    package(folder, SERDE, true)?;
    let mut samples = [const { Vec::<Sample>::new() }; 4];
    for run in 1..=runs {
        eprintln!("bench: 1,000 tests of {what} {run}/{runs}");
        for (kind, attribute) in ["test", "ptest::test"].into_iter().enumerate() {
            let name = ["plain", "ours"][kind];
            let target = format!("--test={name}");
            for (way, incremental) in ["0", "1"].into_iter().enumerate() {
                // Without what cargo keeps, and then with it; the first one with it makes it, and is not measured.
                for round in 0..=way {
                    let text = source(attribute, body, &format!("{run}{way}{round}"));
                    write(&folder.join("tests").join(format!("{name}.rs")), &text)?;
                    let sample = build_with(folder, &["test", "--no-run", &target], incremental)?;
                    if round == way {
                        samples[2 * way + kind].push(sample);
                    }
                }
            }
        }
    }
    let kept = ["compiled whole", "compiled after a change"];
    for (index, samples) in samples.iter().enumerate() {
        let whose = ["plain", "ours"][index % 2];
        row(&format!("1,000 {whose} tests of {what}, {}", kept[index / 2]), samples);
    }
    Ok(())
}

fn source(attribute: &str, body: &str, change: &str) -> String {
    let mut text = format!("pub const CHANGE: &str = \"{change}\";\n");
    for test in 0..1000 {
        let body = body.replace('N', &format!("{test}_usize"));
        writeln!(text, "#[{attribute}]\nfn t{test:04}() {{{body}}}").expect("a string takes everything");
    }
    text
}

/// Writes a package with these dependencies, and `ptest` if it is to be there.
fn package(folder: &Path, dependencies: &str, ptest: bool) -> Result<()> {
    let path = cargo::repository().join("crates/ptest");
    let ptest = if ptest { format!("ptest = {{ path = \"{}\" }}\n", path.display()) } else { String::new() };
    let manifest = format!(
        "[package]\nname = \"build\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}{ptest}\n[workspace]\n"
    );
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src/lib.rs"), "")?;
    // The versions are those that this repository is built with.
    let lock = cargo::repository().join("Cargo.lock");
    fs::copy(&lock, folder.join("Cargo.lock")).with_context(|| format!("copying {}", lock.display()))?;
    Ok(())
}

fn build(folder: &Path, arguments: &[&str]) -> Result<Sample> {
    build_with(folder, arguments, "0")
}

fn build_with(folder: &Path, arguments: &[&str], incremental: &str) -> Result<Sample> {
    let log = folder.join("build.log");
    let mut command = cargo::elsewhere(folder, arguments);
    command.env("CARGO_INCREMENTAL", incremental);
    log_to(&mut command, &log)?;
    let sample = measure::run(&mut command)?;
    ensure!(sample.status.success(), "cargo {} failed: see {}", arguments.join(" "), log.display());
    Ok(sample)
}

fn row(what: &str, samples: &[Sample]) {
    let spread = Spread::of(samples);
    println!("| {what} | {} | {} |", range(spread.wall()), range(spread.cpu()));
}
