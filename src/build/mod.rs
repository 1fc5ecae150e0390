//! Runs `cargo test --no-run`, reads its JSON messages, and says of each test binary how cargo would run it.
//!
//! `cargo metadata` and `rustc` are asked beside the build. Once they have answered, each binary can be described as soon
//! as cargo reports it: whatever its environment depends on was built before it. So others may begin with it while cargo
//! goes on; the last word on all of them is what is described when the build is done.

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Artifact, Dependency, DependencyKind, Message, Metadata, Package, PackageId, TargetKind};
use nextest_metadata::{RustBinaryId, RustTestBinaryKind};

mod cargo;
mod cargo_config;
mod doctests;
mod environment;
mod lock;
mod manifest;
mod platform;
mod rustc;
mod toolchain;

pub use cargo::Process;
pub use doctests::{Doctests, Rustdoc};
use environment::Environment;
use lock::Lock;
use platform::Platforms;
pub use toolchain::said as toolchain_said;

/// What the build stage needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cargo to call: `$CARGO`, so that it is the one that called us.
    pub cargo: OsString,
    /// What the user chose of cargo test's options, in cargo's own spelling.
    pub cargo_args: Vec<String>,
    /// Those of them that choose packages.
    pub package_args: Vec<String>,
    /// Those of them that say how to build, and not what.
    pub build_args: Vec<String>,
    pub doctests: Doctests,
    /// Those of them that `cargo metadata` takes, too.
    pub metadata_args: Vec<String>,
    /// The values of `--config`.
    pub config: Vec<String>,
    /// The values of `--target`.
    pub targets: Vec<String>,
    /// Our own environment, as we found it.
    pub env: HashMap<OsString, OsString>,
    /// Set for cargo and for every test: the jobserver.
    pub makeflags: Option<OsString>,
    /// Set for the cargo that builds.
    pub cargo_env: Vec<(&'static str, String)>,
    /// The cargo that builds, for whoever may want to end it.
    pub process: Process,
}

/// A finished build.
#[derive(Debug)]
pub struct Build {
    pub binaries: Vec<TestBinary>,
    pub site: Site,
    /// The packages that have a test binary here and a dev-dependency on `serial_test`.
    pub serial_packages: Vec<String>,
}

/// Where a build takes place.
#[derive(Clone, Debug)]
pub struct Site {
    /// That of the package at the workspace's root, or else of its folder.
    pub name: String,
    pub workspace_root: Utf8PathBuf,
    pub target_directory: Utf8PathBuf,
    pub build_directory: Option<Utf8PathBuf>,
    /// Where no package is chosen, cargo builds all members, and not only those that are near or the default.
    pub all_members: bool,
    /// What `rustc --version` prints, where a build takes place and it could be remembered.
    pub rustc: Option<String>,
}

fn builds_all_members(metadata: &Metadata) -> bool {
    let default = &metadata.workspace_default_members;
    // Cargo before 1.71 does not say.
    !default.is_available() || metadata.workspace_members.iter().all(|member| default.contains(member))
}

impl Site {
    fn of(metadata: &Metadata) -> Self {
        let folder = || metadata.workspace_root.file_name().unwrap_or_default().to_owned();
        Self {
            name: metadata.root_package().map_or_else(folder, |package| package.name.to_string()),
            workspace_root: metadata.workspace_root.clone(),
            target_directory: metadata.target_directory.clone(),
            build_directory: metadata.build_directory.clone(),
            all_members: builds_all_members(metadata),
            rustc: None,
        }
    }
}

/// Where a jobserver is named: ours, and those that make and cargo hand on.
pub const JOBSERVER: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// An executable that contains tests, and how cargo would run it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a fact of its own")]
pub struct TestBinary {
    /// nextest's binary id: the package's name, and the target's where it is not the library.
    pub id: Arc<str>,
    pub package: String,
    pub package_id: String,
    /// How cargo is told of its package, where the name alone is ambiguous.
    pub spec: Option<String>,
    pub target_name: String,
    /// The file that the target starts with.
    pub source: Utf8PathBuf,
    /// nextest's word for the target's kind: `lib`, `bin`, `test`, `example`, `bench`, `proc-macro`; or `doc`.
    pub kind: String,
    /// The program; of doctests, the library that they belong to.
    pub path: Utf8PathBuf,
    /// The package's root: where cargo starts its tests.
    pub cwd: Utf8PathBuf,
    /// Where relative paths begin that the compiler wrote down.
    pub root: Utf8PathBuf,
    /// What the environment of its tests has besides, or in place of, our own.
    pub env: Vec<(OsString, OsString)>,
    /// The `target.*.runner` that starts it, with its arguments.
    pub runner: Vec<OsString>,
    /// Set if it stands for the doctests of a library, which have no program that could be started by itself.
    pub rustdoc: Option<Rustdoc>,
    /// Whether it has libtest's harness (`harness = true`, the default).
    pub libtest: bool,
    /// Whether it was built for the host as opposed to the target, as procedural macros are.
    pub host: bool,
    /// Whether it was there before the build.
    pub fresh: bool,
    /// Whether its package depends on the crate `jobserver`, or is that crate.
    pub jobserver: bool,
}

impl TestBinary {
    /// A command that starts the binary as cargo would, without arguments yet.
    #[expect(clippy::disallowed_methods, reason = "how a test binary is started is said here, once")]
    pub fn command(&self) -> Command {
        if let Some(Rustdoc { command: words, .. }) = &self.rustdoc {
            // cargo is called as we were, and gives doctests their folder and environment itself.
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            return command;
        }
        let mut words = self.runner.iter().cloned().chain([self.path.clone().into()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).current_dir(&self.cwd).envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }
}

/// Why there is no build.
#[derive(Debug)]
pub enum Failure {
    /// cargo has said why on the terminal.
    Build,
    Metadata(anyhow::Error),
    /// The same, and cargo has said why on the terminal.
    MetadataAndBuild,
    Other(anyhow::Error),
}

/// How many jobs cargo would run at once: as `build.jobs` or its variable say, else one for each core.
pub fn configured_jobs(cores: usize) -> Result<usize> {
    let config = cargo_config2::Config::load().context("cannot read cargo's configuration")?;
    let cores = i32::try_from(cores)?;
    let jobs = match config.build.jobs {
        Some(jobs) if jobs < 0 => cores + jobs,
        Some(jobs) => jobs,
        None => cores,
    };
    Ok(usize::try_from(jobs.max(1))?)
}

/// Where a build would take place.
pub fn site(options: &Options) -> Result<Site> {
    Ok(Site::of(&cargo::metadata(options)?))
}

/// The profile that was asked for, if it is none of cargo's and the root's manifest has none of that name, either.
pub fn unknown_profile(options: &Options) -> Option<String> {
    let place = options.build_args.iter().position(|word| word == "--profile")?;
    let name = options.build_args.get(place + 1)?;
    let manifest = site(options).ok()?.workspace_root.join("Cargo.toml");
    let is_known =
        ["dev", "release", "test", "bench"].contains(&&**name) || manifest::has_profile(&manifest, name).ok()?;
    (!is_known).then(|| name.clone())
}

/// Builds the tests. Each binary that can be described before the build is done is told as soon as it is there.
pub fn test_binaries(options: &Options, found: &mut dyn FnMut(&Site, TestBinary)) -> Result<Build, Failure> {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let cargo = scope.spawn(move || cargo::build(options, &sender));
        let known = Known::find(options);
        let mut messages = Vec::new();
        if let Ok(known) = &known {
            for message in receiver {
                messages.push(message);
                if let Some(binary) = known.at_once(options, &messages) {
                    found(&known.site(), binary);
                }
            }
        }
        let built = cargo.join().expect("the thread does not panic");
        // Where cargo cannot read the workspace, that is why it cannot build, either.
        let known = match (known, &built) {
            (Err(Failure::Metadata(_)), Err(Failure::Build)) => return Err(Failure::MetadataAndBuild),
            (known, _) => known?,
        };
        built?;
        known.describe(options, &messages).map_err(Failure::Other)
    })
}

/// What is known of the workspace and its platforms without building.
struct Known {
    metadata: Metadata,
    platforms: Platforms,
    lock: Lock,
}

impl Known {
    fn find(options: &Options) -> Result<Self, Failure> {
        let metadata = cargo::metadata(options).map_err(Failure::Metadata)?;
        let memory = metadata.target_directory.join("ptest/rustc.json");
        let platforms = Platforms::find(options, memory).map_err(Failure::Other)?;
        let lock = Lock::read(&metadata.workspace_root);
        Ok(Self { metadata, platforms, lock })
    }

    fn site(&self) -> Site {
        Site { rustc: self.platforms.rustc.clone(), ..Site::of(&self.metadata) }
    }

    /// The binary that the last message is about, if all is known of it already. What of several platforms it is called
    /// and what cargo says of other workspaces' packages turns out in the end, and so do mistakes.
    fn at_once(&self, options: &Options, messages: &[Message]) -> Option<TestBinary> {
        let Some(Message::CompilerArtifact(artifact)) = messages.last() else { return None };
        let is_sure = options.doctests != Doctests::Only && !self.platforms.are_several();
        if !is_sure || !is_test(artifact) {
            return None;
        }
        let package = find(&self.metadata.packages, &artifact.package_id).ok()?;
        let environment = Environment::new(options, &self.platforms, &self.metadata, messages);
        let binary = binary(artifact, package, &self.metadata.workspace_root, &self.platforms, &environment).ok()?;
        Some(TestBinary { spec: self.lock.spec(package), ..binary })
    }

    fn describe(self, options: &Options, messages: &[Message]) -> Result<Build> {
        let tests: Vec<&Artifact> = artifacts(messages).filter(|it| is_test(it)).collect();
        let packages = packages(options, self.metadata.packages.clone(), &tests)?;
        let environment = Environment::new(options, &self.platforms, &self.metadata, messages);
        let mut binaries = Vec::new();
        for artifact in &tests {
            let package = find(&packages, &artifact.package_id)?;
            let root = &self.metadata.workspace_root;
            binaries.push(binary(artifact, package, root, &self.platforms, &environment)?);
        }
        binaries.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
        tell_apart(&mut binaries);
        // What was built to find out which libraries were meant is not to run.
        if options.doctests == Doctests::Only {
            binaries.clear();
        }
        if options.doctests != Doctests::Without {
            let with_nothing_else = doctests::without_tests(options, &packages, &tests, messages)?;
            let tested = tested(&packages, &tests).chain(with_nothing_else);
            binaries.extend(doctests::binaries(options, tested, &self.metadata.workspace_root, messages));
        }
        // The build may have written it.
        let lock = Lock::read(&self.metadata.workspace_root);
        for binary in &mut binaries {
            let package = packages.iter().find(|package| package.id.repr == binary.package_id);
            binary.spec = package.and_then(|package| lock.spec(package));
        }
        Ok(Build { binaries, serial_packages: serial_packages(&packages), site: self.site() })
    }
}

fn is_test(artifact: &Artifact) -> bool {
    artifact.profile.test && artifact.executable.is_some()
}

fn artifacts(messages: &[Message]) -> impl Iterator<Item = &Artifact> {
    messages.iter().filter_map(|message| match message {
        Message::CompilerArtifact(artifact) => Some(artifact),
        _ => None,
    })
}

fn find<'a>(packages: &'a [Package], id: &PackageId) -> Result<&'a Package> {
    packages.iter().find(|package| package.id == *id).with_context(|| format!("cargo metadata knows no package {id}"))
}

/// The workspace's packages, and all others if a test binary belongs to none of them (`-p` of a dependency).
fn packages(options: &Options, members: Vec<Package>, tests: &[&Artifact]) -> Result<Vec<Package>> {
    let is_member = |test: &&Artifact| members.iter().any(|package| package.id == test.package_id);
    if tests.iter().all(is_member) { Ok(members) } else { Ok(cargo::metadata_of_all(options)?.packages) }
}

fn binary(
    artifact: &Artifact,
    package: &Package,
    root: &Utf8Path,
    platforms: &Platforms,
    environment: &Environment,
) -> Result<TestBinary> {
    let path = artifact.executable.clone().context("a test artifact without an executable")?;
    let kind = kind(&artifact.target.kind);
    let id = RustBinaryId::from_parts(package.name.as_str(), &kind, &artifact.target.name);
    let platform = platforms.of(&path);
    let cwd = package.manifest_path.parent().unwrap_or(Utf8Path::new("/")).to_owned();
    Ok(TestBinary {
        id: Arc::from(id.as_str()),
        package: package.name.to_string(),
        package_id: package.id.repr.clone(),
        spec: None,
        target_name: artifact.target.name.clone(),
        source: artifact.target.src_path.clone(),
        libtest: manifest::has_libtest_harness(&package.manifest_path, &kind, &artifact.target)?,
        env: environment.of(package, &kind, &path, platform)?,
        runner: platform.runner.clone(),
        rustdoc: None,
        host: kind == RustTestBinaryKind::PROC_MACRO || (platform.host && platforms.cross()),
        kind: kind.as_str().to_owned(),
        fresh: artifact.fresh,
        jobserver: is_about_jobservers(package),
        path,
        cwd,
        root: root.to_owned(),
    })
}

/// nextest's names for the kinds of targets; every kind of library is a `lib`.
fn kind(kinds: &[TargetKind]) -> RustTestBinaryKind {
    match kinds.first() {
        Some(TargetKind::Bin) => RustTestBinaryKind::BIN,
        Some(TargetKind::Test) => RustTestBinaryKind::TEST,
        Some(TargetKind::Example) => RustTestBinaryKind::EXAMPLE,
        Some(TargetKind::Bench) => RustTestBinaryKind::BENCH,
        Some(TargetKind::ProcMacro) => RustTestBinaryKind::PROC_MACRO,
        _ => RustTestBinaryKind::LIB,
    }
}

/// One target built for several `--target`s gives several binaries of one id; the platform's name tells them apart.
fn tell_apart(binaries: &mut [TestBinary]) {
    let ids: Vec<Arc<str>> = binaries.iter().map(|binary| binary.id.clone()).collect();
    for binary in binaries {
        if ids.iter().filter(|id| **id == binary.id).count() > 1 {
            let folder = binary.path.ancestors().nth(3).and_then(Utf8Path::file_name).unwrap_or("host");
            binary.id = format!("{}@{folder}", binary.id).into();
        }
    }
}

fn tested<'a>(packages: &'a [Package], tests: &'a [&Artifact]) -> impl Iterator<Item = &'a Package> {
    packages.iter().filter(|package| tests.iter().any(|test| test.package_id == package.id))
}

/// What such a package's tests do with a jobserver would be done to the one of this run.
fn is_about_jobservers(package: &Package) -> bool {
    // What only its build script uses, none of its tests do.
    let uses_it = |it: &Dependency| it.name == "jobserver" && it.kind != DependencyKind::Build;
    package.name.as_str() == "jobserver" || package.dependencies.iter().any(uses_it)
}

fn serial_packages(packages: &[Package]) -> Vec<String> {
    let uses_it = |package: &&Package| package.dependencies.iter().any(|it| it.name == "serial_test");
    packages.iter().filter(uses_it).map(|package| package.name.to_string()).collect()
}
