//! One child process from its start to its end: a thread of its own reads what it writes and says what it learned.

use std::io::{self, PipeWriter};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ptest::wire::environment::argument;

use super::background::Watch;
use super::dialect::{End, Ended, Expected, Fact, Host, Libtest, Verdict};
use super::leftovers::{self, Held, Leftover, Whose};
use super::os::{self, Child, Exit, Group, Log, Ready, Stdin};
use super::output::Output;
use super::pick::Pick;
use super::trickle::{MOMENT, Trickle};
use crate::event::LeftBehind;
use crate::threads::{self, Panic};

/// A process to start.
pub(super) struct Launch {
    /// The test binary as cargo would start it, without arguments.
    pub command: Command,
    pub speech: Speech,
    /// Tell output as it comes.
    pub live: bool,
    /// It gets the terminal, which has been prepared for it.
    pub terminal: bool,
    /// Where the log may lie.
    pub folder: PathBuf,
    /// By which mark what it leaves behind is known.
    pub run: String,
    pub whose: Whose,
    /// The name of the test binary's file, if it is to be known how much its first thread has written.
    pub witness: Option<String>,
}

/// How the process takes its tests and tells what became of them.
pub(super) enum Speech {
    Libtest {
        expected: Vec<Expected>,
        include_ignored: bool,
        with_log: bool,
        /// How many tests the binary has, if its summary is to be read and that many are to be counted in it.
        out_of: Option<usize>,
        /// Begins the records on fixtures, in a binary that has any.
        token: Option<String>,
    },
    /// rustdoc's harness, with the words that pick the doctests and those that run besides.
    Doctests { expected: Vec<Expected>, pick: Pick, include_ignored: bool, with_log: bool },
    /// A host, started with the name of a test that it will not run.
    Host { test: Arc<str>, token: String },
    /// One test, whose verdict is the exit code; the arguments select it.
    ExitCode { arguments: Vec<String> },
}

/// What the thread tells, in this order: `Started`, any number of `Facts`, `Ending`, `Gone`. `WaitsForTerminal` may come
/// among the facts. `NotStarted`
/// comes alone, or as the last one if reading failed.
pub(super) enum Report {
    Started {
        pid: u32,
        group: Group,
        so_far: SoFar,
        end_of_log: EndOfLog,
        /// A host tears down when this goes.
        lifeline: Option<PipeWriter>,
    },
    NotStarted(io::Error),
    /// It was not started, on purpose. The loop says this to itself.
    Withheld(String),
    /// The last one, if the thread panicked.
    Panicked(Panic),
    Facts(Vec<Timed>),
    /// It will not go on by itself: it is stopped until it has the terminal.
    WaitsForTerminal,
    /// Its number will soon be another's.
    Ending,
    Gone(Box<Gone>),
}

/// A fact and when it happened.
pub(super) struct Timed {
    pub fact: Fact,
    pub at: Instant,
}

/// All that is known of a process when it is gone.
pub(super) struct Gone {
    pub exit: Exit,
    pub end: End,
    /// How many bytes the first thread of a process without a log has written, if that is known.
    pub written: Option<u64>,
    /// Set if something that it started outlived it.
    pub leak: Option<Leak>,
}

/// What has outlived a process.
#[derive(Default)]
pub(super) struct Leak {
    pub left: Vec<LeftBehind>,
    /// Something still holds its output, and was not found.
    pub holds_output: bool,
}

/// How long the text may lag behind the log before it is taken for silent.
const SILENCE: Duration = Duration::from_millis(50);

/// The same, if the child still has the text for its stdout and the result may yet come.
const LONG_SILENCE: Duration = Duration::from_secs(5);

/// While tests end faster than this one after another, their results are gathered for as long.
const GATHER: Duration = Duration::from_millis(3);

/// How much is read at once: more than a pipe holds, so that nothing is left of what was written before.
const BUFFER: usize = 80 * 1024;

/// How long what a process leaves behind may take to go by itself.
const LEAK_GRACE: Duration = Duration::from_millis(200);

/// Starts a process and reads it in a thread; `tell` is called from there.
pub(super) fn start(launch: Launch, tell: impl Fn(Report) + Send + Sync + 'static) -> io::Result<()> {
    let tell = Arc::new(tell);
    let panicked = tell.clone();
    let run = move || {
        if let Err(error) = run(launch, &*tell) {
            tell(Report::NotStarted(error));
        }
    };
    threads::start("process", run, move |panic| panicked(Report::Panicked(panic)))
}

fn run(launch: Launch, tell: &impl Fn(Report)) -> io::Result<()> {
    let Launch { mut command, speech, live, terminal, folder, run, whose, witness } = launch;
    let log = |wanted: bool| if wanted { Log::new(&folder) } else { Ok(None) };
    let stdin = match speech {
        Speech::Host { .. } => Stdin::Lifeline,
        _ if terminal => Stdin::Terminal,
        _ => Stdin::Nothing,
    };
    let (mut listener, log) = match speech {
        Speech::Libtest { expected, include_ignored, with_log, out_of, token } => {
            let log = log(with_log)?;
            command.args(["--exact", "--nocapture", "--test-threads=1"]);
            command.args(include_ignored.then_some("--include-ignored"));
            if let Some(log) = &log {
                command.arg("--logfile").arg(&log.path);
            }
            if let Some(token) = &token {
                command.args(["--skip", &argument(token)]);
            }
            // A test that a program makes up may have any name.
            command.args(expected.iter().any(|test| test.name.starts_with('-')).then_some("--"));
            command.args(expected.iter().map(|test| &*test.name));
            let libtest = Libtest::new(&expected, token.as_deref(), log.is_some(), live).out_of(out_of);
            (Listener::Libtest(Shared::new(libtest)), log)
        }
        Speech::Doctests { expected, pick, include_ignored, with_log } => {
            let log = log(with_log)?;
            command.args(["--nocapture", "--test-threads=1"]).args(include_ignored.then_some("--include-ignored"));
            if let Some(log) = &log {
                command.arg("--logfile").arg(&log.path);
            }
            command.args(pick.words);
            (Listener::Libtest(Shared::new(Libtest::of_doctests(&expected, &pick.others, log.is_some(), live))), log)
        }
        Speech::Host { test, token } => {
            command.args(["--exact", &test, "--nocapture", "--test-threads=1", "--include-ignored"]);
            command.args(["--skip", &argument(&token)]);
            (Listener::Host(Shared::new(Host::new(&token, &test))), None)
        }
        Speech::ExitCode { arguments } => {
            command.args(arguments);
            (Listener::ExitCode { output: Shared::new(Output::default()), live, facts: vec![Fact::Began(0)] }, None)
        }
    };
    let mut child = os::spawn(command, log, stdin)?;
    let (pid, group, so_far) = (child.pid(), child.group(), listener.so_far());
    let end_of_log = EndOfLog::default();
    let asked = end_of_log.clone();
    tell(Report::Started { pid, group, so_far, end_of_log, lifeline: child.take_lifeline() });
    let mut buffer = vec![0; BUFFER];
    // Who has the terminal does not wait for it in vain.
    let watch = (!terminal).then(|| Watch::new(Instant::now()));
    let told = listen(&mut child, &mut listener, &asked, watch, &mut buffer, tell);
    if told.is_err() {
        // Who cannot be listened to any more must not go on for ever.
        child.group().kill();
    }
    let written = witness.and_then(|program| child.written(&program));
    let (exit, leak) = bury(&mut child, &mut listener, &mut buffer, (&run, whose), tell)?;
    told?;
    let (facts, end) = listener.end(exit);
    send(facts, Instant::now(), Instant::now(), tell);
    tell(Report::Gone(Box::new(Gone { exit, end, written, leak })));
    Ok(())
}

/// Reads until the child is gone.
fn listen(
    child: &mut Child,
    listener: &mut Listener,
    end_of_log: &EndOfLog,
    mut watch: Option<Watch>,
    buffer: &mut [u8],
    tell: &impl Fn(Report),
) -> io::Result<()> {
    let mut last = Instant::now();
    let (mut quiet, mut closed) = (false, false);
    let mut unconfirmed: Option<(usize, Instant)> = None;
    let mut trickle = Trickle::new(last);
    send(listener.take_facts(), last, last, tell);
    loop {
        let waits = listener.waits_for_text().is_some();
        let wanted = Ready { text: true, log: quiet && !waits, gone: true };
        let ready = child.wait(wanted, (waits || !quiet).then_some(SILENCE).or_else(|| watch.as_ref()?.interval()))?;
        let length = listener.read(child, buffer)?;
        if !ready.gone && !closed && child.has_closed_its_text() {
            closed = true;
            listener.text_is_closed();
        }
        if end_of_log.is_asked_for() {
            child.end_log();
        }
        quiet = length == 0 && (quiet || (!ready.text && !ready.log && !ready.gone));
        // A verdict's text may be right behind it. But it may also never come, or not be recognised because somebody
        // else writes into it, so it is not waited for until there is silence.
        let before = unconfirmed;
        unconfirmed = listener
            .waits_for_text()
            .map(|run| before.filter(|(before, _)| *before == run).unwrap_or_else(|| (run, Instant::now())));
        if let Some((_, since)) = unconfirmed
            && since.elapsed() >= SILENCE
            && (listener.cannot_be_confirmed(child) || since.elapsed() >= LONG_SILENCE)
        {
            listener.settle();
            unconfirmed = None;
        }
        let facts = listener.take_facts();
        let now = Instant::now();
        if watch.as_mut().is_some_and(|watch| watch.notices(child, now)) {
            tell(Report::WaitsForTerminal);
        }
        let ended = facts.iter().any(|fact| matches!(fact, Fact::Ended(_)));
        let fast = ended && now - last < 2 * GATHER;
        let trickles = trickle.goes_on(length, now);
        if !facts.is_empty() {
            send(facts, last, now, tell);
            last = now;
            trickle.ends();
        }
        if ready.gone {
            return Ok(());
        }
        if fast || trickles {
            let pause = if fast { GATHER } else { MOMENT };
            child.wait(Ready { gone: true, ..Ready::default() }, Some(pause))?;
        }
    }
}

/// Reads the rest, reaps the child, and ends what it left behind.
fn bury(
    child: &mut Child,
    listener: &mut Listener,
    buffer: &mut [u8],
    mark: (&str, Whose),
    tell: &impl Fn(Report),
) -> io::Result<(Exit, Option<Leak>)> {
    let give_up = Instant::now() + LEAK_GRACE;
    read_to_end(child, listener, buffer, give_up, tell)?;
    // This can be asked only while it is not reaped.
    let since = if child.text_has_ended() { None } else { os::started(&child.pid().to_string()) };
    let held = child.pipe().zip(since).map(|(pipe, since)| Held { pipe, since });
    tell(Report::Ending);
    let exit = child.reap()?;
    while child.has_survivors() && Instant::now() < give_up {
        // There is nothing to wait for but time: a group does not tell when its last member goes.
        child.wait(Ready::default(), Some(Duration::from_millis(10)))?;
    }
    let leaked = !child.text_has_ended() || child.has_survivors();
    let leak = leaked.then(|| end_leak(child, listener, buffer, mark, held, tell)).transpose()?;
    Ok((exit, leak))
}

/// Kills what has outlived a child: its group; what has left that, by the mark in its environment; and by the output that it
/// holds what has cleared its environment, too. The next way is tried only while something still holds the output.
fn end_leak(
    child: &mut Child,
    listener: &mut Listener,
    buffer: &mut [u8],
    (run, whose): (&str, Whose),
    held: Option<Held>,
    tell: &impl Fn(Report),
) -> io::Result<Leak> {
    let mut found = leftovers::in_group(child.group_number());
    child.kill_survivors();
    read_to_end(child, listener, buffer, Instant::now() + LEAK_GRACE, tell)?;
    if !child.text_has_ended() {
        found.extend(leftovers::kill(run, whose));
        read_to_end(child, listener, buffer, Instant::now() + LEAK_GRACE, tell)?;
    }
    if let Some(held) = held.filter(|_| !child.text_has_ended()) {
        found.extend(leftovers::kill_holders(held));
        read_to_end(child, listener, buffer, Instant::now() + LEAK_GRACE, tell)?;
    }
    let give_up = Instant::now() + LEAK_GRACE;
    // Most of them are no children of ours, so there is nothing to wait for but time.
    while !found.iter().all(Leftover::is_gone) && Instant::now() < give_up {
        child.wait(Ready::default(), Some(Duration::from_millis(1)))?;
    }
    let left = |it: &Leftover| LeftBehind { pid: it.pid.unsigned_abs(), name: it.name.clone(), killed: it.is_gone() };
    Ok(Leak { left: found.iter().map(left).collect(), holds_output: !child.text_has_ended() })
}

fn read_to_end(
    child: &mut Child,
    listener: &mut Listener,
    buffer: &mut [u8],
    give_up: Instant,
    tell: &impl Fn(Report),
) -> io::Result<()> {
    while !child.text_has_ended() {
        let left = give_up.saturating_duration_since(Instant::now());
        let ready = child.wait(Ready { text: true, ..Ready::default() }, Some(left))?;
        let last = Instant::now();
        listener.read(child, buffer)?;
        send(listener.take_facts(), last, Instant::now(), tell);
        if !ready.text || Instant::now() >= give_up {
            break;
        }
    }
    listener.read(child, buffer)?;
    Ok(())
}

/// Sends facts that were learned at once. The time since the last ones is divided evenly among the tests that ended in
/// it: nothing tells more, and each of them took no longer.
fn send(facts: Vec<Fact>, since: Instant, now: Instant, tell: &impl Fn(Report)) {
    if facts.is_empty() {
        return;
    }
    let ended = facts.iter().filter(|fact| matches!(fact, Fact::Ended(_))).count();
    let share = (now - since) / u32::try_from(ended.max(1)).unwrap_or(u32::MAX);
    let mut at = if ended == 0 { now } else { since };
    let timed = facts.into_iter().map(|fact| {
        if matches!(fact, Fact::Ended(_)) {
            at += share;
        }
        Timed { fact, at }
    });
    tell(Report::Facts(timed.collect()));
}

/// Asks the thread to end libtest's log. A libtest that cannot write a result ends its process in good order, so this is
/// how one is ended that must write something itself at its end. It is heard at the next sign of life.
#[derive(Clone, Default)]
pub(super) struct EndOfLog(Arc<AtomicBool>);

impl EndOfLog {
    pub(super) fn ask_for(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Held by the thread, and by the loop for a look now and then.
pub(super) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    fn new(it: T) -> Self {
        Self(Arc::new(Mutex::new(it)))
    }

    fn get(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Looks over the shoulder of the thread.
pub(super) enum SoFar {
    Libtest(Shared<Libtest>),
    Host(Shared<Host>),
    Output(Shared<Output>),
}

impl SoFar {
    /// What the test that runs now has written, or the fixture that it is at.
    pub(super) fn output(&self) -> Output {
        match self {
            Self::Libtest(libtest) => libtest.get().so_far(),
            Self::Host(host) => host.get().so_far(),
            Self::Output(output) => output.get().clone(),
        }
    }
}

/// What makes facts of bytes.
enum Listener {
    Libtest(Shared<Libtest>),
    Host(Shared<Host>),
    ExitCode { output: Shared<Output>, live: bool, facts: Vec<Fact> },
}

impl Listener {
    fn so_far(&self) -> SoFar {
        match self {
            Self::Libtest(libtest) => SoFar::Libtest(libtest.share()),
            Self::ExitCode { output, .. } => SoFar::Output(output.share()),
            Self::Host(host) => SoFar::Host(host.share()),
        }
    }

    /// Reads the text, and after it the log; gives the number of bytes of text.
    fn read(&mut self, child: &mut Child, buffer: &mut [u8]) -> io::Result<usize> {
        let length = child.read_text(buffer)?;
        match self {
            Self::Libtest(libtest) => {
                let mut log = Vec::new();
                child.read_log(&mut log)?;
                let mut libtest = libtest.get();
                libtest.read(&buffer[..length], &log);
                if libtest.has_begun() && libtest.opens_its_log_once() {
                    child.log_is_open()?;
                }
            }
            Self::Host(host) => host.get().read(&buffer[..length]),
            Self::ExitCode { output, live, facts } => {
                output.get().push(&buffer[..length]);
                if *live && length > 0 {
                    facts.push(Fact::Wrote(0, buffer[..length].to_vec()));
                }
            }
        }
        Ok(length)
    }

    fn waits_for_text(&self) -> Option<usize> {
        match self {
            Self::Libtest(libtest) => libtest.get().waits_for_text(),
            Self::Host(_) | Self::ExitCode { .. } => None,
        }
    }

    /// Whether the log has a verdict that the text cannot confirm: its line is torn, or stdout is something else by now.
    fn cannot_be_confirmed(&self, child: &Child) -> bool {
        match self {
            Self::Libtest(libtest) => libtest.get().has_word_of_verdict() || !child.stdout_is_text(),
            Self::Host(_) | Self::ExitCode { .. } => false,
        }
    }

    fn text_is_closed(&mut self) {
        if let Self::Libtest(libtest) = self {
            libtest.get().text_is_closed();
        }
    }

    fn settle(&mut self) {
        if let Self::Libtest(libtest) = self {
            libtest.get().settle();
        }
    }

    fn take_facts(&mut self) -> Vec<Fact> {
        match self {
            Self::Libtest(libtest) => libtest.get().take_facts(),
            Self::Host(host) => host.get().take_facts(),
            Self::ExitCode { facts, .. } => std::mem::take(facts),
        }
    }

    fn end(self, exit: Exit) -> (Vec<Fact>, End) {
        match self {
            // The loop may still look; it sees that nothing runs.
            Self::Libtest(libtest) => {
                std::mem::replace(&mut *libtest.get(), Libtest::new(&[], None, false, false)).end()
            }
            Self::Host(host) => host.get().end(),
            Self::ExitCode { output, .. } => by_exit_code(std::mem::take(&mut *output.get()), exit),
        }
    }
}

/// The one test of a process has failed if its exit code says so; a signal is a death.
fn by_exit_code(output: Output, exit: Exit) -> (Vec<Fact>, End) {
    let (stray, fixture) = (Output::default(), Output::default());
    let end = End {
        running: None,
        by_exit_code: true,
        mismatch: None,
        no_word: None,
        disputed: false,
        unlogged: None,
        closed: false,
        stray,
        fixture,
    };
    let ended = |verdict, note, output| vec![Fact::Ended(Ended { place: 0, verdict, note, output })];
    match exit {
        Exit::Code(0) => (ended(Verdict::Passed, None, output), end),
        Exit::Code(_) => (ended(Verdict::Failed, Some(exit.to_string()), output), end),
        Exit::Signal(_) => (Vec::new(), End { running: Some((0, output)), ..end }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a child is what is tested")]
    fn a_thread_that_panics_kills_the_child_that_it_reads_and_tells_of_both() {
        let speech = Speech::ExitCode { arguments: ["-c", "exec sleep 1000"].map(str::to_owned).to_vec() };
        let launch = Launch {
            command: Command::new("sh"),
            speech,
            live: false,
            terminal: false,
            folder: PathBuf::new(),
            run: String::new(),
            whose: Whose::Worker(0),
            witness: None,
        };
        let (sender, receiver) = mpsc::channel();
        let tell = move |report| match report {
            Report::Facts(_) => panic!("boom"),
            report => sender.send(report).unwrap(),
        };
        start(launch, tell).unwrap();
        let told: Vec<Report> = receiver.iter().collect();
        let [Report::Started { pid, .. }, Report::Panicked(panic)] = told.as_slice() else { panic!("it says more") };
        assert!(panic.to_string().contains("`process`") && panic.to_string().contains("boom"));
        let child = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        let ended = waitid(WaitId::Pid(child), WaitIdOptions::EXITED).unwrap().unwrap();
        assert_eq!(ended.terminating_signal(), Some(9));
    }
}
