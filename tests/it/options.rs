//! What the command line may say and not say, and the exit codes of what goes wrong before the first test.

use std::fs;

use crate::tool::{cargo, of_kind, outcomes, ptest};
use crate::workspace::Workspace;

#[test]
fn an_unknown_option_is_refused_by_name() {
    for args in [["--frobnicate"].as_slice(), &["--", "--frobnicate"], &["list", "--frobnicate"]] {
        let ran = ptest(&[]).args(args).run();
        assert!(ran.expect(96).stderr.contains("--frobnicate"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_value_that_means_nothing_is_refused_by_name() {
    for (option, value) in [
        ("--process-timeout", "soon"),
        ("--partition", "count:4/3"),
        ("--message-format", "yaml"),
        ("--processes", "0"),
        ("--no-tests", "perhaps"),
    ] {
        let ran = ptest(&["outcomes"]).args([format!("{option}={value}")]).run();
        assert!(ran.expect(96).stderr.contains(option), "{option}: {}", ran.stderr);
    }
}

#[test]
fn help_comes_as_cargo_asks_for_it() {
    let ran = ptest(&[]).args(["--help"]).run();
    for heading in ["Processes:", "Selection:", "Output:", "Exit codes:"] {
        assert!(ran.expect(0).stdout.contains(heading), "{}", ran.stdout);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_asked_for_and_cannot_be_printed_is_an_error() {
    for args in [["--help"].as_slice(), &["-h"], &["--version"], &["report", "--help"], &["--generate", "man"]] {
        let mut command = ptest(&[]).args(args).command();
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(110), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: cannot write to stdout: "), "{args:?}: {stderr}");
    }
}

#[test]
fn sources_that_do_not_compile_end_with_the_code_for_that() {
    let ran = Workspace::of_package("").file("src/lib.rs", "fn half(").ptest().run();
    assert!(ran.expect(101).stderr.contains("error: could not compile `made`"), "{}", ran.stderr);
}

#[test]
fn a_manifest_that_is_missing_or_broken_ends_with_the_code_for_that() {
    let ran = ptest(&[]).args(["--manifest-path=no/such/Cargo.toml"]).run();
    assert!(ran.expect(102).stderr.contains("no/such/Cargo.toml"), "{}", ran.stderr);
    let broken = Workspace::of_package("[broken");
    let ran = broken.ptest().run();
    assert!(ran.expect(102).stderr.contains("Cargo.toml"), "{}", ran.stderr);
}

#[test]
fn a_report_that_cannot_be_written_ends_with_the_code_for_that() {
    let folder = tempfile::tempdir().unwrap();
    let ran = ptest(&["outcomes"]).junit(folder.path()).run();
    assert!(ran.expect(110).stderr.contains(folder.path().to_str().unwrap()), "{}", ran.stderr);
}

#[test]
fn to_build_only_runs_nothing() {
    let ran = ptest(&["outcomes"]).args(["--no-run"]).run();
    assert!(!ran.expect(0).stderr.contains("     Running"), "{}", ran.stderr);
}

#[test]
fn as_cargos_subcommand_it_takes_the_options_that_cargo_does_not_hand_on() {
    let args = ["ptest", "-p", "kinds", "--config", "env.OPTIONS_FIXTURE='1'", "-q", "--color=never"];
    let output = cargo().args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn cargo_shows_our_help() {
    let output = cargo().args(["help", "ptest"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Usage: cargo ptest [run | list] [OPTIONS]"), "{text}");
}

/// A test that fails in each kind of target.
fn failures_everywhere() -> Workspace {
    let manifest = "[[example]]\nname = 'shown'\ntest = true\n[[bench]]\nname = 'timed'\ntest = true\n";
    let failing = "#[test]\nfn fails() {\n    panic!(\"as it should\");\n}\n";
    let program = format!("fn main() {{}}\n{failing}");
    Workspace::of_package(manifest)
        .file("src/lib.rs", failing)
        .file("src/main.rs", &program)
        .file("tests/outside.rs", &failing.replace("#[test]", "#[test]\n#[ignore]"))
        .file("examples/shown.rs", &program)
        .file("benches/timed.rs", failing)
}

#[test]
fn the_command_to_run_a_failed_test_again_runs_that_test_and_no_other() {
    let workspace = failures_everywhere();
    let ran = workspace.ptest().args(["--all-targets", "--run-ignored=all"]).run();
    let commands: Vec<&str> =
        ran.expect(100).stderr.lines().filter_map(|line| line.trim().strip_prefix("rerun: cargo ptest ")).collect();
    assert_eq!(commands.len(), 5, "{}", ran.stderr);
    for command in commands {
        let again = workspace.ptest().args(["--message-format=json"]).args(command.split(' ')).run();
        assert_eq!(outcomes(&again.events()), ["fails failed"], "{command}");
        assert_eq!(again.code, Some(100), "{command}");
    }
}

#[test]
fn slots_are_as_many_as_the_command_line_says() {
    for args in [["--processes=5"].as_slice(), &["-j5"], &["--", "--test-threads=5"]] {
        let ran = ptest(&["kinds"]).args(["--message-format=json"]).args(args).run();
        ran.expect(0);
        assert_eq!(of_kind(&ran.events(), "run-started").next().unwrap()["workers"], 5, "{args:?}");
    }
}

#[test]
fn what_a_green_run_left_is_not_taken_for_a_run_that_did_not_build() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test] fn passes() {}");
    let junit = workspace.path().join("junit.xml");
    let run = || workspace.ptest().args(["--junit".as_ref(), junit.as_os_str()]).run();
    run().expect(0);
    assert!(!fs::read_to_string(&junit).unwrap().contains("[run incomplete]"));
    fs::write(workspace.path().join("src/lib.rs"), "no rust").unwrap();
    run().expect(101);
    assert!(fs::read_to_string(&junit).unwrap().contains("[run incomplete]"));
    let stream = workspace.ptest().args(["--message-format=junit"]).run();
    assert!(stream.expect(101).stdout.contains("</testsuite>"), "{}", stream.stdout);
}
