//! From groups of tests to what the scheduler is told: numbered items, one for each result that the run will report.

use std::time::Duration;

use super::Options;
use super::os::MOST_ARGUMENTS;
use crate::group::{Group, Groups};
use crate::list::Suite;
use crate::schedule::{self, Spec};

/// A test to run, and which time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub suite: usize,
    pub test: usize,
    /// From 1.
    pub repetition: u32,
    pub hide_jobserver: bool,
}

/// When a test is told to be slow for the first time.
const SLOW: Duration = Duration::from_secs(60);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// Numbers the items and writes down the rules for them.
///
/// A process cannot run a test twice, so each repetition is a group of its own. Those of a unit take turns: what it
/// protects by running its tests one after another would not survive two of them at once.
pub(super) fn items(suites: &[Suite], groups: &Groups, options: &Options) -> (Vec<Item>, Spec) {
    let mut items = Vec::new();
    let mut limits = groups.limits.clone();
    let mut specs = Vec::new();
    for group in &groups.groups {
        let turns = (group.unit && options.repeat > 1).then(|| {
            limits.push(1);
            limits.len() - 1
        });
        for repetition in 1..=options.repeat {
            let first = items.len();
            items.extend(group.tests.iter().map(|it| Item {
                suite: group.suite,
                test: it.test,
                repetition,
                hide_jobserver: group.hide_jobserver,
            }));
            specs.push(schedule::Group {
                items: (first..items.len()).collect(),
                timeouts: group.tests.iter().map(|it| it.timeout).collect(),
                contexts: Vec::new(),
                unit: group.unit,
                can_split: group.can_split,
                hosts: Vec::new(),
                per_process: group.per_process.min(fitting(&suites[group.suite], group)),
                limits: group.limits.iter().copied().chain(turns).collect(),
            });
        }
    }
    let spec = Spec {
        groups: specs,
        limits,
        hosts: Vec::new(),
        contexts: Vec::new(),
        processes: options.processes,
        retries: options.retries,
        max_fail: options.max_fail,
        diagnose: options.diagnose,
        grace: GRACE,
        slow: SLOW,
    };
    (items, spec)
}

/// How many names fit on a command line, if all were as long as the longest.
fn fitting(suite: &Suite, group: &Group) -> usize {
    let longest = group.tests.iter().map(|it| suite.tests[it.test].name.len()).max().unwrap_or(0);
    // Each argument costs its bytes, a zero and a pointer.
    (MOST_ARGUMENTS / (longest + 1 + size_of::<usize>())).max(1)
}
