//! Asks binaries whose tests are not run by libtest's harness as it is: their harness is their own (`harness = false`),
//! or a test framework of their own stands in its place (`#![test_runner]`), or a `target.*.runner` understands only
//! options of its own.
//!
//! Such a binary gets a process for each test, if it lists them; otherwise it is run whole. It must not be taken for one
//! without tests, nor for one that passes because it could not be asked. So a binary that has libtest's harness in it
//! and fails when it should list is an error: whatever stops it there might stop it at a test as well, and pass.

use std::io::Read;
use std::{fs::File, io};

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use camino::Utf8Path;
use memchr::memmem;

use super::answer::Answer;
use super::{Harness, Listed, Options, Test, annotations, ask, merge, section, terse};
use crate::build::TestBinary;

/// How such a binary is to be run, with which tests, and what people should know of that.
pub(super) struct Foreign {
    pub(super) harness: Harness,
    pub(super) listed: Listed,
    pub(super) note: Option<String>,
}

impl Foreign {
    fn custom(tests: Vec<Test>, note: Option<String>) -> Self {
        let listed = Listed { tests: merge(tests), contexts: Vec::new() };
        Self { harness: Harness::Custom, listed, note }
    }

    fn whole(binary: &TestBinary, note: String) -> Self {
        let listed = Listed { tests: vec![Test::named(&binary.target_name)], contexts: Vec::new() };
        Self { harness: Harness::Whole, listed, note: Some(note) }
    }
}

/// Of a binary with `harness = false`, of which anything may be expected.
pub(super) fn of_own_harness(binary: &TestBinary, options: &Options) -> Foreign {
    of_own(binary, "harness", options)
}

/// Of a binary that was built for libtest's harness and does not answer as that does; or could not be asked, which
/// `error` says then.
pub(super) fn in_place_of_libtest(binary: &TestBinary, error: Option<Error>, options: &Options) -> Result<Foreign> {
    options.asking.ensure_wanted()?;
    if let Some(texts) = section::read(&binary.path)? {
        let is_annotated = annotations::are_of(&texts, &binary.target_name.replace('-', "_"));
        ensure!(
            !is_annotated,
            "its tests have annotations of ptest, which need libtest's harness and a runner that passes its options on; {}",
            error.map_or_else(|| "it does not answer --list as that does".to_owned(), |error| format!("{error:#}"))
        );
    }
    let has_libtest = contains_libtest(&binary.path)?;
    match error {
        Some(error) if has_libtest => Err(error),
        Some(error) => Ok(Foreign::whole(binary, does_not_list(binary, "test framework", &format!("{error:#}")))),
        None if has_libtest => behind_runner(binary, options),
        None => Ok(of_own(binary, "test framework", options)),
    }
}

/// `own` is what the binary has of its own.
fn of_own(binary: &TestBinary, own: &str, options: &Options) -> Foreign {
    let parse = if binary.runner.is_empty() { terse::parse } else { terse::find };
    let list = |more: &[&str]| {
        let answer = question(binary, more, options)?;
        answer.success().and_then(parse).ok_or_else(|| anyhow!(answer.complaint()))
    };
    match list(&[]) {
        Ok(all) if !all.is_empty() => {
            // A harness that refuses the option has no ignored tests.
            let marked = terse::mark_ignored(all.clone(), list).unwrap_or(all);
            Foreign::custom(marked, None)
        }
        other => {
            let why = other.err().map_or_else(|| "it lists nothing".to_owned(), |error| format!("{error:#}"));
            Foreign::whole(binary, does_not_list(binary, own, &why))
        }
    }
}

fn does_not_list(binary: &TestBinary, own: &str, why: &str) -> String {
    format!("{} has a {own} of its own that does not list tests ({why}): it runs as one test", binary.id)
}

/// Of a binary with libtest's harness, whose options do not all reach it.
fn behind_runner(binary: &TestBinary, options: &Options) -> Result<Foreign> {
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
    let list = |more: &[&str]| {
        let answer = question(binary, more, options)?;
        answer.success().and_then(terse::find).ok_or_else(|| anyhow!(answer.complaint()))
    };
    let answer = question(binary, &[], options)?;
    let complaint = answer.complaint();
    match answer.success() {
        Some(text) => match terse::find(text) {
            Some(all) => {
                let tests = terse::mark_ignored(all, list)?;
                let note = format!("{who}: each test has a process of its own, whose exit status is the verdict");
                Ok(Foreign::custom(tests, Some(note)))
            }
            None if !text.trim().is_empty() || !binary.runner.is_empty() => {
                Ok(Foreign::whole(binary, format!("{who}, nor does it list tests ({complaint}): it runs as one test")))
            }
            None => {
                bail!("it has libtest's harness, and ends without listing its tests: something ends it before that")
            }
        },
        None => bail!("{complaint}; whatever runs before its tests has to let it list them"),
    }
}

fn question(binary: &TestBinary, more: &[&str], options: &Options) -> Result<Answer> {
    let mut command = binary.command();
    command.args(terse::LIST).args(more);
    ask(command, options)
}

/// A sentence of libtest's own help, which is in every program that has its harness.
const OF_LIBTEST: &[u8] = b"The FILTER string is tested against the name of all tests";

/// How much of a file is read at once, in bytes.
const PIECE: usize = 1024 * 1024;

pub(super) fn contains_libtest(path: &Utf8Path) -> Result<bool> {
    let found = File::open(path).and_then(|file| contains(file, OF_LIBTEST, PIECE));
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
