//! Remembers which setups failed, so that the tests that did not run for one can be told together with it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{FixtureFinished, FixtureKind, TestFinished};

/// The setups that failed. One that failed alike in several processes, for the same tests, is remembered once.
#[derive(Default)]
pub(super) struct FailedSetups {
    setups: Vec<FixtureFinished>,
    by_process: HashMap<u32, Vec<usize>>,
}

impl FailedSetups {
    /// Takes in what happened to a setup, if it failed. Gives its number, from 0, if it is not known yet.
    pub(super) fn add(&mut self, fixture: FixtureFinished) -> Option<usize> {
        if !fixture.is_failed_setup() {
            return None;
        }
        let process = self.by_process.entry(fixture.process).or_default();
        let alike = |it: &FixtureFinished| {
            (&it.binary, &it.context, it.outcome, &it.message)
                == (&fixture.binary, &fixture.context, fixture.outcome, &fixture.message)
        };
        if let Some(known) = self.setups.iter().position(alike) {
            process.push(known);
            return None;
        }
        let new = self.setups.len();
        process.push(new);
        self.setups.push(fixture);
        Some(new)
    }

    /// The number of the setup for which `test` did not run. That its own process told of is the right one; a test
    /// that no process was given, or another than the one in which the setup ran, has it from its contexts.
    pub(super) fn number(&self, test: &TestFinished) -> Option<usize> {
        let in_process = test.process.and_then(|process| self.by_process.get(&process)).into_iter().flatten().copied();
        in_process.chain(0..self.setups.len()).find(|number| is_for(&self.setups[*number], test))
    }

    pub(super) fn of(&self, test: &TestFinished) -> Option<&FixtureFinished> {
        self.number(test).map(|number| &self.setups[number])
    }

    /// The number under which a setup that failed is remembered.
    pub(super) fn number_of(&self, setup: &FixtureFinished) -> Option<usize> {
        let in_process = self.by_process.get(&setup.process).filter(|_| setup.is_failed_setup())?;
        let is_it = |it: &FixtureFinished| (&it.binary, &it.context) == (&setup.binary, &setup.context);
        in_process.iter().copied().find(|number| is_it(&self.setups[*number]))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &FixtureFinished> {
        self.setups.iter()
    }
}

pub(super) fn is_for(setup: &FixtureFinished, test: &TestFinished) -> bool {
    if setup.binary == test.binary {
        return test.contexts.contains(&setup.context);
    }
    // A host may serve all binaries of a package. The module of its context is compiled into each of them, where its
    // path begins with another crate's name.
    setup.kind == FixtureKind::Shared
        && package(&setup.binary) == package(&test.binary)
        && test.contexts.iter().any(|context| within_crate(context) == within_crate(&setup.context))
}

/// The package in nextest's binary id.
fn package(binary: &Arc<str>) -> &str {
    binary.split_once("::").map_or(binary, |(package, _)| package)
}

/// The path of a context as libtest's names of tests begin with it, without the name of the crate.
pub(super) fn within_crate(context: &str) -> &str {
    context.split_once("::").map_or("", |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, Outcome};
    use crate::report::junit::sample::{failed_fixture, fixture, not_set_up};

    fn setup(context: &str, process: u32) -> FixtureFinished {
        let failed = failed_fixture(Fixture::Setup, &format!("{context} is broken"));
        FixtureFinished { context: context.into(), process, ..failed }
    }

    fn test(contexts: &[&str], process: Option<u32>) -> TestFinished {
        let contexts = contexts.iter().map(|context| Arc::from(*context)).collect();
        TestFinished { process, contexts, ..not_set_up("test") }
    }

    fn failed(setups: &[FixtureFinished]) -> FailedSetups {
        let mut failed = FailedSetups::default();
        setups.iter().for_each(|setup| {
            failed.add(setup.clone());
        });
        failed
    }

    #[test]
    fn only_set_ups_that_failed_are_remembered() {
        let others = [fixture(Fixture::Setup, Outcome::Passed), failed_fixture(Fixture::Teardown, "no")];
        assert_eq!(failed(&others).iter().count(), 0);
    }

    #[test]
    fn a_set_up_that_failed_alike_again_has_the_number_of_the_first() {
        let setups = [setup("demo::a", 1), setup("demo::b", 1), setup("demo::b", 2)];
        let failed = failed(&setups);
        assert_eq!(setups.map(|it| failed.number_of(&it)), [Some(0), Some(1), Some(1)]);
        assert_eq!(failed.number_of(&fixture(Fixture::Setup, Outcome::Passed)), None);
    }

    #[test]
    fn a_test_belongs_to_the_set_up_of_its_context() {
        let failed = failed(&[setup("demo::a", 1), setup("demo::b", 1)]);
        assert_eq!(failed.number(&test(&["demo::b"], Some(1))), Some(1));
        assert_eq!(failed.number(&test(&["demo", "demo::a"], None)), Some(0));
        assert_eq!(failed.number(&test(&["demo"], Some(1))), None);
        assert_eq!(failed.number(&test(&[], Some(1))), None);
        assert_eq!(failed.number(&TestFinished { binary: "other".into(), ..test(&["demo::a"], None) }), None);
    }

    #[test]
    fn what_failed_in_its_own_process_comes_before_what_failed_elsewhere() {
        let failed = failed(&[setup("demo", 1), setup("demo::a", 2)]);
        assert_eq!(failed.number(&test(&["demo", "demo::a"], Some(1))), Some(0));
        assert_eq!(failed.number(&test(&["demo", "demo::a"], Some(2))), Some(1));
        assert_eq!(failed.number(&test(&["demo", "demo::a"], Some(3))), Some(0));
    }

    #[test]
    fn what_failed_alike_in_several_processes_is_one() {
        let mut failed = FailedSetups::default();
        assert_eq!(failed.add(setup("demo", 1)), Some(0));
        assert_eq!(failed.add(setup("demo", 2)), None);
        assert_eq!(failed.add(FixtureFinished { message: None, ..setup("demo", 3) }), Some(1));
        assert_eq!(
            [1, 2, 3].map(|process| failed.number(&test(&["demo"], Some(process)))),
            [Some(0), Some(0), Some(1)]
        );
    }

    #[test]
    fn the_host_of_a_package_is_known_in_its_other_binaries() {
        let of_package = FixtureFinished {
            binary: "shop::api".into(),
            context: "api::common::db".into(),
            kind: FixtureKind::Shared,
            ..setup("", 1)
        };
        let in_binary = |binary: &str, context| TestFinished { binary: binary.into(), ..test(&[context], None) };
        let failed = failed(&[of_package]);
        assert_eq!(failed.number(&in_binary("shop::cli", "cli::common::db")), Some(0));
        assert_eq!(failed.number(&in_binary("shop::cli", "cli::common")), None);
        assert_eq!(failed.number(&in_binary("bank::cli", "cli::common::db")), None);
    }
}
