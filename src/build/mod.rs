//! Runs `cargo test --no-run`, reads its JSON messages, and says of each test binary how cargo would run it.
//!
//! `cargo metadata` and `rustc` are asked beside the build: what they know is needed only when the build is done.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::BufReader;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Artifact, Message, Metadata, Package, PackageId, TargetKind};
use nextest_metadata::{RustBinaryId, RustTestBinaryKind};

mod cargo_config;
mod doctests;
mod environment;
mod manifest;
mod platform;
mod rustc;

pub use doctests::{Doctests, Rustdoc};
use environment::Environment;
use platform::Platforms;

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
}

/// A finished build.
#[derive(Debug)]
pub struct Build {
    pub binaries: Vec<TestBinary>,
    pub workspace_root: Utf8PathBuf,
    pub target_directory: Utf8PathBuf,
    pub build_directory: Option<Utf8PathBuf>,
    /// The packages that have a test binary here and a dev-dependency on `serial_test`.
    pub serial_packages: Vec<String>,
}

/// An executable that contains tests, and how cargo would run it.
#[derive(Debug)]
pub struct TestBinary {
    /// nextest's binary id: the package's name, and the target's where it is not the library.
    pub id: Arc<str>,
    pub package: String,
    pub package_id: String,
    pub target_name: String,
    /// nextest's word for the target's kind: `lib`, `bin`, `test`, `example`, `bench`, `proc-macro`; or `doc`.
    pub kind: String,
    /// The program; of doctests, the library that they belong to.
    pub path: Utf8PathBuf,
    /// The package's root: where cargo starts its tests.
    pub cwd: Utf8PathBuf,
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

/// The folder that cargo builds in, without building.
pub fn target_directory(options: &Options) -> Result<Utf8PathBuf> {
    Ok(metadata(options)?.target_directory)
}

/// Builds the tests.
pub fn test_binaries(options: &Options) -> Result<Build, Failure> {
    let (known, messages) = std::thread::scope(|scope| {
        let known = scope.spawn(|| {
            let metadata = metadata(options).map_err(Failure::Metadata)?;
            let memory = metadata.target_directory.join("ptest/rustc.json");
            let platforms = Platforms::find(options, memory).map_err(Failure::Other)?;
            Ok((metadata, platforms))
        });
        let messages = run_cargo(options);
        (known.join().expect("the thread does not panic"), messages)
    });
    // Where cargo cannot read the workspace, that is why it cannot build, either.
    let (metadata, platforms) = match (known, &messages) {
        (Err(Failure::Metadata(_)), Err(Failure::Build)) => return Err(Failure::MetadataAndBuild),
        (known, _) => known?,
    };
    let messages = messages?;
    describe(options, metadata, &platforms, &messages).map_err(Failure::Other)
}

/// Runs cargo with its own output on the terminal, and gives the messages that it wrote.
#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
fn run_cargo(options: &Options) -> Result<Vec<Message>, Failure> {
    let mut command = Command::new(&options.cargo);
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(&options.cargo_args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(makeflags) = &options.makeflags {
        command.env("CARGO_MAKEFLAGS", makeflags);
    }
    let mut run = || -> Result<(bool, Vec<Message>)> {
        let mut child = command.spawn().with_context(|| format!("cannot start {}", options.cargo.display()))?;
        let stdout = child.stdout.take().context("cargo has no stdout")?;
        let messages = Message::parse_stream(BufReader::new(stdout)).collect::<Result<_, _>>();
        let status = child.wait().context("cannot wait for cargo")?;
        Ok((status.success(), messages.context("cannot read the messages of cargo test --no-run")?))
    };
    let (success, messages) = run().map_err(Failure::Other)?;
    if success { Ok(messages) } else { Err(Failure::Build) }
}

#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
fn metadata(options: &Options) -> Result<Metadata> {
    // Packages outside of the workspace are looked up when a test binary turns out to belong to one.
    let output = Command::new(&options.cargo)
        .args(["metadata", "--format-version=1", "--no-deps"])
        .args(&options.metadata_args)
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")
}

fn describe(options: &Options, metadata: Metadata, platforms: &Platforms, messages: &[Message]) -> Result<Build> {
    let tests: Vec<&Artifact> = artifacts(messages).filter(|it| it.profile.test && it.executable.is_some()).collect();
    let packages = packages(options, metadata.packages.clone(), &tests)?;
    let environment = Environment::new(options, platforms, &metadata, messages);
    let mut binaries = Vec::new();
    for artifact in &tests {
        let package = find(&packages, &artifact.package_id)?;
        binaries.push(binary(artifact, package, platforms, &environment)?);
    }
    binaries.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
    tell_apart(&mut binaries);
    // What was built to find out which libraries were meant is not to run.
    if options.doctests == Doctests::Only {
        binaries.clear();
    }
    if options.doctests != Doctests::Without {
        let tested = tested(&packages, &tests);
        let with_nothing_else = doctests::without_tests(options, &packages, &tests, messages)?;
        let tested = tested.chain(with_nothing_else);
        binaries.extend(doctests::binaries(options, tested, &metadata.workspace_root, messages));
    }
    Ok(Build {
        binaries,
        serial_packages: serial_packages(&packages),
        workspace_root: metadata.workspace_root,
        build_directory: metadata.build_directory,
        target_directory: metadata.target_directory,
    })
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
#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
fn packages(options: &Options, members: Vec<Package>, tests: &[&Artifact]) -> Result<Vec<Package>> {
    if tests.iter().all(|test| members.iter().any(|package| package.id == test.package_id)) {
        return Ok(members);
    }
    let output = Command::new(&options.cargo)
        .args(["metadata", "--format-version=1"])
        .args(&options.metadata_args)
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo metadata")?;
    let all: Metadata = serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")?;
    Ok(all.packages)
}

fn binary(
    artifact: &Artifact,
    package: &Package,
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
        target_name: artifact.target.name.clone(),
        libtest: manifest::has_libtest_harness(&package.manifest_path, &kind, &artifact.target)?,
        env: environment.of(package, &kind, &path, platform)?,
        runner: platform.runner.clone(),
        rustdoc: None,
        host: kind == RustTestBinaryKind::PROC_MACRO || (platform.host && platforms.cross()),
        kind: kind.as_str().to_owned(),
        path,
        cwd,
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

fn serial_packages(packages: &[Package]) -> Vec<String> {
    let uses_it = |package: &&Package| package.dependencies.iter().any(|it| it.name == "serial_test");
    packages.iter().filter(uses_it).map(|package| package.name.to_string()).collect()
}
