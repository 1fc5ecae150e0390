//! Concurrent calls: they work alike under all runners, and nothing of them outlives a test that is killed.

use super::runners::{Runner, fixture};

#[test]
fn calls_work_alike_under_all_runners() {
    for runner in Runner::all() {
        fixture("contexts", "calls").under(runner).expect_green();
    }
}

/// That nothing is left behind, every run is looked at for.
#[test]
fn the_calls_of_a_test_whose_time_is_up_are_ended_with_it() {
    let hanging = fixture("contexts", "calls").filter("hangs").libtest("--ignored");
    hanging.under(Runner::Ptest(2)).expect_code(100).expect_verdicts(&["hangs timed-out"]);
}
