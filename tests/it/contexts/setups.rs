//! Rule 4: a setup that fails. Each test of its context is reported, by name, and none is green.

use serde_json::Value;

use super::runners::{Run, Runner, fixture};
use crate::tool::of_kind;

/// How a setup fails, what that is called, and what is said of it.
const WAYS: [(&str, &str, &str); 5] = [
    ("panics", "failed", "the well is dry"),
    ("errs", "failed", "the well is dry"),
    ("hangs", "timed-out", "300ms"),
    ("aborts", "crashed", "SIGABRT"),
    ("exits", "crashed", "exit code 0"),
];

const KINDS: [&str; 3] = ["unit", "can_split", "shared"];

const TESTS: [&str; 3] = ["a", "b", "c_should_panic"];

#[test]
fn every_test_of_a_context_whose_set_up_fails_is_reported_as_that() {
    for runner in [Runner::Ptest(1), Runner::Ptest(4)] {
        let run = fixture("broken", "setups").under(runner);
        run.expect_code(105);
        let events = run.events();
        for (way, outcome, message) in WAYS {
            for kind in KINDS {
                let module = format!("{way}::{kind}");
                let verdicts = run.verdicts();
                for test in TESTS {
                    assert_eq!(verdicts[&format!("{module}::{test}")], "setup-failed", "{module} {run}");
                }
                expect_not_run(&run, &module);
                let context = format!("setups::{module}");
                let failed = set_ups(&events, &context);
                assert!(failed.iter().all(|it| it["outcome"] == outcome), "{module}: {failed:?} {run}");
                let says = |it: &&Value| it["message"].as_str().is_some_and(|it| it.contains(message));
                assert!(failed.iter().all(says), "{module}: {failed:?} {run}");
                assert_eq!(failed.len(), run.count(&format!("{context}::(setup)")), "{module} {run}");
            }
        }
        assert_eq!(run.verdicts().len(), WAYS.len() * KINDS.len() * TESTS.len());
    }
}

fn set_ups<'a>(events: &'a [Value], context: &str) -> Vec<&'a Value> {
    of_kind(events, "fixture-finished").filter(|it| it["context"] == context && it["fixture"] == "setup").collect()
}

#[test]
fn a_set_up_that_failed_is_not_tried_again_for_each_test() {
    for runner in [Runner::Ptest(1), Runner::Ptest(4)] {
        let run = fixture("broken", "setups").under(runner);
        for (way, ..) in WAYS {
            for kind in ["unit", "shared"] {
                assert_eq!(run.count(&format!("setups::{way}::{kind}::(setup)")), 1, "{way} {kind} {run}");
            }
            // Processes that begin at the same time know nothing of each other.
            let seen = run.seen_within(&format!("setups::{way}::can_split"));
            let mut processes: Vec<u32> = seen.iter().map(|it| it.process).collect();
            processes.dedup();
            assert!(seen.len() == processes.len() && seen.len() <= TESTS.len(), "{way} {run}");
        }
    }
}

/// Under `cargo test` a process that dies in a setup takes all tests with it, so that can be seen of a host alone.
#[test]
fn under_the_other_runners_they_are_red_too() {
    for runner in Runner::all() {
        match runner {
            Runner::Ptest(_) => {}
            Runner::Nextest(_) => {
                let run = fixture("broken", "setups").under(runner);
                expect_red(&run, &WAYS.map(|(way, ..)| way), &KINDS);
            }
            Runner::CargoTest(_) => {
                let fixture = fixture("broken", "setups");
                let all = fixture.clone().filter("panics::").filter("errs::").filter("hangs::").under(runner);
                expect_red(&all, &["panics", "errs", "hangs"], &KINDS);
                let run = fixture.filter("aborts::shared::").filter("exits::shared::").under(runner);
                expect_red(&run, &["aborts", "exits"], &["shared"]);
            }
        }
    }
}

#[track_caller]
fn expect_red(run: &Run, ways: &[&str], kinds: &[&str]) {
    assert_ne!(run.code, Some(0), "{run}");
    let verdicts = run.verdicts();
    for way in ways {
        for kind in kinds {
            let module = format!("{way}::{kind}");
            for test in TESTS {
                assert_eq!(verdicts[&format!("{module}::{test}")], "failed", "{module} {run}");
            }
            expect_not_run(run, &module);
            // Everybody who needs a shared one learns that it was tried.
            let tries = run.count(&format!("setups::{module}::(setup)"));
            assert!(tries == 1 || *kind != "shared" && tries <= TESTS.len(), "{module} {run}");
        }
    }
    assert_eq!(verdicts.len(), ways.len() * kinds.len() * TESTS.len(), "{run}");
}

#[track_caller]
fn expect_not_run(run: &Run, module: &str) {
    let seen = run.seen_within(&format!("setups::{module}"));
    assert!(seen.iter().all(|it| it.name() == "(setup)"), "{module} {run}");
}

#[test]
fn a_value_that_cannot_be_read_again_is_a_set_up_that_failed() {
    for runner in Runner::all() {
        let run = fixture("broken", "values").filter("unreadable::").under(runner);
        assert_ne!(run.code, Some(0), "{run}");
        let outcome = if let Runner::Ptest(_) = runner { "setup-failed" } else { "failed" };
        run.expect_verdicts(&[&format!("unreadable::is_not_set_up {outcome}")]);
        assert!(format!("{run}").contains("cannot be deserialised"), "{run}");
    }
}

#[test]
fn a_value_that_no_context_provides_is_missed_where_it_is_asked_for() {
    let source = include_str!("../../../fixtures/broken/tests/values.rs");
    let line = |text: &str| 1 + source.lines().position(|line| line.contains(text)).unwrap();
    // What a parameter stands for is asked for by the attribute, which is in the line above.
    let lines = [line("ptest::cx::<Wanted>()"), line("fn by_parameter") - 1];
    for runner in Runner::all() {
        let run = fixture("broken", "values").filter("missing::").under(runner);
        run.expect_verdicts(&["missing::by_call failed", "missing::by_parameter failed"]);
        let text = run.to_string();
        for line in lines {
            assert!(text.contains(&format!("tests/values.rs:{line}:")), "line {line}: {run}");
        }
        let message = "no context provides values::missing::Wanted; those around this test provide \
                       values::missing::Made (of values::missing)";
        assert!(text.contains(message), "{run}");
    }
}

/// Under nextest the first test that needs a shared context has it started, and may be killed long before it is up.
#[cfg(target_os = "linux")]
#[test]
fn a_shared_set_up_goes_on_when_the_test_is_killed_that_came_first() {
    for runner in [Runner::Nextest(1), Runner::Nextest(4)] {
        if !runner.is_here() {
            continue;
        }
        let run = fixture("broken", "orphaned").under(runner);
        assert_ne!(run.code, Some(0), "{run}");
        let verdicts = run.verdicts();
        let passed = verdicts.values().filter(|verdict| **verdict == "passed").count();
        assert_eq!((verdicts.len(), passed), (3, 2), "{run}");
        assert_eq!((run.count("orphaned::(setup)"), run.count("orphaned::(teardown)")), (1, 1), "{run}");
    }
}
