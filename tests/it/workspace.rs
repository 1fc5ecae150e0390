//! Workspaces made for one test: copies of fixtures with a configuration beside them, and crates of a few lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tool::{Tool, clean, fixtures, ptest};

/// A workspace in a folder that goes away with it, built in there as well.
pub struct Workspace(TempDir);

impl Workspace {
    fn empty() -> Self {
        // Cargo names the folder to which macOS's one for temporary files is a link.
        let folder = std::env::temp_dir().canonicalize().unwrap();
        Self(tempfile::tempdir_in(folder).unwrap())
    }

    /// Some of the fixtures, without their common manifest.
    pub fn of_fixtures(names: &[&str]) -> Self {
        let workspace = Self::empty();
        for name in names {
            copy(&fixtures().join(name), &workspace.path().join(name));
        }
        workspace.file("Cargo.toml", &format!("[workspace]\nresolver = \"3\"\nmembers = {names:?}\n"))
    }

    /// A package that is called `made`, with what `manifest` adds to its name.
    pub fn of_package(manifest: &str) -> Self {
        let head = "[workspace]\n[package]\nname = \"made\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
        Self::empty().file("Cargo.toml", &format!("{head}{manifest}"))
    }

    /// Adds a file, together with its folders.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn config(self, text: &str) -> Self {
        self.file(".config/ptest.toml", text)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn target(&self) -> PathBuf {
        self.path().join("target")
    }

    pub fn ptest(&self) -> Tool {
        ptest(&[]).inside(self.path()).env("CARGO_TARGET_DIR", self.target())
    }

    /// `cargo ptest` with a subcommand of its own.
    pub fn tool(&self, subcommand: &str) -> Tool {
        self.ptest().args([subcommand])
    }

    /// Another program, in the same place and environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = clean(program);
        command.current_dir(self.path()).env("CARGO_TARGET_DIR", self.target());
        command
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
