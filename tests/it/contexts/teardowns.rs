//! Rule 5: a teardown that fails, and a host that dies before it comes to that. The run is red, and each test has the
//! verdict that it has earned.

use super::runners::{Run, Runner, fixture};
use crate::tool::of_kind;

/// How a teardown fails, what that is called, and what is said of it.
const WAYS: [(&str, &str, &str); 4] = [
    ("panics", "failed", "the drain is blocked"),
    ("errs", "failed", "the drain is blocked"),
    ("hangs", "timed-out", "300ms"),
    ("aborts", "crashed", "SIGABRT"),
];

const KINDS: [&str; 3] = ["unit", "can_split", "shared"];

#[test]
fn a_teardown_that_fails_is_an_entry_of_its_own_and_the_tests_before_it_have_passed() {
    for runner in [Runner::Ptest(1), Runner::Ptest(4)] {
        let run = fixture("broken", "teardowns").under(runner);
        run.expect_code(105);
        let events = run.events();
        let verdicts = run.verdicts();
        assert_eq!(verdicts.len(), WAYS.len() * KINDS.len() * 2, "{run}");
        assert!(verdicts.values().all(|it| it == "passed"), "{run}");
        for (way, outcome, message) in WAYS {
            for kind in KINDS {
                let context = format!("teardowns::{way}::{kind}");
                let finished = of_kind(&events, "fixture-finished");
                let failed: Vec<_> =
                    finished.filter(|it| it["context"] == *context && it["fixture"] == "teardown").collect();
                assert!(failed.iter().all(|it| it["outcome"] == outcome), "{context}: {failed:?} {run}");
                let says = |text: &str| text.contains(message);
                assert!(failed.iter().all(|it| it["message"].as_str().is_some_and(says)), "{context} {run}");
                // Where the process dies of it, the other test of a context that can split is no less set up elsewhere.
                assert_eq!(failed.len(), run.count(&format!("{context}::(teardown)")), "{context} {run}");
                assert!(failed.len() == 1 || kind == "can_split" && failed.len() == 2, "{context} {run}");
            }
        }
    }
}

#[test]
fn the_report_for_people_names_the_entry_of_a_teardown() {
    let run = fixture("broken", "teardowns").filter("panics::unit::").under(Runner::Ptest(1));
    run.expect_code(105);
    assert!(run.stderr.contains("teardowns::panics::unit::(teardown)"), "{run}");
}

/// Under the other runners the last test of the process fails in place of the teardown; that of a shared context is
/// told on stderr, since no test is left to fail.
#[test]
fn under_the_other_runners_they_are_red_or_told_on_stderr() {
    for runner in Runner::all() {
        match runner {
            Runner::Ptest(_) => {}
            Runner::Nextest(_) => {
                for kind in ["unit", "can_split"] {
                    let run = fixture("broken", "teardowns").filter(&format!("::{kind}::")).under(runner);
                    run.expect_code(100);
                    assert!(run.verdicts().values().all(|it| it == "failed"), "{run}");
                }
            }
            Runner::CargoTest(_) => {
                for way in ["panics", "errs", "hangs"] {
                    for kind in ["unit", "can_split"] {
                        let run = fixture("broken", "teardowns").filter(&format!("{way}::{kind}::")).under(runner);
                        run.expect_code(101);
                        let verdicts = run.verdicts();
                        let failed = verdicts.values().filter(|it| *it == "failed").count();
                        assert_eq!((verdicts.len(), failed), (2, 1), "{run}");
                        let entry = format!("teardowns::{way}::{kind}::(teardown) failed: ");
                        assert!(run.stdout.contains(&entry), "{run}");
                    }
                }
            }
        }
    }
    for runner in Runner::all().into_iter().filter(|it| !matches!(it, Runner::Ptest(_))) {
        let run = fixture("broken", "teardowns").filter("::shared::").under(runner);
        run.expect_green();
        for (way, ..) in WAYS {
            let entry = format!("teardowns::{way}::shared::(teardown) failed: ");
            assert!(run.stderr.contains(&entry), "{entry} {run}");
        }
    }
}

/// What has its value has all that it needs to come to an end; the rest is given up.
#[test]
fn a_host_that_dies_is_an_entry_of_its_own_and_each_test_has_its_verdict_or_the_hosts() {
    for runner in [Runner::Ptest(1), Runner::Ptest(4)] {
        let run = fixture("broken", "hosts").under(runner);
        let verdicts = run.verdicts();
        assert_eq!(verdicts.keys().collect::<Vec<_>>(), ["a_kills_it", "b_passes", "c_fails"], "{run}");
        assert_eq!(verdicts["a_kills_it"], "passed", "{run}");
        assert!(["passed", "setup-failed"].contains(&&*verdicts["b_passes"]), "{run}");
        assert!(["failed", "setup-failed"].contains(&&*verdicts["c_fails"]), "{run}");
        run.expect_code(if verdicts["c_fails"] == "failed" { 100 } else { 105 });
        expect_dead_host(&run);

        let run = fixture("broken", "hosts").filter("a_kills_it").under(runner);
        run.expect_code(105);
        run.expect_verdicts(&["a_kills_it passed"]);
        expect_dead_host(&run);
    }
}

#[track_caller]
fn expect_dead_host(run: &Run) {
    let events = run.events();
    // With one test it may be asked to tear down before anybody has noticed that it is gone.
    let failed: Vec<_> = of_kind(&events, "fixture-finished").filter(|it| it["outcome"] != "passed").collect();
    let [host] = failed[..] else { panic!("{} entries {run}", failed.len()) };
    assert!(host["fixture"] == "host" || host["fixture"] == "teardown", "{run}");
    assert_eq!((host["context"].as_str(), host["outcome"].as_str()), (Some("hosts"), Some("crashed")), "{run}");
    assert!(host["message"].as_str().unwrap().contains("SIGKILL"), "{run}");
    assert_eq!((run.count("hosts::(setup)"), run.count("hosts::(teardown)")), (1, 0), "{run}");
}

#[test]
fn under_the_other_runners_a_dead_host_is_told_on_stderr() {
    for runner in Runner::all().into_iter().filter(|it| !matches!(it, Runner::Ptest(_))) {
        let run = fixture("broken", "hosts").under(runner);
        run.expect_verdicts(&["a_kills_it passed", "b_passes passed", "c_fails failed"]);
        assert!(run.stderr.contains("hosts::(teardown) failed: "), "{run}");
    }
}

/// Though nobody is interested in its tests any more.
#[test]
fn a_teardown_that_aborts_after_the_run_was_stopped_has_failed_all_the_same() {
    let run = fixture("broken", "stopped").cargo("--fail-fast").under(Runner::Ptest(1));
    run.expect_code(100);
    let events = run.events();
    let failed: Vec<_> = of_kind(&events, "fixture-finished").filter(|it| it["outcome"] != "passed").collect();
    assert_eq!(failed.len(), 1, "{run}");
    assert_eq!((&failed[0]["fixture"], &failed[0]["outcome"]), (&"teardown".into(), &"crashed".into()), "{run}");
    assert_eq!(failed[0]["message"], "SIGABRT", "{run}");
    assert!(failed[0]["output"].as_str().unwrap().contains("the drain is blocked"), "{run}");
}
