//! The live region, the keys, and that the terminal is as it was on every way out: on a pty.

use rustix::process::Signal;

use crate::kills::{LIMIT, wait_until};
use crate::screen::Screen;
use crate::tool::{Tool, ptest};
use crate::workspace::Workspace;

/// Five tests of which one never ends, in two slots at the most.
fn hanging() -> Tool {
    ptest(&["hang"]).args(["--processes=2", "innocent", "b_hangs"])
}

/// A run that has come to the test that never ends, and has nothing else left to do.
#[track_caller]
fn in_the_test_that_hangs(tool: Tool) -> Screen {
    let mut screen = Screen::start(tool);
    // The slot of the other process is given back when that is gone.
    let settled = [" 4/5 done", "1 of 2 slots"];
    screen.wait_for(|text| settled.iter().all(|part| text.contains(part)) && runs(text, 0, "hang tests::b_hangs"));
    screen
}

/// Whether this is shown to run in that slot: `slot 0 [    1.234s] hang tests::b_hangs`.
fn runs(text: &str, slot: usize, name: &str) -> bool {
    let (start, end) = (format!("slot {slot} ["), format!("s] {name}"));
    text.lines().any(|line| line.trim_start().starts_with(&start) && line.ends_with(&end))
}

#[test]
fn what_goes_on_stands_below_the_report_and_is_gone_at_the_end() {
    let mut screen = in_the_test_that_hangs(hanging());
    let text = screen.text();
    let lines: Vec<&str> = text.lines().collect();
    let [.., passed, bar, running] = lines[..] else { panic!("{text}") };
    assert!(passed.contains("PASS ["), "{text}");
    assert!(bar.starts_with("     Running ") && bar.contains(" [====") && bar.contains("1 of 2 slots"), "{text}");
    assert!(runs(running, 0, "hang tests::b_hangs"), "{text}");
    assert!(bar.ends_with(" of 2 slots  ? keys"), "{text}");
    assert!(!screen.echoes(), "keys arrive one by one");

    screen.press("\u{3}");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("CANCELLED [") && text.contains("about to hang"), "{text}");
    assert!(text.trim_end().lines().last().unwrap().contains("interrupted: 4 passed, 1 cancelled"), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn time_goes_on_in_frames_that_are_written_over_one_another() {
    let mut screen = in_the_test_that_hangs(hanging());
    let start = screen.raw.len();
    screen.wait_for(|text| {
        let running = text.lines().last().and_then(|line| line.split_once('[')?.1.split_once('.'));
        running.is_some_and(|(seconds, _)| seconds.trim().parse::<u32>().is_ok_and(|seconds| seconds >= 1))
    });
    let written = String::from_utf8_lossy(&screen.raw[start..]).into_owned();
    let frames = written.matches("\u{1b}[?2026h").count();
    assert!((1..=12).contains(&frames), "{frames} frames in about a second");
    assert!(!written.contains("\u{1b}[2J") && !written.contains("\r\u{1b}[J"), "{written:?}");
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

/// Two thousand results: what is written comes in whole frames, and no more of these than there may be.
#[test]
fn a_flood_of_results_comes_in_few_frames_and_none_is_lost() {
    let tool = ptest(&["hang"]).args(["--processes=2", "--repeat=500", "--status-level=pass", "innocent"]);
    let began = std::time::Instant::now();
    let mut screen = Screen::start(tool);
    let (code, text) = screen.finish();
    let took = began.elapsed();
    assert_eq!(code, Some(0), "{text}");
    let written = String::from_utf8_lossy(&screen.raw).into_owned();
    let (begin, end) = ("\u{1b}[?2026h", "\u{1b}[?2026l");
    let frames: Vec<&str> = written.split(begin).skip(1).collect();
    // One more at the beginning, and one at the end.
    let most = took.as_millis() / 100 + 2;
    assert!(frames.len() as u128 <= most && frames.len() > 1, "{} frames in {took:?}", frames.len());
    for frame in &frames {
        let (frame, after) = frame.split_once(end).expect("a frame has an end");
        assert_eq!(after, "", "nothing is written between two frames");
        assert!(!frame.contains(end), "{frame:?}");
    }
    let results = written.lines().filter(|line| line.contains("PASS") && line.contains("_innocent")).count();
    assert_eq!(results, 2000);
    screen.expect_as_it_was();
}

#[test]
fn keys_show_what_goes_on() {
    let mut screen = in_the_test_that_hangs(hanging());
    screen.press("t");
    let text = screen.wait_for_text("hang tests::b_hangs, in slot 0\n  output ───\n    about to hang\n────────────\n");
    assert!(text.contains("     RUNNING ["), "{text}");
    screen.press("\n");
    screen.wait_for_text("4 tests run: 4 passed\n");
    screen.press("f");
    screen.wait_for_text("no failures so far\n");
    screen.press("?");
    screen.wait_for_text("these keys\n");
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn the_failures_so_far_are_shown_with_all_that_the_closing_list_has() {
    let tool = ptest(&["hang", "procmac", "outcomes"]).args(["--processes=2", "b_hangs", "panics"]);
    let mut screen = Screen::start(tool);
    screen.wait_for(|text| text.contains("failed") && text.contains("b_hangs"));
    screen.press("f");
    screen.wait_for(|text| text.contains("Failures:\n") && text.contains("rerun: cargo ptest -p outcomes"));
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn the_slowest_test_can_be_ended() {
    let mut screen = in_the_test_that_hangs(hanging());
    screen.press("k");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(100), "{text}");
    assert!(text.contains("       ENDED ["), "{text}");
    assert!(text.contains("4 passed, 1 ended"), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn a_test_that_does_not_mind_is_killed_at_the_second_time() {
    let mut screen = Screen::start(ptest(&["hang"]).args(["d_hangs"]));
    screen.wait_for(|text| runs(text, 0, "hang tests::d_hangs_and_ignores_sigterm"));
    screen.press("k");
    screen.wait_for_text("ending hang tests::d_hangs");
    screen.press("k");
    let (code, text) = screen.finish();
    assert_eq!(code, Some(100), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn set_ups_and_teardowns_are_shown_and_ended_like_tests() {
    let folder = tempfile::tempdir().unwrap();
    let tool = ptest(&["broken"]).args(["--test=waits", "--processes=3", "at_work"]);
    let mut screen = Screen::start(tool.env("WITNESS", folder.path().join("seen")));
    screen.resize(60, 120);
    let ends = ["at_work::unit::(setup)", "at_work::shared::(setup)", "at_work::stays::(teardown)"];
    screen.wait_for(|text| ends.iter().all(|it| text.contains(it)));
    screen.press("t");
    let shown = |text: &str| {
        let said = |name: &str, place: &str, output: &str| {
            let mut lines = text.lines().skip_while(|line| !line.contains("RUNNING [") || !line.contains(name));
            lines.next().is_some_and(|line| line.contains(place)) && lines.nth(1) == Some(output)
        };
        said(ends[0], "(setup), in slot ", "    dialing")
            && said(ends[1], "(setup), in a host", "    dialing")
            && said(ends[2], "(teardown), in a host", "    draining")
    };
    screen.wait_for(shown);
    for ended in 1..=ends.len() {
        screen.press("k");
        screen.wait_for(|text| text.matches("       ENDED [").count() == ended);
    }
    let (code, text) = screen.finish();
    assert_eq!(code, Some(105), "{text}");
    for name in ends {
        let ending = format!("ending broken::waits waits::{name}, which has run for ");
        assert!(text.contains(&ending), "{text}");
    }
    assert_eq!(text.matches("      SETUP FAILED at_work::").count(), 2, "{text}");
    assert!(text.contains("1 passed, 2 setup failed, 3 failed fixtures"), "{text}");
    screen.expect_as_it_was();
}

/// As with a library whose doctests take long to compile.
#[test]
fn a_process_that_does_not_come_to_its_first_test_is_shown() {
    let source = r#"
        #[used]
        #[unsafe(link_section = ".init_array")]
        static BEFORE_MAIN: extern "C" fn() = before_main;
        extern "C" fn before_main() {
            while std::env::args().all(|it| it != "--list") {
                std::thread::park();
            }
        }
        #[test]
        fn never_begins() {}
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let mut screen = Screen::start(workspace.ptest().args(["--no-doc"]));
    screen.wait_for_text("1 of ");
    screen.press("t");
    screen.wait_for_text("made (starting), in slot 0\n");
    screen.wait_for(|text| runs(text, 0, "made (starting)"));
    screen.press("k");
    screen.wait_for_text("no test or fixture is running\n");
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn nothing_more_is_started_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("now");
    let tool = ptest(&["hang"]).args(["--processes=1", "f_hangs", "g_innocent"]).env("HANG_UNTIL", &file);
    let mut screen = Screen::start(tool);
    screen.wait_for(|text| runs(text, 0, "hang tests::f_hangs_until_told"));
    screen.press("s");
    screen.wait_for_text("no more tests will start; 1 is still running");
    std::fs::write(file, "").unwrap();
    let (code, text) = screen.finish();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("1 passed, 1 not reached"), "{text}");
    screen.expect_as_it_was();
}

#[test]
fn slots_can_be_added_and_taken_away() {
    let mut screen = in_the_test_that_hangs(hanging());
    screen.press("++");
    screen.wait_for_text("1 of 4 slots");
    screen.press("---");
    screen.wait_for_text("1 of 1 slots");
    screen.press("-");
    screen.wait_for_text("there has to be at least one slot");
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn one_more_slot_starts_one_more_test() {
    let mut screen = Screen::start(ptest(&["hang"]).args(["--processes=1", "--process-restartworker", "_hangs"]));
    screen.wait_for_text("1 of 1 slots");
    screen.press("+");
    screen.wait_for(|text| text.contains("2 of 2 slots") && text.contains("      slot 1 ["));
    // Some of them are deaf to the first.
    screen.press("qq");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn the_region_follows_the_window() {
    let mut screen = in_the_test_that_hangs(hanging());
    screen.resize(24, 40);
    let text = screen.wait_for(|text| {
        let line = text.lines().last().unwrap_or_default();
        line.starts_with("slot 0 [") && line.ends_with("tests::b_hangs")
    });
    assert_eq!(text.matches("b_hangs").count(), 1, "{text}");
    screen.resize(24, 14);
    screen.wait_for(|text| text.ends_with("4/5 done\n…sts::b_hangs"));
    screen.resize(2, 60);
    screen.wait_for(|text| text.lines().count() <= 2 && text.contains("4/5 done"));
    screen.resize(24, 100);
    screen.wait_for(|text| runs(text, 0, "hang tests::b_hangs"));
    screen.press("\u{3}");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let mut screen = in_the_test_that_hangs(hanging());
    screen.signal(Signal::TERM);
    assert_eq!(screen.finish().0, Some(143));
    screen.expect_as_it_was();
}

#[test]
fn whoever_is_in_a_hurry_finds_the_terminal_as_it_was_too() {
    let mut screen = Screen::start(ptest(&["hang"]).args(["d_hangs"]));
    screen.wait_for(|text| runs(text, 0, "hang tests::d_hangs_and_ignores_sigterm"));
    // Ctrl-\ ends the program as it would without us.
    screen.press("\u{1c}");
    assert_eq!(screen.finish().0, None);
    screen.expect_as_it_was();
}

/// A run that was typed at a shell, once it hangs in its last test.
fn a_run_in_a_shell() -> Screen {
    let tool = concat!(env!("CARGO_BIN_EXE_cargo-ptest"), " ptest -p hang --processes=2 innocent b_hangs\n");
    let mut screen = Screen::shell(hanging());
    screen.wait_for_text("$ ");
    screen.press(tool);
    screen.wait_for(|text| text.contains(" 4/5 done") && runs(text, 0, "hang tests::b_hangs"));
    assert!(!screen.echoes());
    screen
}

#[test]
fn a_terminal_whose_runner_was_killed_is_given_back_all_the_same() {
    let mut screen = a_run_in_a_shell();
    screen.kill_job();
    wait_until(LIMIT, || screen.echoes());
    screen.press("exit\n");
    screen.wait_for_text("Killed");
    screen.finish();
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let mut screen = a_run_in_a_shell();
    for _ in 0..2 {
        screen.press("\u{1a}");
        let text = screen.wait_for(|text| text.trim_end().ends_with('$'));
        assert!(text.contains("Stopped") && !text.contains("4/5 done"), "{text}");
        screen.press("echo typed\n");
        screen.wait_for(|text| text.contains("echo typed\ntyped\n$"));
        screen.press("clear; fg\n");
        screen.wait_for(|text| text.contains(" 4/5 done") && runs(text, 0, "hang tests::b_hangs"));
        // The keys are there again.
        screen.press("\n");
        screen.wait_for_text("4 tests run: 4 passed\n");
    }
    screen.press("\u{3}");
    let text = screen.wait_for(|text| text.trim_end().ends_with('$') && text.contains("interrupted: 4 passed"));
    assert!(!text.contains("4/5 done"), "{text}");
    screen.press("echo code $?\n");
    screen.wait_for_text("\ncode 130\n");
    screen.press("exit\n");
    screen.finish();
    screen.expect_as_it_was();
}

#[test]
fn time_stands_still_while_the_run_is_stopped() {
    let tool = concat!(env!("CARGO_BIN_EXE_cargo-ptest"), " ptest -p hang --process-timeout=3s b_hangs\n");
    let mut screen = Screen::shell(hanging());
    screen.wait_for_text("$ ");
    screen.press(tool);
    screen.wait_for(|text| runs(text, 0, "hang tests::b_hangs"));
    screen.press("\u{1a}");
    screen.wait_for(|text| text.contains("Stopped"));
    // Longer than the test's time: the shell's own sleep, since it is the time itself that must not count.
    screen.press("sleep 4; clear; fg\n");
    screen.wait_for(|text| runs(text, 0, "hang tests::b_hangs"));
    let text = screen.wait_for_text("     TIMEOUT [");
    let took = text.split_once("TIMEOUT [").unwrap().1.split_once("s]").unwrap().0.trim().parse::<f64>().unwrap();
    assert!((2.9..6.5).contains(&took), "{took} s of a limit of 3 s");
    screen.wait_for(|text| text.trim_end().ends_with('$'));
    screen.press("exit\n");
    screen.finish();
    screen.expect_as_it_was();
}

#[test]
fn where_nothing_moves_a_line_each_so_often_names_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stderr");
    let mut command = hanging().args(["--heartbeat=300ms", "--color=never"]).command();
    let stderr = std::fs::File::create(&path).unwrap();
    let mut run = command.stdout(std::process::Stdio::null()).stderr(stderr).spawn().unwrap();
    let text = || std::fs::read_to_string(&path).unwrap();
    wait_until(LIMIT, || text().matches("4/5 done").count() > 2);
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let text = text();
    let (_, after) = text.split_once("4/5 done").unwrap();
    let named = after.lines().nth(1).unwrap();
    assert!(runs(named, 0, "hang tests::b_hangs"), "{text}");
}

#[test]
fn the_region_is_for_terminals_where_somebody_looks() {
    let tool = || ptest(&["hang"]).args(["innocent"]);
    let has_region = |tool: Tool| {
        let mut screen = Screen::start(tool);
        let (code, text) = screen.finish();
        assert_eq!(code, Some(0), "{text}");
        screen.expect_as_it_was();
        String::from_utf8_lossy(&screen.raw).contains("\u{1b}[?2026h")
    };
    assert!(!has_region(tool().args(["--show-progress=none"])));
    assert!(!has_region(tool().args(["--quiet"])));
    assert!(!has_region(tool().env("CI", "true")));
    assert!(!has_region(tool().env("TERM", "dumb").args(["--show-progress=bar"])));
    assert!(!has_region(tool().args(["--message-format=json"])));

    let mut screen = in_the_test_that_hangs(hanging().env("CI", "true").args(["--show-progress=bar"]));
    screen.press("q");
    assert_eq!(screen.finish().0, Some(130));
    screen.expect_as_it_was();
}

/// Each of these asks for the terminal in its own way: as an interactive shell, for its modes, from another group.
const WANTS_TERMINAL: &str = r#"
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn a_starts_an_interactive_shell() {
        Command::new("sh").args(["-ic", "true"]).status().unwrap();
    }
    #[test]
    fn b_innocent() {}
    #[test]
    fn c_changes_modes() {
        use std::os::fd::AsRawFd;
        unsafe extern "C" {
            fn tcgetattr(terminal: i32, modes: *mut u8) -> i32;
            fn tcsetattr(terminal: i32, when: i32, modes: *const u8) -> i32;
        }
        let (terminal, mut modes) = (std::fs::File::open("/dev/tty").unwrap(), [0; 256]);
        unsafe {
            assert_eq!(tcgetattr(terminal.as_raw_fd(), modes.as_mut_ptr()), 0);
            assert_eq!(tcsetattr(terminal.as_raw_fd(), 0, modes.as_ptr()), 0);
        }
    }
    #[test]
    fn d_innocent() {}
    #[test]
    fn e_has_a_child_in_another_group_that_reads() {
        Command::new("sh").args(["-c", "read line < /dev/tty"]).process_group(0).status().unwrap();
    }
    #[test]
    fn f_innocent() {}
"#;

#[test]
fn a_test_that_wants_the_terminal_is_ended_and_told_why() {
    let workspace = Workspace::of_package("").file("src/lib.rs", WANTS_TERMINAL);
    let mut screen = Screen::start(workspace.ptest().args(["--no-doc", "--processes=2"]));
    screen.resize(60, 200);
    let (code, text) = screen.finish();
    assert_eq!(code, Some(100), "{text}");
    assert!(text.contains("6 tests run: 3 passed, 3 failed"), "{text}");
    for name in ["a_starts", "c_changes", "e_has"] {
        assert!(text.lines().any(|line| line.contains(" FAIL [") && line.contains(name)), "{text}");
    }
    assert!(text.contains("it tried to use the terminal and was stopped"), "{text}");
    screen.expect_as_it_was();
}

/// What is in the background there has a shell that knows of it.
#[test]
fn a_test_with_a_terminal_of_its_own_is_left_alone() {
    if !crate::tool::clean("script").args(["-qec", "true", "/dev/null"]).output().is_ok_and(|it| it.status.success()) {
        return crate::tool::skipped("a terminal inside of a test: there is no script here");
    }
    let source = r#"
        #[test]
        fn has_a_job_in_the_background_that_reads() {
            let job = "set -m; cat & sleep 4; kill -KILL %1; wait";
            let script = ["-qec", &format!("sh -c '{job}'"), "/dev/null"];
            assert!(std::process::Command::new("script").args(script).status().unwrap().success());
        }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let mut screen = Screen::start(workspace.ptest().args(["--no-doc"]));
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    screen.expect_as_it_was();
}

/// What is stopped here for longer than the runner looks for is so by the tests' own will.
#[test]
fn a_test_that_stops_itself_or_its_child_is_left_alone() {
    let source = r#"
        use std::process::Command;

        #[test]
        fn stops_its_child() {
            let script = "kill -STOP $$; exit 7";
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let go_on = format!("sleep 4; kill -CONT {}", child.id());
            assert!(Command::new("sh").args(["-c", &go_on]).status().unwrap().success());
            assert_eq!(child.wait().unwrap().code(), Some(7));
        }
        #[test]
        fn stops_itself() {
            let own = std::process::id();
            let script = format!("sleep 4; kill -CONT {own}");
            let mut other = Command::new("sh").args(["-c", &script]).spawn().unwrap();
            assert!(Command::new("sh").args(["-c", &format!("kill -STOP {own}")]).status().unwrap().success());
            assert!(other.wait().unwrap().success());
        }
    "#;
    let workspace = Workspace::of_package("").file("src/lib.rs", source);
    let mut screen = Screen::start(workspace.ptest().args(["--no-doc", "--processes=2", "--process-restartworker"]));
    let (code, text) = screen.finish();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("2 tests run: 2 passed"), "{text}");
    screen.expect_as_it_was();
}
