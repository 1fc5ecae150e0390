//! How the commands call cargo: which one, where, and with how much of the environment they were called in.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, Metadata, MetadataCommand, Package};

/// The root of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// A cargo to be run in a folder of this repository's workspace, without the variables that `cargo run` set for xtask
/// itself: a test that looks at them must not find ours.
pub(crate) fn here(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    for (name, _) in env::vars_os() {
        let own = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME"].iter().any(|prefix| name.starts_with(prefix))
        });
        if own {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(repository());
    command
}

/// A cargo to be run in a package that has nothing to do with this workspace: it gets a target folder of its own.
pub(crate) fn elsewhere(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = here(arguments);
    command.current_dir(folder).env_remove("CARGO_TARGET_DIR");
    command
}

/// For `--config`: a runner that stands for a libtest without a log (`log`), without a list as JSON besides
/// (`log-and-json`), or for one that has both.
pub(crate) fn without(what: &str) -> String {
    let script = repository().join("fixtures/reject.sh");
    format!("target.'cfg(all())'.runner=['sh', '{}', '{what}']", script.display())
}

/// Cargo's target folder of this workspace, wherever the user has put it.
pub(crate) fn target_folder() -> Result<PathBuf> {
    Ok(metadata(repository())?.target_directory.into())
}

/// The packages of this workspace that are published.
pub(crate) fn published() -> Result<Vec<Package>> {
    let packages = metadata(repository())?.packages;
    Ok(packages.into_iter().filter(|package| package.publish.is_none()).collect())
}

/// What cargo says of the workspace in a folder, without its dependencies.
pub(crate) fn metadata(workspace: &Path) -> Result<Metadata> {
    let metadata = MetadataCommand::new().cargo_path(program()).current_dir(workspace).no_deps().exec();
    metadata.with_context(|| format!("running cargo metadata in {}", workspace.display()))
}

/// The release build of this repository's cargo-ptest, which is built first.
pub(crate) fn ptest() -> Result<PathBuf> {
    build_ptest(&[], &[])
}

/// The same for a target, with variables that change the profile.
pub(crate) fn ptest_for(target: &str, profile: &[(&str, &str)]) -> Result<PathBuf> {
    build_ptest(&["--locked", "--target", target], profile)
}

fn build_ptest(options: &[&str], variables: &[(&str, &str)]) -> Result<PathBuf> {
    let mut command =
        here(&["build", "--release", "--package=ptest-runner", "--message-format=json-render-diagnostics"]);
    command.args(options).envs(variables.iter().copied());
    let built = command.stderr(Stdio::inherit()).output().context("running cargo build")?;
    ensure!(built.status.success(), "the release build of cargo-ptest failed");
    let binary = Message::parse_stream(&built.stdout[..])
        .filter_map(|message| match message {
            Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
            _ => None,
        })
        .find(|executable| executable.file_stem() == Some("cargo-ptest"))
        .context("cargo build names no binary cargo-ptest")?;
    Ok(binary.into())
}

/// The `PATH` on which `cargo ptest` is the release build of this repository.
pub(crate) fn path_with_ptest() -> Result<OsString> {
    let binary = ptest()?;
    let folder = binary.parent().context("the binary is in no folder")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(env::split_paths(&path));
    env::join_paths(folders).context("putting cargo-ptest on the PATH")
}

/// The cargo that runs xtask, so that a toolchain chosen with `cargo +NAME xtask` stays chosen.
pub(crate) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Whether a program is on the `PATH`, and answers when asked for its version.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The platform that the compiler builds for by default.
pub(crate) fn host() -> Result<String> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("-vV").output().context("running rustc -vV")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV is not UTF-8")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}
