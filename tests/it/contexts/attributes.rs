//! What else can stand on tests and fixtures: the same verdicts under every runner.

use super::runners::{Run, Runner, fixture};

#[test]
fn cases_results_panics_and_async_code_have_their_contexts_under_every_runner() {
    for runner in Runner::all() {
        let run = fixture("contexts", "attributes").under(runner);
        run.expect_green();
        let generated = match runner {
            Runner::Ptest(_) => (1..=5).map(|it| format!("generated::is_small[n{it}]")).collect(),
            _ => vec!["generated::is_small".to_owned()],
        };
        let plain = [
            "asynchronous::waits",
            "cases::named::empty",
            "cases::named::two",
            "cases::numbered::case_1",
            "cases::numbered::case_2",
            "converted::is_seven",
            "dropped::gets_it_by_cx",
            "results::panics_as_it_should",
            "results::panics_in_time",
            "results::returns_ok",
            "shadowed::inner::is_the_inner_one",
            "shadowed::is_the_outer_one",
        ];
        let mut expected: Vec<String> =
            plain.iter().map(|it| (*it).to_owned()).chain(generated).map(|it| format!("{it} passed")).collect();
        expected.push("results::is_ignored ignored".to_owned());
        run.expect_verdicts(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        for module in ["cases", "generated", "asynchronous", "dropped"] {
            expect_balanced(&run, &format!("attributes::{module}"));
        }
    }
}

#[test]
fn tests_that_other_attributes_make_or_change_have_their_contexts_under_every_runner() {
    for runner in Runner::all() {
        let run = fixture("interop", "interop").under(runner);
        run.expect_green();
        assert_eq!(run.verdicts().len(), 11, "{run}");
        for module in ["rstests", "converted", "asynchronous"] {
            expect_balanced(&run, &format!("interop::{module}"));
        }
        let tests = ["adds 2", "adds 3", "multiplies 1", "multiplies 2"].map(|it| format!("interop::rstests::{it}"));
        let tests = tests.into_iter().chain(["is_found 2", "is_found 3"].map(|it| format!("interop::converted::{it}")));
        let asynchronous = ["spawns", "panics_as_it_should", "needs_nothing"];
        let changed = ["below", "by_one_below", "above", "by_one_above"].map(|it| format!("interop::changed::{it}"));
        for test in tests.chain(asynchronous.map(|it| format!("interop::asynchronous::{it}"))).chain(changed) {
            assert_eq!(run.count(&test), 1, "{test} {run}");
        }
    }
}

/// In each process every test is between a setup and the teardown that belongs to it.
#[track_caller]
fn expect_balanced(run: &Run, module: &str) {
    let processes = run.by_process(module);
    assert!(!processes.is_empty(), "{module} {run}");
    for did in processes {
        let tests = did.strip_prefix("(setup) ").and_then(|it| it.strip_suffix(" (teardown)"));
        assert!(tests.is_some_and(|tests| !tests.contains('(')), "{module}: {did} {run}");
    }
}

#[test]
fn what_a_value_loses_on_its_way_is_lost_under_every_runner() {
    for runner in Runner::all() {
        let run = fixture("broken", "values").filter("skipped::").filter("hidden::").under(runner);
        assert_ne!(run.code, Some(0), "{run}");
        run.expect_verdicts(&[
            "hidden::has_a_port failed",
            "skipped::has_its_token failed",
            "skipped::has_its_url passed",
        ]);
    }
}

#[test]
fn for_a_debugger_everything_shared_is_in_the_process_of_the_tests() {
    for width in [1, 4] {
        let run = fixture("contexts", "matrix").filter("shared").env("PTEST_SHARED", "inprocess");
        let run = run.under(Runner::CargoTest(width));
        run.expect_green();
        for pair in ["unit_shared", "shared_unit", "shared_can_split", "shared_shared"] {
            let did = run.by_process(&format!("matrix::{pair}"));
            assert_eq!(did, ["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"], "{run}");
        }
        // A static of the setup is there, but what was not serialised is not.
        let run = fixture("broken", "values").filter("skipped::").filter("hidden::").env("PTEST_SHARED", "inprocess");
        let run = run.under(Runner::CargoTest(width));
        run.expect_verdicts(&[
            "hidden::has_a_port passed",
            "skipped::has_its_token failed",
            "skipped::has_its_url passed",
        ]);
    }
}

#[test]
fn a_key_makes_a_context_one_for_all_binaries_of_its_package() {
    for runner in Runner::all() {
        let folder = super::runners::Folder::new();
        let output = fixture("contexts", "keyed_one").and("keyed_two").command(runner, &folder).output().unwrap();
        folder.expect_gone();
        let seen = folder.seen();
        assert_eq!(output.status.code(), Some(0), "{runner:?} {seen:?} {}", String::from_utf8_lossy(&output.stderr));
        let count = |name: &str| seen.iter().filter(|it| it.name() == name).count();
        // Under `cargo test` one binary runs after the other, and each is a run.
        let hosts = if matches!(runner, Runner::CargoTest(_)) { 2 } else { 1 };
        assert_eq!((count("(setup)"), count("(teardown)")), (hosts, hosts), "{runner:?} {seen:?}");
        let mut with: Vec<&str> = seen.iter().filter_map(|it| it.name().split_once(" with ")).map(|it| it.1).collect();
        assert_eq!(with.len(), 4, "{runner:?} {seen:?}");
        with.sort_unstable();
        with.dedup();
        assert_eq!(with.len(), hosts, "{runner:?} {seen:?}");
    }
}
