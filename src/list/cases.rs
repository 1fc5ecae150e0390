//! Asks a binary for the cases of its generated tests. A generator may read files, so its answer is not remembered.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ptest::wire::environment::{CASES, ROLE, TOKEN, argument};
use ptest::wire::record::{Piece, Record, Splitter};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Options, Test, ask};
use crate::build::TestBinary;

/// One of a generated test's inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The test that the binary knows.
    pub test: Arc<str>,
    pub name: Arc<str>,
}

/// Puts a test for each case into the place of each generated test. One without cases stays: it says so itself when it
/// runs.
pub(super) fn expand(tests: Vec<Test>, binary: &TestBinary, options: &Options) -> Result<Vec<Test>> {
    let is_generated = |test: &Test| test.annotated.as_ref().is_some_and(|it| it.generated);
    let expanded = tests.into_par_iter().map(|test| match is_generated(&test) {
        true => of_test(&test, binary, options).with_context(|| format!("the cases of {}", describe(&test))),
        false => Ok(vec![test]),
    });
    Ok(expanded.collect::<Result<Vec<_>>>()?.concat())
}

fn describe(test: &Test) -> String {
    match (&test.file, test.line) {
        (Some(file), Some(line)) => format!("{} ({file}:{line})", test.name),
        _ => test.name.to_string(),
    }
}

fn of_test(test: &Test, binary: &TestBinary, options: &Options) -> Result<Vec<Test>> {
    let token = token();
    let mut command = binary.command();
    command
        .args(["--exact", &test.name, "--nocapture", "--test-threads=1", "--include-ignored"])
        .args(["--skip", &argument(&token)])
        .env(ROLE, CASES)
        .env(TOKEN, &token);
    let answer = ask(command, options)?;
    let said = [&answer.stdout, &answer.stderr].map(|text| read(text.as_bytes(), &token));
    let [records, more] = said;
    if !answer.status.success() {
        let last = answer.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no word on stderr");
        bail!("the generator failed: {} and {last:?}", answer.status);
    }
    let names = complete(&[records, more].concat())?;
    if names.is_empty() {
        return Ok(vec![test.clone()]);
    }
    let case = |name: Arc<str>| Test {
        name: format!("{}[{name}]", test.name).into(),
        case: Some(Case { test: test.name.clone(), name }),
        ..test.clone()
    };
    Ok(names.into_iter().map(case).collect())
}

fn read(bytes: &[u8], token: &str) -> Vec<Record> {
    let records = Splitter::new(token).read(bytes).into_iter().filter_map(|piece| match piece {
        Piece::Record(record) => Some(record),
        Piece::Text(_) => None,
    });
    records.collect()
}

/// The names of the cases, if they are all there and each is there once.
fn complete(records: &[Record]) -> Result<Vec<Arc<str>>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut seen = HashSet::new();
    let mut end = None;
    for record in records {
        match record {
            Record::Case { name } => {
                ensure!(
                    seen.insert(name),
                    "the generator gives two cases the name {name:?}: each needs a name of its own"
                );
                names.push(name.as_str().into());
            }
            Record::CasesEnd { count } => end = Some(*count),
            _ => {}
        }
    }
    let Some(count) = end else { bail!("the generator ended before its last case") };
    ensure!(count == names.len() as u64, "of {count} cases only {} arrived", names.len());
    Ok(names)
}

/// What only a process and its reader know: nothing that a test prints can be taken for a record.
pub fn token() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Each state has a random key of its own.
    format!("{:016x}", RandomState::new().hash_one(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str) -> Record {
        Record::Case { name: name.to_owned() }
    }

    #[test]
    fn cases_are_all_there_and_each_once() {
        let end = |count| Record::CasesEnd { count };
        assert_eq!(complete(&[case("b"), case("a"), end(2)]).unwrap(), ["b".into(), "a".into()]);
        assert_eq!(complete(&[end(0)]).unwrap(), []);
        let mistake = |records: &[Record]| complete(records).unwrap_err().to_string();
        assert!(mistake(&[case("a"), case("a"), end(2)]).contains("two cases the name \"a\""));
        assert!(mistake(&[case("a"), end(2)]).contains("of 2 cases only 1 arrived"));
        assert!(mistake(&[case("a")]).contains("before its last case"));
    }

    #[test]
    fn records_are_read_from_what_else_is_printed() {
        let bytes = [b"noise ".to_vec(), case("n3").encode("t"), b"more".to_vec()].concat();
        assert_eq!(read(&bytes, "t"), [case("n3")]);
        assert_eq!(read(&bytes, "other"), []);
    }

    #[test]
    fn no_two_tokens_are_alike() {
        assert_ne!(token(), token());
    }
}
