//! Asks a binary and takes in what it answers: for as long as it may take, and no more than can be meant.
//!
//! The binary leads a process group, so that it can be ended with all that it started. What it started may also outlive
//! it and hold its output open: it is ended, too, for nothing but the binary's own answer is waited for.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::Options;
use super::asking::kill;
use crate::descriptors;
use crate::threads::{self, Panic};

/// The longest list that is read, in bytes: a million tests with their places.
const LONGEST: usize = 256 * 1024 * 1024;

/// How much is kept of the end of stderr, in bytes.
const KEPT: usize = 1024 * 1024;

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// How long after its end something else may still write for it: a runner's script may pass its output through a filter.
const GRACE: Duration = Duration::from_secs(1);

/// What a binary answered.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Answer {
    pub(super) fn success(&self) -> Option<&str> {
        self.status.success().then_some(self.stdout.as_str())
    }

    pub(super) fn complaint(&self) -> String {
        if self.status.success() {
            return match self.stdout.lines().find(|line| !line.is_empty()) {
                Some(first) => format!("it answers --list with {first:?}"),
                None => "it lists nothing".to_owned(),
            };
        }
        let last = self.stderr.lines().rfind(|line| !line.is_empty()).unwrap_or("no word on stderr");
        format!("it answers --list with {} and {last:?}", self.status)
    }
}

/// How often it is tried to start a binary for which the system has no room, and how long one waits each time for another
/// to have answered.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Runs a command to its end, or for as long as it may take.
pub(super) fn ask(command: Command, options: &Options) -> Result<Answer> {
    ask_for(LONGEST, command, options)
}

fn ask_for(longest: usize, mut command: Command, options: &Options) -> Result<Answer> {
    for _ in 1..TRIES {
        match ask_once(longest, &mut command, options) {
            Err(error) if is_short(&error) => options.asking.wait_for_another(PAUSE),
            answer => return answer,
        }
    }
    ask_once(longest, &mut command, options)
}

/// The system lacks processes, descriptors or memory for it now.
fn is_short(error: &anyhow::Error) -> bool {
    let number = error.root_cause().downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    matches!(number, Some(libc::EAGAIN | libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

fn ask_once(longest: usize, command: &mut Command, options: &Options) -> Result<Answer> {
    options.asking.ensure_wanted()?;
    // The watchdog ends whole groups, and the runner's own is the terminal's.
    std::os::unix::process::CommandExt::process_group(command, 0);
    command.env(options.mark.0, &options.mark.1);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = descriptors::spawn(command).context("cannot start it")?;
    let group = Pid::from_child(&child);
    options.asking.begin(group);
    let (sender, receiver) = mpsc::sync_channel(16);
    let pipes = child.stdout.take().zip(child.stderr.take()).context("it has no output")?;
    let listening = listen(group, pipes, &sender).context("cannot listen to it");
    drop(sender);
    let heard = listening.and_then(|()| hear(group, &receiver, longest, options.timeout));
    // It is not reaped yet, so the number is its own; that nobody is left in its group is as good.
    kill(group);
    options.asking.end(group);
    let status = child.wait().context("cannot wait for it")?;
    let [stdout, stderr] = heard?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Answer { status, stdout, stderr })
}

/// What the threads tell of a binary.
enum Heard {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// The end of one of the two.
    Silence,
    /// It has ended, and waits to be reaped.
    Gone,
    /// One of those who listen does so no more.
    Panicked(Panic),
}

/// Starts the threads that wait for what the binary does. A receiver that is gone wants to know no more.
fn listen(
    child: Pid,
    (stdout, stderr): (impl Read + Send + 'static, impl Read + Send + 'static),
    sender: &SyncSender<Heard>,
) -> io::Result<()> {
    let start = |listener: Box<dyn FnOnce(SyncSender<Heard>) + Send>| {
        let (sender, panicked) = (sender.clone(), sender.clone());
        threads::start("list", move || listener(sender), move |panic| drop(panicked.send(Heard::Panicked(panic))))
    };
    start(Box::new(|sender| read(stdout, Heard::Stdout, &sender)))?;
    start(Box::new(|sender| read(stderr, Heard::Stderr, &sender)))?;
    start(Box::new(move |sender| {
        while let Err(Errno::INTR) = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
        drop(sender.send(Heard::Gone));
    }))
}

fn read(mut pipe: impl Read, heard: fn(Vec<u8>) -> Heard, sender: &SyncSender<Heard>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What cannot be read is missing from the answer, which is then not understood.
            Ok(0) | Err(_) => return drop(sender.send(Heard::Silence)),
            Ok(length) => {
                if sender.send(heard(buffer[..length].to_vec())).is_err() {
                    return;
                }
            }
        }
    }
}

/// Collects what the binary says on stdout and the end of what it says on stderr, until it is gone and all is said.
fn hear(group: Pid, receiver: &Receiver<Heard>, longest: usize, limit: Duration) -> Result<[Vec<u8>; 2]> {
    let end = Instant::now() + limit;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut open, mut gone) = (2, false);
    let mut grace: Option<Instant> = None;
    while open > 0 || !gone {
        let until = grace.unwrap_or(end).min(end);
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Heard::Stdout(bytes)) if stdout.len() + bytes.len() > longest => {
                bail!("it answers --list with more than {longest} bytes");
            }
            Ok(Heard::Stdout(bytes)) => stdout.extend(bytes),
            Ok(Heard::Stderr(bytes)) => {
                stderr.extend(bytes);
                // Not each time, because what stays has to be moved.
                if stderr.len() > 2 * KEPT {
                    keep_end(&mut stderr);
                }
            }
            Ok(Heard::Silence) => open -= 1,
            Ok(Heard::Panicked(panic)) => return Err(panic.into()),
            Ok(Heard::Gone) => {
                gone = true;
                grace = Some(Instant::now() + GRACE);
            }
            Err(_) if Instant::now() < end => {
                // What it left behind holds its output. It may be gone in the meantime, which is as good.
                kill(group);
                grace = None;
            }
            Err(_) if gone => bail!("something that it started holds its output open for longer than {limit:?}"),
            Err(_) => bail!("it has not answered --list within {limit:?}"),
        }
    }
    keep_end(&mut stderr);
    Ok([stdout, stderr])
}

fn keep_end(bytes: &mut Vec<u8>) {
    bytes.drain(..bytes.len().saturating_sub(KEPT));
}

#[cfg(test)]
mod tests {
    use std::io::PipeReader;

    use super::super::Asking;
    use super::*;

    /// A shell that also has a pipe open as its descriptor 9, which ends when the shell and all that it started are gone.
    #[expect(clippy::disallowed_methods, reason = "a child is what is tested")]
    fn shell(script: &str) -> (Command, PipeReader) {
        use std::os::{fd::AsRawFd, unix::process::CommandExt};
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        // SAFETY: the closure makes one system call.
        unsafe {
            command.pre_exec(move || match libc::dup2(writer.as_raw_fd(), 9) {
                9 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
        (command, reader)
    }

    /// Asks a shell; also gives its pipe.
    fn ask_shell(script: &str, longest: usize, timeout: Duration) -> (Result<Answer>, PipeReader) {
        let (command, reader) = shell(script);
        (ask_for(longest, command, &Options { timeout, ..options() }), reader)
    }

    fn options() -> Options {
        let (mark, memory, asking) = (("MARK", String::new()), "none".into(), Asking::default());
        Options { timeout: LONG, parallel: 1, mark, memory, asking }
    }

    fn expect_gone(mut alive: PipeReader) {
        assert_eq!(alive.read(&mut [0]).unwrap(), 0);
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_binary_whose_time_is_up_is_ended_with_all_that_it_started() {
        let (answer, alive) = ask_shell("sleep 1000 & wait", LONGEST, Duration::from_millis(300));
        assert_eq!(answer.err().unwrap().to_string(), "it has not answered --list within 300ms");
        expect_gone(alive);
    }

    #[test]
    fn a_binary_that_has_joined_another_group_is_ended_too() {
        use std::os::unix::process::CommandExt;
        let (mut command, alive) = shell("exec sleep 1000");
        // SAFETY: the closure makes system calls alone. It runs when the child leads its own group already.
        unsafe {
            command.pre_exec(|| match libc::setpgid(0, libc::getpgid(libc::getppid())) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
        let answer = ask_for(LONGEST, command, &Options { timeout: Duration::from_millis(300), ..options() });
        assert_eq!(answer.err().unwrap().to_string(), "it has not answered --list within 300ms");
        expect_gone(alive);
    }

    #[test]
    fn a_thread_that_panics_leaves_nobody_waiting() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("boom")
            }
        }
        let (mut command, alive) = shell("exec sleep 1000");
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let (sender, receiver) = mpsc::sync_channel(16);
        listen(pid, (Broken, io::empty()), &sender).unwrap();
        let heard = hear(pid, &receiver, LONGEST, LONG);
        kill(pid);
        child.wait().unwrap();
        let error = heard.unwrap_err().to_string();
        assert_eq!(error, "the thread `list` of cargo ptest panicked: boom; please report this");
        drop(command);
        expect_gone(alive);
    }

    #[test]
    fn an_answer_does_not_wait_for_what_the_binary_left_behind() {
        let began = Instant::now();
        let (answer, alive) = ask_shell("sleep 1000 & echo a: test; echo b: test", LONGEST, LONG);
        assert_eq!(answer.unwrap().success(), Some("a: test\nb: test\n"));
        expect_gone(alive);
        assert!(began.elapsed() < LONG);
        let (answer, alive) = ask_shell("sleep 1000 >&- 2>&- & echo a: test", LONGEST, LONG);
        assert_eq!(answer.unwrap().success(), Some("a: test\n"));
        expect_gone(alive);
    }

    #[test]
    fn what_still_passes_through_a_filter_belongs_to_the_answer() {
        let (answer, _) = ask_shell("(sleep 0.1; echo a: test) &", LONGEST, LONG);
        assert_eq!(answer.unwrap().success(), Some("a: test\n"));
    }

    #[test]
    fn an_answer_without_an_end_is_not_read_to_its_end() {
        let (answer, alive) = ask_shell("yes", 1_000_000, LONG);
        assert_eq!(answer.err().unwrap().to_string(), "it answers --list with more than 1000000 bytes");
        expect_gone(alive);
    }

    #[test]
    fn who_is_asked_in_vain_is_ended_and_nobody_else_is_asked() {
        let options = options();
        let (command, mut alive) = shell("echo >&9; sleep 1000 & wait");
        let answer = std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(command, &options));
            alive.read_exact(&mut [0]).unwrap();
            options.asking.give_up();
            asked.join().unwrap()
        });
        assert_eq!(answer.unwrap().success(), None);
        expect_gone(alive);
        let (command, alive) = shell("sleep 1000");
        assert_eq!(ask(command, &options).err().unwrap().to_string(), "the listing was cancelled");
        expect_gone(alive);
    }

    #[test]
    fn the_end_of_a_long_complaint_is_kept() {
        let (answer, _) = ask_shell("yes | head -c 5000000 >&2; echo last words >&2; exit 3", LONGEST, LONG);
        let answer = answer.unwrap();
        assert_eq!(answer.complaint(), "it answers --list with exit status: 3 and \"last words\"");
        assert_eq!(answer.stderr.len(), KEPT);
    }
}
