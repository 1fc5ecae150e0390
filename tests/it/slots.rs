//! The jobserver: shared with make, with the cargo that a test runs, and whole again after a test took slots along.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::kills::{LIMIT, Live, wait_until};
use crate::tool::{clean, fixtures, of_kind, outcomes, ptest, skipped};
use crate::workspace::Workspace;

#[test]
fn two_runs_under_make_share_its_slots() {
    let Some(made) = make(2, &["+cargo ptest -p slots --processes=4"; 2]) else { return };
    let log = tests(&made.log);
    assert_eq!((log.len(), most_at_once(&log)), (24, 2), "{}", made.output);
    assert!(!made.output.contains("warning"), "{}", made.output);
}

#[test]
fn a_run_that_make_does_not_share_its_slots_with_says_so_once_and_makes_its_own() {
    let Some(made) = make(2, &["cargo ptest -p slots --processes=3"]) else { return };
    let log = tests(&made.log);
    assert_eq!((log.len(), most_at_once(&log)), (12, 3), "{}", made.output);
    assert_eq!(made.output.matches("warning").count(), 1, "{}", made.output);
    assert!(made.output.contains("start the recipe's line with `+`"), "{}", made.output);
}

#[test]
fn builds_inside_of_tests_share_the_slots_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let tool = ptest(&["nested"]).args(["--processes=3"]).env("NESTED_LOG", &log).env("TMPDIR", folder.path());
    tool.run().expect(0);
    let log = compilers(&log, 0);
    assert_eq!((log.len(), most_at_once(&log)), (36, 3));
}

#[test]
fn builds_inside_of_tests_share_the_slots_of_make() {
    let Some(made) = make(3, &["+cargo ptest -p nested --processes=3"]) else { return };
    let log = compilers(&made.log, 0);
    assert_eq!((log.len(), most_at_once(&log)), (36, 3), "{}", made.output);
}

/// The cargo in the test holds slots of the run when it is killed, and can give none of them back.
#[test]
fn slots_that_a_killed_test_held_are_there_for_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let tool = ptest(&["nested"]).args(["a_builds", "--processes=3", "--retries=1"]);
    let mut live = Live::start(tool.env("NESTED_LOG", &log).env("TMPDIR", folder.path()));
    let process = live.wait_for("worker-started", |_| true)["pid"].as_i64().unwrap();
    wait_until(LIMIT, || running(&compilers(&log, 0)).last() >= Some(2));
    kill_process_group(Pid::from_raw(process.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();

    let events = live.finish(0);
    let second = of_kind(&events, "test-finished").next().unwrap();
    assert_eq!(second["attempt"], 2);
    let began = DateTime::parse_from_rfc3339(second["timestamp"].as_str().unwrap()).unwrap();
    let log = compilers(&log, began.timestamp_nanos_opt().unwrap());
    assert_eq!((log.len(), most_at_once(&log)), (12, 3));
}

/// The test has the run's pipe, and leaves no room in it for the slots that come back.
#[test]
fn a_test_that_fills_the_jobservers_pipe_does_not_hold_up_the_run() {
    let source = r#"
        use std::os::unix::fs::OpenOptionsExt;
        fn filled() -> std::path::PathBuf { std::env::var("FILLED").unwrap().into() }
        #[test] fn a_fills() {
            let flags = std::env::var("CARGO_MAKEFLAGS").unwrap();
            let auth = flags.split_whitespace().find_map(|word| word.strip_prefix("--jobserver-auth=")).unwrap();
            let pipe = format!("/proc/self/fd/{}", auth.split_once(',').unwrap().1);
            let mut pipe = std::fs::File::options().write(true).custom_flags(0o4000).open(pipe).unwrap();
            while std::io::Write::write(&mut pipe, b"+").is_ok() {}
            std::fs::write(filled(), "").unwrap();
        }
        fn wait() { while !filled().exists() { std::thread::yield_now() } }
        #[test] fn b_waits() { wait() }
        #[test] fn c_waits() { wait() }
        #[test] fn d_waits() { wait() }"#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let tool = workspace.ptest().args(["--processes=4", "--process-restartworker"]);
    let events = Live::start(tool.env("FILLED", workspace.path().join("filled"))).finish(0);
    assert_eq!(outcomes(&events), ["a_fills", "b_waits", "c_waits", "d_waits"].map(|it| format!("{it} passed")));
}

#[test]
fn a_test_that_asks_for_several_slots_gets_all_of_them_while_others_use_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (ran, events) = ptest(&["several"]).args(["--processes=3"]).env("SEVERAL_LOG", &log).json();
    ran.expect(0);
    assert_eq!(of_kind(&events, "test-finished").count(), 12);
    assert!(!ran.stderr.contains("slots"), "{}", ran.stderr);
    let in_use = in_use(&log, |asked| asked);
    assert!(in_use.iter().all(|it| *it <= 3), "{in_use:?}");
    assert!(in_use.contains(&3), "{in_use:?}");
    let held = of_kind(&events, "slots-changed").map(|it| it["held"].as_u64().unwrap());
    assert_eq!(held.max(), Some(3));
}

#[test]
fn whoever_asks_for_more_slots_than_there_are_gets_all_of_them_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let ran = ptest(&["several"]).args(["--processes=2"]).env("SEVERAL_LOG", &log).run();
    ran.expect(0);
    let note = "note: 3 tests ask for more slots than --processes=2 (up to 3), and get all 2";
    assert_eq!(ran.stderr.matches(note).count(), 1, "{}", ran.stderr);
    let in_use = in_use(&log, |asked| asked.min(2));
    assert!(in_use.iter().all(|it| *it <= 2), "{in_use:?}");
}

#[test]
fn tests_without_an_annotation_take_the_slots_that_the_configuration_says() {
    let config = "[[context]]\npackage = 'slots'\ntest = 'three'\nthreads-required = 8\n";
    let workspace = Workspace::of_fixtures(&["slots"]).config(config);
    let log = workspace.path().join("log");
    workspace.ptest().args(["--processes=3"]).env("SLOTS_LOG", &log).run().expect(0);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("start three\nend three\n"), "nothing runs beside it: {log}");
}

/// Two runs of make's share two slots between them, so neither ever has three.
#[test]
fn where_make_never_grants_enough_slots_the_tests_run_all_the_same() {
    let recipe = "+cargo ptest -p several --processes=3";
    let Some(made) = make(2, &[recipe, recipe]) else { return };
    let begun = tests(&made.log).into_iter().filter(|begins| *begins).count();
    assert_eq!(begun, 24, "{}", made.output);
    assert!(made.output.contains("does not grant 3 slots"), "{}", made.output);
}

/// What came of a make.
struct Made {
    output: String,
    log: PathBuf,
    /// Where the log lies.
    _folder: TempDir,
}

/// Makes all recipes at once. `None`, with a word on it, where there is no make.
fn make(jobs: u32, recipes: &[&str]) -> Option<Made> {
    let folder = tempfile::tempdir().unwrap();
    let (makefile, log) = (folder.path().join("Makefile"), folder.path().join("log"));
    let targets: Vec<String> = (0..recipes.len()).map(|number| format!("recipe-{number}")).collect();
    let rules = targets.iter().zip(recipes).map(|(target, recipe)| format!("{target}:\n\t{recipe} 2>&1\n"));
    // This is where cargo looks for subcommands.
    let tools = Path::new(env!("CARGO_BIN_EXE_cargo-ptest")).parent().unwrap().display();
    let head = format!("export PATH := {tools}:$(PATH)\nall: {}\n", targets.join(" "));
    fs::write(&makefile, head + &rules.collect::<String>()).unwrap();
    let mut command = clean("make");
    command.args(["--no-print-directory", &format!("-j{jobs}"), "-f"]).arg(&makefile).current_dir(fixtures());
    command.env("SLOTS_LOG", &log).env("SEVERAL_LOG", &log).env("NESTED_LOG", &log);
    command.env("TMPDIR", folder.path());
    let made = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped("runs that share the slots of make: there is no make");
            return None;
        }
        made => made.unwrap(),
    };
    let [output, complaints] = [made.stdout, made.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(made.status.success(), "{complaints}{output}");
    assert_eq!(complaints, "", "what make itself has to say");
    Some(Made { output, log, _folder: folder })
}

/// How many slots the tests of `several` are in after each line that they wrote, given how many each of them has.
fn in_use(log: &Path, has: impl Fn(i32) -> i32) -> Vec<i32> {
    let log = fs::read_to_string(log).unwrap();
    let step = |line: &str| {
        let mut words = line.split(' ');
        let sign = if words.next() == Some("start") { 1 } else { -1 };
        sign * has(words.next().unwrap().parse().unwrap())
    };
    let steps = log.lines().map(step);
    steps.scan(0, |in_use, step| (*in_use += step, Some(*in_use)).1).collect()
}

/// What the tests of `slots` wrote down: whether one began, or ended.
fn tests(log: &Path) -> Vec<bool> {
    fs::read_to_string(log).unwrap().lines().map(|line| line.starts_with("start ")).collect()
}

/// What the compilers in `nested` wrote down from a moment on, in nanoseconds: whether one began, or ended.
fn compilers(log: &Path, from: i64) -> Vec<bool> {
    // Nobody has begun where there is no log.
    let log = fs::read_to_string(log).unwrap_or_default();
    let parse = |line: &str| {
        let (word, time) = line.split_once(' ').unwrap();
        (time.parse::<i64>().unwrap(), word == "start")
    };
    let mut steps: Vec<(i64, bool)> = log.lines().map(parse).filter(|(time, _)| *time >= from).collect();
    steps.sort_unstable();
    steps.into_iter().map(|(_, begins)| begins).collect()
}

/// How many are running after each step.
fn running(steps: &[bool]) -> impl Iterator<Item = i32> {
    steps.iter().scan(0, |running, begins| {
        *running += if *begins { 1 } else { -1 };
        Some(*running)
    })
}

fn most_at_once(steps: &[bool]) -> i32 {
    running(steps).max().unwrap_or(0)
}
