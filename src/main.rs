//! `cargo ptest` runs the tests of a Rust workspace in parallel worker processes.
//!
//! A worker is a slot; in it one process after another runs a *batch* of tests of one test binary. Processes are reused
//! for many tests, so a small test costs next to nothing; when one dies or hangs, the test that it was in gets its
//! outcome and the rest of its batch goes to a fresh process. Test binaries are stock: nothing has to be compiled into
//! them. Those that use the `ptest` crate tell more: which tests belong to which contexts, and what becomes of these.
//!
//! # The line
//!
//! The program is a line of stages. Each is a function from the stage before to a type that it defines:
//!
//! 1. [`cli`] turns the command line and the environment into one plain options struct for each stage.
//! 2. [`build`] has cargo build the tests and says of each [`TestBinary`](build::TestBinary) how cargo would run it.
//! 3. [`list`] asks each binary for its tests and reads what its annotations say of them: [`Suite`]s. What cargo has
//!    built is asked while it builds the rest ([`beside`]).
//! 4. [`filter`] makes a [`Decision`] about each test, and knows why.
//! 5. [`group`] puts what is to run into [`Group`](group::Group)s, by the contexts in the sources and in
//!    `.config/ptest.toml` ([`config`]), and says which shared ones need a [`Host`](group::Host).
//! 6. [`schedule`] decides what runs when, by what [`history`] knows of earlier runs; [`run`] does it, in one loop that
//!    owns the run.
//! 7. [`report`] tells people and machines, from the [`Event`](event::Event)s that the run emits.
//!
//! The keyboard is one more sender to the run's loop (`run/keys`), and what it asks to see goes to the reporters beside
//! the events. [`listing`] is where the line ends early: it prints what would run. [`report::afterwards`] is where it
//! begins late: it makes reports of the journal of a run that is over. [`exit`] holds every exit code.
//!
//! # Decide, do, tell
//!
//! `filter`, `group` and `schedule` decide and touch nothing: no file, clock, thread or variable. `build`, `list` and
//! `run` do. `report` tells. [`event`] holds the words between doing and telling and knows neither. Which module may
//! import which is written down as a table in `cargo xtask tidy` and checked as a test.
//!
//! # How a process is read
//!
//! `run/process` starts a child and reads it in a thread; `run/dialect` makes facts of its bytes; `run/judge` decides
//! what its end means. libtest prints a line around each test, and everything that the test prints lies between. The
//! text alone could be fooled, so verdicts come from libtest's log, which nobody else writes, and the exit status is a
//! third witness. All three are pure and can be tried on any bytes.
//!
//! A binary with annotations says besides what its fixtures do, in records between what its tests print. Who starts with
//! a token only known to it and its reader can write one; so they are cut out before anything else is looked for, and
//! what stands between the two of a fixture is that fixture's output. A **host** is a process that says nothing else: it
//! sets a shared context up, leaves its value in a file, and tears down when its stdin ends. So it does that, too, when
//! the runner is killed.
//!
//! The doctests of a library are a binary like any other, though its program is `cargo test --doc`. Its harness is the
//! standard one as well, but rustdoc takes no whole names (`run/pick`) and chooses the order (`run/dialect/order`).
//!
//! # What always holds
//!
//! * Every selected test is reported exactly once, whatever dies. If the books do not balance at the end, the run is
//!   red and names what is missing.
//! * A verdict that arrived before death counts. What had not begun goes to another process, and is not counted as tried.
//! * There are never more processes than slots held, and the one that every process owns. No slot is held idle, but by a
//!   test that takes several and waits for the last of them. A host counts while it sets up and while it tears down; while
//!   it waits it needs no core.
//! * What a group needs is up before its first test and there until after its last one. A set-up that failed is not
//!   tried again: all tests that need it are told, by name, and none of them is green.
//! * Time enters the scheduler as an input. Nothing sleeps to wait for something that can tell that it happened; two
//!   things cannot, and are looked at again in short intervals: the end of a process group, and of an `execve`.
//! * No test binary and nothing that one has started outlives the run, from the first that is asked for its tests on:
//!   each leads a group that is killed with it, a watchdog does the same if the runner itself is killed, and what has
//!   left its group is found by a mark in its environment (on Linux).
//! * The terminal is given back as it was found on every way out: its modes, and the lines that were only for the
//!   moment ([`tty`]).
//! * What a test prints is kept in bounded memory, and whoever prints faster than can be told has to wait.
//! * A failing test is a value. An error means that `cargo ptest` could not do its work; once a run has begun it stops
//!   new work, drains, reaps, writes the reports, and surfaces then.
//!
//! # Platforms
//!
//! Everything that knows the operating system is in `list/answer`, `run/{keys,leftovers,os,signals,slots,watchdog}` and
//! `tty`. Linux is where all of it is tested. On macOS the code takes portable paths that are written but
//! untested (libtest's log is a file instead of a pipe, processes that leave their group are not found). There is no
//! Windows implementation yet, and the crate says so when it is compiled there.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "reports, lists and last words are written to a handle, and whether that went well is looked at"
)]

mod beside;
mod build;
mod cli;
mod config;
mod event;
mod exit;
mod filter;
mod group;
mod history;
mod list;
mod listing;
mod report;
mod run;
mod schedule;
mod tty;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Instant;

use anyhow::Context;
use camino::Utf8PathBuf;

use beside::{Ground, Lister};
use cli::{Afterwards, Called, Invocation, NoInvocation, NoTests, Task};
use event::Reporter;
use exit::{Exit, Failure, OrExit};
use filter::Decision;
use list::{Harness, Suite};
use run::slots::Pool;

fn main() -> Exit {
    // SAFETY: nothing has been opened yet.
    unsafe { run::slots::inherit() };
    let mut args = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    if let (Some(run::watchdog::ARGUMENT), Some(run), Some(values)) = (args.next().as_deref(), args.next(), args.next())
    {
        run::watchdog::main(&run, values.as_str().into(), args.next().as_deref());
        return Exit::Success;
    }
    tty::give_back_before_panics();
    let invocation = match cli::read() {
        Ok(Called::Line(invocation)) => *invocation,
        Ok(Called::Generate(what)) => return generate(what).unwrap_or_else(fail),
        Ok(Called::Report(afterwards)) => return report_afterwards(&afterwards).unwrap_or_else(fail),
        Err(NoInvocation::Clap(error)) => {
            match cli::advice(&error) {
                Some(advice) => say(&advice),
                // When even this cannot be printed, the exit code is all that is left to say.
                None => drop(error.print()),
            }
            return if error.use_stderr() { Exit::Setup } else { Exit::Success };
        }
        Err(NoInvocation::Error(error)) => return fail(Failure::from(error)),
    };
    let (report, task) = (invocation.report.clone(), invocation.task);
    let mut began = false;
    let exit = carry_out(invocation, &mut began).unwrap_or_else(fail);
    if task == Task::Run && !began && report::nothing_ran(&report).is_err() {
        return Exit::OutputFailed;
    }
    exit
}

fn fail(Failure { exit, error }: Failure) -> Exit {
    say(&format!("error: {error:#}"));
    exit
}

/// Outside of a run, what is said goes to stderr from here: a line in one piece, so that several programs may talk.
fn say(text: &str) {
    // Where nobody can read it, there is nobody to tell so.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

fn generate(what: cli::What) -> Result<Exit, Failure> {
    let text = cli::generate(what)?;
    std::io::stdout().write_all(&text).context("cannot write to stdout").or_exit(Exit::OutputFailed)?;
    Ok(Exit::Success)
}

/// The folder of the journals, before or without a build.
fn journals(options: &build::Options) -> Result<Utf8PathBuf, Failure> {
    let target = build::target_directory(options).or_exit(Exit::MetadataFailed)?;
    Ok(target.join("ptest"))
}

/// `cargo ptest report`.
fn report_afterwards(asked: &Afterwards) -> Result<Exit, Failure> {
    let folder = || match &asked.target_dir {
        Some(target) => Ok(target.join("ptest")),
        None => journals(&asked.cargo),
    };
    let run = report::afterwards::Found::find(&asked.report.run, folder)?;
    if let Some(note) = run.note()? {
        say(&format!("note: {note} ({})", run.path()));
    }
    run.write(&asked.report).or_exit(Exit::OutputFailed)?;
    Ok(Exit::Success)
}

/// The line: build, list, filter, group, run with a schedule, report.
///
/// `began` tells whether it came to a run, which has its own end.
fn carry_out(mut invocation: Invocation, began: &mut bool) -> Result<Exit, Failure> {
    if invocation.task == Task::Run {
        report::begin(&invocation.report).or_exit(Exit::OutputFailed)?;
    }
    if invocation.failed {
        invocation.filter.failed = Some(report::outstanding(&journals(&invocation.build)?)?);
    }
    let build_slots = match invocation.build_jobs {
        Some(jobs) => jobs,
        None => build::configured_jobs(invocation.cores)?,
    };
    let (mut pool, warning) = Pool::open(build_slots)?;
    warning.iter().for_each(|warning| say(&format!("warning: {warning}")));
    invocation.build.makeflags.clone_from(&pool.makeflags);
    let began_to_build = Instant::now();
    let mut lister = Lister::new(&invocation.list, &invocation.run);
    let built = build::test_binaries(&invocation.build, &mut |site, binary| {
        if invocation.task != Task::Build {
            lister.found(site, binary);
        }
    });
    let ground = lister.finish(built.is_ok());
    let mut build = match built {
        Ok(build) => build,
        Err(failure) => return not_built(failure),
    };
    invocation.run.built = Some(began_to_build.elapsed());
    let config = config::read(build.site.workspace_root.as_std_path())?;
    if invocation.task == Task::Build {
        return Ok(Exit::Success);
    }
    // A guest may use one core until it is granted more.
    let parallel = if pool.guest { 1 } else { invocation.list.parallel };
    let binaries = std::mem::take(&mut build.binaries);
    let ground = match ground {
        Some(ground) => ground,
        None => Ground::prepare(&build.site, &invocation.list, &invocation.run)?,
    };
    let Ground { journals, values, list, watchdog } = ground;
    invocation.run.values = values;
    let options = list::Options { parallel, ..list };
    let suites = list::tests(binaries, &options).or_exit(Exit::ListFailed)?;
    let decisions = filter::select(&suites, &invocation.filter);
    for note in filter::unknown(&suites, &invocation.filter, invocation.whole) {
        say(&format!("note: {note}"));
    }
    let selected = |decisions: &&Vec<Decision>| decisions.iter().any(|it| !matches!(it, Decision::Skip(_)));
    if !invocation.quiet {
        let taken = suites.iter().zip(&decisions).filter(|(_, decisions)| selected(decisions));
        taken.filter_map(|(suite, _)| suite.note.as_ref()).for_each(|note| say(&format!("note: {note}")));
    }
    if let Task::List(format) = invocation.task {
        let folders =
            listing::Folders { target: &build.site.target_directory, build: build.site.build_directory.as_deref() };
        let mut out = std::io::stdout().lock();
        listing::print(format, &suites, &decisions, folders, &mut out).or_exit(Exit::OutputFailed)?;
        out.flush().context("cannot write the list to stdout").or_exit(Exit::OutputFailed)?;
        return Ok(Exit::Success);
    }
    let groups = group::by_context(&suites, &decisions, &config, &invocation.group);
    for context in groups.unmatched.iter().filter(|context| invocation.whole || context.names_built_code) {
        say(&format!("warning: {}: {} matches no test", config::PATH, context.name));
    }
    hint_at_locks(&build.serial_packages, &suites, &decisions, &config);
    if let Some((tests, most)) = groups.beyond(invocation.run.processes) {
        let (slots, are) = (invocation.run.processes, if tests == 1 { "test asks" } else { "tests ask" });
        say(&format!(
            "note: {tests} {are} for more slots than --processes={slots} (up to {most}), and get all {slots}"
        ));
    }
    pool.resize(invocation.run.processes)?;
    if let Some(github) = &mut invocation.report.github {
        github.workspace.clone_from(&build.site.workspace_root);
    }
    let memory = journals.join("history");
    let lengths = match invocation.history {
        true => history::recall(&memory, &suites),
        false => history::nothing(&suites),
    };
    let mut reporters = report::open(&invocation.report, &journals, &invocation.run.run).or_exit(Exit::OutputFailed)?;
    if invocation.history {
        reporters.push(history::Keeper::new(memory, &suites, &lengths));
    }
    *began = true;
    let work = run::Work { suites: &suites, decisions: &decisions, groups: &groups, lengths: &lengths };
    let finished = run::groups(work, &pool, &watchdog, &invocation.run, &mut reporters);
    let reported = reporters.finish();
    let finished = finished.map_err(|error| match error {
        run::Error::Report(error) => Failure { exit: Exit::OutputFailed, error },
        run::Error::Other(error) => error.into(),
    })?;
    reported.or_exit(Exit::OutputFailed)?;
    if invocation.filter.failed.as_ref().is_some_and(BTreeSet::is_empty) {
        say("note: no test failed or was left unfinished the last time that it was run; there is nothing to do");
        return Ok(Exit::Success);
    }
    if !decisions.iter().any(|decisions| selected(&decisions)) {
        return Ok(nothing_selected(invocation.no_tests, &suites));
    }
    Ok(Exit::of_run(&finished))
}

fn not_built(failure: build::Failure) -> Result<Exit, Failure> {
    match failure {
        build::Failure::Build => Ok(Exit::BuildFailed),
        build::Failure::Metadata(error) => Err(Failure { exit: Exit::MetadataFailed, error }),
        build::Failure::MetadataAndBuild => Ok(Exit::MetadataFailed),
        build::Failure::Other(error) => Err(error.into()),
    }
}

/// `serial_test`'s locks work inside of a process; whoever uses it has to say what they are to mean here.
fn hint_at_locks(packages: &[String], suites: &[Suite], decisions: &[Vec<Decision>], config: &config::Config) {
    let runs = |package: &&String| {
        suites.iter().zip(decisions).any(|(suite, decisions)| {
            suite.binary.package == **package
                && suite.harness != Harness::Doctests
                && decisions.iter().filter(|it| **it == Decision::Run).nth(1).is_some()
        })
    };
    let is_said = |package: &&String| {
        config.contexts.iter().any(|it| {
            let binary = it.binary.as_deref().and_then(|id| id.split("::").next());
            it.package.as_deref().or(binary) == Some(package.as_str())
        })
    };
    for package in packages.iter().filter(runs).filter(|package| !is_said(package)) {
        say(&format!(
            "hint: {package} uses serial_test, whose locks do not reach from one process to another; to keep its tests \
             apart, put into {}:\n    [[context]]\n    package = {package:?}\n    kind = \"unit\"\n    max = 1",
            config::PATH
        ));
    }
}

fn nothing_selected(wanted: NoTests, suites: &[Suite]) -> Exit {
    let tests: usize = suites.iter().map(|suite| suite.tests.len()).sum();
    let binaries = suites.len();
    let plural = if binaries == 1 { "binary" } else { "binaries" };
    let what = format!("no test was selected, of {tests} in {binaries} {plural}");
    match wanted {
        NoTests::Pass => Exit::Success,
        NoTests::Warn => {
            say(&format!("warning: {what}"));
            Exit::Success
        }
        NoTests::Fail => {
            say(&format!("error: {what}; --no-tests=pass makes that a success"));
            Exit::NoTests
        }
    }
}
