//! Checks by machine what no reviewer remembers to look at, and what no large code base keeps by good intentions alone.
//!
//! It is a command for people and a `#[test]` for everybody else, so that the rules can't be forgotten.

mod files;
mod fixtures;
mod imports;
mod links;
mod packages;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cargo;

pub(crate) fn run() -> Result<()> {
    let faults = faults(cargo::repository())?;
    for fault in &faults {
        eprintln!("{fault}");
    }
    ensure!(faults.is_empty(), "tidy: {} faults", faults.len());
    Ok(())
}

/// What is wrong with the links of the pages alone.
pub(crate) fn broken_links(root: &Path) -> Result<Vec<String>> {
    links::faults(root)
}

/// A file of Rust, with its path from the root of the repository, `/` between the parts.
struct Source {
    path: String,
    text: String,
}

/// Everything that is wrong, each as `path:line: what and what instead`.
fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for source in sources(root, &["crates", "src", "tests", "xtask"])? {
        faults.extend(files::faults(&source));
        if source.path.starts_with("src/") {
            faults.extend(imports::faults(&source));
        }
    }
    faults.extend(fixtures::faults(&root.join("fixtures"))?);
    faults.extend(links::faults(root)?);
    faults.extend(packages::faults(root)?);
    Ok(faults)
}

fn sources(root: &Path, folders: &[&str]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()) {
        walk(&folder, &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                sources.push(Source { path, text });
            }
            Ok(())
        })?;
    }
    Ok(sources)
}

/// Visits every file under a folder in the order of their names; what cargo built is nobody's source.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if !path.is_dir() {
            visit(&path)?;
        } else if !path.ends_with("target") {
            walk(&path, visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::faults;
    use crate::cargo;

    #[test]
    fn the_repository_is_tidy() {
        let faults = faults(cargo::repository()).unwrap();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
}
