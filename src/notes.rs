//! What people should know of what is selected and of what is not: before a run or a list, or after a run that began
//! before all was known. Pure.

mod filters;
mod nearest;
mod surroundings;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;

use crate::config::{self, Config};
use crate::filter::{self, Decision};
use crate::group::{self, Unmatched};
use crate::list::{Harness, Suite};

pub use filters::Filtered;
pub use surroundings::on_surroundings;

/// What is known when the build is over.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub suites: &'a [&'a Suite],
    /// For each suite what is done with its tests.
    pub decisions: &'a [Vec<Decision>],
    pub config: &'a Config,
    /// Contexts of the configuration that match no test.
    pub unmatched: &'a [Unmatched],
    /// How many tests ask for more slots than there are, and for how many at most.
    pub beyond: Option<(usize, usize)>,
    pub serial_packages: &'a [String],
    /// Our own environment, as we found it.
    pub env: &'a HashMap<OsString, OsString>,
    /// Options that were given and ask for more than one process for a binary.
    pub several_processes: &'a [&'static str],
    /// No package or target was chosen.
    pub whole: bool,
    /// Nothing that belongs to the workspace was left out of the build.
    pub all_built: bool,
}

/// Whether anything of a suite is selected.
pub fn is_taken(decisions: &[Decision]) -> bool {
    decisions.iter().any(|it| !matches!(it, Decision::Skip(_)))
}

/// Filters that do not do what they seem to, failed tests that are not there, and binaries that do not list their tests.
///
/// That somebody's harness does not list its tests is as it was the last time: it is said to those who `look`.
pub fn on_suites(known: Known, filter: &filter::Options, quiet: bool, look: bool) -> Vec<String> {
    let mut notes = filter::unknown(known.suites, filter, known.all_built);
    notes.extend(on_all_ignored(known));
    if !quiet {
        let taken = known.suites.iter().zip(known.decisions).filter(|(_, decisions)| is_taken(decisions));
        let told = taken.clone().filter(|(suite, _)| look || suite.binary.libtest);
        notes.extend(told.filter_map(|(suite, _)| suite.note.clone()));
        notes.extend(on_logs(taken.map(|(suite, _)| *suite)));
    }
    let filtered = Filtered { suites: known.suites, decisions: known.decisions, options: filter };
    let notes = notes.into_iter().map(|note| format!("note: {note}"));
    notes.chain(filtered.notes(known.whole, quiet)).collect()
}

/// Without libtest's log nothing of the truth is lost, but some comfort is.
fn on_logs<'a>(suites: impl Iterator<Item = &'a Suite>) -> Option<String> {
    let mut without_log = suites.filter(|suite| suite.without_log).map(|suite| &suite.binary.id);
    let first = without_log.next()?;
    let others = match without_log.count() {
        0 => "rejects".to_owned(),
        more => format!("and {more} more reject"),
    };
    Some(format!(
        "{first} {others} libtest's --logfile: results are read from the text, and reported when their process has ended"
    ))
}

/// A harness of its own that does not know `--ignored` may take that for a question about no test, or all of them.
/// Whether it does, or rightly says that all its tests are ignored, only its tests could tell: so this is always said.
fn on_all_ignored(known: Known) -> impl Iterator<Item = String> {
    let suites = known.suites.iter().zip(known.decisions).filter(|(suite, decisions)| {
        let all_ignored = suite.tests.iter().all(|test| test.ignored);
        suite.harness == Harness::Custom && all_ignored && decisions.contains(&Decision::Ignore)
    });
    suites.map(|(suite, _)| {
        let tests = match suite.tests.len() {
            1 => "its only test is".to_owned(),
            count => format!("all its {count} tests are"),
        };
        format!(
            "{} reports that {tests} ignored, as does a harness that does not know --ignored; `cargo ptest -p {} -- \
             --ignored` runs what it has",
            suite.binary.id, suite.binary.package
        )
    })
}

/// Contexts without tests, locks that do not hold, and slots that there are not.
pub fn on_groups(known: Known, slots: usize) -> Vec<String> {
    let named = known.unmatched.iter().filter(|context| known.whole || context.names_built_code);
    let unmatched = named.map(|context| format!("warning: {}: {} matches no test", config::PATH, context.name));
    let beyond = known.beyond.map(|(tests, most)| {
        let are = if tests == 1 { "test asks" } else { "tests ask" };
        format!("note: {tests} {are} for more slots than --processes={slots} (up to {most}), and get all {slots}")
    });
    unmatched.chain(hints_at_locks(known)).chain(on_jobservers(known)).chain(beyond).chain(on_updates(known)).collect()
}

/// Tests write into their own sources: what that means for their processes, and for what was asked for besides.
fn on_updates(known: Known) -> Vec<String> {
    let runs = known.suites.iter().zip(known.decisions).filter(|(_, decisions)| decisions.contains(&Decision::Run));
    let updating = runs.filter_map(|(suite, decisions)| {
        let tests = decisions.iter().filter(|it| **it == Decision::Run).count();
        Some((suite, tests, group::updating(suite, known.config, known.env)?))
    });
    let updating: Vec<_> = updating.collect();
    let Some((.., variable)) = updating.first() else { return Vec::new() };
    let mut notes = vec![format!(
        "note: {variable} is set, so tests may write into their own sources: each test binary has one process, and those \
         of a package run one after another"
    )];
    let ignored = known.several_processes.iter();
    notes.extend(ignored.map(|option| match *option {
        "--eager" => format!("note: with {variable} no test starts before all is built, in spite of --eager"),
        _ => format!(
            "note: {option} is ignored with {variable}: a second process would write to wrong places of what the first one \
             has changed"
        ),
    }));
    let foreign = updating.iter().filter(|(suite, tests, _)| suite.harness == Harness::Custom && *tests > 1);
    notes.extend(foreign.map(|(suite, ..)| {
        format!(
            "note: {} needs a process for each test: when one of them has changed a source file, those after it are not \
             reached; run it again for these",
            suite.binary.id
        )
    }));
    notes
}

/// Tests about jobservers see none unless somebody has thought of it.
fn on_jobservers(known: Known) -> BTreeSet<String> {
    let runs = known.suites.iter().zip(known.decisions).filter(|(_, decisions)| decisions.contains(&Decision::Run));
    let is_said = |suite: &Suite| {
        let names = |it: &config::Context| it.names(&suite.binary.package, &suite.binary.id);
        known.config.contexts.iter().any(|it| it.jobserver.is_some() && names(it))
    };
    let hidden = runs.filter(|(suite, _)| suite.binary.jobserver && !is_said(suite));
    let note = |package: &str| {
        let why = if package == "jobserver" { "is about jobservers" } else { "depends on the crate jobserver" };
        format!(
            "note: {package} {why}, so its tests see none of this run; if they are to share it, put into {}:\n    [[context]]\n    \
             package = {package:?}\n    jobserver = \"share\"",
            config::PATH
        )
    };
    hidden.map(|(suite, _)| note(&suite.binary.package)).collect()
}

/// `serial_test`'s locks work inside of a process; whoever uses it has to say what they are to mean here.
fn hints_at_locks(known: Known) -> impl Iterator<Item = String> {
    let runs = move |package: &&String| {
        known.suites.iter().zip(known.decisions).any(|(suite, decisions)| {
            suite.binary.package == **package
                && suite.harness != Harness::Doctests
                && decisions.iter().filter(|it| **it == Decision::Run).nth(1).is_some()
        })
    };
    let is_said = move |package: &&String| {
        known.config.contexts.iter().any(|it| {
            let binary = it.binary.as_deref().and_then(|id| id.split("::").next());
            it.package.as_deref().or(binary) == Some(package.as_str())
        })
    };
    known.serial_packages.iter().filter(runs).filter(move |package| !is_said(package)).map(|package| {
        format!(
            "hint: {package} uses serial_test, whose locks do not reach from one process to another; to keep its tests \
             apart, put into {}:\n    [[context]]\n    package = {package:?}\n    kind = \"unit\"\n    max = 1",
            config::PATH
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Test;

    /// What is said of binaries of which each has such a harness and these tests; those with a `!` are ignored.
    fn said(suites: &[(Harness, &[&str])], env: &[(&str, &str)], say: impl Fn(Known) -> Vec<String>) -> Vec<String> {
        let test = |name: &&str| Test { ignored: name.ends_with('!'), ..Test::named(name) };
        let suites: Vec<Suite> = suites
            .iter()
            .map(|(harness, tests)| Suite {
                harness: *harness,
                tests: tests.iter().map(test).collect(),
                ..Suite::sample()
            })
            .collect();
        let decisions = filter::select(&suites, &filter::Options::default());
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        say(Known {
            suites: &suites.iter().collect::<Vec<_>>(),
            decisions: &decisions,
            config: &Config::default(),
            unmatched: &[],
            beyond: None,
            serial_packages: &[],
            env: &env,
            several_processes: &[],
            whole: true,
            all_built: true,
        })
    }

    #[test]
    fn a_harness_of_its_own_whose_tests_are_all_ignored_is_told_of_whatever_else_runs() {
        let notes = |suites: &[(Harness, &[&str])]| {
            said(suites, &[], |known| on_suites(known, &filter::Options::default(), true, false))
        };
        let note = "note: p::t reports that all its 2 tests are ignored, as does a harness that does not know --ignored; \
                    `cargo ptest -p p -- --ignored` runs what it has";
        assert_eq!(notes(&[(Harness::Custom, &["a!", "b!"]), (Harness::Libtest, &["c"])]), [note]);
        assert!(notes(&[(Harness::Custom, &["a!"])])[0].contains("p::t reports that its only test is ignored, "));
        assert!(notes(&[(Harness::Custom, &["a!", "b"]), (Harness::Libtest, &["c!"])]).is_empty());
        assert!(notes(&[(Harness::Custom, &[])]).is_empty());
    }

    #[test]
    fn a_process_for_each_test_is_a_matter_of_several_tests() {
        let notes = |tests: &[&str]| {
            let notes = said(&[(Harness::Custom, tests)], &[("UPDATE_EXPECT", "1")], on_updates);
            notes.iter().filter(|note| note.contains("needs a process for each test")).count()
        };
        assert_eq!((notes(&["a"]), notes(&["a", "b!"]), notes(&["a", "b"])), (0, 0, 1));
    }
}
