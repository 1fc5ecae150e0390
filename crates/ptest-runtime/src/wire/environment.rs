//! How a process learns what it is to be.
//!
//! A test binary is always started as libtest knows it. What it is besides stands in its environment, which everything
//! that a test starts inherits; so the one process that is meant finds the same token among its arguments, where it
//! does no harm: behind `--skip`, as the name of no test.

use std::collections::HashMap;

use super::{FIELD, Parts};

/// What the process is to be: one of [`WORKER`], [`HOST`], [`CASES`] and [`CALL`].
pub const ROLE: &str = "PTEST_ROLE";
/// Runs tests, and says what becomes of their fixtures.
pub const WORKER: &str = "worker";
/// Sets up the one shared context that [`CONTEXT`] names, and tears it down when its stdin ends.
pub const HOST: &str = "host";
/// Says which cases a generated test has.
pub const CASES: &str = "cases";

/// Makes a concurrent call of the function that [`FUNCTION`] names.
pub const CALL: &str = "call";

/// Begins every record of this process; also an argument, as [`argument`] gives it.
pub const TOKEN: &str = "PTEST_TOKEN";
/// The module path of the context that a host is for.
pub const CONTEXT: &str = "PTEST_CONTEXT";
/// Where the values of shared contexts lie: see [`join_values`].
pub const VALUES: &str = "PTEST_VALUES";
/// Where a host puts its context's value.
pub const VALUE: &str = "PTEST_VALUE";
/// The file that says which cases of generated tests a worker is to run: see [`join_cases`].
pub const WANTED: &str = "PTEST_WANTED";

/// The function that a concurrent call is about.
pub const FUNCTION: &str = "PTEST_FUNCTION";

/// When a file lies at this path, a worker begins no further test: it tears down what it has set up, and ends.
pub const STOP: &str = "PTEST_STOP";

/// Names the run.
pub const RUN_ID: &str = "PTEST_RUN_ID";
/// The slot that the process runs in, from 0.
pub const SLOT: &str = "PTEST_WORKER";
/// How many slots there are.
pub const SLOTS: &str = "PTEST_WORKERS";
/// In place of [`SLOT`]: the serial number of the host that the process belongs to.
pub const HOST_NUMBER: &str = "PTEST_HOST";

/// Set for every test, as nextest does: some crates tell by it what belongs to one run.
pub const NEXTEST_RUN_ID: &str = "NEXTEST_RUN_ID";
/// The value that `cargo ptest` has given to [`NEXTEST_RUN_ID`]: with any other it is nextest who runs the test.
pub const OWN_NEXTEST_RUN_ID: &str = "PTEST_NEXTEST_RUN_ID";
/// The process id of the runner. Whose parent that is belongs to its run, and not to one that a test has started.
pub const RUNNER: &str = "PTEST_RUNNER";
/// In place of the process id for doctests, which rustdoc starts: they and all that they start belong to the run.
pub const ANY: &str = "any";

/// How long a setup may take that does not say so itself.
pub const SETUP_LIMIT: std::time::Duration = std::time::Duration::from_secs(120);
/// How long a teardown may take that does not say so itself.
pub const TEARDOWN_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// The argument behind `--skip` that tells a process that it is meant.
#[must_use]
pub fn argument(token: &str) -> String {
    format!("ptest:{token}")
}

/// The value of [`VALUES`], from the module path of each context and the path of the file with its value.
pub fn join_values<'a>(values: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut joined = String::new();
    for (module, path) in values {
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(module);
        joined.push(FIELD);
        joined.push_str(&path);
    }
    joined
}

/// The path that [`VALUES`] gives for the context of a module.
#[must_use]
pub fn find_value<'a>(values: &'a str, module: &str) -> Option<&'a str> {
    behind(values, module).first().copied()
}

/// The text of the file that [`WANTED`] names, from the name of the test and that of the case, in the order in which they
/// are to run.
///
/// In it the cases of a test are in the order of their names, each behind its turn: who reads it has to find them by name,
/// and to sort them there would be much to compile.
pub fn join_cases<'a>(cases: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut turns = HashMap::new();
    let mut sorted: Vec<(&str, &str, usize)> = Vec::new();
    for (test, case) in cases {
        let turn = turns.entry(test).or_insert(0);
        sorted.push((test, case, *turn));
        *turn += 1;
    }
    sorted.sort_unstable();
    let between = &FIELD.to_string();
    sorted
        .into_iter()
        .map(|(test, case, turn)| [test, between, &turn.to_string(), between, case, "\n"].concat())
        .collect()
}

/// The cases of a test in such a text, by name in order, and the turn of each, from 0.
#[must_use]
pub fn find_cases<'a>(cases: &'a str, test: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for rest in behind(cases, test) {
        if let Some((turn, name)) = rest.split_once(FIELD)
            && let Ok(turn) = turn.parse()
        {
            found.push((turn, name));
        }
    }
    found
}

/// What stands behind a name, in lines that each begin with one. No name has a line break in it.
fn behind<'a>(lines: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for line in Parts::of(lines, '\n') {
        if let Some(rest) = line.strip_prefix(name)
            && let Some(value) = rest.strip_prefix(FIELD)
        {
            found.push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_found_by_the_whole_name_of_their_test() {
        let cases = join_cases([("m::t", "b"), ("m::t2", "x"), ("m::t", "a [1] ä")].into_iter());
        assert_eq!(find_cases(&cases, "m::t"), [(1, "a [1] ä"), (0, "b")]);
        assert!(find_cases(&cases, "m").is_empty());
    }

    #[test]
    fn values_are_found_by_the_whole_module_path() {
        let values = join_values([("a::b", "/tmp/x y".into()), ("a", "/tmp/z".into())].into_iter());
        assert_eq!(find_value(&values, "a"), Some("/tmp/z"));
        assert_eq!(find_value(&values, "a::b"), Some("/tmp/x y"));
        assert_eq!(find_value(&values, "a::"), None);
    }
}
