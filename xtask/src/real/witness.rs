//! What `cargo test` says about each test, taken down binary by binary.
//!
//! cargo runs the binaries itself, exactly as it always does, but through a runner (`target.*.runner`) that keeps what
//! each prints: cut out of cargo's own output, the texts of two binaries could not be told apart for certain.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, MetadataCommand, TargetKind};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::crates::Project;
use super::{Report, TestId, libtest, run_to_files};
use crate::cargo;

#[derive(Args)]
pub(crate) struct Options {
    /// Where to write what was said
    folder: PathBuf,
    /// The binary, and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 1..)]
    command: Vec<OsString>,
}

/// What one test binary printed, and how it ended.
#[derive(Serialize, Deserialize)]
struct Testimony {
    text: String,
    success: bool,
}

/// Runs one test binary for cargo and writes down its testimony.
pub(crate) fn run(options: &Options) -> ExitCode {
    match testify(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn testify(options: &Options) -> Result<ExitCode> {
    let (binary, arguments) = options.command.split_first().context("no binary is named")?;
    let name = Path::new(binary).file_name().context("the binary has no name")?;
    let file = options.folder.join(name);
    let text = file.with_extension("stdout");
    // Not a pipe: a process that a test leaves behind holds it open, and it would never come to its end.
    let stdout = File::create(&text).with_context(|| format!("creating {}", text.display()))?;
    let status = Command::new(binary).args(arguments).stdout(stdout).status();
    let status = status.context("starting the binary")?;
    let text = String::from_utf8_lossy(&fs::read(text)?).into_owned();
    let testimony = Testimony { text, success: status.success() };
    let file = file.with_extension("json");
    fs::write(&file, serde_json::to_vec(&testimony)?).with_context(|| format!("writing {}", file.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs the project's tests with `cargo test`.
pub(super) fn cargo_test(project: &Project, project_folder: &Path) -> Result<Report> {
    let binaries = build(project, project_folder)?;
    let folder = project_folder.join("target/witness");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let runner = [env::current_exe()?, "witness".into(), folder.clone()];
    let runner = format!("target.'cfg(all())'.runner = {}", serde_json::to_string(&runner)?);
    let arguments = ["test", "--no-fail-fast", "--config", &runner];
    let mut command = cargo::elsewhere(project_folder, &arguments);
    command.args(project.arguments);
    let (_, wall) = run_to_files(command, &folder.join("cargo"))?;
    let mut outcomes = BTreeMap::new();
    for binary in &binaries {
        let name = Path::new(&binary.executable).file_name().context("a binary without a name")?;
        let file = folder.join(name).with_extension("json");
        let testimony = fs::read(&file).with_context(|| format!("cargo test has not run {}", binary.id))?;
        let testimony: Testimony = serde_json::from_slice(&testimony)?;
        let read = libtest::outcomes(&testimony.text, &binary.target, testimony.success)
            .with_context(|| format!("reading what {} printed", binary.id))?;
        outcomes.extend(
            read.into_iter().map(|(test, outcome)| -> (TestId, String) { ((binary.id.clone(), test), outcome) }),
        );
    }
    Ok(Report { outcomes, wall })
}

struct Binary {
    /// nextest's binary id.
    id: String,
    target: String,
    executable: String,
}

/// Builds the tests, so that neither runner is measured building, and says which binary is which.
fn build(project: &Project, folder: &Path) -> Result<Vec<Binary>> {
    let metadata = MetadataCommand::new().cargo_path(cargo::program()).current_dir(folder).no_deps().exec()?;
    let built = cargo::elsewhere(folder, &["test", "--no-run", "--message-format=json-render-diagnostics"])
        .args(project.arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo test --no-run")?;
    ensure!(built.status.success(), "cargo test can't build it");
    let mut binaries = Vec::new();
    for message in Message::parse_stream(&built.stdout[..]) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        let Some(executable) = artifact.executable.filter(|_| artifact.profile.test) else {
            continue;
        };
        let package = metadata.packages.iter().find(|package| package.id == artifact.package_id);
        let package = package.context("a test binary of no package of the workspace")?.name.to_string();
        let target = artifact.target.name;
        let id = match artifact.target.kind.first() {
            Some(TargetKind::Test) => format!("{package}::{target}"),
            Some(kind @ (TargetKind::Bin | TargetKind::Example | TargetKind::Bench)) => {
                format!("{package}::{kind}/{target}")
            }
            _ => package,
        };
        binaries.push(Binary { id, target, executable: executable.into_string() });
    }
    Ok(binaries)
}
