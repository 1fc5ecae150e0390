//! How often concurrent calls show a race that is there, and one that is not: the bank of `ptest-db`, again and again.
//!
//! Each of five calls makes fifty transfers, and nothing is tried again: a run counts as it comes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::db::spread;
use super::log_to;
use crate::cargo;

/// The tests by the end of their names, what each is to show, and in how many of a hundred runs at least.
const RACES: [(&str, &str, u32); 4] = [
    ("postgresql::money_is_lost_if_nobody_locks", "PostgreSQL, racy: caught", 95),
    ("postgresql::no_money_is_lost_with_a_lock", "PostgreSQL, locked: passes", 100),
    ("sqlite::money_is_lost_if_nobody_locks", "SQLite, racy: caught", 95),
    ("sqlite::no_money_is_lost_with_a_lock", "SQLite, locked: passes", 100),
];

/// The test that measures how far apart calls begin.
const START: &str = "start::five_calls_start_together";

pub(super) fn run(folder: &Path, path: &OsStr, runs: u8) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let (log, notes) = (folder.join("races.log"), folder.join("start.notes"));
    drop(fs::remove_file(&notes));
    eprintln!("bench: races, {runs} times each");
    let repeat = format!("--repeat={runs}");
    let mut arguments = vec!["ptest", "-p", "ptest-db", "--test", "bank", "--processes=1", "--message-format=json"];
    arguments.extend([&*repeat, "--run-ignored=all", START]);
    arguments.extend(RACES.iter().map(|(name, ..)| *name));
    let mut command = cargo::here(&arguments);
    command.env("PATH", path).env("PTEST_START_NOTES", &notes).env_remove("PTEST_PG_URL");
    log_to(&mut command, &log)?;
    // A race that is not caught makes the run red, and is what is counted here.
    command.status().context("running cargo ptest")?;
    let text = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
    let passed = passed(&text);
    println!("| of {runs} runs | | wanted |\n|---|---|---|");
    for (name, what, least) in RACES {
        let (passed, all) = passed.get(name).copied().unwrap_or_default();
        ensure!(all == u32::from(runs), "{name} ran {all} times: see {}", log.display());
        let below = if passed * 100 < least * all { " (below the target)" } else { "" };
        println!("| {what} | {passed} | {least} %{below} |");
    }
    let notes = fs::read_to_string(&notes).with_context(|| format!("reading {}", notes.display()))?;
    let starts = notes.lines().map(|micros| Ok(micros.parse::<f64>()? / 1000.0)).collect::<Result<Vec<_>>>()?;
    println!("\nFive calls begin within {} ms (median, 95 %, most; wanted: 5).", spread(starts));
    Ok(())
}

/// For each test how often it has passed, of how many times.
fn passed(log: &str) -> BTreeMap<String, (u32, u32)> {
    #[derive(Deserialize)]
    struct Event {
        event: String,
        #[serde(default)]
        test: String,
        #[serde(default)]
        outcome: String,
    }
    let mut tests = BTreeMap::new();
    // What goes to stderr is in the same file, and is no JSON.
    let events = log.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
    for event in events.filter(|event| event.event == "test-finished") {
        let (passed, all) = tests.entry(event.test).or_insert((0, 0));
        *all += 1;
        *passed += u32::from(event.outcome == "passed");
    }
    tests
}
