//! What it costs where libtest has no log, nor a list as JSON: the same tests behind the same runner, which passes all on or rejects these
//! options. The first run of each asks for the lists, the
//! others remember them.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::cases::CASES;
use super::{Spread, build, log_to, measure, table};
use crate::cargo;

/// What the runner rejects, and what is said of it.
const MODES: [(&str, &str); 3] =
    [("nothing", "with a log"), ("log", "without a log"), ("log-and-json", "without a log and the list as JSON")];

pub(super) fn run(target: &Path, path: &OsStr, runs: u8) -> Result<String> {
    let mut lines = vec!["| tests | libtest | wall, s | cpu, s |".to_owned(), "|---|---|--:|--:|".to_owned()];
    for case in CASES.iter().filter(|case| ["tiny", "binaries"].contains(&case.name)) {
        let folder = target.join(case.package);
        case.generate(&folder)?;
        build(&folder)?;
        let mut samples = MODES.map(|_| Vec::new());
        for run in 1..=runs {
            for ((mode, said), samples) in MODES.iter().zip(&mut samples) {
                eprintln!("bench: {} {run}/{runs}: {said}", case.name);
                let config = cargo::without(mode);
                let mut command =
                    cargo::elsewhere(&folder, &["ptest", "--tests", "--no-fail-fast", "--config", &config]);
                command.env("PATH", path);
                log_to(&mut command, &folder.join(format!("{mode}.log")))?;
                let sample = measure::run(&mut command).with_context(|| format!("running it {said}"))?;
                ensure!(sample.status.success(), "it failed {said}: see {mode}.log");
                samples.push(sample);
            }
        }
        for ((_, said), samples) in MODES.iter().zip(&samples) {
            let spread = Spread::of(samples);
            let (wall, cpu) = (table::range(spread.wall()), table::range(spread.cpu()));
            lines.push(format!("| {} | {said} | {wall} | {cpu} |", case.tests));
        }
    }
    Ok(lines.join("\n"))
}
