//! The command line, as clap reads it. What it means is decided in the parent module.
#![expect(clippy::doc_markdown, reason = "the doc comments of options are the text of --help")]

use std::str::FromStr;

use camino::Utf8PathBuf;
use clap::{ArgAction, Args, Parser, ValueEnum};

use super::help;
use crate::filter::Ignored;
use crate::report::{FinalStatusLevel, OutputWhen, StatusLevel};

/// Runs the tests of a Rust workspace in parallel worker processes
///
/// A crash or a hang costs one test, never the run. Worker processes are reused, so small tests stay cheap; results are
/// printed as they arrive.
#[derive(Debug, Parser)]
#[command(name = "cargo ptest", bin_name = "cargo ptest", version, max_term_width = 100)]
#[command(override_usage = help::USAGE, help_template = help::template())]
#[command(after_help = help::AFTER_SHORT, after_long_help = help::after_long())]
pub(super) struct Cli {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub select: SelectArgs,
    #[command(flatten)]
    pub libtest: LibtestArgs,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub build: BuildArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Running Tests")]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub(super) struct RunArgs {
    /// Tests to run at a time [default: cores]
    ///
    /// This is not the -j of cargo test: that one is --build-jobs here. Where it is not given, the variables
    /// PTEST_PROCESSES and RUST_TEST_THREADS apply, in this order. A negative number is subtracted from the number of
    /// cores, and `num-cpus` is that number. More than the cores is useful for tests that mostly wait.
    #[arg(short = 'j', long, value_name = "N", allow_negative_numbers = true)]
    pub processes: Option<Processes>,
    /// Time limit for each test
    ///
    /// TIME is a number of seconds, or one with a unit: 5, 2.5s, 300ms, 1m. A test that takes longer is stopped (SIGTERM to its process group, SIGKILL 3 s later) and counts as failed.
    #[arg(long, visible_alias = "timeout", value_name = "TIME")]
    pub process_timeout: Option<String>,
    /// Run N tests per process
    ///
    /// Without N, each test has a process of its own. By default a process is reused for as many tests as possible. Tests that belong to a context of the kind
    /// `unit` stay together in any case.
    #[arg(long, visible_alias = "isolate", value_name = "N", num_args = 0..=1, require_equals = true,
          default_missing_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub process_restartworker: Option<u32>,
    /// Retry a failed test up to N times
    ///
    /// Each retry runs in a fresh process. A test that passes in the end counts as passed, and is marked as flaky.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub retries: u32,
    /// Run each test N times, in parallel
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Stop after the first failure
    ///
    /// No further test is started; tests that are running may finish.
    #[arg(long, visible_alias = "ff", conflicts_with = "max_fail")]
    pub fail_fast: bool,
    /// Stop after N failures
    #[arg(long, value_name = "N")]
    pub max_fail: Option<MaxFail>,
    // In the words of cargo test.
    /// Run all tests regardless of failure (default)
    #[arg(long, visible_alias = "nff", conflicts_with_all = ["fail_fast", "max_fail"])]
    pub no_fail_fast: bool,
    /// Run each failed test once more alone, to see whether other tests made it fail
    #[arg(long)]
    pub diagnose: bool,
    /// Start tests while cargo is still building others
    ///
    /// The tests use the cores that the build leaves free. If the build fails, the results so far are reported and the
    /// exit code is 101.
    #[arg(long)]
    pub eager: bool,
    /// How to treat processes that outlive their test (they are always killed)
    #[arg(long, value_enum, default_value = "warn", value_name = "ACTION")]
    pub leaks: Leaks,
    /// Ignore recorded test durations, and do not record new ones
    ///
    /// The durations of earlier runs decide which tests start first. Without them tests start in the order in which
    /// their binaries list them.
    #[arg(long)]
    pub no_history: bool,
    /// Time limit for a test binary to list its tests
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub list_timeout: String,
}

impl RunArgs {
    /// How many failures end the run.
    pub fn most_failures(&self) -> Option<usize> {
        match self.max_fail {
            _ if self.fail_fast => Some(1),
            Some(MaxFail::After(most)) => Some(most as usize),
            Some(MaxFail::All) | None => None,
        }
    }
}

/// A number of worker processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processes {
    /// Where it is negative, so many fewer than the cores.
    Number(i64),
    Cores,
}

impl FromStr for Processes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            // As in nextest.
            "num-cpus" => Ok(Self::Cores),
            _ => text.parse().map(Self::Number).map_err(|_| "expected a number, or num-cpus"),
        }
    }
}

/// How many failures end a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaxFail {
    /// None do.
    All,
    After(u32),
}

impl FromStr for MaxFail {
    type Err = &'static str;

    /// nextest adds what happens to the tests that are running.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.ends_with(":immediate") {
            return Err("tests that are running always finish: leave out `:immediate`");
        }
        match text.strip_suffix(":wait").unwrap_or(text) {
            "all" => Ok(Self::All),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(Self::After(number)),
                _ => Err("expected a number from 1, or all"),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Leaks {
    /// Report them
    Warn,
    /// Report them, and fail the test
    Fail,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Test Selection")]
pub(super) struct SelectArgs {
    /// Run tests by a part of their name, FILE or FILE:LINE
    ///
    /// A test is selected if its name contains any of the filters. A filter that is the path of a source file (from the
    /// current folder or the root of the workspace) selects the tests in it as well, and FILE:LINE the test at that line.
    #[arg(value_name = "FILTERS")]
    pub filters: Vec<String>,
    /// Run tests that failed or did not finish last time
    ///
    /// The filters narrow them down further. If there are none, the run succeeds.
    #[arg(long)]
    pub failed: bool,
    #[arg(long, value_enum, value_name = "WHICH", help = "Which tests to run with regard to #[ignore]")]
    pub run_ignored: Option<Ignored>,
    /// Run one part of the tests: count:M/N (every N-th test) or hash:M/N (by name)
    #[arg(long, value_name = "PART")]
    pub partition: Option<String>,
    /// What to do if no test is selected
    #[arg(long, value_enum, default_value = "fail", value_name = "ACTION")]
    pub no_tests: NoTests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NoTests {
    /// Exit with 0
    Pass,
    /// Print a warning and exit with 0
    Warn,
    /// Print an error and exit with 4
    #[value(alias = "auto")]
    Fail,
}

/// Options of test binaries. They are understood on both sides of `--`.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Test Binary Options (before or after `--`)")]
#[expect(clippy::struct_excessive_bools, reason = "test binaries have these flags")]
pub(super) struct LibtestArgs {
    /// Exactly match filters rather than by substring
    #[arg(long)]
    pub exact: bool,
    /// Skip tests whose names contain FILTER, or in FILE
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,
    /// Run only ignored tests
    #[arg(long)]
    pub ignored: bool,
    /// Run ignored and not ignored tests
    #[arg(long)]
    pub include_ignored: bool,
    /// Print test output as it is written
    ///
    /// If only one test runs, the terminal is its own as well: it can read the keyboard, and gets Ctrl-C and Ctrl-Z.
    #[arg(long, visible_alias = "nocapture")]
    pub no_capture: bool,
    /// Print the output of passed tests too
    #[arg(long)]
    pub show_output: bool,
    /// Same as --processes
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub test_threads: Option<Processes>,
    /// List the tests as a test binary does
    #[arg(long)]
    pub list: bool,
}

impl LibtestArgs {
    /// What is given on either side of `--`.
    pub fn join(&self, other: &Self) -> Self {
        Self {
            exact: self.exact || other.exact,
            skip: [&self.skip[..], &other.skip].concat(),
            ignored: self.ignored || other.ignored,
            include_ignored: self.include_ignored || other.include_ignored,
            no_capture: self.no_capture || other.no_capture,
            show_output: self.show_output || other.show_output,
            test_threads: self.test_threads.or(other.test_threads),
            list: self.list || other.list,
        }
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub(super) struct ReportArgs {
    /// Format of stdout; the human-readable report always goes to stderr
    ///
    /// `cargo ptest list` has human and json.
    #[arg(long, value_enum, default_value = "human", value_name = "FORMAT")]
    pub message_format: crate::report::Stdout,
    /// Write a JUnit file
    ///
    /// It is valid at any time, and red until the run has finished.
    #[arg(long, value_name = "PATH")]
    pub junit: Option<Utf8PathBuf>,
    /// Which tests' output to include in the JUnit file
    #[arg(long, value_enum, default_value = "failed", value_name = "WHICH")]
    pub junit_output: crate::report::JunitOutput,
    /// Write an HTML page: failures, timeline, all tests
    ///
    /// It is a single file, and needs no network. Without PATH it is report.html in target/ptest. A PATH without a dot or
    /// a slash is refused, because a filter would look the same.
    #[arg(long, value_name = "PATH")]
    #[expect(clippy::option_option, reason = "so clap has an option with a value that may be missing")]
    pub html: Option<Option<Utf8PathBuf>>,
    /// Write a trace for ui.perfetto.dev
    #[arg(long, value_name = "PATH")]
    pub trace: Option<Utf8PathBuf>,
    /// Annotate failures and summarise the run for GitHub Actions
    #[arg(long, value_enum, default_value = "auto", value_name = "SERVICE")]
    pub annotations: Annotations,
    /// Name this machine in the reports
    #[arg(long)]
    pub report_host: bool,
    /// Coloring
    #[arg(long, value_enum, value_name = "WHEN")]
    pub color: Option<Colour>,
    /// How to show progress on stderr
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub show_progress: ShowProgress,
    // What nextest once had in its place.
    #[arg(long, hide = true)]
    pub hide_progress_bar: bool,
    // How often a line names the running tests. Only tests change it.
    #[arg(long, hide = true, value_name = "TIME", default_value = "60s")]
    pub heartbeat: String,
    /// Ignore the keyboard (on a terminal, press ? during a run to list the keys)
    #[arg(long)]
    pub no_input_handler: bool,
    /// Which tests to report as they finish [default: pass, or fail with -q]
    ///
    /// Each level includes those before it.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub status_level: Option<StatusLevel>,
    /// Which tests to list again at the end [default: flaky, or fail with -q]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub final_status_level: Option<FinalStatusLevel>,
    /// List the N slowest tests at the end
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub slowest: usize,
    /// When to show the output of failed tests
    #[arg(long, value_enum, default_value = "immediate", value_name = "WHEN")]
    pub failure_output: OutputWhen,
    /// When to show the output of passed tests [default: never, or immediate with --show-output]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub success_output: Option<OutputWhen>,
    /// Show only failures and the summary
    #[arg(short, long)]
    pub quiet: bool,
    /// Show processes as well
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ShowProgress {
    /// A bar with the running tests on a terminal outside of CI; elsewhere one line each minute
    Auto,
    /// A bar on any terminal
    Bar,
    /// No progress
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Annotations {
    /// If GitHub Actions runs the command
    Auto,
    /// Always
    Github,
    /// Never
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

/// The value of an option whose name was left out, so that cargo lists the names that there are. No argument can be this.
pub(super) const NAMELESS: &str = "\0";

/// cargo test's own options about what to test, in its own words.
#[derive(Args, Debug)]
#[command(next_help_heading = "Target Selection")]
#[expect(clippy::struct_excessive_bools, reason = "cargo test has these flags")]
pub(super) struct TargetArgs {
    /// Package to run tests for
    #[arg(short, long, value_name = "SPEC", num_args = 0..=1, default_missing_value = NAMELESS, help_heading = help::PACKAGES)]
    pub package: Vec<String>,
    /// Test all packages in the workspace
    #[arg(long, help_heading = help::PACKAGES)]
    pub workspace: bool,
    /// Exclude packages from the test
    #[arg(long, value_name = "SPEC", help_heading = help::PACKAGES)]
    pub exclude: Vec<String>,
    /// Alias for --workspace (deprecated)
    #[arg(long, help_heading = help::PACKAGES)]
    pub all: bool,
    /// Test only this package's library
    #[arg(long)]
    pub lib: bool,
    /// Test all binaries
    #[arg(long)]
    pub bins: bool,
    /// Test only the specified binary
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = NAMELESS)]
    pub bin: Vec<String>,
    /// Test all examples
    #[arg(long)]
    pub examples: bool,
    /// Test only the specified example
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = NAMELESS)]
    pub example: Vec<String>,
    /// Test all targets that have `test = true` set
    #[arg(long)]
    pub tests: bool,
    /// Test only the specified test target
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = NAMELESS)]
    pub test: Vec<String>,
    /// Test all targets that have `bench = true` set
    #[arg(long)]
    pub benches: bool,
    /// Test only the specified bench target
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = NAMELESS)]
    pub bench: Vec<String>,
    /// Test all targets (does not include doctests)
    #[arg(long)]
    pub all_targets: bool,
    /// Test only this library's documentation
    #[arg(long, conflicts_with_all = ["lib", "bins", "bin", "examples", "example", "tests", "test", "benches", "bench",
                                      "all_targets", "no_doc", "no_run"])]
    pub doc: bool,
    /// Leave out doctests (they run unless targets are chosen)
    #[arg(long)]
    pub no_doc: bool,
}

/// cargo test's own options about how to build, in its own words.
#[derive(Args, Debug)]
#[command(next_help_heading = "Compilation Options")]
#[expect(clippy::struct_excessive_bools, reason = "cargo test has these flags")]
pub(super) struct BuildArgs {
    /// Space or comma separated list of features to activate
    #[arg(short = 'F', long, value_name = "FEATURES", help_heading = help::FEATURES)]
    pub features: Vec<String>,
    /// Activate all available features
    #[arg(long, help_heading = help::FEATURES)]
    pub all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long, help_heading = help::FEATURES)]
    pub no_default_features: bool,
    /// Compile, but don't run tests
    #[arg(long)]
    pub no_run: bool,
    /// Number of parallel jobs of the build, the -j of cargo test [default: cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub build_jobs: Option<u32>,
    /// Build artifacts in release mode, with optimizations
    #[arg(short, long)]
    pub release: bool,
    /// Build artifacts with the specified profile
    #[arg(long, alias = "cargo-profile", value_name = "PROFILE-NAME")]
    pub profile: Option<String>,
    /// Build for the target triple
    #[arg(long, value_name = "TRIPLE")]
    pub target: Vec<String>,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY")]
    pub target_dir: Option<String>,
    /// Output a build timing report at the end of the build
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub timings: Option<String>,
    /// Outputs a future incompatibility report at the end of the build
    #[arg(long)]
    pub future_incompat_report: bool,
    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub config: Vec<String>,
    /// Unstable (nightly-only) flags to Cargo, see 'cargo -Z help' for details
    #[arg(short = 'Z', value_name = "FLAG")]
    pub unstable: Vec<String>,
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = help::MANIFEST)]
    pub manifest_path: Option<String>,
    /// Ignore `rust-version` specification in packages
    #[arg(long, help_heading = help::MANIFEST)]
    pub ignore_rust_version: bool,
    /// Assert that `Cargo.lock` will remain unchanged
    #[arg(long, help_heading = help::MANIFEST)]
    pub locked: bool,
    /// Run without accessing the network
    #[arg(long, help_heading = help::MANIFEST)]
    pub offline: bool,
    /// Equivalent to specifying both --locked and --offline
    #[arg(long, help_heading = help::MANIFEST)]
    pub frozen: bool,
}

/// Writes reports of a finished run, from its journal in target/ptest
///
/// The journal of a run that was killed can be used as well; its reports are marked as incomplete.
#[derive(Debug, Parser)]
#[command(name = "cargo ptest report", bin_name = "cargo ptest report", max_term_width = 100)]
#[command(group = clap::ArgGroup::new("reports").required(true).multiple(true).args(["junit", "html", "trace", "slowest", "open"]))]
pub(super) struct AfterwardsArgs {
    /// The run: its id, the start of its id, or the path of a journal [default: the latest run]
    #[arg(long, value_name = "RUN")]
    pub from: Option<String>,
    /// Write a JUnit file
    #[arg(long, value_name = "PATH")]
    pub junit: Option<Utf8PathBuf>,
    /// Which tests' output to include in the JUnit file
    #[arg(long, value_enum, default_value = "failed", value_name = "WHICH")]
    pub junit_output: crate::report::JunitOutput,
    /// Write an HTML page: failures, timeline, all tests
    ///
    /// Without PATH it is report.html in target/ptest.
    #[arg(long, value_name = "PATH")]
    #[expect(clippy::option_option, reason = "so clap has an option with a value that may be missing")]
    pub html: Option<Option<Utf8PathBuf>>,
    /// Write an HTML page and open it in the browser
    #[arg(long)]
    pub open: bool,
    /// Write a trace for ui.perfetto.dev
    #[arg(long, value_name = "PATH")]
    pub trace: Option<Utf8PathBuf>,
    /// Print the N slowest tests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub slowest: Option<u32>,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY")]
    pub target_dir: Option<Utf8PathBuf>,
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<String>,
    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub config: Vec<String>,
}

/// What follows `--`: options that would be the test binary's own under cargo test.
#[derive(Debug, Default, Parser)]
#[command(name = "cargo ptest ... --", no_binary_name = true, disable_help_flag = true)]
#[command(override_usage = "cargo ptest [OPTIONS] -- [TEST BINARY OPTIONS] [FILTERS]...")]
pub(super) struct TestBinaryArgs {
    pub filters: Vec<String>,
    #[command(flatten)]
    pub libtest: LibtestArgs,
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(long, value_enum)]
    pub color: Option<Colour>,
}
