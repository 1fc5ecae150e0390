//! Concurrent calls: they work alike under all runners, and nothing of them outlives a test that is killed.

use super::runners::{Runner, fixture};
use crate::tool::{outcomes, ptest};

#[test]
fn calls_work_alike_under_all_runners() {
    for runner in Runner::all() {
        fixture("contexts", "calls").under(runner).expect_green();
    }
}

/// In unit tests, which are built as the crate is: the function is found in the program of a crate of any type.
#[test]
fn calls_work_in_libraries_programs_and_macro_crates() {
    let (ran, events) = ptest(&["caller-lib", "caller-macro"]).json();
    ran.expect(0);
    let expected =
        ["tests::the_library_calls passed", "tests::the_macros_call passed", "tests::the_program_calls passed"];
    assert_eq!(outcomes(&events), expected, "{}", ran.stderr);
}

/// That nothing is left behind, every run is looked at for.
#[test]
fn the_calls_of_a_test_whose_time_is_up_are_ended_with_it() {
    let hanging = fixture("contexts", "calls").filter("hangs").libtest("--ignored");
    hanging.under(Runner::Ptest(2)).expect_code(100).expect_verdicts(&["hangs timed-out"]);
}
