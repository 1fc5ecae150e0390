//! Asks rustdoc for a library's doctests.
//!
//! rustdoc has to read the whole library to answer, so what it said is remembered, above all that there is none. It is
//! good for as long as the library has the same content, which changes whenever a file does that was read for it.
//! But rustdoc may read more than was read then: who writes `#[cfg(doctest)]` includes files that only it sees. So the
//! sources of a library are searched for such words, and if there are any, rustdoc is asked each time.

use std::sync::Arc;

use anyhow::{Result, bail};
use camino::Utf8Path;

use super::{Harness, Listed, Options, Suite, Test, ask, memory, merge, sources, terse};
use crate::build::TestBinary;
use crate::errors::describe;
use crate::files::{self, MOST_OF_A_TEXT};

/// The doctests of a library. If rustdoc does not tell them, they are one test: it may still say why when it runs them.
pub(super) fn suite(binary: TestBinary, options: &Options) -> Suite {
    match written_down(&binary, options) {
        Ok(Listed { tests, contexts, without_log }) => {
            Suite { binary, harness: Harness::Doctests, tests, contexts, note: None, without_log }
        }
        Err(error) => {
            let note = format!(
                "the doctests of {} cannot be listed ({}): they run as one test",
                binary.package,
                describe(&error)
            );
            let tests = vec![Test::named(&binary.target_name)];
            Suite { binary, harness: Harness::Whole, tests, contexts: Vec::new(), note: Some(note), without_log: false }
        }
    }
}

fn written_down(binary: &TestBinary, options: &Options) -> Result<Listed> {
    let folder = options.memory.join("doctests");
    let identity = memory::Identity::of(&binary.path, memory::By::Content);
    if let Some(listed) = identity.as_ref().and_then(|identity| memory::recall(&folder, identity)) {
        return Ok(listed);
    }
    let sources = Sources::read(&binary.path, &binary.root);
    let tests = ask_rustdoc(binary, sources.as_ref(), options)?;
    let listed = Listed { tests, ..Listed::default() };
    if let Some(identity) = identity.filter(|_| sources.is_some()) {
        // Without a memory the next run asks again.
        let _ = memory::keep(&folder, &identity, &listed);
    }
    Ok(listed)
}

/// The JSON that tells everything in one call needs `RUSTC_BOOTSTRAP`, for which build scripts would run again. To list
/// the doctests that it compiles as one program rustdoc compiles them, so it is not asked a second time in vain.
fn ask_rustdoc(binary: &TestBinary, sources: Option<&Sources>, options: &Options) -> Result<Vec<Test>> {
    let list = |more: &[&str]| -> Result<Vec<Test>> {
        let mut command = binary.command();
        command.args(["--list", "--format=terse"]).args(more);
        let answer = ask(command, options)?;
        let Some(tests) = answer.success().and_then(|text| terse::parse(&without_times(text))) else {
            bail!("{}", answer.complaint());
        };
        Ok(tests)
    };
    let mut all = list(&[])?;
    if sources.is_none_or(|sources| sources.ignore) {
        all = terse::mark_ignored(all, list)?;
    }
    // Those that are compiled together are listed first.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(merge(all.into_iter().map(placed).collect()))
}

/// rustdoc says how long it took to compile, even if it only lists.
fn without_times(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("all doctests ran in ")).collect()
}

/// A doctest's name says where it stands: `src/lib.rs - module::item (line 7)`.
fn placed(test: Test) -> Test {
    let place = || {
        let (file, rest) = test.name.split_once(" - ")?;
        let (_, line) = rest.rsplit_once("(line ")?;
        Some((Arc::from(file), line.strip_suffix(')')?.parse().ok()?))
    };
    match place() {
        Some((file, line)) => Test { file: Some(file), line: Some(line), ..test },
        None => test,
    }
}

/// What stands in the sources of a library.
struct Sources {
    /// The word with which doctests are ignored.
    ignore: bool,
}

impl Sources {
    /// `None` if rustdoc may read other files than these.
    fn read(library: &Utf8Path, root: &Utf8Path) -> Option<Self> {
        let mut ignore = false;
        for source in sources::written_down(library)? {
            let text = files::read_text(root.join(source), MOST_OF_A_TEXT).ok()?;
            if makes_exception(&text) {
                return None;
            }
            ignore |= text.contains("ignore");
        }
        Some(Self { ignore })
    }
}

/// `cfg(doctest)`, `any(doc, test)`, `not(test)` and their like, however they are laid out. What only looks so costs a
/// question to rustdoc.
fn makes_exception(text: &str) -> bool {
    let words = ["doctest", "(doc)", "(doc,", ",doc)", ",doc,", "(doc/", ",doc/", "not(test", "not(any(", "not(all("];
    text.contains("cfg") && {
        let text: String = text.split_whitespace().collect();
        words.iter().any(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doctests_name_says_where_it_stands() {
        let place = |name| {
            let test = placed(Test::named(name));
            test.file.map(|file| (file.to_string(), test.line.unwrap()))
        };
        assert_eq!(place("src/a b.rs - a::f<T> (line 7)"), Some(("src/a b.rs".to_owned(), 7)));
        assert_eq!(place("README.md - (line 12)"), Some(("README.md".to_owned(), 12)));
        assert_eq!(place("elsewhere"), None);
    }

    #[test]
    fn a_list_may_tell_besides_how_long_it_took() {
        let text = "src/lib.rs - a (line 1): test\nall doctests ran in 0.53s; merged doctests compilation took 0.52s";
        assert_eq!(terse::parse(&without_times(text)).unwrap().len(), 1);
    }

    #[test]
    fn what_only_rustdoc_sees_is_an_exception() {
        assert!(makes_exception("#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;"));
        assert!(makes_exception("#[cfg(any(doc, feature = \"x\"))] mod m;"));
        assert!(makes_exception("#![cfg_attr(not(test), doc = include_str!(\"x.md\"))]"));
        assert!(makes_exception("#[cfg(any(\n    feature = \"x\",\n    doc\n))] mod m;"));
        assert!(makes_exception("#[cfg(any(\n    doc // for docs.rs\n))] mod m;"));
        assert!(makes_exception("#[cfg(not(any(\n    test,\n    windows\n)))] mod m;"));
        assert!(!makes_exception("#[cfg(all(unix, not(windows)))]\n/// Documents it.\npub fn f() {}"));
        assert!(!makes_exception("/// doctests, (doc), or not(test)\npub fn f() {}"));
    }
}
