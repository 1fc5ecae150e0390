//! The other side, where no `cargo ptest` does it: starts a host, reads what it says, ends it.

use std::io::{PipeReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::failure;
use crate::runtime::context::{Context, Tree};
use crate::runtime::process::{Process, Role, fresh_token, own_program, run_id};
use crate::wire::environment::{self, CONTEXT, HOST, ROLE, RUN_ID, SLOT, TOKEN, VALUE, VALUES};
use crate::wire::record::{Failure, Piece, Record, Splitter};

/// A host that this process has started and will end.
pub(in crate::runtime) struct Handle {
    child: Child,
    /// Where it puts the value; it takes the file away at its end, if it comes to that.
    value: String,
    said: Receiver<Piece>,
    teardown_limit: Duration,
}

/// Beyond the limit that a host keeps itself, in case that it cannot.
const SLACK: Duration = Duration::from_secs(5);

/// Starts the host of a context. Returns once the value is there.
pub(super) fn start(context: &Context) -> Result<Handle, Failure> {
    let (mut command, value, token) = command(context)?;
    // Its lifeline: it tears down when this ends, because we close it or are gone.
    command.stdin(Stdio::piped());
    let mut host = spawn(command, value, &token, context)?;
    let result = host.wait_for_setup(context.setup_limit + SLACK);
    if result.is_err() {
        host.kill();
    }
    result.map(|()| host)
}

/// Starts a keeper, which starts the host and lives on, whatever becomes of that. Gives the path of the value, once it
/// is there.
#[cfg(unix)]
pub(super) fn start_keeper(context: &Context, keeper: &super::keeper::Keeper) -> Result<String, Failure> {
    let (mut command, value, token) = command(context)?;
    keeper.tell(&mut command);
    let mut keeper = spawn(command, value, &token, context)?;
    keeper.wait_for_setup(context.setup_limit + 2 * SLACK).map(|()| keeper.value)
}

/// The command, the path for the value, and the token.
fn command(context: &Context) -> Result<(Command, String, String), Failure> {
    let tree = Tree::get();
    let test = tree.test_of(context.module).ok_or_else(|| failure("the context has no test".to_owned()))?;
    // A keeper starts the host that it was told to be.
    let (value, values) = if let Role::Host { value, .. } = &Process::get().role {
        (value.clone(), std::env::var(VALUES).unwrap_or_default())
    } else {
        let around: Vec<(&str, String)> = tree.around(context.module).map(|it| (it.module, value_of(it))).collect();
        (value_of(context), environment::join_values(around.iter().map(|(module, path)| (*module, &**path))))
    };
    let token = fresh_token();
    let mut command = Command::new(own_program());
    command
        .args(["--exact", &test, "--nocapture", "--test-threads=1", "--include-ignored"])
        .args(["--skip", &environment::argument(&token)])
        .env(ROLE, HOST)
        .env(TOKEN, &token)
        .env(CONTEXT, context.module)
        .env(VALUE, &value)
        .env(VALUES, values)
        .env(RUN_ID, run_id())
        .env_remove(SLOT);
    #[cfg(unix)]
    super::keeper::Keeper::forget(&mut command);
    // So that it can be ended with all that it has started, and Ctrl-C at the terminal is not for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok((command, value, token))
}

/// Where the value of a context lies.
pub(super) fn value_of(context: &Context) -> String {
    std::env::temp_dir().join(format!("{}.value", own_name(context))).to_string_lossy().into_owned()
}

/// Names a context among all that live on this machine: by the run, and by what shares it.
fn own_name(context: &Context) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    run_id().hash(&mut hasher);
    match (context.key, &Process::get().role) {
        // Each of its processes is another run; only nextest's processes can share a key's context.
        (Some(key), Role::Nextest) => (std::env::var("CARGO_PKG_NAME").ok(), key).hash(&mut hasher),
        _ => (std::env::current_exe().ok(), context.module).hash(&mut hasher),
    }
    format!("ptest-{:016x}", hasher.finish())
}

fn spawn(mut command: Command, value: String, token: &str, context: &Context) -> Result<Handle, Failure> {
    let mut start = || {
        let (reader, writer) = std::io::pipe()?;
        let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        Ok((reader, child))
    };
    let (reader, child) = start().map_err(|error: std::io::Error| failure(format!("cannot start a host: {error}")))?;
    // It holds the pipe's other end.
    drop(command);
    let (sender, said) = mpsc::channel();
    let splitter = Splitter::new(token);
    std::thread::spawn(move || forward(reader, splitter, &sender));
    Ok(Handle { child, value, said, teardown_limit: context.teardown_limit })
}

fn forward(mut pipe: PipeReader, mut splitter: Splitter, sender: &mpsc::Sender<Piece>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        for piece in splitter.read(&buffer[..length]) {
            // What a host prints while it is up has no test to belong to.
            drop(sender.send(piece));
        }
    }
}

impl Handle {
    /// The path of the value.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    fn wait_for_setup(&mut self, limit: Duration) -> Result<(), Failure> {
        let start = Instant::now();
        let mut began = false;
        loop {
            match self.said.recv_timeout(limit.saturating_sub(start.elapsed())) {
                // Before the set-up begins, it is libtest that speaks.
                Ok(Piece::Text(text)) if began => eprint!("{}", String::from_utf8_lossy(&text)),
                Ok(Piece::Record(Record::SetupStarted { .. })) => began = true,
                Ok(Piece::Record(Record::SetupFinished { .. })) => return Ok(()),
                Ok(Piece::Record(Record::SetupFailed { failure, .. })) => return Err(failure),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let message = format!("no end after {limit:?}");
                    return Err(Failure { message, duration: start.elapsed(), timed_out: true });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(failure(format!("its host ended: {}", self.status())));
                }
            }
        }
    }

    /// Lets the host tear down, and waits for that.
    pub(in crate::runtime) fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + self.teardown_limit + SLACK;
        let mut output = Vec::new();
        let result = loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Piece::Text(text)) => output.extend(text),
                Ok(Piece::Record(Record::TeardownFinished { .. })) => break Ok(()),
                Ok(Piece::Record(Record::TeardownFailed { failure, .. })) => break Err(failure),
                Ok(Piece::Record(_)) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    break Err(failure(format!("its host ended: {}", self.status())));
                }
                Err(RecvTimeoutError::Timeout) => {
                    break Err(failure(format!("no end after {:?}", self.teardown_limit)));
                }
            }
        };
        if result.is_err() {
            crate::runtime::os::write_stderr(&String::from_utf8_lossy(&output));
        }
        match &result {
            // It has nothing to do any more.
            Ok(()) => drop(self.child.wait()),
            Err(_) => self.kill(),
        }
        result
    }

    fn status(&mut self) -> String {
        self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    fn kill(&mut self) {
        crate::runtime::os::kill_group(self.child.id());
        // They fail only if it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.value);
    }
}
