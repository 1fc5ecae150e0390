//! Kills real runs at random moments and looks at what is left of them: `cargo xtask chaos`.
//!
//! A seed decides everything that chance decides about a run: its options, whether it has something to build, whether it
//! is on a terminal, the signals and the moments. The machine's timing is left, so a seed brings back the kind of kill, and
//! most of the time the failure.

mod package;
mod terminal;
mod xml;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::cargo;
use terminal::Terminal;

#[derive(Args)]
pub(crate) struct Options {
    /// How many runs are killed
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The seed of the first run, from which the others count on; the time of day otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// A cargo-ptest that is built already, in place of the release build of this repository
    #[arg(long)]
    program: Option<PathBuf>,
}

/// In the environment of everything that a run starts.
const MARK: &str = "CHAOS_MARK";

/// How long a run may take to end after it was killed, or by itself.
const LIMIT: Duration = Duration::from_secs(60);

/// How long what a run has started may take to go. Hosts have 10 s to tear down.
const GONE_WITHIN: Duration = Duration::from_secs(20);

const SIGNALS: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGKILL];

pub(crate) fn run(options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => program.canonicalize().with_context(|| format!("finding {}", program.display()))?,
        None => cargo::ptest()?,
    };
    let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let first = options.seed.unwrap_or_else(now);
    let folder = cargo::target_folder()?.join("chaos").join(std::process::id().to_string());
    package::write(&folder)?;
    let world = World { program, folder: folder.clone(), usual: Usual::default() };
    let done = world.kill_all(first, options.runs);
    fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    done
}

/// What an undisturbed run comes to.
#[derive(Debug, Default, PartialEq)]
struct Usual {
    code: Option<i32>,
    /// `binary test outcome` of each test.
    outcomes: Vec<String>,
}

struct World {
    program: PathBuf,
    folder: PathBuf,
    usual: Usual,
}

impl World {
    fn kill_all(mut self, first: u64, runs: u64) -> Result<()> {
        self.undisturbed(first)?;
        let began = Instant::now();
        self.usual = self.undisturbed(first)?;
        let usual = began.elapsed();
        ensure!(self.usual.code == Some(0), "an undisturbed run ends with {:?}", self.usual.code);
        eprintln!(
            "chaos: {} tests take {:.1} s; the first seed is {first}",
            self.usual.outcomes.len(),
            usual.as_secs_f64()
        );
        let mut failed = 0;
        for seed in first..first + runs {
            let plan = Plan::new(seed, usual);
            if let Err(error) = self.kill_one(&plan) {
                failed += 1;
                eprintln!("chaos: FAILED: {plan}: {error:#}\n       cargo xtask chaos --runs 1 --seed {seed}");
            }
        }
        println!("chaos: {runs} runs were killed, {failed} of them left something wrong behind");
        ensure!(failed == 0, "{failed} of {runs} kills were not survived in good order");
        Ok(())
    }

    fn command(&self, mark: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let ours = |name: &str| ["PTEST", "CARGO_", "MAKEFLAGS", "MFLAGS"].iter().any(|it| name.starts_with(it));
            if name.to_str().is_some_and(|name| ours(name) && name != "CARGO_HOME") {
                command.env_remove(name);
            }
        }
        command.arg("ptest").args(arguments).current_dir(&self.folder).env(MARK, mark);
        command.env("CARGO_TARGET_DIR", self.folder.join("target")).stdin(Stdio::null());
        command
    }

    fn undisturbed(&self, seed: u64) -> Result<Usual> {
        let mark = format!("{}-{seed}-undisturbed", std::process::id());
        let told = self.folder.join("told.json");
        let mut command = self.command(&mark, &["--message-format=json".to_owned()]);
        let child =
            command.stdout(File::create(&told)?).stderr(Stdio::null()).spawn().context("starting cargo-ptest")?;
        let status = end_of(child)?;
        expect_gone(&mark)?;
        Ok(Usual { code: status.code(), outcomes: outcomes(&fs::read_to_string(&told)?)? })
    }

    /// Kills a run and checks what the world looks like afterwards.
    fn kill_one(&self, plan: &Plan) -> Result<()> {
        if plan.builds {
            package::touch(&self.folder, plan.seed)?;
        }
        let mark = format!("{}-{}-killed", std::process::id(), plan.seed);
        let junit = self.folder.join("junit.xml");
        drop(fs::remove_file(&junit));
        let mut arguments = plan.arguments.clone();
        let path = |name: &str| self.folder.join(name).display().to_string();
        arguments.extend(["--junit".to_owned(), path("junit.xml")]);
        if plan.pages {
            arguments.extend(["--html".to_owned(), path("page.html"), "--trace".to_owned(), path("trace.json")]);
        }
        let mut command = self.command(&mark, &arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let terminal = plan.on_terminal.then(|| Terminal::of(&mut command)).transpose()?;
        let child = command.spawn().context("starting cargo-ptest")?;
        // What the command holds of the terminal is closed.
        drop(command);
        let pid = Pid::from_raw(child.id().try_into().context("a process number")?);
        for (after, signal) in &plan.signals {
            thread::sleep(*after);
            // It may have ended, and is a zombie then.
            let _ = kill(pid, *signal);
        }
        let status = end_of(child)?;
        expect_gone(&mark)?;
        self.check_junit(&junit, status).context("the JUnit file")?;
        terminal.map_or(Ok(()), |terminal| terminal.expect_as_it_was(GONE_WITHIN))?;
        let next = self.undisturbed(plan.seed).context("the next run")?;
        ensure!(next == self.usual, "the next run is another: {next:?}\ninstead of {:?}", self.usual);
        Ok(())
    }

    /// It is red, or complete. Where nothing had begun there is none.
    fn check_junit(&self, path: &Path, status: ExitStatus) -> Result<()> {
        let Ok(text) = fs::read_to_string(path) else {
            ensure!(!status.success(), "there is none, though the run has passed");
            return Ok(());
        };
        xml::check(&text)?;
        let cases = text.matches("<testcase ").count();
        let is_red = text.contains("<error") || text.contains("<failure");
        ensure!(is_red || cases >= self.usual.outcomes.len(), "it is green with {cases} tests after {status}");
        ensure!(!(is_red && status.success()), "it is red, though the run has passed");
        Ok(())
    }
}

/// What is done to a run.
struct Plan {
    seed: u64,
    arguments: Vec<String>,
    builds: bool,
    pages: bool,
    on_terminal: bool,
    /// Each so long after the one before.
    signals: Vec<(Duration, Signal)>,
}

impl Plan {
    fn new(seed: u64, usual: Duration) -> Self {
        let mut chance = Chance(seed);
        let mut arguments = vec![format!("--processes={}", chance.below(5) + 1)];
        let options = ["--eager", "--process-restartworker", "--no-history", "--retries=1", "--diagnose"];
        arguments.extend(options.iter().filter(|_| chance.below(4) == 0).map(|it| (*it).to_owned()));
        let (builds, pages, on_terminal) = (chance.below(3) == 0, chance.below(3) == 0, chance.below(3) == 0);
        let most = usual + if builds { Duration::from_millis(1500) } else { Duration::ZERO };
        let signal = |chance: &mut Chance, most: Duration| {
            let micros = chance.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX));
            let number = usize::try_from(chance.below(SIGNALS.len() as u64)).unwrap_or_default();
            (Duration::from_micros(micros), SIGNALS[number])
        };
        let mut signals = vec![signal(&mut chance, most)];
        if chance.below(3) == 0 {
            signals.push(signal(&mut chance, Duration::from_millis(300)));
        }
        Self { seed, arguments, builds, pages, on_terminal, signals }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { seed, arguments, builds, pages, on_terminal, signals } = self;
        write!(f, "seed {seed}, {}", arguments.join(" "))?;
        let extras = [(*builds, "with a build"), (*pages, "with pages"), (*on_terminal, "on a terminal")];
        extras.iter().filter(|(is_so, _)| *is_so).try_for_each(|(_, what)| write!(f, ", {what}"))?;
        signals.iter().try_for_each(|(after, signal)| write!(f, ", {signal} after {after:.1?}"))
    }
}

/// `SplitMix64`: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most.max(1)
    }
}

fn end_of(mut child: Child) -> Result<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if began.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("it has not ended after {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until no process has the mark; what is left in the end is killed, so that it does not disturb the next one.
fn expect_gone(mark: &str) -> Result<()> {
    let began = Instant::now();
    let mut looks = 0;
    loop {
        let left = marked(mark);
        // What is just becoming another program shows no mark for a moment.
        looks = if left.is_empty() { looks + 1 } else { 0 };
        if looks == 2 {
            return Ok(());
        }
        if began.elapsed() > GONE_WITHIN && !left.is_empty() {
            for (pid, _) in &left {
                // It may have gone by now.
                let _ = kill(*pid, Signal::SIGKILL);
            }
            let lines: Vec<String> = left.into_iter().map(|(pid, line)| format!("{pid} {line}")).collect();
            bail!("still there after {GONE_WITHIN:?}: {lines:#?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The processes with the mark in their environment, and their command lines.
fn marked(mark: &str) -> Vec<(Pid, String)> {
    let entry = format!("{MARK}={mark}");
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<i32>().ok());
    let found = numbers.filter_map(|number| {
        let text =
            |file: &str| Some(String::from_utf8_lossy(&fs::read(format!("/proc/{number}/{file}")).ok()?).into_owned());
        let is_marked = text("environ")?.split('\0').any(|variable| variable == entry);
        is_marked.then(|| (Pid::from_raw(number), text("cmdline").unwrap_or_default().replace('\0', " ")))
    });
    found.collect()
}

fn outcomes(told: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Event {
        event: String,
        #[serde(default)]
        binary: String,
        #[serde(default)]
        test: String,
        #[serde(default)]
        outcome: String,
    }
    let mut outcomes = Vec::new();
    for line in told.lines() {
        let Event { event, binary, test, outcome } = serde_json::from_str(line).context("reading the JSON lines")?;
        outcomes.extend((event == "test-finished").then(|| format!("{binary} {test} {outcome}")));
    }
    outcomes.sort_unstable();
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_back_the_same_plan_and_another_one_another() {
        let plan = |seed| Plan::new(seed, Duration::from_secs(2)).to_string();
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7).replace("seed 7", ""), plan(8).replace("seed 8", ""));
    }
}
