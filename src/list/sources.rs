//! Which files a binary was compiled from, as rustc wrote them down for cargo.

use camino::{Utf8Path, Utf8PathBuf};

use super::Suite;
use crate::files::{self, MOST_OF_A_TEXT};

/// The source files of a suite, with whole paths. Where rustc's list is not there, the files that its tests stand in.
pub fn sources(suite: &Suite) -> Vec<Utf8PathBuf> {
    let binary = &suite.binary;
    let of_tests = || suite.tests.iter().filter_map(|test| Some(test.file.as_deref()?.into())).collect();
    let mut all: Vec<Utf8PathBuf> = written_down(&binary.path).unwrap_or_else(of_tests);
    for file in &mut all {
        let whole = binary.root.join(&*file);
        // For packages of other workspaces paths begin at the package.
        *file = if whole.exists() { whole } else { binary.cwd.join(&*file) };
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The files that were read when a program or a library was built.
pub(super) fn written_down(built: &Utf8Path) -> Option<Vec<Utf8PathBuf>> {
    let name = built.file_stem()?;
    let crate_name = if built.extension().is_some() { name.strip_prefix("lib").unwrap_or(name) } else { name };
    let text = files::read_text(built.with_file_name(format!("{crate_name}.d")), MOST_OF_A_TEXT).ok()?;
    // Each has a rule of its own without anything to make it from.
    let rules = text.lines().filter_map(|line| line.strip_suffix(':'));
    let sources: Vec<_> = rules.map(|path| path.replace("\\ ", " ").into()).collect();
    (!sources.is_empty()).then_some(sources)
}

#[cfg(test)]
mod tests {
    use super::super::Test;
    use super::*;

    #[test]
    fn the_sources_of_a_library_are_what_rustc_wrote_down() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let text = "/t/libl.rlib: src/lib.rs src/a\\ b.rs\n\nsrc/lib.rs:\nsrc/a\\ b.rs:\n\n# env-dep:X=1\n";
        std::fs::write(folder.join("l-17.d"), text).unwrap();
        for library in ["libl-17.rlib", "libl-17.rmeta", "l-17"] {
            assert_eq!(written_down(&folder.join(library)).unwrap(), ["src/lib.rs", "src/a b.rs"], "{library}");
        }
        assert_eq!(written_down(&folder.join("m-17")), None);
    }

    #[test]
    fn without_such_a_list_the_tests_say_where_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(root.join("b.rs"), "").unwrap();
        let mut suite = Suite::sample();
        (suite.binary.root, suite.binary.cwd) = (root.into(), "/elsewhere".into());
        let test = |file: Option<&str>| Test { file: file.map(Into::into), ..Test::named("t") };
        suite.tests = vec![test(Some("b.rs")), test(None), test(Some("a.rs")), test(Some("b.rs"))];
        assert_eq!(sources(&suite), ["/elsewhere/a.rs".into(), root.join("b.rs")]);
    }
}
