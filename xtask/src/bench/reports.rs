//! Measures how long it takes to write a report of twenty thousand results, of which a tenth failed, each with some
//! output. `cargo ptest report` makes it of a journal, as a run does that is still going on; to read the journal and to
//! start the program are part of it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::measure::Spread;
use super::{log_to, measure};
use crate::cargo;

const RESULTS: u32 = 20_000;

const TIME: &str = "2026-01-02T03:04:05Z";

pub(super) fn run(folder: &Path, path: &OsStr, runs: u8) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::write(folder.join("run.jsonl"), journal()).context("writing the journal")?;
    println!("| {RESULTS} results | size | wall: median (least to most) |\n|---|--:|--:|");
    for report in ["junit", "html", "trace"] {
        let mut samples = Vec::new();
        for _ in 0..runs {
            let mut command = cargo::elsewhere(folder, &["ptest", "report", "--from=run.jsonl", "--target-dir=."]);
            command.arg(format!("--{report}={report}.out")).env("PATH", path);
            log_to(&mut command, &folder.join("log"))?;
            let sample = measure::run(&mut command).context("running cargo ptest report")?;
            ensure!(sample.status.success(), "no {report} was written: see {}", folder.join("log").display());
            samples.push(sample);
        }
        let wall = Spread::of(&samples).wall();
        let size = fs::metadata(folder.join(format!("{report}.out")))?.len() / 1024;
        println!("| {report} | {size} KiB | {:.3} s ({:.3} to {:.3}) |", wall.median, wall.least, wall.most);
    }
    Ok(())
}

fn journal() -> String {
    let output = "running\tand \u{1b}[31mrunning\u{1b}[0m\n".repeat(20);
    let started = json!({ "v": 1, "event": "run-started", "run": "20260102T030405000-1", "timestamp": TIME,
                          "tests": RESULTS, "binaries": 1, "workers": 2 });
    let mut journal = format!("{started}\n");
    for number in 0..RESULTS {
        let failed = number.is_multiple_of(10);
        let result = json!({
            "v": 1, "event": "test-finished", "binary": "demo", "test": format!("module_{}::test_{number}", number % 100),
            "outcome": if failed { "failed" } else { "passed" }, "attempt": 1, "timestamp": TIME, "duration": 0.001,
            "worker": number % 2, "process": 1, "file": "src/lib.rs", "line": number,
            "message": failed.then_some("panicked at src/lib.rs:1:1: boom"), "output": output,
        });
        // A string takes whatever is written to it.
        let _ = writeln!(journal, "{result}");
    }
    let failed = RESULTS / 10;
    let finished = json!({ "v": 1, "event": "run-finished", "duration": 20.0, "passed": RESULTS - failed, "flaky": 0,
                           "failed": failed, "ignored": 0, "timed-out": 0, "crashed": 0, "setup-failed": 0, "error": 0,
                           "not-reached": 0, "worker-failed": 0, "fixture-failed": 0, "failed-setups": 0 });
    journal + &format!("{finished}\n")
}
