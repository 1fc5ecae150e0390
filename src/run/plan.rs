//! From groups of tests to what the scheduler is told: numbered items, one for each result that the run will report.

use std::time::Duration;

use ptest::wire::environment::{SETUP_LIMIT, TEARDOWN_LIMIT};

use super::os::MOST_ARGUMENTS;
use super::{Options, Work};
use crate::group::{Group, Grouped, Host};
use crate::list::{self, Suite};
use crate::schedule::{self, ContextId, Spec};

/// A test to run, and which time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub suite: usize,
    pub test: usize,
    /// Its group, as the group stage has numbered them.
    pub group: usize,
    /// From 1.
    pub repetition: u32,
    /// The number of its suite's first context in this repetition.
    pub first_context: ContextId,
}

/// When a test is told to be slow for the first time.
const SLOW: Duration = Duration::from_secs(60);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// Numbers the items and writes down the rules for them.
///
/// A process cannot run a test twice, so each repetition is a group of its own. Those of a unit take turns: what it
/// protects by running its tests one after another would not survive two of them at once.
pub(super) fn items(work: Work, options: &Options) -> (Vec<Item>, Spec) {
    let Work { suites, groups, lengths, .. } = work;
    let mut items = Vec::new();
    let mut limits = groups.limits.clone();
    let mut specs = Vec::new();
    let contexts = Contexts::of(suites, options.repeat);
    for (number, group) in groups.groups.iter().enumerate() {
        let turns = (group.unit && options.repeat > 1).then(|| {
            limits.push(1);
            limits.len() - 1
        });
        for repetition in 1..=options.repeat {
            let first = items.len();
            let first_context = contexts.first(group.suite, repetition);
            items.extend(group.tests.iter().map(|it| Item {
                suite: group.suite,
                test: it.test,
                group: number,
                repetition,
                first_context,
            }));
            let tests = &suites[group.suite].tests;
            specs.push(schedule::Group {
                items: (first..items.len()).collect(),
                timeouts: group.tests.iter().map(|it| it.timeout).collect(),
                lengths: group.tests.iter().map(|it| lengths[group.suite].tests[it.test]).collect(),
                setup: setup(work, group),
                contexts: group.tests.iter().map(|it| Some(first_context + tests[it.test].context?)).collect(),
                unit: group.unit,
                can_split: group.can_split,
                hosts: group.needs.iter().map(|need| need.host).collect(),
                at_least: group.at_least,
                slots: group.slots,
                per_process: group.per_process.min(fitting(&suites[group.suite], group)),
                limits: group.limits.iter().copied().chain(turns).collect(),
            });
        }
    }
    let spec = Spec {
        groups: specs,
        limits,
        hosts: groups.hosts.iter().map(|it| host(suites, it)).collect(),
        contexts: contexts.around,
        processes: options.processes,
        cores: options.cores,
        retries: options.retries,
        max_fail: options.max_fail,
        diagnose: options.diagnose,
        grace: GRACE,
        slow: SLOW,
    };
    (items, spec)
}

/// How long the longest way to one of the group's tests was, through all set-ups around it.
fn setup(work: Work, group: &Group) -> Duration {
    let contexts = &work.suites[group.suite].contexts;
    let took = &work.lengths[group.suite].setups;
    let way = |it: &Grouped| -> Duration {
        let test = &work.suites[group.suite].tests[it.test];
        list::numbers(contexts, test.context).filter_map(|context| took[context]).sum()
    };
    group.tests.iter().map(way).max().unwrap_or_default()
}

/// For each item how long it should take, by earlier runs. `None` if most of them are new: then nothing can be said.
pub(super) fn expected(spec: &Spec) -> Option<Vec<Duration>> {
    let lengths: Vec<Option<Duration>> = spec.groups.iter().flat_map(|group| group.lengths.iter().copied()).collect();
    let known: Vec<Duration> = lengths.iter().copied().flatten().collect();
    let mean = known.iter().sum::<Duration>().checked_div(u32::try_from(known.len()).ok()?)?;
    (2 * known.len() > lengths.len()).then(|| lengths.into_iter().map(|it| it.unwrap_or(mean)).collect())
}

fn host(suites: &[Suite], host: &Host) -> schedule::Host {
    let context = &suites[host.suite].contexts[host.context];
    schedule::Host {
        needs: host.needs.iter().map(|need| need.host).collect(),
        setup_limit: context.setup.timeout.unwrap_or(SETUP_LIMIT),
        teardown_limit: context.teardown.as_ref().and_then(|it| it.timeout).unwrap_or(TEARDOWN_LIMIT),
    }
}

/// The contexts of all suites, numbered. A set-up that fails once may well succeed in the next repetition, so each has
/// numbers of its own.
struct Contexts {
    /// For each the one around it.
    around: Vec<Option<ContextId>>,
    /// How many of one repetition come before those of each suite.
    before: Vec<usize>,
    in_repetition: usize,
}

impl Contexts {
    fn of(suites: &[Suite], repetitions: u32) -> Self {
        let mut before = Vec::new();
        let mut in_repetition = 0;
        for suite in suites {
            before.push(in_repetition);
            in_repetition += suite.contexts.len();
        }
        let mut contexts = Self { around: Vec::new(), before, in_repetition };
        for repetition in 1..=repetitions {
            for (number, suite) in suites.iter().enumerate() {
                let first = contexts.first(number, repetition);
                contexts.around.extend(suite.contexts.iter().map(|it| Some(first + it.parent?)));
            }
        }
        contexts
    }

    fn first(&self, suite: usize, repetition: u32) -> ContextId {
        (repetition as usize - 1) * self.in_repetition + self.before[suite]
    }
}

/// How many names fit on a command line, if all were as long as the longest.
fn fitting(suite: &Suite, group: &Group) -> usize {
    let longest = group.tests.iter().map(|it| suite.tests[it.test].argument().len()).max().unwrap_or(0);
    // Each argument costs its bytes, a zero and a pointer.
    (MOST_ARGUMENTS / (longest + 1 + size_of::<usize>())).max(1)
}
