//! The eleven rules of contexts. nose 1.3.7 breaks each of them.

use super::runners::{Run, Runner, fixture};
use crate::tool::{of_kind, outcomes};

const PTEST: [Runner; 2] = [Runner::Ptest(1), Runner::Ptest(4)];

/// Rule 1, where there is only one order: see `nesting` for every pair.
#[test]
fn set_up_goes_from_the_outer_to_the_inner_and_teardown_strictly_the_other_way() {
    for runner in Runner::all() {
        let run = fixture("contexts", "matrix").filter("shared_shared::inner::a").under(runner);
        run.expect_green();
        let did: Vec<&str> =
            run.seen.iter().map(|it| it.what.strip_prefix("matrix::shared_shared::").unwrap()).collect();
        assert_eq!(did, ["(setup)", "inner::(setup)", "inner::a", "inner::(teardown)", "(teardown)"], "{run}");
    }
}

/// Rule 2, its first half.
#[test]
fn everything_inside_of_the_outermost_unit_runs_in_one_process_shared_contexts_included() {
    for pair in ["unit_unit", "unit_can_split", "unit_shared"] {
        for runner in PTEST {
            let run = fixture("contexts", "matrix").filter(&format!("{pair}::")).under(runner);
            run.expect_green();
            let did = run.by_process(&format!("matrix::{pair}"));
            assert_eq!(did, ["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"], "{run}");
        }
    }
}

/// Rule 2, its second half.
#[test]
fn a_shared_context_inside_of_one_that_can_split_is_an_error_when_tests_are_listed() {
    for runner in PTEST {
        let run = fixture("misplaced", "split").under(runner);
        run.expect_code(104);
        assert!(run.stderr.contains("misplaced/tests/split.rs:34"), "{run}");
        assert!(run.seen.is_empty(), "{run}");
    }
    for runner in Runner::all().into_iter().filter(|it| !PTEST.contains(it)) {
        let run = fixture("misplaced", "split").under(runner);
        assert_ne!(run.code, Some(0));
        run.expect_verdicts(&[
            "outer::a passed",
            "outer::inner::a failed",
            "outer::inner::b_should_panic failed",
            "outside passed",
        ]);
        assert!(format!("{run}").contains("misplaced/tests/split.rs:34"), "{run}");
        assert_eq!(run.seen_within("split::outer::inner"), [] as [&super::runners::Seen; 0], "{run}");
    }
}

#[test]
fn a_teardown_without_a_set_up_is_an_error_when_tests_are_listed() {
    for runner in Runner::all() {
        let run = fixture("misplaced", "teardown").under(runner);
        assert!(format!("{run}").contains("misplaced/tests/teardown.rs:14"), "{run}");
        assert_eq!(run.count("teardown::alone::(teardown)"), 0, "{run}");
        match runner {
            Runner::Ptest(_) => run.expect_code(104),
            _ => run.expect_verdicts(&["alone::a failed", "outside passed"]),
        };
    }
}

/// Rule 3.
#[test]
fn a_filter_that_takes_none_of_a_contexts_tests_runs_none_of_its_fixtures() {
    for runner in Runner::all() {
        for module in ["unit", "can_split", "shared"] {
            let run = fixture("contexts", "kinds").filter(&format!("{module}::b")).under(runner);
            run.expect_green();
            let within = format!("kinds::{module}");
            assert!(run.seen.iter().all(|it| it.is_within(&within)), "{run}");
            let names: Vec<&str> = run.seen.iter().map(super::runners::Seen::name).collect();
            assert_eq!(names, ["(setup)", "b", "(teardown)"], "{run}");
        }
        let run = fixture("contexts", "kinds").filter("there_is_no_such_test").under(runner);
        assert!(run.seen.is_empty(), "{run}");
    }
}

// Rules 4 and 5 are in `setups` and `teardowns`.

/// Rule 6. In nose every later test of the unit failed, too.
#[test]
fn a_test_that_hangs_costs_its_unit_nothing_but_itself() {
    for runner in PTEST {
        let run = fixture("broken", "units").filter("hangs::").under(runner);
        run.expect_code(100);
        run.expect_verdicts(&["hangs::a passed", "hangs::b_hangs timed-out", "hangs::c passed", "hangs::d passed"]);
        expect_fresh_fixtures(&run, "units::hangs", "b_hangs");
    }
    if Runner::Nextest(4).is_here() {
        let run = fixture("broken", "units").filter("hangs::").under(Runner::Nextest(4));
        run.expect_verdicts(&["hangs::a passed", "hangs::b_hangs failed", "hangs::c passed", "hangs::d passed"]);
    }
    // There is one process for all, so all that can be had is an end.
    let run = fixture("broken", "units").filter("hangs::").under(Runner::CargoTest(1));
    run.expect_code(101);
    assert!(run.stderr.contains("b_hangs timed out after 500ms"), "{run}");
}

/// Rule 7. In nose the test was never heard of again, and the run was green.
#[test]
fn a_test_that_takes_the_process_with_it_is_crashed_and_the_rest_of_its_unit_has_fresh_fixtures() {
    for (module, test, cause) in [("aborts", "b_aborts", "SIGABRT"), ("exits", "b_exits", "exit code 0")] {
        for runner in PTEST {
            let run = fixture("broken", "units").filter(&format!("{module}::")).under(runner);
            run.expect_code(100);
            let crashed = format!("{module}::{test} crashed");
            let passed = ["a", "c", "d"].map(|name| format!("{module}::{name} passed"));
            run.expect_verdicts(&[&passed[0], &crashed, &passed[1], &passed[2]]);
            let events = run.events();
            let message = of_kind(&events, "test-finished").find(|it| it["outcome"] == "crashed").unwrap();
            assert!(message["message"].as_str().unwrap().contains(cause), "{run}");
            expect_fresh_fixtures(&run, &format!("units::{module}"), test);
        }
    }
}

/// The process that dies in a test gets no teardown; what is left of the unit runs in another, from the setup on.
#[track_caller]
fn expect_fresh_fixtures(run: &Run, module: &str, dies: &str) {
    let did = run.by_process(module);
    let [before, after] = &did[..] else { panic!("two processes, not {did:?} {run}") };
    assert!(before.starts_with("(setup) ") && before.ends_with(dies), "{did:?} {run}");
    assert!(after.starts_with("(setup) ") && after.ends_with(" (teardown)"), "{did:?} {run}");
    for test in ["a", "c", "d", dies] {
        assert_eq!(run.count(&format!("{module}::{test}")), 1, "{run}");
    }
}

/// A failure is no crash: the process goes on, and so does the context.
#[test]
fn a_test_that_fails_leaves_its_context_up() {
    for runner in [Runner::CargoTest(1), Runner::CargoTest(4), Runner::Ptest(1), Runner::Ptest(4)] {
        let run = fixture("broken", "units").filter("fails::").under(runner);
        run.expect_verdicts(&["fails::a passed", "fails::b_fails failed", "fails::c passed", "fails::d passed"]);
        assert_eq!(run.by_process("units::fails"), ["(setup) a b_fails c d (teardown)"], "{run}");
    }
}

/// Rule 8. Under the other runners nothing can tell.
#[test]
fn a_plain_test_in_a_context_fails_by_name_without_running_and_stops_nothing() {
    for runner in PTEST {
        let run = fixture("broken", "plain").under(runner);
        run.expect_code(100);
        run.expect_verdicts(&[
            "mixed::a passed",
            "mixed::b_is_plain failed",
            "mixed::c passed",
            "mixed::exempt::needs_none passed",
            "plain::a passed",
            "plain::b_is_plain passed",
        ]);
        assert_eq!(run.count("plain::mixed::b_is_plain"), 0, "{run}");
        let events = run.events();
        let failed = of_kind(&events, "test-finished").find(|it| it["outcome"] == "failed").unwrap();
        assert!(failed["message"].as_str().unwrap().contains("ptest::test"), "{run}");
    }
}

/// Rule 9. In nose all cases of a generator ran in one worker.
#[test]
fn the_cases_of_a_generator_are_dispatched_and_reported_one_by_one() {
    for runner in Runner::all() {
        let run = fixture("contexts", "attributes").filter("generated::").under(runner);
        run.expect_green();
        for number in 1..=5 {
            assert_eq!(run.count(&format!("attributes::generated::is_small[n{number}]")), 1, "{run}");
        }
        let cases: Vec<String> = (1..=5).map(|it| format!("generated::is_small[n{it}] passed")).collect();
        let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
        match runner {
            Runner::Ptest(_) => run.expect_verdicts(&cases),
            _ => run.expect_verdicts(&["generated::is_small passed"]),
        };
    }
}

#[test]
fn cases_that_fail_are_named_and_their_neighbours_pass() {
    for runner in Runner::all() {
        let run = fixture("broken", "generated").filter("is_not_").under(runner);
        if let Runner::Ptest(_) = runner {
            run.expect_code(100);
            let verdict = |test: &str, bad: u32| {
                let outcome = move |number| if number == bad { "failed" } else { "passed" };
                (1..=5).map(move |it| format!("{test}[n{it}] {}", outcome(it))).collect::<Vec<_>>()
            };
            let expected = [verdict("is_not_four", 4), verdict("is_not_three", 3)].concat();
            assert_eq!(outcomes(&run.events()), expected, "{run}");
        } else {
            assert_ne!(run.code, Some(0), "{run}");
            run.expect_verdicts(&["is_not_four failed", "is_not_three failed"]);
            let told = format!("{run}");
            assert!(told.contains("1 of 5 failed: n3: ") && told.contains("1 of 5 failed: n4: "), "{told}");
        }
    }
}

/// Rules 2 and 9: a unit stays together, and tells of each of its cases.
#[test]
fn cases_within_a_unit_are_reported_one_by_one_and_share_its_fixtures() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("fails::").under(runner);
        run.expect_code(100);
        run.expect_verdicts(&[
            "fails::a_before passed",
            "fails::is_not_four[n1] passed",
            "fails::is_not_four[n2] passed",
            "fails::is_not_four[n3] passed",
            "fails::is_not_four[n4] failed",
            "fails::is_not_four[n5] passed",
            "fails::z_after passed",
        ]);
        let did = run.by_process("cases::fails");
        let cases: Vec<String> = (1..=5).map(|number| format!("is_not_four[n{number}]")).collect();
        assert_eq!(did, [format!("(setup) a_before {} z_after (teardown)", cases.join(" "))], "{run}");
        let events = run.events();
        let failed = of_kind(&events, "test-finished").find(|it| it["outcome"] == "failed").unwrap();
        let (output, message) = (failed["output"].as_str().unwrap(), failed["message"].as_str().unwrap());
        assert!(output.starts_with("this is 4\n") && !output.contains("this is 5"), "{run}");
        assert!(message.contains("four is not wanted"), "{run}");
        assert_eq!(of_kind(&events, "worker-failed").count(), 0, "{run}");
    }
}

/// Rules 6, 7 and 9.
#[test]
fn a_case_that_crashes_or_hangs_costs_one_case_also_within_a_unit() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("dies::").under(runner);
        run.expect_code(100);
        run.expect_verdicts(&[
            "dies::in_two_ways[n1] passed",
            "dies::in_two_ways[n2] crashed",
            "dies::in_two_ways[n3] passed",
            "dies::in_two_ways[n4] timed-out",
            "dies::in_two_ways[n5] passed",
            "dies::z_after passed",
        ]);
        let did = run.by_process("cases::dies");
        assert_eq!(did[..2], ["(setup) in_two_ways[n1] in_two_ways[n2]", "(setup) in_two_ways[n3] in_two_ways[n4]"]);
        assert_eq!(did[2..], ["(setup) in_two_ways[n5] z_after (teardown)"], "{run}");
    }
}

/// Rule 9, whatever a case prints.
#[test]
fn what_cases_print_is_not_taken_for_the_end_of_their_test() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("speaks_like_a_harness").cargo("--repeat=10").under(runner);
        run.expect_code(100);
        let events = run.events();
        let finished: Vec<_> = of_kind(&events, "test-finished").collect();
        assert_eq!(finished.len(), 50, "{run}");
        for it in finished {
            let expected = if it["test"] == "speaks_like_a_harness[n4]" { "failed" } else { "passed" };
            assert_eq!(it["outcome"], expected, "{run}");
        }
        assert_eq!(of_kind(&events, "worker-failed").count(), 0, "{run}");
    }
}

/// Rule 9: what a generator holds is there until its last case is over.
#[test]
fn cases_have_what_their_generator_holds_and_lose_nothing_by_a_stdout_that_is_gone() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("needs_what_its_generator_holds").under(runner);
        run.expect_green();
        assert_eq!(run.seen.len(), 5, "{run}");
        let run = fixture("broken", "cases").filter("closes_stdout").under(runner);
        run.expect_code(100);
        let outcome = |number| if number == 4 { "failed" } else { "passed" };
        let expected: Vec<String> =
            (1..=5).map(|number| format!("closes_stdout[n{number}] {}", outcome(number))).collect();
        assert_eq!(outcomes(&run.events()), expected, "{run}");
    }
}

/// Rules 6 and 9: what a generator holds is given back within the time of a case.
#[test]
fn a_generator_that_has_no_end_costs_one_case() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("is_held").under(runner);
        run.expect_code(100);
        let events = run.events();
        let outcome = |it: &serde_json::Value| it["outcome"].as_str().unwrap().to_owned();
        let outcomes: Vec<String> = of_kind(&events, "test-finished").map(outcome).collect();
        assert_eq!(outcomes.len(), 5, "{run}");
        assert!(outcomes.iter().all(|it| it == "passed" || it == "timed-out"), "{run}");
        assert!(outcomes.iter().any(|it| it == "timed-out"), "{run}");
    }
}

/// A run that ends in the middle of a generated test tears down what is around it.
#[test]
fn a_unit_is_torn_down_when_the_run_ends_between_two_of_its_cases() {
    let run = fixture("broken", "cases").filter("stops::").cargo("--fail-fast").under(Runner::Ptest(1));
    run.expect_code(100);
    assert_eq!(run.count("cases::stops::(teardown)"), 1, "{run}");
    let events = run.events();
    let failed = of_kind(&events, "fixture-finished").filter(|it| it["outcome"] != "passed").count();
    assert_eq!(failed, 0, "{run}");
}

/// Rules 4 and 9.
#[test]
fn a_set_up_that_fails_is_told_of_every_case() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("never_up::").under(runner);
        run.expect_code(105);
        let expected: Vec<String> = (1..=5).map(|number| format!("never_up::swims[n{number}] setup-failed")).collect();
        assert_eq!(outcomes(&run.events()), expected, "{run}");
        for event in of_kind(&run.events(), "test-finished") {
            assert!(event["message"].as_str().unwrap().contains("the lake is frozen"), "{run}");
        }
        assert_eq!(run.count("cases::never_up::(setup)"), 1, "{run}");
    }
}

/// Rule 9: a generator may give its cases in any order, but it has to give them.
#[test]
fn cases_may_come_in_another_order_and_those_that_do_not_come_have_failed() {
    for runner in PTEST {
        let run = fixture("broken", "cases").filter("comes_in_any_order").under(runner);
        run.expect_green();
        assert_eq!(run.seen.len(), 5, "{run}");
        let run = fixture("broken", "cases").filter("was_there_before").under(runner);
        run.expect_code(100);
        let events = run.events();
        let failed = of_kind(&events, "test-finished").find(|it| it["test"] == "was_there_before[n2]").unwrap();
        assert_eq!(failed["outcome"], "failed", "{run}");
        assert!(failed["message"].as_str().unwrap().contains("did not return the case n2 this time"), "{run}");
        let first = of_kind(&events, "test-finished").find(|it| it["test"] == "was_there_before[n1]").unwrap();
        assert_eq!(first["outcome"], "passed", "{run}");
    }
}

/// Rule 10.
#[test]
fn a_test_may_run_cargo_test_and_cargo_ptest_whose_contexts_are_their_own() {
    for runner in Runner::all() {
        let run = fixture("contexts", "nests").env("NESTS_PTEST", "1").under(runner);
        run.expect_green();
        assert_eq!(run.count("nests::(setup)"), 1, "{run}");
        assert_eq!(run.count("nests::(teardown)"), 1, "{run}");
        assert_eq!(run.count("kinds::shared::(setup)"), 3, "{run}");
        assert_eq!(run.count("kinds::shared::(teardown)"), 3, "{run}");
        assert_eq!(run.count("kinds::shared::a"), 3, "{run}");
    }
}

/// Rule 11.
#[test]
fn tests_that_are_ignored_keep_no_context_up_unless_they_are_included() {
    for runner in Runner::all() {
        let run = fixture("contexts", "ignored").under(runner);
        run.expect_green();
        let expected = ["context::(setup)", "context::a", "context::(teardown)", "then::c"];
        expect_seen(&run, &expected);

        let run = fixture("contexts", "ignored").libtest("--include-ignored").under(runner);
        run.expect_green();
        let all = ["context::(setup)", "context::a", "context::b_is_ignored", "context::(teardown)"];
        let others = ["only_ignored::(setup)", "only_ignored::a_is_ignored", "then::c"];
        match runner {
            // One process for each test.
            Runner::Nextest(_) => assert_eq!(run.count("ignored::context::(teardown)"), 2, "{run}"),
            _ => expect_seen(&run, &[&all[..], &others].concat()),
        }
    }
}

/// The order is certain where one test runs at once.
#[track_caller]
fn expect_seen(run: &Run, expected: &[&str]) {
    let mut seen: Vec<&str> = run.seen.iter().map(|it| it.what.strip_prefix("ignored::").unwrap()).collect();
    let mut expected = expected.to_vec();
    if run.runner != Runner::CargoTest(1) {
        seen.sort_unstable();
        expected.sort_unstable();
    }
    assert_eq!(seen, expected, "{run}");
}
