//! From groups of tests to what the scheduler is told: numbered items, one for each result that the run will report.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::time::Duration;

use ptest::wire::environment::{SETUP_LIMIT, TEARDOWN_LIMIT};

use super::counters::{Counters, PROFILE};
use super::os;
use super::{Options, Work};
use crate::event::Fixture;
use crate::group::{Group, Grouped, Host, Whence};
use crate::history::Lengths;
use crate::list::{self, Context, Suite};
use crate::schedule::{self, ContextId, More, Spec};

/// A test to run, and which time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub suite: usize,
    pub test: usize,
    /// Its group, as the group stage has numbered them.
    pub group: usize,
    /// Its time limit, and where that was said.
    pub limit: Option<(Duration, Whence)>,
    /// From 1.
    pub repetition: u32,
    /// The number of its suite's first context in this repetition.
    pub first_context: ContextId,
}

/// When a test is told to be slow for the first time.
const SLOW: Duration = Duration::from_secs(60);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// The rules of a run in which there is nothing to do yet.
pub(super) fn rules(options: &Options, growing: bool, room: usize) -> Spec {
    Spec {
        groups: Vec::new(),
        limits: Vec::new(),
        hosts: Vec::new(),
        contexts: Vec::new(),
        processes: options.processes,
        room,
        cores: options.cores,
        retries: options.retries,
        max_fail: options.max_fail,
        diagnose: options.diagnose,
        grace: GRACE,
        slow: SLOW,
        growing,
    }
}

/// What has been numbered by now.
pub(super) struct Plan {
    repeat: u32,
    counters: Counters,
    /// How many bytes of arguments a process may have.
    most_arguments: usize,
    suites: usize,
    groups: usize,
    items: usize,
    contexts: usize,
    /// How many limits the scheduler knows, and by which numbers it knows those of the group stage.
    limits: usize,
    limit_of: Vec<usize>,
    /// The packages, each of which is a family.
    families: HashMap<String, usize>,
}

impl Plan {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            repeat: options.repeat,
            counters: options.counters,
            most_arguments: os::most_arguments(),
            suites: 0,
            groups: 0,
            items: 0,
            contexts: 0,
            limits: 0,
            limit_of: Vec::new(),
            families: HashMap::new(),
        }
    }

    /// Numbers the items of what there is to do and writes down the rules for them.
    ///
    /// A process cannot run a test twice, so each repetition is a group of its own. Those of a unit take turns: what it
    /// protects by running its tests one after another would not survive two of them at once.
    ///
    /// Of `apart` no two suites may have tests running at once, in each set.
    pub(super) fn add(&mut self, work: &Work, apart: &BTreeSet<Vec<usize>>) -> (Vec<Item>, More) {
        let mut more = More {
            limits: work.groups.limits.clone(),
            hosts: work.groups.hosts.iter().map(|it| host(work.suites[it.suite - self.suites], it)).collect(),
            ..More::default()
        };
        self.limit_of.extend((self.limits..).take(work.groups.limits.len()));
        self.limits += work.groups.limits.len();
        let apart = self.limits_of(apart, &mut more);
        let contexts: Vec<ContextId> = work.suites.iter().map(|suite| self.number(suite, &mut more.contexts)).collect();
        let mut items = Vec::new();
        for group in &work.groups.groups {
            let first = more.groups.len();
            self.add_group(work, group, contexts[group.suite - self.suites], &mut items, &mut more);
            let limits = || apart.iter().filter(|(suites, _)| suites.contains(&group.suite)).map(|(_, limit)| *limit);
            more.groups[first..].iter_mut().for_each(|it| it.limits.extend(limits()));
        }
        self.suites += work.suites.len();
        (items, more)
    }

    /// A limit for each set of suites that are to be kept apart.
    fn limits_of<'a>(&mut self, apart: &'a BTreeSet<Vec<usize>>, more: &mut More) -> Vec<(&'a [usize], usize)> {
        let first = self.limits;
        more.limits.extend(apart.iter().map(|_| 1));
        self.limits += apart.len();
        apart.iter().map(Vec::as_slice).zip(first..).collect()
    }

    fn add_group(
        &mut self,
        work: &Work,
        group: &Group,
        first_context: ContextId,
        items: &mut Vec<Item>,
        more: &mut More,
    ) {
        let (suite, lengths) = (work.suites[group.suite - self.suites], &work.lengths[group.suite - self.suites]);
        let repeat = if group.once { 1 } else { self.repeat };
        let turns = (group.unit && repeat > 1).then(|| {
            more.limits.push(1);
            self.limits += 1;
            self.limits - 1
        });
        let next_family = self.families.len();
        let family = Some(*self.families.entry(suite.binary.package_id.clone()).or_insert(next_family));
        for repetition in 1..=repeat {
            let first_context = first_context + (repetition as usize - 1) * suite.contexts.len();
            items.extend(group.tests.iter().map(|it| Item {
                suite: group.suite,
                test: it.test,
                group: self.groups,
                limit: it.timeout.map(|timeout| (timeout, it.whence)),
                repetition,
                first_context,
            }));
            let first = self.items;
            self.items += group.tests.len();
            more.groups.push(schedule::Group {
                items: (first..self.items).collect(),
                timeouts: group.tests.iter().map(|it| it.timeout).collect(),
                lengths: group.tests.iter().map(|it| lengths.of(it.test)).collect(),
                setup: setup(suite, lengths, group),
                warmup: lengths.warmup,
                pays: group.tests.iter().map(|it| lengths.pays(it.test)).collect(),
                contexts: group.tests.iter().map(|it| Some(first_context + suite.tests[it.test].context?)).collect(),
                unit: group.unit,
                once: group.once,
                first: group.first,
                can_split: group.can_split,
                to_the_end: counters_of(suite, self.counters) != Counters::None,
                hosts: group.needs.iter().map(|need| need.host).collect(),
                at_least: group.at_least,
                slots: group.slots,
                family,
                per_process: group.per_process.min(fitting(self.most_arguments, suite, group)),
                limits: group.limits.iter().map(|limit| self.limit_of[*limit]).chain(turns).collect(),
            });
        }
        self.groups += 1;
    }

    /// Numbers the contexts of a suite, and says for each which one is around it; gives the number of the first one. A
    /// setup that fails once may well succeed in the next repetition, so each has numbers of its own.
    fn number(&mut self, suite: &Suite, around: &mut Vec<Option<ContextId>>) -> ContextId {
        let first = self.contexts;
        for _ in 0..self.repeat {
            around.extend(suite.contexts.iter().map(|it| Some(self.contexts + it.parent?)));
            self.contexts += suite.contexts.len();
        }
        first
    }
}

/// Whether the processes of a suite count what they cover: cargo's configuration may set the variable, too.
pub(super) fn counters_of(suite: &Suite, of_all: Counters) -> Counters {
    match suite.binary.env.iter().rev().find(|(name, _)| name == PROFILE) {
        Some((_, pattern)) => Counters::of(Some(pattern), []),
        None => of_all,
    }
}

/// How long the longest way to one of the group's tests was, through all setups around it.
fn setup(suite: &Suite, lengths: &Lengths, group: &Group) -> Duration {
    let way = |it: &Grouped| -> Duration {
        let contexts = list::numbers(&suite.contexts, suite.tests[it.test].context);
        contexts.filter_map(|context| lengths.setups[context]).sum()
    };
    group.tests.iter().map(way).max().unwrap_or_default()
}

fn host(suite: &Suite, host: &Host) -> schedule::Host {
    let context = &suite.contexts[host.context];
    schedule::Host {
        needs: host.needs.iter().map(|need| need.host).collect(),
        setup_limit: context.setup.timeout.unwrap_or(SETUP_LIMIT),
        teardown_limit: context.teardown.as_ref().and_then(|it| it.timeout).unwrap_or(TEARDOWN_LIMIT),
    }
}

/// Why a fixture was ended that took too long.
pub(super) fn late(context: &Context, fixture: Fixture) -> String {
    let (own, default) = match fixture {
        Fixture::Setup | Fixture::Host => (context.setup.timeout, SETUP_LIMIT),
        Fixture::Teardown => (context.teardown.as_ref().and_then(|it| it.timeout), TEARDOWN_LIMIT),
    };
    let whence = if own.is_some() { "its own timeout" } else { "the default" };
    format!("timed out after {:?} ({whence})", own.unwrap_or(default))
}

/// How many names fit on a command line, if all were as long as the longest.
fn fitting(most: usize, suite: &Suite, group: &Group) -> usize {
    let longest = group.tests.iter().map(|it| suite.tests[it.test].argument().len()).max().unwrap_or(0);
    // Each argument costs its bytes, a zero and a pointer.
    (most / (longest + 1 + size_of::<usize>())).max(1)
}
