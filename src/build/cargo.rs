//! Calls cargo.

use std::io::BufReader;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata};

use super::{Failure, Options};

/// Builds with cargo's own output on the terminal, and tells its messages as they come.
#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
pub(super) fn build(options: &Options, messages: &Sender<Message>) -> Result<(), Failure> {
    let mut command = Command::new(&options.cargo);
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(&options.cargo_args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(makeflags) = &options.makeflags {
        command.env("CARGO_MAKEFLAGS", makeflags);
    }
    let mut run = || -> Result<bool> {
        let mut child = command.spawn().with_context(|| format!("cannot start {}", options.cargo.display()))?;
        let stdout = child.stdout.take().context("cargo has no stdout")?;
        let told = Message::parse_stream(BufReader::new(stdout)).try_for_each(|message| {
            // Whoever listens no more wants to know the end all the same.
            message.map(|message| drop(messages.send(message)))
        });
        let status = child.wait().context("cannot wait for cargo")?;
        told.context("cannot read the messages of cargo test --no-run")?;
        Ok(status.success())
    };
    match run() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Build),
        Err(error) => Err(Failure::Other(error)),
    }
}

/// What cargo knows of the workspace's members. Packages outside of it are looked up when a test binary turns out to
/// belong to one.
pub(super) fn metadata(options: &Options) -> Result<Metadata> {
    ask(options, &["--no-deps"])
}

/// And of all that they depend on.
pub(super) fn metadata_of_all(options: &Options) -> Result<Metadata> {
    ask(options, &[])
}

#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
fn ask(options: &Options, more: &[&str]) -> Result<Metadata> {
    let output = Command::new(&options.cargo)
        .args(["metadata", "--format-version=1"])
        .args(more)
        .args(&options.metadata_args)
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")
}
