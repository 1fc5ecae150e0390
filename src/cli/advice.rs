//! What to use instead of an option that other runners have and this one has not. Pure.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Cli;

const ARCHIVES: &str = "builds cannot be archived; to spread a run over several machines, build on each of them and give each \
                        its --partition";
const CONFIGURATION: &str = "the configuration of a workspace is .config/ptest.toml";
const DEBUGGER: &str = "`cargo ptest --no-run` prints the executables of the tests; start one of them in your debugger, with \
                        `--exact NAME --nocapture`";
const FILTERS: &str = "there are no filter expressions; select tests by a part of their name (`cargo ptest NAME`), by source \
                       file (`cargo ptest tests/api.rs`), by package (-p) or by target (--lib, --test NAME), and leave \
                       tests out with --skip NAME";
const FORMAT: &str = "choose the format of stdout with --message-format human, json, junit or libtest-json";
const PROFILES: &str = "there are no profiles of test options; keep options in a cargo alias (`[alias] t = \"ptest \
                        --retries=2\"` in .cargo/config.toml)";
const RERUN: &str = "--failed runs the tests that failed or did not finish last time";
const PERIOD: &str = "--repeat N runs each test N times";
const ORDER: &str = "tests of one binary run in parallel, in no fixed order";

/// The options of other runners (cargo-nextest, cargo test, pytest), and what to use instead.
const INSTEAD: [(&[&str], &str); 27] = [
    (&["-E", "--filterset", "--filter-expr", "--ignore-default-filter", "--platform-filter", "-k"], FILTERS),
    (&["-P", "--nextest-profile"], PROFILES),
    (&["-R", "--rerun", "--lf", "--last-failed", "--failed-first"], RERUN),
    (
        &[
            "--archive-file",
            "--archive-format",
            "--extract-to",
            "--extract-overwrite",
            "--persist-extract-tempdir",
            "--cargo-metadata",
            "--binaries-metadata",
            "--workspace-remap",
            "--target-dir-remap",
            "--build-dir-remap",
        ],
        ARCHIVES,
    ),
    (&["--config-file", "--tool-config-file", "--user-config-file", "--override-version-check"], CONFIGURATION),
    (&["--debugger", "--tracer"], DEBUGGER),
    (&["--stress-count", "--stress-duration"], PERIOD),
    (&["--flaky-result"], "tests that pass in a retry count as passed, and without --retries as failed"),
    (&["--message-format-version"], "choose a format with --message-format; it has one version"),
    (&["--max-progress-running"], "--show-progress=none hides the running tests"),
    (&["--no-output-indent"], "--no-capture prints the output of tests as it is written"),
    (&["--no-pager"], "no pager is used, so leave it out"),
    (&["--cargo-quiet"], "--quiet is passed on to cargo"),
    (&["--cargo-verbose"], "`cargo test --no-run --verbose` shows what cargo does"),
    (&["--cargo-message-format"], "`cargo test --no-run --message-format=FORMAT` has the messages of cargo"),
    (&["--unit-graph"], "`cargo test --unit-graph` prints it"),
    (
        &["-T", "--list-type", "--collect-only", "--co"],
        "`cargo ptest list` lists the tests, for programs with \
                                                        --message-format=json",
    ),
    (
        &["--jobs"],
        "-j or --processes is the number of worker processes, and --build-jobs that of the jobs of the build",
    ),
    (&["-n", "--numprocesses"], "-j or --processes is the number of worker processes"),
    (&["-x", "--exitfirst"], "--fail-fast stops after the first failure"),
    (&["--durations"], "--slowest N lists the N slowest tests at the end"),
    (&["-s"], "--no-capture prints the output of tests as it is written"),
    (&["--format", "--report-time", "--logfile"], FORMAT),
    (&["--ensure-time"], "--process-timeout is the time limit for each test"),
    (&["--shuffle", "--shuffle-seed"], ORDER),
    (&["--exclude-should-panic"], "leave tests out with --skip NAME"),
    (&["--junitxml", "--with-xunit", "--xunit-file"], "--junit PATH writes a JUnit file"),
];

/// What to say of an option that there is not, in place of clap's words. `None` where these are good: in particular, clap
/// names the option that a misspelt one resembles.
pub(super) fn on(error: &clap::Error, after_dashes: bool) -> Option<String> {
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else { return None };
    let option = found.split('=').next().unwrap_or(found);
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    if after_dashes && is_ours(option) {
        return Some(format!("{option} is an option of cargo ptest, so it must be before `--`"));
    }
    let (_, cure) = INSTEAD.iter().find(|(options, _)| options.contains(&option))?;
    Some(format!("there is no option {option}: {cure}"))
}

fn is_ours(option: &str) -> bool {
    let command = Cli::command();
    let name = |arg: &clap::Arg| {
        let long = option.strip_prefix("--");
        let longs = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        let short = arg.get_short().map(|short| format!("-{short}"));
        longs.into_iter().any(|name| Some(name) == long) || short.as_deref() == Some(option)
    };
    command.get_arguments().any(name)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::TestBinaryArgs;
    use super::*;

    fn before(option: &str) -> Option<String> {
        on(&Cli::try_parse_from(["cargo-ptest", option]).unwrap_err(), false)
    }

    fn after(option: &str) -> Option<String> {
        on(&TestBinaryArgs::try_parse_from([option]).unwrap_err(), true)
    }

    #[test]
    fn options_of_other_runners_have_something_in_their_place() {
        for (options, cure) in INSTEAD {
            for option in options {
                let said = before(option).unwrap_or_else(|| panic!("{option} is an option"));
                assert_eq!(said, format!("there is no option {option}: {cure}"));
                if let (2, false) = (option.len(), option.starts_with("--")) {
                    assert_eq!(before(&format!("{option}value")).unwrap(), said);
                } else {
                    assert_eq!(before(&format!("{option}=value")).unwrap(), said);
                }
            }
        }
    }

    #[test]
    fn what_is_named_in_the_place_of_an_option_exists() {
        let words = INSTEAD.iter().flat_map(|(_, cure)| cure.split([' ', '`', '(', ')', ',', ';', ':', '=', '"']));
        let foreign = ["--exact", "--message-format", "--verbose", "--unit-graph", "--no-run", "--nocapture"];
        for word in words.filter(|word| word.starts_with('-') && !foreign.contains(word)) {
            assert!(is_ours(word), "{word}");
        }
    }

    #[test]
    fn an_option_of_ours_must_be_before_the_dashes() {
        for option in ["--retries", "--timeout", "-p", "--failed", "--junit=x"] {
            let name = option.split('=').next().unwrap();
            let said = format!("{name} is an option of cargo ptest, so it must be before `--`");
            assert_eq!(after(option).unwrap(), said);
        }
        assert!(after("--format=json").unwrap().contains("--message-format"));
        assert_eq!(after("--frobnicate"), None);
    }

    #[test]
    fn for_a_misspelt_option_clap_names_the_right_one() {
        let error = Cli::try_parse_from(["cargo-ptest", "--proces", "3"]).unwrap_err();
        assert_eq!(on(&error, false), None);
        assert!(error.to_string().contains("'--processes'"), "{error}");
        assert_eq!(before("--leaks=maybe"), None);
    }
}
