//! Measures `cargo test`, cargo-nextest and `cargo ptest` side by side and prints a table in Markdown.
//!
//! The tools take turns within one run (A B C A B C ...), so that a machine that slows down or has other work slows
//! down all of them; and everything is built before anything is measured.

mod bare;
mod build;
mod cases;
mod db;
mod instructions;
mod journal;
mod log;
mod measure;
mod plot;
mod races;
mod real;
mod reports;
mod scale;
mod table;
mod targets;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo;
use cases::{CASES, Case};
use measure::{Sample, Spread};

#[derive(Args)]
pub(crate) struct Options {
    /// The cases to measure; if none is named, all but `backtraces`, `build`, `db`, `instructions`, `log`, `races`, `real`,
    /// `reports` and `scale`, which have tables of their own
    #[arg(value_name = "CASE", value_parser = CASES.iter().map(|case| case.name).chain(OTHERS).collect::<Vec<_>>())]
    cases: Vec<String>,
    /// How often each tool is measured, 5 times by default, 10 times of `real`; of `races`, how often each race is tried,
    /// 100 times by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    runs: Option<u8>,
    /// Write the table and a plot of it into this folder, besides printing it
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

/// What is measured by itself, and has a table of its own.
const OTHERS: [&str; 9] = ["backtraces", "build", "db", "instructions", "log", "races", "real", "reports", "scale"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    CargoTest,
    Nextest,
    Ptest,
    /// A process for each test, and nothing besides.
    Bare,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::CargoTest => "cargo test",
            Self::Nextest => "cargo nextest",
            Self::Ptest => "cargo ptest",
            Self::Bare => "a bare loop",
        }
    }
}

/// What was measured of one case: the spread of each tool's samples.
struct Measured {
    case: &'static Case,
    tools: Vec<(Tool, Spread)>,
}

impl Measured {
    fn of(&self, tool: Tool) -> Option<&Spread> {
        self.tools.iter().find(|(candidate, _)| *candidate == tool).map(|(_, spread)| spread)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    measure::adopt_orphans()?;
    let target = cargo::target_folder()?.join("bench");
    let runs = options.runs.unwrap_or(5);
    let is_named = |case: &str| options.cases.iter().any(|name| name == case);
    if is_named("build") {
        build::run(&target.join("build"), runs)?;
    }
    if !options.cases.is_empty() && options.cases.iter().all(|name| name == "build") {
        return Ok(());
    }
    let path = cargo::path_with_ptest()?;
    if is_named("backtraces") {
        let runs = options.runs.unwrap_or(5);
        let table = real::backtraces(&cargo::target_folder()?.join("real"), &path, has_nextest(), runs)?;
        tell(options, "backtraces", "With backtraces", &format!("medians of {runs} rounds (least to most)"), &table)?;
    }
    if is_named("db") {
        db::run(&target.join("db"), &path, runs)?;
    }
    if is_named("instructions") {
        instructions::run(&target.join("instructions"), &path)?;
    }
    if is_named("log") {
        println!("{}", log::run(&target, &path, runs)?);
    }
    if is_named("races") {
        races::run(&target.join("races"), &path, options.runs.unwrap_or(100))?;
    }
    if is_named("real") {
        let runs = options.runs.unwrap_or(10);
        let table = real::run(&cargo::target_folder()?.join("real"), &path, has_nextest(), runs)?;
        tell(options, "real", "Published projects", &format!("medians of {runs} rounds (least to most)"), &table)?;
    }
    if is_named("reports") {
        reports::run(&target.join("reports"), &path, runs)?;
    }
    if is_named("scale") {
        let table = scale::run(&target.join("scale"), &path, runs)?;
        tell(options, "scale", "Many tests", &format!("medians of {runs} runs"), &table)?;
    }
    if !options.cases.is_empty() && options.cases.iter().all(|name| OTHERS.contains(&&**name)) {
        return Ok(());
    }
    let chosen = |case: &&Case| options.cases.is_empty() || options.cases.iter().any(|name| name == case.name);
    let nextest = has_nextest();
    if !nextest {
        eprintln!("bench: cargo-nextest isn't installed; measuring without it");
    }
    let mut measured = Vec::new();
    for case in CASES.iter().filter(chosen) {
        let folder = target.join(case.package);
        case.generate(&folder)?;
        build(&folder)?;
        measured.push(measure_case(case, &folder, &path, nextest, runs)?);
    }
    let (table, targets) = (table::text(&measured), targets::text(&measured));
    println!("{table}\n{targets}");
    if let Some(folder) = &options.write {
        let text =
            format!("# Measurements\n\nMade by `cargo xtask bench`.\n\n![Wall time](bench.svg)\n\n{table}\n{targets}");
        fs::write(folder.join("bench.md"), text).context("writing the table")?;
        fs::write(folder.join("bench.svg"), plot::svg(&measured)).context("writing the plot")?;
    }
    Ok(())
}

/// Prints the table of a case that has one of its own, and writes it down if that is wanted.
fn tell(options: &Options, case: &str, title: &str, how: &str, table: &str) -> Result<()> {
    println!("{table}");
    let Some(folder) = &options.write else { return Ok(()) };
    let text = format!("# {title}\n\nMade by `cargo xtask bench {case}`: {how}.\n\n{table}");
    fs::write(folder.join(format!("bench-{case}.md")), text).context("writing the table")
}

fn measure_case(case: &'static Case, folder: &Path, path: &OsStr, nextest: bool, runs: u8) -> Result<Measured> {
    let tools = case.tools.iter().copied().filter(|tool| *tool != Tool::Nextest || nextest);
    let mut samples: Vec<(Tool, Vec<Sample>)> = tools.map(|tool| (tool, Vec::new())).collect();
    for run in 1..=runs {
        // A tool that starts thousands of processes leaves the kernel something to clean up, at the cost of whoever comes
        // next: so it is not always the same one.
        let forward = run % 2 == 1;
        let count = samples.len();
        for place in 0..count {
            let (tool, samples) = &mut samples[if forward { place } else { count - 1 - place }];
            eprintln!("bench: {} {run}/{runs}: {}", case.name, tool.name());
            let log = folder.join(format!("{:?}.log", *tool));
            let mut command = command(*tool, case, folder)?;
            command.env("PATH", path);
            log_to(&mut command, &log)?;
            let mut sample = measure::run(&mut command).with_context(|| format!("running {}", tool.name()))?;
            ensure!(
                sample.status.code() == Some(case.exit_code(*tool)),
                "{} ended with {}: see {}",
                tool.name(),
                sample.status,
                log.display()
            );
            if *tool == Tool::Ptest {
                sample.run = Some(journal::duration(&folder.join("target/ptest"))?);
            }
            samples.push(sample);
        }
    }
    let tools = samples.into_iter().map(|(tool, samples)| (tool, Spread::of(&samples))).collect();
    Ok(Measured { case, tools })
}

/// The command that runs the tests of a case with a tool, under the same conditions for each.
fn command(tool: Tool, case: &Case, folder: &Path) -> Result<Command> {
    let mut command = match tool {
        Tool::CargoTest => cargo::elsewhere(folder, &["test", "--tests", "--no-fail-fast"]),
        Tool::Nextest => cargo::elsewhere(folder, &["nextest", "run", "--tests", "--no-fail-fast"]),
        Tool::Ptest => cargo::elsewhere(folder, &["ptest", "--tests", "--no-fail-fast"]),
        Tool::Bare => bare::command(folder)?,
    };
    if let Some(processes) = case.processes {
        match tool {
            Tool::CargoTest => command.args(["--", &format!("--test-threads={processes}")]),
            Tool::Nextest => command.arg(format!("--test-threads={processes}")),
            Tool::Ptest => command.arg(format!("--processes={processes}")),
            Tool::Bare => &mut command,
        };
    }
    if tool == Tool::Ptest {
        command.args(case.options);
    }
    // What a user has set for daily work: a backtrace costs more than the test that it is of, and the rest is what a
    // case decides.
    for name in ["RUST_BACKTRACE", "RUST_TEST_THREADS", "PTEST_PROCESSES", "NEXTEST_TEST_THREADS"] {
        command.env_remove(name);
    }
    command.envs(case.variables.iter().copied());
    Ok(command)
}

/// A tool's output goes to a file: a terminal would cost each of them differently, and it can be read when one fails.
fn log_to(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    Ok(())
}

fn build(folder: &Path) -> Result<()> {
    let status = cargo::elsewhere(folder, &["test", "--tests", "--no-run", "--quiet"]).status();
    ensure!(status.context("running cargo test --no-run")?.success(), "building the tests failed");
    Ok(())
}

fn has_nextest() -> bool {
    let version = cargo::here(&["nextest", "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}
