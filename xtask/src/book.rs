//! The pages of `docs` as a book, built with mdBook below the target folder.
//!
//! The pages are written for the forge, with links to files outside of `docs`. So the book is built from copies, in which
//! links to what is not in the book are plain text.

mod html;
mod source;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{cargo, tidy};

pub(crate) fn run() -> Result<()> {
    let root = cargo::repository();
    let broken = tidy::broken_links(root)?;
    for fault in &broken {
        eprintln!("{fault}");
    }
    ensure!(broken.is_empty(), "book: {} faults in the pages", broken.len());
    let target = cargo::target_folder()?;
    let (source, book) = (target.join("book-source"), target.join("book"));
    source::write(root, &source)?;
    let mdbook = mdbook(&target.join("tools"))?;
    let status = Command::new(&mdbook).arg("build").arg(&source).arg("--dest-dir").arg(&book).status();
    ensure!(status.context("running mdbook")?.success(), "mdbook build failed");
    let broken = html::broken_links(&book)?;
    if !broken.is_empty() {
        bail!("book: links that lead nowhere:\n{}", broken.join("\n"));
    }
    println!("book: {}", book.join("index.html").display());
    Ok(())
}

/// The mdBook on the `PATH`, or one below the target folder, which is installed first.
fn mdbook(tools: &Path) -> Result<PathBuf> {
    let own = tools.join("bin/mdbook");
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).map(|folder| folder.join("mdbook")).chain([own.clone()]);
    if let Some(found) = candidates.find(|it| it.is_file()) {
        return Ok(found);
    }
    println!("book: installs mdbook in {}, which takes some minutes", tools.display());
    let status = cargo::here(&["install", "mdbook", "--locked", "--root"]).arg(tools).status();
    ensure!(status.context("running cargo install")?.success(), "mdbook could not be installed");
    Ok(own)
}
