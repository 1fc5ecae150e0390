//! Runs that end before their time: killed, interrupted, terminated. Nothing that they started survives them, and their
//! reports tell the truth. Also how to look at a run while it goes on.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::junit::{self, Element};
use crate::tool::{Tool, of_kind, outcomes, ptest};

/// Longer than anything takes that the tests wait for, however busy the machine is: the build of their fixtures from
/// nothing, while others build theirs, is a part of it.
pub const LIMIT: Duration = Duration::from_secs(300);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// How long what is killed may take to be gone, also where the machine has little time for it.
pub const GONE_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn nothing_survives_a_kill_of_the_runner_and_its_junit_file_is_red() {
    for events in 1..=30 {
        let folder = tempfile::tempdir().unwrap();
        let junit = folder.path().join("junit.xml");
        let tool =
            ptest(&["hang", "leak"]).args(["--processes=8", "--process-restartworker", "--junit"]).args([&junit]);
        let mut live = Live::start(tool);
        for _ in 0..events {
            live.next().expect("these tests never end by themselves");
        }
        live.signal(Signal::KILL);
        live.expect_gone();

        let cases = junit_cases(&junit);
        assert!(cases.contains(&"[run incomplete] error".to_owned()), "after {events} events: {cases:?}");
    }
}

#[test]
fn ctrl_c_ends_the_run_and_the_tests_that_it_did_not_reach_are_reported() {
    a_signal_ends_the_run(Signal::INT, 130, "interrupted");
}

#[test]
fn sigterm_ends_the_run_and_the_tests_that_it_did_not_reach_are_reported() {
    a_signal_ends_the_run(Signal::TERM, 143, "terminated");
}

#[track_caller]
fn a_signal_ends_the_run(signal: Signal, code: i32, stopped: &str) {
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("junit.xml");
    let tool = ptest(&["hang"]).args(["--processes=1", "innocent", "b_hangs", "--junit"]).args([&junit]);
    let mut live = Live::start(tool);
    live.wait_for("test-started", |event| event["test"] == "tests::b_hangs");
    live.signal(signal);
    let events = live.finish(code);

    let with = |missed: &str| {
        let verdict = |name: &str| if name == "a_innocent" { "passed" } else { missed }.to_owned();
        ["a_innocent", "b_hangs", "c_innocent", "e_innocent", "g_innocent"]
            .map(|name| format!("tests::{name} {}", verdict(name)))
    };
    assert_eq!(outcomes(&events), with("not-reached"));
    let finished = of_kind(&events, "run-finished").next().expect("the run says that it is over");
    assert_eq!(finished["stopped"], stopped);
    assert_eq!(finished["not-reached"], 4);
    assert_eq!(junit_cases(&junit), [&["[run incomplete] error".to_owned()], &with("skipped")[..]].concat());
}

#[test]
fn what_ignores_ctrl_c_is_killed_in_the_end() {
    let live = a_run_that_is_deaf_to_sigterm();
    live.signal(Signal::INT);
    let events = live.finish(130);
    assert_eq!(of_kind(&events, "worker-exited").next().unwrap()["status"], "SIGKILL");
}

#[test]
fn a_second_signal_kills_at_once_what_ignores_the_first() {
    let took = || {
        let live = a_run_that_is_deaf_to_sigterm();
        let began = Instant::now();
        // Two that are equal would be one, if the first had not been noticed yet; a third one would end the runner itself.
        live.signal(Signal::INT);
        live.signal(Signal::TERM);
        let events = live.finish_with_one_of(&[130, 143]);
        assert_eq!(of_kind(&events, "worker-exited").next().unwrap()["status"], "SIGKILL");
        began.elapsed()
    };
    // On a busy machine anything may take as long as the grace. If that is waited for, none is ever shorter.
    assert!((0..10).any(|_| took() < GRACE), "the grace was not cut short");
}

/// Who reads no reports holds up the loop, and with it all that have something to say to it.
#[test]
fn the_third_signal_ends_a_run_that_nobody_listens_to() {
    let workspace = crate::workspace::Workspace::of_package("")
        .file("src/lib.rs", "#[test] fn floods() { loop { println!(\"one of very many lines\") } }");
    let mark = Mark::new();
    let tool =
        workspace.ptest().args(["--message-format=json"]).env(Mark::VARIABLE, &mark.0).args(["--", "--nocapture"]);
    let child = tool.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (pid, child) = (Pid::from_child(&child), RefCell::new(child));
    let written = || {
        let mut processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let is_test = |folder: &PathBuf| {
            let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
            text("cmdline").contains("floods") && text("environ").contains(&mark.0)
        };
        let test = processes.find(is_test)?;
        let numbers = fs::read_to_string(test.join("io")).ok()?;
        numbers.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse::<u64>().ok()
    };
    // When nothing more is written for a while, everybody waits for somebody else.
    let seen = Cell::new((None, Instant::now()));
    wait_until(LIMIT, || {
        let (before, since) = seen.get();
        let now = written();
        if now.is_none() || now != before {
            seen.set((now, Instant::now()));
        }
        now.is_some() && since.elapsed() > Duration::from_millis(300)
    });
    wait_until(LIMIT, || {
        // Once it is gone there is nobody to send it to.
        let _ = kill_process(pid, Signal::INT);
        child.borrow_mut().try_wait().unwrap().is_some()
    });
    mark.expect_gone();
}

/// A run of one test, which by now ignores SIGTERM.
fn a_run_that_is_deaf_to_sigterm() -> Live {
    let mut live = Live::start(ptest(&["hang"]).args(["d_hangs_and_ignores_sigterm"]));
    let status = format!("/proc/{}/status", live.wait_for("worker-started", |_| true)["pid"]);
    wait_until(LIMIT, || {
        let status = fs::read_to_string(&status).expect("the test never ends by itself");
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).expect("a mask of signals");
        u64::from_str_radix(ignored, 16).unwrap() & (1 << (Signal::TERM.as_raw() - 1)) != 0
    });
    live
}

/// A run with JSON lines that is looked at while it goes on.
pub struct Live {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<Value>,
    stderr: File,
    mark: Mark,
}

impl Live {
    pub fn start(tool: Tool) -> Self {
        let stderr = tempfile::tempfile().unwrap();
        let its = stderr.try_clone().unwrap().into();
        let mut live = Self::start_with_stderr(tool, its);
        live.stderr = stderr;
        live
    }

    /// The same; where stderr goes the test sees to.
    pub fn start_with_stderr(tool: Tool, its: Stdio) -> Self {
        let mark = Mark::new();
        let mut command = tool.args(["--message-format=json"]).env(Mark::VARIABLE, &mark.0).command();
        let mut child = command.stdout(Stdio::piped()).stderr(its).spawn().unwrap();
        let stderr = tempfile::tempfile().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // The thread ends with the pipe, or when nobody wants to know any more.
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, seen: Vec::new(), stderr, mark }
    }

    /// The next event as soon as it is told; `None` after the last one.
    #[track_caller]
    pub fn next(&mut self) -> Option<&Value> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => self.seen.push(serde_json::from_str(&line).expect("a line is JSON")),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing was told for {LIMIT:?}\n{}", self.stderr()),
        }
        self.seen.last()
    }

    /// Waits for an event; gives it as soon as it is told.
    #[track_caller]
    pub fn wait_for(&mut self, kind: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        while let Some(event) = self.next() {
            if event["event"] == kind && is_wanted(event) {
                return event.clone();
            }
        }
        panic!("the run ended without the event {kind}\n{}", self.stderr());
    }

    /// Waits for the end of the run and of everything that it started; gives all events.
    #[track_caller]
    pub fn finish(self, code: i32) -> Vec<Value> {
        self.finish_with_one_of(&[code])
    }

    /// The same, where it may end in several ways: of two signals at once either may be noticed first.
    #[track_caller]
    pub fn finish_with_one_of(mut self, codes: &[i32]) -> Vec<Value> {
        while self.next().is_some() {}
        let code = self.child.wait().unwrap().code();
        assert!(code.is_some_and(|code| codes.contains(&code)), "exit code {code:?}\n{}", self.stderr());
        self.mark.expect_gone();
        std::mem::take(&mut self.seen)
    }

    /// Waits until nothing is left of the run, its watchdog included.
    #[track_caller]
    pub fn expect_gone(&mut self) {
        self.child.wait().unwrap();
        self.mark.expect_gone();
    }

    /// Kills the runner. What it has started may take its time to go; this does not wait for it.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The command lines of the processes that there are now.
    pub fn processes(&self) -> Vec<String> {
        self.mark.processes()
    }

    fn stderr(&self) -> String {
        let mut text = String::new();
        let mut file = &self.stderr;
        file.rewind().and_then(|()| file.read_to_string(&mut text)).unwrap();
        text
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A test that fails may leave it running; after all others it has ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Digits that all processes of one run have in their environment, and those that fixtures leave behind also in their
/// arguments.
pub struct Mark(pub String);

impl Mark {
    pub const VARIABLE: &str = "LEAK_MARK";

    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("{:08}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Waits until no process has the mark.
    #[track_caller]
    fn expect_gone(&self) {
        self.expect_gone_within(GONE_WITHIN);
    }

    /// To look takes its time as well, so it is what a look finds that begins after the limit that counts.
    #[track_caller]
    pub fn expect_gone_within(&self, limit: Duration) {
        let mut looks = 0;
        let began = Instant::now();
        loop {
            let took = began.elapsed();
            let left = self.processes();
            // What is just becoming another program shows no mark for a moment: two looks have to agree.
            looks = if left.is_empty() { looks + 1 } else { 0 };
            if looks == 2 {
                return;
            }
            assert!(left.is_empty() || took < limit, "still there after {took:?}: {left:#?}");
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// The command lines of all processes that have the mark.
    fn processes(&self) -> Vec<String> {
        let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        // What cannot be read is no process, another user's, or gone; of a zombie both files are empty.
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\0', " ");
        let texts = folders.map(|folder| (text(&folder.join("environ")), text(&folder.join("cmdline"))));
        let marked = texts.filter(|(environment, line)| environment.contains(&self.0) || line.contains(&self.0));
        marked.map(|(_, line)| line).collect()
    }
}

/// `name verdict` of each case in a JUnit file, in its order. Fails if the file is ill-formed or against its schema.
#[track_caller]
pub fn junit_cases(path: &Path) -> Vec<String> {
    junit::validate(path);
    let report = Element::parse(&fs::read_to_string(path).unwrap());
    let verdict = |case: &Element| {
        let verdict = ["failure", "error", "skipped"].into_iter().find(|name| case.child(name).is_some());
        format!("{} {}", case.attribute("name"), verdict.unwrap_or("passed"))
    };
    report.children("testsuite").flat_map(|suite| suite.children("testcase")).map(verdict).collect()
}

/// Asks again and again, for the last time when the limit is over.
#[track_caller]
pub fn wait_until(limit: Duration, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    let mut took = Duration::ZERO;
    while !is_so() {
        assert!(took < limit, "it never happened");
        thread::park_timeout(Duration::from_millis(5));
        took = began.elapsed();
    }
}

#[test]
fn a_binary_that_is_being_listed_does_not_outlive_a_killed_runner() {
    // Whatever a test binary of its own harness is asked, it says that it has begun and then waits for ever.
    let source =
        "fn main() { std::fs::write(std::env::var(\"BEGUN\").unwrap(), \"\").unwrap(); loop { std::thread::park() } }";
    let workspace = crate::workspace::Workspace::of_package("[[test]]\nname = \"waits\"\nharness = false\n")
        .file("src/lib.rs", "")
        .file("tests/waits.rs", source);
    let begun = workspace.path().join("begun");
    let tool = workspace.ptest().env("BEGUN", &begun).args(["--list-timeout=1h"]);
    let mut runner = tool.command().stderr(std::process::Stdio::null()).spawn().unwrap();
    let name = workspace.target().to_string_lossy().into_owned();
    let lists = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|it| std::fs::read_to_string(it.path().join("cmdline")).ok())
            .any(|it| it.starts_with(&name))
    };
    wait_until(Duration::from_secs(60), || begun.exists());
    assert!(lists());
    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until(GONE_WITHIN, || !lists());
}

#[test]
fn another_watchdog_takes_the_place_of_one_that_is_killed() {
    let mut live = Live::start(ptest(&["hang"]).args(["--processes=1", "b_hangs"]));
    live.wait_for("test-started", |_| true);
    let runner = live.child.id();
    let watchdogs = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        let is_ours = |pid: &i32| {
            let text = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let parent = text("stat").rsplit_once(')').and_then(|(_, rest)| rest.split(' ').nth(2)?.parse().ok());
            parent == Some(runner) && text("cmdline").contains("--ptest-watchdog")
        };
        pids.filter(is_ours).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let [pid] = watchdogs()[..] else { panic!("there is one watchdog") };
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        let warning = live.wait_for("warning", |_| true)["message"].clone();
        assert_eq!(warning, "the watchdog of this run has ended (signal: 9 (SIGKILL)); another one was started");
        assert_ne!(watchdogs(), [pid]);
    }
    // It does what the first one would have done.
    live.signal(Signal::KILL);
    live.expect_gone();
}
