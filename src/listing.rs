//! Prints what would run, for people, for editors and for programs that know nextest's list.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use camino::Utf8Path;
use nextest_metadata::{
    BuildPlatform, FilterMatch, MismatchReason, RustBinaryId, RustBuildMetaSummary, RustTestBinaryKind,
    RustTestBinarySummary, RustTestCaseSummary, RustTestKind, RustTestSuiteStatusSummary, RustTestSuiteSummary,
    TestCaseName, TestListSummary,
};

use crate::build::TestBinary;
use crate::filter::{Decision, Why};
use crate::list::{Suite, Test};
use crate::report::{line, visible_json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Human,
    /// As a test binary prints it for `--list`.
    Libtest,
    /// nextest's `TestListSummary`.
    Json,
}

/// Where the list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// A person reads it.
    Terminal,
    /// A program may read it.
    Program,
}

/// Where things lie, for the JSON form.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    pub target: &'a Utf8Path,
    pub build: Option<&'a Utf8Path>,
}

/// Writes the list of the tests that are not skipped; the JSON form has the skipped ones, too, and why.
///
/// In nothing that people read, names keep what steers a terminal. A program that reads libtest's form gets each name as
/// its test binary lists it.
pub fn print(
    format: Format,
    to: To,
    suites: &[Suite],
    decisions: &[Vec<Decision>],
    folders: Folders,
    out: &mut impl Write,
) -> Result<()> {
    let mut print = || match format {
        Format::Human => human(suites, decisions, out),
        Format::Libtest => libtest(suites, decisions, to, out),
        Format::Json => {
            let json = serde_json::to_string_pretty(&summary(suites, decisions, folders))?;
            writeln!(out, "{}", visible_json(&json))
        }
    };
    print().context("cannot write the list to stdout")
}

fn taken<'a>(suite: &'a Suite, decisions: &'a [Decision]) -> impl Iterator<Item = (&'a Test, Decision)> {
    let all = suite.tests.iter().zip(decisions.iter().copied());
    all.filter(|(_, decision)| !matches!(decision, Decision::Skip(_)))
}

fn human(suites: &[Suite], decisions: &[Vec<Decision>], out: &mut impl Write) -> std::io::Result<()> {
    for (suite, decisions) in suites.iter().zip(decisions) {
        let mut tests = taken(suite, decisions).peekable();
        if tests.peek().is_some() {
            writeln!(out, "{}:", line(&suite.binary.id))?;
        }
        for (test, decision) in tests {
            let note = match (decision, &test.ignore_reason) {
                (Decision::Ignore, Some(reason)) => format!(" (ignored: {})", line(reason)),
                (Decision::Ignore, None) => " (ignored)".to_owned(),
                _ => String::new(),
            };
            writeln!(out, "    {}{note}", line(&test.name))?;
        }
    }
    Ok(())
}

fn libtest(suites: &[Suite], decisions: &[Vec<Decision>], to: To, out: &mut impl Write) -> std::io::Result<()> {
    let mut counts = [0, 0];
    for (test, _) in suites.iter().zip(decisions).flat_map(|(suite, decisions)| taken(suite, decisions)) {
        counts[usize::from(test.bench)] += 1;
        let name = if to == To::Terminal { line(&test.name).into() } else { test.name.clone() };
        writeln!(out, "{name}: {}", if test.bench { "benchmark" } else { "test" })?;
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let [tests, benches] = counts;
    writeln!(out, "\n{tests} test{}, {benches} benchmark{}", plural(tests), plural(benches))
}

fn summary(suites: &[Suite], decisions: &[Vec<Decision>], folders: Folders) -> TestListSummary {
    let profile = |suite: &Suite| {
        let folder = suite.binary.path.ancestors().nth(2)?;
        folder.strip_prefix(folders.build.unwrap_or(folders.target)).ok().map(Utf8Path::to_owned)
    };
    let mut list = TestListSummary::new(RustBuildMetaSummary {
        target_directory: folders.target.to_owned(),
        build_directory: folders.build.map(Utf8Path::to_owned),
        base_output_directories: suites.iter().filter_map(profile).collect(),
        ..RustBuildMetaSummary::default()
    });
    list.test_count = suites.iter().map(|suite| suite.tests.len()).sum();
    let of_suites = suites.iter().zip(decisions);
    list.rust_suites =
        of_suites.map(|(it, decisions)| (RustBinaryId::new(&it.binary.id), suite(it, decisions))).collect();
    list
}

fn suite(suite: &Suite, decisions: &[Decision]) -> RustTestSuiteSummary {
    let binary = &suite.binary;
    RustTestSuiteSummary {
        package_name: binary.package.clone(),
        binary: RustTestBinarySummary {
            binary_id: RustBinaryId::new(&binary.id),
            binary_name: binary.target_name.clone(),
            package_id: binary.package_id.clone(),
            kind: RustTestBinaryKind::new(binary.kind.clone()),
            binary_path: binary.path.clone(),
            build_platform: if binary.host { BuildPlatform::Host } else { BuildPlatform::Target },
        },
        cwd: binary.cwd.clone(),
        status: RustTestSuiteStatusSummary::LISTED,
        test_cases: cases(&suite.tests, decisions),
    }
}

fn cases(tests: &[Test], decisions: &[Decision]) -> BTreeMap<TestCaseName, RustTestCaseSummary> {
    let case = |(test, decision): (&Test, &Decision)| {
        let case = RustTestCaseSummary {
            kind: Some(if test.bench { RustTestKind::BENCH } else { RustTestKind::TEST }),
            ignored: test.ignored,
            filter_match: filter_match(*decision),
        };
        (TestCaseName::new(&test.name), case)
    };
    tests.iter().zip(decisions).map(case).collect()
}

fn filter_match(decision: Decision) -> FilterMatch {
    let mismatch = |reason| FilterMatch::Mismatch { reason };
    match decision {
        Decision::Run => FilterMatch::Matches,
        Decision::Ignore | Decision::Skip(Why::NotIgnored) => mismatch(MismatchReason::Ignored),
        Decision::Skip(Why::Filter) => mismatch(MismatchReason::String),
        Decision::Skip(Why::Partition) => mismatch(MismatchReason::Partition),
        Decision::Skip(Why::NotFailed) => mismatch(MismatchReason::RerunAlreadyPassed),
    }
}

/// The lines for `--no-run`, as cargo has them: the programs that were built, for someone in the folder `here`.
pub fn executables(binaries: &[TestBinary], here: &Utf8Path) -> Vec<String> {
    let programs = binaries.iter().filter(|binary| binary.rustdoc.is_none());
    let line = |binary: &TestBinary| {
        let source = binary.source.strip_prefix(&binary.cwd).unwrap_or(&binary.source);
        let unittests = if ["test", "bench"].contains(&&*binary.kind) { "" } else { "unittests " };
        format!("{unittests}{source} ({})", binary.path.strip_prefix(here).unwrap_or(&binary.path))
    };
    programs.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_steers_the_terminal_of_a_reader() {
        let name = "a\u{1b}[2Jb\nc\u{202e}\u{9b}1md";
        let test = Test { ignored: true, ignore_reason: Some(name.to_owned()), ..Test::named(name) };
        let suites = [Suite { tests: vec![test], ..Suite::sample() }];
        let folders = Folders { target: "/target".into(), build: None };
        let printed = |format, to| {
            let mut out = Vec::new();
            print(format, to, &suites, &[vec![Decision::Ignore]], folders, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let shown = "ab\u{2424}c\u{2426}1md";
        for to in [To::Terminal, To::Program] {
            assert_eq!(printed(Format::Human, to), format!("p::t:\n    {shown} (ignored: {shown})\n"));
            let json = printed(Format::Json, to);
            assert!(!json.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{json:?}");
            let list = TestListSummary::parse_json(&json).unwrap();
            assert!(list.rust_suites[&RustBinaryId::new("p::t")].test_cases.contains_key(&TestCaseName::new(name)));
        }
        let counts = "\n1 test, 0 benchmarks\n";
        assert_eq!(printed(Format::Libtest, To::Terminal), format!("{shown}: test\n{counts}"));
        assert_eq!(printed(Format::Libtest, To::Program), format!("{name}: test\n{counts}"));
    }
}
