//! `docs/editors.md`, `docs/ci.md` and `docs/integrations.md`: what they have people paste, done in a small project. Editors
//! put values into their commands as rust-analyzer does, what CI runs leaves the files that CI then looks for, and tools
//! that start cargo-nextest start `cargo ptest` with the same words.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::junit;
use crate::tool::{Ran, ptest};
use crate::workspace::Workspace;

const EDITORS: &str = "editors.md";
const CI: &str = "ci.md";
const INTEGRATIONS: &str = "integrations.md";

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

/// The blocks of code in a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let blocks = page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    blocks.filter(|(info, _)| *info == language).map(|(_, code)| code.to_owned()).collect()
}

fn project() -> Workspace {
    let library = "/// ```\n/// made::f();\n/// ```\npub fn f() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn one() {}\n\n    \
                   #[test]\n    fn one_more() {}\n\n    #[test]\n    #[ignore]\n    fn ignored() {}\n}\n";
    Workspace::of_package("").file("src/lib.rs", library).file("tests/it.rs", "#[test]\nfn outside() {}\n")
}

/// A setting of rust-analyzer that holds a command.
fn setting(name: &str) -> Vec<String> {
    let settings: Value =
        blocks(&page(EDITORS), "json").iter().find_map(|block| serde_json::from_str(block).ok()).unwrap();
    let words =
        settings[format!("rust-analyzer.runnables.{name}")].as_array().expect("the page has the setting").clone();
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// What rust-analyzer knows of something that can be run: in its order package, the option for the target and its name,
/// the test, `--exact` and `--include-ignored`, empty where it does not apply.
type Runnable<'a> = [&'a str; 6];

/// Runs a command as rust-analyzer does, which leaves out words without a value; older ones passed empty ones.
fn run(project: &Workspace, command: &[String], runnable: Runnable, leaves_out: bool) -> Ran {
    let names = ["package", "target_arg", "target", "test_name", "exact", "include_ignored"];
    let fill = |word: &String| {
        let values = names.iter().zip(runnable);
        values.fold(word.clone(), |word, (name, value)| word.replace(&format!("${{{name}}}"), value))
    };
    let words: Vec<String> = command.iter().map(fill).filter(|word| !leaves_out || !word.is_empty()).collect();
    assert_eq!(words[..2], ["cargo", "ptest"], "{words:?}");
    assert!(!words.concat().contains('$'), "a placeholder that nobody knows: {words:?}");
    project.ptest().args(&words[2..]).run()
}

#[test]
fn rust_analyzer_runs_what_one_has_clicked_on() {
    let project = project();
    let runnables: [(&str, Runnable, &[&str]); 5] = [
        ("test", ["made", "--lib", "", "tests::one", "--exact", "--include-ignored"], &["made tests::one"]),
        ("test", ["made", "--lib", "", "tests::ignored", "--exact", "--include-ignored"], &["made tests::ignored"]),
        ("test", ["made", "--lib", "", "tests", "", ""], &["made tests::one", "made tests::one_more"]),
        ("test", ["made", "--test", "it", "outside", "--exact", "--include-ignored"], &["made::it outside"]),
        ("doctest", ["made", "--lib", "", "f", "", ""], &["made::doc/made src/lib.rs - f (line 1)"]),
    ];
    for (kind, runnable, tests) in runnables {
        let command = setting(&format!("{kind}.overrideCommand"));
        for leaves_out in [true, false] {
            let ran = run(&project, &command, runnable, leaves_out);
            let passed = ran.expect(0).stderr.lines().filter_map(|line| line.trim_start().strip_prefix("PASS ["));
            let mut passed: Vec<&str> = passed.map(|rest| rest.split_once("] ").unwrap().1).collect();
            passed.sort_unstable();
            assert_eq!(passed, tests, "{runnable:?}");
        }
    }
    // With `"rust-analyzer.runnables.test.command": "ptest"` the words are those for cargo test.
    assert!(page(EDITORS).contains("`\"rust-analyzer.runnables.test.command\": \"ptest\"`"));
    let words = ["--package", "made", "--lib", "--", "tests::one", "--exact", "--nocapture", "--include-ignored"];
    let ran = project.ptest().args(words).run();
    assert!(ran.expect(0).stderr.contains("1 test run: 1 passed"), "{}", ran.stderr);
}

/// What is empty where cargo wants a name, cargo refuses by its own words.
#[test]
fn an_empty_name_of_a_package_or_target_is_refused_as_cargo_does() {
    let project = project();
    for (words, complaint) in
        [(["--package", ""], "package name cannot be empty"), (["--test", ""], "no test target named ``")]
    {
        let ran = project.ptest().args(words).run();
        assert!(ran.expect(101).stderr.contains(complaint), "{}", ran.stderr);
    }
    for (option, list) in [("--package", "Possible packages/workspace members:"), ("--test", "Available test targets:")]
    {
        let ran = project.ptest().args([option]).run();
        assert!(ran.expect(101).stderr.contains(list), "{}", ran.stderr);
    }
}

/// What tools pass to `cargo nextest`, which an alias makes `cargo ptest`.
#[test]
fn the_words_of_tools_that_know_nextest_are_understood() {
    assert!(page(INTEGRATIONS).contains("CARGO_ALIAS_NEXTEST=ptest"));
    let project = project();
    let (manifest, target) = (project.path().join("Cargo.toml"), project.path().join("target"));
    let (manifest, target) = (manifest.to_str().unwrap(), target.to_str().unwrap());
    let cargo_insta = ["--no-fail-fast", "--color", "auto", "--"];
    let cargo_mutants = ["--verbose", "--package=made@0.0.0", "--fail-fast", "--"];
    let cargo_llvm_cov = ["--manifest-path", manifest, "--target-dir", target];
    for words in [cargo_insta, cargo_mutants, cargo_llvm_cov] {
        let ran = project.ptest().args(["run"]).args(words).run();
        assert!(ran.expect(0).stderr.contains("4 passed"), "{words:?}: {}", ran.stderr);
    }
    // cargo-mutants builds first.
    let ran = project.ptest().args(["run", "--no-run", "--verbose", "--package=made@0.0.0"]).run();
    assert!(!ran.expect(0).stderr.contains("PASS"), "{}", ran.stderr);
}

/// Its analyzer for nextest goes by words and colours alike.
#[test]
fn bacon_finds_what_failed_and_its_output() {
    let block =
        blocks(&page(INTEGRATIONS), "toml").into_iter().find(|it| it.contains("analyzer = \"nextest\"")).unwrap();
    let command = block.lines().find_map(|line| line.strip_prefix("command = ")).unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    assert_eq!(command[..2], ["cargo", "ptest"]);
    let failing = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn fails() { panic!(\"said\") }\n}\n";
    let ran = Workspace::of_package("").file("src/lib.rs", failing).ptest().args(&command[2..]).run();
    let result = "\x1b[31;1m        FAIL\x1b[0m [";
    let result = ran.expect(100).stderr.lines().find(|line| line.starts_with(result)).unwrap_or_default();
    assert!(result.ends_with("] \x1b[2mmade\x1b[0m \x1b[39mtests::\x1b[0m\x1b[1mfails\x1b[0m"), "{}", ran.stderr);
    let heading = "\n  \x1b[31;1moutput\x1b[0m \x1b[31;1m───\x1b[0m\n";
    let (_, output) = ran.stderr.split_once(heading).unwrap_or_else(|| panic!("no heading: {}", ran.stderr));
    let (output, _) = output.split_once("\n────────────\n").unwrap_or_else(|| panic!("no end: {}", ran.stderr));
    assert!(output.contains("said"), "{output}");
}

/// The commands that CI systems run, each with the files that are collected after it.
fn steps() -> Vec<(String, Vec<String>)> {
    let command = |line: &str| {
        let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
        let line = line.strip_prefix("sh '").and_then(|it| it.strip_suffix('\'')).unwrap_or(line);
        line.starts_with("cargo ptest").then(|| line.to_owned())
    };
    let files = |block: &str| -> Vec<String> {
        let words = block.split([' ', '\'', ',', '\n']).filter(|word| word.starts_with("target/"));
        words.map(str::to_owned).collect()
    };
    let page = page(CI);
    let blocks = [blocks(&page, "yaml"), blocks(&page, "groovy")].concat();
    let steps = blocks.iter().map(|block| (block.lines().find_map(command).expect("tests are run"), files(block)));
    steps.collect()
}

#[test]
fn what_ci_runs_leaves_the_files_that_are_collected() {
    let steps = steps();
    assert_eq!(steps.len(), 3, "GitHub, GitLab and Jenkins: {steps:?}");
    for (command, files) in steps {
        let project = project();
        let words = shell_words::split(&command).unwrap();
        let ran = project.ptest().args(&words[2..]).run();
        assert!(ran.expect(0).stderr.contains("4 passed"), "{command}: {}", ran.stderr);
        assert!(files.len() >= 2, "{files:?}");
        for file in files {
            let found: Vec<PathBuf> = match file.split_once('*') {
                Some((folder, extension)) => {
                    let all = fs::read_dir(project.path().join(folder)).unwrap().map(|it| it.unwrap().path());
                    all.filter(|path| path.to_str().unwrap().ends_with(extension)).collect()
                }
                None => vec![project.path().join(&file)].into_iter().filter(|path| path.is_file()).collect(),
            };
            let [found] = &found[..] else { panic!("{file} of {command}: {found:?}") };
            if found.extension().is_some_and(|it| it == "xml") {
                junit::validate(found);
            }
        }
    }
}

/// `--partition` as it is said for several machines, with the variables filled in; and the report made elsewhere.
#[test]
fn what_is_said_between_the_blocks_works_too() {
    let project = project();
    let page = page(CI);
    let partitions: Vec<&str> = page.split('`').filter(|it| it.starts_with("--partition=")).collect();
    assert_eq!(partitions.len(), 2, "{partitions:?}");
    for partition in partitions {
        let filled = |part: &str| {
            let filled = partition.replace("${{ matrix.part }}", part).replace("$CI_NODE_INDEX", part);
            filled.replace("$CI_NODE_TOTAL", "4")
        };
        let run = |part: &str| {
            let (_, events) = project.ptest().args([filled(part), "--no-tests=pass".to_owned()]).json();
            crate::tool::of_kind(&events, "test-finished").filter(|it| it["outcome"] == "passed").count()
        };
        assert_eq!(["1", "2", "3", "4"].map(run).iter().sum::<usize>(), 4);
    }
    let report = page.split('`').find(|it| it.starts_with("cargo ptest report")).unwrap();
    let journal = fs::read_dir(project.target().join("ptest")).unwrap().map(|it| it.unwrap().path());
    let journal = { journal }.find(|path| path.extension().is_some_and(|it| it == "jsonl")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(journal, elsewhere.path().join("RUN.jsonl")).unwrap();
    let words = shell_words::split(report).unwrap();
    ptest(&[]).inside(elsewhere.path()).args(&words[2..]).run().expect(0);
    junit::validate(&elsewhere.path().join("junit.xml"));
}
