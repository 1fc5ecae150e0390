//! What tests and setups took in earlier runs: it orders the next one.
//!
//! Each test binary has a small file under `target/ptest/history`, of its own for each profile, since a debug build
//! and a release build have little in common. [`recall`] reads those of the binaries at hand; a [`Keeper`] listens to
//! the run and writes them anew. A file that cannot be read, or makes no sense, is as good as none: a run without
//! history is in another order, and nothing else.
//!
//! What a program makes once and keeps, a connection for example, is paid for in each process, by the first test that
//! needs it. That is told apart from what the test takes itself ([`learned`]), since it decides how few processes there
//! should be.

mod file;
mod keeper;
mod learned;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use xxhash_rust::xxh64::xxh64;

use crate::build::TestBinary;
use crate::files::{self, MOST_OF_A_MEMORY};
use crate::list::Suite;

pub use keeper::Keeper;

/// What the tests and contexts of one suite took, in the suite's order. `None` for what never ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    pub tests: Vec<Option<Duration>>,
    /// The setups of the contexts.
    pub setups: Vec<Option<Duration>>,
    /// What each process pays once, whichever of its tests comes to need it first: for what the program makes, and keeps
    /// for the others.
    pub warmup: Duration,
    /// The tests that were never seen but when they may have paid that.
    cold_only: Vec<bool>,
    /// The tests that have paid that, so that they need what is paid for.
    paid: Vec<bool>,
}

impl Lengths {
    fn unknown(suite: &Suite) -> Self {
        Self::known(vec![None; suite.tests.len()], vec![None; suite.contexts.len()])
    }

    /// What a test is thought to take, as one of many that its process runs.
    pub fn of(&self, test: usize) -> Option<Duration> {
        self.tests[test]
    }

    /// Whether the test pays what its process pays once, if no other one has before it.
    pub fn pays(&self, test: usize) -> bool {
        !self.warmup.is_zero() && (self.paid[test] || self.cold_only[test])
    }

    /// Without anything that processes pay once.
    fn known(tests: Vec<Option<Duration>>, setups: Vec<Option<Duration>>) -> Self {
        let none = vec![false; tests.len()];
        Self { cold_only: none.clone(), paid: none, tests, setups, warmup: Duration::ZERO }
    }
}

/// For who does not want to know.
pub fn nothing(suites: &[&Suite]) -> Vec<Lengths> {
    suites.iter().map(|suite| Lengths::unknown(suite)).collect()
}

/// What is remembered of these suites, in their order.
pub fn recall(folder: &Utf8Path, suites: &[&Suite]) -> Vec<Lengths> {
    suites.par_iter().map(|suite| of_suite(folder, suite)).collect()
}

fn of_suite(folder: &Utf8Path, suite: &Suite) -> Lengths {
    let text = files::read_text(place(folder, &suite.binary), MOST_OF_A_MEMORY).ok();
    let lengths = text.and_then(|text| file::parse(&text, tests(suite), contexts(suite)));
    lengths.unwrap_or_else(|| Lengths::unknown(suite))
}

fn tests(suite: &Suite) -> impl Iterator<Item = &str> {
    suite.tests.iter().map(|test| &*test.name)
}

fn contexts(suite: &Suite) -> impl Iterator<Item = &str> {
    suite.contexts.iter().map(|context| &*context.module)
}

/// The tests of a binary, by its id alone, of which anything was remembered at this time, in whichever profile.
pub fn remembered(folder: &Utf8Path, binary: &str, at: SystemTime) -> HashSet<String> {
    let (mut names, prefix) = (HashSet::new(), format!("{}.", readable(binary)));
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let was_there = || entry.metadata().and_then(|it| it.modified()).is_ok_and(|changed| changed <= at);
        if entry.file_name().starts_with(&prefix) && was_there() {
            let text = files::read_text(entry.path(), MOST_OF_A_MEMORY).unwrap_or_default();
            names.extend(file::tests(&text).map(str::to_owned));
        }
    }
    names
}

/// The file of a binary: named so that people find it, with a hash that tells alike ones apart.
fn place(folder: &Utf8Path, binary: &TestBinary) -> Utf8PathBuf {
    // PROFILE/deps/NAME-HASH
    let profile = binary.path.ancestors().nth(2).map_or("", Utf8Path::as_str);
    let readable = readable(&binary.id);
    // Several workspaces may share a target folder, and have packages of one name.
    let hash = xxh64(format!("{profile}\n{}\n{}", binary.cwd, binary.id).as_bytes(), 0);
    folder.join(format!("{readable}.{hash:016x}"))
}

/// A binary's id as a part of a file's name.
fn readable(binary: &str) -> String {
    binary.chars().take(80).map(|it| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' }).collect()
}
