//! The only test of a run gets the terminal with `-- --nocapture`, and however it ends, the terminal is as it was.

use crate::kills::{LIMIT, wait_until};
use crate::screen::Screen;
use crate::tool::Tool;
use crate::workspace::Workspace;

/// Those that ask for a secret have changed the terminal's modes by then.
const ASKING: &str = r#"
    use std::io::{Write, stdin, stdout};
    use std::process::Command;

    fn ask(question: &str) -> String {
        print!("{question}");
        stdout().flush().unwrap();
        let mut line = String::new();
        stdin().read_line(&mut line).unwrap();
        line
    }
    fn hide_what_is_typed() {
        assert!(Command::new("stty").arg("-echo").status().unwrap().success());
    }

    #[test]
    fn asks() {
        assert_eq!(ask("your name? "), "Ada\n");
        println!("hello, Ada");
    }
    #[test]
    fn asks_in_a_shell() {
        let script = "printf 'go on? '; read answer; test \"$answer\" = yes";
        assert!(Command::new("sh").args(["-ic", script]).status().unwrap().success());
    }
    #[test]
    fn asks_for_a_secret() {
        hide_what_is_typed();
        assert_eq!(ask("secret? "), "xyzzy\n");
    }
    #[test]
    fn asks_and_crashes() {
        hide_what_is_typed();
        ask("secret? ");
        std::process::abort();
    }
    #[test]
    fn asks_and_panics() {
        hide_what_is_typed();
        ask("secret? ");
        panic!("wrong");
    }
"#;

fn workspace() -> Workspace {
    Workspace::of_package("").file("src/lib.rs", "").file("tests/asking.rs", ASKING)
}

fn asking(workspace: &Workspace, test: &str) -> Tool {
    workspace.ptest().args(["--no-doc", "--processes=2", "--", "--nocapture", "--exact", test])
}

#[test]
fn the_only_test_reads_the_keyboard_and_its_question_is_seen_at_once() {
    let workspace = workspace();
    let mut screen = Screen::start(asking(&workspace, "asks"));
    screen.wait_for(|text| text.trim_end().ends_with("\nyour name?"));
    assert!(screen.echoes() && !screen.is_in_front());
    screen.press("Ada\n");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\nyour name? Ada\nhello, Ada\n") && text.contains("1 test run: 1 passed"), "{text}");
    assert_eq!(text.matches("your name?").count(), 1, "{text}");
    screen.expect_as_it_was();
}

#[test]
fn each_attempt_has_the_terminal() {
    let workspace = workspace();
    let retried = ["--no-doc", "--retries=1", "--", "--nocapture", "--exact", "asks"];
    let mut screen = Screen::start(workspace.ptest().args(retried));
    screen.wait_for_text("your name?");
    screen.press("Bob\n");
    screen.wait_for(|text| text.contains("TRY 1 FAIL [") && text.matches("\nyour name?").count() == 2);
    screen.press("Ada\n");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("FLAKY ["), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn an_interactive_shell_in_the_only_test_has_the_terminal() {
    let workspace = workspace();
    let mut screen = Screen::start(asking(&workspace, "asks_in_a_shell"));
    screen.wait_for_text("go on?");
    screen.press("yes\n");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn a_harness_of_its_own_reads_the_keyboard_too() {
    let source = r#"
        fn main() {
            // It knows no `--list`.
            assert_eq!(std::env::args().len(), 1);
            let mut line = String::new();
            eprint!("your name? ");
            std::io::stdin().read_line(&mut line).unwrap();
            assert_eq!(line, "Ada\n");
        }
    "#;
    let manifest = "[[test]]\nname = \"own\"\nharness = false\n";
    let workspace = Workspace::of_package(manifest).file("src/lib.rs", "").file("tests/own.rs", source);
    let mut screen = Screen::start(workspace.ptest().args(["--no-doc", "--", "--nocapture"]));
    screen.wait_for_text("your name?");
    screen.press("Ada\n");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn with_several_tests_or_without_live_output_stdin_is_empty() {
    let workspace = workspace();
    let several = ["--no-doc", "--", "--nocapture", "--exact", "asks", "asks_for_a_secret"];
    let quiet = ["--no-doc", "--", "--exact", "asks"];
    for arguments in [&several[..], &quiet] {
        let mut screen = Screen::start(workspace.ptest().args(arguments));
        let (code, text) = screen.finish();
        assert_eq!(code, Some(100), "{text}");
        assert!(text.contains("left: \"\""), "{text}");
        screen.expect_as_it_was();
    }
}

/// A test that has changed the terminal and waits for an answer.
#[track_caller]
fn asked_for_a_secret(mut screen: Screen) -> Screen {
    screen.wait_for_text("secret?");
    assert!(!screen.echoes());
    screen
}

#[test]
fn ctrl_c_is_for_the_test_and_ends_the_run_with_it() {
    let workspace = workspace();
    let mut screen = asked_for_a_secret(Screen::start(asking(&workspace, "asks_for_a_secret")));
    screen.press("\u{3}");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("CANCELLED [") && text.contains("interrupted: 0 passed, 1 cancelled"), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn however_the_test_ends_whoever_started_the_run_is_in_front_again() {
    let workspace = workspace();
    let (crashes, panics) = (asking(&workspace, "asks_and_crashes"), asking(&workspace, "asks_and_panics"));
    let timed_out = ["--no-doc", "--process-timeout=1s", "--", "--nocapture", "--exact", "asks_for_a_secret"];
    for (tool, answer, word) in [
        (crashes, "xyzzy\n", "SIGABRT ["),
        (panics, "xyzzy\n", "FAIL ["),
        (workspace.ptest().args(timed_out), "", "TIMEOUT ["),
    ] {
        let script = "\"$@\"; echo code $?; read answer; echo answer $answer";
        let mut screen = asked_for_a_secret(Screen::script(tool, script));
        assert!(!screen.is_in_front());
        screen.press(answer);
        let text = screen.wait_for(|text| text.trim_end().ends_with("\ncode 100"));
        assert!(text.contains(word), "{text}");
        assert!(screen.is_in_front() && screen.echoes(), "{text}");
        screen.press("seen\n");
        screen.wait_for_text("\nanswer seen");
        screen.finish();
        screen.expect_as_it_was();
    }
}

/// A run that was typed at a shell and has come to the question.
fn asked_in_a_shell(workspace: &Workspace) -> Screen {
    let line = concat!(env!("CARGO_BIN_EXE_cargo-ptest"), " ptest --no-doc -- --exact asks_for_a_secret --nocapture\n");
    let mut screen = Screen::shell(workspace.ptest());
    screen.wait_for_text("$ ");
    screen.press(line);
    asked_for_a_secret(screen)
}

#[test]
fn ctrl_z_stops_test_and_run_and_fg_lends_the_terminal_again() {
    let workspace = workspace();
    let mut screen = asked_in_a_shell(&workspace);
    // In the background it is stopped as soon as it asks, if that comes before the second `fg`.
    for commands in [&["fg\n"][..], &["bg\n", "fg\n"]] {
        screen.press("\u{1a}");
        screen.wait_for(|text| text.trim_end().ends_with('$') && text.contains("Stopped"));
        assert!(screen.is_in_front() && screen.echoes());
        for command in commands {
            screen.press("clear; echo typed\n");
            screen.wait_for(|text| text.starts_with("typed\n$"));
            screen.press(command);
        }
        wait_until(LIMIT, || !screen.echoes());
        assert!(!screen.is_in_front());
    }
    screen.press("xyzzy\n");
    screen.wait_for(|text| text.contains("1 test run: 1 passed") && text.trim_end().ends_with('$'));
    assert!(screen.is_in_front() && screen.echoes());
    screen.press("echo code $?\n");
    screen.wait_for_text("\ncode 0\n");
    screen.press("exit\n");
    screen.finish();
    screen.expect_as_it_was();
}

#[test]
fn a_lent_terminal_whose_runner_was_killed_is_given_back_all_the_same() {
    let workspace = workspace();
    let mut screen = asked_in_a_shell(&workspace);
    screen.kill_job();
    wait_until(LIMIT, || screen.echoes() && screen.is_in_front());
    screen.press("exit\n");
    screen.wait_for_text("Killed");
    screen.finish();
    screen.expect_as_it_was();
}
