//! What tests know of the run that they belong to: its name, their slot, and what crates look for that know nextest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::tool::{cargo, fixtures, nextest_is_here, of_kind, outcomes, ptest};

/// What a test of the fixture `runs` has written down.
#[derive(Debug)]
struct Seen {
    run: String,
    worker: usize,
    nextest_run: String,
    nextest_slot: String,
    nextest: String,
}

/// A file for it.
struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("seen")
    }

    fn seen(&self) -> BTreeMap<String, Seen> {
        let line = |line: &str| {
            let [test, run, worker, nextest_run, nextest_slot, nextest] =
                line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
            (test, Seen { run, worker: worker.parse().unwrap(), nextest_run, nextest_slot, nextest })
        };
        fs::read_to_string(self.path()).unwrap().lines().map(line).collect()
    }

    /// Runs all tests of the fixture by `cargo` with these words, as if from inside of another run's test.
    fn fill(&self, words: &[&str], outer: &[(&str, &str)]) -> BTreeMap<String, Seen> {
        let mut command: Command = cargo();
        command.args(words).args(["-p", "runs"]).envs(outer.iter().copied()).env("RUNS_SEEN", self.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.seen()
    }
}

const TESTS: [&str; 6] = ["annotated a", "foreign a", "foreign b", "plain a", "plain b", "plain c"];

/// What a test of `cargo ptest` is given, and so whatever it starts.
const IN_PTEST: [(&str, &str); 5] = [
    ("PTEST_RUN_ID", "outer"),
    ("PTEST_WORKER", "55"),
    ("NEXTEST_RUN_ID", "uuid"),
    ("PTEST_NEXTEST_RUN_ID", "uuid"),
    ("PTEST_RUNNER", "1"),
];

/// The same of a test of nextest.
const IN_NEXTEST: [(&str, &str); 3] =
    [("NEXTEST", "1"), ("NEXTEST_RUN_ID", "outer"), ("NEXTEST_TEST_GLOBAL_SLOT", "77")];

fn names(seen: &BTreeMap<String, Seen>, field: fn(&Seen) -> &str) -> BTreeSet<&str> {
    seen.values().map(field).collect()
}

#[test]
fn all_tests_of_a_run_know_its_name_and_their_slots_whatever_their_harness() {
    let file = File::new();
    let mut tool = ptest(&["runs"]).args(["-j3"]).env("RUNS_SEEN", file.path());
    for (name, value) in IN_NEXTEST {
        tool = tool.env(name, value);
    }
    let (ran, events) = tool.json();
    ran.expect(0);
    let seen = file.seen();
    assert_eq!(seen.len(), TESTS.len() + 1, "{:?}", seen.keys());
    let run = of_kind(&events, "run-started").next().unwrap()["run"].as_str().unwrap();
    assert_eq!(names(&seen, |it| &it.run), [run].into());
    assert_eq!(names(&seen, |it| &it.nextest_run).len(), 1);
    assert!(!names(&seen, |it| &it.nextest_run).contains("outer"));
    let workers: BTreeMap<String, usize> = of_kind(&events, "test-started").map(worker).collect();
    for (test, seen) in &seen {
        assert_eq!(seen.worker, workers[test], "{test}");
        let expected = if test.starts_with("foreign") { "1" } else { "-" };
        assert_eq!(seen.nextest, expected, "{test} is told that it has a process of its own if it has one");
    }
}

/// The name under which a test writes, and its worker.
fn worker(started: &Value) -> (String, usize) {
    let name = match started["binary"].as_str().unwrap().split_once("::").unwrap().1 {
        "doc/runs" => "doctest".to_owned(),
        binary => format!("{binary} {}", started["test"].as_str().unwrap()),
    };
    (name, usize::try_from(started["worker"].as_u64().unwrap()).unwrap())
}

#[test]
fn nextest_inside_of_a_test_is_recognised() {
    if !nextest_is_here() {
        return;
    }
    for (outer, run) in [(&IN_PTEST[..], "outer/"), (&[], "")] {
        let seen = File::new().fill(&["nextest", "run"], outer);
        assert_eq!(seen.keys().collect::<Vec<_>>(), TESTS);
        for (test, seen) in &seen {
            assert_eq!(seen.run, format!("{run}{}", seen.nextest_run), "{test}");
            assert_eq!(seen.worker.to_string(), seen.nextest_slot, "{test}");
        }
        assert_eq!(names(&seen, |it| &it.nextest_run).len(), 1);
    }
}

#[test]
fn cargo_test_inside_of_a_test_is_another_run_and_so_is_cargo_ptest() {
    let seen = File::new().fill(&["test", "--test=plain", "--test=annotated"], &IN_PTEST);
    let runs = names(&seen, |it| &it.run);
    assert_eq!(runs.len(), 2, "one for each binary: {runs:?}");
    assert!(runs.iter().all(|run| run.starts_with("outer/test-")), "{runs:?}");
    let seen = File::new().fill(&["ptest", "--no-history"], &IN_PTEST);
    let runs = names(&seen, |it| &it.run);
    assert!(runs.len() == 1 && runs.iter().all(|run| run.starts_with("outer/") && !run.contains("test-")), "{runs:?}");
    assert!(!names(&seen, |it| &it.nextest_run).contains("uuid"));
}

#[test]
fn insta_keeps_the_pending_snapshots_of_all_processes_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    for file in ["Cargo.toml", "Cargo.lock", "src/lib.rs"] {
        fs::copy(fixtures().join("pending").join(file), folder.path().join(file)).unwrap();
    }
    let tool = ptest(&[]).inside(folder.path()).env("CARGO_TARGET_DIR", folder.path().join("target"));
    let tool = tool.env("INSTA_UPDATE", "new").env("INSTA_WORKSPACE_ROOT", folder.path());
    let (ran, events) = tool.args(["-j2", "--process-restartworker"]).json();
    ran.expect(100);
    assert_eq!(outcomes(&events), ["a", "b", "c", "d", "e", "f"].map(|it| format!("{it} failed")));
    // insta goes by the last line's run, and takes the lines of all others for old.
    let lines = fs::read_to_string(folder.path().join("src/.lib.rs.pending-snap")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = &lines.last().unwrap()["run_id"];
    assert_eq!(lines.iter().filter(|line| line["run_id"] == *last).count(), 6, "{lines:?}");
}
