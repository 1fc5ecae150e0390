//! Tests that run more than once: `--retries`, `--repeat`, `--diagnose`; and those that don't run since others failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::junit::{self, Element};
use crate::tool::{of_kind, outcomes, ptest};
use crate::workspace::Workspace;

/// The case of a test in a JUnit report with one suite.
fn case<'a>(suite: &'a Element, name: &str) -> &'a Element {
    suite.children("testcase").find(|case| case.attribute("name") == name).expect("the test has a case")
}

/// The names of a case's children, without those that every case may have.
fn verdicts(case: &Element) -> Vec<&str> {
    let names = case.children.iter().map(|child| &*child.name);
    names.filter(|name| !["properties", "system-out"].contains(name)).collect()
}

#[test]
fn a_test_that_passes_at_last_is_green_and_marked_in_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let flaky = ptest(&["flaky"])
        .args(["--retries=2", "fails_the_first_time", "always_passes"])
        .env("FLAKY_DIR", folder.path());
    let (ran, events) = flaky.junit(&file).json();
    ran.expect(0);

    let of_test = |kind: &str| -> Vec<Value> {
        of_kind(&events, kind).filter(|it| it["test"] == "tests::fails_the_first_time").cloned().collect()
    };
    let ([failed], [finished]) = (&of_test("attempt-failed")[..], &of_test("test-finished")[..]) else {
        panic!("one attempt failed and one was the last: {}", ran.stdout)
    };
    assert_eq!((&failed["attempt"], &failed["outcome"]), (&1.into(), &"failed".into()));
    assert!(failed["message"].as_str().unwrap().ends_with("the first time it fails"), "{failed}");
    assert_eq!((&finished["attempt"], &finished["outcome"]), (&2.into(), &"passed".into()));
    assert_eq!(finished["flaky"], true);
    assert_ne!(failed["process"], finished["process"], "another try has a process of its own");

    let end = of_kind(&events, "run-finished").next().unwrap();
    assert_eq!((&end["passed"], &end["flaky"], &end["failed"]), (&2.into(), &1.into(), &0.into()));
    assert!(ran.stderr.contains("  TRY 1 FAIL ["), "{}", ran.stderr);
    assert!(ran.stderr.contains("       FLAKY ["), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 passed (1 flaky)"), "{}", ran.stderr);

    junit::validate(&file);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    assert_eq!((suites.number("tests"), suites.number("failures")), (2, 0));
    let case = case(suites.child("testsuite").unwrap(), "tests::fails_the_first_time");
    assert_eq!(verdicts(case), ["flakyFailure"]);
    let attempt = case.child("flakyFailure").unwrap();
    assert!(attempt.attribute("message").ends_with("the first time it fails"), "{attempt:?}");
    assert!(attempt.child("stackTrace").unwrap().text.contains("the first time it fails"), "{attempt:?}");
    assert_eq!(case.property("attempt"), Some("2"));
}

#[test]
fn a_test_that_never_passes_is_tried_as_often_as_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let (ran, events) = ptest(&["flaky"]).args(["--retries=2", "always_fails"]).junit(&file).json();
    ran.expect(100);
    let attempts: Vec<&Value> = of_kind(&events, "attempt-failed").map(|it| &it["attempt"]).collect();
    assert_eq!(attempts, [1, 2]);
    let finished = of_kind(&events, "test-finished").next().unwrap();
    assert_eq!((&finished["attempt"], &finished["outcome"]), (&3.into(), &"failed".into()));
    let processes: BTreeSet<u64> = of_kind(&events, "test-started").map(|it| it["process"].as_u64().unwrap()).collect();
    assert_eq!(processes.len(), 3, "each attempt has a process of its own");
    for text in ["  TRY 2 FAIL [", "  TRY 3 FAIL [", "\n  FAIL flaky tests::always_fails ("] {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    let all = "\n  rerun all: cargo ptest --package flaky --failed\n";
    assert!(ran.stderr.contains(all), "{}", ran.stderr);

    junit::validate(&file);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    let case = case(suites.child("testsuite").unwrap(), "tests::always_fails");
    assert_eq!(verdicts(case), ["failure", "rerunFailure", "rerunFailure"]);
}

#[test]
fn each_repetition_of_a_test_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let (ran, events) = ptest(&["flaky"]).args(["--repeat=3", "--processes=3"]).junit(&file).json();
    ran.expect(100);
    let mut repetitions: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for test in of_kind(&events, "test-finished") {
        let repetition = test["repetition"].as_u64().unwrap_or(1);
        assert!(repetitions.entry(test["test"].as_str().unwrap()).or_default().insert(repetition), "{test}");
    }
    assert_eq!(repetitions.len(), 3);
    assert!(repetitions.values().all(|it| it.iter().eq(&[1, 2, 3])), "{repetitions:?}");
    assert!(ran.stderr.contains("9 tests run: 6 passed, 3 failed"), "{}", ran.stderr);
    let list = ran.stderr.split_once("Failures:\n").expect("a closing list").1;
    let lines: Vec<&str> = list.lines().filter(|line| line.starts_with("  FAIL ")).collect();
    let total: u32 = lines
        .iter()
        .map(|line| line.split_once("), ").unwrap().1.split(' ').next().unwrap().parse::<u32>().unwrap())
        .sum();
    assert_eq!(total, 3, "{list}");
    assert!(lines.iter().any(|line| line.ends_with(" of 3 failed, first at 1")), "{list}");
    let tests: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(' ').nth(4)).collect();
    assert_eq!(tests.len(), lines.len(), "each test has one line: {list}");

    junit::validate(&file);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    assert_eq!((suites.number("tests"), suites.number("failures")), (9, 3));
}

#[test]
fn a_process_for_each_test_is_one_that_ran_nothing_else() {
    let (ran, events) = ptest(&["outcomes"]).args(["--process-restartworker", "--processes=2"]).json();
    ran.expect(100);
    let finished = of_kind(&events, "test-finished").filter(|it| it["outcome"] != "ignored");
    let processes: Vec<u64> = finished.map(|it| it["process"].as_u64().unwrap()).collect();
    assert_eq!(processes.len(), 11);
    assert_eq!(processes.iter().collect::<BTreeSet<_>>().len(), 11, "{processes:?}");
    assert!(of_kind(&events, "worker-started").all(|it| it["tests"] == 1), "{}", ran.stdout);
    assert!(of_kind(&events, "test-finished").all(|it| it["after"].is_null()), "{}", ran.stdout);
}

#[test]
fn a_process_takes_no_more_tests_than_it_may() {
    let (ran, events) = ptest(&["outcomes"]).args(["--process-restartworker=3", "--processes=1"]).json();
    ran.expect(100);
    let sizes: Vec<u64> = of_kind(&events, "worker-started").map(|it| it["tests"].as_u64().unwrap()).collect();
    assert!(sizes.iter().all(|size| *size <= 3), "{sizes:?}");
}

/// The outcomes after `--fail-fast` or the like, in processes of one test each: there nothing runs on after a failure.
fn stopped_early(options: &[&str]) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let tool =
        ptest(&["uneven"]).args(["--processes=1", "--process-restartworker", "--status-level=all"]).args(options);
    let (ran, events) = tool.env("UNEVEN_SECONDS", "0").junit(&file).json();
    ran.expect(100);
    assert_eq!(of_kind(&events, "run-finished").next().unwrap()["stopped"], "fail-fast");
    junit::validate(&file);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    assert_eq!(suites.number("tests"), 11);
    let count = |outcome: &str| outcomes(&events).iter().filter(|it| it.ends_with(outcome)).count();
    assert_eq!((suites.number("failures"), suites.number("skipped")), (count(" failed"), count(" not-reached")));
    (outcomes(&events), ran.stderr)
}

#[test]
fn after_the_first_failure_the_rest_is_not_reached() {
    let (outcomes, text) = stopped_early(&["--fail-fast"]);
    assert_eq!(outcomes[0], "large::case_1 failed");
    assert_eq!(outcomes.len(), 11);
    assert!(outcomes[1..].iter().all(|it| it.ends_with(" not-reached")), "{outcomes:?}");
    assert!(text.contains("0 passed, 1 failed, 10 not reached"), "{text}");
}

#[test]
fn after_so_many_failures_as_are_allowed_the_rest_is_not_reached() {
    let (outcomes, text) = stopped_early(&["--max-fail=3"]);
    assert_eq!(outcomes.iter().filter(|it| it.ends_with(" failed")).count(), 3);
    assert_eq!(text.matches(" NOT REACHED  ").count(), 8, "{text}");
}

#[test]
fn a_diagnosis_tells_state_left_behind_from_failures() {
    let workspace = Workspace::of_fixtures(&["state"]).config("[[context]]\npackage = 'state'\nkind = 'unit'\n");
    let (ran, events) = workspace.ptest().args(["--diagnose"]).json();
    ran.expect(100);
    let diagnosed = of_kind(&events, "test-diagnosed");
    let mut alone: Vec<(&str, &str)> =
        diagnosed.map(|it| (it["test"].as_str().unwrap(), it["alone"].as_str().unwrap())).collect();
    alone.sort_unstable();
    let expected = [
        ("directory::b_needs_it_unchanged", "passed"),
        ("fails_anyway::alone_too", "failed"),
        ("memory::b_needs_a_fresh_count", "passed"),
        ("variable::b_needs_it_unset", "passed"),
    ];
    assert_eq!(alone, expected);
    assert!(ran.stderr.contains("      fails alone\n"), "{}", ran.stderr);
    let passes = "      passes alone: chance, or state left by directory::a_changes_it\n";
    assert!(ran.stderr.contains(passes), "{}", ran.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_diagnosis_tells_company_from_state_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        for name in ["written", "wiped"] {
            crate::tool::make_fifo(&folder.path().join(name));
        }
        ptest(&["company"]).args(["-j2"]).args(args).env("COMPANY", folder.path()).json()
    };
    let (ran, events) = run(&["--diagnose"]);
    assert_eq!(outcomes(&events), ["keeps_its_file failed", "wipes_the_folder passed"]);
    let diagnosed: Vec<&Value> = of_kind(&events, "test-diagnosed").map(|it| &it["alone"]).collect();
    assert_eq!(diagnosed, ["passed"]);
    for text in [
        "      passes alone: chance, or other processes of its package disturb it\n",
        "  If it is other processes, these lines in .config/ptest.toml let one process of company run at a time:\n      [[context]]\n",
    ] {
        assert!(ran.expect(100).stderr.contains(text), "{}", ran.stderr);
    }
    let (ran, _) = run(&[]);
    let text = "  To check whether tests in other processes matter (for company), run with --diagnose.\n";
    assert!(ran.expect(100).stderr.contains(text) && !ran.stderr.contains("max = 1"), "{}", ran.stderr);
    // As the lines say, and without a meeting that could not take place.
    let config = "[[context]]\npackage = \"company\"\nmax = 1\n";
    let workspace = Workspace::of_fixtures(&["company"]).config(config);
    workspace.ptest().args(["-j2"]).env("COMPANY", folder.path()).run().expect(0);
}

#[test]
fn a_diagnosis_says_so_where_there_is_nothing_to_try() {
    let ran = ptest(&["outcomes"]).args(["--diagnose", "--", "--exact", "tests::fails"]).run();
    let text = "      ran first in its process, and no other process of its package ran: nothing to diagnose\n";
    assert!(ran.expect(100).stderr.contains(text), "{}", ran.stderr);
}

#[test]
fn without_a_diagnosis_a_failure_names_the_tests_before_it() {
    let workspace = Workspace::of_fixtures(&["state"]).config("[[context]]\npackage = 'state'\nkind = 'unit'\n");
    let (ran, events) = workspace.ptest().args(["directory", "alone_too"]).json();
    ran.expect(100);
    let after = |test: &str| of_kind(&events, "test-finished").find(|it| it["test"] == test).unwrap()["after"].clone();
    assert_eq!(after("directory::b_needs_it_unchanged"), Value::from(vec!["directory::a_changes_it"]));
    assert!(ran.stderr.contains("      ran after directory::a_changes_it, in the same process\n"), "{}", ran.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_test_that_never_began_is_no_company() {
    let (ran, events) = ptest(&["crash"]).args(["--test=early", "--test=late", "--processes=1"]).json();
    ran.expect(100);
    assert!(of_kind(&events, "test-finished").all(|it| it["after"].is_null()), "{}", ran.stdout);
}
