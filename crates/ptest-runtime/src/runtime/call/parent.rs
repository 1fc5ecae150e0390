//! The calling side: starts the processes, lets them begin together, collects what becomes of them.

use std::io::{self, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_core::de::DeserializeOwned;

use super::child::{GO, READY, Said};
use super::function::Distance;
use super::line::Line;
use super::{Call, CallError};
use crate::runtime::output::{Heard, Output};
use crate::runtime::process::{fresh_token, own_program};
use crate::runtime::test::running;
use crate::runtime::watched::{Watched, spawn};
use crate::runtime::{codec, os};
use crate::wire::environment::{self, CALL, FUNCTION, ROLE, TOKEN};
use crate::wire::record::{Piece, Record, Splitter};

/// How much of a child's stderr is kept.
const KEPT: usize = 64 * 1024;

/// How long the end of a child's output is waited for when the child is gone.
const LEAVE: Duration = Duration::from_secs(1);

/// More than this is no limit, and the clock could not count to it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What comes of a call, as bytes.
type Outcome = Result<Vec<u8>, CallError>;

/// How far a call is.
struct Progress {
    /// It waits for the word to begin, or will never be able to.
    is_ready: bool,
    /// Nobody wants to know any more what comes of it.
    is_given_up: bool,
    outcome: Option<Outcome>,
}

#[track_caller]
pub(super) fn run<R: DeserializeOwned>(
    calls: &[Call<R>],
    limit: Duration,
    variables: &[(String, String)],
) -> Vec<Result<R, CallError>> {
    let calls = calls.iter().map(|call| (call.function, call.arguments.clone())).collect();
    let outcomes = run_all(calls, limit, variables).into_iter().map(|outcome| {
        codec::from_bytes(&outcome?).map_err(|error| {
            CallError::Codec(format!("the result of a concurrent call cannot be deserialised: {error}"))
        })
    });
    outcomes.collect()
}

/// The same for all types of results, compiled once.
#[track_caller]
#[inline]
fn run_all(
    calls: Vec<(Distance, Result<Vec<u8>, String>)>,
    limit: Duration,
    variables: &[(String, String)],
) -> Vec<Outcome> {
    let Some(test) = running() else {
        panic!(
            "ptest: concurrent calls can be made only on the thread of a #[ptest::test]; a concurrent call cannot make further \
             ones"
        );
    };
    let limit = limit.min(LONGEST);
    let mut begun = Vec::new();
    for (function, arguments) in calls {
        match arguments {
            Ok(arguments) => match begin(&test, function, arguments, limit, variables) {
                Ok(call) => begun.push(call),
                Err(error) => {
                    give_up(&begun);
                    panic!("ptest: cannot start a process for a call: {error}");
                }
            },
            Err(why) => {
                let outcome = Some(Err(CallError::Codec(why)));
                let progress = Progress { is_ready: true, is_given_up: false, outcome };
                begun.push(Begun { line: None, progress: Arc::new(Watched::new(progress)) });
            }
        }
    }
    // Each keeps its own deadline; this one is for none to be waited for in vain.
    let deadline = Instant::now() + limit + 60 * LEAVE;
    for call in &begun {
        call.progress.wait(deadline, |progress| progress.is_ready.then_some(()));
    }
    for call in &begun {
        if let Some(mut line) = call.line.as_ref() {
            // One that is gone is told by its own thread.
            let _ = line.write_all(&[GO]);
        }
    }
    let mut outcomes = Vec::new();
    for call in begun {
        let outcome = call.progress.wait(deadline, |progress| progress.outcome.take());
        outcomes.push(match outcome {
            Some(outcome) => outcome,
            None => Err(CallError::TimedOut { after: limit, stderr: String::new() }),
        });
    }
    outcomes
}

/// A call that was started.
struct Begun {
    /// Where to give the word; none, if there is no process, since the arguments are no bytes.
    line: Option<UnixStream>,
    progress: Arc<Watched<Progress>>,
}

/// Ends calls that wait for the word, and waits for that.
#[inline]
fn give_up(begun: &[Begun]) {
    for call in begun {
        call.progress.change(|progress| progress.is_given_up = true);
        // Its thread waits at the other handle of the line. One that is closed already has told it as much.
        if let Some(line) = &call.line {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
    let deadline = Instant::now() + 3 * LEAVE;
    for call in begun {
        call.progress.wait(deadline, |progress| progress.outcome.is_some().then_some(()));
    }
}

/// Starts a process for a call. It has a thread of its own here, so that calls do not wait for one another; only their
/// start is common, by a word on the line.
#[inline]
fn begin(
    test: &str,
    function: Distance,
    arguments: Vec<u8>,
    limit: Duration,
    variables: &[(String, String)],
) -> io::Result<Begun> {
    let (process, line) = Process::start(test, function, limit.max(Duration::from_millis(1)), variables)?;
    let deadline = Instant::now() + limit;
    let progress = Arc::new(Watched::new(Progress { is_ready: false, is_given_up: false, outcome: None }));
    let (go, told) = (line.try_clone()?, progress.clone());
    let attend = move || {
        let outcome = process.attend(line, &arguments, limit, deadline, &told);
        told.change(|progress| progress.outcome = Some(outcome));
    };
    spawn("ptest call".to_owned(), Box::new(attend))?;
    Ok(Begun { line: Some(go), progress })
}

/// A process for a call, which does not outlive this value.
struct Process {
    child: Child,
    /// It was waited for, so its number may be somebody else's.
    is_reaped: bool,
    stdout: Arc<Watched<Heard>>,
    stderr: Arc<Watched<Heard>>,
}

impl Process {
    /// The process, and the line to it: arguments and the word to begin in, readiness and the result out.
    #[inline]
    fn start(
        test: &str,
        function: Distance,
        limit: Duration,
        variables: &[(String, String)],
    ) -> io::Result<(Self, UnixStream)> {
        let (line, theirs) = os::line()?;
        // Arguments that nobody reads must not hold up the others.
        line.set_write_timeout(Some(limit))?;
        let (stdout, their_stdout) = os::pipe()?;
        let (stderr, their_stderr) = os::pipe()?;
        let token = fresh_token();
        let mut command = Command::new(own_program().map_err(io::Error::other)?);
        for (name, value) in variables {
            command.env(name, value);
        }
        command
            .args(["--exact", test, "--nocapture", "--test-threads=1", "--include-ignored"])
            .args(["--skip", &environment::argument(&token)])
            .env(ROLE, CALL)
            .env(TOKEN, &token)
            .env(FUNCTION, function.to_string())
            .stdin(theirs)
            .stdout(their_stdout)
            .stderr(their_stderr);
        // It is ended with all that it has started.
        os::in_group_of_its_own(&mut command);
        // The readers first: with the process there is nothing left that could fail. If it cannot be started, they end
        // with the command, which holds the pipes' other ends.
        let stdout = forward(stdout, Some(Splitter::new(&token)), |text| print!("{text}"))?;
        let stderr = forward(stderr, None, |text| eprint!("{text}"))?;
        let child = os::spawn(&mut command)?;
        Ok((Self { child, is_reaped: false, stdout, stderr }, line))
    }

    /// Follows the call to its end.
    #[inline]
    fn attend(
        mut self,
        stream: UnixStream,
        arguments: &[u8],
        limit: Duration,
        deadline: Instant,
        progress: &Watched<Progress>,
    ) -> Outcome {
        let mut line = Line { stream, deadline: Some(deadline) };
        let prepared = prepare(&mut line, arguments);
        // Nobody else waits for one that has failed.
        progress.change(|progress| progress.is_ready = true);
        let said = match prepared {
            Ok(()) => Said::read(&mut line),
            Err(error) => Err(error),
        };
        let late = matches!(&said, Err(error) if is_late(error));
        // One that has said nothing, and whose line is closed, is about to end, unless it has closed the line itself.
        let is_given_up = progress.change(|progress| progress.is_given_up);
        let status = self.end(if late || is_given_up { Instant::now() } else { deadline });
        // The readers come to their end now, unless something has left the group and still holds the pipes.
        let leave = Instant::now() + LEAVE;
        self.stdout.wait(leave, |heard| heard.over.then_some(()));
        self.stderr.wait(leave, |heard| heard.over.then_some(()));
        let stderr = self.stderr.change(|heard| heard.output.last());
        match (said, status) {
            (Ok(Said::Value(bytes)), _) => Ok(bytes),
            (Ok(Said::Codec(why)), _) => Err(CallError::Codec(why)),
            (Ok(Said::Panic { message, location, backtrace }), _) => {
                Err(CallError::Panicked { message, location, backtrace })
            }
            (Err(_), Some(status)) if !late => Err(CallError::Exited { status, stderr }),
            (Err(_), _) => Err(CallError::TimedOut { after: limit, stderr }),
        }
    }

    /// Gives the process time to end, and ends it then, with all that it has started. How it has ended, if it did so
    /// itself.
    #[inline]
    fn end(&mut self, deadline: Instant) -> Option<ExitStatus> {
        let by_itself = loop {
            let now = Instant::now();
            let ended = os::has_ended(&mut self.child);
            if ended || now >= deadline {
                break ended;
            }
            // Where the end of a process is no event, it is looked at in short intervals.
            os::wait_for_exit_until(self.child.id(), deadline.min(now + Duration::from_millis(20)));
        };
        // First, while its number is still its own.
        os::kill_group(self.child.id());
        let status = self.child.wait();
        self.is_reaped = true;
        status.ok().filter(|_| by_itself)
    }
}

impl Drop for Process {
    /// Of one that nobody attends to, or whose attendant panicked.
    #[inline]
    fn drop(&mut self) {
        if !self.is_reaped {
            self.end(Instant::now());
        }
    }
}

/// Gives the arguments to a process, and waits until it has them.
#[inline]
fn prepare(line: &mut Line, arguments: &[u8]) -> io::Result<()> {
    line.write_bytes(arguments)?;
    if line.read_byte()? == READY { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[inline]
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Prints what a process writes, as the test's own output, and keeps the last part of it. With a splitter, what libtest
/// says before the call begins is left out.
#[inline]
fn forward(mut pipe: PipeReader, splitter: Option<Splitter>, print: fn(&str)) -> io::Result<Arc<Watched<Heard>>> {
    let heard = Arc::new(Watched::new(Heard::keeping(Output::keeping(0, KEPT))));
    let mut lines = Lines { pending: Vec::new(), print, heard: heard.clone() };
    let mut harness = splitter;
    let read = move || {
        let mut buffer = vec![0; KEPT];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            let Some(splitter) = &mut harness else {
                lines.add(&buffer[..length]);
                continue;
            };
            let mut began = false;
            for piece in splitter.read(&buffer[..length]) {
                match piece {
                    Piece::Text(text) if began => lines.add(&text),
                    Piece::Text(_) => {}
                    // There are no other records in it.
                    Piece::Record(record) => began |= matches!(record, Record::CallBegan),
                }
            }
            if began {
                // What may have begun as one is text.
                lines.add(&splitter.end());
                harness = None;
            }
        }
        lines.end();
    };
    spawn("ptest output".to_owned(), Box::new(read))?;
    Ok(heard)
}

/// Prints whole lines, so that those of several processes do not get mixed.
struct Lines {
    pending: Vec<u8>,
    print: fn(&str),
    heard: Arc<Watched<Heard>>,
}

impl Lines {
    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        match self.pending.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => self.print(at + 1),
            // A line that has no end for so long is printed in parts.
            None if self.pending.len() >= KEPT => self.print(self.pending.len()),
            None => {}
        }
    }

    #[inline]
    fn print(&mut self, end: usize) {
        let lines = &self.pending[..end];
        (self.print)(&String::from_utf8_lossy(lines));
        self.heard.change(|heard| heard.output.add(lines));
        self.pending.drain(..end);
    }

    #[inline]
    fn end(&mut self) {
        self.print(self.pending.len());
        self.heard.change(|heard| heard.over = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_limit_is_one_that_the_clock_can_count_to() {
        let limit = Duration::MAX.min(LONGEST);
        assert!(Instant::now().checked_add(limit + 60 * LEAVE).is_some());
    }

    /// What [`calls_that_are_given_up_end_at_once`] starts.
    #[test]
    #[ignore = "hangs, for another test"]
    fn hangs_in_a_call() {
        if std::env::var_os(FUNCTION).is_some() {
            std::thread::sleep(Duration::from_secs(60));
        }
    }

    #[test]
    fn calls_that_are_given_up_end_at_once() {
        let name = concat!(module_path!(), "::hangs_in_a_call");
        let (_, name) = name.split_once("::").unwrap();
        let begin = || begin(name, "0".parse().unwrap(), Vec::new(), LONGEST, &[]).unwrap();
        let begun = [begin(), begin()];
        let before = Instant::now();
        give_up(&begun);
        assert!(before.elapsed() < 3 * LEAVE);
        assert!(begun.iter().all(|call| call.progress.change(|progress| progress.outcome.is_some())));
    }
}
