//! Each published crate by itself, as its users get it.
//!
//! Cargo gives a dependency the features that anybody in the tree wants of it, so in this workspace a crate may compile only
//! because a neighbour, or a dev-dependency, has switched on what it forgot. Here every crate is checked with each of its
//! features and nothing else, and packages outside of this workspace use what the documentation shows. They are written
//! below the target folder and share a target folder of their own; cargo builds each of them with its own features.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Package, TargetKind};

use crate::cargo;

/// A package that uses published crates, and its dependencies besides those.
struct Consumer {
    name: &'static str,
    dependencies: &'static [&'static str],
    source: &'static str,
    /// Cargo's command; what only compiles needs something of the machine to run.
    command: &'static str,
}

const CONSUMERS: &[Consumer] = &[
    Consumer { name: "bare", dependencies: &["ptest"], source: include_str!("../alone/bare.rs"), command: "test" },
    Consumer {
        name: "derived",
        dependencies: &["ptest", r#"serde = { version = "1", features = ["derive", "rc"] }"#],
        source: include_str!("../alone/derived.rs"),
        command: "test",
    },
    Consumer {
        name: "sqlite",
        dependencies: &["ptest", "ptest-db/sqlite"],
        source: include_str!("../alone/sqlite.rs"),
        command: "test",
    },
    Consumer {
        name: "postgres",
        dependencies: &["ptest", "ptest-db/postgres", r#"postgres = "0.19""#],
        source: include_str!("../alone/postgres.rs"),
        command: "check",
    },
];

pub(crate) fn run() -> Result<()> {
    for package in cargo::published()? {
        for features in feature_sets(&package) {
            check(&package, &features)?;
        }
    }
    let folder = cargo::target_folder()?.join("alone");
    write_workspace(&folder)?;
    for consumer in CONSUMERS {
        use_it(&folder, consumer)?;
    }
    Ok(())
}

/// None of its features, each of them alone, and all of them.
fn feature_sets(package: &Package) -> Vec<String> {
    let features: Vec<&str> = package.features.keys().map(String::as_str).filter(|name| *name != "default").collect();
    let mut sets = vec![String::new()];
    sets.extend(features.iter().map(|feature| (*feature).to_owned()));
    if features.len() > 1 {
        sets.push(features.join(","));
    }
    sets
}

/// Checks what is published of a package. Of its dependencies only those features are on that it asks for itself: it is the
/// only package that is selected, and its dev-dependencies belong to targets that are not.
fn check(package: &Package, features: &str) -> Result<()> {
    let is_library = |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::ProcMacro);
    let has_library = package.targets.iter().any(|target| target.kind.iter().any(is_library));
    let targets = if has_library { "--lib" } else { "--bins" };
    let what = format!("{} with {}", package.name, if features.is_empty() { "no features" } else { features });
    let selected = ["--package", &package.name, targets, "--no-default-features", "--features", features];
    let arguments = [&["clippy", "--quiet"][..], &selected, &["--", "-D", "warnings"]].concat();
    let status = cargo::here(&arguments).status().context("running cargo clippy")?;
    ensure!(status.success(), "{what} does not compile alone, or with warnings");
    println!("alone: {what}");
    Ok(())
}

/// Writes the consumers. The lock file is ours, so that they get the same versions and nothing is asked of a registry.
fn write_workspace(folder: &Path) -> Result<()> {
    let members: Vec<&str> = CONSUMERS.iter().map(|consumer| consumer.name).collect();
    write(&folder.join("Cargo.toml"), &format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"))?;
    if !folder.join("Cargo.lock").exists() {
        fs::copy(cargo::repository().join("Cargo.lock"), folder.join("Cargo.lock")).context("copying Cargo.lock")?;
    }
    for consumer in CONSUMERS {
        let package = folder.join(consumer.name);
        write(&package.join("Cargo.toml"), &manifest(consumer))?;
        write(&package.join("src/lib.rs"), "")?;
        write(&package.join("tests/it.rs"), consumer.source)?;
    }
    Ok(())
}

fn manifest(consumer: &Consumer) -> String {
    let Consumer { name, dependencies, .. } = consumer;
    let package =
        format!("[package]\nname = \"alone-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n");
    let dependencies: String = dependencies.iter().map(|dependency| line(dependency) + "\n").collect();
    format!("{package}\n[dev-dependencies]\n{dependencies}")
}

/// A dependency as it is written in a manifest: `NAME`, or `NAME/FEATURE`, is a crate of ours.
fn line(dependency: &str) -> String {
    if dependency.contains('=') {
        return dependency.to_owned();
    }
    let (name, feature) = dependency.split_once('/').unwrap_or((dependency, ""));
    let features: Vec<&str> = Some(feature).filter(|feature| !feature.is_empty()).into_iter().collect();
    let path = cargo::repository().join("crates").join(name);
    format!("{name} = {{ path = '{}', features = {features:?} }}", path.display())
}

/// What has not changed keeps its time stamp, by which cargo knows that.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    let folder = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn use_it(folder: &Path, consumer: &Consumer) -> Result<()> {
    let package = format!("--package=alone-{}", consumer.name);
    let status = cargo::elsewhere(folder, &[consumer.command, "--quiet", &package, "--test=it"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "what uses {} alone fails: xtask/alone/{}.rs", consumer.dependencies[0], consumer.name);
    println!("alone: xtask/alone/{}.rs", consumer.name);
    Ok(())
}
