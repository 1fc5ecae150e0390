//! What the annotations in a binary say of its tests, and what is wrong with them. Pure.
//!
//! A module with a `#[setup]` is a context; a test belongs to the nearest one at or above its module. Modules are named
//! as `module_path!()` names them, with the crate in front; libtest's names lack the crate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use ptest::wire::annotation::{Annotation, GENERATED, KEY, KIND, Kind, PLAIN};
use serde::{Deserialize, Serialize};

use super::Test;

/// A module whose tests share what is set up for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// As `module_path!()` has it: with the crate's name in front.
    pub module: Arc<str>,
    pub kind: ContextKind,
    /// The nearest context around it; its number is lower.
    pub parent: Option<usize>,
    /// By this name all binaries of a package share it.
    pub key: Option<String>,
    pub setup: Fixture,
    /// `None` where what was set up is only dropped.
    pub teardown: Option<Fixture>,
}

/// How often a context is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextKind {
    /// In one process, which runs all its tests.
    Unit,
    /// In each process that runs any of its tests.
    CanSplit,
    /// Once in a run.
    Shared,
}

/// Which function a setup or teardown is, where it stands, and how long it may take if it says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fixture {
    pub name: Arc<str>,
    pub file: Arc<str>,
    pub line: u32,
    pub timeout: Option<Duration>,
}

/// What `#[ptest::test]` says of a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Annotated {
    pub timeout: Option<Duration>,
    /// How many slots it takes.
    #[serde(deserialize_with = "Option::deserialize")]
    // A list that was remembered before there was this has to be asked anew.
    pub threads: Option<usize>,
    /// Its cases are known only to the binary.
    pub generated: bool,
}

impl Context {
    #[cfg(test)]
    pub fn named(module: &str, kind: ContextKind, parent: Option<usize>) -> Self {
        let setup = Fixture { name: "set_up".into(), file: "s.rs".into(), line: 1, timeout: None };
        Self { module: module.into(), kind, parent, key: None, setup, teardown: None }
    }
}

/// Notes on each test what the texts of the section say of it, and gives the contexts, outer ones before inner ones.
///
/// A library that is linked into the binary may have left annotations, too; those are about no test of this one.
pub(super) fn understand(texts: &[String], crate_name: &str, tests: &mut [Test]) -> Result<Vec<Context>> {
    let all: Vec<Annotation> =
        texts.iter().filter_map(|text| Annotation::read(text).transpose()).collect::<Result<_, _>>()?;
    let own: Vec<Annotation> = all.into_iter().filter(|it| is_within(it.module, crate_name)).collect();
    let mut mistakes = Vec::new();
    let contexts = contexts(&own, &mut mistakes);
    mark_tests(&own, crate_name, &contexts, tests, &mut mistakes);
    match mistakes.is_empty() {
        true => Ok(contexts),
        false => bail!("{}", mistakes.join("\n")),
    }
}

/// Whether any of the texts is about the crate itself. One that cannot be read may be.
pub(super) fn are_of(texts: &[String], crate_name: &str) -> bool {
    texts.iter().any(|text| match Annotation::read(text) {
        Ok(annotation) => annotation.is_some_and(|it| is_within(it.module, crate_name)),
        Err(_) => true,
    })
}

fn contexts(annotations: &[Annotation], mistakes: &mut Vec<String>) -> Vec<Context> {
    let of_kind = |kind| annotations.iter().filter(move |it| it.kind == kind);
    let mut setups: Vec<&Annotation> = of_kind(Kind::Setup).collect();
    // So the modules around a module come before it.
    setups.sort_by_key(|it| (it.module, it.line));
    let mut contexts: Vec<Context> = Vec::new();
    for setup in setups {
        if let Some(other) = contexts.iter().find(|it| *it.module == *setup.module) {
            mistakes.push(format!(
                "{}: the module {} has a #[setup] already, at {}: make them one, or put this one into a module of its \
                 own",
                place(setup),
                setup.module,
                other.setup
            ));
            continue;
        }
        let parent = contexts.iter().rposition(|it| is_within(setup.module, &it.module));
        contexts.push(Context {
            module: setup.module.into(),
            kind: match setup.option(KIND) {
                Some("shared") => ContextKind::Shared,
                Some("can_split") => ContextKind::CanSplit,
                _ => ContextKind::Unit,
            },
            parent,
            key: setup.option(KEY).map(str::to_owned),
            setup: fixture(setup),
            teardown: None,
        });
    }
    for teardown in of_kind(Kind::Teardown) {
        match contexts.iter_mut().find(|it| *it.module == *teardown.module) {
            None => mistakes.push(format!(
                "{}: #[teardown] in {}, which has no #[setup]: put it into the module of the #[setup] that it belongs to",
                place(teardown),
                teardown.module
            )),
            Some(Context { teardown: Some(other), .. }) => mistakes.push(format!(
                "{}: the module {} has a #[teardown] already, at {other}: make them one",
                place(teardown),
                teardown.module
            )),
            Some(context) => context.teardown = Some(fixture(teardown)),
        }
    }
    for context in contexts.iter().filter(|it| it.kind == ContextKind::Shared) {
        let split = ancestors(&contexts, context.parent).find(|it| it.kind == ContextKind::CanSplit);
        if let Some(split) = split {
            mistakes.push(format!(
                "{}: #[setup(shared)] inside of {}, whose #[setup(can_split)] at {} runs in each process, so there is no \
                 single one to share: make the outer one shared or a unit, or move this one out of it",
                context.setup, split.module, split.setup
            ));
        }
    }
    contexts
}

fn mark_tests(
    annotations: &[Annotation],
    crate_name: &str,
    contexts: &[Context],
    tests: &mut [Test],
    mistakes: &mut Vec<String>,
) {
    let of_tests = annotations.iter().filter(|it| it.kind == Kind::Test);
    let annotated: HashMap<String, &Annotation> = of_tests.map(|it| (listed_name(it), it)).collect();
    let plain: Vec<&str> =
        annotations.iter().filter(|it| it.kind == Kind::Plain || it.says(PLAIN)).map(|it| it.module).collect();
    for test in tests {
        let module = match test.name.rsplit_once("::") {
            Some((module, _)) => format!("{crate_name}::{module}"),
            None => crate_name.to_owned(),
        };
        let context = contexts.iter().rposition(|it| is_within(&module, &it.module));
        let Some(annotation) = annotated.get(&*test.name) else {
            // The nearest word on it counts: the context's, or that of a module between the two.
            let nearest_plain = plain.iter().filter(|it| is_within(&module, it)).map(|it| it.len()).max();
            test.context = context.filter(|it| nearest_plain.is_none_or(|plain| plain < contexts[*it].module.len()));
            continue;
        };
        if test.times > 1 {
            mistakes.push(format!(
                "{}: the test {} is registered twice, because #[ptest::test] is below another test attribute: put \
                 it above",
                place(annotation),
                test.name
            ));
        }
        test.context = context;
        test.annotated = Some(Annotated {
            timeout: annotation.timeout(),
            threads: annotation.threads(),
            generated: annotation.says(GENERATED),
        });
    }
}

/// The context with this number and those around it, the innermost first.
pub fn ancestors(contexts: &[Context], innermost: Option<usize>) -> impl Iterator<Item = &Context> {
    numbers(contexts, innermost).map(|number| &contexts[number])
}

/// The same, as numbers.
pub fn numbers(contexts: &[Context], innermost: Option<usize>) -> impl Iterator<Item = usize> {
    std::iter::successors(innermost, |number| contexts[*number].parent)
}

/// The name that libtest has for an annotated test.
fn listed_name(test: &Annotation) -> String {
    match test.module.split_once("::") {
        Some((_, module)) => format!("{module}::{}", test.name),
        None => test.name.to_owned(),
    }
}

fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn fixture(annotation: &Annotation) -> Fixture {
    Fixture {
        name: annotation.name.into(),
        file: annotation.file.into(),
        line: annotation.line,
        timeout: annotation.timeout(),
    }
}

fn place(annotation: &Annotation) -> String {
    fixture(annotation).to_string()
}

impl std::fmt::Display for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line is an annotation, its fields separated by blanks.
    fn section(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| format!("ptest1\x1f{}", line.replace(' ', "\x1f"))).collect()
    }

    fn understood(lines: &[&str], names: &[&str]) -> (Vec<Context>, Vec<Test>) {
        let mut tests: Vec<Test> = names.iter().map(|name| Test::named(name)).collect();
        let contexts = understand(&section(lines), "shop", &mut tests).unwrap();
        (contexts, tests)
    }

    fn mistake(lines: &[&str]) -> String {
        understand(&section(lines), "shop", &mut [Test { times: 2, ..Test::named("a::twice") }])
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_test_belongs_to_the_nearest_context_around_it() {
        let (contexts, tests) = understood(
            &[
                "setup shop::orders::cart basket s.rs 9 kind=unit timeout=500",
                "setup shop::orders api s.rs 3 kind=shared key=pg",
                "teardown shop::orders stop s.rs 5 timeout=7000",
                "test shop::orders::cart::deep add s.rs 12 ignored=false timeout=1500 threads=4",
                "test shop::ordersx other s.rs 20 ignored=false generated=true",
                "test library fn s.rs 1",
            ],
            &["orders::cart::deep::add", "orders::lists", "ordersx::other", "top"],
        );
        assert_eq!(contexts.iter().map(|it| &*it.module).collect::<Vec<_>>(), ["shop::orders", "shop::orders::cart"]);
        assert_eq!((contexts[0].kind, contexts[0].parent), (ContextKind::Shared, None));
        assert_eq!(contexts[0].key.as_deref(), Some("pg"));
        assert_eq!(contexts[0].teardown.as_ref().unwrap().timeout, Some(Duration::from_secs(7)));
        assert_eq!((contexts[1].kind, contexts[1].parent), (ContextKind::Unit, Some(0)));
        assert_eq!(tests.iter().map(|it| it.context).collect::<Vec<_>>(), [Some(1), Some(0), None, None]);
        let timeout = Some(Duration::from_millis(1500));
        assert_eq!(tests[0].annotated, Some(Annotated { timeout, threads: Some(4), generated: false }));
        assert!(tests[1].annotated.is_none() && tests[2].annotated.as_ref().unwrap().generated);
    }

    #[test]
    fn a_context_may_be_the_root_of_the_crate() {
        let (contexts, tests) = understood(&["setup shop s s.rs 1 kind=unit", "test shop t s.rs 2"], &["t", "a::u"]);
        assert_eq!(contexts.len(), 1);
        assert!(tests.iter().all(|test| test.context == Some(0)));
        assert!(tests[0].annotated.is_some() && tests[1].annotated.is_none());
    }

    #[test]
    fn plain_tests_of_a_module_that_says_so_belong_to_no_context_above_it() {
        let (_, tests) = understood(
            &[
                "setup shop::a s s.rs 1 kind=unit plain=true",
                "setup shop::a::b s s.rs 2 kind=unit",
                "plain shop::a::b::c  s.rs 3",
                "test shop::a::b::c yes s.rs 4",
            ],
            &["a::free", "a::b::bound", "a::b::c::free", "a::b::c::yes"],
        );
        assert_eq!(tests.iter().map(|it| it.context).collect::<Vec<_>>(), [None, Some(1), None, Some(1)]);
    }

    #[test]
    fn mistakes_name_the_place_and_the_cure() {
        let split = ["setup shop::a s s.rs 3 kind=can_split", "setup shop::a::b::c s s.rs 9 kind=shared"];
        let between = [split[0], "setup shop::a::b s s.rs 6 kind=unit", split[1]];
        for lines in [&split[..], &between] {
            let said = mistake(lines);
            assert!(
                said.starts_with("s.rs:9: #[setup(shared)] inside of shop::a") && said.contains("s.rs:3"),
                "{said}"
            );
        }
        let said = mistake(&["teardown shop::a t s.rs 4"]);
        assert!(said.starts_with("s.rs:4: #[teardown] in shop::a, which has no #[setup]"), "{said}");
        let said = mistake(&["setup shop::a s s.rs 3 kind=unit", "setup shop::a t s.rs 5 kind=unit"]);
        assert!(said.starts_with("s.rs:5: ") && said.contains("already, at s.rs:3"), "{said}");
        let said = mistake(&["test shop::a twice s.rs 7"]);
        assert!(said.starts_with("s.rs:7: the test a::twice is registered twice") && said.ends_with("put it above"));
        let said = understand(&["ptest2\x1fnew".to_owned()], "shop", &mut []).unwrap_err().to_string();
        assert!(said.contains("another version"), "{said}");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let said = mistake(&["teardown shop::a t s.rs 4", "test shop::a twice s.rs 7"]);
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}
