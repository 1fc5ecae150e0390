//! From a thousand tests to a hundred thousand: what a test costs, and how much memory the runner needs, must not grow
//! with their number; nor may reports take long, or many slots more than they are worth. The binaries are those of one
//! package, so that one build serves all sizes.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{cases, journal};
use crate::cargo;

/// How many tests each binary has.
const TESTS: usize = 100;

/// How many binaries, and cargo's pattern for their names.
const SIZES: [(usize, &str); 3] = [(10, "b00?"), (100, "b0??"), (1000, "b???")];

/// Slots, many more than there are cores.
const SLOTS: &str = "256";

/// Measures all sizes, and returns tables.
pub(super) fn run(folder: &Path, path: &OsStr, runs: u8) -> Result<String> {
    generate(folder)?;
    let build = cargo::elsewhere(folder, &["test", "--tests", "--no-run", "--quiet"]).status();
    ensure!(build.context("running cargo test --no-run")?.success(), "building the tests failed");
    let mut lines = vec![
        "| tests | binaries | slots | whole, s | first process to last result, s | of that a test, µs | memory, MB |"
            .to_owned(),
        "|--:|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    let usual = std::thread::available_parallelism()?.to_string();
    let with = |slots| SIZES.map(|(binaries, pattern)| (binaries, pattern, slots));
    let [_, middle, most] = with(SLOTS);
    for (binaries, pattern, slots) in with(&usual).into_iter().chain([middle, most]) {
        let mut samples: Vec<(Duration, Duration, u64)> = Vec::new();
        // The first one learns what the others know.
        for _ in 0..=runs {
            samples.push(sample(folder, path, pattern, slots)?);
        }
        samples.remove(0);
        samples.sort();
        let (whole, run, memory) = samples[samples.len() / 2];
        let tests = binaries * TESTS;
        #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
        let each = run.as_secs_f64() * 1e6 / tests as f64;
        lines.push(format!(
            "| {tests} | {binaries} | {slots} | {:.2} | {:.2} | {each:.0} | {:.1} |",
            whole.as_secs_f64(),
            run.as_secs_f64(),
            Duration::from_millis(memory).as_secs_f64()
        ));
        // It takes minutes: what is there already is shown.
        eprintln!("bench: {}", lines[lines.len() - 1]);
    }
    lines.push("\n| report of the last of these | s | MB |\n|---|--:|--:|".to_owned());
    for report in ["junit", "html", "trace"] {
        let file = folder.join(format!("report.{report}"));
        let mut command =
            cargo::elsewhere(folder, &["ptest", "report", &format!("--{report}"), &file.to_string_lossy()]);
        command.env("PATH", path).stdin(Stdio::null());
        let start = Instant::now();
        ensure!(command.status().context("running cargo ptest report")?.success(), "no report could be made");
        let (took, bytes) = (start.elapsed().as_secs_f64(), file.metadata()?.len());
        lines.push(format!("| {report} | {took:.2} | {} |", bytes / 1_000_000));
    }
    Ok(lines.join("\n") + "\n")
}

/// How long it took as a whole, and from the first process to the last result; and the most memory, in kB.
fn sample(folder: &Path, path: &OsStr, pattern: &str, slots: &str) -> Result<(Duration, Duration, u64)> {
    let mut command = cargo::elsewhere(folder, &["ptest", "-q", "--test", pattern, "--processes", slots]);
    let log = File::create(folder.join("scale.log")).context("creating the log")?;
    command.env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let start = Instant::now();
    let mut child = command.spawn().context("running cargo ptest")?;
    let memory = watch(&mut child)?;
    let whole = start.elapsed();
    ensure!(child.wait()?.success(), "the run failed: see {}", folder.join("scale.log").display());
    Ok((whole, journal::duration(&folder.join("target/ptest"))?, memory))
}

/// Waits for the end of the child, which cargo replaces by the runner, and gives the most memory that it ever had.
fn watch(child: &mut Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let is_runner = text.starts_with("Name:\tcargo-ptest");
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        if let (true, Some(peak)) = (is_runner, peak.and_then(|peak| peak.trim().parse().ok())) {
            most = peak;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(most)
}

fn generate(folder: &Path) -> Result<()> {
    // Without debug information, which nobody needs here and which would fill the disk.
    let manifest = "[package]\nname = \"scale\"\nedition = \"2024\"\n\n[lib]\ndoctest = false\n\n[profile.dev]\ndebug = \
                    0\nincremental = false\n\n[workspace]\n";
    cases::write(&folder.join("Cargo.toml"), manifest)?;
    cases::write(&folder.join("src/lib.rs"), "")?;
    let mut text = String::new();
    for test in 0..TESTS {
        writeln!(text, "#[test]\nfn t{test:02}() {{}}").expect("a string takes everything");
    }
    let (most, _) = SIZES[SIZES.len() - 1];
    (0..most).try_for_each(|binary| cases::write(&folder.join(format!("tests/b{binary:03}.rs")), &text))
}
