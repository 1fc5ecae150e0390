//! `cargo ptest report`: what it is asked for.

use std::ffi::OsString;

use anyhow::Result;
use camino::Utf8PathBuf;

use super::args::AfterwardsArgs;
use super::{Env, cargo, file};
use crate::build;
use crate::report::afterwards::{Options, Run};

/// Reports that are to be made of a run that is over.
#[derive(Debug)]
pub struct Afterwards {
    pub report: Options,
    /// The page is to be written to its usual place.
    pub page: bool,
    /// And to be opened.
    pub open: bool,
    /// Where cargo builds, if that was said.
    pub target_dir: Option<Utf8PathBuf>,
    /// How cargo is asked for it, if it was not.
    pub cargo: build::Options,
}

pub(super) fn understand(args: AfterwardsArgs, env: Env) -> Result<Afterwards> {
    let path = |option: &str, path: Option<Utf8PathBuf>| path.map(|path| file(option, &path)).transpose();
    let mut metadata_args = Vec::new();
    for (option, value) in
        args.manifest_path.iter().map(|it| ("--manifest-path", it)).chain(args.config.iter().map(|it| ("--config", it)))
    {
        metadata_args.extend([option.to_owned(), value.clone()]);
    }
    Ok(Afterwards {
        report: Options {
            run: args.from.map_or(Run::Latest, run),
            junit: path("--junit", args.junit)?,
            junit_output: args.junit_output,
            html: path("--html", args.html.clone().flatten())?,
            trace: path("--trace", args.trace)?,
            slowest: args.slowest.map_or(0, |most| most as usize),
        },
        page: matches!(args.html, Some(None)) || (args.open && args.html.is_none()),
        open: args.open,
        target_dir: args.target_dir,
        cargo: build::Options {
            cargo: cargo(&env),
            cargo_args: Vec::<String>::new(),
            package_args: Vec::new(),
            build_args: Vec::new(),
            doctests: build::Doctests::Without,
            metadata_args,
            config: args.config,
            targets: Vec::new(),
            env: env.0,
            makeflags: None::<OsString>,
            cargo_env: Vec::new(),
            process: build::Process::default(),
        },
    })
}

/// An id has no extension, and a nested run's has a slash as a path has.
fn run(text: String) -> Run {
    let path = Utf8PathBuf::from(&text);
    if path.extension() == Some("jsonl") { Run::Path(path) } else { Run::Named(text) }
}
