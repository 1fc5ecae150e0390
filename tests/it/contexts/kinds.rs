//! What each kind of context means to those that run its tests.

use std::fs;
use std::sync::LazyLock;

use super::runners::{Run, Runner, expect_no_values_of, fixture};
use crate::kills::Live;
use crate::tool::ptest;

/// The same runs for all who look at them.
static RUNS: LazyLock<Vec<Run>> =
    LazyLock::new(|| Runner::all().into_iter().map(|runner| fixture("contexts", "kinds").under(runner)).collect());

const EACH: [&str; 4] =
    ["(setup) a (teardown)", "(setup) b (teardown)", "(setup) c (teardown)", "(setup) d (teardown)"];
const ALL: [&str; 1] = ["(setup) a b c d (teardown)"];

#[test]
fn every_kind_is_green_under_every_runner_with_one_test_at_once_and_with_several() {
    for run in &*RUNS {
        run.expect_green();
        assert_eq!(run.verdicts().len(), 12, "{run}");
    }
}

#[test]
fn a_unit_is_set_up_once_and_torn_down_after_its_last_test() {
    for run in &*RUNS {
        let mut did = run.by_process("kinds::unit");
        did.sort_unstable();
        match run.runner {
            Runner::Nextest(_) => assert_eq!(did, EACH, "{run}"),
            Runner::CargoTest(_) | Runner::Ptest(_) => assert_eq!(did, ALL, "{run}"),
        }
    }
}

/// nose tore down after the first test of a worker, and ran the others without a setup.
#[test]
fn no_test_of_a_context_that_can_split_runs_after_the_teardown_in_its_process() {
    for run in &*RUNS {
        let mut did = run.by_process("kinds::can_split");
        did.sort_unstable();
        match run.runner {
            Runner::CargoTest(_) => assert_eq!(did, ALL, "{run}"),
            Runner::Nextest(_) => assert_eq!(did, EACH, "{run}"),
            Runner::Ptest(_) => {
                for line in &did {
                    let tests = line.strip_prefix("(setup) ").and_then(|it| it.strip_suffix(" (teardown)"));
                    let tests = tests.unwrap_or_else(|| panic!("{line:?} {run}"));
                    assert!(!tests.contains('('), "{line:?} {run}");
                }
            }
        }
        for test in ["a", "b", "c", "d"] {
            assert_eq!(run.count(&format!("kinds::can_split::{test}")), 1, "{run}");
        }
    }
}

#[test]
fn a_shared_context_is_set_up_once_for_all_processes_and_torn_down_after_all_of_them() {
    for run in &*RUNS {
        let seen = run.seen_within("kinds::shared");
        let (first, last) = (seen[0], seen[seen.len() - 1]);
        assert_eq!((first.name(), last.name()), ("(setup)", "(teardown)"), "{run}");
        assert_eq!(first.process, last.process, "{run}");
        assert_eq!(seen.len(), 2 + 4, "{run}");
        assert!(!run.processes("kinds::shared").contains(&first.process), "{run}");
    }
}

/// nose printed the lines of a unit together, when all of it was over.
#[test]
fn each_result_of_a_unit_is_told_as_it_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let tool = ptest(&["contexts"]).args(["--test", "told", "--processes=1"]).env("TOLD", &told);
    let mut live = Live::start(tool);
    let first = live.wait_for("test-finished", |_| true);
    assert_eq!((first["test"].as_str(), first["outcome"].as_str()), (Some("a"), Some("passed")));
    fs::write(told, "").unwrap();
    expect_no_values_of(&live.finish(0));
}
