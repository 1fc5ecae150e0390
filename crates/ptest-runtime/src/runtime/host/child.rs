//! The other side, where no `cargo ptest` does it: starts a host, reads what it says, ends it.

use std::fs::File;
use std::io::{PipeReader, Read};
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure;
use crate::runtime::context::{Context, Tree};
use crate::runtime::os;
use crate::runtime::output::{Heard, Output};
use crate::runtime::process::{Process, Role, fresh_token, own_program, run_id, variable};
use crate::runtime::selection::Selection;
use crate::runtime::watched::{Watched, spawn};
use crate::wire::environment::{self, CONTEXT, HOST, ROLE, RUN_ID, SLOT, SLOTS, TOKEN, VALUE, VALUES};
use crate::wire::record::{Failure, Piece, Record, Splitter};

/// A host that this process has started and will end.
pub(in crate::runtime) struct Handle {
    child: Child,
    /// Where it puts the value; it takes the file away at its end, if it comes to that.
    value: String,
    heard: Arc<Watched<Heard>>,
    teardown_limit: Duration,
    /// How it has ended, when that is known.
    status: Option<String>,
}

/// Whose words come from a host.
enum Phase {
    /// libtest's.
    Before,
    SettingUp,
    Up,
}

/// Beyond the limit that a host keeps itself, in case that it cannot.
const SLACK: Duration = Duration::from_secs(5);

/// How often it is looked whether a host is still there: what it has started may hold its output open.
const LOOK: Duration = Duration::from_millis(50);

/// How long what a host said last is waited for when it is gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How much of a host's output is kept of its beginning, and of its end.
const KEPT: usize = 32 * 1024;

/// Starts the host of a context. Returns once the value is there.
pub(super) fn start(context: &Context) -> Result<Handle, Failure> {
    let (mut command, value, token) = command(context)?;
    // Its lifeline: it tears down when this ends, because we close it or are gone.
    command.stdin(Stdio::piped());
    let mut host = listen(command, value, &token, context)?;
    match host.wait_for_setup(context.setup_limit + SLACK) {
        Ok(()) => Ok(host),
        Err(failure) => {
            host.kill();
            Err(failure)
        }
    }
}

/// Starts a keeper, which starts the host and lives on, whatever becomes of that. Gives the path of the value, once it
/// is there. The keeper gets the open file of the meeting place, and with it the lock that this process has on it.
pub(super) fn start_keeper(
    context: &Context,
    keeper: &super::keeper::Keeper,
    meeting: File,
) -> Result<String, Failure> {
    let (mut command, value, token) = command(context)?;
    command.stdin(meeting);
    keeper.tell(&mut command);
    let mut keeper = listen(command, value, &token, context)?;
    keeper.wait_for_setup(context.setup_limit + 2 * SLACK)?;
    Ok(keeper.value)
}

/// The command, the path for the value, and the token.
fn command(context: &Context) -> Result<(Command, String, String), Failure> {
    let tree = Tree::get();
    let Some(test) = tree.test_of(context.module) else { return Err(failure("the context has no test".to_owned())) };
    // A keeper starts the host that it was told to be.
    let (value, values) = if let Role::Host { value, .. } = &Process::get().role {
        (value.clone(), variable(VALUES).unwrap_or_default())
    } else {
        let around = tree.around(context.module);
        (value_of(context), environment::join_values(around.into_iter().map(|it| (it.module, value_of(it)))))
    };
    let token = fresh_token();
    let mut command = Command::new(own_program().map_err(failure)?);
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
    // The host itself runs with one thread, and its setup may have to know how many tests will use the value at once.
    if matches!(Process::get().role, Role::Alone)
        && let Some(threads) = Selection::of(&Process::get().arguments).threads(variable("RUST_TEST_THREADS"))
    {
        command.env(SLOTS, threads);
    }
    super::keeper::Keeper::forget(&mut command);
    // So that it can be ended with all that it has started, and Ctrl-C at the terminal is not for it.
    os::in_group_of_its_own(&mut command);
    Ok((command, value, token))
}

/// Where the value of a context lies.
pub(super) fn value_of(context: &Context) -> String {
    folder().join(format!("{}.value", own_name(context))).to_string_lossy().into_owned()
}

/// The folder for temporary files, or where there is none, the one that the program lies in.
fn folder() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.is_dir() {
        return usual;
    }
    let own = std::env::current_exe().unwrap_or_default();
    own.parent().map_or(usual, PathBuf::from)
}

/// Names a context among all that live on this machine: by the run, and by what shares it.
fn own_name(context: &Context) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let (among, name) = if let (Some(key), Role::Nextest) = (context.key, &Process::get().role) {
        // Each of its processes is another run; only nextest's processes can share a key's context.
        (variable("CARGO_PKG_NAME").unwrap_or_default(), key)
    } else {
        let program = std::env::current_exe().unwrap_or_default();
        (program.to_string_lossy().into_owned(), context.module)
    };
    let mut hasher = DefaultHasher::new();
    for part in [run_id(), &among, name] {
        part.hash(&mut hasher);
    }
    format!("ptest-{:016x}", hasher.finish())
}

fn listen(mut command: Command, value: String, token: &str, context: &Context) -> Result<Handle, Failure> {
    let heard = Arc::new(Watched::new(Heard::keeping(Output::keeping(KEPT, KEPT))));
    let (splitter, hearing) = (Splitter::new(token), heard.clone());
    let start = || {
        let (reader, writer) = os::pipe()?;
        let child = os::spawn(command.stdout(writer.try_clone()?).stderr(writer))?;
        // It holds the pipe's other end.
        drop(command);
        spawn("ptest host".to_owned(), Box::new(move || hear(reader, splitter, &hearing)))?;
        Ok(child)
    };
    let child = start().map_err(|error: std::io::Error| failure(format!("cannot start a host: {error}")))?;
    Ok(Handle { child, value, heard, teardown_limit: context.teardown_limit, status: None })
}

fn hear(mut pipe: PipeReader, mut splitter: Splitter, heard: &Watched<Heard>) {
    let mut phase = Phase::Before;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        for piece in splitter.read(&buffer[..length]) {
            match piece {
                Piece::Text(text) => match phase {
                    Phase::Before => {}
                    Phase::SettingUp => pass_on(&text),
                    Phase::Up => heard.change(|heard| heard.output.add(&text)),
                },
                Piece::Record(Record::SetupStarted { .. }) => phase = Phase::SettingUp,
                Piece::Record(record) => {
                    phase = Phase::Up;
                    heard.change(|heard| heard.records.push(record));
                }
            }
        }
    }
    heard.change(|heard| heard.over = true);
}

/// Prints where the thread does that has started this one: in the output of the test that waits. That may have been
/// killed, and then nobody reads it, but what else is said has to be heard all the same.
fn pass_on(text: &[u8]) {
    let _ = catch_unwind(|| eprint!("{}", String::from_utf8_lossy(text)));
}

type Said = Option<Result<(), Failure>>;

/// What has become of the setup.
fn setup(heard: &[Record]) -> Said {
    for record in heard {
        match record {
            Record::SetupFinished { .. } => return Some(Ok(())),
            Record::SetupFailed { failure, .. } => return Some(Err(failure.clone())),
            _ => {}
        }
    }
    None
}

/// What has become of the teardown.
fn teardown(heard: &[Record]) -> Said {
    for record in heard {
        match record {
            Record::TeardownFinished { .. } => return Some(Ok(())),
            Record::TeardownFailed { failure, .. } => return Some(Err(failure.clone())),
            _ => {}
        }
    }
    None
}

impl Handle {
    /// The path of the value.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    fn wait_for_setup(&mut self, limit: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + limit;
        match self.wait(deadline, setup) {
            Some(result) => result,
            None => Err(self.broke(limit, deadline, "does the setup exit, abort or run out of memory?")),
        }
    }

    /// Lets the host tear down, and waits for that.
    pub(in crate::runtime) fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        let limit = self.teardown_limit;
        let deadline = Instant::now() + limit + SLACK;
        let result = match self.wait(deadline, teardown) {
            Some(result) => result,
            None => {
                Err(self.broke(limit, deadline, "something ended it while its tests were running, or its teardown did"))
            }
        };
        match &result {
            // It has nothing to do any more.
            Ok(()) => drop(self.ends_until(Instant::now() + SLACK)),
            Err(_) => os::write_stderr(&self.heard.change(|heard| heard.output.text())),
        }
        self.kill();
        result
    }

    /// What the host says; nothing if the time is up, or the host gone.
    fn wait(&mut self, deadline: Instant, look: fn(&[Record]) -> Said) -> Said {
        let hear = |until| {
            self.heard.wait(until, |heard| match look(&heard.records) {
                None if !heard.over => None,
                said => Some(said),
            })
        };
        loop {
            match hear(deadline.min(Instant::now() + LOOK)) {
                Some(said) => return said,
                None if os::has_ended(&mut self.child) => return hear(Instant::now() + LAST_WORDS).flatten(),
                None if Instant::now() >= deadline => return None,
                None => {}
            }
        }
    }

    /// Why it has said nothing.
    fn broke(&mut self, limit: Duration, deadline: Instant, hint: &str) -> Failure {
        if !self.ends_until(deadline) {
            return Failure { message: format!("timed out after {limit:?}"), duration: limit, timed_out: true };
        }
        let status = self.kill();
        failure(format!("its host, the process that holds the context, ended ({status}): {hint}"))
    }

    /// Whether the process ends until then. It is still there to be waited for, so its number is nobody else's.
    fn ends_until(&mut self, deadline: Instant) -> bool {
        loop {
            if os::has_ended(&mut self.child) {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            os::wait_for_exit_until(self.child.id(), deadline.min(now + LOOK));
        }
    }

    /// Ends it with all that it has started; gives how it has ended.
    fn kill(&mut self) -> String {
        if let Some(status) = &self.status {
            return status.clone();
        }
        // First, while its number is still its own.
        os::kill_group(self.child.id());
        // It fails only if it is gone.
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let _ = std::fs::remove_file(&self.value);
        self.status.insert(status).clone()
    }
}
