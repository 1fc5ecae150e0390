//! Asks binaries whose tests are not run by libtest's harness as it is: their harness is their own (`harness = false`),
//! or a test framework of their own stands in its place (`#![test_runner]`), or a `target.*.runner` understands only
//! options of its own.
//!
//! Such a binary gets a process for each test, if it lists them (some do so only for nextest, so that is said to them); otherwise it is run whole. It must not be taken for one
//! without tests, nor for one that passes because it could not be asked. So a binary that has libtest's harness in it
//! and fails when it should list is an error: whatever stops it there might stop it at a test as well, and pass.

use std::io::{self, Read};

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use camino::Utf8Path;
use memchr::memmem;

use super::answer::Answer;
use super::{Harness, Listed, NEXTEST, Options, Test, annotations, ask, merge, section, terse};
use crate::build::{JOBSERVER, TestBinary};
use crate::errors;
use crate::files;

/// How such a binary is to be run, with which tests, and what people should know of that.
pub(super) struct Foreign {
    pub(super) harness: Harness,
    pub(super) listed: Listed,
    pub(super) note: Option<String>,
}

impl Foreign {
    fn custom(tests: Vec<Test>, note: Option<String>) -> Self {
        let listed = Listed { tests: merge(tests), ..Listed::default() };
        Self { harness: Harness::Custom, listed, note }
    }

    fn whole(binary: &TestBinary, note: String) -> Self {
        let listed = Listed { tests: vec![Test::named(&binary.target_name)], ..Listed::default() };
        Self { harness: Harness::Whole, listed, note: Some(note) }
    }
}

/// What came in the place of libtest's answer.
pub(super) enum Instead {
    /// It could not be asked.
    Error(Error),
    /// An answer of another kind. Who `refuses` what is asked in libtest's words goes by the options, so that an answer
    /// to a question in other words is one, even if it is empty.
    Answer { refuses: bool },
}

/// Of a binary with `harness = false`, of which anything may be expected.
pub(super) fn of_own_harness(binary: &TestBinary, options: &Options) -> Foreign {
    of_own(binary, "harness", Lists::of(binary, false), options)
}

/// Of a binary that was built for libtest's harness and does not answer as that does.
pub(super) fn in_place_of_libtest(binary: &TestBinary, instead: Instead, options: &Options) -> Result<Foreign> {
    options.asking.ensure_wanted()?;
    ensure_not_annotated(binary, &instead)?;
    let has_libtest = contains_libtest(&binary.path)?;
    match instead {
        Instead::Error(error) if has_libtest => Err(error),
        Instead::Error(error) => {
            Ok(Foreign::whole(binary, does_not_list(binary, "test framework", &errors::describe(&error))))
        }
        Instead::Answer { refuses } if has_libtest => behind_runner(binary, Lists::of(binary, refuses), options),
        Instead::Answer { refuses } => Ok(of_own(binary, "test framework", Lists::of(binary, refuses), options)),
    }
}

/// Nobody else knows what annotations ask for, and tests that ignore them might well pass.
fn ensure_not_annotated(binary: &TestBinary, instead: &Instead) -> Result<()> {
    let Some(texts) = section::read(&binary.path)? else { return Ok(()) };
    let why = match instead {
        Instead::Error(error) => errors::describe(error),
        Instead::Answer { .. } => "it does not answer --list as that does".to_owned(),
    };
    ensure!(
        !annotations::are_of(&texts, &binary.target_name.replace('-', "_")),
        "its tests have annotations of ptest, which need libtest's harness and a runner that passes its options on; {why}"
    );
    Ok(())
}

/// What is taken for a list.
#[derive(Clone, Copy, PartialEq)]
enum Lists {
    /// Nothing but lines that stand for tests.
    Strict,
    /// Any lines among which there is one.
    Among,
    /// The same, or nothing at all, where the runner goes by the options that it is given.
    AmongOrNone,
}

impl Lists {
    fn of(binary: &TestBinary, refuses: bool) -> Self {
        match (binary.runner.is_empty(), refuses) {
            (true, _) => Self::Strict,
            (false, false) => Self::Among,
            (false, true) => Self::AmongOrNone,
        }
    }

    fn find(self, text: &str) -> Option<Vec<Test>> {
        match self {
            Self::Strict => terse::parse(text).filter(|tests| !tests.is_empty()),
            Self::AmongOrNone if text.trim().is_empty() => Some(Vec::new()),
            Self::Among | Self::AmongOrNone => terse::find(text),
        }
    }

    /// Asks for a list, and for any other one if only some tests are asked for.
    fn ask(self, binary: &TestBinary, more: &[&str], options: &Options) -> Result<Vec<Test>> {
        let answer = question(binary, more, options)?;
        let found = answer.success().and_then(|text| match more {
            [] => self.find(text),
            // There need not be any of these.
            _ if self == Self::Strict => terse::parse(text),
            _ => Some(terse::find(text).unwrap_or_default()),
        });
        found.ok_or_else(|| anyhow!(answer.complaint()))
    }
}

/// `own` is what the binary has of its own.
fn of_own(binary: &TestBinary, own: &str, lists: Lists, options: &Options) -> Foreign {
    match lists.ask(binary, &[], options) {
        Ok(all) => {
            // A harness that refuses the option has no ignored tests.
            let marked = terse::mark_ignored(all.clone(), |more| lists.ask(binary, more, options)).unwrap_or(all);
            Foreign::custom(marked, None)
        }
        Err(error) => Foreign::whole(binary, does_not_list(binary, own, &errors::describe(&error))),
    }
}

fn does_not_list(binary: &TestBinary, own: &str, why: &str) -> String {
    format!("{} has a {own} of its own that does not list tests ({why}): it runs as one test", binary.id)
}

/// Of a binary with libtest's harness, whose options do not all reach it.
fn behind_runner(binary: &TestBinary, lists: Lists, options: &Options) -> Result<Foreign> {
    let who = match &binary.runner[..] {
        [] => format!("{} does not take the options of libtest", binary.id),
        words => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            format!(
                "{} is started by a runner that does not take the options of libtest ({})",
                binary.id,
                words.join(" ")
            )
        }
    };
    let answer = question(binary, &[], options)?;
    let complaint = answer.complaint();
    let Some(text) = answer.success() else {
        bail!("{complaint}; code that runs before its tests must let it list them");
    };
    if let Some(all) = lists.find(text) {
        let tests = terse::mark_ignored(all, |more| lists.ask(binary, more, options))?;
        let note = format!("{who}: each test has a process of its own, whose exit status is the verdict");
        return Ok(Foreign::custom(tests, Some(note)));
    }
    ensure!(
        !text.trim().is_empty() || !binary.runner.is_empty(),
        "it has libtest's harness, but exits without listing its tests"
    );
    Ok(Foreign::whole(binary, format!("{who}, nor does it list tests ({complaint}): it runs as one test")))
}

fn question(binary: &TestBinary, more: &[&str], options: &Options) -> Result<Answer> {
    let mut command = binary.command();
    command.args(terse::LIST).args(more).env(NEXTEST, "1");
    // What does not list its tests may run them.
    for name in JOBSERVER.iter().filter(|_| binary.jobserver) {
        command.env_remove(name);
    }
    ask(command, options)
}

/// A sentence of libtest's own help, which is in every program that has its harness.
const OF_LIBTEST: &[u8] = b"The FILTER string is tested against the name of all tests";

/// How much of a file is read at once, in bytes.
const PIECE: usize = 1024 * 1024;

pub(super) fn contains_libtest(path: &Utf8Path) -> Result<bool> {
    let found = files::open(path).and_then(|file| contains(file, OF_LIBTEST, PIECE));
    found.with_context(|| format!("cannot read {path}"))
}

fn contains(mut file: impl Read, needle: &[u8], piece: usize) -> io::Result<bool> {
    let finder = memmem::Finder::new(needle);
    let mut bytes = Vec::new();
    loop {
        if file.by_ref().take(piece as u64).read_to_end(&mut bytes)? == 0 {
            return Ok(false);
        }
        if finder.find(&bytes).is_some() {
            return Ok(true);
        }
        // It may begin in this piece and end in the next one.
        bytes.drain(..bytes.len().saturating_sub(needle.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_the_pieces_of_a_file() {
        let text = b"one two three four";
        for piece in 1..=text.len() {
            assert!(contains(&text[..], b"three", piece).unwrap(), "{piece}");
            assert!(!contains(&text[..], b"threes", piece).unwrap(), "{piece}");
        }
    }

    #[test]
    fn this_very_program_has_libtests_harness_in_it() {
        let own = std::env::current_exe().unwrap();
        assert!(contains_libtest(Utf8Path::from_path(&own).unwrap()).unwrap());
    }
}
