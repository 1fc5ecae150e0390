//! Worker processes: how tests are dealt out to them, what the end of one costs, and what it leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use chrono::DateTime;
use rustix::process::Signal;
use serde_json::Value;

use crate::kills::{GONE_WITHIN, LIMIT, Live, wait_until};
use crate::tool::{Tool, clean, fixtures, of_kind, outcomes, ptest, target};
use crate::workspace::Workspace;

/// The length of each of the eleven tests of `uneven` here.
const UNEVEN: Duration = Duration::from_millis(500);

#[test]
fn uneven_modules_take_two_workers_six_tests_long() {
    let (tests, makespan) = deal_out_uneven_modules(2);
    assert_eq!(tests, [6, 5]);
    assert!(makespan < allowed(6), "{makespan:?}");
}

#[test]
fn uneven_modules_take_three_workers_four_tests_long() {
    let (tests, makespan) = deal_out_uneven_modules(3);
    assert_eq!(tests, [4, 4, 3]);
    assert!(makespan < allowed(4), "{makespan:?}");
}

/// The best possible makespan, 5 %, and what a busy machine may take to start some processes.
fn allowed(tests: u32) -> Duration {
    UNEVEN * tests * 21 / 20 + Duration::from_secs(1)
}

/// Gives how many tests each worker ran, the busiest first, and the time from the start of the first one to the end
/// of the last. Each result must be told before its worker starts another test.
#[track_caller]
fn deal_out_uneven_modules(processes: u32) -> (Vec<usize>, Duration) {
    let tool = ptest(&["uneven"]).args([format!("--processes={processes}")]);
    let (ran, events) = tool.env("UNEVEN_SECONDS", UNEVEN.as_secs_f64().to_string()).json();
    ran.expect(100);
    let mut running: BTreeMap<u64, &Value> = BTreeMap::new();
    let mut tests: BTreeMap<u64, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| event["test"].is_string()) {
        let worker = event["worker"].as_u64().unwrap();
        if event["event"] == "test-started" {
            assert_eq!(running.insert(worker, &event["test"]), None, "worker {worker} runs one test at a time");
        } else {
            assert_eq!(running.remove(&worker), Some(&event["test"]));
            *tests.entry(worker).or_default() += 1;
        }
    }
    let mut tests: Vec<usize> = tests.into_values().collect();
    tests.sort_unstable_by(|a, b| b.cmp(a));
    (tests, makespan(&events))
}

fn makespan(events: &[Value]) -> Duration {
    let began = |event: &Value| DateTime::parse_from_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
    let ended = |event: &Value| began(event) + Duration::from_secs_f64(event["duration"].as_f64().unwrap());
    let tests = || of_kind(events, "test-finished");
    (tests().map(ended).max().unwrap() - tests().map(began).min().unwrap()).to_std().unwrap()
}

/// The tests of a unit share a process, and here the second one ends only when somebody who has read of the first says
/// so.
#[test]
fn a_result_is_told_before_its_process_ends() {
    let made = made(
        "#[test] fn a() {}
         #[test] fn b() { while !std::path::Path::new(&std::env::var(\"END\").unwrap()).exists() { std::thread::yield_now() } }",
        "kind = 'unit'",
    );
    for (format, word) in [("human", "PASS ["), ("json", r#""event":"test-finished""#), ("junit", "<testcase")] {
        let end = made.path().join(format);
        let tool = made.ptest().args(["--message-format", format, "--process-timeout=30s", "--color=never"]);
        let (mut command, (reader, writer)) = (tool.env("END", &end).command(), std::io::pipe().unwrap());
        // What people read is on stderr.
        match format {
            "human" => command.stderr(writer),
            _ => command.stdout(writer).stderr(Stdio::null()),
        };
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(word)), "{format} lacks the first result");
        fs::write(&end, "").unwrap();
        lines.for_each(drop);
        assert!(child.wait().unwrap().success(), "{format} has the first result when it is too late");
    }
}

#[test]
fn a_crash_costs_one_test_and_the_others_run_in_fresh_processes() {
    let (ran, events) = ptest(&["crash"]).args(["--lib", "--processes=1"]).json();
    ran.expect(100);
    let results = outcomes(&events);
    assert_eq!(results.len(), 15);
    for result in results {
        let innocent = result.contains("_innocent");
        assert!(result.ends_with(if innocent { " passed" } else { " crashed" }), "{result}");
    }
    nothing_begins_in_a_process_after("crashed", &events);
}

#[test]
fn a_hang_costs_one_test_and_its_process_is_asked_to_end_before_it_is_killed() {
    let (ran, events) = ptest(&["hang"]).args(["--processes=1", "--process-timeout=1s"]).json();
    ran.expect(100);
    let expected = [
        "a_innocent passed",
        "b_hangs timed-out",
        "c_innocent passed",
        "d_hangs_and_ignores_sigterm timed-out",
        "e_innocent passed",
        "f_hangs_until_told timed-out",
        "g_innocent passed",
    ];
    assert_eq!(outcomes(&events), expected.map(|it| format!("tests::{it}")));
    nothing_begins_in_a_process_after("timed-out", &events);
    let mut late = of_kind(&events, "test-finished").filter(|it| it["outcome"] == "timed-out");
    assert!(late.all(|it| it["message"] == "timed out after 1s (--process-timeout)"), "{}", ran.stdout);
    let end = |letter: &str| {
        let mut tests = of_kind(&events, "test-finished");
        let test = tests.find(|it| name(it).starts_with(&format!("tests::{letter}_"))).unwrap();
        let mut ends = of_kind(&events, "worker-exited");
        ends.find(|it| it["process"] == test["process"]).unwrap()["status"].as_str()
    };
    assert_eq!(["b", "d", "f"].map(end), ["SIGTERM", "SIGKILL", "SIGTERM"].map(Some));
}

/// Without the test's limit it would take a minute until the process is asked to end.
#[test]
fn an_exit_handler_that_hangs_is_ended_by_the_time_limit_of_the_last_test() {
    let made = made(
        "extern \"C\" fn hangs() { loop { std::thread::park() } }
         #[test]
         fn a_leaves_a_handler() {
             unsafe extern \"C\" { fn atexit(handler: extern \"C\" fn()) -> i32; }
             assert_eq!(unsafe { atexit(hangs) }, 0);
         }",
        "",
    );
    let (ran, events) = made.ptest().args(["--process-timeout=1s"]).json();
    ran.expect(100);
    assert_eq!(outcomes(&events), ["a_leaves_a_handler passed"]);
    let failed = of_kind(&events, "worker-failed").next().unwrap();
    let why = "it did not end within 1s of its last test (that test's timeout, but at least 1s)";
    assert_eq!(failed["message"], why);
}

#[test]
fn a_unit_goes_on_in_its_order_after_a_hang() {
    let made = made(
        "#[test] fn a() {}
         #[test] fn b() { loop { std::thread::park() } }
         #[test] fn c() {}
         #[test] fn d() {}",
        "kind = 'unit'\ntimeout = '1s'",
    );
    let (ran, events) = made.ptest().args(["--processes=4"]).json();
    ran.expect(100);
    let finished: Vec<(&str, u64)> =
        of_kind(&events, "test-finished").map(|event| (name(event), process(event))).collect();
    assert_eq!(finished, [("a", 1), ("b", 1), ("c", 2), ("d", 2)]);
    assert_eq!(outcomes(&events), ["a passed", "b timed-out", "c passed", "d passed"]);
    let processes: Vec<&str> = events.iter().filter_map(|it| it["event"].as_str()?.strip_prefix("worker-")).collect();
    assert_eq!(processes, ["started", "exited", "started", "exited"], "one process at a time");
}

#[test]
fn a_process_runs_many_tests() {
    let (ran, events) = ptest(&["outcomes"]).args(["--processes=1"]).json();
    ran.expect(100);
    let given = given(&events);
    assert_eq!(given.iter().sum::<u64>(), 11);
    assert!(given.len() < 11, "{given:?}");
}

#[test]
fn a_process_is_given_no_more_tests_than_allowed() {
    for (option, most) in [("--process-restartworker", 1), ("--process-restartworker=3", 3)] {
        let (ran, events) = ptest(&["outcomes"]).args([option, "--processes=1"]).json();
        ran.expect(100);
        let given = given(&events);
        assert_eq!(given.iter().sum::<u64>(), 11);
        assert_eq!(given.iter().max(), Some(&most), "{given:?}");
    }
}

#[test]
fn what_tests_leave_behind_is_killed_and_told_with_their_names() {
    let live = Live::start(ptest(&["leak"]).args(["--process-restartworker"]));
    let events = live.finish(0);
    let leaks = of_kind(&events, "worker-exited").filter(|event| event["leaked"] == true);
    let mut names: Vec<String> = leaks.map(|event| event["tests"].to_string()).collect();
    names.sort_unstable();
    let expected = ["b_leaks_a_child", "d_leaks_a_child_that_ignores_sigterm", "f_leaks_a_child_in_another_session"];
    assert_eq!(names, expected.map(|name| format!("[\"tests::{name}\"]")));
    for exited in of_kind(&events, "worker-exited").filter(|event| event["leaked"] == true) {
        let left = exited["left"].as_array().unwrap();
        assert!(!left.is_empty() && left.iter().all(|it| it["killed"] == true && it["name"] != ""), "{exited}");
    }
}

#[test]
fn what_tests_leave_behind_makes_the_run_red_if_it_is_to() {
    let events = Live::start(ptest(&["leak"]).args(["--leaks=fail"])).finish(100);
    assert!(outcomes(&events).iter().all(|it| it.ends_with(" passed")));
    assert!(of_kind(&events, "worker-failed").next().is_some());
}

/// It has left its session and holds none of the pipes, so only the mark in its environment tells whose it is.
#[test]
fn a_daemon_does_not_outlive_the_run() {
    let made = made(
        r#"#[test]
        fn starts_a_daemon() {
            let script = "setsid sleep 604.01$LEAK_MARK <&- >&- 2>&- &";
            assert!(std::process::Command::new("sh").args(["-c", script]).status().unwrap().success());
        }"#,
        "",
    );
    let events = Live::start(made.ptest()).finish(0);
    assert_eq!(outcomes(&events), ["starts_a_daemon passed"]);
}

#[test]
fn a_test_can_run_cargo_ptest() {
    let made = made(
        r#"#[test]
        fn runs_cargo_ptest() {
            let env = |name| std::env::var_os(name).unwrap();
            let mut tool = std::process::Command::new(env("TOOL"));
            tool.args(["ptest", "-p", "outcomes", "--processes=2"]).current_dir(env("FIXTURES"));
            let output = tool.env("CARGO_TARGET_DIR", env("TARGET")).output().unwrap();
            println!("{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(100));
        }"#,
        "",
    );
    let tool = made.ptest().env("TOOL", env!("CARGO_BIN_EXE_cargo-ptest"));
    let ran = tool.env("FIXTURES", fixtures()).env("TARGET", target()).args(["--", "--show-output"]).run();
    ran.expect(0);
    assert!(ran.stderr.contains("11 tests run: 6 passed, 5 failed, 2 ignored"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 test run: 1 passed"), "{}", ran.stderr);
}

/// The run in there holds on to a test that ignores SIGTERM. The second test waits until somebody has seen whether that
/// one is gone: at the end of the run everything is.
#[test]
fn a_run_inside_of_a_test_ends_with_the_test() {
    let made = made(
        r#"use std::io::BufRead;
        #[test]
        fn a_runs_a_test_that_never_ends() {
            let env = |name| std::env::var_os(name).unwrap();
            let mut tool = std::process::Command::new(env("TOOL"));
            tool.args(["ptest", "-p", "hang", "d_hangs", "--message-format=json"]).current_dir(env("FIXTURES"));
            let tool = tool.env("CARGO_TARGET_DIR", env("TARGET")).stdout(std::process::Stdio::piped());
            let mut run = tool.spawn().unwrap();
            std::io::BufReader::new(run.stdout.take().unwrap()).lines().for_each(drop);
        }
        #[test]
        fn b_waits() {
            while !std::path::Path::new(&std::env::var("END").unwrap()).exists() { std::thread::yield_now() }
        }"#,
        "kind = 'unit'\n[[context]]\ntest = 'a_runs_a_test_that_never_ends'\ntimeout = '4s'",
    );
    let end = made.path().join("end");
    let tool = made.ptest().env("TOOL", env!("CARGO_BIN_EXE_cargo-ptest")).env("END", &end);
    let mut live = Live::start(tool.env("FIXTURES", fixtures()).env("TARGET", target()));
    live.wait_for("test-started", |event| event["test"] == "b_waits");
    wait_until(GONE_WITHIN, || live.processes().iter().all(|line| !line.contains("d_hangs")));
    fs::write(&end, "").unwrap();
    live.finish(100);
}

/// All tests of a package, whose processes have to be there at once.
const CROWD: usize = 40;

/// Tests that end when all of them have begun, and have the given limit on descriptors.
fn crowd(limit: u32) -> Workspace {
    let head = format!(
        r#"#[cfg(test)]
        fn crowd(name: &str) {{
            let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
            let limit = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
            assert_eq!(limit.split_whitespace().nth(3), Some("{limit}"));
            let folder = std::path::PathBuf::from(std::env::var("CROWD").unwrap());
            std::fs::write(folder.join(name), "").unwrap();
            while std::fs::read_dir(&folder).unwrap().count() < {CROWD} {{ std::thread::yield_now() }}
        }}
        "#
    );
    let test = |number: usize| format!("#[test] fn t{number:02}() {{ crowd(\"{number}\") }}");
    let tests: Vec<String> = (0..CROWD).map(test).collect();
    Workspace::of_package("").file("src/lib.rs", &(head + &tests.join("\n")))
}

/// Runs the tool with limits that a shell has set, and expects all to pass; gives what it said.
#[track_caller]
fn limited(workspace: &Workspace, limits: &str, tool: Tool) -> String {
    let tool = tool.command();
    let mut shell = workspace.command("sh");
    shell.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]).arg(tool.get_program()).args(tool.get_args());
    shell.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn more_processes_than_the_soft_limit_on_files_allows_run_at_once_and_tests_have_the_callers_limit() {
    let made = crowd(120);
    let folder = tempfile::tempdir().unwrap();
    let tool = made.ptest().args([&format!("--processes={CROWD}"), "--process-restartworker"]);
    let text = limited(&made, "ulimit -Sn 120", tool.env("CROWD", folder.path()));
    assert!(text.contains("40 tests run: 40 passed") && !text.contains("warning"), "{text}");
}

#[test]
fn under_a_hard_limit_on_files_fewer_processes_run_at_once() {
    let tests: Vec<String> = (0..100).map(|number| format!("#[test] fn t{number}() {{}}")).collect();
    let made = made(&tests.join("\n"), "");
    let tool = made.ptest().args(["--processes=64", "--process-restartworker"]);
    let text = limited(&made, "ulimit -n 80", tool);
    assert!(text.contains("100 tests run: 100 passed"), "{text}");
    assert!(text.contains("the limit on open files allows"), "{text}");
}

/// Variables that cargo sets for tests take room that nobody knows of before.
#[test]
fn names_that_do_not_fit_on_a_command_line_are_divided() {
    let long = "a_name_of_many_words".repeat(9);
    let tests: Vec<String> = (0..600).map(|number| format!("#[test] fn {long}{number}() {{}}")).collect();
    let variable = "x".repeat(120_000);
    let variables = format!("[env]\nFIRST = '{variable}'\nSECOND = '{variable}'\n");
    let made = made(&tests.join("\n"), "kind = 'unit'").file(".cargo/config.toml", &variables);
    made.ptest().args(["--no-run"]).run().expect(0);
    let text = limited(&made, "ulimit -s 1024", made.ptest());
    assert!(text.contains("600 tests run: 600 passed"), "{text}");
}

#[test]
fn a_test_reads_nothing_from_stdin() {
    let made = made("#[test] fn reads() { assert_eq!(std::io::read_to_string(std::io::stdin()).unwrap(), \"\") }", "");
    let mut command = made.ptest().command();
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Whether the tool reads it or not is its own business.
    let _ = child.stdin.as_mut().unwrap().write_all(b"typed by somebody\n");
    assert!(child.wait().unwrap().success());
}

/// A package with a library of tests, and what is said of it in the configuration.
fn made(tests: &str, context: &str) -> Workspace {
    let made = Workspace::of_package("").file("src/lib.rs", tests);
    if context.is_empty() { made } else { made.config(&format!("[[context]]\npackage = 'made'\n{context}\n")) }
}

/// Of each process, how many tests it was given.
fn given(events: &[Value]) -> Vec<u64> {
    of_kind(events, "worker-started").map(|event| event["tests"].as_u64().unwrap()).collect()
}

#[track_caller]
fn nothing_begins_in_a_process_after(outcome: &str, events: &[Value]) {
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event["outcome"] == outcome) {
        let mut later = of_kind(&events[at..], "test-started");
        assert!(later.all(|it| it["process"] != event["process"]), "{event}");
    }
}

fn name(event: &Value) -> &str {
    event["test"].as_str().unwrap()
}

fn process(event: &Value) -> u64 {
    event["process"].as_u64().unwrap()
}

/// The same text so many times, with a number in it.
fn numbered(count: usize, before: &str, after: &str) -> String {
    (0..count).map(|number| [before, &format!("{number:02}"), after, "\n"].concat()).collect::<Vec<_>>().concat()
}

/// A process that is killed leaves an empty file where its counters should be.
#[test]
fn processes_that_write_counters_at_their_end_come_to_it() {
    let innocents = numbered(12, "#[test] fn b", "() {}");
    let slow = "#[test] fn a_is_slow() { std::thread::sleep(std::time::Duration::from_millis(2500)) }\n";
    let failing = "#[test] fn c_fails() { panic!(\"fails\") }
                   #[test] fn d_is_cut_short() { std::thread::sleep(std::time::Duration::from_millis(500)) }
                   #[test] fn e_is_not_begun() { std::thread::sleep(std::time::Duration::from_millis(500)) }";
    for (source, code) in [(format!("{slow}{innocents}"), 0), (format!("{innocents}{failing}"), 100)] {
        let workspace = Workspace::of_package("").file("src/lib.rs", &source);
        let counters = tempfile::tempdir().unwrap();
        let tool = workspace.ptest().env("RUSTFLAGS", "-Cinstrument-coverage");
        let tool = tool.env("LLVM_PROFILE_FILE", counters.path().join("%p.profraw"));
        let (ran, events) = tool.args(["--processes=2", "--fail-fast"]).json();
        ran.expect(code);
        let mut written = 0;
        // One that was told to end before its first test has nothing to write.
        let has_run = |started: &Value| of_kind(&events, "test-finished").any(|it| it["process"] == started["process"]);
        for started in of_kind(&events, "worker-started").filter(|started| has_run(started)) {
            let file = counters.path().join(format!("{}.profraw", started["pid"]));
            assert!(fs::metadata(&file).is_ok_and(|it| it.len() > 0), "{started}\n{}", ran.stderr);
            written += 1;
        }
        assert!(written > 0);
    }
}

/// What the tests of a process covered before a signal ended it is lost, unless the counters are written all the time.
#[test]
fn coverage_that_a_lost_process_takes_along_is_named() {
    const ALONE: &str = "--process-restartworker";
    let lost = |signal: &str| format!("coverage of 2 tests of made is lost (a_passes, b_passes): {signal} ended their");
    let (crash, late) = ("std::process::abort()", "std::thread::sleep(std::time::Duration::from_secs(60))");
    let always = "-Cinstrument-coverage -Cllvm-args=-runtime-counter-relocation";
    for (body, option, pattern, flags, note) in [
        (crash, "--processes=2", "%p.profraw", "-Cinstrument-coverage", Some(lost("SIGABRT"))),
        (late, "--process-timeout=1s", "%p.profraw", "-Cinstrument-coverage", Some(lost("SIGTERM"))),
        ("std::process::exit(3)", "--processes=2", "%p.profraw", "-Cinstrument-coverage", None),
        (crash, ALONE, "%p.profraw", "-Cinstrument-coverage", None),
        (crash, "--processes=2", "%p%c.profraw", always, None),
    ] {
        let source = format!(
            "#[test] fn a_passes() {{}} #[test] fn b_passes() {{}} #[test] fn c_dies() {{ {body} }}
             #[test] fn d_passes() {{}}"
        );
        // The tests of a unit run in their order, in one process whatever is said of others.
        let made = made(&source, if option == ALONE { "" } else { "kind = 'unit'" });
        let counters = tempfile::tempdir().unwrap();
        let tool = made.ptest().env("RUSTFLAGS", flags).env("LLVM_PROFILE_FILE", counters.path().join(pattern));
        let (ran, events) = tool.args([option]).json();
        ran.expect(100);
        let warned: Vec<&str> = of_kind(&events, "warning").map(|it| it["message"].as_str().unwrap()).collect();
        let first = of_kind(&events, "test-finished").find(|it| name(it) == "a_passes").unwrap();
        let pid = &of_kind(&events, "worker-started").find(|it| it["process"] == first["process"]).unwrap()["pid"];
        let written = fs::metadata(counters.path().join(format!("{pid}.profraw"))).map_or(0, |it| it.len());
        assert_eq!(written == 0, note.is_some(), "{body} {option} {pattern}: {written} bytes, {warned:?}");
        match note {
            Some(note) => assert!(warned.len() == 1 && warned[0].contains(&note), "{warned:?}"),
            None => assert!(warned.is_empty(), "{warned:?}"),
        }
    }
}

/// Where nobody counts on their end, what waits behind a slow test is taken from its process, which is ended then.
#[test]
fn a_process_that_is_ended_after_its_slow_test_is_no_news() {
    let innocents: String = (0..12)
        .map(|number| format!("#[test] fn b{number:02}() {{ arrives(\"b{number:02}\") }}\n"))
        .collect::<Vec<_>>()
        .concat();
    // Those that wait behind it in its process run before it ends: so they ran in another one.
    let source = format!(
        r#"{innocents}
        fn folder() -> std::path::PathBuf {{ std::env::var_os("MEET").unwrap().into() }}
        fn arrives(name: &str) {{ std::fs::write(folder().join(name), "").unwrap() }}
        #[test]
        fn a_is_slow() {{
            while std::fs::read_dir(folder()).unwrap().count() < 12 {{ std::thread::yield_now() }}
        }}"#
    );
    let workspace = Workspace::of_package("").file("src/lib.rs", &source);
    let meet = tempfile::tempdir().unwrap();
    let tool = workspace.ptest().args(["--processes=2", "--process-timeout=2m"]).env("MEET", meet.path());
    let (ran, events) = tool.json();
    ran.expect(0);
    assert!(!ran.stderr.contains("SIGKILL") && !ran.stderr.contains("will run in another"), "{}", ran.stderr);
    // What was left to it takes so little that it may have come to its end by itself before it was killed.
    let ended = of_kind(&events, "worker-exited").find(|it| !it["reason"].is_null()).expect("one was to be ended");
    assert_eq!(ended["reason"], "its remaining tests run in other processes");
    assert!(ended["rescheduled"].is_null(), "{ended}");
}

/// As tests do that need a process of their own. The second program has the name of the runner's pipe in its arguments.
#[test]
fn a_test_may_start_its_program_again_with_its_own_arguments() {
    let again = numbered(12, "#[test] fn again_", "() { again() }");
    let others = numbered(24, "#[test] fn other_", "() { others() }");
    let source = format!(
        r#"{again}{others}
        fn again() {{
            let program = std::env::current_exe().unwrap();
            let mut program = std::process::Command::new(program);
            if std::env::var_os("AGAIN").is_none() {{
                let output = program.args(std::env::args().skip(1)).env("AGAIN", "1").output().unwrap();
                assert!(output.status.success(), "{{output:?}}");
            }}
        }}
        fn others() {{
            std::thread::sleep(std::time::Duration::from_millis(2));
        }}"#
    );
    let workspace = Workspace::of_package("").file("src/lib.rs", &source);
    for processes in ["--processes=1", "--processes=8"] {
        let (ran, events) = workspace.ptest().args([processes, "--process-restartworker=3"]).json();
        ran.expect(0);
        assert_eq!(outcomes(&events).iter().filter(|it| it.ends_with(" passed")).count(), 36, "{}", ran.stderr);
    }
}

/// A test that ignores SIGTERM and ends after its time is up, and innocents after it that are within theirs.
const LATE: &str = r"
#[test]
fn a_is_late_and_deaf() {
    unsafe extern { safe fn signal(number: i32, handler: usize) -> usize; }
    signal(15, 1);
    std::thread::sleep(std::time::Duration::from_millis(1500));
}
#[test]
fn b_innocent() { std::thread::sleep(std::time::Duration::from_millis(700)); }
#[test]
fn c_innocent() { std::thread::sleep(std::time::Duration::from_millis(700)); }
";

#[test]
fn the_signal_for_a_late_test_costs_no_other() {
    let config = "[[context]]\npackage = 'made'\nkind = 'unit'\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", LATE).config(config);
    let (ran, events) = workspace.ptest().args(["--process-timeout=1s"]).json();
    ran.expect(0);
    assert_eq!(outcomes(&events), ["a_is_late_and_deaf passed", "b_innocent passed", "c_innocent passed"]);
}

#[test]
fn tests_behind_one_that_hangs_run_elsewhere_even_without_a_time_limit() {
    let innocents: Vec<String> = (0..20).map(|number| format!("#[test] fn b{number:02}() {{}}")).collect();
    let source = format!("#[test] fn a_hangs() {{ loop {{ std::thread::park() }} }}\n{}", innocents.join("\n"));
    let workspace = Workspace::of_package("").file("src/lib.rs", &source);
    let mut command = workspace.ptest().args(["--processes=2", "--message-format=json"]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut finished = 0;
    for line in stdout.lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["event"] == "test-finished" {
            finished += 1;
            if event["test"] == "a_hangs" {
                assert_eq!(event["outcome"], "not-reached");
                assert_eq!(event["message"], "the run ended while it ran");
            }
        }
        if finished == 20 {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        }
    }
    assert_eq!(finished, 21);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Joins the group of the process that `JOB` names, or that of the runner.
const JOINS: &str = r#"
#[cfg(test)]
fn joins_another_group() {
    unsafe extern "C" {
        safe fn setpgid(process: i32, group: i32) -> i32;
        safe fn getpgid(process: i32) -> i32;
    }
    let group = std::env::var("JOB").map_or_else(
        |_| getpgid(std::os::unix::process::parent_id().try_into().unwrap()),
        |job| job.parse().unwrap(),
    );
    assert_eq!(setpgid(0, group), 0);
    assert_eq!(getpgid(0), group);
}
"#;

#[test]
fn a_test_that_joins_another_group_is_timed_out_all_the_same() {
    let made = made(
        &format!(
            "{JOINS}
            #[test] fn a_innocent() {{}}
            #[test] fn b_joins_and_hangs() {{ joins_another_group(); loop {{ std::thread::park() }} }}
            #[test] fn c_innocent() {{}}"
        ),
        "",
    );
    let events = Live::start(made.ptest().args(["--processes=1", "--process-timeout=1s"])).finish(100);
    assert_eq!(outcomes(&events), ["a_innocent passed", "b_joins_and_hangs timed-out", "c_innocent passed"]);
}

#[test]
fn a_run_with_a_test_that_joins_another_group_can_be_ended() {
    let made = made(
        &format!(
            "{JOINS}
            #[test]
            fn joins_and_hangs() {{
                joins_another_group();
                if std::env::var_os(\"DEAF\").is_some() {{
                    unsafe extern \"C\" {{ safe fn signal(number: i32, handler: usize) -> usize; }}
                    signal(15, 1);
                }}
                std::fs::write(std::env::var_os(\"JOINED\").unwrap(), \"\").unwrap();
                loop {{ std::thread::park() }}
            }}"
        ),
        "",
    );
    let joined = made.path().join("joined");
    // Two that are equal may be one. Either of these may be heard of first.
    for (deaf, signals) in [(false, &[Signal::TERM][..]), (true, &[Signal::TERM, Signal::HUP])] {
        let tool = made.ptest().env("JOINED", &joined);
        let live = Live::start(if deaf { tool.env("DEAF", "1") } else { tool });
        wait_until(LIMIT, || joined.exists());
        fs::remove_file(&joined).unwrap();
        signals.iter().for_each(|signal| live.signal(*signal));
        let events = live.finish(143);
        assert_eq!(outcomes(&events), ["joins_and_hangs not-reached"]);
        let exited = of_kind(&events, "worker-exited").next().unwrap();
        assert_eq!(exited["status"], if deaf { "SIGKILL" } else { "SIGTERM" }, "{exited}");
    }
}

#[test]
fn a_job_that_tests_have_joined_is_not_killed_with_what_they_leave_there() {
    let made = made(
        &format!(
            "{JOINS}
            #[cfg(test)]
            fn leaks(output: fn() -> std::process::Stdio) {{
                joins_another_group();
                let length = \"604.02\".to_owned() + &std::env::var(\"LEAK_MARK\").unwrap();
                let mut command = std::process::Command::new(\"sleep\");
                command.arg(length).stdout(output()).stderr(output()).spawn().unwrap();
            }}
            #[test] fn a_holds_its_output() {{ leaks(std::process::Stdio::inherit) }}
            #[test] fn b_holds_nothing() {{ leaks(std::process::Stdio::null) }}"
        ),
        "",
    );
    let mut stranger = clean("sleep").arg("604.03").process_group(0).spawn().unwrap();
    let tool = made.ptest().args(["--process-restartworker"]).env("JOB", stranger.id().to_string());
    let mut live = Live::start(tool);
    while live.next().is_some() {}
    let is_alive = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(is_alive);
    let events = live.finish(0);
    assert_eq!(outcomes(&events), ["a_holds_its_output passed", "b_holds_nothing passed"]);
}

#[test]
fn a_program_that_is_built_anew_during_the_run_is_named() {
    let source = r#"
        #[test] fn a() {}
        #[test] fn b() {
            let program = std::env::current_exe().unwrap();
            let other = program.with_extension("other");
            std::fs::copy(&program, &other).unwrap();
            std::fs::rename(other, program).unwrap();
        }
        #[test] fn c() {}
        #[test] fn d() {}
    "#;
    let workspace = crate::workspace::Workspace::of_package("").file("src/lib.rs", source);
    let run = |tests: &[&str]| {
        let args = ["--no-doc", "--processes=1", "--process-restartworker", "--no-history"];
        workspace.ptest().args(args).args(tests).json().1
    };
    let warnings = |events: &[Value]| {
        let all = of_kind(events, "warning").map(|it| it["message"].as_str().unwrap().to_owned());
        all.filter(|it| it.contains("was rebuilt")).collect::<Vec<_>>()
    };
    let events = run(&["b", "c", "d"]);
    assert_eq!(outcomes(&events), ["b passed", "c passed", "d passed"]);
    let warnings_of_b = warnings(&events);
    assert!(matches!(&warnings_of_b[..], [one] if one.starts_with("made was rebuilt")), "{warnings_of_b:?}");
    assert_eq!(warnings(&run(&["a", "c", "d"])), [] as [&str; 0]);
}

#[test]
fn what_has_cleared_its_environment_is_found_by_the_output_that_it_holds() {
    let made = made(
        r#"#[test]
        fn leaves_one_behind() {
            let length = "604.03".to_owned() + &std::env::var("LEAK_MARK").unwrap();
            let child = std::process::Command::new("env").args(["-i", "setsid", "sleep", &length]).spawn().unwrap();
            let comm = format!("/proc/{}/comm", child.id());
            while std::fs::read_to_string(&comm).unwrap() != "sleep\n" { std::thread::yield_now() }
        }"#,
        "",
    );
    let events = Live::start(made.ptest().args(["--no-doc"])).finish(0);
    let exited = of_kind(&events, "worker-exited").find(|it| it["leaked"] == true).unwrap();
    let [left] = exited["left"].as_array().unwrap().as_slice() else { panic!("{exited}") };
    assert_eq!((&left["name"], &left["killed"]), (&"sleep".into(), &true.into()), "{exited}");
    assert!(exited["held"].is_null(), "{exited}");
}

/// The stranger is this process, which opens the output of a test.
#[test]
#[cfg(target_os = "linux")]
fn a_stranger_that_holds_the_output_of_a_test_is_left_alone_and_told_as_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let go_on = folder.path().join("go-on");
    let tool = ptest(&["hang"]).args(["f_hangs_until_told"]).env("HANG_UNTIL", &go_on);
    let mut live = Live::start(tool);
    let pid = live.wait_for("worker-started", |_| true)["pid"].clone();
    live.wait_for("test-started", |_| true);
    let output = std::fs::File::options().write(true).open(format!("/proc/{pid}/fd/1")).unwrap();
    std::fs::write(go_on, "").unwrap();
    let events = live.finish(0);
    let exited = of_kind(&events, "worker-exited").next().unwrap();
    assert_eq!((&exited["leaked"], &exited["held"]), (&true.into(), &true.into()), "{exited}");
    assert!(exited["left"].is_null(), "{exited}");
    drop(output);
}
