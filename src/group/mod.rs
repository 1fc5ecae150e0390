//! Tests become groups by their context: what must stay together, and what may not run at once. Pure.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::{Config, Context, Jobserver, Kind};
use crate::filter::Decision;
use crate::list::{Harness, Suite};

/// What the group stage needs to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The time limit of a test whose context has none.
    pub timeout: Option<Duration>,
    /// How many tests a process may run: `--process-restartworker`.
    pub per_process: Option<usize>,
}

/// Tests of one binary that are dispatched by one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub suite: usize,
    pub tests: Vec<Grouped>,
    /// They run one after another, in one process while none of them breaks it.
    pub unit: bool,
    /// How many of its tests a process may be given.
    pub per_process: usize,
    /// Its tests see no jobserver.
    pub hide_jobserver: bool,
    /// The limits (indices into [`Groups::limits`]) that count each of its processes.
    pub limits: Vec<usize>,
}

/// A test's place among its suite's, and its time limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grouped {
    pub test: usize,
    pub timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    pub groups: Vec<Group>,
    /// At most so many processes at once.
    pub limits: Vec<usize>,
    /// Contexts that match no test at all, selected or not.
    pub unmatched: Vec<Unmatched>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    pub name: String,
    /// What it names was built, but for the test: so there is no such test, whatever else the workspace has.
    pub names_built_code: bool,
}

/// Groups the tests that are to run.
pub fn by_context(suites: &[Suite], decisions: &[Vec<Decision>], config: &Config, options: &Options) -> Groups {
    let mut matched = vec![false; config.contexts.len()];
    let limits = Limits::of(&config.contexts);
    let mut groups = Vec::new();
    for (number, (suite, decisions)) in suites.iter().zip(decisions).enumerate() {
        let mut places: HashMap<(Option<usize>, Vec<usize>, bool), usize> = HashMap::new();
        for (test, decision) in decisions.iter().enumerate() {
            let contexts = contexts(suite, test, &config.contexts);
            contexts.iter().for_each(|context| matched[*context] = true);
            if *decision != Decision::Run {
                continue;
            }
            let unit = contexts.iter().copied().find(|it| config.contexts[*it].kind == Some(Kind::Unit));
            let counted = limits.that_count(&contexts);
            // A unit is one group whatever its tests' own limits are; they all count it.
            let jobserver = contexts.iter().rev().find_map(|it| config.contexts[*it].jobserver);
            let hide_jobserver = jobserver == Some(Jobserver::Hide);
            // A unit that hides it from some of its tests would be two.
            let key = match unit {
                Some(_) => (unit, Vec::new(), false),
                None => (unit, counted.clone(), hide_jobserver),
            };
            let place = *places.entry(key).or_insert_with(|| {
                groups.push(empty(suite, number, unit.is_some(), options));
                groups.len() - 1
            });
            let timeout = contexts.iter().rev().find_map(|it| config.contexts[*it].timeout).or(options.timeout);
            let group: &mut Group = &mut groups[place];
            group.tests.push(Grouped { test, timeout });
            group.hide_jobserver |= hide_jobserver;
            group.limits.extend(counted);
            group.limits.sort_unstable();
            group.limits.dedup();
        }
    }
    let unmatched = config.contexts.iter().zip(&matched).filter(|(_, matched)| !**matched).map(|(context, _)| {
        let is_built = |suite: &Suite| context.names(&suite.binary.package, &suite.binary.id);
        Unmatched { name: context.describe(), names_built_code: suites.iter().any(is_built) }
    });
    Groups { groups, limits: limits.most, unmatched: unmatched.collect() }
}

/// The contexts of a test, the outermost first.
fn contexts(suite: &Suite, test: usize, all: &[Context]) -> Vec<usize> {
    let name = &suite.tests[test].name;
    let matches = |it: &usize| all[*it].matches(&suite.binary.package, &suite.binary.id, name);
    let mut found: Vec<usize> = (0..all.len()).filter(matches).collect();
    found.sort_by_key(|it| all[*it].depth());
    found
}

fn empty(suite: &Suite, number: usize, unit: bool, options: &Options) -> Group {
    let per_process = match suite.harness {
        // Dividing a unit would set it up anew for each part, so isolation does not reach into it.
        Harness::Libtest if unit => usize::MAX,
        Harness::Libtest => options.per_process.unwrap_or(usize::MAX),
        Harness::Custom | Harness::Whole => 1,
    };
    Group { suite: number, tests: Vec::new(), unit, per_process, hide_jobserver: false, limits: Vec::new() }
}

/// The contexts that have a `max`, numbered anew.
struct Limits {
    most: Vec<usize>,
    /// For each context, its limit.
    of_context: Vec<Option<usize>>,
}

impl Limits {
    fn of(contexts: &[Context]) -> Self {
        let mut most = Vec::new();
        let of_context = contexts.iter().map(|context| {
            most.push(context.max?);
            Some(most.len() - 1)
        });
        let of_context = of_context.collect();
        Self { most, of_context }
    }

    fn that_count(&self, contexts: &[usize]) -> Vec<usize> {
        let mut limits: Vec<usize> = contexts.iter().filter_map(|context| self.of_context[*context]).collect();
        limits.sort_unstable();
        limits
    }
}
