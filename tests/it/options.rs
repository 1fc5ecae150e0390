//! What the command line may say and not say, and the exit codes of what goes wrong before the first test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::tool::{cargo, clean, nextest_is_here, of_kind, outcomes, ptest, skipped};
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
    for heading in ["Commands:", "Running Tests:", "Test Selection:", "Output:", "Examples:", "Exit Codes:"] {
        assert!(ran.expect(0).stdout.contains(&format!("\n{heading}\n")), "{}", ran.stdout);
    }
}

#[test]
fn the_short_help_fits_on_a_screen_and_names_the_commands() {
    let ran = ptest(&[]).args(["-h"]).run();
    let lines = ran.expect(0).stdout.lines().count();
    assert!(lines <= 40, "{lines} lines: {}", ran.stdout);
    for word in ["  run  ", "  list  ", "  report  ", "--help", "[alias: --timeout]", "[alias: --isolate]"] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
}

/// The options in a help text, with what is said of them; lines in between belong to the option before.
fn said_of_options(help: &str) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut last = None;
    for line in help.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.trim_start().starts_with('-') {
            let option = words.iter().find(|word| word.starts_with("--")).unwrap_or(&words[0]);
            let name = option.trim_end_matches("...").split(['[', '=']).next().unwrap().to_owned();
            let text = line.trim_start().split_once("  ").map_or("", |(_, text)| text.trim());
            options.insert(name.clone(), text.to_owned());
            last = Some(name);
        } else if line.starts_with("    ") {
            if let Some(text) = last.as_ref().and_then(|name| options.get_mut(name)) {
                let space = if text.is_empty() { "" } else { " " };
                text.push_str(space);
                text.push_str(line.trim());
            }
        } else {
            last = None;
        }
    }
    options
}

#[test]
fn options_of_cargo_test_are_explained_in_its_own_words() {
    const OTHERS: [&str; 5] = ["--message-format", "--quiet", "--verbose", "--no-fail-fast", "--help"];
    // Its words change from time to time.
    let version = cargo().arg("--version").output().unwrap().stdout;
    if !version.starts_with(b"cargo 1.95.") {
        skipped("the words of cargo test are not those of cargo 1.95");
        return;
    }
    let theirs = cargo().args(["test", "--help"]).output().unwrap();
    let theirs = said_of_options(&String::from_utf8(theirs.stdout).unwrap());
    let ours = said_of_options(&ptest(&[]).args(["--help"]).run().expect(0).stdout);
    let mut compared = 0;
    for (option, text) in theirs.iter().filter(|(option, _)| !OTHERS.contains(&&***option)) {
        let Some(said) = ours.get(option) else {
            assert!(["--jobs", "--unit-graph"].contains(&&**option), "{option}");
            continue;
        };
        // Possible values have a place of their own in each.
        let plain = |text: &str| text.split(" [possible values").next().unwrap().trim().to_owned();
        assert_eq!(plain(said), plain(text), "{option}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn what_is_meant_is_accepted_before_the_dashes() {
    let outcomes_of = |args: &[&str]| {
        let ran = ptest(&["outcomes"]).args(["--message-format=json"]).args(args).run();
        (ran.code, outcomes(&ran.events()))
    };
    for (before, after) in [
        (&["--exact", "tests::passes"][..], &["--", "--exact", "tests::passes"][..]),
        (&["passes", "--skip", "twice"], &["passes", "--", "--skip", "twice"]),
        (&["ignored", "--include-ignored"], &["ignored", "--", "--include-ignored"]),
        (&["twice", "--nocapture", "--test-threads", "1"], &["twice", "--", "--no-capture", "--test-threads=1"]),
        (&["twice", "--isolate", "--timeout", "60", "--nff", "--hide-progress-bar"], &["twice"]),
    ] {
        let (code, outcomes) = outcomes_of(before);
        assert!(!outcomes.is_empty(), "{before:?}");
        assert_eq!((code, outcomes), outcomes_of(after), "{before:?}");
    }
    let list = |args: &[&str]| ptest(&["outcomes"]).args(args).run().expect(0).stdout.clone();
    assert_eq!(list(&["twice", "--list"]), "tests::nested::twice::passes: test\n\n1 test, 0 benchmarks\n");
}

#[test]
fn options_of_other_runners_say_what_to_use_instead() {
    for (args, cure) in [
        (&["-E", "test(x)"][..], "there is no option -E: there are no filter expressions; select tests by a part of"),
        (&["-P", "ci"], "there is no option -P: there are no profiles"),
        (&["--archive-file=x"], "there is no option --archive-file: builds cannot be archived"),
        (&["--debugger", "gdb"], "there is no option --debugger: `cargo ptest --no-run` prints the executables"),
        (&["--stress-count", "3"], "there is no option --stress-count: --repeat N"),
        (&["--jobs", "3"], "there is no option --jobs: -j or --processes is"),
        (&["--", "--retries", "3"], "--retries is an option of cargo ptest, so it must be before `--`"),
    ] {
        let ran = ptest(&[]).args(args).run();
        assert!(ran.expect(96).stderr.starts_with(&format!("error: {cure}")), "{}", ran.stderr);
    }
}

/// The options of `cargo nextest run` here.
#[test]
fn every_option_of_nextest_is_there_or_has_an_answer() {
    if !nextest_is_here() {
        return skipped("the options were not compared: cargo-nextest is not installed");
    }
    let theirs = clean("cargo-nextest").args(["nextest", "run", "--help"]).output().unwrap();
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let options = theirs.lines().map(str::trim).filter(|line| line.starts_with('-')).flat_map(|line| {
        let words = line.split([' ', ',', '[', '=']).take_while(|word| !word.starts_with('<'));
        words.filter(|word| word.starts_with('-'))
    });
    let options = options.map(|option| option.trim_end_matches(['.', ':', ')']));
    let options: BTreeSet<&str> = options.filter(|option| !["-", "--"].contains(option)).collect();
    assert!(options.len() > 70, "{options:?}");
    for option in options {
        // With `--version` nothing is run.
        let ran = ptest(&[]).args([option, "--version"]).run();
        let (answered, needs_value) =
            (ran.stderr.contains("there is no option"), ran.stderr.contains("a value is required"));
        assert!(ran.code == Some(0) || answered || needs_value, "{option}: {}", ran.stderr);
    }
}

#[test]
fn a_misspelt_option_is_told_the_right_one() {
    for (option, tip) in
        [("--proces", "'--processes'"), ("--no-captur", "'--no-capture'"), ("--maxfail", "'--max-fail'")]
    {
        let ran = ptest(&[]).args([option, "3"]).run();
        assert!(ran.expect(96).stderr.contains(&format!("tip: a similar argument exists: {tip}")), "{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_understood_does_not_reach_the_terminal_as_it_is() {
    for args in [["--\u{1b}[2Jx"].as_slice(), &["--leaks", "a\u{1b}]0;t\u{7}b\u{202e}"], &["--", "--\u{9b}2Jx"]] {
        let ran = ptest(&[]).args(args).env("CARGO_TERM_COLOR", "always").run();
        let bad = |c: char| matches!(c, '\u{7}' | '\u{9b}' | '\u{202e}');
        assert!(!ran.expect(96).stderr.contains(bad) && !ran.stderr.contains("\u{1b}[2J"), "{:?}", ran.stderr);
        assert!(ran.stderr.starts_with("\u{1b}[1m\u{1b}[31merror:"), "{:?}", ran.stderr);
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
fn what_was_built_is_named_as_cargo_names_it() {
    let workspace = Workspace::of_package("")
        .file("Cargo.toml", "[workspace]\nmembers = [\"made\"]\n")
        .file("made/Cargo.toml", "[package]\nname = \"made\"\nversion = \"0.0.0\"\nedition = \"2024\"\n")
        .file("made/src/lib.rs", "/// ```\n/// ```\npub fn f() {}\n")
        .file("made/src/main.rs", "fn main() {}\n")
        .file("made/tests/files.rs", "")
        .file("made/examples/shown.rs", "fn main() {}\n")
        .file("made/benches/timed.rs", "fn main() {}\n");
    let lines =
        |text: &str| text.lines().filter(|it| it.contains("Executable")).map(str::to_owned).collect::<BTreeSet<_>>();
    for (folder, colour) in [("", "never"), ("made", "never"), ("", "always")] {
        let folder = workspace.path().join(folder);
        let words = ["--no-run", "--all-targets", "--color", colour];
        let ran = workspace.ptest().args(words).inside(&folder).run();
        ran.expect(0);
        let mut theirs = workspace.command("cargo");
        let theirs = theirs.arg("test").args(words).current_dir(&folder).output().unwrap();
        let theirs = lines(&String::from_utf8(theirs.stderr).unwrap());
        assert_eq!(theirs.len(), 5, "{theirs:?}");
        assert_eq!(lines(&ran.stderr), theirs);
    }
    let ran = workspace.ptest().args(["--no-run", "--quiet"]).run();
    assert_eq!(ran.expect(0).stderr, "");
}

#[test]
fn a_slip_in_a_variable_is_a_warning() {
    let ran = ptest(&["outcomes"]).args(["twice", "-q"]).env("PTEST_PROCESES", "3").run();
    let warning = "warning: the variable PTEST_PROCESES is not read; is PTEST_PROCESSES meant?\n";
    assert_eq!(ran.expect(0).stderr.matches(warning).count(), 1, "{}", ran.stderr);
}

#[test]
fn what_only_nextest_reads_is_one_note() {
    let workspace = Workspace::of_package("")
        .file("src/lib.rs", "#[test]\nfn passes() {}\n")
        .file(".config/nextest.toml", "[profile.default]\nretries = 3\n");
    let note = "note: .config/nextest.toml is not read (its counterpart is .config/ptest.toml); use --retries for retries, \
                PTEST_PROCESSES for NEXTEST_TEST_THREADS\n";
    let run = |words: &[&str]| {
        let ran = workspace.ptest().args(words).env("NEXTEST_TEST_THREADS", "2").run();
        ran.expect(0);
        ran.stderr
    };
    for words in [&[][..], &["--eager"], &["--list"]] {
        let stderr = run(words);
        assert_eq!((stderr.matches(note).count(), stderr.matches("note:").count()), (1, 1), "{words:?} {stderr}");
    }
    assert!(!run(&["-q"]).contains("note:"));
    let workspace = workspace.config("");
    let ran = workspace.ptest().run();
    assert!(!ran.expect(0).stderr.contains("note:"), "{}", ran.stderr);
}

#[test]
fn a_profile_of_nextest_is_told_from_one_of_cargo() {
    let workspace = Workspace::of_package("[profile.ours]\ninherits = \"dev\"\n").file("src/lib.rs", "no rust");
    let note = "note: --profile is a build profile of cargo, and Cargo.toml has no [profile.ci]; profiles of nextest ";
    for eager in [&[][..], &["--eager"]] {
        for (profile, is_noted) in [("ci", true), ("ours", false), ("release", false)] {
            let ran = workspace.ptest().args(["--profile", profile]).args(eager).run();
            assert_eq!(ran.expect(101).stderr.contains(note), is_noted, "{}", ran.stderr);
        }
    }
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
