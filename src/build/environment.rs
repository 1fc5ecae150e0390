//! The environment that cargo gives a test, beyond what it inherits.
//!
//! Checked against cargo itself: an integration test has `cargo test` start a probe in place of the test binaries and
//! compares what both are given.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{BuildScript, Message, Metadata, Package, TargetKind};
use nextest_metadata::RustTestBinaryKind;

use super::cargo_config::Variable;
use super::platform::{Platform, Platforms};
use super::{Options, artifacts};

/// The dynamic linker's search path goes by another name on each system.
const LIBRARY_PATH: &str = if cfg!(windows) {
    "PATH"
} else if cfg!(target_os = "macos") {
    "DYLD_FALLBACK_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// What is the same for all test binaries of a build.
pub(super) struct Environment<'a> {
    options: &'a Options,
    env: &'a BTreeMap<String, Variable>,
    scripts: Vec<&'a BuildScript>,
    /// The programs that were built: the id of the package, the target's name, the path.
    programs: Vec<(&'a str, &'a str, &'a Utf8Path)>,
    target_directory: Utf8PathBuf,
    build_directory: Utf8PathBuf,
}

impl<'a> Environment<'a> {
    pub(super) fn new(
        options: &'a Options,
        platforms: &'a Platforms,
        metadata: &Metadata,
        messages: &'a [Message],
    ) -> Self {
        let scripts = messages.iter().filter_map(|message| match message {
            Message::BuildScriptExecuted(script) => Some(script),
            _ => None,
        });
        let programs = artifacts(messages).filter(|it| !it.profile.test && it.target.kind.contains(&TargetKind::Bin));
        Self {
            options,
            env: &platforms.env,
            scripts: scripts.collect(),
            programs: programs
                .filter_map(|it| {
                    Some((it.package_id.repr.as_str(), it.target.name.as_str(), it.executable.as_deref()?))
                })
                .collect(),
            build_directory: metadata.build_directory.as_ref().unwrap_or(&metadata.target_directory).clone(),
            target_directory: metadata.target_directory.clone(),
        }
    }

    /// The variables for one test binary, in the order in which they are set.
    pub(super) fn of(
        &self,
        package: &Package,
        kind: &RustTestBinaryKind,
        path: &Utf8Path,
        platform: &Platform,
    ) -> Result<Vec<(OsString, OsString)>> {
        let mut env: Vec<(OsString, OsString)> = Vec::new();
        let mut set = |name: &str, value: &dyn AsRef<OsStr>| env.push((name.into(), value.as_ref().into()));
        for (name, variable) in self.env {
            if variable.force || !self.options.env.contains_key(OsStr::new(name)) {
                set(name, &variable.value);
            }
        }
        set(LIBRARY_PATH, &self.library_path(path, platform)?);
        set("CARGO", &self.options.cargo);
        for (name, value) in of_package(package) {
            set(name, &value);
        }
        let script = self.scripts.iter().find(|script| script.package_id == package.id);
        if let Some(script) = script {
            set("OUT_DIR", &script.out_dir.as_str());
            for (name, value) in &script.env {
                set(name, value);
            }
        }
        if ["test", "bench"].contains(&kind.as_str()) {
            for (_, name, path) in self.programs.iter().filter(|(id, ..)| *id == package.id.repr) {
                set(&format!("CARGO_BIN_EXE_{name}"), &path.as_str());
            }
        }
        Ok(env)
    }

    /// Build scripts' own libraries, the profile's two folders, the standard library, and what was there before.
    fn library_path(&self, path: &Utf8Path, platform: &Platform) -> Result<OsString> {
        let built = path.ancestors().nth(2).context("a test binary is outside of every profile's folder")?;
        // Programs are built in one folder and finished ones are put in another, where the two are not the same.
        let finished = match built.strip_prefix(&self.build_directory) {
            Ok(profile) => self.target_directory.join(profile),
            Err(_) => built.to_owned(),
        };
        let linked = self.scripts.iter().flat_map(|script| &script.linked_paths);
        let linked = linked.map(|path| path.as_str().split_once('=').map_or(path.as_path(), |(_, path)| path.into()));
        let mut paths: Vec<PathBuf> = Vec::new();
        let own = linked.filter(|path| path.starts_with(&finished)).map(PathBuf::from);
        for path in own.chain([finished.clone().into(), built.join("deps").into(), platform.libdir.clone().into()]) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        match self.options.env.get(OsStr::new(LIBRARY_PATH)) {
            Some(inherited) => paths.extend(std::env::split_paths(inherited)),
            None if cfg!(target_os = "macos") => {
                paths.extend(macos_libraries(self.options.env.get(OsStr::new("HOME"))));
            }
            None => {}
        }
        std::env::join_paths(paths).context("a folder's name cannot be part of the library path")
    }
}

/// Where macOS looks as long as the variable is not set. Cargo, too, names these where it sets it.
fn macos_libraries(home: Option<&OsString>) -> Vec<PathBuf> {
    let own = home.map(|home| PathBuf::from(home).join("lib"));
    own.into_iter().chain(["/usr/local/lib", "/usr/lib"].map(PathBuf::from)).collect()
}

/// What cargo says of a package to its tests.
fn of_package(package: &Package) -> Vec<(&'static str, String)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |value: &Option<Utf8PathBuf>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let version = &package.version;
    let root = package.manifest_path.parent().map(ToString::to_string).unwrap_or_default();
    vec![
        ("CARGO_MANIFEST_DIR", root),
        ("CARGO_MANIFEST_PATH", package.manifest_path.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(&package.license_file)),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_RUST_VERSION", package.rust_version.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("CARGO_PKG_README", path(&package.readme)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macos_looks_into_the_users_own_folder_before_those_of_all() {
        let all = ["/usr/local/lib", "/usr/lib"].map(PathBuf::from);
        assert_eq!(macos_libraries(None), all);
        assert_eq!(macos_libraries(Some(&"/Users/me".into())), [&["/Users/me/lib".into()], &all[..]].concat());
    }
}
