//! Turns the command line and the environment into one plain options struct for each stage. Nothing else reads the
//! environment.

mod advice;
mod afterwards;
mod args;
mod forward;
mod generate;
mod help;
mod screen;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use clap::builder::StyledStr;
use clap::{CommandFactory, Parser, ValueEnum};

use crate::config::parse_time;
use crate::filter::{Ignored, Partition, PartitionBy};
use crate::report::{GithubOptions, Stdout, TerminalOptions, Verbosity};
use crate::{build, filter, group, list, listing, report, run};

pub use afterwards::Afterwards;
pub use args::NoTests;
use args::{AfterwardsArgs, Annotations, Cli, Colour, Leaks, LibtestArgs, Processes, TestBinaryArgs};
use forward::{build_args, cargo_args, doctests, metadata_args, package_args, selection_args, selection_words};
pub use generate::{What, generate};

/// What the program was called for.
#[derive(Debug)]
pub enum Called {
    /// The line, or a part of it.
    Line(Box<Invocation>),
    /// `cargo ptest report`.
    Report(Box<Afterwards>),
    /// Completions or a man page.
    Generate(What),
}

/// A call of the line of stages.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub struct Invocation {
    pub task: Task,
    pub build: build::Options,
    /// Slots for the build, where the pool is ours and somebody chose.
    pub build_jobs: Option<usize>,
    pub cores: usize,
    pub list: list::Options,
    pub filter: filter::Options,
    pub group: group::Options,
    pub run: run::Options,
    pub report: report::Options,
    /// The page for the browser is to be written to its usual place.
    pub page: bool,
    /// Reports are to name this machine.
    pub name_host: bool,
    pub no_tests: NoTests,
    /// Only what failed or did not finish the last time.
    pub failed: bool,
    /// Go by what tests took in earlier runs, and remember what they take in this one.
    pub history: bool,
    /// Begin with tests while others are still built.
    pub eager: bool,
    /// No package or target was chosen.
    pub whole: bool,
    pub quiet: bool,
}

impl Invocation {
    /// Whether somebody wants to see how things are, and not only what comes of them.
    pub fn looks(&self) -> bool {
        self.task != Task::Run || self.report.terminal.verbosity == Verbosity::Verbose
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Build, and nothing else.
    Build,
    Run,
    /// Print what would run.
    List(listing::Format),
}

/// Why there is nothing to do.
#[derive(Debug)]
pub enum NoInvocation {
    /// Help or the version was asked for; or the command line is wrong. clap has the words for both.
    Clap(clap::Error),
    Error(anyhow::Error),
}

impl From<anyhow::Error> for NoInvocation {
    fn from(error: anyhow::Error) -> Self {
        Self::Error(error)
    }
}

impl From<clap::Error> for NoInvocation {
    fn from(error: clap::Error) -> Self {
        Self::Clap(harmless(error))
    }
}

/// The error with nothing in what it quotes that steers a terminal.
fn harmless(mut error: clap::Error) -> clap::Error {
    use clap::error::ContextValue as Value;
    let styled = |text: &StyledStr| StyledStr::from(report::tame(&text.ansi().to_string(), true));
    let harmless = |value: &Value| match value {
        Value::String(text) => Some(Value::String(report::line(text))),
        Value::Strings(texts) => Some(Value::Strings(texts.iter().map(|text| report::line(text)).collect())),
        Value::StyledStrs(texts) => Some(Value::StyledStrs(texts.iter().map(styled).collect())),
        // What clap has made of our own options.
        _ => None,
    };
    let context: Vec<_> = error.context().filter_map(|(kind, value)| Some((kind, harmless(value)?))).collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    error
}

/// Reads the program's arguments and environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn read() -> Result<Called, NoInvocation> {
    let env = std::env::vars_os().collect();
    let args: Vec<OsString> = std::env::args_os().collect();
    let mut of_report = args.clone();
    if take_subcommand(&mut args.clone(), generate::OPTION) {
        let what = args.last().and_then(|what| what.to_str());
        return Ok(Called::Generate(generate::what(what)?));
    }
    if take_subcommand(&mut of_report, "report") {
        let env = Env(env);
        let args: AfterwardsArgs = parse(AfterwardsArgs::command(), of_report, colours_of(&args, &env))?;
        return Ok(Called::Report(Box::new(afterwards::understand(args, env)?)));
    }
    Ok(Called::Line(Box::new(invocation(args, env)?)))
}

fn invocation(args: Vec<OsString>, env: HashMap<OsString, OsString>) -> Result<Invocation, NoInvocation> {
    let env = Env(env);
    let colours = colours_of(&args, &env);
    let (command, own, tests) = divide(args);
    let advised = |after_dashes| move |error| advised(error, after_dashes);
    let cli: Cli = parse(own_options(), own, colours).map_err(advised(false))?;
    let mut tests: TestBinaryArgs = parse(TestBinaryArgs::command(), tests, colours).map_err(advised(true))?;
    tests.libtest = cli.libtest.join(&tests.libtest);
    Ok(understand(&cli, &tests, &command, env)?)
}

/// Our options; `-h` has the most used of them only.
fn own_options() -> clap::Command {
    Cli::command().mut_args(|arg| {
        let is_common = help::COMMON.contains(&arg.get_id().as_str());
        arg.hide_short_help(!is_common)
    })
}

/// The error with our own words where they help more than those of clap.
fn advised(error: clap::Error, after_dashes: bool) -> NoInvocation {
    match advice::on(&error, after_dashes) {
        Some(advice) => NoInvocation::Error(anyhow!(advice)),
        None => error.into(),
    }
}

/// Takes our name out of the arguments, with which we are called first as cargo's subcommand, and then `word`, if it
/// stands where subcommands stand: it can be a filter elsewhere.
fn take_subcommand(args: &mut Vec<OsString>, word: &str) -> bool {
    if args.get(1).is_some_and(|arg| arg == "ptest") {
        args.remove(1);
    }
    let found = args.get(1).is_some_and(|arg| arg == word);
    if found {
        args.remove(1);
    }
    found
}

/// What stands where commands do.
#[derive(Clone, Debug, PartialEq)]
enum Command {
    Run,
    List,
    /// None, which is to run; here is a word that might have been meant for one.
    None(Option<String>),
}

/// Divides the arguments into the command, our own and the test binaries'.
fn divide(mut args: Vec<OsString>) -> (Command, Vec<OsString>, Vec<OsString>) {
    let tests = match args.iter().position(|arg| arg == "--") {
        Some(at) => args.split_off(at).split_off(1),
        None => Vec::new(),
    };
    let command = if take_subcommand(&mut args, "list") {
        Command::List
    } else if take_subcommand(&mut args, "run") {
        Command::Run
    } else {
        let first = args.get(1).and_then(|arg| arg.to_str());
        Command::None(first.filter(|arg| !arg.is_empty() && !arg.starts_with('-')).map(str::to_owned))
    };
    (command, args, tests)
}

struct Env(HashMap<OsString, OsString>);

impl Env {
    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    fn number(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        let number = value.to_str().and_then(|text| text.parse().ok());
        number.map(Some).with_context(|| format!("the variable {name} is {:?}, which is not a number", value.display()))
    }
}

fn understand(cli: &Cli, tests: &TestBinaryArgs, command: &Command, env: Env) -> Result<Invocation> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processes = processes(cli, tests, &env, cores)?;
    let task = task(cli, &tests.libtest, *command == Command::List)?;
    let quiet = cli.report.quiet || tests.quiet;
    let colours = colours(cli.report.color.or(tests.color), &env);
    let (cargo_args, metadata_args) = (cargo_args(cli, colours.as_ref()), metadata_args(cli));
    let own_run = run_id();
    let toolchain = build::toolchain_said(&env.0, &std::env::current_dir().unwrap_or_default());
    let filter = filter(cli, tests, command)?;
    let eager = eager(cli, task, &filter)?;
    let live = tests.libtest.no_capture || env.get("RUST_TEST_NOCAPTURE").is_some_and(|value| value != "0");
    let include_ignored = filter.ignored != Ignored::Default;
    Ok(Invocation {
        task,
        build_jobs: cli.build.build_jobs.map(|jobs| jobs as usize),
        cores,
        list: list::Options {
            timeout: time("--list-timeout", &cli.run.list_timeout)?,
            parallel: cores,
            mark: (run::RUN_ID, String::new()),
            memory: Utf8PathBuf::new(),
            asking: list::Asking::default(),
        },
        filter,
        group: group::Options {
            timeout: cli.run.process_timeout.as_deref().map(|it| time("--process-timeout", it)).transpose()?,
            per_process: cli.run.process_restartworker.map(|tests| tests as usize),
            env: env.0.clone(),
        },
        run: run::Options {
            // A run inside a test carries the outer run's mark, so that whoever kills that one finds this one's tests.
            run: env.text("PTEST_RUN_ID").map_or(own_run.clone(), |outer| format!("{outer}/{own_run}")),
            nextest_run: uuid(),
            processes,
            cores,
            retries: cli.run.retries,
            repeat: cli.run.repeat,
            max_fail: cli.run.most_failures(),
            diagnose: cli.run.diagnose,
            leaks_fail: cli.run.leaks == Leaks::Fail,
            live,
            keys: screen::keys(cli, &env),
            counters: run::Counters::of(
                env.get(run::PROFILE),
                ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].into_iter().filter_map(|name| env.get(name)),
            ),
            values: Utf8PathBuf::new(),
            built: None,
            again: again(cli, include_ignored),
            toolchain: toolchain.clone(),
            origin: None,
        },
        report: report::Options {
            stdout: cli.report.message_format,
            junit: cli.report.junit.as_deref().map(junit).transpose()?,
            junit_output: cli.report.junit_output,
            github: github(cli.report.annotations, &env),
            trace: cli.report.trace.as_deref().map(|path| file("--trace", path)).transpose()?,
            html: cli.report.html.iter().flatten().next().map(|path| page(path)).transpose()?,
            terminal: TerminalOptions {
                colours: colours.unwrap_or_else(|| std::io::stderr().is_terminal()),
                verbosity: match (quiet, cli.report.verbose) {
                    (true, _) => Verbosity::Quiet,
                    (false, 0) => Verbosity::Normal,
                    (false, _) => Verbosity::Verbose,
                },
                levels: screen::levels(cli, tests),
                progress: screen::progress(cli, tests, &env)?,
                live,
                diagnose: cli.run.diagnose,
                repeated: cli.run.repeat > 1,
                toolchain,
                rerun_all: [selection_words(cli), build_args(cli)].concat(),
                slowest: cli.report.slowest,
                keys: screen::keys(cli, &env),
            },
        },
        page: cli.report.html == Some(None),
        name_host: cli.report.report_host,
        no_tests: cli.select.no_tests,
        failed: cli.select.failed,
        history: !cli.run.no_history,
        whole: selection_args(cli).iter().all(|word| ["--workspace", "--all"].contains(&word.as_str())),
        quiet,
        build: build::Options {
            cargo: cargo(&env),
            cargo_args,
            package_args: package_args(cli),
            build_args: build_args(cli),
            doctests: doctests(cli),
            metadata_args,
            config: cli.build.config.clone(),
            targets: cli.build.target.clone(),
            env: env.0,
            makeflags: None,
            cargo_env: Vec::new(),
            process: build::Process::default(),
        },
        eager,
    })
}

/// The options with which a test is started again.
fn again(cli: &Cli, include_ignored: bool) -> Vec<String> {
    let ignored = include_ignored.then_some(["--run-ignored", "all"]).into_iter().flatten().map(str::to_owned);
    build_args(cli).into_iter().chain(ignored).collect()
}

/// Whether GitHub reads what we write. A run inside of a test is that test's business.
fn github(said: Annotations, env: &Env) -> Option<GithubOptions> {
    let is_there = env.text("GITHUB_ACTIONS") == Some("true") && env.get("PTEST_RUN_ID").is_none();
    let wanted = match said {
        Annotations::Auto => is_there,
        Annotations::Github => true,
        Annotations::None => false,
    };
    let path = |name| env.text(name).filter(|path| !path.is_empty()).map(Utf8PathBuf::from);
    wanted.then(|| GithubOptions {
        summary: path("GITHUB_STEP_SUMMARY"),
        checkout: path("GITHUB_WORKSPACE"),
        // Known when cargo has been asked.
        workspace: Utf8PathBuf::new(),
    })
}

/// The cargo that called us, or else the one that would be found; tests are told its whole path, as cargo tells them.
fn cargo(env: &Env) -> OsString {
    let found = || {
        let folders = std::env::split_paths(env.get("PATH")?);
        let name = format!("cargo{}", std::env::consts::EXE_SUFFIX);
        folders.map(|folder| folder.join(&name)).find(|path| path.is_file()).map(OsString::from)
    };
    env.get("CARGO").map(OsStr::to_owned).or_else(found).unwrap_or_else(|| "cargo".into())
}

/// What is replaced again and again has to be a file of its own.
fn junit(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let is_stream = path == "-" || path.starts_with("/dev") || path.starts_with("/proc");
    ensure!(!is_stream, "--junit {path} is not a file; to write JUnit to stdout, use --message-format junit");
    file("--junit", path)
}

/// The path of the page may be left out, so a filter that comes next would be taken for it.
fn page(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let path = file("--html", path)?;
    ensure!(
        path.extension().is_some() || path.as_str().contains('/'),
        "--html would write the page into a file named {path}: if {path} is a filter, write it before --html; if it is the \
         file, write --html=./{path}"
    );
    Ok(path)
}

/// A file that is replaced as a whole.
fn file(option: &str, path: &Utf8Path) -> Result<Utf8PathBuf> {
    ensure!(path != "" && path != "-", "{option} needs the path of a file");
    Ok(path.to_owned())
}

fn task(cli: &Cli, tests: &LibtestArgs, list: bool) -> Result<Task> {
    let format = match (cli.report.message_format, tests.list) {
        (Stdout::Json, _) => listing::Format::Json,
        (Stdout::Junit, _) if list || tests.list => {
            bail!("a list cannot be printed as JUnit: use --message-format json")
        }
        (Stdout::LibtestJson, _) if list || tests.list => {
            bail!("a list cannot be printed as libtest-json: use --message-format json, or --list")
        }
        (_, true) => listing::Format::Libtest,
        _ => listing::Format::Human,
    };
    Ok(match (cli.build.no_run, list || tests.list) {
        (true, _) => Task::Build,
        (false, true) => Task::List(format),
        (false, false) => Task::Run,
    })
}

fn eager(cli: &Cli, task: Task, filter: &filter::Options) -> Result<bool> {
    ensure!(
        !cli.run.eager || task == Task::Run,
        "--eager starts tests while cargo is still building, but here none are run: leave it out"
    );
    // Which test is at a line is known when all tests are.
    let names_a_line = filter.filters.iter().chain(&filter.skip).any(|filter| filter::at_line(filter).is_some());
    Ok(cli.run.eager && !names_a_line)
}

/// The cap on worker slots, from whoever says it first.
fn processes(cli: &Cli, tests: &TestBinaryArgs, env: &Env, cores: usize) -> Result<usize> {
    let said = [
        ("--processes", cli.run.processes),
        ("--test-threads", tests.libtest.test_threads),
        ("PTEST_PROCESSES", env.number("PTEST_PROCESSES")?.map(Processes::Number)),
        ("RUST_TEST_THREADS", env.number("RUST_TEST_THREADS")?.map(Processes::Number)),
    ];
    let Some((name, Processes::Number(number))) = said.into_iter().find_map(|(name, said)| Some((name, said?))) else {
        return Ok(cores);
    };
    ensure!(number != 0, "{name} is 0, but the minimum is 1");
    let number = if number < 0 { i64::try_from(cores)? + number } else { number };
    ensure!(number <= MOST_PROCESSES, "{name} is {number}, but the maximum is {MOST_PROCESSES}");
    Ok(usize::try_from(number.max(1))?)
}

/// The jobserver's pipe has no room for more.
const MOST_PROCESSES: i64 = 4096;

fn filter(cli: &Cli, tests: &TestBinaryArgs, command: &Command) -> Result<filter::Options> {
    let ignored = match (cli.select.run_ignored, tests.libtest.ignored, tests.libtest.include_ignored) {
        (Some(which), false, false) => which,
        (Some(_), ..) => bail!("--run-ignored cannot be used with --ignored or --include-ignored"),
        (None, true, true) => bail!("--ignored cannot be used with --include-ignored"),
        (None, true, false) => Ignored::Only,
        (None, false, true) => Ignored::All,
        (None, false, false) => Ignored::Default,
    };
    let first = cli.select.filters.iter().find(|it| !it.is_empty());
    let (first_word, after_option) = match command {
        Command::None(Some(word)) => (Some(word), false),
        Command::None(None) => (first, true),
        Command::Run | Command::List => (None, false),
    };
    // Editors pass empty arguments, which mean nothing.
    let filters = cli.select.filters.iter().chain(&tests.filters).filter(|it| !it.is_empty()).cloned().collect();
    Ok(filter::Options {
        filters,
        skip: tests.libtest.skip.clone(),
        exact: tests.libtest.exact,
        ignored,
        partition: cli.select.partition.as_deref().map(partition).transpose()?,
        run: *command == Command::Run,
        first_word: first_word.cloned(),
        after_option,
        // What failed is known when the folder of the journals is, and which files there are when the workspace is.
        failed: None,
        places: BTreeMap::new(),
    })
}

fn partition(text: &str) -> Result<Partition> {
    let understand = || {
        let (by, numbers) = text.split_once(':')?;
        let (part, parts) = numbers.split_once('/')?;
        let by = match by {
            "count" => PartitionBy::Count,
            "hash" => PartitionBy::Hash,
            _ => return None,
        };
        let (part, parts) = (part.parse().ok()?, parts.parse().ok()?);
        (1..=parts).contains(&part).then_some(Partition { by, part, parts })
    };
    understand().with_context(|| format!("invalid --partition {text}: write count:M/N or hash:M/N, with M from 1 to N"))
}

fn time(name: &str, text: &str) -> Result<Duration> {
    parse_time(text).with_context(|| format!("invalid {name}"))
}

/// What was decided about colours, in the order of precedence; `None` leaves it to whether there is a terminal.
fn colours(said: Option<Colour>, env: &Env) -> Option<bool> {
    let word = |text: &str| match text {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    };
    let is_set = |name| env.get(name).is_some_and(|value| !value.is_empty());
    let conventions = || {
        env.text("CARGO_TERM_COLOR")
            .and_then(word)
            .or_else(|| is_set("NO_COLOR").then_some(false))
            .or_else(|| (is_set("CLICOLOR_FORCE") && env.text("CLICOLOR_FORCE") != Some("0")).then_some(true))
    };
    let chosen = match said {
        Some(Colour::Always) => Some(true),
        Some(Colour::Never) => Some(false),
        Some(Colour::Auto) => None,
        None => conventions(),
    };
    chosen.or_else(|| (env.text("TERM") == Some("dumb")).then_some(false))
}

/// The same, where the command line may be one that cannot be understood: what clap says of it has colours, too.
fn colours_of(args: &[OsString], env: &Env) -> Option<bool> {
    let mut words = args.iter().filter_map(|arg| arg.to_str());
    let mut said = None;
    while let (None, Some(word)) = (said, words.next()) {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        said = value.and_then(|value| Colour::from_str(value, false).ok());
    }
    colours(said, env)
}

/// Reads arguments with clap, whose words have colours as ours do.
fn parse<T: Parser>(command: clap::Command, args: Vec<OsString>, colours: Option<bool>) -> Result<T, clap::Error> {
    let choice = match colours {
        Some(true) => clap::ColorChoice::Always,
        Some(false) => clap::ColorChoice::Never,
        None => clap::ColorChoice::Auto,
    };
    let mut command = command.color(choice);
    let matches = command.try_get_matches_from_mut(args)?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Names a run: the time, in UTC, so that people find it, and the process, so that two runs at once differ.
fn run_id() -> String {
    let now = chrono::Utc::now();
    format!("{}Z-{}", now.format("%Y%m%dT%H%M%S%3f"), std::process::id())
}

/// A random UUID, of version 4.
fn uuid() -> String {
    // Each state has a random key of its own.
    let random = || RandomState::new().hash_one(());
    let (a, b) = (random(), random());
    let (variant, low) = (8 | (b >> 62), b & 0xffff_ffff_ffff);
    format!(
        "{:08x}-{:04x}-4{:03x}-{variant:x}{:03x}-{low:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        (b >> 48) & 0xfff
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Doctests;

    fn parsed(line: &str, env: &[(&str, &str)]) -> Result<Invocation, String> {
        let args = ["cargo-ptest", "ptest"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        invocation(args, env).map_err(|error| match error {
            NoInvocation::Clap(error) => error.to_string(),
            NoInvocation::Error(error) => format!("{error:#}"),
        })
    }

    fn words(line: &str) -> String {
        parsed(line, &[]).unwrap().build.cargo_args.join(" ")
    }

    #[test]
    fn a_filter_is_not_taken_for_the_path_of_the_page() {
        let html = |line: &str| parsed(line, &[]).map(|it| it.report.html.map(Utf8PathBuf::into_string));
        let error = html("--html adds").unwrap_err();
        assert!(error.contains("if adds is a filter, write it before --html"), "{error}");
        for path in ["page.html", "./adds", "new/page", "/dev/null"] {
            assert_eq!(html(&format!("--html {path}")), Ok(Some(path.to_owned())));
        }
        assert_eq!(html("adds --html"), Ok(None), "it goes to its usual place");
    }

    #[test]
    fn cargo_tests_options_are_forwarded_in_its_own_spelling() {
        assert_eq!(words("-p a -p b --lib -r --test x"), "--package a --package b --lib --test x --release");
        assert_eq!(
            words("-F a,b --no-default-features --target t --locked"),
            "--features a,b --no-default-features --target t --locked"
        );
        assert_eq!(words("--timings --color=never"), "--color=never --timings");
        let alone = [
            "--frozen",
            "--offline",
            "--ignore-rust-version",
            "--all",
            "--workspace --exclude b",
            "--bench x",
            "--benches",
            "--bins",
            "--example x",
            "--examples",
            "--tests",
            "--all-targets",
            "--all-features",
            "--profile ci",
            "--target-dir d",
            "--future-incompat-report",
        ];
        for line in alone {
            assert_eq!(words(line), line.replace("--all ", "--workspace "), "{line}");
        }
        assert_eq!(
            words("--config k=1 -Z x --manifest-path d/Cargo.toml"),
            "--manifest-path d/Cargo.toml --config k=1 -Z x"
        );
    }

    #[test]
    fn without_a_name_cargo_lists_those_that_there_are() {
        for option in ["--bin", "--example", "--test", "--bench"] {
            assert_eq!(words(&format!("{option} --release")), format!("{option} --release"));
            assert_eq!(words(&format!("{option} x")), format!("{option} x"));
        }
        assert_eq!(words("-p"), "--package");
    }

    #[test]
    fn options_that_are_meant_for_test_binaries_can_be_before_the_dashes() {
        let both = [
            ("--exact name", "name -- --exact"),
            ("--skip x --skip=y", "-- --skip x --skip=y"),
            ("--skip x -- --skip y", "-- --skip x --skip y"),
            ("--ignored", "-- --ignored"),
            ("--include-ignored", "-- --include-ignored"),
            ("--nocapture", "-- --nocapture"),
            ("--no-capture", "-- --no-capture"),
            ("--show-output", "-- --show-output"),
            ("--test-threads 3", "-- --test-threads=3"),
            ("--list", "-- --list"),
        ];
        let understood = |line: &str| {
            let Invocation { task, filter, run, report, .. } = parsed(line, &[]).unwrap();
            // Whether a word can be meant for a command depends on its side.
            let filter = filter::Options { first_word: None, after_option: false, ..filter };
            (task, filter, run.processes, run.live, format!("{:?}", report.terminal.levels))
        };
        let default = understood("");
        for (before, after) in both {
            assert_eq!(understood(before), understood(after), "{before}");
            assert_ne!(understood(before), default, "{before}");
        }
    }

    #[test]
    fn what_other_runners_call_an_option_is_understood() {
        let run = |line: &str| parsed(line, &[]).unwrap().run;
        let group = |line: &str| parsed(line, &[]).unwrap().group;
        assert_eq!(group("--timeout 3").timeout, Some(Duration::from_secs(3)));
        assert_eq!(group("--isolate").per_process, Some(1));
        assert_eq!(group("--isolate name").per_process, Some(1));
        assert_eq!(run("--ff").max_fail, Some(1));
        assert_eq!((run("--nff").max_fail, run("--max-fail=all").max_fail), (None, None));
        assert_eq!((run("--max-fail=3").max_fail, run("--max-fail 4:wait").max_fail), (Some(3), Some(4)));
        assert!(parsed("--max-fail=1:immediate", &[]).unwrap_err().contains("always finish"));
        assert!(parsed("--max-fail=0", &[]).unwrap_err().contains("a number from 1, or all"));
        assert_eq!(run("-j num-cpus").processes, run("").processes);
        assert!(parsed("-j many", &[]).unwrap_err().contains("expected a number, or num-cpus"));
        assert_eq!(words("--cargo-profile ci"), "--profile ci");
        assert_eq!(parsed("--no-tests=auto", &[]).unwrap().no_tests, NoTests::Fail);
        assert_eq!(parsed("--run-ignored=ignored-only", &[]).unwrap().filter.ignored, Ignored::Only);
        let progress = |line: &str| format!("{:?}", parsed(line, &[]).unwrap().report.terminal.progress);
        assert_eq!(progress("--hide-progress-bar"), progress("--show-progress=none"));
    }

    #[test]
    fn the_short_help_fits_on_a_screen() {
        let help = own_options().term_width(80).render_help().to_string();
        assert!(help.lines().count() <= 40, "{}\n{help}", help.lines().count());
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        let ids: Vec<String> = own_options().get_arguments().map(|arg| arg.get_id().to_string()).collect();
        let unknown = help::COMMON.iter().find(|id| **id != "help" && !ids.iter().any(|it| it == *id));
        assert_eq!(unknown, None);
    }

    #[test]
    fn doctests_run_unless_targets_are_chosen() {
        let doctests = |line| parsed(line, &[]).unwrap().build.doctests;
        for line in ["", "-p a", "--workspace --exclude b name", "--release"] {
            assert_eq!(doctests(line), Doctests::Beside, "{line}");
        }
        for line in ["--lib", "--bins", "--bin x", "--tests", "--test x", "--all-targets", "--example x", "--no-doc"] {
            assert_eq!(doctests(line), Doctests::Without, "{line}");
        }
        assert_eq!(doctests("--doc -p a"), Doctests::Only);
        assert!(parsed("--doc --lib", &[]).unwrap_err().contains("cannot be used with"));
    }

    #[test]
    fn unknown_options_are_refused_by_name() {
        assert!(parsed("--jobs=3", &[]).unwrap_err().contains("--jobs"));
        assert!(parsed("-- --frobnicate", &[]).unwrap_err().contains("--frobnicate"));
        assert!(parsed("--jobs=3", &[]).unwrap_err().contains("--build-jobs"));
        assert!(parsed("--junit -", &[]).unwrap_err().contains("--message-format junit"));
        assert!(parsed("--partition count:4/3", &[]).unwrap_err().contains("count:4/3"));
        assert!(parsed("--process-timeout soon", &[]).unwrap_err().contains("soon"));
    }

    #[test]
    fn processes_come_from_whoever_says_it_first() {
        let env = [("PTEST_PROCESSES", "5"), ("RUST_TEST_THREADS", "1")];
        assert_eq!(parsed("-j 3 -- --test-threads=2", &env).unwrap().run.processes, 3);
        assert_eq!(parsed("-- --test-threads=2", &env).unwrap().run.processes, 2);
        assert_eq!(parsed("", &env).unwrap().run.processes, 5);
        assert_eq!(parsed("", &env[1..]).unwrap().run.processes, 1);
        assert_eq!(parsed("--processes=-1000", &[]).unwrap().run.processes, 1);
        assert!(parsed("-j 0", &[]).unwrap_err().contains("the minimum is 1"));
        assert!(parsed("", &[("PTEST_PROCESSES", "many")]).unwrap_err().contains("PTEST_PROCESSES"));
    }

    #[test]
    fn what_stands_after_the_dashes_is_what_editors_generate() {
        let filter = parsed("a -- b --exact --skip c --include-ignored --nocapture", &[]).unwrap().filter;
        assert_eq!(filter.filters, ["a", "b"]);
        assert_eq!((filter.exact, &filter.skip[..], filter.ignored), (true, &["c".to_owned()][..], Ignored::All));
        let args = ["cargo-ptest", "", "--", "", "x"].map(OsString::from).to_vec();
        assert_eq!(invocation(args, HashMap::new()).unwrap().filter.filters, ["x"]);
    }

    #[test]
    fn list_is_a_subcommand_only_in_the_first_place() {
        assert_eq!(parsed("list", &[]).unwrap().task, Task::List(listing::Format::Human));
        assert_eq!(parsed("list --message-format json", &[]).unwrap().task, Task::List(listing::Format::Json));
        assert_eq!(parsed("-- --list", &[]).unwrap().task, Task::List(listing::Format::Libtest));
        let run = parsed("-- list", &[]).unwrap();
        assert_eq!((run.task, run.filter.filters), (Task::Run, vec!["list".to_owned()]));
    }

    #[test]
    fn run_is_what_no_word_means_and_a_filter_in_any_other_place() {
        let read = |line| {
            let Invocation { task, filter, .. } = parsed(line, &[]).unwrap();
            (task, filter.run, filter.filters.join(" "), filter.first_word)
        };
        let first = |word: &str| Some(word.to_owned());
        assert_eq!(read("run"), (Task::Run, true, String::new(), None));
        assert_eq!(read("run run -- list"), (Task::Run, true, "run list".to_owned(), None));
        assert_eq!(read("run -- --list"), (Task::List(listing::Format::Libtest), true, String::new(), None));
        assert_eq!(read("-- run"), (Task::Run, false, "run".to_owned(), None));
        assert_eq!(read("--release run"), (Task::Run, false, "run".to_owned(), first("run")));
        assert_eq!(read("--test run"), (Task::Run, false, String::new(), None));
        let after_option = |line| parsed(line, &[]).unwrap().filter.after_option;
        assert_eq!(["--release run", "--test x lst", "rnu a", "run a"].map(after_option), [true, true, false, false]);
        assert_eq!(read("rnu a"), (Task::Run, false, "rnu a".to_owned(), first("rnu")));
        assert_eq!(read("list a").3, None);
    }

    #[test]
    fn colours_go_by_the_option_then_cargo_then_the_conventions() {
        let env = |pairs: &[(&str, &str)]| Env(pairs.iter().map(|(name, value)| (name.into(), value.into())).collect());
        assert_eq!(colours(Some(Colour::Never), &env(&[("CARGO_TERM_COLOR", "always")])), Some(false));
        assert_eq!(colours(None, &env(&[("CARGO_TERM_COLOR", "always"), ("NO_COLOR", "1")])), Some(true));
        assert_eq!(
            colours(None, &env(&[("CARGO_TERM_COLOR", "auto"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])),
            Some(false)
        );
        assert_eq!(colours(None, &env(&[("CLICOLOR_FORCE", "1")])), Some(true));
        assert_eq!(colours(None, &env(&[("NO_COLOR", "")])), None);
        let dumb = |more: &[(&str, &str)]| env(&[&[("TERM", "dumb")], more].concat());
        assert_eq!(colours(None, &dumb(&[])), Some(false));
        assert_eq!(colours(Some(Colour::Auto), &dumb(&[("CLICOLOR_FORCE", "1")])), Some(false));
        assert_eq!(colours(None, &dumb(&[("CLICOLOR_FORCE", "1")])), Some(true));
        assert_eq!(colours(None, &dumb(&[("CARGO_TERM_COLOR", "always")])), Some(true));
        assert_eq!(colours(Some(Colour::Always), &dumb(&[("NO_COLOR", "1")])), Some(true));
        assert_eq!(colours(None, &env(&[("TERM", "xterm")])), None);
    }

    #[test]
    fn what_clap_says_has_colours_as_the_report_has() {
        let coloured = |line: &str, env: &[(&str, &str)]| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let env = Env(env.iter().map(|(name, value)| (name.into(), value.into())).collect());
            colours_of(&args, &env)
        };
        assert_eq!(coloured("cargo-ptest --bogus --color=always", &[("TERM", "dumb")]), Some(true));
        assert_eq!(coloured("cargo-ptest --color never --bogus", &[("CLICOLOR_FORCE", "1")]), Some(false));
        assert_eq!(coloured("cargo-ptest --bogus -- --color always", &[]), Some(true));
        assert_eq!(coloured("cargo-ptest --color", &[]), None);
        assert_eq!(coloured("cargo-ptest --colors=always", &[]), None);
    }

    #[test]
    fn github_is_told_when_it_runs_us_and_not_from_inside_of_a_test() {
        let env = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", "/summary"),
            ("GITHUB_WORKSPACE", "/checkout"),
            ("PTEST_RUN_ID", "outer"),
        ];
        let told = |line, env| parsed(line, env).unwrap().report.github;
        let options = told("", &env[..3]).unwrap();
        assert_eq!((options.summary.unwrap(), options.checkout.unwrap()), ("/summary".into(), "/checkout".into()));
        assert!(told("", &env).is_none());
        assert!(told("", &[]).is_none());
        assert!(told("--annotations=none", &env[..3]).is_none());
        assert!(told("--annotations=github", &[]).unwrap().summary.is_none());
    }

    #[test]
    fn what_is_shown_of_tests_goes_by_the_options() {
        use report::{FinalStatusLevel as Final, OutputWhen, StatusLevel as Status};
        let shown = |line| {
            let levels = parsed(line, &[]).unwrap().report.terminal.levels;
            (levels.status, levels.at_the_end, levels.failure_output, levels.success_output)
        };
        let (at_once, never) = (OutputWhen::Immediate, OutputWhen::Never);
        assert_eq!(shown(""), (Status::Pass, Final::Flaky, at_once, never));
        assert_eq!(shown("-q"), (Status::Fail, Final::Fail, at_once, never));
        assert_eq!(shown("-- -q"), shown("-q"));
        assert_eq!(shown("-q --final-status-level=leak"), (Status::Fail, Final::Leak, at_once, never));
        assert_eq!(
            shown("--final-status-level retry --status-level=slow"),
            (Status::Slow, Final::Flaky, at_once, never)
        );
        assert_eq!(
            shown("--failure-output=immediate-final --success-output final"),
            (Status::Pass, Final::Flaky, OutputWhen::ImmediateFinal, OutputWhen::Final)
        );
        assert_eq!(shown("-- --show-output"), (Status::Pass, Final::Flaky, at_once, at_once));
        assert_eq!(shown("--success-output=never -- --show-output"), shown(""));
        assert_eq!(parsed("-q", &[]).unwrap().report.terminal.verbosity, Verbosity::Quiet);
        assert!(parsed("--failure-output=later", &[]).unwrap_err().contains("later"));
    }

    #[test]
    fn a_nested_run_carries_the_outer_ones_mark() {
        let run = parsed("", &[("PTEST_RUN_ID", "outer")]).unwrap().run.run;
        assert!(run.starts_with("outer/"), "{run}");
    }

    #[test]
    fn each_run_has_a_uuid_of_its_own_for_those_who_know_nextest() {
        let run = || parsed("", &[("NEXTEST_RUN_ID", "outer")]).unwrap().run.nextest_run;
        let (one, other) = (run(), run());
        assert_ne!(one, other);
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(parts.iter().map(|it| it.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{one}");
        assert!(parts.concat().chars().all(|it| it.is_ascii_hexdigit()), "{one}");
        assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{one}");
    }

    #[test]
    fn the_options_are_well_formed() {
        own_options().debug_assert();
        AfterwardsArgs::command().debug_assert();
        TestBinaryArgs::command().debug_assert();
    }
}
