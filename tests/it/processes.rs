//! Worker processes: how tests are dealt out to them, what the end of one costs, and what it leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::kills::{Live, Mark};
use crate::tool::{Tool, clean, fixtures, of_kind, outcomes, ptest};

/// The length of each of the eleven tests of `uneven` here, in seconds.
const UNEVEN: f64 = 0.5;

#[test]
fn uneven_modules_take_two_workers_six_tests_long() {
    let (tests, makespan) = deal_out_uneven_modules(2);
    assert_eq!(tests, [6, 5]);
    assert!(makespan < allowed(6.0), "{makespan} s");
}

#[test]
fn uneven_modules_take_three_workers_four_tests_long() {
    let (tests, makespan) = deal_out_uneven_modules(3);
    assert_eq!(tests, [4, 4, 3]);
    assert!(makespan < allowed(4.0), "{makespan} s");
}

/// The best possible makespan, 5 %, and what a busy machine may take to start some processes.
fn allowed(tests: f64) -> f64 {
    tests * UNEVEN * 1.05 + 1.0
}

/// Gives how many tests each worker ran, the busiest first, and the time from the first one's start to the last one's
/// end in seconds. Each result must be told before its worker starts another test.
#[track_caller]
fn deal_out_uneven_modules(processes: u32) -> (Vec<usize>, f64) {
    let tool = ptest(&["uneven"]).args([format!("--processes={processes}")]);
    let (ran, events) = tool.env("UNEVEN_SECONDS", UNEVEN.to_string()).json();
    ran.expect(100);
    let mut running: BTreeMap<u64, &Value> = BTreeMap::new();
    let mut tests: BTreeMap<u64, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| event["test"].is_string()) {
        let worker = event["worker"].as_u64().unwrap();
        if event["event"] == "test-started" {
            assert_eq!(running.insert(worker, &event["test"]), None, "worker {worker} runs one test at a time");
        } else {
            assert_eq!(running.remove(&worker), Some(&event["test"]));
            *tests.entry(worker).or_default() += 1;
        }
    }
    let mut tests: Vec<usize> = tests.into_values().collect();
    tests.sort_unstable_by(|a, b| b.cmp(a));
    (tests, makespan(&events))
}

fn makespan(events: &[Value]) -> f64 {
    let began = |event: &Value| {
        let time = chrono::DateTime::parse_from_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
        time.timestamp_micros() as f64 / 1e6
    };
    let tests = || of_kind(events, "test-finished");
    let first = tests().map(began).fold(f64::INFINITY, f64::min);
    let last = tests().map(|event| began(event) + event["duration"].as_f64().unwrap()).fold(0.0, f64::max);
    last - first
}

/// In this run the last test ends only when somebody who has read of the first one says so.
#[test]
fn a_result_is_told_while_other_tests_run() {
    let formats = [
        ("human", r"PASS [", "tests::a_innocent"),
        ("json", r#""event":"test-finished""#, r#""test":"tests::a_innocent""#),
        ("junit", "<testcase", r#"name="tests::a_innocent""#),
    ];
    for (format, word, name) in formats {
        let folder = tempfile::tempdir().unwrap();
        let end = folder.path().join("end");
        let tool = ptest(&["hang"]).args(["a_innocent", "f_hangs", "--processes=1", "--message-format", format]);
        let mut command = tool.env("HANG_UNTIL", &end).command();
        // What people read is on stderr.
        let (reader, writer) = std::io::pipe().unwrap();
        match format {
            "human" => command.stderr(writer),
            _ => command.stdout(writer).stderr(Stdio::null()),
        };
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        let told = lines.any(|line| line.contains(word) && line.contains(name));
        fs::write(&end, "").unwrap();
        lines.for_each(drop);
        assert!(child.wait().unwrap().success(), "{format}");
        assert!(told, "{format}");
    }
}
