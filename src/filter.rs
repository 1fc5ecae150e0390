//! Which tests a run takes, and why not the others. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use xxhash_rust::xxh64::xxh64;

use crate::list::{Harness, Suite, Test};

/// What the user said about which tests to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// A test is taken if its name contains any of them, if it is in a source file that one of them names, or if there are
    /// none.
    pub filters: Vec<String>,
    pub skip: Vec<String>,
    /// `filters` and `skip` are whole names.
    pub exact: bool,
    /// What the filters mean that are paths of source files.
    pub places: BTreeMap<String, Place>,
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

/// A source file that a filter names, or the test at a line of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The whole paths that it may have.
    pub paths: Vec<Utf8PathBuf>,
    pub line: Option<u32>,
    /// Where the innermost test at that line starts. It is known when all tests are.
    pub start: Option<u32>,
}

impl Place {
    /// Whether it selects a test.
    pub fn has(&self, suite: &Suite, test: &Test) -> bool {
        self.is_file_of(suite, test) && (self.line.is_none() || self.start.is_some() && line(suite, test) == self.start)
    }

    /// Whether a test is in the file. One whose place is unknown is in the file that its target starts with.
    pub fn is_file_of(&self, suite: &Suite, test: &Test) -> bool {
        let binary = &suite.binary;
        let Some(file) = &test.file else { return self.is(&binary.source) };
        let file = Utf8Path::new(&**file);
        let can_be = self.paths.iter().any(|path| path.file_name() == file.file_name());
        // For packages of other workspaces paths start at the package.
        can_be && [&binary.root, &binary.cwd].iter().any(|folder| self.is(&folder.join(file)))
    }

    fn is(&self, file: &Utf8Path) -> bool {
        let file = plain(file);
        self.paths.contains(&file)
    }
}

/// The line at which a test starts. A program that is one test starts at its first line.
pub fn line(suite: &Suite, test: &Test) -> Option<u32> {
    test.line.or_else(|| (suite.harness == Harness::Whole).then_some(1))
}

/// A path without `.` and `..`.
pub fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => _ = plain.pop(),
            component => plain.push(component),
        }
    }
    plain
}

/// The path and the line of a filter that is written as `PATH:LINE`, or as compilers do, `PATH:LINE:COLUMN`.
pub fn at_line(filter: &str) -> Option<(&str, u32)> {
    let numbered = |text: &str| -> Option<(usize, u32)> {
        let (path, number) = text.rsplit_once(':')?;
        let is_path = !path.is_empty() && !path.ends_with(':');
        Some((path.len(), number.parse().ok().filter(|_| is_path)?))
    };
    let (end, line) = numbered(filter)?;
    let (end, line) = numbered(&filter[..end]).unwrap_or((end, line));
    Some((&filter[..end], line))
}

/// Finds out where the tests start that are at the lines that filters name.
pub fn locate(options: &mut Options, suites: &[Suite]) {
    for place in options.places.values_mut() {
        let Some(wanted) = place.line else { continue };
        let tests = suites.iter().flat_map(|suite| suite.tests.iter().map(move |test| (suite, test)));
        let starts = tests.filter(|(suite, test)| place.is_file_of(suite, test));
        let start = starts.filter_map(|(suite, test)| line(suite, test)).filter(|start| *start <= wanted).max();
        place.start = start;
    }
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
    suites.iter().map(|suite| of_suite(suite, options)).collect()
}

fn of_suite(suite: &Suite, options: &Options) -> Vec<Decision> {
    let tests = &suite.tests;
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
    let mut decisions: Vec<Decision> = tests.iter().map(|test| by_name(suite, test, options)).collect();
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

fn by_name(suite: &Suite, test: &Test, options: &Options) -> Decision {
    let matches = |filter: &String| matches(suite, test, filter, options);
    let named = options.filters.is_empty() || options.filters.iter().any(matches);
    if !named || options.skip.iter().any(matches) {
        return Decision::Skip(Why::Filter);
    }
    let failed = options.failed.as_ref().map(|failed| failed.contains(&(suite.binary.id.clone(), test.name.clone())));
    match (options.ignored, test.ignored) {
        _ if failed == Some(false) => Decision::Skip(Why::NotFailed),
        (Ignored::Default, true) if failed == Some(true) => Decision::Run,
        (Ignored::Default, true) => Decision::Ignore,
        (Ignored::Only, false) => Decision::Skip(Why::NotIgnored),
        _ => Decision::Run,
    }
}

/// Whether a filter is about a test: by its name, or by where it is. With `exact` it is a whole name, and the name of a
/// generated test means all of its cases.
pub fn matches(suite: &Suite, test: &Test, filter: &str, options: &Options) -> bool {
    let is_named = if options.exact {
        [&test.name, test.argument()].iter().any(|name| ***name == *filter)
    } else {
        test.name.contains(filter)
    };
    is_named || options.places.get(filter).is_some_and(|place| place.has(suite, test))
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

    /// A suite below `/w` with tests that are at these places.
    fn placed(tests: &[(&str, &str, u32)]) -> Suite {
        let test = |(name, file, line): &(&str, &str, u32)| Test {
            file: Some((*file).into()),
            line: Some(*line),
            ..Test::named(name)
        };
        let mut suite = Suite { tests: tests.iter().map(test).collect(), ..Suite::sample() };
        (suite.binary.root, suite.binary.cwd, suite.binary.source) =
            ("/w".into(), "/w/p".into(), "/w/p/src/lib.rs".into());
        suite
    }

    fn taken(suites: &[Suite], filters: &[&str]) -> Vec<String> {
        let mut options =
            Options { filters: filters.iter().map(|it| (*it).to_owned()).collect(), ..Options::default() };
        for filter in filters {
            let (path, line) = at_line(filter).map_or((*filter, None), |(path, line)| (path, Some(line)));
            let place = Place { paths: vec![plain(&Utf8Path::new("/w").join(path))], line, start: None };
            options.places.insert((*filter).to_owned(), place);
        }
        locate(&mut options, suites);
        let decisions = select(suites, &options);
        let tests = suites.iter().zip(&decisions).flat_map(|(suite, decisions)| suite.tests.iter().zip(decisions));
        tests.filter(|(_, it)| **it == Decision::Run).map(|(test, _)| test.name.to_string()).collect()
    }

    #[test]
    fn a_path_selects_the_tests_of_a_file_and_a_line_the_innermost() {
        let unit = placed(&[
            ("one", "p/src/lib.rs", 10),
            ("case::a", "p/src/lib.rs", 20),
            ("case::b", "p/src/lib.rs", 20),
            ("m::deep", "p/src/m.rs", 5),
        ]);
        let doctests = placed(&[("p/src/lib.rs - f (line 14)", "p/src/lib.rs", 14)]);
        let other = placed(&[("elsewhere", "../q/src/lib.rs", 3), ("own", "src/own.rs", 3)]);
        let suites = [unit, doctests, other];
        let lines = ["p/src/lib.rs - f (line 14)"];
        assert_eq!(taken(&suites, &["p/src/lib.rs"]), ["one", "case::a", "case::b", lines[0]]);
        assert_eq!(taken(&suites, &["p/src/m.rs", "elsewhere"]), ["m::deep", "elsewhere"]);
        assert_eq!(taken(&suites, &["../q/src/lib.rs"]), ["elsewhere"]);
        assert_eq!(taken(&suites, &["p/src/own.rs"]), ["own"]);
        for (line, tests) in
            [(9, &[][..]), (10, &["one"]), (13, &["one"]), (14, &lines), (19, &lines), (20, &["case::a", "case::b"])]
        {
            assert_eq!(taken(&suites, &[&format!("p/src/lib.rs:{line}")]), tests, "{line}");
        }
        assert_eq!(taken(&suites, &["p/src/lib.rs:999:7"]), ["case::a", "case::b"]);
    }

    #[test]
    fn a_test_whose_place_is_unknown_is_in_the_file_of_its_target() {
        let mut suite = placed(&[]);
        suite.tests = vec![Test::named("a"), Test::named("b")];
        assert_eq!(taken(&[suite], &["p/src/lib.rs"]), ["a", "b"]);
        let mut whole = placed(&[]);
        (whole.harness, whole.tests) = (Harness::Whole, vec![Test::named("whole")]);
        assert_eq!(taken(&[whole], &["p/src/lib.rs:30"]), ["whole"]);
        let mut without_lines = placed(&[]);
        without_lines.tests = vec![Test::named("a")];
        assert!(taken(&[without_lines], &["p/src/lib.rs:30"]).is_empty());
    }

    #[test]
    fn a_line_follows_a_path() {
        assert_eq!(at_line("src/lib.rs:12"), Some(("src/lib.rs", 12)));
        assert_eq!(at_line("src/lib.rs:12:5"), Some(("src/lib.rs", 12)));
        for none in ["src/lib.rs", "a::b", "a::5", ":5", "::5", "a:", "a:-1", "a:b:c"] {
            assert_eq!(at_line(none), None, "{none}");
        }
    }
}
