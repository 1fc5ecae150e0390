//! The published crates of `cargo xtask real`: what their tests take with each tool. They were chosen for their shapes
//! before any of them was measured.
//!
//! The same targets are selected for all three, and doctests are left out, which nextest cannot run. Where a tool does not
//! pass a project's tests, its time says nothing: it has none there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::measure::{self, Sample, Spread};
use super::{Tool, log_to, table};
use crate::cargo;
use crate::real::{PROJECTS, Project, lay_out};

const TOOLS: [Tool; 3] = [Tool::CargoTest, Tool::Nextest, Tool::Ptest];

/// What the median of `cargo ptest` must not exceed, in multiples of the faster one of the others.
const MOST: f64 = 1.05;

/// The same with backtraces, in multiples of `cargo test`'s.
const MOST_WITH_BACKTRACES: f64 = 1.3;

/// And the mean of its multiples of nextest's.
const MOST_OF_NEXTEST: f64 = 0.6;

/// Measures them all, and returns a table and what became of the targets.
pub(super) fn run(folder: &Path, path: &OsStr, nextest: bool, runs: u8) -> Result<String> {
    let mut projects = Vec::new();
    for project in PROJECTS {
        let folder = build(project, folder)?;
        let tools = measure_project(project, &folder, path, nextest, runs, &[])?;
        // All of them take half an hour: what is there already is shown.
        eprintln!("bench: {}", row(project, &tools));
        projects.push((project, tools));
    }
    Ok(text(&projects))
}

/// Measures the project whose tests panic most, as they should, where people have backtraces switched on: the first
/// panic of a process takes as long as thousands of its tests.
pub(super) fn backtraces(folder: &Path, path: &OsStr, nextest: bool, runs: u8) -> Result<String> {
    let project = PROJECTS.iter().find(|project| project.name == "time").context("there is no project time")?;
    let folder = build(project, folder)?;
    let tools = measure_project(project, &folder, path, nextest, runs, &[("RUST_BACKTRACE", "1")])?;
    let mut lines = head();
    lines.extend([row(project, &tools), String::new()]);
    if let (Some(ours), Some(theirs)) = (median(&tools, Tool::Ptest), median(&tools, Tool::CargoTest)) {
        lines.push(format!("- {}: {}", project.name, verdict(ours / theirs, MOST_WITH_BACKTRACES, "times cargo test")));
    }
    Ok(lines.join("\n") + "\n")
}

/// Lays a project out and builds its tests; gives its folder.
fn build(project: &Project, folder: &Path) -> Result<PathBuf> {
    let folder = lay_out(project, folder)?;
    let build = command(Tool::CargoTest, project, &folder).args(["--no-run", "--quiet"]).status();
    ensure!(build.context("running cargo test --no-run")?.success(), "building the tests of {} failed", project.name);
    Ok(folder)
}

/// The spread of each tool that passes the project's tests. The tools take turns, now in one order and now in the other.
fn measure_project(
    project: &Project,
    folder: &Path,
    path: &OsStr,
    nextest: bool,
    runs: u8,
    variables: &[(&str, &str)],
) -> Result<Vec<(Tool, Spread)>> {
    let mut tools: Vec<(Tool, Vec<Sample>)> = Vec::new();
    for tool in TOOLS.into_iter().filter(|tool| *tool != Tool::Nextest || nextest) {
        // The first time is not counted: what is learned of earlier runs is learned then.
        match sample(tool, project, folder, path, variables)?.status.success() {
            true => tools.push((tool, Vec::new())),
            false => eprintln!("bench: {} fails under {}", project.name, tool.name()),
        }
    }
    for run in 1..=runs {
        eprintln!("bench: {} {run}/{runs}", project.name);
        tools.reverse();
        for (tool, samples) in &mut tools {
            let sample = sample(*tool, project, folder, path, variables)?;
            ensure!(sample.status.success(), "{} fails under {} now and then", project.name, tool.name());
            samples.push(sample);
        }
    }
    tools.sort_by_key(|(tool, _)| TOOLS.iter().position(|it| it == tool));
    Ok(tools.into_iter().map(|(tool, samples)| (tool, Spread::of(&samples))).collect())
}

fn sample(tool: Tool, project: &Project, folder: &Path, path: &OsStr, variables: &[(&str, &str)]) -> Result<Sample> {
    let mut command = command(tool, project, folder);
    command.env("PATH", path).envs(variables.iter().copied());
    log_to(&mut command, &folder.join(format!("{tool:?}.log")))?;
    measure::run(&mut command).with_context(|| format!("running {} on {}", tool.name(), project.name))
}

fn command(tool: Tool, project: &Project, folder: &Path) -> Command {
    let words: &[&str] = match tool {
        Tool::Nextest => &["nextest", "run"],
        Tool::Ptest => &["ptest"],
        Tool::CargoTest | Tool::Bare => &["test"],
    };
    let mut command = cargo::elsewhere(folder, words);
    command.args(project.arguments).arg("--no-fail-fast");
    for name in ["RUST_BACKTRACE", "RUST_TEST_THREADS", "PTEST_PROCESSES", "NEXTEST_TEST_THREADS"] {
        command.env_remove(name);
    }
    command
}

fn median(tools: &[(Tool, Spread)], tool: Tool) -> Option<f64> {
    tools.iter().find(|(candidate, _)| *candidate == tool).map(|(_, spread)| spread.wall().median)
}

fn text(projects: &[(&Project, Vec<(Tool, Spread)>)]) -> String {
    let mut lines = head();
    lines.extend(projects.iter().map(|(project, tools)| row(project, tools)));
    lines.push(String::new());
    for (project, tools) in projects {
        if let Some(ratio) = of_the_faster(tools) {
            lines.push(format!("- {}: {}", project.name, verdict(ratio, MOST, "times the faster one of the others")));
        }
    }
    if let Some(mean) = geometric_mean(projects.iter().filter_map(|(_, tools)| of_nextest(tools))) {
        lines.push(format!("- all: {}", verdict(mean, MOST_OF_NEXTEST, "times nextest, as the geometric mean")));
    }
    lines.join("\n") + "\n"
}

fn head() -> Vec<String> {
    vec![
        "| project | cargo test, s | cargo nextest, s | cargo ptest, s | of the faster one | of nextest |".to_owned(),
        "|---|--:|--:|--:|--:|--:|".to_owned(),
    ]
}

fn row(project: &Project, tools: &[(Tool, Spread)]) -> String {
    let wall = |tool| {
        let spread = tools.iter().find(|(candidate, _)| *candidate == tool).map(|(_, spread)| spread);
        spread.map_or("fails".to_owned(), |spread| table::range(spread.wall()))
    };
    let [test, nextest, ptest] = TOOLS.map(wall);
    let show = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let [faster, of_nextest] = [of_the_faster(tools), of_nextest(tools)].map(show);
    format!("| {} | {test} | {nextest} | {ptest} | {faster} | {of_nextest} |", project.title())
}

fn of_the_faster(tools: &[(Tool, Spread)]) -> Option<f64> {
    let others = [Tool::CargoTest, Tool::Nextest].into_iter().filter_map(|tool| median(tools, tool));
    Some(median(tools, Tool::Ptest)? / others.reduce(f64::min)?)
}

fn of_nextest(tools: &[(Tool, Spread)]) -> Option<f64> {
    Some(median(tools, Tool::Ptest)? / median(tools, Tool::Nextest)?)
}

fn verdict(ratio: f64, most: f64, of_what: &str) -> String {
    let word = if ratio <= most { "met" } else { "NOT met" };
    format!("{word}: wall {ratio:.2}, at most {most} {of_what}")
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    let count = u32::try_from(logarithms.len()).ok().filter(|count| *count > 0)?;
    Some((logarithms.iter().sum::<f64>() / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_fast_and_twice_as_slow_are_as_fast_in_the_mean() {
        let mean = geometric_mean([0.5, 2.0].into_iter()).unwrap();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        assert_eq!(geometric_mean(std::iter::empty()), None);
    }
}
