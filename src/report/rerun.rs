//! The commands that run tests again. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use nextest_metadata::{RustBinaryId, RustBinaryIdNameAndKind};

use super::control;
use super::setups::within_crate;
use crate::event::{Event, FixtureFinished, Outcome, TestFinished};

/// What the commands of a run have in common.
#[derive(Default)]
pub(super) struct Reruns {
    toolchain: Option<String>,
    options: Vec<String>,
    /// By binary, the package's name for cargo, where the name alone is ambiguous.
    packages: HashMap<Arc<str>, String>,
}

impl Reruns {
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => {
                self.toolchain.clone_from(&run.toolchain);
                self.options.clone_from(&run.options);
            }
            Event::BinarySelected(it) => {
                self.packages.extend(it.package.clone().map(|package| (it.binary.clone(), package)));
            }
            _ => {}
        }
    }

    /// The command that runs one test again, unless it cannot be run at all.
    pub(super) fn of_test(&self, test: &TestFinished) -> Option<String> {
        let could_run = test.outcome != Outcome::Error || test.process.is_some();
        could_run.then(|| self.command(&test.binary, exactly(&test.test)))
    }

    /// The command that runs a context again: all tests in its module.
    pub(super) fn of_context(&self, fixture: &FixtureFinished) -> String {
        let module = within_crate(&fixture.context);
        let filter = (!module.is_empty()).then(|| format!("{module}::"));
        self.command(&fixture.binary, filter.as_deref())
    }

    fn command<'a>(&self, binary: &str, filters: impl IntoIterator<Item = &'a str>) -> String {
        let mut words = cargo_ptest(self.toolchain.as_deref());
        words.extend(self.options.iter().cloned());
        words.extend(selection(binary, self.packages.get(binary).map(String::as_str)));
        let mut filters = filters.into_iter().peekable();
        if filters.peek().is_some() {
            words.push("--".to_owned());
        }
        words.extend(filters.map(str::to_owned));
        control::command(&words)
    }
}

/// The arguments after `--` that select a test by its name, which may look like an option.
pub(super) fn exactly(test: &str) -> impl Iterator<Item = &str> {
    ["--exact"].into_iter().chain(test.starts_with('-').then_some("--")).chain([test])
}

/// How a command starts that calls this program again.
pub(super) fn cargo_ptest(toolchain: Option<&str>) -> Vec<String> {
    let toolchain = toolchain.map(|toolchain| format!("+{toolchain}"));
    ["cargo".to_owned()].into_iter().chain(toolchain).chain(["ptest".to_owned()]).collect()
}

/// The options that select a binary by its id; `package` names its package, where the name in the id is ambiguous.
pub(super) fn selection(binary: &str, package: Option<&str>) -> Vec<String> {
    let binary = RustBinaryId::new(binary.split('@').next().unwrap_or(binary));
    let parts = binary.components();
    let mut words = vec!["-p".to_owned(), package.unwrap_or(parts.package_name).to_owned()];
    match parts.binary_name_and_kind {
        RustBinaryIdNameAndKind::None => words.push("--lib".to_owned()),
        RustBinaryIdNameAndKind::NameOnly { binary_name } => {
            words.extend(["--test".to_owned(), binary_name.to_owned()]);
        }
        // A package has one library at the most.
        RustBinaryIdNameAndKind::NameAndKind { kind: "doc", .. } => words.push("--doc".to_owned()),
        RustBinaryIdNameAndKind::NameAndKind { kind, binary_name } => {
            words.extend([format!("--{kind}"), binary_name.to_owned()]);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fixture, RunStarted};
    use crate::report::junit::sample::{failed_fixture, finished, run_started};

    #[test]
    fn a_binary_is_selected_as_cargo_would_have_it() {
        assert_eq!(selection("itoa::t", Some("itoa@0.3.9")).join(" "), "-p itoa@0.3.9 --test t");
        assert_eq!(cargo_ptest(Some("nightly")).join(" "), "cargo +nightly ptest");
        assert_eq!(selection("p", None).join(" "), "-p p --lib");
        assert_eq!(selection("p::t", None).join(" "), "-p p --test t");
        assert_eq!(selection("p::bin/b", None).join(" "), "-p p --bin b");
        assert_eq!(selection("p::doc/p", None).join(" "), "-p p --doc");
        assert_eq!(selection("p::t@x86_64-unknown-linux-gnu", None).join(" "), "-p p --test t");
    }

    fn with(options: &[&str]) -> Reruns {
        let Event::RunStarted(run) = run_started(1) else { panic!() };
        let options = options.iter().map(ToString::to_string).collect();
        let mut reruns = Reruns::default();
        reruns.event(&Event::RunStarted(RunStarted { options, ..run }));
        reruns
    }

    #[test]
    fn a_test_is_run_again_with_the_options_that_it_needs() {
        let release = with(&["--release", "--run-ignored", "all"]);
        let command = release.of_test(&finished("a::b")).unwrap();
        assert_eq!(command, "cargo ptest --release --run-ignored all -p demo --lib -- --exact a::b");
        let never = TestFinished { outcome: Outcome::Error, process: None, ..finished("a::b") };
        assert_eq!(release.of_test(&never), None);
    }

    #[test]
    fn a_context_is_run_again_by_its_module() {
        let of = |binary: &str, context: &str| {
            let (binary, context): (Arc<str>, Arc<str>) = (binary.into(), context.into());
            with(&[]).of_context(&FixtureFinished { binary, context, ..failed_fixture(Fixture::Setup, "no port") })
        };
        assert_eq!(of("demo::it", "it"), "cargo ptest -p demo --test it");
        assert_eq!(of("demo::it", "it::a::b"), "cargo ptest -p demo --test it -- a::b::");
        assert_eq!(of("demo", "demo"), "cargo ptest -p demo --lib");
    }
}
