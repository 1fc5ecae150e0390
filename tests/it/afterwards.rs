//! What a run leaves behind: reports made of its journal afterwards, and `--failed`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::junit::{self, Element};
use crate::tool::{Tool, of_kind, outcomes, ptest};
use crate::workspace::Workspace;

/// Tests that do what the variable of their name says.
fn workspace() -> Workspace {
    let source = r#"
        fn obey(name: &str) {
            match std::env::var(name).as_deref() {
                Ok("fail") => panic!("as it was told"),
                Ok("kill") => {
                    let is_journal = |path: &std::path::Path| path.extension().is_some_and(|it| it == "jsonl");
                    let files = std::fs::read_dir(std::env::var("JOURNALS").unwrap()).unwrap();
                    let journal = files.map(|it| it.unwrap().path()).find(|it| is_journal(it)).unwrap();
                    while !std::fs::read_to_string(&journal).unwrap().contains(&std::env::var("SIGN").unwrap()) {
                        std::thread::yield_now();
                    }
                    let runner = std::env::var("RUNNER").unwrap();
                    assert!(std::process::Command::new("kill").args(["-9", &runner]).status().unwrap().success());
                    loop { std::thread::park() }
                }
                _ => {}
            }
        }
        #[test]
        fn a() { obey("A") }
        #[test]
        fn b() { obey("B") }
        #[test]
        fn c() { obey("C") }
        #[test]
        #[ignore]
        fn d() { obey("D") }
    "#;
    Workspace::of_package("").file("src/lib.rs", source)
}

fn report(workspace: &Workspace) -> Tool {
    workspace.tool("report")
}

/// The journals, oldest first.
fn journals(workspace: &Workspace) -> Vec<PathBuf> {
    let files = fs::read_dir(workspace.target().join("ptest")).unwrap().map(|entry| entry.unwrap().path());
    let mut journals: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
    journals.sort();
    journals
}

#[test]
fn the_junit_file_made_afterwards_is_the_one_of_the_run() {
    let workspace = workspace();
    let (first, second) = (workspace.path().join("first.xml"), workspace.path().join("second.xml"));
    workspace.ptest().env("A", "fail").junit(&first).run().expect(100);
    let ran = report(&workspace).junit(&second).run();
    assert_eq!(ran.expect(0).stderr, "");
    assert_eq!(fs::read_to_string(first).unwrap(), fs::read_to_string(&second).unwrap());
    junit::validate(&second);

    // The run by the beginning of its id, by the path of its journal, and beside another.
    workspace.ptest().run().expect(0);
    let journals = journals(&workspace);
    let [run, _] = &journals[..] else { panic!("{journals:?}") };
    let id = run.file_stem().unwrap().to_str().unwrap();
    for name in [id, &id[..id.len() - 1], run.to_str().unwrap()] {
        fs::remove_file(&second).unwrap();
        report(&workspace).args(["--from", name]).junit(&second).run().expect(0);
        assert_eq!(Element::parse(&fs::read_to_string(&second).unwrap()).number("failures"), 1, "{name}");
    }
    report(&workspace).junit(&second).run().expect(0);
    assert_eq!(Element::parse(&fs::read_to_string(&second).unwrap()).number("failures"), 0);
}

#[test]
fn a_run_that_is_not_there_is_told_with_those_that_are() {
    let workspace = workspace();
    let file = workspace.path().join("junit.xml");
    let ran = report(&workspace).junit(&file).run();
    assert!(ran.expect(96).stderr.contains("error: there is no run in "), "{}", ran.stderr);
    let ran = workspace.ptest().args(["--failed"]).run();
    assert!(ran.expect(96).stderr.contains("error: no run of this workspace is recorded in "), "{}", ran.stderr);
    workspace.ptest().run().expect(0);
    let ran = report(&workspace).args(["--from", "1999"]).junit(&file).run();
    assert!(ran.expect(96).stderr.contains("error: there is no run 1999; the latest are:\n    20"), "{}", ran.stderr);
    let ran = report(&workspace).run();
    assert!(ran.expect(96).stderr.contains("--junit"), "{}", ran.stderr);
}

#[test]
fn the_reports_of_a_killed_run_say_so_and_failed_runs_the_rest() {
    let workspace = workspace();
    let file = workspace.path().join("junit.xml");
    // The shell's process becomes the runner's, so that a test can tell it.
    let runner =
        format!("export RUNNER=$$; exec {} ptest -j1 --process-restartworker", env!("CARGO_BIN_EXE_cargo-ptest"));
    let mut command = workspace.command("sh");
    command.args(["-c", &runner]).env("A", "fail").env("B", "kill").env("JOURNALS", workspace.target().join("ptest"));
    command.env("SIGN", "\"event\":\"test-started\",\"binary\":\"made\",\"test\":\"b\"");
    assert_eq!(command.output().unwrap().status.code(), None, "it was killed");

    let (page, trace) = (workspace.path().join("page.html"), workspace.path().join("trace.json"));
    let ran = report(&workspace).junit(&file).args(["--html".as_ref(), &*page, "--trace".as_ref(), &*trace]).run();
    assert!(
        ran.expect(0).stderr.starts_with("note: the run did not finish; the reports show what had happened ("),
        "{}",
        ran.stderr
    );
    junit::validate(&file);
    let page = fs::read_to_string(page).unwrap();
    for text in [
        "<h1>Incomplete</h1>",
        "2 of 4 tests have no result.",
        "Still running when the last event was written: b.",
        "as it was told",
    ] {
        assert!(page.contains(text), "the page lacks {text}: {page}");
    }
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    assert_eq!(trace["otherData"]["complete"], false);
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|it| it["cat"] == "test");
    let slices: Vec<&str> = slices.map(|it| it["name"].as_str().unwrap()).collect();
    assert!(slices.contains(&"a"), "{slices:?}");
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    assert_eq!(suites.children("testsuite").next().unwrap().attribute("name"), "[run incomplete]");
    let cases = suites.children("testsuite").flat_map(Element::entries).skip(1);
    let cases: Vec<_> = cases.map(|case| (case.name, case.outcome, case.message)).collect();
    let case = |name: &str, outcome: &str, message: &str| (name.to_owned(), outcome.to_owned(), message.to_owned());
    assert!(cases[0].2.contains("as it was told"), "{cases:?}");
    assert_eq!(cases[1], case("b", "cancelled", "cancelled: it was running when the run stopped unexpectedly"));
    assert_eq!(cases[2], case("c", "not-reached", "not reached: the run stopped unexpectedly"));

    let (ran, events) = workspace.ptest().args(["--failed"]).json();
    ran.expect(0);
    assert_eq!(outcomes(&events), ["a passed", "b passed", "c passed"]);
}

/// A journal from anywhere, here one that was written by hand: all of its reports count alike.
#[test]
fn all_reports_are_made_of_a_journal_alone() {
    let journal = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/html/told/2-shop.jsonl");
    let folder = tempfile::tempdir().unwrap();
    let [page, trace, junit] = ["page.html", "trace.json", "junit.xml"].map(|name| folder.path().join(name));
    let tool = ptest(&[]).inside(folder.path()).args(["report", "--from", journal]).junit(&junit);
    let ran = tool.args(["--html".as_ref(), &*page, "--trace".as_ref(), &*trace]).run();
    assert_eq!(ran.expect(0).stderr, "HTML report: page.html\n");
    junit::validate(&junit);
    junit::expect_reread(&junit);
    let suites = Element::parse(&fs::read_to_string(&junit).unwrap());
    let totals = ["tests", "failures", "errors", "skipped"].map(|name| suites.number(name));
    assert_eq!(totals, [30, 4, 3, 1]);
    let page = fs::read_to_string(page).unwrap();
    for (count, word) in
        [(2, "failed"), (1, "crashed"), (1, "timed out"), (3, "setup failed"), (1, "flaky"), (21, "passed")]
    {
        assert!(page.contains(&format!("<b>{count}</b> {word}")), "{count} {word}");
    }
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    let slices = |kind: &str| trace["traceEvents"].as_array().unwrap().iter().filter(|it| it["cat"] == kind).count();
    assert_eq!(trace["otherData"]["complete"], true);
    assert!(slices("test") >= 26, "{}", slices("test"));
}

#[test]
fn failed_runs_what_still_fails_together_with_the_filters() {
    let workspace = workspace();
    let failing = |args: &[&str], which: &[&str]| {
        let tool = which.iter().fold(workspace.ptest().args(args), |tool, name| tool.env(name, "fail"));
        let (ran, events) = tool.json();
        (ran, outcomes(&events))
    };
    failing(&[], &["A", "B", "C"]).0.expect(100);
    let (ran, ran_tests) = failing(&["--failed"], &["A", "C"]);
    ran.expect(100);
    assert_eq!(ran_tests, ["a failed", "b passed", "c failed"]);
    // One of the others is run alone in between.
    assert_eq!(failing(&["b"], &[]).1, ["b passed"]);
    assert_eq!(failing(&["--failed", "a"], &[]).1, ["a passed"]);
    let list = workspace.tool("list").args(["--failed"]).run();
    assert_eq!(list.expect(0).stdout, "made:\n    c\n");
    let (ran, ran_tests) = failing(&["--failed", "b"], &[]);
    let note = "note: the test that failed or was left unfinished is not selected here; there is nothing to do";
    assert!(ran.expect(0).stderr.contains(note), "{}", ran.stderr);
    assert!(ran_tests.is_empty());
    let (ran, _) = failing(&["--failed", "no_such_test"], &[]);
    assert!(ran.expect(4).stderr.contains("has a name that contains \"no_such_test\""), "{}", ran.stderr);
    let (ran, ran_tests) = failing(&["--failed"], &[]);
    ran.expect(0);
    assert_eq!(ran_tests, ["c passed"]);

    let (ran, ran_tests) = failing(&["--failed"], &[]);
    assert!(ran.expect(0).stderr.contains("note: no test failed or was left unfinished"), "{}", ran.stderr);
    assert!(ran_tests.is_empty());

    // A test that failed is run, ignored or not.
    failing(&["--run-ignored=only"], &["D"]).0.expect(100);
    assert_eq!(failing(&["--failed"], &[]).1, ["d passed"]);
}

#[test]
fn the_last_run_is_the_one_that_started_last_whatever_the_clock_said() {
    let workspace = workspace();
    let run = |zone: &str, args: &[&str], failing: &[&str]| {
        let tool = workspace.ptest().args(args).env("TZ", zone);
        let (ran, events) = failing.iter().fold(tool, |tool, name| tool.env(name, "fail")).json();
        (ran.code, outcomes(&events))
    };
    // In the East it is later in the day.
    assert_eq!(run("JST-9", &[], &[]).0, Some(0));
    assert_eq!(run("UTC", &[], &["A", "B"]).0, Some(100));
    // The clock was ahead by decades, and is right again.
    let [.., last] = &journals(&workspace)[..] else { panic!() };
    fs::rename(last, last.with_file_name("20990101T000000000Z-7.jsonl")).unwrap();
    assert_eq!(run("UTC", &["a"], &[]), (Some(0), vec!["a passed".to_owned()]));
    assert_eq!(run("UTC", &["--failed"], &["B"]), (Some(100), vec!["b failed".to_owned()]));

    let file = workspace.path().join("junit.xml");
    report(&workspace).junit(&file).run().expect(0);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    assert_eq!((suites.number("tests"), suites.number("failures")), (1, 1));
    report(&workspace).args(["--from", "2099"]).junit(&file).run().expect(0);
    assert_eq!(Element::parse(&fs::read_to_string(&file).unwrap()).number("failures"), 2);
}

#[test]
fn two_workspaces_with_one_target_folder_see_each_their_own_runs() {
    let [here, there] = [workspace(), workspace()];
    let tool =
        |workspace: &Workspace, args: &[&str]| workspace.ptest().args(args).env("CARGO_TARGET_DIR", here.target());
    let nothing = tool(&there, &["--failed"]).run();
    tool(&here, &[]).env("A", "fail").run().expect(100);
    let ran = tool(&there, &["--failed"]).run();
    assert!(ran.expect(96).stderr.contains("error: no run of this workspace is recorded in "), "{}", ran.stderr);
    assert_eq!(ran.stderr, nothing.stderr);
    tool(&there, &[]).env("B", "fail").env("C", "fail").run().expect(100);

    let failed = |workspace| outcomes(&tool(workspace, &["--failed"]).json().1);
    let file = here.path().join("junit.xml");
    let failures = |workspace| {
        tool(workspace, &["report"]).junit(&file).run().expect(0);
        Element::parse(&fs::read_to_string(&file).unwrap()).number("failures")
    };
    assert_eq!((failures(&here), failures(&there)), (1, 2));
    assert_eq!(
        (failed(&here), failed(&there)),
        (vec!["a passed".to_owned()], vec!["b passed".into(), "c passed".into()])
    );
}

#[test]
fn a_failed_test_that_is_gone_is_told() {
    let workspace = workspace();
    workspace.ptest().env("A", "fail").env("B", "fail").run().expect(100);
    let workspace = workspace.file("src/lib.rs", "#[test]\nfn b() {}\n");
    let ran = workspace.ptest().args(["--failed"]).run();
    assert!(
        ran.expect(0).stderr.contains("note: a test that failed is no longer there:\n    made a\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("1 test run: 1 passed"), "{}", ran.stderr);
    // The binary was run as a whole, so what is not in it is forgotten.
    let ran = workspace.ptest().args(["--failed"]).run();
    assert!(!ran.expect(0).stderr.contains("no longer there"), "{}", ran.stderr);
}

#[test]
fn a_trace_has_a_slice_for_each_test_on_the_track_of_its_worker() {
    let workspace = workspace();
    let (first, second) = (workspace.path().join("first.json"), workspace.path().join("second.json"));
    let (_, events) = workspace.ptest().env("A", "fail").args(["--trace".as_ref(), &*first]).json();
    report(&workspace).args(["--trace".as_ref(), &*second]).run().expect(0);
    let trace: Value = serde_json::from_slice(&fs::read(&first).unwrap()).unwrap();
    assert_eq!(trace, serde_json::from_slice::<Value>(&fs::read(&second).unwrap()).unwrap());
    assert_eq!(trace["otherData"]["complete"], true);
    for event in trace["traceEvents"].as_array().unwrap() {
        assert!(event["name"].is_string() && event["pid"].is_u64() && event["args"].is_object(), "{event}");
        assert!(event["ph"] == "M" || event["ts"].is_i64(), "{event}");
    }
    let of_tests = trace["traceEvents"].as_array().unwrap().iter().filter(|it| it["cat"] == "test");
    let mut of_tests: Vec<_> =
        of_tests.map(|it| (it["name"].as_str(), it["tid"].as_u64(), it["args"]["outcome"].as_str())).collect();
    of_tests.sort_unstable();
    let ran = of_kind(&events, "test-finished").filter(|it| it["outcome"] != "ignored");
    let mut ran: Vec<_> = ran
        .map(|it| (it["test"].as_str(), it["worker"].as_u64().map(|worker| worker + 1), it["outcome"].as_str()))
        .collect();
    ran.sort_unstable();
    assert_eq!(of_tests, ran);
    assert_eq!(of_tests.len(), 3);
}

#[test]
fn a_journal_that_cannot_be_read_is_left_out_with_a_note_that_names_it() {
    let workspace = workspace();
    workspace.ptest().args(["--no-doc"]).env("B", "fail").run().expect(100);
    let damaged = workspace.target().join("ptest/damaged.jsonl");
    for first_line in ["no JSON\n", "{\"v\":999,\"event\":\"run-started\"}\n"] {
        fs::write(&damaged, first_line).unwrap();
        let (ran, events) = workspace.ptest().args(["--failed", "--no-doc"]).env("B", "fail").json();
        assert_eq!(outcomes(&events), ["b failed"]);
        let note = format!("note: the results of one run are ignored: {}", damaged.display());
        assert!(ran.expect(100).stderr.contains(&note), "{}", ran.stderr);
    }
    for journal in journals(&workspace) {
        fs::write(journal, "no JSON\n").unwrap();
    }
    let ran = workspace.ptest().args(["--failed"]).run();
    assert!(ran.expect(96).stderr.contains("it is not known what failed"), "{}", ran.stderr);
}

#[test]
fn reports_have_all_results_though_the_journal_is_removed_during_the_run() {
    let source = r#"
        #[test] fn a() {}
        #[test] fn b() { std::fs::remove_dir_all(std::env::var("JOURNALS").unwrap()).unwrap(); }
        #[test] fn c() { panic!() }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let files = ["junit.xml", "page.html", "trace.json"].map(|name| workspace.path().join(name));
    let folder = workspace.target().join("ptest");
    let tool = workspace.ptest().args(["--no-doc", "--processes=1"]).env("JOURNALS", &folder);
    let [junit, html, trace] = &files;
    let ran = tool.junit(junit).args(["--html"]).args([html]).args(["--trace"]).args([trace]).run();
    ran.expect(100);
    junit::validate(junit);
    let [xml, page, trace] = files.map(|file| fs::read_to_string(file).unwrap());
    assert!(xml.contains("tests=\"3\" skipped=\"0\" failures=\"1\" errors=\"0\""), "{xml}");
    assert!(page.contains("<h1>Failed</h1>"), "{page}");
    assert!(trace.contains("\"complete\":true"), "{trace}");
    // The journal is there again.
    let list = workspace.tool("list").args(["--failed"]).run();
    assert_eq!(list.expect(0).stdout, "made:\n    c\n");
}

#[test]
fn two_reports_in_one_file_are_refused() {
    let workspace = workspace();
    let args = ["--junit", "new/report", "--html", "./new/../new/report"];
    for tool in [workspace.ptest(), report(&workspace)] {
        let ran = tool.args(args).run();
        assert!(ran.expect(96).stderr.contains("are the same file"), "{}", ran.stderr);
    }
    assert!(!workspace.path().join("new").exists());
    assert!(!workspace.target().exists(), "nothing was built");
}
