//! Tests that write their expected values into their own sources: each literal keeps its old text or gets its own new one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use crate::tool::{Ran, Tool, fixtures, of_kind, outcomes, ptest};

/// A copy of the workspace `fixtures/updates`, since its sources change. It is not inside of another workspace: the
/// outermost one would be taken for theirs.
struct Copy {
    temporary: TempDir,
    made: SystemTime,
}

impl Copy {
    fn new() -> Self {
        let copy = Self { temporary: tempfile::tempdir().unwrap(), made: SystemTime::now() };
        copy.restore();
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// Puts the sources back as they were compiled.
    fn restore(&self) {
        for file in FILES {
            let path = self.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, fs::read(fixtures().join("updates").join(file)).unwrap()).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(self.made).unwrap();
        }
    }

    fn tool(&self, args: &[&str]) -> Tool {
        let tool = ptest(&[]).inside(self.temporary.path()).env("CARGO_TARGET_DIR", self.path("target"));
        tool.args(["--no-history"]).args(args)
    }

    /// With expect-test and snapbox told to write.
    fn update(&self, args: &[&str]) -> Tool {
        self.tool(args).env("UPDATE_EXPECT", "1").env("SNAPSHOTS", "overwrite")
    }

    fn literals(&self, file: &str) -> Literals {
        Literals::read(&fs::read_to_string(self.path(file)).unwrap())
    }
}

const FILES: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "src/lib.rs",
    "tests/common/mod.rs",
    "tests/expects.rs",
    "tests/foreign.rs",
    "tests/shares_a.rs",
    "tests/shares_b.rs",
    "tests/snaps.rs",
];

/// Which literals have their new text, and which the old one.
#[derive(Debug, PartialEq)]
struct Literals {
    new: Vec<usize>,
    old: Vec<usize>,
}

impl Literals {
    /// Fails where one has a text that is neither.
    fn read(text: &str) -> Self {
        let mut found = Self { new: Vec::new(), old: Vec::new() };
        for (number, test) in text.split("#[test]").skip(1).enumerate() {
            assert!(test.trim_start().starts_with(&format!("fn t{number:02}()")), "{text}");
            let own = format!("line one of {number}\n");
            match (test.matches("line one of").count(), test.contains(&own), test.contains("\"old\"")) {
                (1, true, false) => found.new.push(number),
                (0, false, true) => found.old.push(number),
                _ => panic!("t{number:02} has a text that is not its own:\n{text}"),
            }
        }
        found
    }

    fn all_new(count: usize) -> Self {
        Self { new: (0..count).collect(), old: Vec::new() }
    }
}

/// How many processes each binary had.
fn processes(events: &[Value]) -> BTreeMap<&str, usize> {
    let mut processes = BTreeMap::new();
    for started in of_kind(events, "worker-started") {
        *processes.entry(started["binary"].as_str().unwrap()).or_default() += 1;
    }
    processes
}

fn expect_one_process_each(events: &[Value], binaries: &[&str]) {
    assert_eq!(processes(events), binaries.iter().map(|it| (*it, 1)).collect());
}

/// The messages of tests that were not reached, by binary and test.
fn not_reached(events: &[Value]) -> Vec<(String, String)> {
    let finished = of_kind(events, "test-finished").filter(|it| it["outcome"] == "not-reached");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> =
        finished.map(|it| (format!("{} {}", text(&it["binary"]), text(&it["test"])), text(&it["message"]))).collect();
    found.sort_unstable();
    found
}

const LITERALS: [&str; 3] = ["--lib", "--test=expects", "--test=snaps"];

#[test]
fn each_literal_gets_its_own_text_with_any_number_of_processes() {
    let copy = Copy::new();
    for processes in ["-j1", "-j2", "-j8"] {
        copy.restore();
        let (ran, events) = copy.update(&LITERALS).args([processes]).json();
        ran.expect(0);
        expect_one_process_each(&events, &["updates", "updates::expects", "updates::snaps"]);
        assert_eq!(copy.literals("src/lib.rs"), Literals::all_new(6), "{processes}");
        assert_eq!(copy.literals("tests/expects.rs"), Literals::all_new(40), "{processes}");
        assert_eq!(copy.literals("tests/snaps.rs"), Literals::all_new(40), "{processes}");
    }
}

/// Runs the binaries of forty literals with trouble in the twentieth test of each, and everything asked for that would
/// start another process.
fn in_trouble(copy: &Copy, trouble: &str) -> (Ran, Vec<Value>) {
    copy.restore();
    let asked = ["--retries=2", "--repeat=2", "--diagnose", "--process-restartworker", "--process-timeout=5s", "-j8"];
    let (ran, events) = copy.update(&LITERALS[1..]).args(asked).env("TROUBLE", trouble).json();
    ran.expect(100);
    expect_one_process_each(&events, &["updates::expects", "updates::snaps"]);
    for option in &asked[..4] {
        let option = option.split('=').next().unwrap();
        assert!(ran.stderr.contains(&format!("note: {option} is ignored with UPDATE_EXPECT")), "{}", ran.stderr);
    }
    (ran, events)
}

#[test]
fn what_a_process_leaves_when_it_dies_is_not_reached_and_keeps_its_text() {
    let copy = Copy::new();
    for (trouble, outcome) in [("abort", "crashed"), ("hang", "timed-out")] {
        let (ran, events) = in_trouble(&copy, trouble);
        let until_then = || Literals { new: (0..20).collect(), old: (20..40).collect() };
        assert_eq!(copy.literals("tests/expects.rs"), until_then(), "{trouble}");
        assert_eq!(copy.literals("tests/snaps.rs"), until_then(), "{trouble}");
        let of = |outcome: &str| outcomes(&events).iter().filter(|it| it.ends_with(outcome)).count();
        assert_eq!((of("passed"), of(outcome), of("not-reached")), (40, 2, 38), "{trouble}");
        assert!(ran.stderr.contains("19 tests not reached; run again for these"), "{}", ran.stderr);
    }
}

#[test]
fn a_test_that_fails_is_not_tried_again_and_the_others_get_their_text() {
    let copy = Copy::new();
    let (_, events) = in_trouble(&copy, "fail");
    assert_eq!(copy.literals("tests/expects.rs"), Literals::all_new(40));
    assert_eq!(copy.literals("tests/snaps.rs"), Literals::all_new(40));
    assert_eq!(of_kind(&events, "attempt-failed").count(), 0);
    assert_eq!(outcomes(&events).iter().filter(|it| it.ends_with("passed")).count(), 78);
}

#[test]
fn of_binaries_that_share_a_source_file_only_one_writes_into_it() {
    let copy = Copy::new();
    let shares = ["--test=shares_a", "--test=shares_b", "-j8"];
    let (ran, events) = copy.update(&shares).json();
    ran.expect(100);
    assert_eq!(copy.literals("tests/common/mod.rs"), Literals::all_new(6));
    let left = not_reached(&events);
    assert_eq!(left.len(), 6, "{left:?}");
    assert!(
        left.iter().all(|(_, why)| why.contains("tests/common/mod.rs has changed since updates::shares_")),
        "{left:?}"
    );
    copy.tool(&shares).run().expect(0);
}

#[test]
fn a_harness_of_its_own_writes_one_literal_a_run() {
    let copy = Copy::new();
    let foreign = ["--test=foreign", "-j8"];
    let written = || fs::read_to_string(copy.path("tests/foreign.rs")).unwrap().matches("line two of").count() - 1;
    for run in 1..=3 {
        let (ran, events) = copy.update(&foreign).json();
        let left: Vec<String> = not_reached(&events).into_iter().map(|(test, _)| test).collect();
        ran.expect(if left.is_empty() { 0 } else { 100 });
        assert_eq!((left.len(), written()), (3 - run, run), "{left:?}");
        assert!(ran.stderr.contains("updates::foreign needs a process for each test"), "{}", ran.stderr);
    }
    copy.tool(&foreign).run().expect(0);
}

#[test]
fn doctests_run_before_their_lines_move() {
    let copy = Copy::new();
    let (_, events) = copy.update(&["-j8"]).json();
    assert_eq!(copy.literals("src/lib.rs"), Literals::all_new(6));
    let doctest = of_kind(&events, "test-finished").find(|it| it["binary"] == "updates::doc/updates").unwrap();
    assert_eq!(doctest["outcome"], "passed", "{doctest}");
    let first = of_kind(&events, "test-started").next().unwrap();
    assert_eq!(first["binary"], "updates::doc/updates");
}

#[test]
fn beside_a_build_nothing_is_written_and_what_was_not_reached_is_what_failed() {
    let copy = Copy::new();
    let (ran, events) = copy.update(&LITERALS).args(["--eager"]).env("TROUBLE", "abort").json();
    ran.expect(100);
    expect_one_process_each(&events, &["updates", "updates::expects", "updates::snaps"]);
    assert!(ran.stderr.contains("no test starts before all is built"), "{}", ran.stderr);
    let begins = events.iter().position(|it| it["event"] == "test-started").unwrap();
    let built = events.iter().position(|it| it["event"] == "binary-selected").unwrap();
    assert_eq!(of_kind(&events[..begins], "binary-selected").count(), 3);
    assert!(built < begins);
    copy.update(&LITERALS).args(["--failed"]).run().expect(0);
    assert_eq!(copy.literals("tests/expects.rs"), Literals::all_new(40));
    assert_eq!(copy.literals("tests/snaps.rs"), Literals::all_new(40));
}

#[test]
fn further_variables_are_a_matter_of_configuration() {
    let copy = Copy::new();
    fs::create_dir_all(copy.path(".config")).unwrap();
    let config = "[snapshots]\nvariables = [\"BLESS=1\"]\n";
    fs::write(copy.path(".config/ptest.toml"), config).unwrap();
    let said = |value| copy.tool(&["--lib", "--retries=1"]).env("BLESS", value).run().stderr;
    assert!(!said("0").contains("BLESS"));
    let said = said("1");
    assert!(said.contains("note: BLESS=1 is set, so tests may write into their own sources"), "{said}");
    assert!(said.contains("note: --retries is ignored with BLESS=1"), "{said}");
}

#[test]
fn contexts_of_all_kinds_work_in_the_one_process_of_a_binary() {
    let run = |env: &str| ptest(&["kinds"]).args(["-j3"]).env(env, "1").json().1;
    let (plain, updating) = (run("NOTHING"), run("UPDATE_EXPECT"));
    assert_eq!(outcomes(&updating), outcomes(&plain));
    assert!(processes(&updating).values().all(|count| *count == 1));
    assert!(processes(&plain).values().any(|count| *count > 1));
}
