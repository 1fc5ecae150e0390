//! What programs read on stdout: the JSON lines against their schema, and libtest's JSON against libtest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use boon::{Compiler, Draft, Schemas};
use nextest_metadata::{RustBinaryId, TestListSummary};
use serde_json::Value;

use crate::tool::{clean, fixtures, ptest, skipped};
use crate::workspace::Workspace;

/// Fails unless each line is as docs/json-lines.schema.json says, and has no field that it does not know.
#[track_caller]
pub fn validate(lines: &[Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json-lines.schema.json");
    let mut schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for kind in schema["oneOf"].as_array_mut().unwrap() {
        // For readers there may be others.
        kind["unevaluatedProperties"] = false.into();
    }
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.set_default_draft(Draft::V2020_12);
    compiler.add_resource("lines.json", schema).unwrap();
    let schema = compiler.compile("lines.json", &mut schemas).unwrap();
    for line in lines {
        if let Err(error) = schemas.validate(line, schema) {
            panic!("{line}\n{error}");
        }
    }
}

#[test]
fn every_json_line_is_as_the_schema_says() {
    let all = ["outcomes", "crash", "flaky", "leak", "noise", "kinds"];
    let (_, events) = ptest(&all).args(["--retries=1", "--repeat=2", "--diagnose", "--max-fail=30"]).json();
    validate(&events);
    let events = ptest(&["outcomes"]).args(["--message-format=json", "--", "--nocapture"]).run().events();
    validate(&events);
    let kinds: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert!(kinds.contains("test-output") && kinds.contains("binary-selected"), "{kinds:?}");
    // The journal has the same lines after one of its own, but for the beginning of what has ended at once.
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn fails() { panic!() }\n");
    let (_, events) = workspace.ptest().json();
    let journal = fs::read_dir(workspace.target().join("ptest")).unwrap().map(|entry| entry.unwrap().path());
    let journal = { journal }.find(|path| path.extension().is_some_and(|it| it == "jsonl")).unwrap();
    let lines: Vec<Value> =
        fs::read_to_string(journal).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    validate(&lines[..1]);
    assert_eq!(lines[0]["event"], "journal-started");
    let (ended, rest): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event["event"] == "test-started");
    assert_eq!(ended.len(), 1);
    assert_eq!(
        lines[1..].iter().filter(|line| line["event"] != "test-started").collect::<Vec<_>>(),
        rest.iter().collect::<Vec<_>>()
    );
}

/// Some kinds are rare, and none must be left out: a reader would meet what the schema does not know.
#[test]
fn there_is_a_line_of_every_kind_that_is_held_against_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = ptest(&["broken"]).args(["--test=setups", "abort", "panic", "--message-format=json"]);
    let fixtures = fixtures.env("WITNESS", folder.path().join("seen"));
    let rare = ptest(&["crash", "leak", "outcomes"]).args(["-j1", "--diagnose", "--leaks=fail"]);
    let rare = rare.args(["--message-format=json", "--", "--nocapture"]);
    let eager = ptest(&["outcomes"]).args(["--eager", "--message-format=json"]);
    let mut events: Vec<Value> = [fixtures, rare, eager].into_iter().flat_map(|tool| tool.run().events()).collect();
    // After a minute a test is told to be slow; nobody waits for that here.
    let told = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/html/told/2-shop.jsonl");
    events.extend(fs::read_to_string(told).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()));
    validate(&events);
    let seen: BTreeSet<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json-lines.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap().iter().map(|kind| &kind["properties"]["event"]["const"]);
    // Only journals have the other one; its line is looked at above.
    let kinds = kinds.map(|kind| kind.as_str().unwrap()).filter(|kind| *kind != "journal-started");
    assert_eq!(seen, kinds.collect());
}

#[test]
fn github_gets_annotations_and_a_summary_and_only_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.md");
    let root = fixtures().parent().unwrap().to_owned();
    let on_github = || {
        let tool = ptest(&["outcomes"]).env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
        tool.env("GITHUB_WORKSPACE", &root)
    };
    let ran = on_github().run();
    let annotations: Vec<&str> = ran.expect(100).stderr.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(annotations.len(), 5, "{annotations:?}");
    let start = "::error file=fixtures/outcomes/src/lib.rs,line=";
    assert!(annotations.iter().all(|line| line.starts_with(start)), "{annotations:?}");
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("\n## cargo ptest: failed\n\n**6 passed**, 5 failed, 2 ignored in "), "{text}");
    let details =
        "<summary><b>failed</b> <code>outcomes tests&#58;&#58;fails</code> (<code>outcomes/src/lib.rs&#58;16</code>): ";
    assert!(
        text.contains(details) && text.contains("\n```sh\ncargo ptest -p outcomes --lib -- --exact tests::fails\n"),
        "{text}"
    );
    let ran = on_github().args(["--annotations=none"]).run();
    assert!(!ran.expect(100).stderr.contains("\n::error "), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&summary).unwrap(), text);
    assert!(!ptest(&["outcomes"]).run().stderr.contains("\n::error "));
}

/// Nothing reads it, so to write to it would take for ever.
#[test]
fn a_summary_that_is_a_fifo_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("summary");
    crate::tool::make_fifo(&fifo);
    let tool = ptest(&["outcomes"]).args(["--", "--exact", "tests::passes"]);
    let ran = tool.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &fifo).run();
    assert!(ran.expect(110).stderr.contains("it is a fifo, and not a file"), "{}", ran.stderr);
}

/// The commands in a log that GitHub's runner would carry out: of both forms, and none while they are stopped.
fn commands(log: &str) -> Vec<String> {
    let mut stopped = None;
    let mut carried_out = Vec::new();
    for line in log.lines() {
        let new = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::"));
        let old = || line.split_once("##[").and_then(|(_, rest)| rest.split_once(']'));
        let Some((command, data)) = new.or_else(old) else { continue };
        match (&stopped, command) {
            (Some(token), _) if *token == command => stopped = None,
            (Some(_), _) => {}
            (None, "stop-commands") => stopped = Some(data.to_owned()),
            (None, _) => carried_out.push(line.to_owned()),
        }
    }
    assert_eq!(stopped, None, "the steps that follow may have commands of their own");
    carried_out
}

#[test]
fn what_tests_print_is_no_command_to_github() {
    let source = r#"
        #[test]
        fn prints_commands() {
            println!("::error file=src/lib.rs,line=1::forged\n  ::set-output name=x::y\nsome ##[group]text");
            println!("::stop-commands::mine\n::mine::\n::endgroup::");
            panic!("::warning::in the message, too");
        }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let ran = |options: &[&str]| workspace.ptest().env("GITHUB_ACTIONS", "true").args(options).run();
    for options in [&[][..], &["-q"], &["--", "--nocapture"], &["-j4", "--", "--nocapture"]] {
        let log = ran(options).expect(100).stderr.clone();
        assert!(log.contains("::error file=src/lib.rs,line=1::forged"), "it is shown as it was printed: {log}");
        let [annotation] = &commands(&log)[..] else { panic!("{:?} of {log}", commands(&log)) };
        assert!(
            annotation.starts_with("::error file=src/lib.rs,line=6,title=failed%3A made prints_commands::"),
            "{log}"
        );
    }
    // Where nobody has asked for annotations the log is nobody's.
    let log = ran(&["--annotations=none"]).expect(100).stderr.clone();
    assert!(!log.contains("::stop-commands::ptest"), "{log}");
}

/// Whether there is a shell of this name; if not, that is said.
fn has_shell(name: &str) -> bool {
    let is_there = clean(name).args(["-c", "true"]).output().is_ok_and(|it| it.status.success());
    if !is_there {
        skipped(format_args!("{name} is not installed, so its completions were not read"));
    }
    is_there
}

#[test]
fn shells_can_read_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = ptest(&[]).args(["--generate", shell]).run();
        let script = &script.expect(0).stdout;
        assert!(script.contains("process-timeout"), "{shell}: {script}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        fs::write(&file, script).unwrap();
        if has_shell(shell) {
            let output = clean(shell).arg("-n").arg(&file).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
        }
    }
}

#[test]
fn fish_completes_our_options_behind_cargo() {
    let script = ptest(&[]).args(["--generate", "fish"]).run();
    let ask =
        "complete --do-complete 'cargo-ptest --process-t'; complete --do-complete 'cargo ptest --lib --process-t'";
    if has_shell("fish") {
        let asked = format!("{}\n{ask}", script.expect(0).stdout);
        let output = clean("fish").args(["--no-config", "-c", &asked]).output().unwrap();
        let options = String::from_utf8_lossy(&output.stdout).matches("--process-timeout\t").count();
        assert_eq!(options, 2, "{output:?}");
    }
}

#[test]
fn bash_completes_our_options_behind_cargo() {
    let script = ptest(&[]).args(["--generate", "bash"]).run();
    let script = &script.expect(0).stdout;
    let ask = "COMP_WORDS=(cargo ptest --process-t); COMP_CWORD=2; _cargo_with_ptest cargo --process-t ptest; echo \"${COMPREPLY[@]}\"";
    if !has_shell("bash") {
        return;
    }
    let output = clean("bash").args(["--norc", "-c", &format!("{script}\n{ask}")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--process-timeout\n", "{output:?}");
}

#[test]
fn a_validator_that_finds_nothing_would_be_none() {
    let line = r#"{"v":1,"event":"test-output","binary":"a","test":"b","worker":0,"line":"c"}"#;
    let good: Value = serde_json::from_str(line).unwrap();
    validate(std::slice::from_ref(&good));
    for (field, value) in [("v", 2.into()), ("worker", "0".into()), ("more", 1.into()), ("event", "moon-rose".into())] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(std::panic::catch_unwind(|| validate(&[bad])).is_err(), "{field}");
    }
}

const BACKTRACE: &str = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

/// The lines without what differs from run to run: how long it took (that it is told, stays), the numbers of threads.
fn comparable(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let mut lines: Vec<String> = lines
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            if line["exec_time"].is_f64() {
                line["exec_time"] = 0.into();
            }
            if let Some(stdout) = line["stdout"].as_str() {
                let thread = |word: &str| word.starts_with('(') && word[1..].starts_with(|c: char| c.is_ascii_digit());
                // This is said of the first panic of a process.
                let stdout = stdout.replace(BACKTRACE, "");
                let words: Vec<&str> = stdout.split(' ').filter(|word| !thread(word)).collect();
                line["stdout"] = words.join(" ").into();
            }
            line.to_string()
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn libtest_json_is_what_libtest_itself_gives() {
    for options in [&[][..], &["--show-output"], &["twice", "ignored", "fails"], &["--include-ignored", "ignored"]] {
        let ours = ptest(&["outcomes"]).args(["--message-format=libtest-json", "--"]).args(options).run();
        let list = ptest(&[]).args(["list", "-p", "outcomes", "--message-format=json"]).run();
        let list = TestListSummary::parse_json(&list.expect(0).stdout).unwrap();
        let binary = &list.rust_suites[&RustBinaryId::new("outcomes")].binary.binary_path;
        let mut theirs = clean(binary);
        theirs.args(["-Zunstable-options", "--format=json", "--report-time", "--test-threads=1"]).args(options);
        let theirs = theirs.env("RUSTC_BOOTSTRAP", "1").current_dir(fixtures().join("outcomes")).output().unwrap();
        let (ours, theirs) = (comparable(&ours.stdout), comparable(&String::from_utf8(theirs.stdout).unwrap()));
        assert!(theirs.len() > 5, "{theirs:?}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{options:?}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}
