//! What holds for each published package: it says the same as its neighbours, has its licence with it, and its dependencies
//! within this repository have the versions that are published beside it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use cargo_metadata::{Dependency, DependencyKind, Package};

use crate::cargo;

const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// `cargo xtask release` relies on the last one.
const INHERITED: [&str; 4] = [
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
];

pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let packages = cargo::metadata(root)?.packages;
    let mut faults = Vec::new();
    for package in packages.iter().filter(|package| package.publish.is_none()) {
        let folder = package.manifest_path.parent().map_or(root, |folder| folder.as_std_path());
        faults.extend(faults_of_manifest(package, &fs::read_to_string(&package.manifest_path)?));
        faults.extend(faults_of_licences(root, folder)?);
        faults.extend(
            package.dependencies.iter().filter_map(|dependency| fault_of_version(dependency, package, &packages)),
        );
    }
    Ok(faults)
}

fn faults_of_manifest(package: &Package, manifest: &str) -> Vec<String> {
    let path = &package.manifest_path;
    let mut faults = Vec::new();
    for line in INHERITED.iter().filter(|line| !manifest.lines().any(|found| found == **line)) {
        faults.push(format!("{path}: `{line}` is missing"));
    }
    let described = [
        ("description", package.description.is_some()),
        ("readme", package.readme.is_some()),
        ("keywords", (1..=5).contains(&package.keywords.len())),
        ("categories", (1..=5).contains(&package.categories.len())),
    ];
    for (name, _) in described.iter().filter(|(_, present)| !present) {
        faults.push(format!("{path}: a published package has `{name}` (of keywords and categories one to five)"));
    }
    faults
}

/// Symbolic links would do on Unix alone, so each package has copies.
fn faults_of_licences(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for licence in LICENCES {
        let expected = fs::read_to_string(root.join(licence))?;
        let copy = folder.join(licence);
        if fs::read_to_string(&copy).ok() != Some(expected) {
            faults.push(format!("{}: is no copy of {licence} in the root of the repository", copy.display()));
        }
    }
    Ok(faults)
}

/// Dev-dependencies without a version are left out of what is published.
fn fault_of_version(dependency: &Dependency, package: &Package, packages: &[Package]) -> Option<String> {
    let path = dependency.path.as_ref()?;
    let requirement = dependency.req.to_string();
    if dependency.kind == DependencyKind::Development && requirement == "*" {
        return None;
    }
    let version = packages.iter().find(|other| other.manifest_path.parent() == Some(path))?.version.to_string();
    (!names(&requirement, &version)).then(|| {
        format!("{}: {} {requirement} should be {version}, as it is published", package.manifest_path, dependency.name)
    })
}

/// Whether a requirement names this very version as its lowest, or its only one.
fn names(requirement: &str, version: &str) -> bool {
    requirement.trim_start_matches(['^', '=']) == version
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{LICENCES, faults, names};

    const GOOD: &str = "\
[package]
name = \"a\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
description = \"A\"
readme = \"README.md\"
keywords = [\"a\"]
categories = [\"development-tools\"]
";

    /// The faults of a workspace of `a`, with this manifest, and `b` 0.2.0, which is not published.
    fn faults_of(manifest: &str, change: impl FnOnce(&std::path::Path)) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n[workspace.package]\nversion = \"0.1.0\"\n\
             edition = \"2024\"\nrust-version = \"1.89\"\nlicense = \"MIT\"\n",
        );
        write("a/Cargo.toml", manifest);
        write("b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"0.2.0\"\nedition = \"2024\"\npublish = false\n");
        for file in ["a/src/lib.rs", "b/src/lib.rs", "a/README.md"] {
            write(file, "");
        }
        for licence in LICENCES {
            write(licence, licence);
            write(&format!("a/{licence}"), licence);
        }
        change(root.path());
        faults(root.path()).unwrap()
    }

    #[test]
    fn a_package_that_says_all_has_no_fault() {
        assert_eq!(faults_of(GOOD, |_| {}), [""; 0]);
    }

    #[test]
    fn what_a_package_does_not_say_or_bring_is_a_fault() {
        let fault = |line: &str| faults_of(&GOOD.replace(line, ""), |_| {}).join("\n");
        assert!(fault("description = \"A\"\n").contains("`description`"));
        assert!(fault("keywords = [\"a\"]\n").contains("`keywords`"));
        assert!(fault("license.workspace = true\n").contains("`license.workspace = true` is missing"));
        let changed = faults_of(GOOD, |root| fs::write(root.join("a/LICENSE-MIT"), "mine").unwrap());
        assert!(changed.len() == 1 && changed[0].contains("no copy of LICENSE-MIT"), "{changed:?}");
        let removed = faults_of(GOOD, |root| fs::remove_file(root.join("a/LICENSE-APACHE")).unwrap());
        assert!(removed.len() == 1 && removed[0].contains("no copy of LICENSE-APACHE"), "{removed:?}");
    }

    #[test]
    fn a_path_dependency_has_the_version_that_is_published_beside_it() {
        let with = |kind: &str, version: &str| {
            let line = format!("\n[{kind}]\nb = {{ path = \"../b\"{version} }}\n");
            faults_of(&(GOOD.to_owned() + &line), |_| {})
        };
        assert_eq!(with("dependencies", ", version = \"0.2.0\""), [""; 0]);
        assert_eq!(with("dependencies", ", version = \"=0.2.0\""), [""; 0]);
        assert_eq!(with("dev-dependencies", ""), [""; 0]);
        let missing = with("dependencies", "");
        assert!(missing.len() == 1 && missing[0].contains("b * should be 0.2.0"), "{missing:?}");
        // Cargo itself refuses a version that the path does not have, but takes an older one.
        let older = with("dependencies", ", version = \"0.2\"");
        assert!(older.len() == 1 && older[0].contains("b ^0.2 should be 0.2.0"), "{older:?}");
    }

    #[test]
    fn a_requirement_names_one_version() {
        assert!(names("^0.1.0", "0.1.0") && names("=0.1.0", "0.1.0"));
        assert!(!names("^0.1", "0.1.0") && !names("*", "0.1.0") && !names(">=0.1.0", "0.1.0"));
    }
}
