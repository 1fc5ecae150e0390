//! Every fixture says what it is for. Their tests fail, crash and hang on purpose, and without a word on which purpose
//! nobody dares to change one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::walk;

pub(super) fn faults(fixtures: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if fixtures.exists() {
        walk(fixtures, &mut |path| {
            if path.ends_with("Cargo.toml") {
                faults.extend(fault(path)?);
            }
            Ok(())
        })?;
    }
    Ok(faults)
}

/// What is wrong with the package, or the workspace of packages, that a manifest describes.
fn fault(manifest: &Path) -> Result<Option<String>> {
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let main = main_file(folder)?.unwrap_or_else(|| manifest.to_path_buf());
    let text = fs::read_to_string(&main).with_context(|| format!("reading {}", main.display()))?;
    let comment = if main == manifest { "#" } else { "//" };
    let fault = format!("{}:1: opens without a comment on what the fixture is for", main.display());
    Ok((!text.starts_with(comment)).then_some(fault))
}

/// The file that one opens first: the library, the program, else the first of the integration tests.
fn main_file(folder: &Path) -> Result<Option<std::path::PathBuf>> {
    let mut tests = Vec::new();
    if folder.join("tests").exists() {
        walk(&folder.join("tests"), &mut |path| {
            tests.push(path.to_path_buf());
            Ok(())
        })?;
    }
    tests.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let candidates = [folder.join("src/lib.rs"), folder.join("src/main.rs")].into_iter().chain(tests);
    Ok(candidates.into_iter().find(|path| path.exists()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::faults;

    /// Writes one fixture's files to a folder of their own, and says how many faults they have.
    fn faults_of(files: &[(&str, &str)]) -> usize {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join("crash").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        faults(folder.path()).unwrap().len()
    }

    #[test]
    fn a_fixture_that_does_not_say_what_it_is_for_is_a_fault() {
        assert_eq!(faults_of(&[("Cargo.toml", "[package]"), ("src/lib.rs", "#[test] fn aborts() {}")]), 1);
        assert_eq!(faults_of(&[("Cargo.toml", "[package]"), ("tests/crash.rs", "#[test] fn aborts() {}")]), 1);
        assert_eq!(faults_of(&[("Cargo.toml", "[workspace]")]), 1);
    }

    #[test]
    fn the_main_file_speaks_for_the_fixture() {
        let files = [("Cargo.toml", "[package]"), ("src/lib.rs", "//! Aborts."), ("tests/crash.rs", "fn main() {}")];
        assert_eq!(faults_of(&files), 0);
        assert_eq!(faults_of(&[("Cargo.toml", "# Several.\n[workspace]")]), 0);
    }
}
