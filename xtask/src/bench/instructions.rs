//! How many instructions the runner takes, counted by valgrind's callgrind: other than times, these hardly depend on what
//! else the machine does, so that they can be compared with those that are written down beside this file.
//!
//! What is counted is `cargo ptest report` on a journal that is always the same. A run is not: how much a process has
//! written when it is read, and so what there is to do with it, is another time each time.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What was counted when it was last looked at, in millions.
const BASELINE: &str = include_str!("instructions.txt");

/// How much more is no accident.
const TOLERANCE: f64 = 1.10;

/// How many results the journal has.
const RESULTS: usize = 20_000;

pub(super) fn run(folder: &Path, path: &OsStr) -> Result<()> {
    fs::create_dir_all(folder)?;
    let written: f64 = BASELINE.trim().parse().context("no number is written down")?;
    let journal = folder.join("journal.jsonl");
    fs::write(&journal, events()).context("writing the journal")?;
    let program = program(path)?;
    let mut reports = Command::new("valgrind");
    let files = ["--junit=junit.xml", "--html=page.html", "--trace=trace.json"];
    let out = folder.join("callgrind.out");
    let out = format!("--callgrind-out-file={}", out.display());
    reports
        .args(["--quiet", "--tool=callgrind", &out])
        .arg(&program)
        .args(["ptest", "report", "--from"])
        .arg(&journal)
        .args(files);
    reports.current_dir(folder);
    let millions = count(&mut reports, folder)?;
    println!(
        "| what | millions of instructions | written down |\n|---|--:|--:|\n| report | {millions:.1} | {written:.1} |"
    );
    ensure!(millions <= written * TOLERANCE, "more instructions than written down in xtask/src/bench/instructions.txt");
    Ok(())
}

/// In millions.
fn count(command: &mut Command, folder: &Path) -> Result<f64> {
    let output = command.output().context("running valgrind, which has to be installed for this")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(folder.join("callgrind.out")).context("reading what callgrind wrote")?;
    let line = text.lines().find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    let instructions: u64 = line.context("callgrind wrote no sum")?.trim().parse()?;
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let millions = instructions as f64 / 1e6;
    Ok(millions)
}

/// The release build that the path leads to.
fn program(path: &OsStr) -> Result<PathBuf> {
    let found = std::env::split_paths(path).map(|folder| folder.join("cargo-ptest")).find(|it| it.is_file());
    let Some(found) = found else { bail!("cargo-ptest is not on the path") };
    Ok(found)
}

/// A run of many results, some of them red, with output.
fn events() -> String {
    let run = r#"{"v":1,"event":"run-started","run":"20260101T000000000-1","timestamp":"2026-01-01T00:00:00+00:00""#;
    let mut text = format!("{run},\"tests\":{RESULTS},\"binaries\":10,\"workers\":4}}\n");
    for number in 0..RESULTS {
        let (binary, worker, second, milli) = (number % 10, number % 4, number / 1000, number % 1000);
        let (outcome, more) = match number % 100 {
            0 => ("failed", r#","message":"it failed","output":"thread 't' panicked at src/lib.rs:1:1:\nit failed\n""#),
            1 => ("ignored", r#","message":"slow""#),
            _ => ("passed", ""),
        };
        let place = if outcome == "ignored" { String::new() } else { format!(",\"worker\":{worker},\"process\":1") };
        let line = writeln!(
            text,
            "{{\"v\":1,\"event\":\"test-finished\",\"binary\":\"demo::b{binary}\",\"test\":\"module::t{number:05}\",\"outcome\":\
             \"{outcome}\",\"attempt\":1,\"timestamp\":\"2026-01-01T00:00:{second:02}.{milli:03}+00:00\",\"duration\":0.001{place}\
             ,\"file\":\"src/lib.rs\",\"line\":7{more}}}",
        );
        line.expect("a string takes everything");
    }
    let (failed, ignored) = (RESULTS / 100, RESULTS / 100);
    let passed = RESULTS - failed - ignored;
    let tally = format!("\"passed\":{passed},\"failed\":{failed},\"ignored\":{ignored}");
    writeln!(text, "{{\"v\":1,\"event\":\"run-finished\",\"duration\":20.0,{tally}}}")
        .expect("a string takes everything");
    text
}
