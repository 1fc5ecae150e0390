//! The platforms that a build was for: the host and every `--target`, each with its runner and its standard library.

use std::ffi::OsString;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::cargo_platform::Cfg;

use super::Options;
use super::cargo_config::{CargoConfig, Variable};
use super::rustc::Rustc;
use super::toolchain;

/// One platform that test binaries were built for.
#[derive(Debug)]
pub(super) struct Platform {
    pub triple: String,
    pub host: bool,
    /// Where the shared standard library lies, which test binaries of procedural macros need.
    pub libdir: Utf8PathBuf,
    pub runner: Vec<OsString>,
}

pub(super) struct Platforms {
    host: Platform,
    targets: Vec<Platform>,
    pub env: std::collections::BTreeMap<String, Variable>,
    /// What `rustc --version` prints.
    pub rustc: Option<String>,
}

impl Platforms {
    /// Asks cargo's configuration and rustc, whose answers are kept in `memory`.
    pub(super) fn find(options: &Options, memory: Utf8PathBuf) -> Result<Self> {
        let config = CargoConfig::load(options)?;
        let mut program = config.rustc().clone();
        if let Some(path) = toolchain::resolve(&program.path, &options.env) {
            program.path = path;
        }
        let rustc = Rustc::new(&program, memory);
        let host = platform(&config, &rustc, None)?;
        let targets = config.targets(&options.targets)?;
        let targets = targets.iter().map(|target| platform(&config, &rustc, Some(target))).collect::<Result<_>>()?;
        Ok(Self { host, targets, env: config.env(), rustc: rustc.version() })
    }

    /// Whether the build was for named targets, be one of them the host's own.
    pub(super) fn cross(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Whether one target may be built for several of them.
    pub(super) fn are_several(&self) -> bool {
        self.targets.len() > 1
    }

    /// The platform of a binary, which only its path tells: with `--target` there is a folder for each triple.
    pub(super) fn of(&self, path: &Utf8Path) -> &Platform {
        let folder = path.ancestors().nth(3).and_then(Utf8Path::file_name);
        self.targets.iter().find(|target| Some(target.triple.as_str()) == folder).unwrap_or(&self.host)
    }
}

fn platform(config: &CargoConfig, rustc: &Rustc, target: Option<&str>) -> Result<Platform> {
    let told = match target {
        None => rustc.print(&["--print=host-tuple", "--print=target-libdir"]),
        Some(target) => rustc.print(&["--print=target-libdir", "--target", target]),
    }?;
    let mut lines = told.lines();
    let triple = match target {
        None => lines.next().context("rustc did not report its host")?.to_owned(),
        // A target may be given as the path of a JSON file.
        Some(target) => Utf8Path::new(target).file_stem().unwrap_or(target).to_owned(),
    };
    let libdir = lines.next().context("rustc did not report where its libraries are")?.into();
    let cfg = || -> Result<Vec<Cfg>> {
        let told = rustc.print(&["--print=cfg", "--target", target.unwrap_or(&triple)])?;
        Ok(told.lines().filter_map(|line| line.parse().ok()).collect())
    };
    let runner = config.runner(&triple, cfg)?;
    Ok(Platform { triple, host: target.is_none(), libdir, runner })
}
