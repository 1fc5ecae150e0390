//! The example in the documentation of nose's multiprocess plugin.

use super::runners::{Folder, Run, Runner, fixture};

const ALL: [&str; 6] = ["can_split::a", "can_split::b", "not_marked::a", "not_marked::b", "shared::a", "shared::b"];

#[test]
fn under_cargo_test_each_of_the_three_modules_is_set_up_once() {
    for width in [1, 4] {
        let run = run(Runner::CargoTest(width));
        run.expect_green();
        assert_eq!(run.verdicts().into_keys().collect::<Vec<_>>(), ALL);
    }
}

/// Its fixture is not re-entrant, and two processes set it up.
#[test]
fn with_two_processes_the_module_that_can_split_fails_and_the_other_two_pass() {
    let run = run(Runner::Ptest(2));
    run.expect_code(100);
    let verdicts = run.verdicts();
    assert_eq!(verdicts.keys().collect::<Vec<_>>(), ALL);
    for (name, verdict) in &verdicts {
        // The first of the two may look before the second process has set up.
        assert!(verdict == "passed" || name.starts_with("can_split::"), "{run}");
    }
    assert!(verdicts["can_split::a"] == "failed" || verdicts["can_split::b"] == "failed", "{run}");
}

#[test]
fn with_one_process_all_three_pass() {
    run(Runner::Ptest(1)).expect_green();
}

fn run(runner: Runner) -> Run {
    let folder = Folder::new();
    fixture("nose", "example").env("NOSE_FOLDER", folder.path().to_str().unwrap()).under(runner)
}
