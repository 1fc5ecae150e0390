//! What is remembered of earlier runs, and what the next one makes of it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::tool::{of_kind, outcomes};
use crate::workspace::Workspace;

/// Three tests of which the last one takes the longest.
const TESTS: &str = "
#[test]
fn a_is_short() {}

#[test]
fn b_is_short() {}

#[test]
fn z_is_long() {
    std::thread::sleep(std::time::Duration::from_millis(300));
}
";

fn begun(events: &[Value]) -> Vec<&str> {
    of_kind(events, "test-started").map(|event| event["test"].as_str().unwrap()).collect()
}

/// What the first process was given first: of two, either may be ahead.
fn first(events: &[Value]) -> &str {
    of_kind(events, "test-started").find(|event| event["process"] == 1).unwrap()["test"].as_str().unwrap()
}

fn files(workspace: &Workspace) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace.target().join("ptest/history"));
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_second_run_begins_with_what_takes_longest() {
    let workspace = Workspace::of_package("").file("src/lib.rs", TESTS);
    let tool = || workspace.ptest().args(["--processes=2"]);
    let (_, events) = tool().json();
    assert_eq!(of_kind(&events, "run-started").next().unwrap()["expected"], Value::Null);
    let (_, second) = tool().json();
    assert_eq!(first(&second), "z_is_long");
    let expected = of_kind(&second, "run-started").next().unwrap()["expected"].as_f64().unwrap();
    assert!(expected >= 0.25, "{expected}");
    let long = of_kind(&second, "test-started").find(|event| event["test"] == "z_is_long").unwrap();
    let expected = long["expected"].as_f64().unwrap();
    // That it has begun may have been seen a moment late.
    assert!(expected >= 0.25, "{expected}");
    // One after another they stay in their order.
    let (_, alone) = workspace.ptest().args(["--processes=1"]).json();
    assert_eq!(begun(&alone), ["a_is_short", "b_is_short", "z_is_long"]);
}

#[test]
fn who_does_not_want_a_history_has_none() {
    let workspace = Workspace::of_package("").file("src/lib.rs", TESTS);
    workspace.ptest().args(["--no-history"]).run().expect(0);
    assert_eq!(files(&workspace), [] as [PathBuf; 0]);
    workspace.ptest().run().expect(0);
    assert_eq!(files(&workspace).len(), 1);
    let (_, events) = workspace.ptest().args(["--no-history", "--processes=2"]).json();
    assert_eq!(first(&events), "a_is_short");
}

#[test]
fn a_history_that_makes_no_sense_changes_nothing_but_the_order() {
    let workspace = Workspace::of_package("").file("src/lib.rs", TESTS);
    workspace.ptest().run().expect(0);
    let [file] = &files(&workspace)[..] else { panic!() };
    let absurd = [
        "",
        "\u{0}\u{0}",
        "ptest history 1\n99999999999999999999 test a_is_short\n",
        "ptest history 1\n86400000000 test a_is_short\n86400000000 test b_is_short\n0 test z_is_long\n5 test gone\n",
    ];
    for text in absurd {
        fs::write(file, text).unwrap();
        let (ran, events) = workspace.ptest().args(["--processes=2"]).json();
        ran.expect(0);
        let mut outcomes = outcomes(&events);
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["a_is_short passed", "b_is_short passed", "z_is_long passed"], "{text:?}");
    }
}
