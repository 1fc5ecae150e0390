//! The report for people: its words, what is shown of a test's output, colours.
//!
//! `SNAPSHOTS=overwrite cargo test` writes the snapshots anew.

use console::strip_ansi_codes;
use snapbox::{assert_data_eq, file};

use crate::screen::Screen;
use crate::tool::{of_kind, ptest};
use crate::workspace::Workspace;

/// The report without what differs from run to run: times, threads' numbers, and all that depends on which tests were
/// dealt out to the same process.
fn redacted(stderr: &str) -> String {
    let start = stderr.find("     Running ").unwrap_or_default();
    let lines =
        stderr[start..].lines().filter(|line| !DEPENDS_ON_PROCESSES.iter().any(|start| line.starts_with(start)));
    lines.map(|line| without_thread(&without_time(line)) + "\n").collect()
}

const DEPENDS_ON_PROCESSES: [&str; 5] = [
    "     process ",
    "      ran after ",
    "  To check whether earlier tests ",
    "  To check whether tests in other ",
    "    note: run with `RUST_BACKTRACE=1` environment variable",
];

/// Makes `[TIME]` of `[    1.234s]`.
fn without_time(line: &str) -> String {
    let time = |line: &str| {
        let (before, rest) = line.split_once('[')?;
        let (time, after) = rest.split_once("s]")?;
        time.trim().parse::<f64>().ok().map(|_| format!("{before}[TIME]{after}"))
    };
    time(line).unwrap_or_else(|| line.to_owned())
}

/// Recent toolchains put a number behind a panicking thread's name.
fn without_thread(line: &str) -> String {
    let thread = |line: &str| {
        let (name, rest) = line.trim_start().strip_prefix("thread '")?.split_once("' (")?;
        let (number, after) = rest.split_once(')')?;
        number.parse::<u32>().ok().map(|_| format!("    thread '{name}'{after}"))
    };
    thread(line).unwrap_or_else(|| line.to_owned())
}

/// The lines, sorted.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_outcome_has_its_words() {
    let ran = ptest(&["outcomes"]).args(["--processes=1", "--status-level=all"]).run();
    assert_eq!(ran.stdout, "");
    assert_data_eq!(redacted(&ran.expect(100).stderr), file!["snapshots/outcomes.txt"]);
}

#[test]
fn crashes_are_told_with_their_cause_and_without_harm_to_the_others() {
    let ran = ptest(&["crash"]).args(["--processes=1", "--lib", "--test=early"]).run();
    assert_data_eq!(redacted(&ran.expect(100).stderr), file!["snapshots/crash.txt"]);
    let moved = "     process 1 of crash ended (SIGABRT) after tests::b_aborts, tests::a_innocent; ";
    let line = ran.stderr.lines().find(|line| line.starts_with(moved)).expect("the end of the process is told");
    assert!(line.contains(" not started will run in another: tests::"), "{line}");
}

#[test]
fn the_last_word_and_the_place_to_look_at_stand_in_the_closing_list() {
    let (ran, events) = ptest(&["crash"]).args(["--processes=1", "--test=words"]).env("RUST_BACKTRACE", "0").json();
    let list = ran.expect(100).stderr.split_once("Failures:\n").expect("a closing list").1;
    for text in [
        "  SIGABRT crash::words a_panics_in_a_destructor_during_cleanup (crash/tests/words.rs:13)\n      panic in a destructor",
        "  SIGABRT crash::words b_panics_through_c (crash/tests/words.rs:23)\n      panic in a function that cannot unwind\n",
        "  SIGABRT crash::words e_aborts_after_a_panic_that_it_caught (crash/tests/words.rs:43)\n      rerun: ",
        "  FAIL crash::words f_returns_an_error_after_a_panic_that_it_caught (crash/tests/words.rs:50)\n      Error: \"the error\"\n",
        "  FAIL crash::words g_fails_in_a_helper (crash/tests/words.rs:5)\n      in the helper\n",
    ] {
        assert!(list.contains(text), "{text}\n--- not in\n{list}");
    }
    let helper = of_kind(&events, "test-finished").find(|it| it["test"] == "g_fails_in_a_helper").unwrap();
    assert_eq!((&helper["line"], &helper["place"]["line"]), (&56.into(), &5.into()));
}

#[test]
fn several_slots_change_the_order_and_nothing_else() {
    let report = |slots: &str| {
        let ran = ptest(&["outcomes", "procmac", "old"]).args(["--processes", slots]).run();
        redacted(&ran.expect(100).stderr)
    };
    let (one, several) = (report("1"), report("3"));
    let several = several.replace("up to 3 processes", "up to 1 process");
    assert_eq!(sorted(&one), sorted(&several));
}

#[test]
fn quiet_leaves_failures_and_totals() {
    let ran = ptest(&["outcomes"]).args(["--processes=1", "--quiet"]).run();
    assert_data_eq!(redacted(&ran.expect(100).stderr), file!["snapshots/quiet.txt"]);
}

#[test]
fn verbose_tells_of_the_processes() {
    let ran = ptest(&["procmac"]).args(["--processes=1", "--verbose", "--test=expands"]).run();
    let processes: Vec<&str> = ran.expect(0).stderr.lines().filter(|line| line.starts_with("     process ")).collect();
    let [started, ended] = processes[..] else { panic!("two lines of processes: {}", ran.stderr) };
    assert!(started.starts_with("     process 1 in slot 0: 1 test of procmac::expands (pid "), "{started}");
    assert_eq!(ended, "     process 1 of procmac::expands ended (exit code 0)");
}

#[test]
fn colours_come_when_they_are_asked_for_and_say_the_same() {
    let tool = || ptest(&["outcomes"]).args(["--processes=1"]).env("CARGO_TERM_COLOR", "auto");
    let plain = tool().run().stderr;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    for coloured in [tool().args(["--color=always"]), tool().env("CLICOLOR_FORCE", "1")] {
        let coloured = coloured.run().stderr;
        assert!(coloured.contains("\u{1b}[32;1m        PASS\u{1b}[0m"), "{coloured:?}");
        assert_eq!(redacted(&strip_ansi_codes(&coloured)), redacted(&plain));
    }
    let none = tool().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().stderr;
    assert!(!none.contains('\u{1b}'), "{none:?}");
}

#[test]
fn a_terminal_that_can_do_nothing_gets_no_colours() {
    let raw = |args: &[&str], term: &str| {
        let tool = ptest(&["outcomes"]).args(args).env("CARGO_TERM_COLOR", "auto").env("TERM", term);
        let mut screen = Screen::start(tool.env("CI", "true"));
        screen.finish();
        String::from_utf8(screen.raw.clone()).unwrap()
    };
    // The other one is clap's own complaint.
    for args in [&["--", "--exact", "tests::fails"][..], &["--retries=many"]] {
        assert!(raw(args, "xterm").contains("\u{1b}["), "{args:?}");
        let dumb = raw(args, "dumb");
        assert!(!dumb.contains('\u{1b}') && !dumb.is_empty(), "{args:?}: {dumb:?}");
    }
}

#[test]
fn control_sequences_of_tests_do_not_reach_the_terminal() {
    let tool = || ptest(&["noise"]).args(["--test=raw", "control_sequences", "--", "--show-output"]);
    let plain = tool().run().expect(100).stderr.replace('\n', "");
    assert!(!plain.contains(char::is_control), "{plain:?}");
    assert_eq!(plain.matches("over the start of the line").count(), 2, "{plain}");

    let coloured =
        ptest(&["noise"]).args(["--color=always", "--test=raw", "control_sequences", "--", "--show-output"]).run();
    let start = coloured.stderr.find("Running").unwrap();
    let report = coloured.stderr[start..].replace('\n', "");
    assert!(report.contains("\u{1b}[1;31mred\u{1b}[0m "), "{report:?}");
    for sequence in report.split('\u{1b}').skip(1) {
        let end = sequence.find(|c: char| c != '[' && c != ';' && !c.is_ascii_digit());
        assert_eq!(end.map(|end| &sequence[end..=end]), Some("m"), "{sequence:?}");
    }
    assert!(!report.replace('\u{1b}', "").contains(char::is_control), "{report:?}");
}

#[test]
fn output_of_a_passing_test_is_shown_when_it_is_asked_for() {
    let ran = ptest(&["outcomes"]).args(["--processes=1", "passes_and_prints"]).run();
    assert!(!ran.expect(0).stderr.contains("printed by"), "{}", ran.stderr);
    let ran = ptest(&["outcomes"]).args(["--processes=1", "passes_and_prints", "--", "--show-output"]).run();
    let shown =
        "[TIME] outcomes tests::passes_and_prints\n  output ───\n    printed by a test that passes\n────────────\n";
    assert!(redacted(&ran.expect(0).stderr).contains(shown), "{}", ran.stderr);
}

/// Four tests that speak at the same time, in pieces of lines, and end without the end of one.
#[test]
fn live_output_of_several_at_once_comes_in_whole_lines_each_with_its_name() {
    let source = r#"
        use std::io::Write;

        fn speak(name: &str) {
            // None begins before all are there.
            let folder = std::path::PathBuf::from(std::env::var_os("MEET").unwrap());
            std::fs::write(folder.join(name), "").unwrap();
            while std::fs::read_dir(&folder).unwrap().count() < 4 {
                std::thread::yield_now();
            }
            for number in 0..300 {
                print!("{name} says");
                std::io::stdout().flush().unwrap();
                std::thread::yield_now();
                println!(" {number}");
            }
            print!("{name} ends");
        }

        #[test]
        fn ada() { speak("ada") }
        #[test]
        fn ben() { speak("ben") }
        #[test]
        fn cleo() { speak("cleo") }
        #[test]
        fn dan() { speak("dan") }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let meet = tempfile::tempdir().unwrap();
    let tool = workspace.ptest().args(["-j4", "--process-restartworker", "--no-doc", "--", "--nocapture"]);
    let ran = tool.env("MEET", meet.path()).run();
    let said: Vec<&str> =
        ran.expect(0).stderr.lines().filter(|line| line.starts_with("made ") && line.contains(" | ")).collect();
    let mut together = false;
    for name in ["ada", "ben", "cleo", "dan"] {
        let own = |line: &&&str| line.starts_with(&format!("made {name} | "));
        let places: Vec<usize> =
            said.iter().enumerate().filter(|(_, line)| own(line)).map(|(place, _)| place).collect();
        let words = (0..300).map(|number| format!("made {name} | {name} says {number}"));
        let words: Vec<String> = words.chain([format!("made {name} | {name} ends")]).collect();
        assert_eq!(places.iter().map(|place| said[*place]).collect::<Vec<_>>(), words);
        together |= places.last().unwrap() - places[0] >= words.len();
    }
    assert_eq!(said.len(), 4 * 301, "every line is somebody's");
    assert!(together, "at least one was interrupted by another: {said:#?}");
}

#[test]
fn live_output_says_whose_it_is_where_several_may_speak() {
    let lines = |slots: &str| {
        let ran = ptest(&["outcomes"]).args(["--processes", slots, "passes_and_prints", "--", "--nocapture"]).run();
        redacted(&ran.expect(0).stderr)
    };
    let one = "\nprinted by a test that passes\n        PASS [TIME] outcomes tests::passes_and_prints\n";
    assert!(lines("1").contains(one), "{}", lines("1"));
    let several = "\noutcomes tests::passes_and_prints | printed by a test that passes\n        PASS [TIME]";
    assert!(lines("3").contains(several), "{}", lines("3"));
}

#[test]
fn the_slowest_tests_are_listed_at_the_end_and_afterwards() {
    let source = "#[test] fn one() {}\n#[test] fn two() {}\n#[test] #[ignore] fn never() {}\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let ran = workspace.ptest().args(["--no-doc", "--slowest=1"]).run();
    let text = redacted(&ran.expect(0).stderr);
    let (_, list) = text.split_once("\nSlowest tests:\n").unwrap();
    let [test, summary] = list.lines().collect::<Vec<_>>()[..] else { panic!("{}", ran.stderr) };
    assert!(test.starts_with("             [TIME] made ") && summary.starts_with("     Summary [TIME] "), "{list}");
    let report = workspace.tool("report").args(["--slowest=5"]).run();
    let lines = report.expect(0).stdout.lines();
    let mut names: Vec<&str> = lines.filter_map(|line| Some(line.split_once("s] ")?.1)).collect();
    names.sort_unstable();
    assert_eq!(names, ["made one", "made two"], "{}", report.stdout);
}

#[test]
fn of_a_failed_comparison_the_closing_list_has_what_differs() {
    // As pretty_assertions says it.
    let source = r#"
        #[test]
        fn totals() {
            let diff = "Diff < left / right > :\n Invoice {\n<    total: 4,\n>    total: 5,\n     paid: true,\n }";
            panic!("assertion failed: `(left == right)`: the total\n\n{diff}\n");
        }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let ran = workspace.ptest().args(["--no-doc"]).env("RUST_BACKTRACE", "1").run();
    let (report, list) = ran.expect(100).stderr.split_once("Failures:\n").unwrap();
    assert!(report.contains(" made totals\n  output ───\n    thread 'totals'"), "{report}");
    assert!(report.ends_with("\n────────────\n\n"), "{report}");
    let expected = "  FAIL made totals (src/lib.rs:5)\n      assertion failed: `(left == right)`: the total\n      \
                    <    total: 4,\n      >    total: 5,\n      rerun: ";
    assert!(list.starts_with(expected), "{list}");
}
