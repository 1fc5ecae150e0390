//! The parts of `--help` and `-h` that are not about a single option.

use std::fmt::Write;

use clap::builder::{StyledStr, Styles};

pub(super) const PACKAGES: &str = "Package Selection";
pub(super) const FEATURES: &str = "Feature Selection";
pub(super) const MANIFEST: &str = "Manifest Options";

pub(super) const USAGE: &str = "cargo ptest [run | list] [OPTIONS] [FILTERS]... [-- TEST BINARY OPTIONS]
       cargo ptest report [OPTIONS]";

pub(super) const AFTER_SHORT: &str = "\
Options of cargo test (-p, --test, -F, --release ...) work as they do there.
`cargo ptest --help` has all options, examples and exit codes.";

/// The options that `-h` shows, which is to fit on a screen.
pub(super) const COMMON: [&str; 14] = [
    "processes",
    "process_timeout",
    "process_restartworker",
    "retries",
    "fail_fast",
    "filters",
    "failed",
    "skip",
    "no_capture",
    "junit",
    "html",
    "quiet",
    "verbose",
    "help",
];

/// clap's own template, and the commands. They are not clap's: a filter may have the same name.
pub(super) fn template() -> StyledStr {
    let commands = section(
        "Commands",
        "  run     Run the tests (default)
  list    List the tests that would run
  report  Write reports of a finished run, see `cargo ptest report --help`",
    );
    format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{commands}\n\n{{all-args}}{{after-help}}"
    )
    .into()
}

pub(super) fn after_long() -> StyledStr {
    [
        section(
            "Examples",
            "  cargo ptest                       Run the tests of the package or workspace
  cargo ptest parse                 Run tests with \"parse\" in their names
  cargo ptest tests/api.rs          Run the tests in a source file
  cargo ptest src/lib.rs:120        Run the test at a line of a source file
  cargo ptest -p web --test api     Run one test target of a package
  cargo ptest --skip slow           Run all but some tests
  cargo ptest --failed              Run the tests that failed last time
  cargo ptest --no-capture parse    Print what tests write at once
  cargo ptest --isolate             Run each test in a process of its own
  cargo ptest --retries 2 --timeout 30s --junit target/junit.xml
                                    Run all tests in CI
  cargo ptest list                  List the tests that would run
  cargo ptest report --html p.html  Write a page about the last run",
        ),
        section(
            "Exit Codes",
            "  0    All tests passed
  4    No test was selected
  96   Bad option, variable or .config/ptest.toml
  100  Tests failed
  101  The build failed
  102  cargo metadata failed
  104  A test binary could not list its tests
  105  Only fixtures failed
  110  Output could not be written
  130  Ctrl-C
  143  SIGTERM or SIGHUP",
        ),
        section(
            "Configuration",
            "  Tests that must not run at the same time can be declared in .config/ptest.toml:

    [[context]]
    package = \"mine\"
    kind = \"unit\"        # one after another, in one process for each binary
    max = 1              # and in one such process at a time",
        ),
    ]
    .join("\n\n")
    .into()
}

/// A heading as clap has it, and what is below it.
fn section(heading: &str, text: &str) -> String {
    let styles = Styles::styled();
    let style = styles.get_header();
    let mut section = String::new();
    write!(section, "{style}{heading}:{style:#}\n{text}").expect("strings take everything");
    section
}
