//! Which tests a run takes, and why not the others. Pure.

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
}

/// What happens to `#[ignore]`d tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Ignored {
    /// They are reported as ignored.
    #[default]
    Default,
    /// They are run, and no others.
    Only,
    /// They are run like the others.
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
}

/// A decision for each test of each suite, in their order.
pub fn select(suites: &[Suite], options: &Options) -> Vec<Vec<Decision>> {
    suites.iter().map(|suite| of_suite(&suite.tests, options)).collect()
}

fn of_suite(tests: &[Test], options: &Options) -> Vec<Decision> {
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
    let mut decisions: Vec<Decision> = tests.iter().map(|test| by_name(test, options)).collect();
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

fn by_name(test: &Test, options: &Options) -> Decision {
    // Whoever names a generated test means all of its cases.
    let is = |filter: &str| [&test.name, test.argument()].iter().any(|name| ***name == *filter);
    let matches = |filter: &String| if options.exact { is(filter) } else { test.name.contains(filter.as_str()) };
    let named = options.filters.is_empty() || options.filters.iter().any(matches);
    if !named || options.skip.iter().any(matches) {
        return Decision::Skip(Why::Filter);
    }
    match (options.ignored, test.ignored) {
        (Ignored::Default, true) => Decision::Ignore,
        (Ignored::Only, false) => Decision::Skip(Why::NotIgnored),
        _ => Decision::Run,
    }
}
