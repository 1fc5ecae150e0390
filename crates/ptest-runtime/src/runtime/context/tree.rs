//! How the contexts lie in one another, and which tests belong to each: from the annotations of this binary.

use std::sync::{Condvar, LazyLock, Mutex};
use std::time::Duration;

use super::{Context, Kind, Phase, State};
use crate::runtime::process::{Process, Role};
use crate::runtime::section::{self, Fixture, Setup, Teardown};
use crate::runtime::selection::Selection;
use crate::wire::annotation::{self, Annotation};
use crate::wire::environment::{SETUP_LIMIT, TEARDOWN_LIMIT};

pub(in crate::runtime) struct Tree {
    /// The outer ones before the inner ones.
    contexts: Vec<Context>,
    /// The module paths under which no test can run, and why.
    problems: Vec<(&'static str, String)>,
    /// By module path and name.
    tests: Vec<(&'static str, &'static str)>,
}

static TREE: LazyLock<Tree> = LazyLock::new(Tree::read);

impl Tree {
    pub(in crate::runtime) fn get() -> &'static Self {
        &TREE
    }

    fn read() -> Self {
        let annotations = section::annotations();
        let of = |kind: annotation::Kind| annotations.iter().filter(move |it| it.kind == kind);
        // The outer ones first. There are few, and a sort is much to compile.
        let mut setups: Vec<&Annotation> = Vec::new();
        for setup in of(annotation::Kind::Setup) {
            let place = setups.partition_point(|before| before.module.len() <= setup.module.len());
            setups.insert(place, setup);
        }
        let mut problems = Vec::new();
        let mut contexts: Vec<Context> = Vec::new();
        for setup in setups {
            if let Some(other) = contexts.iter().find(|it| it.module == setup.module) {
                let problem = format!(
                    "{}:{}: {} has more than one #[setup]; make one of them, or put the other into a module inside",
                    setup.file, setup.line, other.module
                );
                problems.push((setup.module, problem));
                continue;
            }
            let around: Vec<Kind> =
                contexts.iter().filter(|it| is_within(setup.module, it.module)).map(|it| it.kind).collect();
            let teardown = of(annotation::Kind::Teardown).find(|it| it.module == setup.module);
            match context(setup, teardown, &around) {
                Ok(context) => contexts.push(context),
                Err(problem) => problems.push((setup.module, problem)),
            }
        }
        for teardown in of(annotation::Kind::Teardown) {
            if !contexts.iter().any(|it| it.module == teardown.module) {
                let place = format!("{}:{}", teardown.file, teardown.line);
                let problem =
                    format!("{place}: #[teardown] in a module without #[setup]; put one into the same module");
                problems.push((teardown.module, problem));
            }
        }
        let tests: Vec<_> = of(annotation::Kind::Test).map(|it| (it.module, it.name)).collect();
        let tree = Self { contexts, problems, tests };
        let selection = Selection::of(&Process::get().arguments);
        for test in of(annotation::Kind::Test) {
            // Those that cannot run will not leave their contexts, either.
            let can_run = tree.problem(test.module).is_none();
            if can_run && selection.takes(&libtest_name(test.module, test.name), test.says(annotation::IGNORED)) {
                tree.around_tests_of(test.module).for_each(Context::expect_one);
            }
        }
        tree
    }

    /// The contexts of tests in a module, the outermost first.
    pub(in crate::runtime) fn around_tests_of(&self, module: &str) -> impl DoubleEndedIterator<Item = &Context> {
        self.contexts.iter().filter(move |it| is_within(module, it.module))
    }

    /// The contexts around the context of a module, without itself.
    pub(in crate::runtime) fn around(&self, module: &str) -> impl DoubleEndedIterator<Item = &Context> {
        self.around_tests_of(module).filter(move |it| it.module != module)
    }

    pub(super) fn innermost_first(&self) -> impl Iterator<Item = &Context> {
        self.contexts.iter().rev()
    }

    pub(in crate::runtime) fn find(&self, module: &str) -> Option<&Context> {
        self.contexts.iter().find(|it| it.module == module)
    }

    /// Why no test of a module can run.
    pub(in crate::runtime) fn problem(&self, module: &str) -> Option<&str> {
        let problem = self.problems.iter().find(|(where_, _)| is_within(module, where_));
        problem.map(|(_, problem)| problem.as_str())
    }

    /// Some test of a context, as libtest names it: a host is started as if it were to run it.
    pub(in crate::runtime) fn test_of(&self, module: &str) -> Option<String> {
        let test = self.tests.iter().find(|(of, _)| is_within(of, module));
        test.map(|(module, name)| libtest_name(module, name))
    }
}

fn context(
    setup: &Annotation<'static>,
    teardown: Option<&Annotation<'static>>,
    around: &[Kind],
) -> Result<Context, String> {
    let place = format!("{}:{}", setup.file, setup.line);
    // Where every test is a process, or workers get the value from a host, there is no one process for a debugger.
    let in_process =
        matches!(Process::get().role, Role::Alone) && std::env::var("PTEST_SHARED").is_ok_and(|it| it == "inprocess");
    let kind = match setup.option(annotation::KIND) {
        Some("unit") => Kind::Unit,
        Some("can_split") => Kind::CanSplit,
        Some("shared") if around.contains(&Kind::CanSplit) => {
            return Err(format!(
                "{place}: a shared context inside of one that can_split, which is set up in many processes, has no one \
                 place to be in; make the outer one shared or a unit, or move the inner one out of it"
            ));
        }
        Some("shared") if in_process || around.contains(&Kind::Unit) => Kind::Inside,
        Some("shared") => Kind::Shared,
        other => return Err(format!("{place}: unknown kind of context: {other:?}")),
    };
    let (run, ended) = functions(setup.module);
    let Some(run) = run else { return Err(format!("{place}: the set-up has an annotation but no function")) };
    let limit = |annotation: Option<&Annotation>, default: Duration| {
        annotation.and_then(Annotation::timeout).unwrap_or(default)
    };
    Ok(Context {
        module: setup.module,
        kind,
        setup: run,
        teardown: ended,
        setup_limit: limit(Some(setup), SETUP_LIMIT),
        teardown_limit: limit(teardown, TEARDOWN_LIMIT),
        key: setup.option(annotation::KEY),
        state: Mutex::new(State { phase: Phase::Down, remaining: 0 }),
        changed: Condvar::new(),
        turn: Mutex::new(()),
    })
}

fn functions(module: &str) -> (Option<&'static Setup>, Option<&'static Teardown>) {
    let mut found = (None, None);
    for fixture in section::fixtures() {
        match fixture {
            Fixture::Setup(setup) if setup.module == module => found.0 = Some(setup),
            Fixture::Teardown(teardown) if teardown.module == module => found.1 = Some(teardown),
            _ => {}
        }
    }
    found
}

/// Whether a module is another one or lies in it.
fn is_within(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// libtest leaves the crate's name out.
pub(in crate::runtime) fn libtest_name(module: &str, name: &str) -> String {
    match module.split_once("::") {
        Some((_, rest)) => format!("{rest}::{name}"),
        None => name.to_owned(),
    }
}
