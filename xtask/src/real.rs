//! Runs the tests of published crates with `cargo test` and with `cargo ptest`, and compares what became of every test.
//!
//! Fixtures show what we thought of; these show what we did not. `cargo test` is believed: whatever differs from it and
//! isn't known with a reason makes the command fail.

mod crates;
mod fetch;
mod libtest;
mod ptest;
pub(crate) mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::cargo;
pub(crate) use crates::{PROJECTS, Project};
pub(crate) use fetch::lay_out;

#[derive(Args)]
pub(crate) struct Options {
    /// The projects to run; all if none is named
    #[arg(value_name = "NAME", value_parser = PROJECTS.iter().map(|project| project.name).collect::<Vec<_>>())]
    names: Vec<String>,
    /// Run `cargo ptest` as if libtest had no `--logfile`
    #[arg(long)]
    without_log: bool,
    /// The same, and as if it could not list its tests as JSON either
    #[arg(long, requires = "without_log")]
    without_json: bool,
}

impl Options {
    /// What libtest is to lack.
    fn without(&self) -> Option<&'static str> {
        match (self.without_log, self.without_json) {
            (false, _) => None,
            (true, false) => Some("log"),
            (true, true) => Some("log-and-json"),
        }
    }
}

/// Which test: the binary's id as nextest makes it, and the name in it.
type TestId = (String, String);

/// What one runner says: an outcome for each test, in the words of `cargo ptest`'s JSON, and the wall time that it took.
struct Report {
    outcomes: BTreeMap<TestId, String>,
    wall: Duration,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let path = cargo::path_with_ptest()?;
    let target = cargo::target_folder()?.join("real");
    let chosen = |project: &&Project| options.names.is_empty() || options.names.iter().any(|name| name == project.name);
    let mut comparisons = Vec::new();
    for project in PROJECTS.iter().filter(chosen) {
        eprintln!("real: {}", project.name);
        let compared = lay_out(project, &target).and_then(|folder| {
            let theirs = witness::cargo_test(project, &folder)?;
            let ours = ptest::cargo_ptest(project, &folder, &path, options.without())?;
            Ok(compare(project, theirs, ours))
        });
        comparisons.push(compared.with_context(|| format!("comparing {}", project.name))?);
    }
    print(&comparisons);
    let unknown: usize = comparisons.iter().map(|comparison| comparison.different.len()).sum();
    ensure!(unknown == 0, "{unknown} tests differ from cargo test");
    Ok(())
}

/// Runs a command with its output in files beside `name`, then kills what is left of its process group. There are tests
/// that leave processes behind, and `cargo test` leaves them alone: a pipe that they hold would never end, nor would they.
fn run_to_files(mut command: Command, name: &Path) -> Result<(ExitStatus, Duration)> {
    let create = |extension| {
        let path = name.with_extension(extension);
        File::create(&path).with_context(|| format!("creating {}", path.display()))
    };
    command.stdin(Stdio::null()).stdout(create("stdout")?).stderr(create("stderr")?).process_group(0);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let status = child.wait()?;
    let wall = start.elapsed();
    // It is an error that nothing is left.
    let _ = killpg(Pid::from_raw(child.id().try_into()?), Signal::SIGKILL);
    Ok((status, wall))
}

struct Comparison {
    project: &'static Project,
    theirs: Report,
    ours: Report,
    equal: usize,
    /// Each in words, by name.
    different: Vec<String>,
    /// The same, of those that are known, with the reason.
    known: Vec<String>,
}

fn compare(project: &'static Project, theirs: Report, ours: Report) -> Comparison {
    let mut comparison = Comparison { project, theirs, ours, equal: 0, different: Vec::new(), known: Vec::new() };
    let tests: BTreeSet<_> = comparison.theirs.outcomes.keys().chain(comparison.ours.outcomes.keys()).collect();
    for test @ (binary, name) in tests {
        let said = |report: &Report| report.outcomes.get(test).map_or("nothing", String::as_str).to_owned();
        let (theirs, ours) = (said(&comparison.theirs), said(&comparison.ours));
        let known = project.known.iter().find(|known| known.binary == binary && known.test == name);
        let words = format!("{binary} {name}: cargo test says {theirs}, cargo ptest says {ours}");
        match known {
            _ if theirs == ours => comparison.equal += 1,
            Some(known) => comparison.known.push(format!("{words} ({})", known.reason)),
            None => comparison.different.push(words),
        }
    }
    comparison
}

fn print(comparisons: &[Comparison]) {
    println!("| project | shape | binaries | tests | equal | different | known | cargo test | cargo ptest |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for Comparison { project, theirs, ours, equal, different, known } in comparisons {
        let binaries: BTreeSet<_> = theirs.outcomes.keys().map(|(binary, _)| binary).collect();
        println!(
            "| {} | {} | {} | {} | {equal} | {} | {} | {:.2} s | {:.2} s |",
            project.title(),
            project.shape,
            binaries.len(),
            theirs.outcomes.len(),
            different.len(),
            known.len(),
            theirs.wall.as_secs_f64(),
            ours.wall.as_secs_f64(),
        );
    }
    for comparison in comparisons {
        for words in &comparison.different {
            println!("\n- different: {words}");
        }
        for words in &comparison.known {
            println!("\n- known: {words}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::crates::{Known, Project};
    use super::{Report, compare};

    const PROJECT: Project = Project {
        name: "demo",
        packages: &[("demo", "1.0.0")],
        shape: "",
        arguments: &[],
        config: "",
        known: &[Known { binary: "demo", test: "exits", reason: "an exit inside a test" }],
    };

    fn report(outcomes: &[(&str, &str)]) -> Report {
        let outcomes = outcomes.iter().map(|(test, outcome)| (("demo".into(), (*test).into()), (*outcome).into()));
        Report { outcomes: outcomes.collect(), wall: Duration::ZERO }
    }

    #[test]
    fn a_test_that_only_one_of_them_ran_is_different() {
        let comparison = compare(
            &PROJECT,
            report(&[("both", "passed"), ("only_theirs", "ignored")]),
            report(&[("both", "passed"), ("only_ours", "passed")]),
        );
        assert_eq!(comparison.equal, 1);
        assert_eq!(
            comparison.different,
            [
                "demo only_ours: cargo test says nothing, cargo ptest says passed",
                "demo only_theirs: cargo test says ignored, cargo ptest says nothing",
            ]
        );
    }

    #[test]
    fn a_known_difference_is_told_apart() {
        let comparison = compare(&PROJECT, report(&[("exits", "passed")]), report(&[("exits", "crashed")]));
        assert!(comparison.different.is_empty());
        assert_eq!(
            comparison.known,
            ["demo exits: cargo test says passed, cargo ptest says crashed (an exit inside a test)"]
        );
    }
}
