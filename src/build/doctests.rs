//! Which libraries have doctests, and how cargo is told to run those of one of them.
//!
//! rustdoc builds and runs doctests, and only cargo knows how it is to be called. So the doctests of a library are a
//! binary of their own here, whose program is `cargo test --doc` for that package alone.

use std::ffi::OsString;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Artifact, Message, Package, Target, TargetKind};
use nextest_metadata::{RustBinaryId, RustTestBinaryKind};

use super::{Options, TestBinary, artifacts};

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
    /// Where relative paths begin that the compiler wrote down.
    pub root: Utf8PathBuf,
}

/// One binary for each tested library that has doctests for cargo to run.
pub(super) fn binaries<'a>(
    options: &Options,
    tested: impl Iterator<Item = &'a Package>,
    root: &Utf8Path,
    messages: &[Message],
) -> Vec<TestBinary> {
    let libraries = tested.flat_map(|package| package.targets.iter().map(move |target| (package, target)));
    let libraries = libraries.filter(|(_, target)| target.doctest && is_library(target));
    let found = libraries.filter_map(|(package, target)| {
        Some(binary(options, package, target, library(messages, package, target)?, root))
    });
    let mut binaries: Vec<TestBinary> = found.collect();
    binaries.sort_by(|a, b| a.id.cmp(&b.id));
    binaries
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

fn binary(options: &Options, package: &Package, target: &Target, library: &Artifact, root: &Utf8Path) -> TestBinary {
    let kind = RustTestBinaryKind::new(KIND);
    let mut command: Vec<OsString> = vec![options.cargo.clone()];
    command.extend(["test", "--doc", "--color=never", "--package", &package.id.repr].map(OsString::from));
    command.extend(options.build_args.iter().map(OsString::from));
    command.push("--".into());
    TestBinary {
        id: Arc::from(RustBinaryId::from_parts(package.name.as_str(), &kind, &target.name).as_str()),
        package: package.name.to_string(),
        package_id: package.id.repr.clone(),
        target_name: target.name.clone(),
        kind: KIND.to_owned(),
        path: library.executable.clone().or_else(|| library.filenames.first().cloned()).unwrap_or_default(),
        cwd: package.manifest_path.parent().unwrap_or(Utf8Path::new("/")).to_owned(),
        env: Vec::new(),
        runner: Vec::new(),
        rustdoc: Some(Rustdoc { command, root: root.to_owned() }),
        libtest: true,
        host: target.kind.contains(&TargetKind::ProcMacro),
    }
}
