//! Calls cargo.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Metadata};

use super::{Failure, Options};
use crate::descriptors;

/// Builds with cargo's own output on the terminal, and tells its messages as they come.
#[expect(clippy::disallowed_methods, reason = "this is where cargo is called")]
pub(super) fn build(options: &Options, messages: &Sender<Message>) -> Result<(), Failure> {
    let mut command = Command::new(&options.cargo);
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(&options.cargo_args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(makeflags) = &options.makeflags {
        command.env("CARGO_MAKEFLAGS", makeflags);
    }
    command.envs(options.cargo_env.iter().map(|(name, value)| (name, value)));
    let mut run = || -> Result<bool> {
        let spawn =
            || descriptors::spawn(&mut command).with_context(|| format!("cannot start {}", options.cargo.display()));
        let Some(stdout) = options.process.start(spawn)? else { return Ok(false) };
        let told = Message::parse_stream(BufReader::new(stdout)).try_for_each(|message| {
            // Whoever listens no more wants to know the end all the same.
            message.map(|message| drop(messages.send(message)))
        });
        let went_well = options.process.wait()?;
        told.context("cannot read the messages of cargo test --no-run")?;
        Ok(went_well)
    };
    match run() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Build),
        Err(error) => Err(Failure::Other(error)),
    }
}

/// The cargo that builds. All clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Process(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    ToCome,
    Runs(Child),
    /// It has ended, or is not to begin.
    Over,
}

impl Process {
    fn state(&self) -> MutexGuard<'_, State> {
        // It makes sense at every moment, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it at once, or keeps it from beginning. What it has started is not ended.
    pub fn kill(&self) {
        let mut state = self.state();
        match &mut *state {
            // It fails only if it is gone already.
            State::Runs(child) => drop(child.kill()),
            State::ToCome | State::Over => *state = State::Over,
        }
    }

    /// Gives what it writes, or nothing if it is not to begin.
    fn start(&self, spawn: impl FnOnce() -> Result<Child>) -> Result<Option<ChildStdout>> {
        let mut state = self.state();
        if matches!(*state, State::Over) {
            return Ok(None);
        }
        let mut child = spawn()?;
        let stdout = child.stdout.take().context("cargo has no stdout")?;
        *state = State::Runs(child);
        Ok(Some(stdout))
    }

    /// To be called when it has no more to say; tells whether all went well.
    fn wait(&self) -> Result<bool> {
        let mut state = self.state();
        let State::Runs(child) = &mut *state else { return Ok(false) };
        let status = child.wait().context("cannot wait for cargo")?;
        *state = State::Over;
        Ok(status.success())
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
    let mut command = Command::new(&options.cargo);
    command.args(["metadata", "--format-version=1"]).args(more).args(&options.metadata_args);
    let output = descriptors::output(&mut command).context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")
}
