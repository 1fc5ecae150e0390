//! Tests that take libtest's log or output away, and tests that only look like it: see `fixtures/darkness` for the others.

use serde_json::Value;

use crate::tool::{Ran, fixtures, of_kind, outcomes};
use crate::workspace::Workspace;

/// What tests do here: as a daemon does, and ending without a word to libtest.
const HELPERS: &str = r#"
mod c {
    unsafe extern "C" {
        pub safe fn close(descriptor: i32) -> i32;
        pub safe fn _exit(code: i32) -> !;
    }
}
fn close_all() { (0..1024).for_each(|descriptor| drop(c::close(descriptor))) }
/// Whether this is the first time.
fn is_first(name: &str) -> bool {
    let path = std::path::Path::new(&std::env::var("FIRST").unwrap()).join(name);
    std::fs::File::create_new(path).is_ok()
}
"#;

fn made(tests: &str) -> Workspace {
    Workspace::of_package("").file("src/lib.rs", &[HELPERS, tests].concat())
}

fn ran(workspace: &Workspace, args: &[&str]) -> (Ran, Vec<Value>) {
    let first = tempfile::tempdir().unwrap();
    workspace.ptest().args(args).env("FIRST", first.path()).json()
}

#[test]
fn a_failure_in_the_dark_is_red_and_costs_no_other() {
    let workspace = made(
        r#"#[test] fn a_passes() {}
        #[test] fn b_fails_in_the_dark() { close_all(); panic!("unheard") }
        #[test] fn c_passes() {}
        #[test] fn d_ends_in_the_dark() { close_all(); c::_exit(101) }
        #[test] fn e_passes() {}
        #[test] fn f_ends_well_in_the_dark() { close_all(); c::_exit(0) }"#,
    );
    for args in [["--processes=1"], ["--process-restartworker"]] {
        let (ran, events) = ran(&workspace, &args);
        ran.expect(100);
        // Whether it failed or ended the process by itself nothing tells for sure.
        let outcomes: Vec<String> = outcomes(&events).iter().map(|it| it.replace(" crashed", " failed")).collect();
        let expected = [
            "a_passes passed",
            "b_fails_in_the_dark failed",
            "c_passes passed",
            "d_ends_in_the_dark failed",
            "e_passes passed",
            "f_ends_well_in_the_dark failed",
        ];
        assert_eq!(outcomes, expected, "{}", ran.stderr);
        assert!(of_kind(&events, "worker-failed").next().is_none(), "{}", ran.stderr);
    }
}

#[test]
fn a_crash_that_looks_like_a_lost_log_is_no_pass() {
    let workspace = made(
        r#"const LOST: &str = "error: io error when listing tests: Os { code: 9 }";
        #[test] fn a_says_so_and_aborts_once() { if is_first("a") { println!("{LOST}"); std::process::abort() } }
        #[test] fn b_ends_as_libtest_does_once() { if is_first("b") { c::_exit(101) } }
        #[test] fn c_says_so_and_ends_well() { println!("{LOST}"); c::_exit(0) }
        #[test] fn d_passes() {}
        #[test] fn e_says_so_and_ends_as_libtest_does_once() { if is_first("e") { println!("{LOST}"); c::_exit(101) } }
        #[test] fn f_closes_the_log_and_panics_once() {
            (3..1024).for_each(|descriptor| drop(c::close(descriptor)));
            assert!(!is_first("f"), "the first time");
        }"#,
    );
    let (ran, events) = ran(&workspace, &["--processes=1"]);
    ran.expect(100);
    let expected = [
        "a_says_so_and_aborts_once crashed",
        "b_ends_as_libtest_does_once crashed",
        "c_says_so_and_ends_well crashed",
        "d_passes passed",
        "e_says_so_and_ends_as_libtest_does_once crashed",
        "f_closes_the_log_and_panics_once crashed",
    ];
    assert_eq!(outcomes(&events), expected, "{}", ran.stderr);
}

#[test]
fn a_test_that_runs_again_alone_is_named_with_the_reason() {
    let workspace = made("#[test] fn a_closes_all() { close_all() } #[test] fn b_passes() {}");
    let (ran, events) = ran(&workspace, &["--processes=1"]);
    ran.expect(0);
    assert_eq!(outcomes(&events), ["a_closes_all passed", "b_passes passed"]);
    let exited = of_kind(&events, "worker-exited").find(|it| it["reason"].is_string()).expect("it says why");
    assert!(exited["reason"].as_str().unwrap().contains("a_closes_all"), "{exited}");
    assert!(ran.stderr.contains("it runs again alone"), "{}", ran.stderr);
}

/// Where libtest cannot open the log that it is told of, as in a container.
#[test]
fn without_a_log_what_looks_like_libtests_words_is_not_taken_for_them() {
    let runner = r#"n=$#
        while [ $n -gt 0 ]; do
            argument=$1; shift; n=$((n - 1))
            case $argument in /proc/*/fd/*) argument=/nowhere/log;; esac
            set -- "$@" "$argument"
        done
        exec "$@""#;
    let config = format!("[target.'cfg(all())']\nrunner = ['sh', '-c', '''{runner}''', 'sh']\n");
    let summary = |passed, filtered| {
        format!(
            "ok\\n\\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; {filtered} filtered out; \
             finished in 0.00s\\n\\n"
        )
    };
    let workspace = made(&format!(
        r#"fn say(text: &str) {{ print!("{{text}}") }}
        #[test] fn a_passes() {{}}
        #[test] fn b_says_ok() {{ say("ok\n"); c::_exit(0) }}
        #[test] fn c_says_a_summary() {{ say("ok\n\ntest result: ok.\n"); c::_exit(0) }}
        #[test] fn d_says_another_number() {{ say("{other}"); c::_exit(0) }}
        #[test] fn e_says_what_others_say() {{ say("\nrunning 1 test\ntest x ... {other}") }}
        #[test] fn f_fails() {{ panic!("why") }}
        #[test] fn g_ends_the_process() {{ std::process::exit(0) }}"#,
        other = summary(1, 0)
    ))
    .file(".cargo/config.toml", &config);
    let expected = [
        "a_passes passed",
        "b_says_ok crashed",
        "c_says_a_summary crashed",
        "d_says_another_number crashed",
        "e_says_what_others_say passed",
        "f_fails failed",
        "g_ends_the_process crashed",
    ];
    for args in [["--processes=1"], ["--process-restartworker"]] {
        let (ran, events) = ran(&workspace, &args);
        ran.expect(100);
        assert_eq!(outcomes(&events), expected, "{args:?}: {}", ran.stderr);
        let mut reasons = of_kind(&events, "worker-exited").filter_map(|it| it["reason"].as_str());
        assert!(reasons.any(|it| it.contains("libtest's log could not be opened")), "{}", ran.stderr);
    }
}

#[test]
fn a_crash_behind_a_test_that_has_closed_the_output_is_that_tests_own() {
    let workspace = made(
        r#"#[test] fn a_closes_the_output() { (1..3).for_each(|descriptor| drop(c::close(descriptor))) }
        #[test] fn b_aborts_once() { if is_first("b") { std::process::abort() } }
        #[test] fn c_passes() {}"#,
    );
    let (ran, events) = ran(&workspace, &["--processes=1"]);
    ran.expect(100);
    let expected = ["a_closes_the_output passed", "b_aborts_once crashed", "c_passes passed"];
    assert_eq!(outcomes(&events), expected, "{}", ran.stderr);
    assert!(of_kind(&events, "worker-failed").next().is_none(), "{}", ran.stderr);
}

/// Tests that make up what libtest would say, to the byte: they go by the arguments of their process.
fn forgers() -> Workspace {
    made(
        r#"
        /// Writes what libtest would write from this test on if it and all after it passed, and ends the process.
        fn make_up(own: &str, end: fn()) {
            use std::io::Write;
            let args: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
            let mut names: Vec<&String> = args.iter().collect();
            names.sort();
            let at = names.iter().position(|it| *it == own).unwrap();
            let mut text = "ok\n".to_owned();
            for name in &names[at + 1..] {
                text.push_str(&format!("test {name} ... ok\n"));
            }
            let (ran, all) = (names.len(), 7);
            text.push_str(&format!(
                "\ntest result: ok. {ran} passed; 0 failed; 0 ignored; 0 measured; {} filtered out; finished in 0.00s\n\n",
                all - ran
            ));
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(text.as_bytes()).unwrap();
            stdout.flush().unwrap();
            drop(stdout);
            end();
        }
        #[test] fn a_passes() {}
        #[test] fn b_ends_the_process() { std::process::exit(0) }
        #[test] fn c_makes_up_a_summary() { make_up("c_makes_up_a_summary", || std::process::exit(0)) }
        #[test] fn d_makes_up_a_neighbour() { make_up("d_makes_up_a_neighbour", || c::_exit(0)) }
        #[test] fn e_passes() {}
        #[test] fn f_makes_up_a_neighbour_and_dies() {
            make_up("f_makes_up_a_neighbour_and_dies", || std::process::abort())
        }
        #[test] fn g_fails() { panic!("why") }"#,
    )
}

fn rejecting_log() -> String {
    format!("target.'cfg(all())'.runner=['sh', '{}', 'log']", fixtures().join("reject.sh").display())
}

/// Elsewhere nothing tells which thread has written something.
#[test]
#[cfg(target_os = "linux")]
fn without_a_log_whoever_makes_up_what_libtest_says_is_not_green() {
    let workspace = forgers();
    let expected = [
        "a_passes passed",
        "b_ends_the_process crashed",
        "c_makes_up_a_summary crashed",
        "d_makes_up_a_neighbour crashed",
        "e_passes passed",
        "f_makes_up_a_neighbour_and_dies crashed",
        "g_fails failed",
    ];
    for args in ["--processes=1", "--processes=2", "--process-restartworker"] {
        let (ran, events) = ran(&workspace, &["--config", &rejecting_log(), args]);
        ran.expect(100);
        assert_eq!(outcomes(&events), expected, "{args}: {}", ran.stderr);
        let notes = ran.stderr.lines().filter(|line| line.contains("rejects libtest's --logfile")).count();
        assert_eq!(notes, 1, "{}", ran.stderr);
    }
}

#[test]
fn that_there_is_no_log_is_remembered_with_the_list() {
    let calls = tempfile::tempdir().unwrap();
    let file = calls.path().join("calls");
    let reject = fixtures().join("reject.sh");
    let script = format!("echo x$* >> {}; exec sh {} log \"$@\"", file.display(), reject.display());
    let setting = format!("target.'cfg(all())'.runner=['sh', '-c', '''{script}''', 'sh']");
    let workspace = made("#[test] fn passes() {}");
    for expected in [1, 0] {
        let _ = std::fs::remove_file(&file);
        let (ran, _) = ran(&workspace, &["--config", &setting]);
        assert!(ran.expect(0).stderr.contains("rejects libtest's --logfile"), "{}", ran.stderr);
        let calls = std::fs::read_to_string(&file).unwrap();
        assert_eq!(calls.lines().filter(|line| line.contains("--logfile")).count(), expected, "{calls}");
    }
}
