//! README's commands, as they stand there: each ends with the exit code that README names, and its tests come to what
//! `fixtures/expected.toml` says.

use std::fs;
use std::path::Path;

use crate::table::expect_json;
use crate::tool::{clean, of_kind};

/// A line of README: `$ cargo run --release -- ARGUMENTS  # ... ends with CODE`.
struct Command {
    arguments: Vec<String>,
    code: i32,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn commands() -> Vec<Command> {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let lines = readme.lines().filter_map(|line| line.strip_prefix("$ cargo run --release -- "));
    let command = |line: &str| {
        let (arguments, comment) = line.split_once('#').expect("a command has a comment");
        let code = comment.rsplit_once("ends with ").expect("a comment names the exit code").1;
        let code = code.split(|it: char| !it.is_ascii_digit()).next().unwrap();
        Command {
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            code: code.parse().expect("an exit code is a number"),
        }
    };
    lines.map(command).collect()
}

/// Runs the command of README that is about a fixture, from the root of the repository.
fn run(fixture: &str, code: i32) -> Vec<serde_json::Value> {
    let commands = commands();
    let manifest = format!("fixtures/{fixture}/Cargo.toml");
    let command = commands.iter().find(|it| it.arguments.contains(&manifest)).expect("README runs the fixture");
    assert_eq!(command.code, code, "what README says");
    let mut tool = clean(env!("CARGO_BIN_EXE_cargo-ptest"));
    tool.args(&command.arguments).args(["--no-history", "--message-format=json"]).current_dir(repository());
    let output = tool.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    expect_json(fixture, &events);
    events
}

#[test]
fn the_first_command_of_readme_is_green_with_contexts_doctests_and_a_flaky_test() {
    let events = run("tour", 0);
    let end = of_kind(&events, "run-finished").next().unwrap();
    assert_eq!(end["flaky"], 1);
    let retried = of_kind(&events, "attempt-failed").next().unwrap();
    assert_eq!(retried["test"], "passes_at_the_second_attempt");
}

#[test]
fn ci_runs_the_second_command_of_readme() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let second = readme.lines().skip_while(|line| !line.starts_with("$ cargo run --release")).nth(1).unwrap();
    let second = second.strip_prefix("$ ").unwrap().split('#').next().unwrap().trim_end();
    let script = fs::read_to_string(repository().join(".ci/run")).unwrap();
    assert_eq!(script.lines().last(), Some(&*format!("exec {second}")));
}

#[test]
fn the_demo_of_readme_ends_with_100_and_loses_one_test_to_each_fault() {
    let events = run("demo", 100);
    let end = of_kind(&events, "run-finished").next().unwrap();
    let failed = (&end["failed-setups"], &end["fixture-failed"]);
    assert_eq!(failed, (&0.into(), &0.into()), "the shared fixture survives the crash of one of its tests");
}
