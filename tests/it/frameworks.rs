//! Test binaries with a test framework of their own in the place of libtest's harness, which takes an unstable feature:
//! the compiler is told to take it.

use std::collections::BTreeMap;

use crate::tool::{Tool, of_kind, outcomes};
use crate::workspace::Workspace;

/// Runs the tests and says nothing, as it has nothing to complain about. It looks at no argument.
const SILENT: &str = "
#![feature(custom_test_frameworks)]
#![test_runner(run)]
fn run(tests: &[&dyn Fn()]) {
    tests.iter().for_each(|test| test());
}
#[test_case]
fn one() {}
#[test_case]
fn two() { assert!(std::env::var(\"FAILS\").is_err(), \"two fails\"); }
";

/// Has a word for each test.
const TALKING: &str = "
#![feature(custom_test_frameworks)]
#![test_runner(run)]
fn run(tests: &[&dyn Fn()]) {
    println!(\"Running {} tests\", tests.len());
    for (number, test) in tests.iter().enumerate() {
        test();
        println!(\"test {number}: [ok]\");
    }
}
#[test_case]
fn one() {}
";

/// Dies of what it finds.
const ABORTING: &str = "
#![feature(custom_test_frameworks)]
#![test_runner(run)]
fn run(_: &[&dyn Fn()]) {
    std::process::abort();
}
";

/// Lists its tests as harnesses of their own do, and takes one of them by name.
const LISTING: &str = "
#![feature(custom_test_frameworks)]
#![test_runner(run)]
type Test = (&'static str, fn());
fn run(tests: &[&Test]) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|it| it.starts_with(\"-Z\") || it.starts_with(\"--logfile\")) {
        std::process::exit(2);
    }
    let list = args.iter().any(|it| it == \"--list\");
    for (name, test) in tests.iter().filter(|_| !args.iter().any(|it| it == \"--ignored\")) {
        if list {
            println!(\"{name}: test\");
        } else if args.is_empty() || args.iter().any(|it| it == name) {
            test();
        }
    }
}
#[test_case]
const PASSES: Test = (\"passes\", || {});
#[test_case]
const FAILS: Test = (\"fails\", || panic!(\"it fails\"));
";

/// libtest's harness, with tests that the program makes up.
const MADE_UP: &str = "
#![feature(custom_test_frameworks, test)]
#![test_runner(run)]
extern crate test;
use test::{ShouldPanic, TestDesc, TestDescAndFn, TestFn, TestName, TestType};
fn test(name: &str, passes: bool) -> TestDescAndFn {
    let verdict = move || if passes { Ok(()) } else { Err(\"it fails\".to_owned()) };
    let desc = TestDesc {
        name: TestName::DynTestName(name.to_owned()), ignore: false, ignore_message: None, source_file: \"\",
        start_line: 0, start_col: 0, end_line: 0, end_col: 0, should_panic: ShouldPanic::No, compile_fail: false,
        no_run: false, test_type: TestType::UnitTest,
    };
    TestDescAndFn { desc, testfn: TestFn::DynTestFn(Box::new(verdict)) }
}
fn run(_: &[&dyn Fn()]) {
    let tests = vec![test(\"--help\", true), test(\"--list\", false), test(\"-\", true), test(\"plain\", true)];
    test::test_main(&std::env::args().collect::<Vec<_>>(), tests, None);
}
";

/// A workspace with these integration tests beside one with libtest's harness.
fn workspace(tests: &[(&str, &str)]) -> Workspace {
    let stock = Workspace::of_package("").file("tests/stock.rs", "#[test]\nfn passes() {}\n");
    tests.iter().fold(stock, |workspace, (name, source)| workspace.file(&format!("tests/{name}.rs"), source))
}

fn tool(workspace: &Workspace) -> Tool {
    workspace.ptest().env("RUSTC_BOOTSTRAP", "1")
}

#[test]
fn a_test_framework_of_its_own_is_one_test_with_a_note() {
    let workspace = workspace(&[("aborting", ABORTING), ("silent", SILENT), ("talking", TALKING)]);
    for (fails, silent) in [(None, "passed"), (Some("1"), "failed")] {
        let tool = fails.iter().fold(tool(&workspace), |tool, value| tool.env("FAILS", value));
        let (ran, events) = tool.json();
        let expected = ["aborting crashed", "passes passed", &format!("silent {silent}"), "talking passed"];
        let found = outcomes(&events);
        let aborting = ["aborting crashed", "aborting failed"].iter().any(|it| found[0] == *it);
        assert!(aborting && found[1..] == expected[1..], "{found:?}\n{}", ran.stderr);
        ran.expect(100);
        for name in ["aborting", "silent", "talking"] {
            let note = format!("note: made::{name} has a test framework of its own that does not list tests (");
            assert!(ran.stderr.contains(&note), "{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("made::stock has"), "{}", ran.stderr);
    }
}

#[test]
fn a_test_framework_that_lists_its_tests_has_a_process_for_each() {
    let (ran, events) = tool(&workspace(&[("listing", LISTING)])).json();
    assert_eq!(outcomes(&events), ["fails failed", "passes passed", "passes passed"], "{}", ran.expect(100).stderr);
    let processes = of_kind(&events, "worker-started").filter(|it| it["binary"] == "made::listing");
    assert_eq!(processes.count(), 2);
}

#[test]
fn libtest_runs_tests_by_names_that_look_like_options() {
    let workspace = workspace(&[("made_up", MADE_UP)]);
    for args in [&[][..], &["--process-restartworker"]] {
        let (ran, events) = tool(&workspace).args(args).json();
        let found: BTreeMap<&str, &str> = of_kind(&events, "test-finished")
            .filter(|it| it["binary"] == "made::made_up")
            .map(|it| (it["test"].as_str().unwrap(), it["outcome"].as_str().unwrap()))
            .collect();
        let expected = [("--help", "passed"), ("--list", "failed"), ("-", "passed"), ("plain", "passed")];
        assert_eq!(found, expected.into_iter().collect(), "{}", ran.expect(100).stderr);
        assert!(
            ran.stderr.contains("rerun: cargo ptest -p made --test made_up -- --exact -- --list\n"),
            "{}",
            ran.stderr
        );
    }
    let again = ["--test", "made_up", "--", "--exact", "--", "--list"];
    let (ran, events) = tool(&workspace).args(["--message-format=json"]).args(again).run().with_events();
    assert_eq!(outcomes(&events), ["--list failed"], "{}", ran.expect(100).stderr);
}
