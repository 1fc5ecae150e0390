//! Doctests beside the other tests: which of them run, in how many processes, and what is known when one of them hangs.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::kills::Live;
use crate::tool::{Ran, Tool, of_kind, outcomes, ptest};
use crate::workspace::Workspace;

/// Libraries with the doctests of `sources`, in the edition in which each is compiled by itself and in the one in which
/// all are compiled as one program.
fn in_both_editions(source: &str) -> [Workspace; 2] {
    ["2021", "2024"].map(|edition| {
        let manifest = format!("[workspace]\n[package]\nname = \"made\"\nedition = \"{edition}\"\n");
        Workspace::of_package("").file("Cargo.toml", &manifest).file("src/lib.rs", source)
    })
}

/// What each doctest came to, by its item.
fn items(events: &[Value]) -> Vec<String> {
    let item = |line: String| {
        let (_, item) = line.split_once(" - ").expect("the name of a doctest");
        let (item, place) = item.split_once(" (line ").expect("its line");
        format!("{item} {}", place.split_once(") ").expect("its outcome").1)
    };
    outcomes(events).into_iter().map(item).collect()
}

/// Whether rustdoc was asked for anything: it leaves its name where cargo tells what it does.
fn starts(workspace: &Workspace, tool: Tool) -> (Ran, usize) {
    let log = workspace.path().join("rustdoc.log");
    let _ = fs::remove_file(&log);
    let script = format!("#!/bin/sh\necho started >> {}\nexec rustdoc \"$@\"\n", log.display());
    let rustdoc = workspace.path().join("rustdoc.sh");
    fs::write(&rustdoc, script).unwrap();
    fs::set_permissions(&rustdoc, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = tool.env("RUSTDOC", rustdoc).run();
    (ran, fs::read_to_string(&log).unwrap_or_default().lines().count())
}

const THREE: &str = "\
/// ```
/// let a = 1;
/// ```
pub fn a() {}

/// ```
/// loop { std::thread::sleep(std::time::Duration::from_secs(1)) }
/// ```
pub fn hangs() {}

/// ```
/// let z = 1;
/// ```
pub fn z() {}
";

#[test]
fn a_doctest_that_hangs_is_timed_out_and_the_others_run() {
    for workspace in in_both_editions(THREE) {
        // Without a limit it may go on, and others go on beside it.
        let tool = workspace.ptest().args(["--processes=2"]);
        let mut live = Live::start(tool);
        live.wait_for("test-finished", |event| event["test"].as_str().unwrap().contains('z'));
        live.signal(Signal::INT);
        assert_eq!(items(&live.finish(130)), ["a passed", "hangs not-reached", "z passed"]);
        let (ran, events) = workspace.ptest().args(["--doc", "--process-timeout=6s"]).json();
        ran.expect(100);
        assert_eq!(items(&events), ["a passed", "hangs timed-out", "z passed"], "{}", ran.stderr);
    }
}

#[test]
fn ctrl_c_ends_rustdoc_and_each_doctest_is_accounted_for() {
    for workspace in in_both_editions(THREE) {
        let mut live = Live::start(workspace.ptest().args(["--doc"]));
        live.wait_for("test-started", |event| event["test"].as_str().unwrap().contains("hangs"));
        live.signal(Signal::INT);
        assert_eq!(items(&live.finish(130)), ["a passed", "hangs not-reached", "z not-reached"]);
    }
}

#[test]
fn names_and_filters_pick_doctests_though_rustdoc_knows_no_whole_names() {
    let pick = |args: &[&str]| {
        let tool = ptest(&["documented", "merged"]).args(["--doc", "--message-format=json"]);
        items(&tool.args(args).run().events())
    };
    assert_eq!(pick(&["--", "--exact", "merged/src/lib.rs - has_two (line 63)"]), ["has_two passed"]);
    assert_eq!(pick(&["panics_as", "--", "--skip=merged"]), ["panics_as_it_should passed"]);
    assert_eq!(pick(&["is_ignored"]), ["is_ignored ignored"; 2]);
    let ignored = pick(&["--", "--ignored"]);
    assert_eq!(ignored, ["is_ignored failed"; 2], "they are compiled when they are asked for, and are no Rust");
}

#[test]
fn doctests_run_as_cargo_test_has_them_unless_they_are_switched_off() {
    let count = |args: &[&str]| {
        let (ran, events) = ptest(&["documented"]).args(args).args(["pass", "beside"]).json();
        ran.expect(0);
        of_kind(&events, "test-finished").count()
    };
    assert_eq!([&[][..], &["--doc"], &["--no-doc"], &["--lib"], &["--tests"]].map(count), [2, 1, 1, 1, 1]);
    let ran = ptest(&["kinds"]).args(["--bin", "kinds-one", "--doc"]).run();
    assert!(ran.expect(96).stderr.contains("cannot be used with"), "{}", ran.stderr);
}

#[test]
fn the_failed_ones_are_run_again_and_nothing_else() {
    let source = THREE.replace("loop { std::thread::sleep(std::time::Duration::from_secs(1)) }", "panic!(\"no\")");
    for workspace in in_both_editions(&source) {
        workspace.ptest().run().expect(100);
        let (ran, events) = workspace.ptest().args(["--failed"]).json();
        assert_eq!(items(&events), ["hangs failed"], "{}", ran.expect(100).stderr);
        let (ran, events) = workspace.ptest().args(["--retries=1"]).json();
        assert_eq!(of_kind(&events, "attempt-failed").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn there_are_never_more_of_them_at_once_than_slots() {
    let doctest = |number: usize| {
        // One that finds another at work fails.
        format!(
            "/// ```\n/// let lock = std::path::Path::new(env!(\"LOCK\"));\n/// std::fs::create_dir(lock).unwrap();\n\
             /// std::fs::remove_dir(lock).unwrap();\n/// ```\npub fn f{number}() {{}}\n"
        )
    };
    let source: String = (0..20).map(doctest).collect();
    for workspace in in_both_editions(&source) {
        let lock = workspace.path().join("lock");
        let run = |slots: &str| workspace.ptest().env("LOCK", &lock).args(["--doc", slots]).json();
        let (ran, events) = run("--processes=1");
        ran.expect(0);
        assert_eq!(of_kind(&events, "worker-started").count(), 1);
        let (_, events) = run("--processes=2");
        let mut sizes: Vec<_> = of_kind(&events, "worker-started").map(|it| it["tests"].as_u64().unwrap()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [4, 16], "few of them are not worth to have the library read once more");
        let workers = of_kind(&events, "test-started").map(|it| it["worker"].as_u64().unwrap()).max();
        assert!(workers < Some(2), "{workers:?}");
    }
}

#[test]
fn a_library_without_doctests_costs_rustdoc_nothing_until_it_changes() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn a() {}\n");
    let run = || starts(&workspace, workspace.ptest());
    let started = [run().1, run().1];
    assert_eq!(started.map(|times| times > 0), [true, false]);
    let workspace = workspace.file("src/lib.rs", "#[test]\nfn a() {}\n\n/// ```\n/// ```\npub fn b() {}\n");
    let (ran, _) = starts(&workspace, workspace.ptest());
    assert!(ran.expect(0).stderr.contains("2 tests run: 2 passed"), "{}", ran.stderr);
}

/// Libraries that have doctests and, as they say, no other tests. cargo builds nothing of theirs as a test.
#[test]
fn the_doctests_of_a_library_without_other_tests_run_where_it_is_meant() {
    let manifest = |name: &str, more: &str| format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n{more}");
    let untested = "[lib]\ntest = false\n";
    let library = |name: &str| format!("/// ```\n/// {name}::f();\n/// ```\npub fn f() {{}}\n");
    let workspace = Workspace::of_fixtures(&[])
        .file("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\", \"three\"]\n")
        .file("one/Cargo.toml", &manifest("one", untested))
        .file("one/src/lib.rs", &library("one"))
        .file("two/Cargo.toml", &manifest("two", untested))
        .file("two/src/lib.rs", &library("two"))
        .file("three/Cargo.toml", &manifest("three", "[dependencies]\none = { path = \"../one\" }\n"))
        .file("three/src/lib.rs", "#[test]\nfn passes() { one::f() }\n");
    let ran = |folder: &str, options: &[&str]| {
        let (_, events) = workspace.ptest().inside(&workspace.path().join(folder)).args(options).json();
        let tests = of_kind(&events, "test-finished");
        let mut tests: Vec<String> = tests.map(|it| it["binary"].as_str().unwrap().to_owned()).collect();
        tests.sort_unstable();
        tests
    };
    assert_eq!(ran("", &[]), ["one::doc/one", "three", "two::doc/two"]);
    assert_eq!(ran("", &["--all", "--exclude=two"]), ["one::doc/one", "three"]);
    // That one was built for three does not make it one of those that are meant.
    assert_eq!(ran("", &["-pthree"]), ["three"]);
    assert_eq!(ran("", &["-pt*"]), ["three", "two::doc/two"]);
    assert_eq!(ran("two", &[]), ["two::doc/two"]);
    assert_eq!(ran("", &["--no-doc"]), ["three"]);
}

#[test]
fn what_only_rustdoc_reads_is_asked_for_each_time() {
    let source = "#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", source).file("README.md", "None yet.\n");
    let ran = workspace.ptest().args(["--no-tests=pass"]).run();
    assert!(ran.expect(0).stderr.contains(" 0 tests run"), "{}", ran.stderr);
    let workspace = workspace.file("README.md", "```\nlet a = 1;\n```\n");
    let ran = workspace.ptest().run();
    assert!(ran.expect(0).stderr.contains("README.md"), "{}", ran.stderr);
}

#[test]
fn a_library_that_rustdoc_cannot_read_is_one_test_that_says_why() {
    let source = "#[cfg(doc)]\ncompile_error!(\"not for rustdoc\");\n\n#[test]\nfn a() {}\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let (ran, events) = workspace.ptest().json();
    assert_eq!(outcomes(&events), ["a passed", "made failed"], "{}", ran.expect(100).stderr);
    assert!(ran.stderr.contains("note: the doctests of made cannot be listed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("not for rustdoc"), "{}", ran.stderr);
}

#[test]
fn each_library_is_given_the_features_that_it_has() {
    let manifest = |name: &str, features: &str| {
        format!("[package]\nname = \"{name}\"\nedition = \"2021\"\n[features]\n{features}")
    };
    let library = "/// ```\n/// made::f();\n/// ```\n#[cfg(feature = \"extra\")]\npub fn f() {}\n";
    let workspace = Workspace::of_fixtures(&[])
        .file("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\"]\n")
        .file("one/Cargo.toml", &manifest("one", "extra = []\n"))
        .file("one/src/lib.rs", &library.replace("made", "one"))
        .file("two/Cargo.toml", &manifest("two", ""))
        .file("two/src/lib.rs", "/// ```\n/// two::g();\n/// ```\npub fn g() {}\n");
    let (ran, events) = workspace.ptest().args(["--workspace", "--features=extra"]).json();
    assert_eq!(items(&events), ["f passed", "g passed"], "{}", ran.expect(0).stderr);
}

#[test]
fn lists_name_doctests() {
    let ran = ptest(&[]).args(["list", "-p", "merged", "--doc", "has_two"]).run();
    let expected = "merged::doc/merged:\n    merged/src/lib.rs - has_two (line 60)\n    \
                    merged/src/lib.rs - has_two (line 63)\n";
    assert_eq!(ran.expect(0).stdout, expected);
    let ran = ptest(&[]).args(["list", "-p", "merged", "--message-format=json"]).run();
    let list = nextest_metadata::TestListSummary::parse_json(&ran.expect(0).stdout).expect("nextest's list");
    let suite = &list.rust_suites[&nextest_metadata::RustBinaryId::new("merged::doc/merged")];
    assert_eq!((suite.binary.kind.as_str(), suite.test_cases.len()), ("doc", 13));
}
