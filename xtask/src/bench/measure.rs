//! Runs one command and says what it and all its descendants have used: wall time, and time on the processors.
//!
//! The kernel adds a process's usage to that of the parent which waits for it, so a child's usage holds that of all its
//! descendants that were waited for by theirs. Orphans would escape; therefore xtask adopts them. What still escapes is
//! a descendant that lives on after the tool has ended, which is counted and told.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What a target can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Wall,
    Cpu,
    /// From the first process of tests to the last result, which only `cargo ptest` tells.
    Run,
}

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) wall: Duration,
    /// User and system time of the whole tree.
    pub(super) cpu: Duration,
    /// From the first process of tests to the last result, where that is told.
    pub(super) run: Option<Duration>,
    pub(super) status: ExitStatus,
}

/// Makes this process the parent of every descendant whose own parent is gone, where there is such a thing.
#[cfg_attr(not(target_os = "linux"), expect(clippy::unnecessary_wraps, reason = "it can fail on Linux"))]
pub(super) fn adopt_orphans() -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).context("becoming the parent of orphans")?;
    Ok(())
}

pub(super) fn run(command: &mut Command) -> Result<Sample> {
    let before = used_by_children()?;
    let start = Instant::now();
    let status = command.status().context("starting it")?;
    let wall = start.elapsed();
    wait_for_orphans(command)?;
    Ok(Sample { wall, cpu: used_by_children()?.saturating_sub(before), run: None, status })
}

/// A watchdog or a helper may end a moment after the tool; what takes longer than a second is left behind.
fn wait_for_orphans(command: &Command) -> Result<()> {
    let start = Instant::now();
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(WaitStatus::StillAlive) if start.elapsed() > Duration::from_secs(1) => {
                eprintln!("bench: {command:?} left a process behind, whose usage is not counted");
                return Ok(());
            }
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Ok(_) => {}
            Err(error) => return Err(error).context("waiting for orphans"),
        }
    }
}

fn used_by_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("asking for the usage")?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

/// How wide the two numbers are differs from system to system.
fn part(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

/// The samples of one tool, in seconds.
#[derive(Debug)]
pub(super) struct Spread {
    wall: Range,
    cpu: Range,
    run: Option<Range>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(samples: &[Sample]) -> Self {
        Self {
            wall: Range::of(samples.iter().map(|sample| sample.wall)),
            cpu: Range::of(samples.iter().map(|sample| sample.cpu)),
            run: samples
                .iter()
                .map(|sample| sample.run)
                .collect::<Option<Vec<_>>>()
                .map(|all| Range::of(all.into_iter())),
        }
    }

    /// `None` for what the tool does not tell.
    pub(super) fn of_measure(&self, measure: Measure) -> Option<Range> {
        match measure {
            Measure::Wall => Some(self.wall),
            Measure::Cpu => Some(self.cpu),
            Measure::Run => self.run,
        }
    }

    pub(super) fn wall(&self) -> Range {
        self.wall
    }

    pub(super) fn cpu(&self) -> Range {
        self.cpu
    }
}

impl Range {
    /// Of at least one sample. Of an even number the median is the mean of the two in the middle.
    fn of(samples: impl Iterator<Item = Duration>) -> Self {
        let mut seconds: Vec<f64> = samples.map(|sample| sample.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len() - 1;
        let median = f64::midpoint(seconds[last / 2], seconds[last.div_ceil(2)]);
        Self { median, least: seconds[0], most: seconds[last] }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Range, run};

    #[test]
    fn the_median_does_not_care_for_an_outlier() {
        let range = |seconds: &[u64]| Range::of(seconds.iter().map(|seconds| Duration::from_secs(*seconds)));
        assert_eq!(range(&[3, 1, 90]), Range { median: 3.0, least: 1.0, most: 90.0 });
        assert_eq!(range(&[4, 1, 2, 90]), Range { median: 3.0, least: 1.0, most: 90.0 });
        assert_eq!(range(&[7]), Range { median: 7.0, least: 7.0, most: 7.0 });
    }

    /// The only test of xtask that may start a process: the kernel sums up the usage of all its children.
    #[test]
    fn the_usage_of_a_grandchild_counts() {
        let counting = "sh -c 'number=0; while [ $number -lt 300000 ]; do number=$((number + 1)); done'; exit 3";
        let sample = run(Command::new("sh").args(["-c", counting])).unwrap();
        assert_eq!(sample.status.code(), Some(3));
        assert!(sample.cpu > Duration::from_millis(20), "{sample:?}");
    }
}
