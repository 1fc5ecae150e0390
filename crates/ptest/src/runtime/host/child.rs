//! The other side, where no `cargo ptest` does it: starts a host, reads what it says, ends it.

use std::io::{PipeReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::failure;
use crate::runtime::context::{Context, Tree};
use crate::runtime::process::{Process, Role, fresh_token, own_program, run_id};
use crate::wire::environment::{self, CONTEXT, HOST, ROLE, RUN_ID, SLOT, TOKEN, VALUE, VALUES};
use crate::wire::record::{Failure, Piece, Record, Splitter};

/// By what a host knows that it is not needed any more.
pub(in crate::runtime) enum Lifeline {
    /// Its stdin ends: whoever started it has closed it, or is gone.
    Stdin,
    /// nextest is gone. What is said on its stderr is read by the user; the meeting place is to be removed.
    #[cfg(unix)]
    Process {
        process: u32,
        meeting: String,
        stderr: Option<std::fs::File>,
        /// The host that failed is gone; this one only sees to it that others learn of it, and cleans up.
        only_keeps: bool,
    },
}

/// The variable with the number of the process that a host waits for.
const LIFELINE: &str = "PTEST_LIFELINE";
/// The variable that says that there is nothing to set up any more.
const ONLY_KEEPS: &str = "PTEST_KEEPS";
/// The variable with the path of the meeting place.
const MEETING: &str = "PTEST_MEETING";

impl Lifeline {
    /// What the process that started this one said.
    pub(super) fn of_this_process() -> Self {
        #[cfg(unix)]
        if let (Ok(process), Ok(meeting)) = (std::env::var(LIFELINE), std::env::var(MEETING))
            && let Ok(process) = process.parse()
        {
            let stderr = std::fs::File::options().append(true).open(format!("/proc/{process}/fd/2")).ok();
            let only_keeps = std::env::var_os(ONLY_KEEPS).is_some();
            return Self::Process { process, meeting, stderr, only_keeps };
        }
        Self::Stdin
    }

    fn tell(&self, command: &mut Command) {
        match self {
            Self::Stdin => drop(command.stdin(Stdio::piped()).env_remove(LIFELINE)),
            #[cfg(unix)]
            Self::Process { process, meeting, only_keeps, .. } => {
                command.stdin(Stdio::null()).env(LIFELINE, process.to_string()).env(MEETING, meeting);
                command.env_remove(ONLY_KEEPS).envs(only_keeps.then_some((ONLY_KEEPS, "1")));
            }
        }
    }

    pub(super) fn only_keeps(&self) -> bool {
        match self {
            Self::Stdin => false,
            #[cfg(unix)]
            Self::Process { only_keeps, .. } => *only_keeps,
        }
    }
}

/// A host that this process has started and will end.
pub(in crate::runtime) struct Handle {
    child: Child,
    /// Where it puts the value; it takes the file away at its end, if it comes to that.
    value: String,
    said: Receiver<Piece>,
    reader: JoinHandle<()>,
    teardown_limit: Duration,
}

/// Beyond the limit that a host keeps itself, in case that it cannot.
const SLACK: Duration = Duration::from_secs(5);

/// Starts the host of a context. Returns once the value is there.
pub(super) fn start(context: &Context, lifeline: &Lifeline) -> Result<Handle, Failure> {
    let (to_start, value, token) = command(context, lifeline)?;
    let mut host =
        spawn(to_start, &value, &token, context).map_err(|error| failure(format!("cannot start a host: {error}")))?;
    let start = Instant::now();
    let deadline = start + context.setup_limit + SLACK;
    let mut began = false;
    let result = loop {
        match host.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            // Before the set-up begins, it is libtest that speaks.
            Ok(Piece::Text(text)) if began => eprint!("{}", String::from_utf8_lossy(&text)),
            Ok(Piece::Record(Record::SetupStarted { .. })) => began = true,
            Ok(Piece::Record(Record::SetupFinished { .. })) => break Ok(()),
            Ok(Piece::Record(Record::SetupFailed { failure, .. })) => break Err(failure),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                break Err(Failure {
                    message: format!("no end after {:?}", context.setup_limit),
                    duration: start.elapsed(),
                    timed_out: true,
                });
            }
            Err(RecvTimeoutError::Disconnected) => break Err(failure(format!("its host ended: {}", host.status()))),
        }
    };
    match (result, lifeline) {
        (Ok(()), _) => Ok(host),
        (Err(failure), Lifeline::Stdin) => {
            host.kill();
            Err(failure)
        }
        // It lives on, to clean up at the end of the run; or if it does not, then something else has to.
        #[cfg(unix)]
        (Err(failure), Lifeline::Process { process, meeting, .. }) => {
            if host.is_gone() {
                let lifeline =
                    Lifeline::Process { process: *process, meeting: meeting.clone(), stderr: None, only_keeps: true };
                let (mut keeper, ..) = command(context, &lifeline)?;
                // Without it the file stays.
                drop(keeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn());
            }
            Err(failure)
        }
    }
}

/// The command, the path for the value, and the token.
fn command(context: &Context, lifeline: &Lifeline) -> Result<(Command, String, String), Failure> {
    let tree = Tree::get();
    let test = tree.test_of(context.module).ok_or_else(|| failure("the context has no test".to_owned()))?;
    let name = own_name(context);
    let folder = std::env::temp_dir();
    let value = folder.join(format!("{name}.value")).to_string_lossy().into_owned();
    let token = fresh_token();
    let around: Vec<(&str, String)> =
        tree.around(context.module).map(|it| (it.module, value_of(it, &folder))).collect();
    let values = environment::join_values(around.iter().map(|(module, path)| (*module, path.as_str())));
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
    lifeline.tell(&mut command);
    // So that it can be ended with all that it has started, and Ctrl-C at the terminal is not for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok((command, value, token))
}

pub(super) fn value_of(context: &Context, folder: &std::path::Path) -> String {
    folder.join(format!("{}.value", own_name(context))).to_string_lossy().into_owned()
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

fn spawn(mut command: Command, value: &str, token: &str, context: &Context) -> std::io::Result<Handle> {
    let (reader, writer) = std::io::pipe()?;
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // It holds the pipe's other end.
    drop(command);
    let (sender, said) = mpsc::channel();
    let splitter = Splitter::new(token);
    let reader = std::thread::spawn(move || forward(reader, splitter, &sender));
    Ok(Handle { child, value: value.to_owned(), said, reader, teardown_limit: context.teardown_limit })
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

    /// Lets it live on: it ends by itself. Gives the path of the value.
    #[cfg(unix)]
    pub(super) fn forget(self) -> String {
        drop(self.reader);
        self.value
    }

    #[cfg(unix)]
    fn is_gone(&mut self) -> bool {
        // One that cannot be asked is not there.
        self.child.try_wait().map_or(true, |status| status.is_some())
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
