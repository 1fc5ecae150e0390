//! Runs a fixture under one of the three runners: what it says of each test, and what the fixtures saw themselves do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::kills::{LIMIT, Mark};
use crate::tool::{cargo, nextest_is_here, of_kind, outcomes, target};

/// Who runs the tests, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    CargoTest(usize),
    Nextest(usize),
    Ptest(usize),
}

impl Runner {
    /// All that there are here, each with one test at once and with several.
    pub fn all() -> Vec<Self> {
        let all = [1, 4].map(|width| [Self::CargoTest(width), Self::Nextest(width), Self::Ptest(width)]);
        all.into_iter().flatten().filter(|it| it.is_here()).collect()
    }

    /// People may work on this without nextest.
    pub fn is_here(self) -> bool {
        !matches!(self, Self::Nextest(_)) || nextest_is_here()
    }
}

/// A test binary of the fixtures, or a part of it.
#[derive(Clone)]
pub struct Fixture {
    package: String,
    targets: Vec<String>,
    filters: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

pub fn fixture(package: &str, binary: &str) -> Fixture {
    let targets = vec!["--test".to_owned(), binary.to_owned()];
    Fixture { package: package.to_owned(), targets, filters: vec![], arguments: vec![], environment: vec![] }
}

impl Fixture {
    /// A further binary of the package.
    pub fn and(mut self, binary: &str) -> Self {
        self.targets.extend(["--test".to_owned(), binary.to_owned()]);
        self
    }

    /// Only tests whose names contain this one, or another one that is given.
    pub fn filter(mut self, filter: &str) -> Self {
        self.filters.push(filter.to_owned());
        self
    }

    /// For cargo itself.
    pub fn cargo(mut self, argument: &str) -> Self {
        self.targets.push(argument.to_owned());
        self
    }

    /// For libtest, which all runners take behind `--`.
    pub fn libtest(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The command, with what the fixtures do written to a file in this folder, which is also the one for what is
    /// temporary.
    pub fn command(&self, runner: Runner, folder: &Folder) -> Command {
        let mut command = cargo();
        match runner {
            Runner::CargoTest(_) => command.args(["test", "--no-fail-fast"]),
            Runner::Nextest(width) => {
                command.args(["nextest", "run", "--no-fail-fast", "--message-format=libtest-json"]);
                command.arg(format!("--test-threads={width}")).env("NEXTEST_EXPERIMENTAL_LIBTEST_JSON", "1")
            }
            Runner::Ptest(width) => {
                command.args(["ptest", "--message-format=json"]).arg(format!("--processes={width}"))
            }
        };
        command.args(["--package", &self.package]).args(&self.targets);
        command.arg("--");
        if let Runner::CargoTest(width) = runner {
            command.arg(format!("--test-threads={width}"));
        }
        command.args(&self.arguments).args(&self.filters).envs(self.environment.iter().cloned());
        folder.tell(&mut command);
        command
    }

    /// Runs it to the end, and waits for the end of all that it has started. Nothing may be left behind.
    #[track_caller]
    pub fn under(&self, runner: Runner) -> Run {
        let folder = Folder::new();
        let output = self.command(runner, &folder).output().expect("cargo starts");
        folder.expect_gone();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let run = Run { runner, code: output.status.code(), seen: folder.seen(), stdout, stderr };
        if let Runner::Ptest(_) = runner {
            expect_no_values_of(&run.events());
        }
        run
    }
}

/// What belongs to one run: the file in which fixtures write down what they do, a place for temporary files, and a mark
/// on all processes.
pub struct Folder {
    folder: TempDir,
    mark: Mark,
}

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, mark: Mark::new() }
    }

    pub fn tell(&self, command: &mut Command) {
        command.env("WITNESS", self.path().join("seen")).env("TMPDIR", self.path().join("tmp"));
        command.env(Mark::VARIABLE, &self.mark.0);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until no process of the run is there any more; then there may be no file of it, either.
    #[track_caller]
    pub fn expect_gone(&self) {
        // Hosts of a nextest run tear down after it has ended.
        self.mark.expect_gone_within(LIMIT);
        let left: Vec<_> = fs::read_dir(self.path().join("tmp")).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// What the fixtures have written down up to now.
    pub fn seen(&self) -> Vec<Seen> {
        let text = fs::read_to_string(self.path().join("seen")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let (process, what) = line.split_once(' ').expect("a process and what it did");
                Seen { process: process.parse().unwrap(), what: what.to_owned() }
            })
            .collect()
    }
}

/// The values of shared contexts lie in the target folder for as long as a run of `cargo ptest` goes on.
#[track_caller]
pub fn expect_no_values_of(events: &[Value]) {
    let Some(started) = of_kind(events, "run-started").next() else { return };
    let run = started["run"].as_str().unwrap();
    let left: Vec<_> = fs::read_dir(target().join("ptest/shared").join(run)).into_iter().flatten().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Something that a fixture or a test did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub process: u32,
    /// With its module path: `kinds::unit::(setup)`.
    pub what: String,
}

impl Seen {
    pub fn is_within(&self, module: &str) -> bool {
        self.what.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
    }

    /// Its last name: `(setup)`.
    pub fn name(&self) -> &str {
        self.what.rsplit_once("::").map_or(&self.what, |(_, name)| name)
    }

    pub fn is_test(&self) -> bool {
        !self.name().starts_with('(')
    }
}

/// What came of a run.
pub struct Run {
    pub runner: Runner,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub seen: Vec<Seen>,
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "under {:?}, exit code {:?}", self.runner, self.code)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}\n--- seen", self.stdout, self.stderr)?;
        self.seen.iter().try_for_each(|seen| writeln!(f, "{} {}", seen.process, seen.what))
    }
}

impl Run {
    /// The JSON lines of `cargo ptest`.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The verdict on each test, in the words of `cargo ptest`.
    pub fn verdicts(&self) -> BTreeMap<String, String> {
        let verdicts: Vec<(String, String)> = match self.runner {
            Runner::CargoTest(_) => self.stdout.lines().filter_map(libtests_verdict).collect(),
            Runner::Nextest(_) => self.stdout.lines().filter_map(nextests_verdict).collect(),
            Runner::Ptest(_) => outcomes(&self.events())
                .iter()
                .map(|line| line.rsplit_once(' ').expect("a name and an outcome"))
                .map(|(name, outcome)| (name.to_owned(), outcome.to_owned()))
                .collect(),
        };
        let count = verdicts.len();
        let verdicts: BTreeMap<_, _> = verdicts.into_iter().collect();
        assert_eq!(verdicts.len(), count, "a test has two verdicts {self}");
        verdicts
    }

    /// The tests that passed and, in words, those that did not.
    #[track_caller]
    pub fn expect_verdicts(&self, expected: &[&str]) -> &Self {
        let verdicts: Vec<String> =
            self.verdicts().into_iter().map(|(name, outcome)| format!("{name} {outcome}")).collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(verdicts, expected, "{self}");
        self
    }

    /// Every test has passed, or is ignored.
    #[track_caller]
    pub fn expect_green(&self) -> &Self {
        let verdicts = self.verdicts();
        assert!(!verdicts.is_empty(), "no test ran {self}");
        assert!(verdicts.values().all(|it| it == "passed" || it == "ignored"), "{self}");
        self.expect_code(0)
    }

    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// What was seen of this module and those in it.
    pub fn seen_within(&self, module: &str) -> Vec<&Seen> {
        self.seen.iter().filter(|it| it.is_within(module)).collect()
    }

    /// How often this was seen.
    pub fn count(&self, what: &str) -> usize {
        self.seen.iter().filter(|it| it.what == what).count()
    }

    /// The processes that ran tests of this module.
    pub fn processes(&self, module: &str) -> BTreeSet<u32> {
        let tests = self.seen.iter().filter(|it| it.is_within(module) && it.is_test());
        tests.map(|it| it.process).collect()
    }

    /// What each process did within this module, in the order in which they began. The order of tests that follow one
    /// another is left open.
    pub fn by_process(&self, module: &str) -> Vec<String> {
        let mut processes: Vec<(u32, Vec<Vec<&str>>)> = Vec::new();
        for seen in self.seen_within(module) {
            let place = processes.iter().position(|(process, _)| *process == seen.process).unwrap_or_else(|| {
                processes.push((seen.process, Vec::new()));
                processes.len() - 1
            });
            let did = &mut processes[place].1;
            let what = seen.what[module.len() + 2..].trim_start_matches("::");
            match did.last_mut() {
                Some(tests) if seen.is_test() && !tests[0].ends_with(')') => tests.push(what),
                _ => did.push(vec![what]),
            }
        }
        let line = |did: Vec<Vec<&str>>| {
            did.into_iter()
                .flat_map(|mut together| {
                    together.sort_unstable();
                    together
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        processes.into_iter().map(|(_, did)| line(did)).collect()
    }
}

/// Reads `test NAME ... ok`.
fn libtests_verdict(line: &str) -> Option<(String, String)> {
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let outcome = match verdict {
        "ok" => "passed",
        "FAILED" => "failed",
        _ if verdict.starts_with("ignored") => "ignored",
        // The process has died.
        _ => return None,
    };
    Some((name.to_owned(), outcome.to_owned()))
}

/// Reads `{"type":"test","event":"ok","name":"PACKAGE::BINARY$NAME",..}`.
fn nextests_verdict(line: &str) -> Option<(String, String)> {
    let event: Value = serde_json::from_str(line).expect("a line is JSON");
    let outcome = match event["event"].as_str()? {
        _ if event["type"] != "test" => return None,
        "ok" => "passed",
        "failed" => "failed",
        "ignored" => "ignored",
        "started" => return None,
        other => other,
    };
    let name = event["name"].as_str()?;
    let name = name.split_once('$').map_or(name, |(_, name)| name);
    Some((name.to_owned(), outcome.to_owned()))
}
