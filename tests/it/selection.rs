//! Which tests run: filters, ignored tests, partitions, and what comes of selecting none.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use nextest_metadata::{FilterMatch, TestListSummary};

use crate::tool::{clean, fixtures, of_kind, outcomes, ptest, skipped};
use crate::workspace::Workspace;

/// `NAME OUTCOME` of the tests of the `outcomes` fixture that are reported with these arguments.
fn results(args: &[&str]) -> Vec<String> {
    outcomes(&ptest(&["outcomes"]).args(["--message-format=json"]).args(args).run().events())
}

/// The names of the tests that are reported with these arguments.
fn run_with(args: &[&str]) -> Vec<String> {
    let finished = results(args).into_iter();
    finished.filter_map(|it| Some(it.strip_prefix("tests::")?.split_once(' ')?.0.to_owned())).collect()
}

#[test]
fn a_filter_takes_the_tests_whose_names_contain_it() {
    assert_eq!(run_with(&["nested", "returns_ok"]), ["nested::fails", "nested::twice::passes", "returns_ok"]);
    assert_eq!(run_with(&["--", "twice"]), ["nested::twice::passes"]);
}

#[test]
fn an_empty_filter_says_nothing() {
    assert_eq!(run_with(&["", "twice", "--", ""]), ["nested::twice::passes"]);
    assert_eq!(run_with(&["", "--", ""]).len(), 13);
}

#[test]
fn an_exact_filter_is_a_whole_name() {
    assert_eq!(run_with(&["--", "--exact", "tests::passes"]), ["passes"]);
    assert_eq!(run_with(&["tests::passes", "--", "--exact"]), ["passes"]);
    ptest(&["outcomes"]).args(["--", "--exact", "passes"]).run().expect(4);
}

#[test]
fn what_is_to_be_skipped_is_no_part_of_the_run() {
    assert_eq!(run_with(&["passes", "--", "--skip=twice"]), ["passes", "passes_and_prints"]);
    assert_eq!(run_with(&["--", "--exact", "--skip", "tests::passes"]).len(), 12);
}

#[test]
fn list_is_a_filter_where_it_is_no_subcommand() {
    ptest(&["outcomes"]).args(["list"]).run().expect(4);
    ptest(&["outcomes"]).args(["--", "list"]).run().expect(4);
}

/// What is said about the run of a package with these first words.
fn said(words: &[&str], package: &str, code: i32) -> String {
    let (first, others) = words.split_at(1);
    let ran = ptest(&[]).args(first).args(["-p", package, "--no-history", "--no-doc"]).args(others).run();
    ran.expect(code);
    ran.stderr
}

#[test]
fn run_is_the_command_that_no_word_means() {
    let results = |words: &[&str]| {
        let ran = ptest(&[]).args(words).args(["-p", "outcomes", "--no-history", "--message-format=json"]).run();
        (ran.code, outcomes(&ran.events()))
    };
    assert_eq!(results(&["run"]), results(&[]));
    assert_eq!(results(&["run", "twice"]), (Some(0), vec!["tests::nested::twice::passes passed".to_owned()]));
    assert!(!said(&["run", "twice"], "outcomes", 0).contains("`run` is the command"));
    let note = "note: `run` is the command here; `cargo ptest -- run` selects the test that has it in its name\n";
    let stderr = said(&["run", "d_passes"], "noise", 0);
    assert!(stderr.contains(note), "{stderr}");
}

#[test]
fn a_mistyped_command_that_selects_nothing_is_an_error_whatever_else_is_selected() {
    for (words, meant) in [
        (&["lst"][..], "list"),
        (&["reprot", "twice"], "report"),
        (&["nextest", "run", "twice"], "run"),
        (&["lst", "twice", "--eager"], "list"),
    ] {
        let stderr = said(words, "outcomes", 4);
        let error = format!(
            "error: {} is no command, and no test has a name that contains it; is `cargo ptest {meant}` ",
            words[0]
        );
        assert!(stderr.contains(&error), "{stderr}");
        let ran = stderr.contains("1 passed");
        assert_eq!(ran, words.contains(&"--eager"), "{stderr}");
    }
    assert!(!said(&["lst", "--no-tests=pass"], "outcomes", 0).contains("error"));
    // A filter that is somewhat like a command, and selects tests.
    assert!(!said(&["twice"], "outcomes", 0).contains("command"));
}

#[test]
fn filters_that_match_nothing_are_named_beside_others() {
    for eager in [&[][..], &["--eager"]] {
        let stderr = said(&[&["twice", "retuns_ok"], eager].concat(), "outcomes", 0);
        let warning = "warning: no test has a name that contains \"retuns_ok\"; the most like it: tests::returns_ok\n";
        assert!(stderr.contains(warning), "{stderr}");
        let stderr = said(&[&["tests::passes", "tests"], eager, &["--", "--exact"]].concat(), "outcomes", 0);
        assert!(stderr.contains("warning: no test is called \"tests\", but 13 have that in the name"), "{stderr}");
    }
    assert!(!said(&["twice", "passes"], "outcomes", 0).contains("warning"));
}

#[test]
fn an_error_for_nothing_selected_names_the_filters_and_what_is_like_them() {
    for eager in [&[][..], &["--eager"]] {
        let stderr = said(&[&["Retuns-Ok", "nothing_at_all"], eager].concat(), "outcomes", 4);
        assert!(stderr.contains("error: no test was selected, of 13 in 1 binary\n"), "{stderr}");
        assert!(stderr.contains("no test has a name that contains \"Retuns-Ok\"; the most like it: "), "{stderr}");
        assert!(stderr.contains("no test has a name that contains \"nothing_at_all\"\n"), "{stderr}");
        assert!(!stderr.contains("--no-tests"), "{stderr}");
    }
    let stderr = said(&["twice", "--run-ignored=only"], "outcomes", 4);
    assert!(
        stderr.contains("only ignored tests are asked for, which leaves out tests::nested::twice::passes"),
        "{stderr}"
    );
}

#[test]
fn an_ignored_test_that_is_named_is_told_of_with_its_reason_and_how_to_run_it() {
    let test = "\n    outcomes tests::ignored_with_a_reason (the well is dry)\n";
    for eager in [&[][..], &["--eager"]] {
        let stderr = said(&[&["ignored_with_a_reason"], eager].concat(), "outcomes", 0);
        let start = "note: nothing was run, since the only test that is selected is ignored; `-- --ignored` runs it:";
        assert!(stderr.ends_with(&format!("{start}{test}")), "{stderr}");
        let stderr = said(&[&["ignored_with_a_reason", "twice"], eager].concat(), "outcomes", 0);
        let start = "note: ignored, so not run; `-- --include-ignored` runs what is ignored, too:";
        assert!(stderr.contains(&format!("{start}{test}")), "{stderr}");
    }
    let stderr = said(&["--test=all_ignored"], "dialects", 0);
    assert!(stderr.contains("note: nothing was run, since all tests that are selected are ignored"), "{stderr}");
    let stderr = said(&["--test=careless", "one"], "dialects", 0);
    assert!(stderr.contains("1 passed") && !stderr.contains("note:"), "{stderr}");
}

#[test]
fn a_harness_that_may_not_know_what_is_ignored_is_told_of_and_runs_all_when_asked() {
    let note = "note: dialects::filtering reports that all its 2 tests are ignored, as does a harness that does not know \
                --ignored; `cargo ptest -p dialects -- --ignored` runs what it has\n";
    for words in [&["--test=filtering"][..], &["--test=filtering", "--test=careless", "one", "-q"]] {
        let stderr = said(words, "dialects", 0);
        assert_eq!(stderr.matches(note).count(), 1, "{stderr}");
    }
    let stderr = said(&["--test=filtering", "--", "--ignored"], "dialects", 100);
    assert!(stderr.contains("1 passed, 1 failed") && !stderr.contains("note: dialects"), "{stderr}");
}

#[test]
fn a_command_after_an_option_is_a_filter_with_a_note() {
    let note = "note: `run` is a filter here; as a command it must be the first word: cargo ptest run\n";
    let after_option = |package, words: &[&str], code| {
        let ran = ptest(&[]).args(["--no-history", "-p", package]).args(words).run();
        ran.expect(code);
        ran.stderr
    };
    assert!(after_option("noise", &["run"], 0).contains(note));
    assert!(!after_option("noise", &["d_passes"], 0).contains("note:"));
    let stderr = after_option("outcomes", &["lst"], 4);
    assert!(stderr.contains("is `cargo ptest list` meant? A command must be the first word"), "{stderr}");
    let stderr = said(&["bench"], "outcomes", 4);
    assert!(stderr.contains("is `cargo ptest --benches` meant?"), "{stderr}");
}

/// Tests of all kinds, the place of each known.
fn placed() -> Workspace {
    let manifest = "[workspace]\nmembers = [\"sub\"]\n[package]\nname = \"made\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [[test]]\nname = \"own\"\nharness = false\n";
    let lib = "mod deep;\n#[test]\nfn first() {}\n/// ```\n/// ```\npub fn f() {}\n#[test]\n#[should_panic]\nfn second() {\n    \
               panic!();\n}\n";
    Workspace::of_package("")
        .file("Cargo.toml", manifest)
        .file("src/lib.rs", lib)
        .file("src/deep.rs", "#[test]\nfn inner() {}\n#[test]\n#[ignore]\nfn slow() {}\n")
        .file("tests/api.rs", "#[test]\nfn api() {}\n")
        .file("tests/own.rs", "fn main() {}\n")
        .file("sub/Cargo.toml", "[package]\nname = \"sub\"\nversion = \"0.0.0\"\nedition = \"2024\"\n")
        .file("sub/src/lib.rs", "#[test]\nfn in_sub() {}\n")
}

#[test]
fn a_source_file_selects_its_tests_and_a_line_the_innermost_test() {
    let workspace = placed();
    let doctest = "src/lib.rs - f (line 4)";
    let run = |folder: &str, words: &[&str]| {
        let tool = workspace.ptest().inside(&workspace.path().join(folder)).args(["--message-format=json"]).args(words);
        let ran = tool.run();
        let finished = outcomes(&ran.events()).into_iter();
        finished.map(|it| it.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    for eager in [&[][..], &["--eager"]] {
        for (words, tests) in [
            (&["src/lib.rs"][..], &["first", "second", doctest][..]),
            (&["src/deep.rs"], &["deep::inner", "deep::slow"]),
            (&["./tests/../tests/api.rs", "sub/src/lib.rs", "--workspace"], &["api", "in_sub"]),
            (&["tests/own.rs"], &["own"]),
            (&["tests/own.rs:1"], &["own"]),
            (&["src/lib.rs:2"], &["first"]),
            (&["src/lib.rs:3"], &["first"]),
            (&["src/lib.rs:5"], &[doctest]),
            (&["src/lib.rs:8"], &["second"]),
            (&["src/lib.rs:10:5"], &["second"]),
            (&["inner", "src/lib.rs:3"], &["deep::inner", "first"]),
            (&["--skip", "src/lib.rs", "--skip=src/deep.rs:1"], &["api", "deep::slow", "own"]),
        ] {
            assert_eq!(run("", &[words, eager].concat()), tests, "{words:?} {eager:?}");
        }
    }
    assert_eq!(run("sub", &["src/lib.rs"]), ["in_sub"]);
    assert_eq!(run("sub", &["sub/src/lib.rs:1"]), ["in_sub"]);
    assert_eq!(run("sub", &["../src/deep.rs:2", "--workspace"]), ["deep::inner"]);
}

#[test]
fn a_path_that_selects_nothing_says_why() {
    let workspace = placed();
    for (filter, why) in [
        ("src/lib.rs:1", "no test is at line 1 of \"src/lib.rs:1\"; the first one, first, starts at line 3"),
        ("src/gone.rs", "there is no file \"src/gone.rs\", and no test has a name that contains \"src/gone.rs\""),
        ("Cargo.toml", "no test is in the file \"Cargo.toml\", or has a name that contains that"),
    ] {
        for eager in [&[][..], &["--eager"]] {
            let ran = workspace.ptest().args([filter]).args(eager).run();
            assert!(ran.expect(4).stderr.contains(why), "{}", ran.stderr);
        }
    }
    let ran = workspace.ptest().args(["src/deep.rs:5", "src/lib.rs:3"]).run();
    let note = "note: ignored, so not run; `-- --include-ignored` runs what is ignored, too:\n    made deep::slow\n";
    assert!(ran.expect(0).stderr.contains(note), "{}", ran.stderr);
}

#[test]
fn what_failed_elsewhere_is_nothing_to_do_where_less_is_built() {
    let manifest =
        "[workspace]\nmembers = [\"sub\"]\n[package]\nname = \"made\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    let workspace = Workspace::of_package("")
        .file("Cargo.toml", manifest)
        .file("src/lib.rs", "/// ```\n/// panic!();\n/// ```\npub fn f() {}\n#[test]\nfn fails() { panic!() }\n")
        .file("tests/other.rs", "#[test]\nfn passes() {}\n")
        .file("sub/Cargo.toml", "[package]\nname = \"sub\"\nversion = \"0.0.0\"\nedition = \"2024\"\n")
        .file("sub/src/lib.rs", "#[test]\nfn passes() {}\n");
    let run = |words: &[&str], code| {
        let ran = workspace.ptest().args(words).run();
        ran.expect(code);
        ran.stderr
    };
    run(&["--workspace"], 100);
    for narrowed in [&["-p", "sub"][..], &["--test", "other"], &["-p", "sub", "passes"]] {
        let stderr = run(&[narrowed, &["--failed"]].concat(), 0);
        assert!(stderr.contains("there is nothing to do") && !stderr.contains("--no-tests"), "{stderr}");
        assert!(!stderr.contains("no longer there"), "{stderr}");
    }
    let ran = workspace.ptest().args(["--failed"]).inside(&workspace.path().join("sub")).run();
    assert!(ran.expect(0).stderr.contains("there is nothing to do"), "{}", ran.stderr);
    run(&["-p", "sub", "--failed", "no_such_test"], 4);
    let stderr = run(&["--failed", "--no-doc"], 100);
    assert!(stderr.contains("1 failed") && !stderr.contains("no longer there"), "{stderr}");
}

#[test]
fn ignored_tests_run_when_they_are_asked_for() {
    let results = |args: &[&str]| results(&[&["ignored"], args].concat());
    let as_usual = ["tests::ignored_with_a_reason ignored", "tests::ignored_without_a_reason ignored"];
    let when_run = ["tests::ignored_with_a_reason passed", "tests::ignored_without_a_reason failed"];
    assert_eq!(results(&[]), as_usual);
    assert_eq!(results(&["--run-ignored=default"]), as_usual);
    for asked in
        [["--run-ignored=only"].as_slice(), &["--run-ignored=all"], &["--", "--ignored"], &["--", "--include-ignored"]]
    {
        assert_eq!(results(asked), when_run, "{asked:?}");
    }
    assert_eq!(run_with(&["--run-ignored=only"]).len(), 2);
    assert_eq!(run_with(&["--", "--ignored"]).len(), 2);
    assert_eq!(run_with(&["--run-ignored=all"]).len(), 13);
    assert_eq!(run_with(&["--", "--include-ignored"]).len(), 13);
}

#[test]
fn selecting_no_test_is_an_error_unless_it_is_said_not_to_be() {
    let nothing = |args: &[&str]| ptest(&["outcomes"]).args(["no_such_test"]).args(args).run();
    for args in [[].as_slice(), &["--no-tests=fail"]] {
        let ran = nothing(args);
        assert!(ran.expect(4).stderr.contains("error: no test was selected"), "{}", ran.stderr);
    }
    let ran = nothing(&["--no-tests=warn"]);
    assert!(ran.expect(0).stderr.contains("warning: no test was selected"), "{}", ran.stderr);
    let ran = nothing(&["--no-tests=pass"]);
    assert!(!ran.expect(0).stderr.contains("no test was selected"), "{}", ran.stderr);
}

#[test]
fn the_parts_of_a_partition_are_the_whole() {
    for by in ["count", "hash"] {
        let mut parts: Vec<String> =
            (1..=3).flat_map(|part| run_with(&["--partition", &format!("{by}:{part}/3")])).collect();
        parts.sort_unstable();
        assert_eq!(parts, run_with(&[]), "{by}");
    }
}

#[test]
fn a_partition_takes_the_same_tests_on_every_machine() {
    // As nextest does, it counts the ignored tests apart.
    let by_count = ["does_not_panic_though_it_should", "ignored_with_a_reason", "nested::twice::passes"];
    assert_eq!(run_with(&["--partition=count:1/3"])[..3], by_count);
    let by_hash = [
        "does_not_panic_though_it_should",
        "nested::twice::passes",
        "panics_as_it_should",
        "returns_an_error",
        "returns_ok",
    ];
    assert_eq!(run_with(&["--partition=hash:1/3"]), by_hash);
}

/// The tests that would run, by binary.
fn selected(list: &str) -> BTreeMap<String, Vec<String>> {
    let list = TestListSummary::parse_json(list).expect("a list as nextest-metadata has it");
    let suites = list.rust_suites.into_iter().map(|(id, suite)| {
        let taken = suite.test_cases.into_iter().filter(|(_, case)| matches!(case.filter_match, FilterMatch::Matches));
        (id.to_string(), taken.map(|(name, _)| name.to_string()).collect())
    });
    suites.collect()
}

#[test]
fn partitions_are_those_of_nextest() {
    const PACKAGES: [&str; 5] = ["outcomes", "names", "noise", "kinds", "mimic"];
    for part in
        [["count:1/3", "--all-targets"], ["count:2/2", "--run-ignored=all"], ["hash:2/3", "--lib"], ["count:2/2", "s"]]
    {
        let args = [&["--message-format=json", "--partition"], &part[..]].concat();
        let packages = PACKAGES.iter().flat_map(|package| ["-p", package]);
        let theirs = clean("cargo-nextest")
            .args(["nextest", "list"])
            .args(&args)
            .args(packages)
            .current_dir(fixtures())
            .output();
        let theirs = match theirs {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skipped("partitions were not compared with nextest's: cargo-nextest is not installed");
                return;
            }
            theirs => theirs.expect("nextest starts"),
        };
        assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
        let mut ours = clean(env!("CARGO_BIN_EXE_cargo-ptest"));
        ours.args(["ptest", "list"]).args(args).args(PACKAGES.iter().flat_map(|package| ["-p", package]));
        let ours = ours.current_dir(fixtures()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert_eq!(selected(&text(ours.stdout)), selected(&text(theirs.stdout)), "{part:?}");
    }
}

#[test]
fn a_test_that_is_listed_twice_is_one_test() {
    let (_, events) = ptest(&["names"]).args(["doubled"]).json();
    assert_eq!(outcomes(&events), ["doubled::fails_the_second_time failed", "doubled::passes_twice passed"]);
    assert_eq!(of_kind(&events, "run-started").next().unwrap()["tests"], 2);
}

#[test]
fn a_package_is_run_again_by_name_and_version_where_another_one_has_its_name() {
    let manifest = "[workspace]\nexclude = [\"older\"]\n[package]\nname = \"made\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\nolder = { package = \"made\", path = \"older\" }\n";
    let workspace = Workspace::of_package("")
        .file("Cargo.toml", manifest)
        .file("src/lib.rs", "#[test]\nfn fails() {\n    panic!()\n}\n")
        .file("older/Cargo.toml", "[workspace]\n[package]\nname = \"made\"\nversion = \"0.3.9\"\nedition = \"2024\"\n")
        .file("older/src/lib.rs", "");
    let ran = workspace.ptest().run();
    let rerun = ran.expect(100).stderr.lines().find_map(|line| line.trim().strip_prefix("rerun: cargo ptest "));
    assert_eq!(rerun, Some("-p made@0.0.0 --lib -- --exact fails"), "{}", ran.stderr);
    let again = workspace.ptest().args(rerun.unwrap().split(' ')).run();
    assert!(again.expect(100).stderr.contains("1 test run: 0 passed, 1 failed"), "{}", again.stderr);
}
