//! What the report says of each outcome, under each of the choices of what is shown.

use super::*;
use crate::event::{LeftBehind, Show, TestOutput, TestSlow};
use crate::report::junit::sample::{complete, finished};
use crate::report::levels::OutputWhen;

fn told(levels: Levels, events: &[Event]) -> String {
    let mut out = Vec::new();
    let mut terminal = terminal(levels, &mut out);
    events.iter().for_each(|event| terminal.event(event).unwrap());
    terminal.finish().unwrap();
    drop(terminal);
    String::from_utf8(out).unwrap()
}

fn terminal<W: Write>(levels: Levels, out: W) -> Terminal<W> {
    let options = Options {
        colours: false,
        verbosity: Verbosity::Normal,
        levels,
        progress: Progress::None,
        live: false,
        diagnose: false,
        repeated: false,
        toolchain: None,
        rerun_all: Vec::new(),
        slowest: 0,
        keys: false,
    };
    Terminal::new(options, out)
}

/// A process that came to its end.
fn process(process: u32) -> WorkerExited {
    let status = "exit code 0".to_owned();
    WorkerExited {
        worker: 0,
        process,
        binary: "demo".into(),
        status,
        leaked: false,
        left: Vec::new(),
        held: false,
        tests: Vec::new(),
        reason: None,
        rescheduled: 0,
        waiting: Vec::new(),
    }
}

/// A test of each outcome, and what else there is to tell of tests and their processes.
fn every_outcome() -> Vec<Event> {
    let test = |name: &str, outcome, message: Option<&str>| {
        let output = if outcome == Outcome::Ignored { "" } else { "from the test\n" }.to_owned();
        TestFinished { outcome, message: message.map(str::to_owned), output, ..finished(name) }
    };
    let nowhere = |it: TestFinished| TestFinished { worker: None, process: None, output: String::new(), ..it };
    let first = TestFinished { outcome: Outcome::Failed, output: "first time\n".to_owned(), ..finished("flaky") };
    complete(vec![
        Event::TestFinished(nowhere(test("ignored", Outcome::Ignored, Some("the well is dry")))),
        Event::TestFinished(test("passed", Outcome::Passed, None)),
        Event::TestSlow(TestSlow { binary: "demo".into(), test: "slow".into(), worker: 1, elapsed: 60.0 }),
        Event::TestFinished(test("slow", Outcome::Passed, None)),
        Event::TestFinished(test("leaky", Outcome::Passed, None)),
        Event::WorkerExited(WorkerExited {
            leaked: true,
            left: vec![LeftBehind { pid: 4711, name: "sleep".to_owned(), killed: true }],
            tests: vec!["leaky".into()],
            ..process(7)
        }),
        Event::AttemptFailed(first),
        Event::TestFinished(TestFinished { flaky: true, attempt: 2, ..test("flaky", Outcome::Passed, None) }),
        Event::TestFinished(test("failed", Outcome::Failed, Some("panicked at src/lib.rs:1:1: boom"))),
        Event::TestFinished(test("timed_out", Outcome::TimedOut, Some("timed out after 1s (--process-timeout)"))),
        Event::TestFinished(test("ended", Outcome::TimedOut, Some("ended by hand"))),
        Event::TestFinished(test("aborted", Outcome::Crashed, Some("SIGABRT"))),
        Event::TestFinished(test("exited", Outcome::Crashed, Some("exit code 0"))),
        Event::TestFinished(test("not_set_up", Outcome::SetupFailed, Some("no port"))),
        Event::TestFinished(nowhere(test("not_askable", Outcome::Error, Some("it was not run")))),
        Event::TestFinished(test("cut_short", Outcome::NotReached, Some("the run ended while it ran"))),
        Event::TestFinished(nowhere(test("not_reached", Outcome::NotReached, Some("the run ended before it started")))),
        Event::WorkerExited(WorkerExited {
            rescheduled: 4,
            tests: vec!["failed".into(), "aborted".into()],
            waiting: ["next", "second", "third"].map(Into::into).to_vec(),
            ..process(8)
        }),
        Event::WorkerExited(WorkerExited {
            status: "exit code 101".to_owned(),
            reason: Some("dark has no result".to_owned()),
            rescheduled: 1,
            tests: vec!["failed".into()],
            waiting: vec!["dark".into()],
            ..process(10)
        }),
        Event::WorkerExited(WorkerExited {
            reason: Some("its remaining tests run in other processes".to_owned()),
            ..process(11)
        }),
        Event::WorkerFailed(WorkerFailed {
            binary: "demo".into(),
            worker: 0,
            process: 9,
            timestamp: finished("").timestamp,
            message: "exit code 3".to_owned(),
            tests: vec!["exited".into()],
            output: "from the process\n".to_owned(),
        }),
    ])
}

#[test]
fn every_outcome_has_its_words() {
    let levels = Levels { status: StatusLevel::All, ..Levels::default() };
    snapbox::assert_data_eq!(told(levels, &every_outcome()), snapbox::file!["snapshots/all.txt"]);
}

#[test]
fn what_a_slow_test_may_wait_for_is_said_once() {
    let slow = |elapsed| Event::TestSlow(TestSlow { binary: "demo".into(), test: "slow".into(), worker: 1, elapsed });
    let text = told(Levels::default(), &complete(vec![slow(60.0), slow(120.0)]));
    let expected =
        "SLOW [>  60.000s] demo slow\n       help: if it waits for another test: a process runs one test at a time";
    assert!(text.contains(expected), "{text}");
    assert_eq!((text.matches("SLOW").count(), text.matches("help:").count()), (2, 1), "{text}");
}

#[test]
fn by_default_what_was_skipped_is_counted_and_no_more() {
    snapbox::assert_data_eq!(told(Levels::default(), &every_outcome()), snapbox::file!["snapshots/default.txt"]);
}

#[test]
fn output_can_wait_for_the_end() {
    let levels = Levels {
        status: StatusLevel::None,
        at_the_end: FinalStatusLevel::All,
        failure_output: OutputWhen::Final,
        success_output: OutputWhen::Final,
    };
    snapbox::assert_data_eq!(told(levels, &every_outcome()), snapbox::file!["snapshots/final.txt"]);
}

#[test]
fn at_the_end_each_level_has_the_tests_of_those_before_it() {
    let again = |at_the_end| {
        let text = told(Levels { status: StatusLevel::None, at_the_end, ..Levels::default() }, &every_outcome());
        // The closing list of failures ends with an empty line, and the summary follows the last test.
        let list = text.rsplit_once("\n\n").map_or("", |(_, list)| list);
        let names = list.lines().filter_map(|line| line.split_once(" demo ")?.1.split(',').next());
        names.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let skipped = "flaky slow ignored cut_short not_reached";
    assert_eq!(again(FinalStatusLevel::Flaky), "flaky");
    assert_eq!(again(FinalStatusLevel::Slow), "flaky slow");
    assert_eq!(again(FinalStatusLevel::Skip), skipped);
    assert_eq!(again(FinalStatusLevel::Leak), format!("{skipped} leaky"));
    assert_eq!(again(FinalStatusLevel::Pass), format!("{skipped} leaky passed"));
    assert_eq!(again(FinalStatusLevel::All), format!("{skipped} leaky passed"));
}

#[test]
fn output_can_be_shown_at_once_and_at_the_end_again() {
    let both = OutputWhen::ImmediateFinal;
    let levels = Levels { failure_output: both, at_the_end: FinalStatusLevel::Leak, ..Levels::default() };
    let count = |levels| told(levels, &every_outcome()).matches("    from the test\n").count();
    // Those that failed, and the one that was cut short.
    assert_eq!(count(levels), 2 * 7);
    // And those that passed; of them the last list has no more than what was flaky, was slow, or leaked.
    assert_eq!(count(Levels { success_output: both, ..levels }), 2 * 7 + 4 + 3);
}

#[test]
fn each_level_has_the_tests_of_those_before_it() {
    let lines = |status| {
        let at_the_end = FinalStatusLevel::None;
        let levels =
            Levels { status, at_the_end, failure_output: OutputWhen::Never, success_output: OutputWhen::Never };
        told(levels, &every_outcome())
            .lines()
            .filter(|line| [" demo ", " demo:"].iter().any(|it| line.contains(it)))
            .count()
    };
    let levels = [
        (StatusLevel::None, 3),
        (StatusLevel::Fail, 11),
        (StatusLevel::Retry, 13),
        (StatusLevel::Slow, 14),
        (StatusLevel::Leak, 15),
        (StatusLevel::Pass, 18),
        (StatusLevel::Skip, 20),
        (StatusLevel::All, 20),
    ];
    for (level, count) in levels {
        assert_eq!(lines(level), count, "{level:?}");
    }
}

#[test]
fn whoever_asks_is_told_how_it_stands() {
    let mut out = Vec::new();
    let mut terminal = terminal(Levels { status: StatusLevel::None, ..Levels::default() }, &mut out);
    terminal.show(&Show::Failures).unwrap();
    let events = every_outcome();
    events[..events.len() - 1].iter().for_each(|event| terminal.event(event).unwrap());
    for wanted in [Show::Failures, Show::Running(Vec::new()), Show::Done("no more".to_owned())] {
        terminal.show(&wanted).unwrap();
    }
    drop(terminal);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("no failures so far\n"), "{text}");
    assert!(text.contains("  SIGABRT demo aborted (src/lib.rs:12)\n"), "{text}");
    assert!(text.ends_with("nothing is running\n             no more\n"), "{text}");
}

#[test]
fn no_name_steers_the_terminal() {
    let name = "a\u{1b}[2Jb\u{7}\nc\u{202e}d";
    let events = vec![
        Event::TestFinished(TestFinished {
            outcome: Outcome::Failed,
            file: Some(name.into()),
            before: 1,
            after: vec![name.into()],
            ..finished(name)
        }),
        Event::WorkerExited(WorkerExited { leaked: true, tests: vec![name.into()], ..process(1) }),
        Event::WorkerExited(WorkerExited {
            rescheduled: 1,
            tests: vec![name.into()],
            waiting: vec![name.into()],
            ..process(2)
        }),
    ];
    let text = told(Levels { status: StatusLevel::All, ..Levels::default() }, &complete(events));
    assert!(!text.contains(|it: char| (it.is_control() && it != '\n') || it == '\u{202e}'), "{text:?}");
    // Each time on one line; in the command that runs it again, as a shell knows it.
    assert_eq!(text.matches("ab\u{2424}c\u{2426}d").count(), 7, "{text}");
    assert_eq!(text.matches(r"--exact $'a\033[2Jb\007\nc\342\200\256d'").count(), 1, "{text}");
}

#[test]
fn a_colour_that_a_test_leaves_on_ends_with_each_of_its_lines() {
    let line = |test: &str, line: &str| {
        let (binary, test, line) = ("demo".into(), test.into(), line.to_owned());
        Event::TestOutput(TestOutput { binary, test, worker: 0, line })
    };
    let mut out = Vec::new();
    let mut terminal = terminal(Levels::default(), &mut out);
    terminal.options.colours = true;
    for event in [
        line("a", "\u{1b}[8mhidden"),
        line("a", "hidden, too"),
        Event::TestFinished(finished("a")),
        line("b", "seen"),
        line("b", "\u{1b}[31mred\u{1b}[0m"),
    ] {
        terminal.event(&event).unwrap();
    }
    terminal.finish().unwrap();
    drop(terminal);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "\u{1b}[8mhidden\u{1b}[0m");
    assert_eq!(lines[1], "\u{1b}[8mhidden, too\u{1b}[0m");
    assert!(lines[2].contains("PASS"), "{text:?}");
    assert_eq!(lines[3..], ["seen", "\u{1b}[31mred\u{1b}[0m"]);
}
