//! Twelve tests of a quarter of a second behind one setup, with three processes: a unit takes three seconds, the others
//! one. What they take is `cargo xtask bench`'s business; here it is how many run at once.

use super::runners::{Run, Runner, fixture};

#[test]
fn a_unit_has_one_test_running_at_once() {
    let run = run("unit");
    assert_eq!(most_at_once(&run), 1, "{run}");
    assert_eq!(run.processes("twelve::unit").len(), 1, "{run}");
}

#[test]
fn a_context_that_can_split_has_as_many_tests_running_at_once_as_there_are_processes() {
    let run = run("can_split");
    assert_eq!(most_at_once(&run), 3, "{run}");
    assert_eq!(run.count("twelve::can_split::(setup)"), run.processes("twelve::can_split").len(), "{run}");
}

#[test]
fn a_shared_context_has_as_many_tests_running_at_once_as_there_are_processes_and_one_set_up() {
    let run = run("shared");
    assert_eq!(most_at_once(&run), 3, "{run}");
    assert_eq!(run.count("twelve::shared::(setup)"), 1, "{run}");
}

fn run(module: &str) -> Run {
    let run = fixture("twelve", "twelve").filter(&format!("{module}::")).under(Runner::Ptest(3));
    run.expect_green();
    assert_eq!(run.verdicts().len(), 12);
    run
}

fn most_at_once(run: &Run) -> usize {
    let (mut now, mut most) = (0, 0);
    for seen in &run.seen {
        match seen.name() {
            "begin" => now += 1,
            "end" => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}
