//! Packages and compiles everything that is published, exactly as it would be uploaded.
//!
//! `cargo package` leaves out what a manifest does not include, and turns path dependencies into versions. A file that is
//! missing, or a dependency that works only as a path, is found here and not by the first user.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Package;

use crate::cargo;

/// What users and distributions expect in each package.
const EXPECTED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Compiles the packages in the target folder of this workspace, so that the dependencies are compiled once. With
/// `--offline`: everything that the lock file names was downloaded when the workspace was built.
pub(crate) fn run() -> Result<()> {
    let packages = cargo::published()?;
    let mut command = cargo::here(&["package", "--quiet", "--offline", "--allow-dirty"]);
    command.args(packages.iter().map(|package| format!("--package={}", package.name)));
    let status = command.status().context("running cargo package")?;
    ensure!(status.success(), "the packages cannot be made, or do not compile");
    let folder = cargo::target_folder()?.join("package");
    for package in &packages {
        check(&folder, package)?;
    }
    Ok(())
}

fn check(folder: &Path, package: &Package) -> Result<()> {
    let name = format!("{}-{}", package.name, package.version);
    let archive = folder.join(format!("{name}.crate"));
    let output = Command::new("tar").arg("-tzf").arg(&archive).output().context("running tar")?;
    ensure!(output.status.success(), "tar cannot read {}", archive.display());
    let list = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let missing = missing(&list, &name);
    ensure!(missing.is_empty(), "{}: {} missing", archive.display(), missing.join(", "));
    println!("packages: {name}: {} files", list.lines().count());
    Ok(())
}

fn missing(list: &str, package: &str) -> Vec<&'static str> {
    let contains = |file: &str| list.lines().any(|line| line == format!("{package}/{file}"));
    EXPECTED.iter().copied().filter(|file| !contains(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn a_package_without_its_licence_is_found() {
        let list = "a-0.1.0/Cargo.toml\na-0.1.0/LICENSE-APACHE\na-0.1.0/doc/LICENSE-MIT\na-0.1.0/README.md\n";
        assert_eq!(missing(list, "a-0.1.0"), ["LICENSE-MIT"]);
    }
}
