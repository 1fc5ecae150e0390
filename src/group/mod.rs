//! Tests become groups by their context: what must stay together, and what may not run at once. Pure.
//!
//! Contexts come from the sources and from `.config/ptest.toml`. The group of a test is the outermost unit that it is
//! in, whole; outside of units, the tests that have the same innermost context.

mod hosts;
mod limits;
mod snapshots;
mod unaskable;

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use crate::config::{Config, Context, Jobserver, Kind};
use crate::filter::Decision;
use crate::list::{self, ContextKind, Harness, Suite, Test};

use hosts::Hosts;
pub use hosts::{Host, Need};
use limits::Limits;
pub use snapshots::updating;
pub use unaskable::Unaskable;

/// What the group stage needs to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The time limit of a test that has none of its own, nor one from the configuration.
    pub timeout: Option<Duration>,
    /// How many tests a process may run: `--process-restartworker`.
    pub per_process: Option<usize>,
    /// Our own environment, as we found it.
    pub env: HashMap<OsString, OsString>,
}

/// Tests of one binary that are dispatched by one rule.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a choice of its own")]
pub struct Group {
    pub suite: usize,
    pub tests: Vec<Grouped>,
    /// They run one after another, in one process while none of them breaks it.
    pub unit: bool,
    /// Its tests write into their own sources: only one process in the run may begin any of them.
    pub once: bool,
    /// Nothing else may start before they have run.
    pub first: bool,
    /// Each of its processes sets something up for itself, and must come to tear it down.
    pub can_split: bool,
    /// How many of its tests a process may be given.
    pub per_process: usize,
    /// Fewer than so many are not worth a process.
    pub at_least: usize,
    /// How many slots each of its processes takes.
    pub slots: usize,
    /// Its tests see no jobserver.
    pub hide_jobserver: bool,
    /// The limits (indices into [`Groups::limits`]) that count each of its processes.
    pub limits: Vec<usize>,
    /// What is set up elsewhere and has to be there while its tests run; the outermost first.
    pub needs: Vec<Need>,
}

/// A test's place among its suite's, and its time limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grouped {
    pub test: usize,
    pub timeout: Option<Duration>,
    pub whence: Whence,
}

/// Where a time limit was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    Test,
    Configuration,
    CommandLine,
}

impl std::fmt::Display for Whence {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Test => "its own timeout",
            Self::Configuration => "timeout of a [[context]] in .config/ptest.toml",
            Self::CommandLine => "--process-timeout",
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    pub groups: Vec<Group>,
    /// At most so many processes at once.
    pub limits: Vec<usize>,
    pub hosts: Vec<Host>,
    /// By suite and place, the tests that should run but must not: the context that they stand in would not be set up.
    pub without_setup: Vec<(usize, usize)>,
    pub unaskable: Vec<Unaskable>,
    /// Contexts of the configuration that match no test at all, selected or not.
    pub unmatched: Vec<Unmatched>,
}

impl Groups {
    /// Adds those that were taken after these.
    pub fn extend(&mut self, more: Self) {
        let Self { groups, limits, hosts, without_setup, unaskable, unmatched } = more;
        self.groups.extend(groups);
        self.limits.extend(limits);
        self.hosts.extend(hosts);
        self.without_setup.extend(without_setup);
        self.unaskable.extend(unaskable);
        self.unmatched.extend(unmatched);
    }

    /// How many tests ask for more slots than there are, and for how many at most.
    pub fn beyond(&self, slots: usize) -> Option<(usize, usize)> {
        let asking = || self.groups.iter().filter(|group| group.slots > slots);
        let most = asking().map(|group| group.slots).max()?;
        Some((asking().map(|group| group.tests.len()).sum(), most))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    pub name: String,
    /// What it names was built, but for the test: so there is no such test, whatever else the workspace has.
    pub names_built_code: bool,
}

/// While a doctest is compiled by itself, reading the library costs as much as some of them; where all are compiled
/// as one program (from the edition of 2024 on), as much as many.
const DOCTESTS_PER_PROCESS: usize = 16;

/// What the tests of one group of a suite have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    unit: Option<Unit>,
    /// Of tests outside of units only. A unit is one group whatever its tests ask for, which then goes for all of it.
    alike: Option<Alike>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alike {
    context: Option<usize>,
    limits: Vec<usize>,
    hide_jobserver: bool,
    slots: usize,
}

/// The outermost unit around a test: what the configuration says is outside of all that the sources say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    Configured(usize),
    Annotated(usize),
    /// All of the binary, since its tests write into their own sources.
    Binary,
    /// The same, of a binary that gets a process for each test.
    Test(usize),
}

/// Groups the tests that are to run.
pub fn by_context(suites: &[Suite], decisions: &[Vec<Decision>], config: &Config, options: &Options) -> Groups {
    let mut grouping = Grouping::new(config, options);
    suites.iter().zip(decisions).for_each(|(suite, decisions)| grouping.add(suite, decisions));
    let unmatched = grouping.unmatched();
    Groups { unmatched, ..grouping.take() }
}

/// Groups in the making: suites may become known one after another.
pub struct Grouping<'a> {
    config: &'a Config,
    options: &'a Options,
    matched: Vec<bool>,
    /// The package and the id of each suite's binary.
    binaries: Vec<(&'a str, &'a str)>,
    limits: Limits,
    hosts: Hosts<'a>,
    groups: Vec<Group>,
    without_setup: Vec<(usize, usize)>,
    unaskable: Vec<Unaskable>,
}

impl<'a> Grouping<'a> {
    pub fn new(config: &'a Config, options: &'a Options) -> Self {
        Self {
            config,
            options,
            matched: vec![false; config.contexts.len()],
            binaries: Vec::new(),
            limits: Limits::of(&config.contexts),
            hosts: Hosts::default(),
            groups: Vec::new(),
            without_setup: Vec::new(),
            unaskable: Vec::new(),
        }
    }

    /// Groups the tests of one more suite.
    pub fn add(&mut self, suite: &'a Suite, decisions: &[Decision]) {
        let Self { config, options, matched, binaries, limits, hosts, groups, without_setup, unaskable } = self;
        let number = binaries.len();
        binaries.push((&suite.binary.package, &suite.binary.id));
        let first = groups.len();
        let once = updating(suite, config, &options.env).is_some();
        let mut places: HashMap<Key, usize> = HashMap::new();
        for (place, (test, decision)) in suite.tests.iter().zip(decisions).enumerate() {
            let configured = configured(suite, test, &config.contexts);
            configured.iter().for_each(|context| matched[*context] = true);
            if *decision != Decision::Run {
                continue;
            }
            let rules: Vec<&Context> = configured.iter().map(|it| &config.contexts[*it]).collect();
            // Whoever writes down a module's name there knows that it has a context, or cannot change its sources.
            if test.misses_setup() && rules.iter().all(|rule| rule.test.is_none()) {
                without_setup.push((number, place));
                continue;
            }
            if let Some(why) = unaskable::why(suite, test) {
                unaskable.push(Unaskable { suite: number, test: place, why });
                continue;
            }
            let counted = limits.that_count(&configured);
            let said = rules.iter().rev().find_map(|it| it.jobserver);
            let hide_jobserver = said.map_or(suite.binary.jobserver, |it| it == Jobserver::Hide);
            let unit = match once {
                true => Some(updating_unit(suite.harness, place)),
                false => configured_unit(&configured, &rules).or_else(|| annotated_unit(suite, test)),
            };
            let slots = slots(test, &rules);
            let alike = || Alike { context: test.context, limits: counted.clone(), hide_jobserver, slots };
            let key = Key { unit, alike: unit.is_none().then(alike) };
            let group = *places.entry(key).or_insert_with(|| {
                groups.push(Group {
                    suite: number,
                    unit: unit.is_some(),
                    once,
                    // rustdoc finds doctests by their lines, which others change.
                    first: once && suite.harness == Harness::Doctests,
                    limits: once.then(|| limits.of_package(&suite.binary.package_id)).into_iter().collect(),
                    per_process: per_process(suite, unit.is_some(), options),
                    at_least: if suite.harness == Harness::Doctests { DOCTESTS_PER_PROCESS } else { 1 },
                    // rustdoc reads the whole library each time, and may compile all of its doctests as one program.
                    can_split: suite.harness == Harness::Doctests,
                    ..Group::default()
                });
                groups.len() - 1
            });
            let own = test.annotated.as_ref().and_then(|it| it.timeout);
            let configured = rules.iter().rev().find_map(|it| it.timeout);
            let (timeout, whence) = match (own, configured) {
                (Some(_), _) => (own, Whence::Test),
                (None, Some(_)) => (configured, Whence::Configuration),
                (None, None) => (options.timeout, Whence::CommandLine),
            };
            let group = &mut groups[group];
            group.tests.push(Grouped { test: place, timeout, whence });
            group.hide_jobserver |= hide_jobserver;
            // A process does not change what it takes while it lives, so a unit takes what the most demanding one needs.
            group.slots = group.slots.max(slots);
            group.limits.extend(counted);
            if test.annotated.is_some() {
                group.needs.extend(hosts.needed(suite, number, place, hide_jobserver));
                group.can_split |=
                    list::ancestors(&suite.contexts, test.context).any(|it| it.kind == ContextKind::CanSplit);
            }
        }
        for group in &mut groups[first..] {
            group.limits.sort_unstable();
            group.limits.dedup();
            // The number of a context is higher than that of any around it.
            group.needs.sort_unstable_by_key(|need| need.context);
            group.needs.dedup();
        }
    }

    /// What has been added since it was taken the last time. Numbers of suites, limits and hosts go on.
    pub fn take(&mut self) -> Groups {
        Groups {
            groups: std::mem::take(&mut self.groups),
            limits: self.limits.take(),
            hosts: self.hosts.take(),
            without_setup: std::mem::take(&mut self.without_setup),
            unaskable: std::mem::take(&mut self.unaskable),
            unmatched: Vec::new(),
        }
    }

    /// Contexts of the configuration that match no test of any suite.
    pub fn unmatched(&self) -> Vec<Unmatched> {
        let unmatched = self.config.contexts.iter().zip(&self.matched).filter(|(_, matched)| !**matched);
        let told = unmatched.map(|(context, _)| Unmatched {
            name: context.describe(),
            names_built_code: self.binaries.iter().any(|(package, id)| context.names(package, id)),
        });
        told.collect()
    }
}

/// The configuration's contexts that match a test, the outermost first.
fn configured(suite: &Suite, test: &Test, all: &[Context]) -> Vec<usize> {
    let binary = &suite.binary;
    // A case goes by its own name and by the test's.
    let names = [&test.name, test.argument()];
    let matches = |it: &usize| names.iter().any(|name| all[*it].matches(&binary.package, &binary.id, name));
    let mut found: Vec<usize> = (0..all.len()).filter(matches).collect();
    found.sort_by_key(|it| all[*it].depth());
    found
}

fn configured_unit(numbers: &[usize], rules: &[&Context]) -> Option<Unit> {
    let unit = rules.iter().position(|rule| rule.kind == Some(Kind::Unit))?;
    Some(Unit::Configured(numbers[unit]))
}

fn annotated_unit(suite: &Suite, test: &Test) -> Option<Unit> {
    let units = list::numbers(&suite.contexts, test.context).filter(|it| suite.contexts[*it].kind == ContextKind::Unit);
    units.last().map(Unit::Annotated)
}

/// What gets a process of its own in a binary whose tests write into their own sources.
fn updating_unit(harness: Harness, test: usize) -> Unit {
    match harness {
        Harness::Libtest | Harness::Doctests | Harness::Whole => Unit::Binary,
        Harness::Custom => Unit::Test(test),
    }
}

/// How many slots a test takes: what it says itself counts, then the nearest word of the configuration.
fn slots(test: &Test, rules: &[&Context]) -> usize {
    let own = test.annotated.as_ref().and_then(|it| it.threads);
    own.or_else(|| rules.iter().rev().find_map(|it| it.threads_required)).unwrap_or(1)
}

fn per_process(suite: &Suite, unit: bool, options: &Options) -> usize {
    match suite.harness {
        // Dividing a unit would set it up anew for each part, so isolation does not reach into it.
        Harness::Libtest if unit => usize::MAX,
        Harness::Libtest => options.per_process.unwrap_or(usize::MAX),
        // Each has a process of its own whatever we do.
        Harness::Doctests => usize::MAX,
        Harness::Custom | Harness::Whole => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Annotated, Case};

    fn context(kind: ContextKind, parent: Option<usize>) -> list::Context {
        list::Context::named("c::m", kind, parent)
    }

    fn test(name: &str, context: Option<usize>) -> Test {
        Test { annotated: Some(Annotated::default()), context, ..Test::named(name) }
    }

    fn suite(contexts: Vec<list::Context>, tests: Vec<Test>) -> Suite {
        Suite { tests, contexts, ..Suite::sample() }
    }

    fn grouped(suites: &[Suite], config: &Config) -> Groups {
        let all: Vec<Vec<Decision>> = suites.iter().map(|it| vec![Decision::Run; it.tests.len()]).collect();
        by_context(suites, &all, config, &Options::default())
    }

    fn tests_of(groups: &Groups) -> Vec<Vec<usize>> {
        groups.groups.iter().map(|group| group.tests.iter().map(|it| it.test).collect()).collect()
    }

    fn rule(test: &str) -> Context {
        Context { test: Some(test.to_owned()), ..Context::default() }
    }

    #[test]
    fn where_tests_write_into_their_sources_a_binary_is_one_group_and_a_package_takes_turns() {
        use ContextKind::{CanSplit, Unit};
        let contexts = || vec![context(Unit, None), context(CanSplit, None)];
        let tests = || [Some(0), Some(1), None].map(|context| test("t", context)).to_vec();
        let libtest = suite(contexts(), tests());
        let foreign = Suite { harness: Harness::Custom, ..suite(Vec::new(), vec![test("a", None), test("b", None)]) };
        let doctests = Suite { harness: Harness::Doctests, ..suite(Vec::new(), vec![test("a", None)]) };
        let mut other = suite(Vec::new(), vec![test("a", None), test("b", None)]);
        other.binary.package_id = "q 0.1".to_owned();
        let config = Config { contexts: vec![Context { max: Some(2), ..rule("t") }], ..Config::default() };
        let env = [("UPDATE_EXPECT".into(), "1".into())].into();
        let options = Options { env, per_process: Some(1), ..Options::default() };
        let suites = [libtest, foreign, doctests, other];
        let all: Vec<Vec<Decision>> = suites.iter().map(|it| vec![Decision::Run; it.tests.len()]).collect();
        let groups = by_context(&suites, &all, &config, &options);
        assert_eq!(tests_of(&groups), [vec![0, 1, 2], vec![0], vec![1], vec![0], vec![0, 1]]);
        assert_eq!(groups.limits, [2, 1, 1]);
        let limits: Vec<&[usize]> = groups.groups.iter().map(|it| &it.limits[..]).collect();
        assert_eq!(limits, [&[0, 1][..], &[1], &[1], &[1], &[2]]);
        assert!(groups.groups.iter().all(|it| it.once && it.unit));
        assert_eq!(groups.groups.iter().map(|it| it.first).collect::<Vec<_>>(), [false, false, false, true, false]);
        assert_eq!(groups.groups.iter().map(|it| it.per_process).collect::<Vec<_>>(), [MAX, 1, 1, MAX, MAX]);
    }

    const MAX: usize = usize::MAX;

    #[test]
    fn the_outermost_unit_is_one_group_with_all_that_is_in_it() {
        use ContextKind::{CanSplit, Unit};
        let contexts = vec![context(Unit, None), context(CanSplit, Some(0)), context(Unit, Some(1))];
        let tests = [Some(0), Some(1), Some(2), None].map(|context| test("t", context)).to_vec();
        let groups = grouped(&[suite(contexts, tests)], &Config::default());
        assert_eq!(tests_of(&groups), [vec![0, 1, 2], vec![3]]);
        assert_eq!((groups.groups[0].unit, groups.groups[1].unit), (true, false));
    }

    #[test]
    fn outside_of_units_each_innermost_context_is_a_group() {
        use ContextKind::{CanSplit, Shared};
        let contexts = vec![context(Shared, None), context(CanSplit, Some(0))];
        let tests = [None, Some(0), Some(1), Some(1), Some(0)].map(|context| test("t", context)).to_vec();
        let groups = grouped(&[suite(contexts, tests)], &Config::default());
        assert_eq!(tests_of(&groups), [vec![0], vec![1, 4], vec![2, 3]]);
        assert_eq!(groups.groups.iter().map(|it| it.can_split).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_shared_context_has_a_host_unless_it_is_inside_of_a_unit() {
        use ContextKind::{Shared, Unit};
        let contexts =
            vec![context(Shared, None), context(Shared, Some(0)), context(Unit, Some(1)), context(Shared, Some(2))];
        let tests = vec![test("a", None), test("b", Some(3))];
        let groups = grouped(&[suite(contexts, tests)], &Config::default());
        let needs = [Need { context: 0, host: 0 }, Need { context: 1, host: 1 }];
        assert_eq!(groups.groups[1].needs, needs);
        assert_eq!(groups.groups[0].needs, []);
        let hosts = [
            Host { suite: 0, context: 0, test: 1, hide_jobserver: false, needs: Vec::new() },
            Host { suite: 0, context: 1, test: 1, hide_jobserver: false, needs: needs[..1].to_vec() },
        ];
        assert_eq!(groups.hosts, hosts);
    }

    #[test]
    fn binaries_share_a_host_by_its_key_within_a_package() {
        let keyed = || list::Context { key: Some("pg".to_owned()), ..context(ContextKind::Shared, None) };
        let one =
            || suite(vec![keyed(), context(ContextKind::Shared, None)], vec![test("a", Some(0)), test("b", Some(1))]);
        let mut other = one();
        other.binary.package_id = "q 0.1".to_owned();
        let groups = grouped(&[one(), one(), other], &Config::default());
        let hosts: Vec<usize> = groups.groups.iter().map(|group| group.needs[0].host).collect();
        assert_eq!(hosts, [0, 1, 0, 2, 3, 4]);
        assert_eq!(groups.hosts[0].suite, 0);
    }

    #[test]
    fn a_context_of_which_no_test_is_selected_has_no_host() {
        let suites = [suite(vec![context(ContextKind::Shared, None)], vec![test("a", Some(0)), test("b", None)])];
        let decisions = [vec![Decision::Ignore, Decision::Run]];
        let groups = by_context(&suites, &decisions, &Config::default(), &Options::default());
        assert_eq!((groups.hosts.len(), groups.groups.len()), (0, 1));
    }

    #[test]
    fn a_plain_test_in_a_context_does_not_run_unless_the_configuration_names_it() {
        let plain = |name: &str| Test { context: Some(0), ..Test::named(name) };
        let tests = vec![test("m::a", Some(0)), plain("m::b"), plain("m::c"), plain("m::d")];
        let suites = [suite(vec![context(ContextKind::Shared, None)], tests)];
        let whole = Context { package: Some("p".to_owned()), max: Some(1), ..Context::default() };
        let config = Config { contexts: vec![whole, rule("m::c")], ..Config::default() };
        let decisions = [vec![Decision::Run, Decision::Run, Decision::Run, Decision::Ignore]];
        let groups = by_context(&suites, &decisions, &config, &Options::default());
        assert_eq!(groups.without_setup, [(0, 1)]);
        assert_eq!(tests_of(&groups), [[0, 2]]);
    }

    #[test]
    fn the_nearest_word_on_a_tests_time_counts() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let mut own = test("m::own", None);
        own.annotated = Some(Annotated { timeout: secs(1), ..Annotated::default() });
        let rules = vec![Context { timeout: secs(2), ..rule("m::") }];
        let suites = [suite(Vec::new(), vec![own, test("m::of_rule", None), test("other", None)])];
        let options = Options { timeout: secs(3), ..Options::default() };
        let groups =
            by_context(&suites, &[vec![Decision::Run; 3]], &Config { contexts: rules, ..Config::default() }, &options);
        let timeouts: Vec<_> = groups.groups[0].tests.iter().map(|it| it.timeout).collect();
        assert_eq!(timeouts, [secs(1), secs(2), secs(3)]);
        let whence: Vec<_> = groups.groups[0].tests.iter().map(|it| it.whence).collect();
        assert_eq!(whence, [Whence::Test, Whence::Configuration, Whence::CommandLine]);
    }

    #[test]
    fn tests_about_jobservers_see_none_unless_they_are_to_and_neither_do_their_hosts() {
        use Jobserver::{Hide, Share};
        let hidden = |about: bool, said: Option<Jobserver>| {
            let mut suite = suite(vec![context(ContextKind::Shared, None)], vec![test("a", Some(0))]);
            suite.binary.jobserver = about;
            let rules = vec![Context { jobserver: said, ..rule("a") }];
            let groups = grouped(&[suite], &Config { contexts: rules, ..Config::default() });
            assert_eq!(groups.hosts[0].hide_jobserver, groups.groups[0].hide_jobserver);
            groups.groups[0].hide_jobserver
        };
        assert_eq!([None, Some(Share), Some(Hide)].map(|said| hidden(false, said)), [false, false, true]);
        assert_eq!([None, Some(Share), Some(Hide)].map(|said| hidden(true, said)), [true, false, true]);
    }

    #[test]
    fn tests_that_take_as_many_slots_are_a_group_and_a_unit_takes_the_most() {
        let needs = |name: &str, threads| {
            let context = name.starts_with("u::").then_some(0);
            Test { annotated: Some(Annotated { threads, ..Annotated::default() }), ..test(name, context) }
        };
        let tests = vec![
            needs("u::light", None),
            needs("u::heavy", Some(3)),
            needs("m::by_rule", None),
            needs("m::own", Some(2)),
            needs("light", None),
            needs("n::own", Some(2)),
        ];
        let suites = [suite(vec![context(ContextKind::Unit, None)], tests)];
        let outer = Context { threads_required: Some(8), package: Some("p".to_owned()), ..Context::default() };
        let rules = vec![Context { threads_required: Some(4), ..rule("m::") }, outer];
        let groups = grouped(&suites, &Config { contexts: rules, ..Config::default() });
        assert_eq!(tests_of(&groups), [vec![0, 1], vec![2], vec![3, 5], vec![4]]);
        assert_eq!(groups.groups.iter().map(|it| it.slots).collect::<Vec<_>>(), [8, 4, 2, 8]);
        let groups = grouped(&suites, &Config::default());
        assert_eq!(groups.groups.iter().map(|it| it.slots).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!((groups.beyond(2), groups.beyond(1), groups.beyond(3)), (Some((2, 3)), Some((4, 3)), None));
    }

    #[test]
    fn cases_are_tests_like_any_others() {
        let case = |name: &str| Test {
            case: Some(Case { test: "m::loads".into(), name: name.into() }),
            ..test(&format!("m::loads[{name}]"), None)
        };
        let suites = [suite(Vec::new(), vec![case("a"), case("b"), test("m::t", None)])];
        assert_eq!(tests_of(&grouped(&suites, &Config::default())), [vec![0, 1, 2]]);
        let unit = Context { kind: Some(Kind::Unit), ..rule("m::") };
        let groups = grouped(&suites, &Config { contexts: vec![unit], ..Config::default() });
        assert_eq!(tests_of(&groups), [vec![0, 1, 2]]);
        assert!(groups.groups[0].unit);
    }
}
