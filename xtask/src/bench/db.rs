//! Measures suites that talk to a database, with one process and with three, against what can be reached at most.
//!
//! That bound is computed from the run with one process, and from one of a single test. What is not tests (asking cargo,
//! the setup, the teardown) is what that one takes besides its test, and it takes as long as before. The tests take a third
//! of the time, but not less than what the processors have to do for them, divided by their number.

mod suite;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{build, log_to, measure};
use crate::cargo;
use suite::{Database, SUITES, Suite, Work};

const PROCESSES: u32 = 3;

/// Shares of the bound, in percent, that are to be reached.
const TARGET: f64 = 90.0;

/// One run of a suite.
struct Run {
    wall: f64,
    cpu: f64,
    /// The sum of the tests' durations.
    tests: f64,
}

/// What tests waited for their databases, in milliseconds.
struct Waits {
    tx: Vec<f64>,
    commit: Vec<f64>,
}

pub(super) fn run(folder: &Path, path: &OsStr, runs: u8) -> Result<()> {
    suite::generate(folder)?;
    build(folder)?;
    let cores = f64::from(u32::try_from(std::thread::available_parallelism()?.get())?);
    println!("| suite | 1 process | {PROCESSES} processes | CPU of these | times | bound | of the bound |");
    println!("|---|---|---|---|---|---|---|");
    let mut waits = Vec::new();
    for suite in SUITES {
        let notes = folder.join(format!("{}.notes", suite.name));
        let (mut single, mut one, mut several) = (Vec::new(), Vec::new(), Vec::new());
        drop(fs::remove_file(&notes));
        for _ in 0..runs {
            single.push(measure(suite, folder, path, 1, How::Single)?);
            one.push(measure(suite, folder, path, 1, How::All)?);
            several.push(measure(suite, folder, path, PROCESSES, How::Noting(&notes))?);
        }
        let (single, one, several) = (median(single), median(one), median(several));
        let least = bound(suite, &single, &one, cores);
        let share = 100.0 * least / several.wall;
        println!(
            "| {} | {:.2} s | {:.2} s | {:.2} s, {:.2} s | {:.2} | {:.2} | {share:.0} % {}|",
            describe(suite),
            one.wall,
            several.wall,
            one.cpu,
            several.cpu,
            one.wall / several.wall,
            one.wall / least,
            if share < TARGET { "(below the target) " } else { "" },
        );
        waits.push((suite, read(&notes)?));
    }
    println!(
        "\nWhat a test waits for its database, beginning and end, with {PROCESSES} processes, in ms (median, 95 %, most):\n"
    );
    println!("| suite | `TxDb` | `CommitDb` |\n|---|---|---|");
    for (suite, waits) in waits {
        println!("| {} | {} | {} |", describe(suite), spread(waits.tx), spread(waits.commit));
    }
    let own = own_clones(folder, path)?;
    println!("\nA clone on PostgreSQL takes {} ms if a test has to wait for its own.", spread(own));
    Ok(())
}

/// The least that a run with several processes can take.
fn bound(suite: &Suite, single: &Run, one: &Run, cores: f64) -> f64 {
    let around = single.wall - single.tests;
    let tests = f64::from(u32::try_from(suite.tests).expect("there are not so many"));
    let cpu_of_tests = (one.cpu - single.cpu) / (tests - 1.0) * tests;
    around + ((one.wall - around) / f64::from(PROCESSES)).max(cpu_of_tests / cores)
}

/// Which tests of a suite are run.
#[derive(Clone, Copy)]
enum How<'a> {
    Single,
    All,
    /// All, and each notes in a file how long it waited for its database.
    Noting(&'a Path),
}

fn describe(suite: &Suite) -> String {
    let database = match suite.database {
        Database::Postgres => "PostgreSQL",
        Database::Sqlite => "SQLite",
    };
    let work = match suite.work {
        Work::Waits => "wait 50 ms",
        Work::Computes => "compute 50 ms",
    };
    format!("{database}, {} tests that {work}", suite.tests)
}

fn measure(suite: &Suite, folder: &Path, path: &OsStr, processes: u32, how: How) -> Result<Run> {
    eprintln!("bench: {} with {processes}", suite.name);
    let log = folder.join(format!("{}.log", suite.name));
    let arguments = ["ptest", "--test", suite.name, "--processes", &processes.to_string(), "--message-format", "json"];
    let mut command = cargo::elsewhere(folder, &arguments);
    command.env("PATH", path).env_remove("RUST_BACKTRACE").env_remove("PTEST_PG_URL");
    let mut expected = suite.tests + ignored(suite);
    match how {
        How::All => {}
        How::Single => {
            command.arg("t000");
            expected = 1;
        }
        How::Noting(notes) => {
            command.env("DB_BENCH_NOTES", notes);
        }
    }
    log_to(&mut command, &log)?;
    let sample = measure::run(&mut command)?;
    ensure!(sample.status.success(), "{} ended with {}: see {}", suite.name, sample.status, log.display());
    let text = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
    let durations: Vec<f64> = text.lines().filter_map(duration).collect();
    ensure!(durations.len() == expected, "{}: {} tests ran", suite.name, durations.len());
    let seconds = |time: Duration| time.as_secs_f64();
    Ok(Run { wall: seconds(sample.wall), cpu: seconds(sample.cpu), tests: durations.iter().sum() })
}

/// The test that measures clones.
fn ignored(suite: &Suite) -> usize {
    usize::from(suite.database == Database::Postgres)
}

/// How long a test took, if that is what a line of JSON is about.
fn duration(line: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Event {
        event: String,
        #[serde(default)]
        duration: f64,
    }
    let event: Event = serde_json::from_str(line).ok()?;
    (event.event == "test-finished").then_some(event.duration)
}

fn own_clones(folder: &Path, path: &OsStr) -> Result<Vec<f64>> {
    let notes = folder.join("own.notes");
    drop(fs::remove_file(&notes));
    let suite = SUITES[0].name;
    let mut command = cargo::elsewhere(folder, &["ptest", "--test", suite, "own_clones", "--", "--ignored"]);
    command.env("PATH", path).env("DB_BENCH_NOTES", &notes).env_remove("PTEST_PG_URL");
    log_to(&mut command, &folder.join("own.log"))?;
    ensure!(command.status()?.success(), "measuring clones failed: see {}", folder.join("own.log").display());
    of_kind(&fs::read_to_string(&notes)?, "own")
}

fn read(notes: &Path) -> Result<Waits> {
    let text = fs::read_to_string(notes).with_context(|| format!("reading {}", notes.display()))?;
    Ok(Waits { tx: of_kind(&text, "TxDb")?, commit: of_kind(&text, "CommitDb")? })
}

/// In milliseconds.
fn of_kind(notes: &str, kind: &str) -> Result<Vec<f64>> {
    let lines = notes.lines().filter_map(|line| line.strip_prefix(kind));
    lines.map(|micros| Ok(micros.trim().parse::<f64>()? / 1000.0)).collect()
}

fn median(mut runs: Vec<Run>) -> Run {
    runs.sort_by(|one, other| one.wall.total_cmp(&other.wall));
    let middle = runs.len() / 2;
    runs.swap_remove(middle)
}

/// The median, what 95 % are below, and the most.
pub(super) fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len().saturating_sub(1)));
    let [median, most, worst] = [50, 95, 100].map(|percent| at(percent).copied().unwrap_or(f64::NAN));
    format!("{median:.1}, {most:.1}, {worst:.1}")
}
