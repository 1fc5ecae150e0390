//! The command line, as clap reads it. What it means is said in the parent module.

use camino::Utf8PathBuf;
use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::filter::Ignored;
use crate::report::{FinalStatusLevel, OutputWhen, StatusLevel};

const AFTER_HELP: &str = "\
Exit codes: 0 all passed; 4 no test selected; 96 bad option, environment or .config/ptest.toml; 100 tests failed; \
101 build failed; 102 cargo metadata failed; 104 listing failed; 105 only fixtures failed; 110 output could not be \
written; 130 and 143 after Ctrl-C and SIGTERM.

-- --nocapture shows what tests write as they write it; the only test of a run then has the terminal, too: it can read \
the keyboard, and Ctrl-C and Ctrl-Z are for it.

Tests that share a process-wide lock can be declared a unit in .config/ptest.toml:
    [[context]]
    package = \"mine\"
    kind = \"unit\"        # one after another, in one process for each binary
    max = 1              # and only one such process at once";

/// Runs the tests of a Rust workspace in parallel worker processes.
///
/// A crash or a hang costs one test, never the run. Worker processes are reused, so small tests stay cheap; results are
/// printed as they arrive.
#[derive(Debug, Parser)]
#[command(name = "cargo ptest", bin_name = "cargo ptest", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(override_usage = "cargo ptest [run | list] [OPTIONS] [FILTERS]... [-- TEST-BINARY OPTIONS]
       cargo ptest report [--from RUN] [--open] [--junit PATH] [--html [PATH]] [--trace PATH] [--slowest N]")]
pub(super) struct Cli {
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub select: SelectArgs,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub build: BuildArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Processes")]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub(super) struct RunArgs {
    /// Worker slots: how many processes run tests at once. Not cargo test's -j, which is --build-jobs here. Default:
    /// $PTEST_PROCESSES, $RUST_TEST_THREADS, or the number of cores; a negative number counts from the cores. More than
    /// the cores is good for tests that wait
    #[expect(clippy::doc_markdown, reason = "this is the text of --help")]
    #[arg(short = 'j', long, value_name = "N", allow_negative_numbers = true)]
    pub processes: Option<i64>,
    /// Time limit for each test: 5, 2.5s, 300ms, 1m
    #[arg(long, value_name = "TIME")]
    pub process_timeout: Option<String>,
    /// Begin with tests while cargo still builds others, on slots that the build leaves free. If the build fails, so
    /// does the run: what was reached is reported, and the exit code is 101
    #[arg(long)]
    pub eager: bool,
    /// End a worker process after N tests; without N, after one: a process for each test
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub process_restartworker: Option<u32>,
    /// Try a failed test again up to N times, in a fresh process each time
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// Run each test N times, in parallel
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Stop after the first failure
    #[arg(long, conflicts_with = "max_fail")]
    pub fail_fast: bool,
    /// Stop after N failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_fail: Option<u32>,
    /// Run all tests, whatever fails (the default)
    #[arg(long, conflicts_with_all = ["fail_fast", "max_fail"])]
    pub no_fail_fast: bool,
    /// Run each failed test once more alone, to tell whether state left by others may be the cause
    #[arg(long)]
    pub diagnose: bool,
    /// What to make of processes that outlive their test; they are killed in any case
    #[arg(long, value_enum, default_value = "warn", value_name = "WHAT")]
    pub leaks: Leaks,
    /// Neither use nor keep what tests took in earlier runs: they go out in the order of their binaries' lists
    #[arg(long)]
    pub no_history: bool,
    /// How long a binary may take to list its tests
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub list_timeout: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Leaks {
    Warn,
    Fail,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectArgs {
    /// Run the tests whose names contain any of these
    #[arg(value_name = "FILTERS")]
    pub filters: Vec<String>,
    #[arg(long, value_enum, value_name = "WHICH", help = "Which tests to run with regard to #[ignore]")]
    pub run_ignored: Option<Ignored>,
    /// Run what failed or did not finish the last time, of what the filters select
    #[arg(long)]
    pub failed: bool,
    /// Run one part of the tests: count:M/N (every N-th of each binary) or hash:M/N (by name)
    #[arg(long, value_name = "PART")]
    pub partition: Option<String>,
    /// What to make of a run that selects no test
    #[arg(long, value_enum, default_value = "fail", value_name = "WHAT")]
    pub no_tests: NoTests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NoTests {
    Pass,
    Warn,
    Fail,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct ReportArgs {
    /// What to write to stdout (list: human or json); people's report is on stderr
    #[arg(long, value_enum, default_value = "human", value_name = "FORMAT")]
    pub message_format: crate::report::Stdout,
    /// Write a JUnit file, valid at every moment and red until the run is complete
    #[arg(long, value_name = "PATH")]
    pub junit: Option<Utf8PathBuf>,
    /// Of which tests JUnit has what they wrote
    #[arg(long, value_enum, default_value = "failed", value_name = "WHICH")]
    pub junit_output: crate::report::JunitOutput,
    /// Write a trace for ui.perfetto.dev: workers as tracks, tests and set-ups as slices
    #[arg(long, value_name = "PATH")]
    pub trace: Option<Utf8PathBuf>,
    /// Annotations of failures, and a summary of the job: for GitHub (auto: when it runs us), or none
    #[arg(long, value_enum, default_value = "auto", value_name = "FOR")]
    pub annotations: Annotations,
    /// Write a page for the browser: failures, timeline, all tests; one file that needs no network
    /// Without PATH it is report.html in target/ptest
    #[arg(long, value_name = "PATH")]
    #[expect(clippy::option_option, reason = "so clap has an option with a value that may be missing")]
    pub html: Option<Option<Utf8PathBuf>>,
    /// Name this machine in the reports
    #[arg(long)]
    pub report_host: bool,
    /// When to colour
    #[arg(long, value_enum, value_name = "WHEN")]
    pub color: Option<Colour>,
    /// How to show what goes on, on stderr
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub show_progress: ShowProgress,
    // How often a line names what runs. No option for people: so often that it can be seen in a test, it would annoy.
    #[arg(long, hide = true, value_name = "TIME", default_value = "60s")]
    pub heartbeat: String,
    /// Leave the keyboard alone: on a terminal, ? lists the keys that a run listens to
    #[arg(long)]
    pub no_input_handler: bool,
    /// Which tests have a line as they finish; each level includes those before it. Default: pass, or fail with -q
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub status_level: Option<StatusLevel>,
    /// Which tests are told again at the end. Default: flaky, or fail with -q
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub final_status_level: Option<FinalStatusLevel>,
    /// List the N slowest tests at the end
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub slowest: usize,
    /// When to show the output of tests that failed
    #[arg(long, value_enum, default_value = "immediate", value_name = "WHEN")]
    pub failure_output: OutputWhen,
    /// When to show the output of tests that passed. Default: never, or immediate with -- --show-output
    #[arg(long, value_enum, value_name = "WHEN")]
    pub success_output: Option<OutputWhen>,
    /// Show failures and totals only
    #[arg(short, long)]
    pub quiet: bool,
    /// Show the processes, too
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ShowProgress {
    /// A bar and what runs, below the report, on a terminal and not in CI; elsewhere a line each minute
    Auto,
    /// The bar wherever there is a terminal
    Bar,
    /// Nothing
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Annotations {
    Auto,
    Github,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

/// cargo test's own options on which targets to test.
#[derive(Args, Debug)]
#[command(next_help_heading = "Packages and targets (as cargo test has them)")]
#[expect(clippy::struct_excessive_bools, reason = "cargo test has these flags")]
pub(super) struct TargetArgs {
    /// Test these packages
    #[arg(short, long, value_name = "SPEC")]
    pub package: Vec<String>,
    /// Test all packages of the workspace
    #[arg(long)]
    pub workspace: bool,
    /// The same as --workspace
    #[arg(long)]
    pub all: bool,
    /// Leave packages out
    #[arg(long, value_name = "SPEC")]
    pub exclude: Vec<String>,
    /// Test the library
    #[arg(long)]
    pub lib: bool,
    /// Test all programs
    #[arg(long)]
    pub bins: bool,
    /// Test these programs
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,
    /// Test all examples
    #[arg(long)]
    pub examples: bool,
    /// Test these examples
    #[arg(long, value_name = "NAME")]
    pub example: Vec<String>,
    /// Test all targets that have `test = true`
    #[arg(long)]
    pub tests: bool,
    /// Test these integration tests
    #[arg(long, value_name = "NAME")]
    pub test: Vec<String>,
    /// Test all targets that have `bench = true`
    #[arg(long)]
    pub benches: bool,
    /// Test these benches
    #[arg(long, value_name = "NAME")]
    pub bench: Vec<String>,
    /// Test all targets
    #[arg(long)]
    pub all_targets: bool,
    /// Test the documentation of the libraries, and nothing else
    #[arg(long, conflicts_with_all = ["lib", "bins", "bin", "examples", "example", "tests", "test", "benches", "bench",
                                      "all_targets", "no_doc", "no_run"])]
    pub doc: bool,
    /// Leave doctests out. They run unless targets are chosen; cargo test has no such option
    #[arg(long)]
    pub no_doc: bool,
}

/// cargo test's own options on how to build.
#[derive(Args, Debug)]
#[command(next_help_heading = "Build (as cargo test has them)")]
#[expect(clippy::struct_excessive_bools, reason = "cargo test has these flags")]
pub(super) struct BuildArgs {
    /// Features to switch on
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    #[arg(long, help = "Switch on all features")]
    pub all_features: bool,
    #[arg(long, help = "Leave the default features off")]
    pub no_default_features: bool,
    #[arg(short, long, help = "Build with optimisations")]
    pub release: bool,
    #[arg(long, value_name = "NAME", help = "Build with this profile")]
    pub profile: Option<String>,
    #[arg(long, value_name = "TRIPLE", help = "Build for this target")]
    pub target: Vec<String>,
    #[arg(long, value_name = "PATH", help = "Folder for what is built")]
    pub target_dir: Option<String>,
    #[arg(long, value_name = "PATH", help = "Path of Cargo.toml")]
    pub manifest_path: Option<String>,
    #[arg(long, help = "Cargo.lock must not change")]
    pub locked: bool,
    #[arg(long, help = "Do not use the network")]
    pub offline: bool,
    #[arg(long, help = "The same as --locked --offline")]
    pub frozen: bool,
    #[arg(long, value_name = "KEY=VALUE|PATH", help = "Override cargo's configuration")]
    pub config: Vec<String>,
    #[arg(short = 'Z', value_name = "FLAG", help = "Unstable flags of cargo")]
    pub unstable: Vec<String>,
    #[arg(long, help = "Ignore rust-version of packages")]
    pub ignore_rust_version: bool,
    #[arg(long, value_name = "N", help = "Parallel jobs of the build (cargo test's -j)",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub build_jobs: Option<u32>,
    #[arg(long, help = "Build the tests and do not run them")]
    pub no_run: bool,
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "",
          help = "Have cargo report where the build's time went")]
    pub timings: Option<String>,
}

/// Makes the reports of a run that is over, from the journal that it has left in target/ptest
///
/// The journal of a run that was killed will do, too; the reports say so.
#[derive(Debug, Parser)]
#[command(name = "cargo ptest report", bin_name = "cargo ptest report", max_term_width = 100)]
#[command(group = clap::ArgGroup::new("reports").required(true).multiple(true).args(["junit", "html", "trace", "slowest", "open"]))]
pub(super) struct AfterwardsArgs {
    /// The run: its id or the beginning of it, or the path of a journal. Default: the latest
    #[arg(long, value_name = "RUN")]
    pub from: Option<String>,
    /// Write a JUnit file
    #[arg(long, value_name = "PATH")]
    pub junit: Option<Utf8PathBuf>,
    /// Of which tests JUnit has what they wrote
    #[arg(long, value_enum, default_value = "failed", value_name = "WHICH")]
    pub junit_output: crate::report::JunitOutput,
    /// Write a page for the browser. Without PATH it is report.html in target/ptest
    #[arg(long, value_name = "PATH")]
    #[expect(clippy::option_option, reason = "so clap has an option with a value that may be missing")]
    pub html: Option<Option<Utf8PathBuf>>,
    /// Write a page for the browser, and open it there
    #[arg(long)]
    pub open: bool,
    /// Write a trace for ui.perfetto.dev
    #[arg(long, value_name = "PATH")]
    pub trace: Option<Utf8PathBuf>,
    /// Print the N slowest tests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub slowest: Option<u32>,
    #[arg(long, value_name = "PATH", help = "Folder in which the run's tests were built")]
    pub target_dir: Option<Utf8PathBuf>,
    #[arg(long, value_name = "PATH", help = "Path of Cargo.toml")]
    pub manifest_path: Option<String>,
    #[arg(long, value_name = "KEY=VALUE|PATH", help = "Override cargo's configuration")]
    pub config: Vec<String>,
}

/// What stands after `--`: what would be the test binary's own options under cargo test.
#[derive(Debug, Default, Parser)]
#[command(name = "cargo ptest ... --", no_binary_name = true, disable_help_flag = true)]
#[expect(clippy::struct_excessive_bools, reason = "test binaries have these flags")]
pub(super) struct TestBinaryArgs {
    pub filters: Vec<String>,
    #[arg(long)]
    pub exact: bool,
    #[arg(long, value_name = "FILTER")]
    pub skip: Vec<String>,
    #[arg(long)]
    pub ignored: bool,
    #[arg(long)]
    pub include_ignored: bool,
    #[arg(long, alias = "no-capture")]
    pub nocapture: bool,
    #[arg(long)]
    pub show_output: bool,
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub test_threads: Option<i64>,
    #[arg(long)]
    pub list: bool,
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(long, value_enum)]
    pub color: Option<Colour>,
}
