//! The calling side: starts the processes, lets them begin together, collects what becomes of them.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::child::{GO, READY, Said};
use super::{Call, CallError};
use crate::runtime::os;
use crate::runtime::process::{fresh_token, own_program};
use crate::runtime::test::running;
use crate::wire::environment::{self, CALL, FUNCTION, ROLE, TOKEN};
use crate::wire::record::{Piece, Record, Splitter};

/// How much of a child's stderr is kept.
const KEPT: usize = 64 * 1024;

/// How long the end of a child's output is waited for when the child is gone.
const LEAVE: Duration = Duration::from_secs(1);

#[track_caller]
pub(super) fn run<R: DeserializeOwned>(
    calls: &[Call<R>],
    limit: Duration,
    variables: &[(String, String)],
) -> Vec<Result<R, CallError>> {
    let Some(test) = running() else {
        panic!(
            "ptest: concurrent calls can be made only on the thread of a #[ptest::test], whose process they start once \
             more; a call cannot make further ones"
        );
    };
    // Each has its own thread, so that they do not wait for one another; only the start is common.
    let (ready, all_ready) = mpsc::channel();
    let mut started = Vec::new();
    for call in calls {
        let arguments = match &call.arguments {
            Ok(arguments) => arguments.clone(),
            Err(why) => {
                started.push(Err(CallError::Codec(why.clone())));
                continue;
            }
        };
        let process = Process::start(&test, call.function, limit.max(Duration::from_millis(1)), variables);
        let (process, line) =
            process.unwrap_or_else(|error| panic!("ptest: cannot start a process for a call: {error}"));
        let deadline = Instant::now() + limit;
        let (go, ready) = (line.try_clone(), ready.clone());
        let thread = std::thread::spawn(move || process.attend(line, &arguments, limit, deadline, &ready));
        started.push(Ok((go, thread)));
    }
    drop(ready);
    // Each says so once, also one that will never be ready.
    all_ready.iter().take(started.iter().flatten().count()).for_each(drop);
    for (go, _) in started.iter_mut().flatten() {
        // One that is gone is told by its own thread.
        let _ = go.as_mut().map(|line| line.write_all(&[GO]));
    }
    let results = started.into_iter().map(|started| {
        let (go, thread) = started?;
        drop(go);
        let bytes = thread.join().expect("the thread does not panic")?;
        minicbor_serde::from_slice(&bytes).map_err(|error| {
            CallError::Codec(format!("the result of a concurrent call cannot be deserialised: {error}"))
        })
    });
    results.collect()
}

/// A process for a call, which does not outlive this value.
struct Process {
    child: Child,
    stdout: mpsc::Receiver<Vec<u8>>,
    stderr: mpsc::Receiver<Vec<u8>>,
}

impl Process {
    /// The process, and the line to it: arguments and the word to begin in, readiness and the result out.
    fn start(
        test: &str,
        function: super::function::Distance,
        limit: Duration,
        variables: &[(String, String)],
    ) -> io::Result<(Self, UnixStream)> {
        let (line, theirs) = UnixStream::pair()?;
        // Arguments that nobody reads must not hold up the others.
        line.set_write_timeout(Some(limit))?;
        let token = fresh_token();
        let mut child = Command::new(own_program())
            .args(["--exact", test, "--nocapture", "--test-threads=1", "--include-ignored"])
            .args(["--skip", &environment::argument(&token)])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env(ROLE, CALL)
            .env(TOKEN, &token)
            .env(FUNCTION, function.to_string())
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // It is ended with all that it has started.
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let stdout = forward(WithoutHarness::new(stdout, &token), |line| print!("{line}"));
        let stderr = forward(stderr, |line| eprint!("{line}"));
        Ok((Self { child, stdout, stderr }, line))
    }

    /// Follows the call to its end; gives the result as bytes.
    fn attend(
        mut self,
        mut line: UnixStream,
        arguments: &[u8],
        limit: Duration,
        deadline: Instant,
        ready: &mpsc::Sender<()>,
    ) -> Result<Vec<u8>, CallError> {
        let prepared = send(&mut line, arguments).and_then(|()| {
            let mut word = [0];
            read_until(&mut line, &mut word, deadline)?;
            if word == [READY] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        // Nobody else waits for one that has failed.
        let _ = ready.send(());
        let said = prepared.and_then(|()| Said::read(&mut Within { line: &mut line, deadline }));
        let late = said.as_ref().is_err_and(is_late);
        // One that has said nothing, and whose line is closed, is about to end, unless it has closed the line itself.
        let status = if late { None } else { self.status(deadline) };
        os::kill_group(self.child.id());
        let _ = self.child.wait();
        // The readers come to their end now, unless something has left the group and still holds the pipes.
        let _ = self.stdout.recv_timeout(LEAVE);
        let stderr = self.stderr.recv_timeout(LEAVE).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        match (said, status) {
            (Ok(Said::Result(bytes)), _) => Ok(bytes),
            (Ok(Said::Codec(why)), _) => Err(CallError::Codec(why)),
            (Ok(Said::Panic { message, location, backtrace }), _) => {
                Err(CallError::Panicked { message, location, backtrace })
            }
            (Err(_), Some(status)) => Err(CallError::Exited { status, stderr }),
            (Err(_), None) => Err(CallError::TimedOut { after: limit, stderr }),
        }
    }

    /// Waits for the end of the process, but not beyond the deadline.
    fn status(&mut self, deadline: Instant) -> Option<std::process::ExitStatus> {
        loop {
            let status = self.child.try_wait().ok().flatten();
            let now = Instant::now();
            if status.is_some() || now >= deadline {
                return status;
            }
            // Where the end of a process is no event, it is looked at in short intervals.
            os::wait_for_exit_until(self.child.id(), deadline.min(now + Duration::from_millis(20)));
        }
    }
}

fn send(line: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    line.write_all(&(bytes.len() as u64).to_le_bytes())?;
    line.write_all(bytes)
}

fn read_until(line: &mut UnixStream, buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    Within { line, deadline }.read_exact(buffer)
}

/// Reads until a deadline.
struct Within<'a> {
    line: &'a mut UnixStream,
    deadline: Instant,
}

impl Read for Within<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.line.set_read_timeout(Some(left))?;
        self.line.read(buffer)
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// What a child writes to stdout, without what libtest says before the call begins.
struct WithoutHarness<P> {
    pipe: P,
    splitter: Splitter,
    begun: bool,
    ready: VecDeque<u8>,
}

impl<P: Read> WithoutHarness<P> {
    fn new(pipe: P, token: &str) -> Self {
        Self { pipe, splitter: Splitter::new(token), begun: false, ready: VecDeque::new() }
    }
}

impl<P: Read> Read for WithoutHarness<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let length = self.pipe.read(buffer)?;
            if length == 0 {
                self.ready.extend(self.splitter.end().into_iter().filter(|_| self.begun));
                break;
            }
            for piece in self.splitter.read(&buffer[..length]) {
                match piece {
                    Piece::Text(text) if self.begun => self.ready.extend(text),
                    Piece::Text(_) => {}
                    Piece::Record(record) => self.begun |= record == Record::CallBegan,
                }
            }
        }
        self.ready.read(buffer)
    }
}

/// Prints what a child writes, line by line, as the test's own output; gives the last part of it.
fn forward(pipe: impl Read + Send + 'static, print: fn(&str)) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let (mut kept, mut line) = (Vec::new(), Vec::new());
        // A line that has no end for so long is printed in parts.
        while let Ok(1..) = (&mut pipe).take(KEPT as u64).read_until(b'\n', &mut line) {
            print(&String::from_utf8_lossy(&line));
            kept.append(&mut line);
            if kept.len() > 2 * KEPT {
                kept.drain(..kept.len() - KEPT);
            }
        }
        kept.drain(..kept.len().saturating_sub(KEPT));
        // Whoever has given up does not listen any more.
        let _ = sender.send(kept);
    });
    receiver
}
