//! Signals that were ignored before the runner started, hangups, and the runner as the first process of a pid namespace.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::kills::{LIMIT, Live, wait_until};
use crate::tool::{Tool, clean, of_kind, outcomes, ptest, skipped};
use crate::workspace::Workspace;

#[test]
fn signals_that_were_ignored_before_stay_ignored_here_and_in_tests() {
    for (ignored, signal, other, code) in
        [("HUP", Signal::HUP, Signal::INT, 130), ("INT", Signal::INT, Signal::TERM, 143)]
    {
        let script = format!("trap '' {ignored}; exec \"$@\"");
        let tool = ptest(&["hang"]).args(["--processes=1", "b_hangs"]).within("sh", &["-c", &script, "sh"]);
        let mut live = Live::start(tool);
        let pid = live.wait_for("worker-started", |_| true)["pid"].clone();
        live.wait_for("test-started", |_| true);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        assert_ne!(u64::from_str_radix(mask, 16).unwrap() & (1 << (signal.as_raw() - 1)), 0, "{ignored}: {mask}");
        live.signal(signal);
        // If both are pending the lower number is heard first, and the first one decides.
        live.signal(other);
        live.finish(code);
    }
}

#[test]
fn a_hangup_that_takes_stderr_away_has_its_own_exit_code() {
    let hangs = || ptest(&["hang"]).args(["--processes=1", "b_hangs"]);
    // What reads the report is gone.
    let (reader, writer) = io::pipe().unwrap();
    let mut live = Live::start_with_stderr(hangs(), writer.into());
    live.wait_for("test-started", |_| true);
    drop(reader);
    live.signal(Signal::HUP);
    let events = live.finish(143);
    assert_eq!(outcomes(&events), ["tests::b_hangs not-reached"]);

    // A terminal that hangs up.
    let (master, terminal) = terminal();
    let mut live = Live::start_with_stderr(hangs(), terminal);
    live.wait_for("test-started", |_| true);
    drop(master);
    live.signal(Signal::HUP);
    let events = live.finish(143);
    assert_eq!(of_kind(&events, "run-finished").next().unwrap()["stopped"], "terminated");
}

#[test]
fn a_run_goes_on_without_a_terminal_that_has_hung_up() {
    let folder = tempfile::tempdir().unwrap();
    let go_on = folder.path().join("go-on");
    let (master, terminal) = terminal();
    let tool = ptest(&["hang"]).args(["f_hangs_until_told"]).env("HANG_UNTIL", &go_on);
    let mut live = Live::start_with_stderr(tool, terminal);
    live.wait_for("test-started", |_| true);
    drop(master);
    fs::write(go_on, "").unwrap();
    assert_eq!(outcomes(&live.finish(0)), ["tests::f_hangs_until_told passed"]);
}

/// Both sides of a terminal that controls nobody.
fn terminal() -> (std::os::fd::OwnedFd, Stdio) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let terminal = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    (master, terminal.into())
}

/// The runner as the first process of a pid namespace.
struct First {
    outer: Child,
    runner: Pid,
}

impl First {
    const WITHIN: [&str; 3] = ["-pf", "--mount-proc", "--kill-child"];

    fn start(tool: Tool) -> Self {
        let mut command = tool.args(["--message-format=json"]).within("unshare", &Self::WITHIN).command();
        let outer = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", outer.id());
        let child = || fs::read_to_string(&children).unwrap_or_default().trim().parse().ok().and_then(Pid::from_raw);
        wait_until(LIMIT, || child().is_some());
        Self { runner: child().unwrap(), outer }
    }

    fn wait_for(&mut self, event: &str) {
        let mut lines = BufReader::new(self.outer.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(event)), "there is no {event}");
    }

    fn terminate(mut self) -> Option<i32> {
        kill_process(self.runner, Signal::TERM).unwrap();
        self.outer.wait().unwrap().code()
    }
}

#[test]
fn sigterm_ends_the_first_process_of_a_namespace_in_every_phase() {
    let permitted = clean("unshare").args(First::WITHIN).arg("true").output().is_ok_and(|it| it.status.success());
    if !permitted {
        return skipped("SIGTERM as the first process of a pid namespace: unshare is not permitted here");
    }
    // Whoever is at the named place says so, and waits for ever.
    let stop = r#"
        pub fn stop(place: &str) {
            if std::env::var("STOP").is_ok_and(|it| it == place) {
                std::fs::write(std::env::var("SAID").unwrap(), "here\n").unwrap();
                loop { std::thread::park() }
            }
        }
    "#;
    let workspace = Workspace::of_package("[[test]]\nname = \"own\"\nharness = false\n")
        .file("build.rs", &format!("{stop}fn main() {{ println!(\"cargo:rerun-if-env-changed=STOP\"); stop(\"build\") }}"))
        .file("src/lib.rs", &format!("{stop}#[test] fn a() {{ stop(\"run\") }}"))
        .file(
            "tests/own.rs",
            "fn main() { if std::env::args().any(|it| it == \"--list\") { made::stop(\"list\"); println!(\"b: test\") } }",
        );
    let said = workspace.path().join("said");
    make_fifo(&said);
    for phase in ["build", "list", "run"] {
        let tool = workspace.ptest().args(["--no-doc", "--list-timeout=1h"]).env("STOP", phase).env("SAID", &said);
        let first = First::start(tool);
        wait_for_word(&said);
        assert_eq!(first.terminate(), Some(143), "{phase}");
    }
    // A summary that nobody reads holds it up when the run is over.
    let summary = workspace.path().join("summary");
    make_fifo(&summary);
    let tool = workspace.ptest().args(["--no-doc", "--annotations=github"]).env("GITHUB_STEP_SUMMARY", &summary);
    let mut first = First::start(tool);
    first.wait_for("run-finished");
    assert_eq!(first.terminate(), Some(143), "report");
}

fn make_fifo(path: &Path) {
    assert!(clean("mkfifo").arg(path).status().unwrap().success());
}

fn wait_for_word(fifo: &Path) {
    let mut line = String::new();
    BufReader::new(fs::File::open(fifo).unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
}
