//! Brings a project's packages from the registry, by cargo itself, and lays them out so that they can be worked in.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use super::crates::Project;
use crate::cargo;

/// Lays the project out in a folder of its own under `target`, unless it lies there already, and returns the root of
/// its workspace.
pub(crate) fn lay_out(project: &Project, target: &Path) -> Result<PathBuf> {
    let folder = target.join(project.name);
    // What was pinned when the folder was made; without it, or with another, the folder is made anew.
    let marker = folder.join("pinned.txt");
    let pinned = format!("{}\n{}", project.title(), project.config);
    if fs::read_to_string(&marker).is_ok_and(|before| before == pinned) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    match &download(project, &target.join(format!("{}.fetch", project.name)))?[..] {
        [(_, source)] => lay_out_package(source, &folder)?,
        sources => lay_out_workspace(sources, &folder)?,
    }
    if !project.config.is_empty() {
        write(&folder.join(".config/ptest.toml"), project.config)?;
    }
    write(&marker, &pinned)?;
    Ok(folder)
}

fn lay_out_package(source: &Path, folder: &Path) -> Result<()> {
    copy(source, folder)?;
    // A published manifest has no workspace, and without one cargo would find ours above it.
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
    write(&manifest, &format!("{text}\n[workspace]\n"))
}

fn lay_out_workspace(sources: &[(&str, PathBuf)], folder: &Path) -> Result<()> {
    let names: Vec<_> = sources.iter().map(|(name, _)| name).collect();
    let mut manifest = format!("[workspace]\nresolver = \"2\"\nmembers = {names:?}\n");
    // The members depend on each other, as in the repository that they were published from.
    manifest.push_str("\n[patch.crates-io]\n");
    for (name, source) in sources {
        copy(source, &folder.join(name))?;
        writeln!(manifest, "{name} = {{ path = \"{name}\" }}")?;
    }
    write(&folder.join("Cargo.toml"), &manifest)
}

/// Makes a throw-away package that depends on the project's packages, and asks cargo where it has put their sources.
fn download(project: &Project, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut manifest =
        String::from("[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n");
    for (name, version) in project.packages {
        writeln!(manifest, "{name} = \"={version}\"")?;
    }
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src/lib.rs"), "")?;
    // Only what this platform needs; the others' libraries are the larger half of many a dependency graph.
    let metadata = MetadataCommand::new()
        .cargo_path(cargo::program())
        .current_dir(folder)
        .other_options([String::from("--filter-platform"), cargo::host()?])
        .exec()
        .context("fetching")?;
    let mut sources = Vec::new();
    for (name, version) in project.packages {
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name == *name && package.version.to_string() == *version)
            .with_context(|| format!("cargo has not fetched {name} {version}"))?;
        let source = package.manifest_path.parent().context("a manifest is in a folder")?;
        sources.push((*name, source.to_path_buf().into_std_path_buf()));
    }
    Ok(sources)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
