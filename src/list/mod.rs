//! Asks each test binary for its tests.
//!
//! A binary with libtest's harness tells file, line and ignore flag of every test in one call, as JSON; stable binaries
//! do so when `RUSTC_BOOTSTRAP` is set. It is set for this call only: in a running test's environment it would reach
//! every rustc that the test starts. What has no libtest harness, or does not answer as that does, is asked in the way
//! that harnesses agree on ([`foreign`]), and becomes one test when it does not answer in kind.
//!
//! What `#[ptest::test]` and its like say stands in a section of the binary's file, and is read from there. Only the
//! cases of generated tests are known to nobody but the binary itself.

mod ahead;
mod annotations;
mod answer;
mod asking;
mod cases;
mod discovered;
mod doctests;
mod foreign;
mod memory;
mod section;
mod sources;
mod terse;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use camino::Utf8PathBuf;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::build::TestBinary;

use answer::{Answer, ask};
use foreign::{Foreign, Instead};

pub use ahead::Ahead;
pub use annotations::{Annotated, Context, ContextKind, ancestors, numbers};
pub use asking::Asking;
pub use cases::{Case, token};
pub use sources::sources;

/// What the list stage needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a binary may take to list its tests.
    pub timeout: Duration,
    /// How many binaries are asked at once.
    pub parallel: usize,
    /// The run's mark, by which the watchdog finds a binary that is being asked when the runner is killed.
    pub mark: (&'static str, String),
    /// Where lists are remembered.
    pub memory: Utf8PathBuf,
    /// Who is being asked.
    pub asking: Asking,
}

/// Set by nextest, and by us where each test has a process of its own.
pub const NEXTEST: &str = "NEXTEST";

/// A test binary with its tests.
#[derive(Debug)]
pub struct Suite {
    pub binary: TestBinary,
    pub harness: Harness,
    /// In the order in which the binary runs them.
    pub tests: Vec<Test>,
    /// Those in its sources; outer ones before inner ones.
    pub contexts: Vec<Context>,
    /// Why it could not be asked in the usual way.
    pub note: Option<String>,
    /// Its libtest rejects `--logfile`: the verdicts have to come from its text.
    pub without_log: bool,
}

impl Suite {
    /// Of a binary `p::t` without any tests.
    #[cfg(test)]
    pub fn sample() -> Self {
        let binary = TestBinary {
            id: "p::t".into(),
            package: "p".to_owned(),
            package_id: "p 0.1".to_owned(),
            spec: None,
            target_name: "t".to_owned(),
            source: "/t.rs".into(),
            kind: "test".to_owned(),
            path: "/t".into(),
            cwd: "/".into(),
            root: "/".into(),
            env: Vec::new(),
            runner: Vec::new(),
            rustdoc: None,
            libtest: true,
            host: false,
            fresh: true,
            jobserver: false,
        };
        Self {
            binary,
            harness: Harness::Libtest,
            tests: Vec::new(),
            contexts: Vec::new(),
            note: None,
            without_log: false,
        }
    }

    /// Whether its processes know what it means to be given a role.
    pub fn has_annotations(&self) -> bool {
        !self.contexts.is_empty() || self.tests.iter().any(|test| test.annotated.is_some())
    }

    /// The modules of the contexts that a test belongs to, the outermost first.
    pub fn contexts_of(&self, test: &Test) -> Vec<Arc<str>> {
        let mut modules: Vec<_> = ancestors(&self.contexts, test.context).map(|it| it.module.clone()).collect();
        modules.reverse();
        modules
    }
}

/// How a binary takes its tests and says what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harness {
    /// The harness of the standard toolchain: many tests a process.
    Libtest,
    /// rustdoc's, which uses that of the standard toolchain in its own way: what it runs cannot be chosen by whole names,
    /// and some of it may run before the rest.
    Doctests,
    /// It lists tests and takes one name a process; its exit code is the verdict.
    Custom,
    /// It does not list tests: it is run whole, and its exit code is the verdict.
    Whole,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Byte for byte as the binary gave it.
    pub name: Arc<str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bench: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// How often the binary lists this name, and so runs it.
    pub times: usize,
    /// What `#[ptest::test]` says of it, if that stands on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotated: Option<Annotated>,
    /// The innermost of its suite's contexts that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<Case>,
}

impl Test {
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            bench: false,
            ignored: false,
            ignore_reason: None,
            file: None,
            line: None,
            times: 1,
            annotated: None,
            context: None,
            case: None,
        }
    }

    /// The name by which the binary knows it.
    pub fn argument(&self) -> &Arc<str> {
        self.case.as_ref().map_or(&self.name, |case| &case.test)
    }

    /// It stands in a context, and nothing would set that up for it.
    pub fn misses_setup(&self) -> bool {
        self.context.is_some() && self.annotated.is_none()
    }
}

/// The tests of all binaries.
pub fn tests(binaries: Vec<TestBinary>, options: &Options) -> Result<Vec<Suite>> {
    let pool = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
    let most = options.parallel.min(binaries.len()).max(1);
    // Where the system has no room for as many threads, fewer do.
    let pool = std::iter::successors(Some(most), |threads| Some(threads / 2)).take_while(|it| *it > 0).find_map(pool);
    let suites: Result<Vec<Suite>> = match pool {
        Some(pool) => pool.install(|| binaries.into_par_iter().map(|binary| suite(binary, options)).collect()),
        None => binaries.into_iter().map(|binary| suite(binary, options)).collect(),
    };
    let mut suites = suites?;
    // A test binary without tests is one all the same; doctests that there are none of are nothing.
    suites.retain(|suite| suite.harness != Harness::Doctests || !suite.tests.is_empty());
    Ok(suites)
}

fn suite(binary: TestBinary, options: &Options) -> Result<Suite> {
    if binary.rustdoc.is_some() {
        return Ok(doctests::suite(binary, options));
    }
    let asked = if binary.libtest { libtest(&binary, options) } else { Ok(foreign::of_own_harness(&binary, options)) };
    let Foreign { harness, listed, note } =
        asked.with_context(|| format!("cannot list the tests of {} ({})", binary.id, binary.path))?;
    let Listed { tests, contexts, without_log } = listed;
    Ok(Suite { binary, harness, tests, contexts, note, without_log })
}

/// What is known of a binary from its file alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Listed {
    tests: Vec<Test>,
    contexts: Vec<Context>,
    /// Its libtest rejects `--logfile`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    without_log: bool,
}

/// A name that is listed twice runs twice, as one test.
fn merge(tests: Vec<Test>) -> Vec<Test> {
    let mut merged: Vec<Test> = Vec::with_capacity(tests.len());
    for test in tests {
        match merged.last_mut() {
            Some(last) if last.name == test.name => last.times += 1,
            _ => merged.push(test),
        }
    }
    merged
}

fn libtest(binary: &TestBinary, options: &Options) -> Result<Foreign> {
    match written_down(binary, options)? {
        Asked::Libtest(Listed { tests, contexts, without_log }) => {
            let listed = Listed { tests: cases::expand(tests, binary, options)?, contexts, without_log };
            Ok(Foreign { harness: Harness::Libtest, listed, note: None })
        }
        Asked::Other(instead) => foreign::in_place_of_libtest(binary, instead, options),
    }
}

/// What a binary turns out to be that was built for libtest's harness.
enum Asked<T> {
    Libtest(T),
    Other(Instead),
}

/// What the binary's file says, which may be remembered from the last time that it was read.
fn written_down(binary: &TestBinary, options: &Options) -> Result<Asked<Listed>> {
    let identity = memory::Identity::of(&binary.path, memory::By::Stamp);
    let folder = memory::folder(&options.memory, &binary.runner);
    if let Some(listed) = identity.as_ref().and_then(|identity| memory::recall(&folder, identity)) {
        return Ok(Asked::Libtest(listed));
    }
    let (mut tests, without_log) = match ask_libtest(binary, options) {
        Ok(Asked::Libtest((tests, without_log))) => (merge(tests), without_log),
        Ok(Asked::Other(instead)) => return Ok(Asked::Other(instead)),
        Err(error) => return Ok(Asked::Other(Instead::Error(error))),
    };
    let contexts = match section::read(&binary.path)? {
        Some(section) => annotations::understand(&section, &binary.target_name.replace('-', "_"), &mut tests)?,
        None => Vec::new(),
    };
    let listed = Listed { tests, contexts, without_log };
    if let Some(identity) = identity {
        // Without a memory the next run asks again.
        let _ = memory::keep(&folder, &identity, &listed);
    }
    Ok(Asked::Libtest(listed))
}

/// Asks for the tests, and besides whether the harness rejects `--logfile`: the option is a part of every question until
/// it is rejected, so that it costs nobody a process who takes it.
fn ask_libtest(binary: &TestBinary, options: &Options) -> Result<Asked<(Vec<Test>, bool)>> {
    let (answer, without_log) = ask_with_log(binary, &["-Zunstable-options", "--list", "--format", "json"], options)?;
    if let Some(tests) = answer.success().and_then(discovered::parse) {
        return Ok(Asked::Libtest((tests, without_log)));
    }
    let mut refuses = answer.success().is_none();
    // To look into the file starts nothing.
    if !binary.runner.is_empty() || foreign::contains_libtest(&binary.path)? {
        let (answer, without_log) = ask_for_none(binary, options)?;
        if answer.success().is_some_and(|text| text.lines().any(|line| line == "0 tests, 0 benchmarks")) {
            return Ok(Asked::Libtest((terse(binary, options)?, without_log)));
        }
        refuses &= answer.success().is_none();
    }
    Ok(Asked::Other(Instead::Answer { refuses }))
}

/// The answer, and whether it took a second question without `--logfile` to get it.
fn ask_with_log(binary: &TestBinary, args: &[&str], options: &Options) -> Result<(Answer, bool)> {
    let question = |log: &[&str]| {
        let mut command = binary.command();
        command.args(args).args(log);
        if args.contains(&"json") {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        ask(command, options)
    };
    let answer = question(&["--logfile=/dev/null"])?;
    if answer.success().is_none() && rejects_log(&answer) {
        return Ok((question(&[])?, true));
    }
    Ok((answer, false))
}

/// Whether an answer complains of `--logfile`: libtest does so with "Unrecognized option: 'logfile'", and the program that
/// starts it may have words of its own.
fn rejects_log(answer: &Answer) -> bool {
    let complains = |text: &str| text.replace("`--logfile` is deprecated", "").contains("logfile");
    complains(&answer.stderr) || complains(&answer.stdout)
}

/// Asks with all options that a run has, for a test that there is not. Nothing else than libtest's harness, of whatever
/// version, takes all of them and says that there are no tests, and no benchmarks.
fn ask_for_none(binary: &TestBinary, options: &Options) -> Result<(Answer, bool)> {
    let args = ["--list", "--exact", "--nocapture", "--test-threads=1", &terse::unknown(&[])];
    ask_with_log(binary, &args, options)
}

/// For harnesses of other toolchains, which have the terse format but not the JSON.
fn terse(binary: &TestBinary, options: &Options) -> Result<Vec<Test>> {
    let list = |more: &[&str]| -> Result<Vec<Test>> {
        let mut command = binary.command();
        command.args(terse::LIST).args(more);
        let answer = ask(command, options)?;
        let Some(tests) = answer.success().and_then(terse::parse) else {
            bail!("{}", answer.complaint());
        };
        Ok(tests)
    };
    terse::mark_ignored(list(&[])?, list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_listed_twice_is_one_test_that_runs_twice() {
        let merged = merge(vec![Test::named("a"), Test::named("b"), Test::named("b")]);
        assert_eq!(merged.iter().map(|test| test.times).collect::<Vec<_>>(), [1, 2]);
    }
}
