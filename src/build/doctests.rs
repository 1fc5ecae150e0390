//! Which libraries have doctests, and how cargo is told to run those of one of them.
//!
//! rustdoc builds and runs doctests, and only cargo knows how it is to be called. So the doctests of a library are a
//! binary of their own here, whose program is `cargo test --doc` for that package alone.

use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use cargo_metadata::{Artifact, Message, Package, Target, TargetKind};
use nextest_metadata::{RustBinaryId, RustTestBinaryKind};

use super::{Options, TestBinary, artifacts};
use crate::descriptors;

/// The kind of the binary that a library's doctests are. nextest has no name for it; its ids allow any.
const KIND: &str = "doc";

/// Whether doctests take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doctests {
    /// Other targets were chosen, or somebody does not want them.
    Without,
    /// With the tests of all targets.
    Beside,
    /// And nothing else.
    Only,
}

/// How rustdoc is called for the doctests of a library.
#[derive(Clone, Debug)]
pub struct Rustdoc {
    /// `cargo test --doc` with the options of the build, up to where the harness's own begin.
    pub command: Vec<OsString>,
}

/// One binary for each tested library that has doctests for cargo to run.
pub(super) fn binaries<'a>(
    options: &Options,
    tested: impl Iterator<Item = &'a Package>,
    root: &Utf8Path,
    messages: &[Message],
) -> Vec<TestBinary> {
    let libraries = tested.flat_map(|package| package.targets.iter().map(move |target| (package, target)));
    let libraries: Vec<_> = libraries.filter(|(_, target)| target.doctest && is_library(target)).collect();
    let alone = libraries.len() == 1;
    let found = libraries.into_iter().filter_map(|(package, target)| {
        let library = library(messages, package, target)?;
        // Which features a dependency has is for cargo a question of which packages are chosen. So where nothing has to be
        // kept apart the choice stays what it was.
        let choice =
            if alone { options.package_args.clone() } else { vec!["--package".to_owned(), package.id.repr.clone()] };
        let build = if alone { options.build_args.clone() } else { known_to(package, &options.build_args) };
        Some(binary(package, target, library, root, Rustdoc { command: command(options, choice, build) }))
    });
    let mut binaries: Vec<TestBinary> = found.collect();
    binaries.sort_by(|a, b| a.id.cmp(&b.id));
    binaries
}

/// The packages that were chosen and have doctests, but nothing that is built as a test: their libraries say `test =
/// false`. That such a library was built does not tell, since another package may have needed it; so cargo is asked which
/// packages were meant.
#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
pub(super) fn without_tests<'a>(
    options: &Options,
    packages: &'a [Package],
    tests: &[&Artifact],
    messages: &[Message],
) -> Result<Vec<&'a Package>> {
    let may_be_meant = |package: &&Package| {
        let mut libraries = package.targets.iter().filter(|it| it.doctest && !it.test && is_library(it));
        libraries.any(|it| library(messages, package, it).is_some())
            && tests.iter().all(|test| test.package_id != package.id)
    };
    let mut found: Vec<&Package> = packages.iter().filter(may_be_meant).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let mut command = Command::new(&options.cargo);
    // To cargo tree `--all` is something else.
    let choice = options.package_args.iter().map(|word| if word == "--all" { "--workspace" } else { word });
    command.args(["tree", "--quiet", "--depth=0", "--prefix=none", "--format={p}"]).args(choice);
    let output = descriptors::output(command.args(&options.metadata_args)).context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    let chosen = String::from_utf8_lossy(&output.stdout);
    // `name v1.2.3 (/its/folder)`
    found.retain(|it| {
        let name = format!("{} v{}", it.name, it.version);
        chosen.lines().any(|line| line.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
    });
    Ok(found)
}

fn is_library(target: &Target) -> bool {
    let programs = [TargetKind::Bin, TargetKind::Test, TargetKind::Example, TargetKind::Bench, TargetKind::CustomBuild];
    !target.kind.iter().any(|kind| programs.contains(kind))
}

/// What the library was built as: itself, if something needed it, else with its own tests.
fn library<'a>(messages: &'a [Message], package: &Package, target: &Target) -> Option<&'a Artifact> {
    let own = |it: &&Artifact| it.package_id == package.id && it.target.kind == target.kind;
    artifacts(messages).filter(own).min_by_key(|it| it.profile.test)
}

fn command(options: &Options, choice: Vec<String>, build: Vec<String>) -> Vec<OsString> {
    let words = ["test", "--doc", "--color=never"].map(str::to_owned).into_iter().chain(choice).chain(build);
    let words = words.chain(["--".to_owned()]).map(OsString::from);
    std::iter::once(options.cargo.clone()).chain(words).collect()
}

/// The options of the build without the features that this package does not have: of several packages one is enough to
/// have them, but not any one.
fn known_to(package: &Package, args: &[String]) -> Vec<String> {
    let has = |feature: &str| match feature.split_once('/') {
        Some((name, _)) => {
            let name = name.trim_end_matches('?');
            package.name.as_str() == name
                || package.dependencies.iter().any(|it| it.rename.as_ref().unwrap_or(&it.name) == name)
        }
        None => package.features.contains_key(feature),
    };
    let mut known = Vec::new();
    let mut args = args.iter();
    while let Some(word) = args.next() {
        let value = args.as_slice().first().filter(|_| word == "--features");
        let Some(value) = value else {
            known.push(word.clone());
            continue;
        };
        args.next();
        let features: Vec<&str> = value.split([',', ' ']).filter(|feature| has(feature)).collect();
        if !features.is_empty() {
            known.extend([word.clone(), features.join(",")]);
        }
    }
    known
}

fn binary(package: &Package, target: &Target, library: &Artifact, root: &Utf8Path, rustdoc: Rustdoc) -> TestBinary {
    let kind = RustTestBinaryKind::new(KIND);
    TestBinary {
        id: Arc::from(RustBinaryId::from_parts(package.name.as_str(), &kind, &target.name).as_str()),
        package: package.name.to_string(),
        package_id: package.id.repr.clone(),
        spec: None,
        target_name: target.name.clone(),
        source: target.src_path.clone(),
        kind: KIND.to_owned(),
        path: library.executable.clone().or_else(|| library.filenames.first().cloned()).unwrap_or_default(),
        cwd: package.manifest_path.parent().unwrap_or(Utf8Path::new("/")).to_owned(),
        root: root.to_owned(),
        env: Vec::new(),
        runner: Vec::new(),
        rustdoc: Some(rustdoc),
        libtest: true,
        host: target.kind.contains(&TargetKind::ProcMacro),
        fresh: library.fresh,
        jobserver: super::is_about_jobservers(package),
    }
}
