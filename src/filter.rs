//! Which tests a run takes, and why not the others. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xxhash_rust::xxh64::xxh64;

use crate::list::{Suite, Test};

/// What the user said about which tests to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// A test is taken if its name contains any of them, or if there are none.
    pub filters: Vec<String>,
    pub skip: Vec<String>,
    /// `filters` and `skip` are whole names.
    pub exact: bool,
    pub ignored: Ignored,
    pub partition: Option<Partition>,
    /// `run` stands where commands do, so it is none of the filters.
    pub run: bool,
    /// The first word of the command line, if it is a filter: a command that is mistyped is one, too.
    pub first_word: Option<String>,
    /// Options stand before that word.
    pub after_option: bool,
    /// `--failed`: no others than these. They are run even if they are `#[ignore]`d, for somebody has asked for that.
    pub failed: Option<BTreeSet<Name>>,
}

/// A test, by the id of its binary and its name.
pub type Name = (Arc<str>, Arc<str>);

/// What happens to `#[ignore]`d tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Ignored {
    /// Report ignored tests as ignored
    #[default]
    Default,
    /// Run only ignored tests
    #[value(alias = "ignored-only")]
    Only,
    /// Run ignored tests like the others
    All,
}

/// One part of the tests, so that several machines can share a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub by: PartitionBy,
    /// From 1.
    pub part: u64,
    pub parts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionBy {
    /// Every n-th test of each binary.
    Count,
    /// By a hash of the test's name, so that a new test moves no other.
    Hash,
}

/// What a run does with a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Run,
    /// It is `#[ignore]`d, and reported so.
    Ignore,
    Skip(Why),
}

/// Why a test is no part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Filter,
    NotIgnored,
    Partition,
    /// It passed the last time.
    NotFailed,
}

/// A decision for each test of each suite, in their order.
pub fn select(suites: &[Suite], options: &Options) -> Vec<Vec<Decision>> {
    suites.iter().map(|suite| of_suite(&suite.binary.id, &suite.tests, options)).collect()
}

fn of_suite(binary: &Arc<str>, tests: &[Test], options: &Options) -> Vec<Decision> {
    // As in nextest, ignored tests are counted apart, so that running them does not move the others.
    let mut counts = [0, 0];
    let mut number = |test: &Test, by: PartitionBy| match by {
        PartitionBy::Count => {
            let count = &mut counts[usize::from(test.ignored)];
            *count += 1;
            *count - 1
        }
        PartitionBy::Hash => xxh64(test.name.as_bytes(), 0),
    };
    let mut decisions: Vec<Decision> = tests.iter().map(|test| by_name(binary, test, options)).collect();
    let Some(partition) = options.partition else { return decisions };
    // And in the order of their names, whatever the order in which they are listed.
    let mut places: Vec<usize> = (0..tests.len()).collect();
    places.sort_by_key(|place| &tests[*place].name);
    for place in places {
        let taken = !matches!(decisions[place], Decision::Skip(_));
        if taken && number(&tests[place], partition.by) % partition.parts != partition.part - 1 {
            decisions[place] = Decision::Skip(Why::Partition);
        }
    }
    decisions
}

fn by_name(binary: &Arc<str>, test: &Test, options: &Options) -> Decision {
    let matches = |filter: &String| matches(test, filter, options.exact);
    let named = options.filters.is_empty() || options.filters.iter().any(matches);
    if !named || options.skip.iter().any(matches) {
        return Decision::Skip(Why::Filter);
    }
    let failed = options.failed.as_ref().map(|failed| failed.contains(&(binary.clone(), test.name.clone())));
    match (options.ignored, test.ignored) {
        _ if failed == Some(false) => Decision::Skip(Why::NotFailed),
        (Ignored::Default, true) if failed == Some(true) => Decision::Run,
        (Ignored::Default, true) => Decision::Ignore,
        (Ignored::Only, false) => Decision::Skip(Why::NotIgnored),
        _ => Decision::Run,
    }
}

/// Whether a filter is about a test. With `exact` it is a whole name, and the name of a generated test means all of its
/// cases.
pub fn matches(test: &Test, filter: &str, exact: bool) -> bool {
    if exact { [&test.name, test.argument()].iter().any(|name| ***name == *filter) } else { test.name.contains(filter) }
}

/// How many names a note has.
const NAMED: usize = 10;

/// What should be said of failed tests that cannot be run: those that no longer exist, and those of binaries that are
/// not built now. With `whole` the whole of what is tested is built.
pub fn unknown(suites: &[&Suite], options: &Options, whole: bool) -> Vec<String> {
    let listed: BTreeMap<&Arc<str>, BTreeSet<&Arc<str>>> =
        suites.iter().map(|suite| (&suite.binary.id, suite.tests.iter().map(|test| &test.name).collect())).collect();
    notes(&listed, options.failed.as_ref(), whole)
}

fn notes(
    listed: &BTreeMap<&Arc<str>, BTreeSet<&Arc<str>>>,
    failed: Option<&BTreeSet<Name>>,
    whole: bool,
) -> Vec<String> {
    let (mut gone, mut elsewhere) = (Vec::new(), Vec::new());
    for (binary, test) in failed.into_iter().flatten() {
        match listed.get(binary) {
            Some(tests) if tests.contains(test) => {}
            None if !whole => elsewhere.push(format!("{binary} {test}")),
            _ => gone.push(format!("{binary} {test}")),
        }
    }
    let note = |tests: &[String], one: &str, many: &str| {
        let which = if tests.len() == 1 { format!("a test {one}") } else { format!("{} tests {many}", tests.len()) };
        let named: Vec<&str> = tests.iter().take(NAMED).map(String::as_str).collect();
        let named = named.join("\n    ");
        let more = if tests.len() > NAMED { format!("\n    and {} more", tests.len() - NAMED) } else { String::new() };
        (!tests.is_empty()).then(|| format!("{which}:\n    {named}{more}"))
    };
    let gone = note(&gone, "that failed is no longer there", "that failed are no longer there");
    let elsewhere = note(
        &elsewhere,
        "that failed is in a binary that is not built now",
        "that failed are in binaries that are not built now",
    );
    gone.into_iter().chain(elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_that_cannot_be_run_are_named() {
        let [a, b, one, two, three] = ["a", "b", "one", "two", "three"].map(Arc::from);
        let listed: BTreeMap<&Arc<str>, BTreeSet<&Arc<str>>> = [(&a, [&one].into())].into();
        let failed: BTreeSet<Name> =
            [(a.clone(), one.clone()), (a.clone(), two.clone()), (b.clone(), three.clone())].into();
        assert_eq!(
            notes(&listed, Some(&failed), false),
            [
                "a test that failed is no longer there:\n    a two",
                "a test that failed is in a binary that is not built now:\n    b three"
            ]
        );
        assert_eq!(
            notes(&listed, Some(&failed), true),
            ["2 tests that failed are no longer there:\n    a two\n    b three"]
        );
        assert!(notes(&listed, None, true).is_empty());
    }
}
