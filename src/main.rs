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
//! 2. [`build`] has cargo build the tests and says of each [`TestBinary`] how cargo would run it.
//! 3. [`list`] asks each binary for its tests and reads what its annotations say of them: [`Suite`]s. What cargo has
//!    built is asked while it builds the rest ([`beside`]).
//! 4. [`filter`] makes a [`Decision`] about each test, and knows why. Which filters are paths of source
//!    files, [`places`] has found out before.
//! 5. [`group`] puts what is to run into [`Group`](group::Group)s, by the contexts in the sources and in
//!    `.config/ptest.toml` ([`config`]), and says which shared ones need a [`Host`](group::Host).
//! 6. [`schedule`] decides what runs when, by what [`history`] knows of earlier runs; [`run`] does it, in one loop that
//!    owns the run.
//! 7. [`report`] tells people and machines, from the [`Event`](event::Event)s that the run emits; the first of them says
//!    where the run comes from ([`origin`]), without what may be a secret ([`masks`]).
//!
//! With `--eager` the run begins while cargo still builds ([`eager`]): the stages up to [`group`] run in a thread beside
//! the run, suite by suite, and what comes of them is one more sender to the run's loop, too. Everything else is the same
//! as where all is known in the beginning, which is a run that hears no such news.
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
//! A test can take both away from libtest, as a daemon does that closes its descriptors. If its process then ends as
//! libtest does when it cannot go on, that test runs once more alone and without a log, and its exit code decides
//! (`run/rerun`).
//!
//! Where libtest has no log, the verdicts are the text's, and wait until the process has ended: the counts, the exit code and
//! what the kernel says of the bytes that libtest has written have to agree (`run/witness`). Whatever does not runs again alone.
//! `docs/libtest.md` says what of libtest is relied on, and what happens when it goes.
//!
//! A binary with annotations says besides what its fixtures do, in records between what its tests print. Who starts with
//! a token only known to it and its reader can write one; so they are cut out before anything else is looked for, and
//! what stands between the two of a fixture is that fixture's output. A generated test is one test for libtest; it says in
//! records that one of its cases is over, and that there are no more (`run/dialect/cases`). A **host** is a process that
//! says nothing else: it sets a shared context up, leaves its value in a file, and tears down when its stdin ends. So it
//! does that, too, when the runner is killed.
//!
//! The doctests of a library are a binary like any other, though its program is `cargo test --doc`. Its harness is the
//! standard one as well, but rustdoc takes no whole names (`run/pick`) and chooses the order (`run/dialect/order`).
//!
//! # What always holds
//!
//! * Every selected test is reported exactly once, whatever dies. If the books do not balance at the end, the run is
//!   red and names what is missing.
//! * A verdict that arrived before death counts. What had not begun goes to another process, and is not counted as tried.
//! * There are never more processes than slots held, and the one that every process owns; beside a build that one is
//!   the build's. No slot is held idle, but by a test that takes several and waits for the last of them. A host counts
//!   while it sets up and while it tears down; while it waits it needs no core.
//! * What a group needs is up before its first test and there until after its last one. A setup that failed is not
//!   tried again: all tests that need it are told, by name, and none of them is green.
//! * Where tests write into their own sources, only one process of a binary runs any of them, and none whose sources have
//!   changed since it was built (`run/sources`).
//! * Time enters the scheduler as an input. Nothing sleeps to wait for something that can tell that it happened; two
//!   things cannot, and are looked at again in short intervals: the end of a process group, and of an `execve`.
//! * No test binary and nothing that one has started outlives the run, from the first that is asked for its tests on:
//!   each leads a group that is killed with it, a watchdog does the same if the runner itself is killed, and what has
//!   left its group is found by a mark in its environment (on Linux). Nothing else is: a group that a process of ours has
//!   joined may be a stranger's.
//! * When a run that has begun beside its build ends, so does the build, and with the runner as well: it has a mark of
//!   its own, since cargo stays in the group of whoever started us (on Linux; elsewhere cargo alone is ended).
//! * The terminal is given back as it was found on every way out: its modes, the lines that were only for the moment, and
//!   whose turn it is, where a test has it for a while ([`tty`], `run/loan`).
//! * What a test prints is kept in bounded memory, and whoever prints faster than can be told has to wait.
//! * A failing test is a value. An error means that `cargo ptest` could not do its work; once a run has begun it stops
//!   new work, drains, reaps, writes the reports, and surfaces then. A panic in any thread of the run is such an error
//!   ([`threads`]).
//!
//! # Platforms
//!
//! Everything that knows the operating system is in `descriptors`, `files`, `list/{answer,asking}`,
//! `run/{keys,leftovers,os,signals,slots,watchdog}` and `tty`. Linux is where all of it is tested. macOS takes portable ways
//! (libtest's log is a pipe with a name, processes that leave their group are not found), and `cargo xtask platforms` checks
//! that they compile. Linux takes the same ones where `/proc` is that of another pid namespace: whatever it says would be about
//! strangers. There is no Windows implementation yet, and the crate says so when it is compiled there. `docs/platforms.md` has
//! the whole list of differences.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "reports, lists and last words are written to a handle, and whether that went well is looked at"
)]

mod beside;
mod build;
mod cli;
mod config;
mod descriptors;
mod eager;
mod errors;
mod event;
mod exit;
mod files;
mod filter;
mod group;
mod history;
mod list;
mod listing;
mod masks;
mod notes;
mod origin;
mod places;
mod report;
mod run;
mod schedule;
mod threads;
mod tty;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, anyhow};
use camino::{Utf8Path, Utf8PathBuf};

use beside::{Ground, Lister};
use build::TestBinary;
use cli::{Afterwards, Called, Invocation, NoInvocation, NoTests, Task};
use event::{Origin, Reporter, RunFinished, Stopped};
use exit::{Exit, Failure, OrExit};
use filter::Decision;
use history::{Keeper, Lengths};
use list::Suite;
use notes::{Filtered, Known};
use report::Runs;
use run::slots::Pool;
use run::{Beside, Work};

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
    if let Err(error) = run::signals::heed_as_first_process() {
        return fail(anyhow!(error).context("cannot listen to signals").into());
    }
    let invocation = match cli::read() {
        Ok(Called::Line(invocation)) => *invocation,
        Ok(Called::Generate(what)) => return generate(what).unwrap_or_else(fail),
        Ok(Called::Report(afterwards)) => return report_afterwards(&afterwards).unwrap_or_else(fail),
        Err(NoInvocation::Clap(error)) => {
            if !error.use_stderr() {
                return print(&error).unwrap_or_else(fail);
            }
            drop(error.print());
            return Exit::Setup;
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
    say(&format!("error: {}", errors::describe(&error)));
    exit
}

/// Outside of a run, what is said goes to stderr from here: a line in one piece, so that several programs may talk.
fn say(text: &str) {
    // It may quote anything. Where nobody can read it, there is nobody to tell so.
    let _ = std::io::stderr().write_all(format!("{}\n", report::tame(text, false)).as_bytes());
}

fn generate(what: cli::What) -> Result<Exit, Failure> {
    let text = cli::generate(what)?;
    let mut out = std::io::stdout();
    out.write_all(&text).and_then(|()| out.flush()).context("cannot write to stdout").or_exit(Exit::OutputFailed)?;
    Ok(Exit::Success)
}

/// Prints what was asked for instead of a run: the help or the version.
fn print(text: &clap::Error) -> Result<Exit, Failure> {
    match text.print().and_then(|()| std::io::stdout().flush()) {
        // A pager may be left before the end.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout").or_exit(Exit::OutputFailed)
        }
        _ => Ok(Exit::Success),
    }
}

/// The workspace's earlier runs, before or without a build.
fn earlier_runs(options: &build::Options) -> Result<Runs, Failure> {
    let site = build::site(options).or_exit(Exit::MetadataFailed)?;
    Ok(Runs::new(site.target_directory.join("ptest"), Some(&site.workspace_root)))
}

/// Where the page for the browser is written if no place was named.
fn usual_page(target_directory: &Utf8Path) -> Utf8PathBuf {
    target_directory.join("ptest/report.html")
}

/// What is said of a page that was written, with its path as short as it can be.
fn written(page: &Utf8Path) -> String {
    let folder = std::env::current_dir().ok();
    let path = folder.and_then(|folder| page.strip_prefix(folder).ok()).unwrap_or(page);
    format!("HTML report: {path}")
}

/// Without a browser the run is reported all the same: the path was said.
fn open_in_browser(page: &Utf8Path) {
    if let Err(error) = open::that_detached(page) {
        say(&format!("note: the report could not be opened in a browser: {error}"));
    }
}

/// `cargo ptest report`.
fn report_afterwards(asked: &Afterwards) -> Result<Exit, Failure> {
    let mut options = asked.report.clone();
    if asked.page {
        options.html = Some(match &asked.target_dir {
            Some(target) => usual_page(target),
            None => usual_page(&build::site(&asked.cargo).or_exit(Exit::MetadataFailed)?.target_directory),
        });
    }
    report::check_places(&options.files())?;
    let runs = || match &asked.target_dir {
        // Whoever is not in a workspace means all runs.
        Some(target) => {
            let site = build::site(&asked.cargo).ok();
            Ok(Runs::new(target.join("ptest"), site.as_ref().map(|site| &*site.workspace_root)))
        }
        None => earlier_runs(&asked.cargo),
    };
    let run = report::afterwards::Found::find(&asked.report.run, runs)?;
    if let Some(note) = run.note()? {
        say(&format!("note: {note} ({})", run.path()));
    }
    run.write(&options).or_exit(Exit::OutputFailed)?;
    let slowest = run.slowest(asked.report.slowest)?;
    let mut out = std::io::stdout();
    out.write_all(slowest.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to stdout")
        .or_exit(Exit::OutputFailed)?;
    if let Some(page) = &options.html {
        say(&written(page));
        if asked.open {
            open_in_browser(page);
        }
    }
    Ok(Exit::Success)
}

/// The line: build, list, filter, group, run with a schedule, report.
///
/// `began` tells whether it came to a run, which has its own end.
fn carry_out(mut invocation: Invocation, began: &mut bool) -> Result<Exit, Failure> {
    if invocation.task == Task::Run {
        if invocation.page {
            let site = build::site(&invocation.build).or_exit(Exit::MetadataFailed)?;
            invocation.report.html = Some(usual_page(&site.target_directory));
        }
        report::check_places(&invocation.report.files())?;
        report::begin(&invocation.report).or_exit(Exit::OutputFailed)?;
    }
    if invocation.failed {
        let outstanding = report::outstanding(&earlier_runs(&invocation.build)?)?;
        outstanding.notes.iter().for_each(|note| say(&format!("note: {note}")));
        invocation.filter.failed = Some(outstanding.tests);
    }
    let build_slots = match invocation.build_jobs {
        Some(jobs) => jobs,
        None => build::configured_jobs(invocation.cores)?,
    };
    let (mut pool, warning) = Pool::open(build_slots)?;
    warning.iter().for_each(|warning| say(&format!("warning: {warning}")));
    invocation.build.makeflags.clone_from(&pool.makeflags);
    let began_to_build = Instant::now();
    if invocation.eager {
        return eagerly(invocation, &pool, began_to_build, began);
    }
    let mut lister = Lister::new(&invocation.list, &invocation.run);
    let built = build::test_binaries(&invocation.build, &mut |site, binary| {
        if invocation.task != Task::Build {
            lister.found(site, binary);
        }
    });
    let ground = lister.finish(built.is_ok());
    let build = match built {
        Ok(build) => build,
        Err(failure) => return not_built(failure, &invocation.build),
    };
    invocation.run.built = Some(began_to_build.elapsed());
    let config = config::read(build.site.workspace_root.as_std_path())?;
    if invocation.task == Task::Build {
        name_executables(&build.binaries, &invocation);
        return Ok(Exit::Success);
    }
    let mut ground = match ground {
        Some(ground) => ground,
        None => Ground::prepare(&build.site, &invocation.list, &invocation.run)?,
    };
    ground.list.parallel = parallel(&invocation, &pool);
    let suites = list::tests(build.binaries, &ground.list).or_exit(Exit::ListFailed)?;
    let decisions = select(&suites, &mut invocation.filter, &build.site);
    let mut groups = group::by_context(&suites, &decisions, &config, &invocation.group);
    let unmatched = std::mem::take(&mut groups.unmatched);
    let (env, several_processes) = (invocation.group.env.clone(), several_processes(&invocation));
    let all: Vec<&Suite> = suites.iter().collect();
    let known = Known {
        suites: &all,
        decisions: &decisions,
        config: &config,
        unmatched: &unmatched,
        beyond: groups.beyond(invocation.run.processes),
        serial_packages: &build.serial_packages,
        env: &env,
        several_processes: &several_processes,
        whole: invocation.whole,
        all_built: all_built(&invocation, &build.site),
    };
    let options = invocation.filter.clone();
    let filtered = Filtered { suites: &all, decisions: &decisions, options: &options };
    no_mistaken_command(&invocation, filtered)?;
    on_surroundings(&invocation, &build.site);
    notes::on_suites(known, &invocation.filter, invocation.quiet, invocation.looks()).iter().for_each(|note| say(note));
    if let Task::List(format) = invocation.task {
        let folders =
            listing::Folders { target: &build.site.target_directory, build: build.site.build_directory.as_deref() };
        let mut out = std::io::stdout().lock();
        let to = if out.is_terminal() { listing::To::Terminal } else { listing::To::Program };
        listing::print(format, to, &suites, &decisions, folders, &mut out).or_exit(Exit::OutputFailed)?;
        out.flush().context("cannot write the list to stdout").or_exit(Exit::OutputFailed)?;
        return Ok(Exit::Success);
    }
    notes::on_groups(known, invocation.run.processes).iter().for_each(|note| say(note));
    pool.resize(invocation.run.processes);
    let lengths = match invocation.history {
        true => history::recall(&ground.journals.join("history"), &all),
        false => history::nothing(&all),
    };
    let work = Work { suites: all.clone(), decisions: decisions.clone(), groups, lengths: lengths.clone() };
    let finished = run_all(work, None, &ground, &build.site, &pool, &mut invocation, began)?;
    finished.remember(&ground, known.suites, &lengths);
    Ok(exit_of(&finished.run, &invocation, filtered, known.all_built))
}

/// Decides about all tests, once it is known which filters are paths of source files.
fn select(suites: &[Suite], options: &mut filter::Options, site: &build::Site) -> Vec<Vec<Decision>> {
    places::find(options, &site.workspace_root);
    filter::locate(options, suites);
    filter::select(suites, options)
}

/// The same, where the run begins beside the build.
fn eagerly(mut invocation: Invocation, pool: &Pool, since: Instant, began: &mut bool) -> Result<Exit, Failure> {
    invocation.build.cargo_env = run::variables(&invocation.run.run);
    let (cargo, asking, run) =
        (invocation.build.process.clone(), invocation.list.asking.clone(), invocation.run.run.clone());
    let end_build = move || {
        cargo.kill();
        asking.give_up();
        run::kill_build(&run);
    };
    let stages = invocation.clone();
    let options = eager::Options {
        build: &stages.build,
        list: &stages.list,
        filter: &stages.filter,
        group: &stages.group,
        run: &stages.run,
        history: stages.history,
        parallel: parallel(&invocation, pool),
    };
    std::thread::scope(|scope| {
        let ((opened, opening), (sender, news)) = (mpsc::channel(), mpsc::channel());
        let feeding = scope.spawn(move || {
            let (opened, sender) = (opened, sender);
            threads::guard("feed", || eager::feed(options, &opened, &sender))
        });
        let fed = || feeding.join().expect("its panics are caught").map_err(anyhow::Error::from);
        let why = |error: Option<eager::Error>| match error {
            None => None,
            Some(eager::Error::NotBuilt(failure)) => Some(not_built(failure, &stages.build)),
            Some(eager::Error::Other(failure)) => Some(Err(failure)),
        };
        let Ok((ground, site)) = opening.recv() else {
            // It has not come to a run, and does not do so without an error.
            return why(fed()?.error).unwrap_or(Ok(Exit::Setup));
        };
        invocation.run.built = Some(since.elapsed());
        places::find(&mut invocation.filter, &site.workspace_root);
        let filter = invocation.filter.clone();
        let beside = Beside { news, end: Box::new(end_build.clone()) };
        let finished = run_all(Work::default(), Some(beside), &ground, &site, pool, &mut invocation, began);
        if finished.is_err() {
            end_build();
        }
        let fed = fed();
        let (finished, eager::Fed { found, error }) = (finished?, fed?);
        let Some(found) = found else { return Ok(Exit::of_run(&finished.run)) };
        finished.remember(&ground, &found.suites, &found.lengths);
        if let Some(Stopped::Interrupted | Stopped::Terminated | Stopped::FailFast) = finished.run.stopped {
            // That has ended the build, too, so that it has failed is nothing to tell.
            return Ok(Exit::of_run(&finished.run));
        }
        if let Some(exit) = why(error) {
            return exit;
        }
        let known = Known {
            suites: &found.suites,
            decisions: &found.decisions,
            config: found.config,
            unmatched: &found.unmatched,
            beyond: found.beyond,
            serial_packages: &found.serial_packages,
            env: &stages.group.env,
            several_processes: &several_processes(&stages),
            whole: invocation.whole,
            all_built: all_built(&invocation, &site),
        };
        on_surroundings(&invocation, &site);
        notes::on_suites(known, &filter, invocation.quiet, invocation.looks()).iter().for_each(|note| say(note));
        notes::on_groups(known, invocation.run.processes).iter().for_each(|note| say(note));
        let filtered = Filtered { suites: known.suites, decisions: known.decisions, options: &filter };
        Ok(exit_of(&finished.run, &invocation, filtered, known.all_built))
    })
}

/// Whether a binary that was not built is one that the workspace does not have.
fn all_built(invocation: &Invocation, site: &build::Site) -> bool {
    let options = &invocation.build;
    let is_all = |word: &String| ["--workspace", "--all"].contains(&&**word);
    let all_members = site.all_members || options.package_args.iter().any(is_all);
    invocation.whole && all_members && options.doctests == build::Doctests::Beside
}

/// The options that were given and ask for more than one process for a binary.
fn several_processes(invocation: &Invocation) -> Vec<&'static str> {
    let run = &invocation.run;
    let given = [
        ("--retries", run.retries > 0),
        ("--repeat", run.repeat > 1),
        ("--diagnose", run.diagnose),
        ("--process-restartworker", invocation.group.per_process.is_some()),
        ("--eager", invocation.eager),
    ];
    given.into_iter().filter_map(|(option, given)| given.then_some(option)).collect()
}

/// How many binaries are asked at once. A guest may use one core until it is granted more.
fn parallel(invocation: &Invocation, pool: &Pool) -> usize {
    if pool.guest { 1 } else { invocation.list.parallel }
}

/// A run that is over and reported.
struct Finished {
    run: RunFinished,
    measured: Option<Keeper>,
}

impl Finished {
    fn remember(&self, ground: &Ground, suites: &[&Suite], lengths: &[Lengths]) {
        if let Some(measured) = &self.measured {
            measured.remember(&ground.journals.join("history"), suites.iter().copied().zip(lengths));
        }
    }
}

/// Runs what there is to do, and what there comes to be, with all reporters that were asked for.
fn run_all(
    work: Work,
    beside: Option<Beside>,
    ground: &Ground,
    site: &build::Site,
    pool: &Pool,
    invocation: &mut Invocation,
    began: &mut bool,
) -> Result<Finished, Failure> {
    invocation.run.values.clone_from(&ground.values);
    invocation.run.origin = Some(origin_of(invocation, site));
    if let Some(github) = &mut invocation.report.github {
        github.workspace.clone_from(&site.workspace_root);
    }
    let mut measured = invocation.history.then(|| Keeper::new(invocation.cores));
    let (report, run) = (&invocation.report, &invocation.run);
    let runs = Runs::new(ground.journals.clone(), Some(&site.workspace_root));
    let mut reporters = report::open(report, &runs, &run.run).or_exit(Exit::OutputFailed)?;
    measured.iter_mut().for_each(|keeper| reporters.push(keeper));
    *began = true;
    let finished = run::groups(work, beside, pool, &ground.watchdog, run, &mut reporters);
    let reported = reporters.finish();
    drop(reporters);
    let run = finished.map_err(|error| match error {
        run::Error::Report { error, stopped } => Failure { exit: Exit::of_unreported(stopped), error },
        run::Error::Other(error) => error.into(),
    })?;
    reported.or_exit(Exit::of_unreported(run.stopped))?;
    if let Some(page) = invocation.report.html.as_deref().filter(|_| !invocation.quiet) {
        say(&written(page));
    }
    Ok(Finished { run, measured })
}

/// Where a run comes from, for its reports.
fn origin_of(invocation: &Invocation, site: &build::Site) -> Origin {
    let args: Vec<String> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let command = origin::command(invocation.run.toolchain.as_deref(), &args);
    Origin {
        rustc: site.rustc.clone(),
        host: invocation.name_host.then(run::host_name),
        ..origin::of(&site.name, &site.workspace_root, &invocation.build.env, &command)
    }
}

fn exit_of(run: &RunFinished, invocation: &Invocation, filtered: Filtered, all_built: bool) -> Exit {
    if invocation.filter.failed.as_ref().is_some_and(BTreeSet::is_empty) {
        say("note: no test failed or was left unfinished the last time that it was run; there is nothing to do");
        return Exit::Success;
    }
    if let Some(note) = filtered.nothing_to_do(all_built) {
        say(&note);
        return Exit::Success;
    }
    if let Err(error) = no_mistaken_command(invocation, filtered) {
        return fail(error);
    }
    if !filtered.decisions.iter().any(|decisions| notes::is_taken(decisions)) {
        return nothing_selected(invocation.no_tests, filtered);
    }
    filtered.all_ignored().iter().for_each(|note| say(note));
    Exit::of_run(run)
}

/// A word that was meant for a command must not go by for a filter that selects nothing.
fn no_mistaken_command(invocation: &Invocation, filtered: Filtered) -> Result<(), Failure> {
    match filtered.mistaken_command().filter(|_| invocation.no_tests == NoTests::Fail) {
        Some(mistake) => Err(Failure { exit: Exit::NoTests, error: anyhow!(mistake) }),
        None => Ok(()),
    }
}

/// Prints what `--no-run` has built.
fn name_executables(binaries: &[TestBinary], invocation: &Invocation) {
    if invocation.quiet {
        return;
    }
    let here = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::try_from(here).ok()).unwrap_or_default();
    let colours = invocation.report.terminal.colours;
    let word = if colours { "\u{1b}[1m\u{1b}[92m  Executable\u{1b}[0m" } else { "  Executable" };
    for line in listing::executables(binaries, &here) {
        // As cargo, which goes on where nobody can read it.
        let _ = writeln!(std::io::stderr(), "{word} {}", report::line(&line));
    }
}

fn on_surroundings(invocation: &Invocation, site: &build::Site) {
    let nextest = config::of_nextest(site.workspace_root.as_std_path());
    let notes = notes::on_surroundings(&invocation.group.env, nextest.as_deref(), invocation.quiet);
    notes.iter().for_each(|note| say(note));
}

fn not_built(failure: build::Failure, options: &build::Options) -> Result<Exit, Failure> {
    if let (build::Failure::Build, Some(profile)) = (&failure, build::unknown_profile(options)) {
        say(&format!(
            "note: --profile is a build profile of cargo, and Cargo.toml has no [profile.{profile}]; profiles of nextest have no \
             counterpart: keep options in a cargo alias"
        ));
    }
    match failure {
        build::Failure::Build => Ok(Exit::BuildFailed),
        build::Failure::Metadata(error) => Err(Failure { exit: Exit::MetadataFailed, error }),
        build::Failure::MetadataAndBuild => Ok(Exit::MetadataFailed),
        build::Failure::Other(error) => Err(error.into()),
    }
}

fn nothing_selected(wanted: NoTests, filtered: Filtered) -> Exit {
    match wanted {
        NoTests::Pass => Exit::Success,
        NoTests::Warn => {
            say(&format!("warning: {}", filtered.nothing_selected()));
            Exit::Success
        }
        NoTests::Fail => {
            say(&format!("error: {}", filtered.nothing_selected()));
            Exit::NoTests
        }
    }
}
