//! `cargo ptest list` in its three forms, and binaries that don't list their tests.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use nextest_metadata::{RustBinaryId, RustTestCaseSummary, RustTestSuiteSummary, TestCaseName, TestListSummary};

use crate::tool::{Ran, Tool, clean, fixtures, of_kind, ptest, skipped};
#[cfg(target_os = "linux")]
use crate::workspace::Workspace;

/// `cargo ptest list` on the named packages.
fn list(packages: &[&str]) -> Tool {
    ptest(&[]).args(["list"]).args(packages.iter().flat_map(|package| ["-p", package]))
}

fn parsed(json: &str) -> TestListSummary {
    TestListSummary::parse_json(json).expect("a list as nextest-metadata has it")
}

#[test]
fn people_read_the_tests_below_their_binaries() {
    let ran = list(&["old", "kinds"]).args(["in_", "async"]).run();
    let expected = "\
kinds:
    tests::in_the_library
kinds::bin/kinds-one:
    tests::in_both_programs
    tests::in_program_one
kinds::bin/kinds-two:
    tests::in_both_programs
    tests::in_program_two
kinds::outside:
    in_the_integration_test
old:
    tests::async
";
    let without_targets = |text: &str| {
        // Which targets are tested by default is cargo's to say.
        let suites =
            text.split_inclusive('\n').filter(|line| !line.contains("in_the_bench") && !line.contains("timed"));
        suites.filter(|line| !line.contains("in_the_example") && !line.contains("shown")).collect::<String>()
    };
    assert_eq!(without_targets(&ran.expect(0).stdout), expected);
    let ran = list(&["outcomes"]).args(["ignored"]).run();
    let expected = "outcomes:\n    tests::ignored_with_a_reason (ignored: the well is dry)\n    \
                    tests::ignored_without_a_reason (ignored)\n";
    assert_eq!(ran.expect(0).stdout, expected);
}

#[test]
fn editors_read_what_a_test_binary_would_print() {
    let ran = ptest(&["outcomes"]).args(["twice", "ignored", "--", "--list"]).run();
    let expected = "tests::ignored_with_a_reason: test\ntests::ignored_without_a_reason: test\n\
                    tests::nested::twice::passes: test\n\n3 tests, 0 benchmarks\n";
    assert_eq!(ran.expect(0).stdout, expected);
}

#[test]
fn programs_read_every_test_and_whether_it_would_run() {
    let ran = list(&["outcomes"]).args(["--message-format=json", "fails"]).run();
    let list = parsed(&ran.expect(0).stdout);
    assert_eq!(list.test_count, 13);
    let suite = &list.rust_suites[&RustBinaryId::new("outcomes")];
    assert_eq!(suite.cwd, fixtures().join("outcomes"));
    assert!(suite.binary.binary_path.is_file());
    let matching = suite.test_cases.iter().filter(|(_, case)| case.filter_match.is_match());
    let matching: Vec<String> = matching.map(|(name, _)| name.to_string()).collect();
    assert_eq!(matching, ["tests::fails", "tests::nested::fails"]);
}

/// What both tools must agree on in a suite. Of a test whose cases are made when it runs, nextest knows the name alone.
fn essence(suite: &RustTestSuiteSummary) -> (String, String, String, String, String, Vec<String>) {
    let line = |(name, case): (&TestCaseName, &RustTestCaseSummary)| {
        let name = name.as_str().split('[').next().unwrap_or_default();
        format!("{name} {} {:?}", case.ignored, case.filter_match)
    };
    let mut cases: Vec<String> = suite.test_cases.iter().map(line).collect();
    cases.dedup();
    let binary = &suite.binary;
    (
        suite.package_name.clone(),
        binary.package_id.clone(),
        format!("{} {:?} {:?}", binary.binary_name, binary.kind, binary.build_platform),
        binary.binary_path.to_string(),
        suite.cwd.to_string(),
        cases,
    )
}

#[test]
fn the_list_is_that_of_nextest() {
    const OTHERS: [&str; 4] = ["--exclude=dialects", "--exclude=jobs", "--exclude=nolist", "--exclude=misplaced"];
    let args = [&["--workspace", "--all-targets", "--message-format=json"], &OTHERS[..]].concat();
    let theirs = clean("cargo-nextest").args(["nextest", "list"]).args(&args).current_dir(fixtures()).output();
    let theirs = match theirs {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped("the list was not compared: cargo-nextest is not installed");
            return;
        }
        theirs => theirs.expect("nextest starts"),
    };
    assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
    let theirs = parsed(&String::from_utf8(theirs.stdout).unwrap());
    let ours = parsed(&list(&[]).args(&args).run().expect(0).stdout);
    let suites = |list: &TestListSummary| -> BTreeMap<String, _> {
        list.rust_suites.iter().map(|(id, suite)| (id.to_string(), essence(suite))).collect()
    };
    let (our_suites, their_suites) = (suites(&ours), suites(&theirs));
    assert!(our_suites.keys().eq(their_suites.keys()), "{:?}\n{:?}", our_suites.keys(), their_suites.keys());
    for (id, suite) in their_suites {
        assert_eq!(our_suites[&id], suite, "{id}");
    }
    assert_eq!(ours.test_count, ours.rust_suites.values().map(|suite| suite.test_cases.len()).sum::<usize>());
    assert_eq!(ours.rust_build_meta.target_directory, theirs.rust_build_meta.target_directory);
    assert_eq!(ours.rust_build_meta.base_output_directories, theirs.rust_build_meta.base_output_directories);
}

#[track_caller]
fn note_on<'a>(ran: &'a Ran, binary: &str) -> &'a str {
    let start = format!("note: {binary} has a harness of its own that does not list tests");
    ran.stderr.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{start}: {}", ran.stderr))
}

#[test]
fn programs_that_do_not_list_their_tests_are_one_test_each_with_a_note() {
    let (ran, events) = ptest(&["nolist"]).args(["--list-timeout=2s", "--verbose"]).json();
    ran.expect(100);
    for (binary, why) in [("foreign", "exit status: 3"), ("refuses", "Usage: refuses"), ("silent", "it lists nothing")]
    {
        let note = note_on(&ran, &format!("nolist::{binary}"));
        // A busy machine may take longer than the limit.
        assert!(note.contains(why) || note.contains("has not answered --list within 2s"), "{note}");
    }
    let note = note_on(&ran, "nolist::hangs_on_list");
    assert!(note.contains("has not answered --list within 2s"), "{note}");
    let tests: BTreeMap<&str, &str> = of_kind(&events, "test-finished")
        .map(|it| (it["binary"].as_str().unwrap(), it["outcome"].as_str().unwrap()))
        .collect();
    let expected = [
        ("nolist::foreign", "failed"),
        ("nolist::hangs_on_list", "passed"),
        ("nolist::refuses", "passed"),
        ("nolist::silent", "passed"),
    ];
    assert_eq!(tests, expected.into_iter().collect());
}

#[test]
fn a_test_that_is_a_whole_program_can_be_selected_by_its_name() {
    let (ran, events) = ptest(&["nolist"]).args(["--test=silent", "--test=foreign", "sil"]).json();
    ran.expect(0);
    let names: Vec<&str> = of_kind(&events, "test-finished").map(|it| it["test"].as_str().unwrap()).collect();
    assert_eq!(names, ["silent"]);
}

/// A library whose test binary does something before `main`.
#[cfg(target_os = "linux")]
fn before_main(what: &str) -> Workspace {
    let source = format!(
        "#[used]
        #[unsafe(link_section = \".init_array\")]
        static BEFORE_MAIN: extern \"C\" fn() = before_main;
        extern \"C\" fn before_main() {{ {what} }}
        #[test]
        fn passes() {{}}"
    );
    Workspace::of_package("").file("src/lib.rs", &source)
}

#[test]
#[cfg(target_os = "linux")]
fn a_stock_binary_that_dies_when_it_should_list_ends_the_run_and_is_named() {
    let workspace = before_main("std::process::abort();");
    for tool in [workspace.ptest(), workspace.ptest().args(["--", "--list"])] {
        let ran = tool.run();
        assert!(ran.expect(104).stderr.contains("error: cannot list the tests of made ("), "{}", ran.stderr);
        assert!(ran.stderr.contains("SIGABRT"), "{}", ran.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_stock_binary_that_hangs_when_it_should_list_ends_the_run_and_is_named() {
    let ran = before_main("loop { std::thread::park(); }").ptest().args(["--list-timeout=1s"]).run();
    assert!(ran.expect(104).stderr.contains("error: cannot list the tests of made ("), "{}", ran.stderr);
    assert!(ran.stderr.contains("it has not answered --list within 1s"), "{}", ran.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_stock_binary_that_ends_well_without_a_list_is_no_binary_without_tests() {
    let ran = before_main("std::process::exit(0);").ptest().run();
    assert!(ran.expect(104).stderr.contains("it has libtest's harness, but exits without listing"), "{}", ran.stderr);
}
