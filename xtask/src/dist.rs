//! Builds the archive that `cargo binstall` downloads for one target: the program, its licences, man page and completions.
//!
//! The release workflow calls this once per target. Everything that the archive's name consists of is written in
//! `[package.metadata.binstall]` of the runner's manifest, too; a test compares the two.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo;

/// Files of the repository that are in each archive.
const FILES: &[&str] = &["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// What `cargo ptest --generate` is asked for, and the file for it.
const GENERATED: &[(&str, &str)] = &[
    ("man", "cargo-ptest.1"),
    ("bash", "completions/cargo-ptest.bash"),
    ("fish", "completions/cargo-ptest.fish"),
    ("zsh", "completions/_cargo-ptest"),
];

/// The release profile is for people who work on the runner; a program that is built once may take longer for it.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

#[derive(Args)]
pub(crate) struct Options {
    /// The target triple to build for; this machine must be able to run its programs. By default the compiler's own
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let target = options.target.clone().map_or_else(cargo::host, Ok)?;
    let program = cargo::ptest_for(&target, PROFILE)?;
    let folder = cargo::target_folder()?.join("dist");
    let name = name(&version()?, &target);
    let contents = folder.join(&name);
    if contents.exists() {
        fs::remove_dir_all(&contents).with_context(|| format!("removing {}", contents.display()))?;
    }
    fill(&contents, &program)?;
    let archive = pack(&folder, &name)?;
    println!("dist: {}", archive.display());
    Ok(())
}

fn version() -> Result<String> {
    let packages = cargo::published()?;
    let runner = packages.iter().find(|package| *package.name == "ptest-runner").context("there is no ptest-runner")?;
    Ok(runner.version.to_string())
}

/// The name of the archive without its extension, and of the only folder in it.
fn name(version: &str, target: &str) -> String {
    format!("cargo-ptest-v{version}-{target}")
}

fn fill(contents: &Path, program: &Path) -> Result<()> {
    fs::create_dir_all(contents.join("completions")).with_context(|| format!("making {}", contents.display()))?;
    let copies = FILES.iter().map(|file| (cargo::repository().join(file), *file));
    for (from, to) in copies.chain([(program.to_path_buf(), "cargo-ptest")]) {
        fs::copy(&from, contents.join(to)).with_context(|| format!("copying {}", from.display()))?;
    }
    for (what, file) in GENERATED {
        let output = Command::new(program).args(["ptest", "--generate", what]).output();
        let output = output.with_context(|| format!("running {}", program.display()))?;
        ensure!(output.status.success(), "cargo ptest --generate {what}: {}", output.status);
        fs::write(contents.join(file), output.stdout).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}

fn pack(folder: &Path, name: &str) -> Result<PathBuf> {
    let archive = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    // macOS puts extended attributes into files of their own otherwise.
    tar.env("COPYFILE_DISABLE", "1").arg("-czf").arg(&archive).arg("-C").arg(folder).arg(name);
    let status = tar.status().context("running tar")?;
    ensure!(status.success(), "tar: {status}");
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::name;
    use crate::cargo;

    #[test]
    fn binstall_looks_for_the_archives_that_are_made() {
        let packages = cargo::published().unwrap();
        let runner = packages.iter().find(|package| *package.name == "ptest-runner").unwrap();
        let binstall = &runner.metadata["binstall"];
        let filled = |key: &str| {
            let template = binstall[key].as_str().unwrap();
            let values = [
                ("{ repo }", "https://example.org/cargo-ptest"),
                ("{ version }", "1.2.3"),
                ("{ target }", "x86_64-unknown-linux-gnu"),
                ("{ bin }", "cargo-ptest"),
                ("{ binary-ext }", ""),
            ];
            values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let name = name("1.2.3", "x86_64-unknown-linux-gnu");
        let url = format!("https://example.org/cargo-ptest/releases/download/v1.2.3/{name}.tar.gz");
        assert_eq!(filled("pkg-url"), url);
        assert_eq!(filled("bin-dir"), format!("{name}/cargo-ptest"));
    }
}
