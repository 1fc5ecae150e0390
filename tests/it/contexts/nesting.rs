//! Each kind of context inside of each other one: in which process what is set up, and in which order.

use super::runners::{Run, Runner, fixture};

/// What the processes of a pair do, each in the order in which it does it; `a` and `b` are tests.
struct Pair {
    module: &'static str,
    /// One test process for both tests.
    together: &'static [&'static str],
    /// A test process for each.
    apart: &'static [&'static str],
    /// Whether `cargo ptest` has to keep the tests together.
    is_group: bool,
}

/// The outer context is set up first and torn down last, in whichever process each of them is.
const PAIRS: [Pair; 8] = [
    Pair {
        module: "unit_unit",
        together: &["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"],
        apart: &[
            "(setup) inner::(setup) inner::a inner::(teardown) (teardown)",
            "(setup) inner::(setup) inner::b inner::(teardown) (teardown)",
        ],
        is_group: true,
    },
    Pair {
        module: "unit_can_split",
        together: &["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"],
        apart: &[
            "(setup) inner::(setup) inner::a inner::(teardown) (teardown)",
            "(setup) inner::(setup) inner::b inner::(teardown) (teardown)",
        ],
        is_group: true,
    },
    // Inside of a unit a shared context is the unit's own.
    Pair {
        module: "unit_shared",
        together: &["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"],
        apart: &[
            "(setup) inner::(setup) inner::a inner::(teardown) (teardown)",
            "(setup) inner::(setup) inner::b inner::(teardown) (teardown)",
        ],
        is_group: true,
    },
    Pair {
        module: "can_split_unit",
        together: &["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"],
        apart: &[
            "(setup) inner::(setup) inner::a inner::(teardown) (teardown)",
            "(setup) inner::(setup) inner::b inner::(teardown) (teardown)",
        ],
        is_group: true,
    },
    Pair {
        module: "can_split_can_split",
        together: &["(setup) inner::(setup) inner::a inner::b inner::(teardown) (teardown)"],
        apart: &[
            "(setup) inner::(setup) inner::a inner::(teardown) (teardown)",
            "(setup) inner::(setup) inner::b inner::(teardown) (teardown)",
        ],
        is_group: false,
    },
    Pair {
        module: "shared_unit",
        together: &["(setup) (teardown)", "inner::(setup) inner::a inner::b inner::(teardown)"],
        apart: &[
            "(setup) (teardown)",
            "inner::(setup) inner::a inner::(teardown)",
            "inner::(setup) inner::b inner::(teardown)",
        ],
        is_group: true,
    },
    Pair {
        module: "shared_can_split",
        together: &["(setup) (teardown)", "inner::(setup) inner::a inner::b inner::(teardown)"],
        apart: &[
            "(setup) (teardown)",
            "inner::(setup) inner::a inner::(teardown)",
            "inner::(setup) inner::b inner::(teardown)",
        ],
        is_group: false,
    },
    Pair {
        module: "shared_shared",
        together: &["(setup) (teardown)", "inner::(setup) inner::(teardown)", "inner::a inner::b"],
        apart: &["(setup) (teardown)", "inner::(setup) inner::(teardown)", "inner::a", "inner::b"],
        is_group: false,
    },
];

#[test]
fn each_kind_inside_of_each_other_is_set_up_in_its_process_and_torn_down_in_reverse() {
    for runner in Runner::all() {
        let run = fixture("contexts", "matrix").under(runner);
        run.expect_green();
        for pair in &PAIRS {
            pair.check(&run);
        }
    }
}

impl Pair {
    #[track_caller]
    fn check(&self, run: &Run) {
        let module = format!("matrix::{}", self.module);
        let mut did = run.by_process(&module);
        // Which of two processes comes first is nobody's business, but for hosts, which are looked at below.
        did.sort_unstable();
        let is_together = did == self.together;
        let is_apart = did == self.apart;
        let is_right = match run.runner {
            Runner::CargoTest(_) => is_together,
            Runner::Nextest(_) => is_apart,
            Runner::Ptest(_) if self.is_group => is_together,
            Runner::Ptest(_) => is_together || is_apart,
        };
        assert!(is_right, "{module}: {did:#?} {run}");
        expect_enclosed(run, &module);
        expect_enclosed(run, &format!("{module}::inner"));
    }
}

/// Where a process of its own holds a context, nothing happens before its setup or after its teardown.
#[track_caller]
fn expect_enclosed(run: &Run, module: &str) {
    let all = run.seen_within(module);
    let tests = run.processes(module);
    let (first, last) = (all.first().expect("something was seen"), all.last().expect("something was seen"));
    let host = run.seen.iter().find(|it| it.what == format!("{module}::(setup)")).expect("it is set up").process;
    if !tests.contains(&host) {
        assert_eq!(first.what, format!("{module}::(setup)"), "{run}");
        assert_eq!(last.what, format!("{module}::(teardown)"), "{run}");
    }
}
