//! `--eager`: tests run while cargo builds others. The build of `fixtures/held` waits for a file that a test of
//! `fixtures/early` creates, so these runs come to their end only if tests run beside the build.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::junit;
use crate::kills::{Live, junit_cases};
use crate::tool::{Tool, of_kind, outcomes, ptest};
use crate::workspace::Workspace;

/// Both packages, built from nothing.
fn workspace() -> Workspace {
    Workspace::of_fixtures(&["early", "held"])
}

/// A run whose build waits. The build has the slot that every run owns, so there is one left for tests.
fn eager(workspace: &Workspace) -> Tool {
    let until = workspace.path().join("until");
    workspace.ptest().args(["--eager", "--no-doc", "--build-jobs=2", "--processes=2"]).env("HELD_UNTIL", until)
}

/// Where an event is among the others.
fn place(events: &[Value], is_it: impl Fn(&Value) -> bool) -> usize {
    events.iter().position(is_it).expect("the event is told")
}

/// Everything that should be told of each test is told once.
fn expect_grammar(events: &[Value]) {
    let finished: Vec<_> = of_kind(events, "test-finished").map(|it| (&it["binary"], &it["test"])).collect();
    let unique = finished.iter().enumerate().all(|(place, it)| !finished[..place].contains(it));
    assert!(unique, "{finished:?}");
    let known = of_kind(events, "tests-known").last().expect("it is told what is known");
    assert_eq!(known["tests"], finished.len());
    let selected = of_kind(events, "binary-selected").map(|it| it["tests"].as_array().unwrap().len());
    assert_eq!(selected.sum::<usize>(), finished.len());
}

#[test]
fn tests_run_while_others_are_built() {
    let workspace = workspace();
    let (ran, events) = eager(&workspace).json();
    ran.expect(0);
    let expected = [
        "is_listed passed",
        "tests::comes_late passed",
        "tests::is_ignored ignored",
        "tests::lets_the_build_go_on passed",
        "tests::passes passed",
        "tests::waits passed",
    ];
    assert_eq!(outcomes(&events), expected);
    expect_grammar(&events);
    let began = of_kind(&events, "run-started").next().unwrap();
    assert_eq!((&began["eager"], &began["tests"]), (&true.into(), &0.into()));
    let released = place(&events, |it| it["event"] == "test-finished" && it["test"] == "tests::lets_the_build_go_on");
    let built = place(&events, |it| it["event"] == "tests-known" && it["build"].is_number());
    assert!(released < built, "the build waits for the test");
    // One slot is free beside the build, and one is the build's.
    let beside = of_kind(&events[..built], "slots-changed").all(|it| it["held"].as_u64() <= Some(1));
    assert!(beside, "{events:#?}");
}

#[test]
fn a_build_that_fails_ends_the_run_and_what_was_reached_is_reported() {
    let workspace = workspace();
    let file = workspace.path().join("junit.xml");
    let tool = eager(&workspace).args(["--lib", "passes", "waits"]).env("HELD_FAILS", "1").env("EARLY_WAITS", "1");
    let mut live = Live::start(tool.junit(&file));
    live.wait_for("test-started", |it| it["test"] == "tests::waits");
    fs::write(workspace.path().join("until"), "").unwrap();
    let events = live.finish(101);
    assert_eq!(outcomes(&events), ["tests::passes passed", "tests::waits not-reached"]);
    expect_grammar(&events);
    assert_eq!(of_kind(&events, "run-finished").next().unwrap()["stopped"], "build-failed");
    let cases = ["[run incomplete] error", "tests::passes passed", "tests::waits skipped"];
    assert_eq!(junit_cases(&file), cases);
    // The journal has the same.
    let again = workspace.path().join("again.xml");
    workspace.tool("report").junit(&again).run().expect(0);
    assert_eq!(junit_cases(&again), cases);
}

/// A run in the middle: a test that has no end of its own runs beside a build that has none, either.
fn endless(workspace: &Workspace) -> Live {
    let mut live = Live::start(eager(workspace).args(["waits"]).env("EARLY_WAITS", "1"));
    live.wait_for("test-started", |it| it["test"] == "tests::waits");
    live
}

#[test]
fn ctrl_c_ends_the_tests_and_the_build() {
    let workspace = workspace();
    let live = endless(&workspace);
    // The runner alone hears of it.
    live.signal(Signal::INT);
    let events = live.finish(130);
    assert_eq!(outcomes(&events), ["tests::waits not-reached"]);
    assert_eq!(of_kind(&events, "run-finished").next().unwrap()["stopped"], "interrupted");
}

#[test]
fn nothing_survives_a_kill_of_the_runner_beside_its_build() {
    let workspace = workspace();
    let mut live = endless(&workspace);
    live.signal(Signal::KILL);
    live.expect_gone();
}

#[test]
fn the_last_failure_allowed_ends_the_build() {
    let workspace = workspace();
    let tool = eager(&workspace).args(["waits", "--fail-fast", "--process-timeout=300ms"]).env("EARLY_WAITS", "1");
    let events = Live::start(tool).finish(100);
    assert_eq!(outcomes(&events), ["tests::waits timed-out"]);
    assert_eq!(of_kind(&events, "run-finished").next().unwrap()["stopped"], "fail-fast");
}

#[test]
fn a_build_that_fails_before_there_is_a_test_to_run_is_like_any_other() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn fails() { does not compile }");
    let ran = workspace.ptest().args(["--eager"]).run();
    assert_eq!(ran.expect(101).stdout, "");
    assert!(!ran.stderr.contains("Summary"), "{}", ran.stderr);
}

/// `binary test outcome`, in order.
fn verdicts(events: &[Value]) -> Vec<String> {
    let finished = of_kind(events, "test-finished");
    let mut lines: Vec<String> =
        finished.map(|it| [&it["binary"], &it["test"], &it["outcome"]].map(Value::to_string).join(" ")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_verdicts_are_those_of_a_run_that_waits_for_the_build() {
    for (packages, more) in [
        (["outcomes", "crash", "mimic", "documented"].as_slice(), ["--processes=3", "--retries=1"].as_slice()),
        (&["outcomes", "locks"], &["--partition=count:1/2", "--repeat=2"]),
        (&["contexts", "kinds"], &["--processes=2"]),
    ] {
        let (plain, expected) = ptest(packages).args(more).json();
        let (ran, events) = ptest(packages).args(more).args(["--eager"]).json();
        assert_eq!(ran.code, plain.code, "{}", ran.stderr);
        let is_sure = |line: &String| !line.contains("\"locks");
        let sure = |events| verdicts(events).into_iter().filter(is_sure).collect::<Vec<_>>();
        assert_eq!(sure(&events), sure(&expected));
        assert_eq!(verdicts(&events).len(), verdicts(&expected).len());
        let fixtures = |events: &[Value]| {
            let shared = of_kind(events, "fixture-finished").filter(|it| it["kind"] == "shared");
            let line = |it: &Value| [&it["context"], &it["fixture"], &it["outcome"]].map(Value::to_string).join(" ");
            // Of two binaries with one host it is that of the one that is known first.
            let mut lines: Vec<String> = shared.map(|it| line(it).replace("keyed_two", "keyed_one")).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(fixtures(&events), fixtures(&expected), "what is shared is set up once");
    }
}

#[test]
fn a_build_with_more_slots_than_the_tests_have_leaves_them_theirs() {
    for processes in ["--processes=1", "--processes=2"] {
        let workspace = workspace();
        let jobs = ["--eager", "--no-doc", "--build-jobs=4", processes];
        let (ran, events) = workspace.ptest().args(jobs).env("HELD_UNTIL", workspace.path().join("until")).json();
        ran.expect(0);
        assert_eq!(of_kind(&events, "warning").collect::<Vec<_>>(), [&Value::Null; 0]);
        let slots = of_kind(&events, "slots-changed").last().expect("they change");
        assert_eq!(slots["cap"], processes.rsplit('=').next().unwrap().parse::<u32>().unwrap());
    }
}

#[test]
fn a_limit_holds_across_binaries_that_become_known_one_after_another() {
    let config = "[[context]]\npackage = 'locks'\nkind = 'unit'\nmax = 1\n";
    let workspace = Workspace::of_fixtures(&["locks"]).config(config);
    let (ran, events) = workspace.ptest().args(["--eager", "--processes=3", "--repeat=5"]).json();
    ran.expect(0);
    assert_eq!(of_kind(&events, "test-finished").count(), 45);
}

#[test]
fn a_binary_that_cannot_be_listed_ends_the_run_with_the_code_for_that() {
    let workspace = workspace();
    let begun = workspace.path().join("begun");
    let ran = eager(&workspace).args(["--list-timeout=300ms"]).env("LIST_BEGUN", &begun).run();
    assert!(ran.expect(104).stderr.contains("it has not answered --list within 300ms"), "{}", ran.stderr);
    assert!(begun.exists());
}

#[test]
fn a_stream_of_junit_does_not_say_what_is_not_known() {
    let workspace = workspace();
    let ran = eager(&workspace).args(["--message-format=junit"]).run();
    let head = ran.expect(0).stdout.lines().nth(1).unwrap();
    assert!(head.starts_with("<testsuite ") && !head.contains("tests="), "{head}");
    let file = workspace.path().join("stream.xml");
    fs::write(&file, &ran.stdout).unwrap();
    junit::validate(&file);
}

#[test]
fn where_no_test_is_run_there_is_nothing_to_begin_with() {
    for args in [["--no-run"].as_slice(), &["--", "--list"]] {
        let ran = ptest(&["early"]).args(["--eager"]).args(args).run();
        assert!(ran.expect(96).stderr.contains("--eager"), "{}", ran.stderr);
    }
    let ran = ptest(&[]).args(["list", "--eager"]).run();
    assert!(ran.expect(96).stderr.contains("--eager"), "{}", ran.stderr);
}

#[test]
fn notes_come_when_all_is_known() {
    let config = "[[context]]\npackage = 'early'\ntest = 'nowhere'\nmax = 1\n";
    let workspace = workspace().config(config);
    let ran = eager(&workspace).run();
    let (summary, warning) = (ran.expect(0).stderr.find("Summary"), ran.stderr.find("matches no test"));
    assert!(summary.is_some() && summary < warning, "{}", ran.stderr);
}

#[test]
fn what_was_measured_beside_the_build_is_remembered() {
    let workspace = workspace();
    eager(&workspace).run().expect(0);
    let (_, events) = workspace.ptest().args(["--no-doc"]).json();
    assert!(of_kind(&events, "run-started").next().unwrap()["expected"].is_number());
    assert!(Path::new(&workspace.target()).join("ptest/history").is_dir());
}
