//! How the contexts lie in one another, and which tests belong to each: from the annotations of this binary.

use std::sync::{Condvar, LazyLock, Mutex};
use std::time::Duration;

use super::{Context, Kind, Phase, State};
use crate::runtime::process::{Process, Role, variable};
use crate::runtime::section::{self, Fixture, Setup, Teardown};
use crate::runtime::selection::Selection;
use crate::wire::annotation::{self, Annotation};
use crate::wire::environment::{SETUP_LIMIT, TEARDOWN_LIMIT};

pub(in crate::runtime) struct Tree {
    /// The outer ones before the inner ones.
    contexts: Vec<Context>,
    /// The module paths under which no test can run, and why.
    problems: Vec<(&'static str, String)>,
    annotations: Vec<Annotation<'static>>,
}

static TREE: LazyLock<Tree> = LazyLock::new(Tree::read);

impl Tree {
    pub(in crate::runtime) fn get() -> &'static Self {
        &TREE
    }

    fn read() -> Self {
        let annotations = section::annotations();
        // The outer setups first. There are few, and a sort is much to compile.
        let (mut setups, mut teardowns) = (Vec::<&Annotation>::new(), Vec::<&Annotation>::new());
        for annotation in &annotations {
            match annotation.kind {
                annotation::Kind::Setup => {
                    let mut place = setups.len();
                    while place > 0 && setups[place - 1].module.len() > annotation.module.len() {
                        place -= 1;
                    }
                    setups.insert(place, annotation);
                }
                annotation::Kind::Teardown => teardowns.push(annotation),
                annotation::Kind::Test | annotation::Kind::Plain => {}
            }
        }
        let mut problems = Vec::new();
        let mut contexts: Vec<Context> = Vec::new();
        for setup in setups {
            if let Some(other) = find(&contexts, setup.module) {
                let problem = format!(
                    "{}:{}: {} has more than one #[setup]: combine them, or move one into an inner module",
                    setup.file, setup.line, other.module
                );
                problems.push((setup.module, problem));
                continue;
            }
            match context(setup, teardown_of(setup.module, &teardowns), &contexts) {
                Ok(context) => contexts.push(context),
                Err(problem) => problems.push((setup.module, problem)),
            }
        }
        for teardown in teardowns {
            if find(&contexts, teardown.module).is_none() {
                let place = format!("{}:{}", teardown.file, teardown.line);
                let problem =
                    format!("{place}: #[teardown] in a module without #[setup]: add a #[setup] to the same module");
                problems.push((teardown.module, problem));
            }
        }
        let tree = Self { contexts, problems, annotations };
        let selection = Selection::of(&Process::get().arguments);
        for test in &tree.annotations {
            // Those that cannot run will not leave their contexts, either.
            if test.kind == annotation::Kind::Test
                && tree.problem(test.module).is_none()
                && selection.takes(&libtest_name(test.module, test.name), test.says(annotation::IGNORED))
            {
                for context in tree.holding(test.module) {
                    context.expect_one();
                }
            }
        }
        tree
    }

    /// The contexts of tests in a module, the outermost first.
    pub(in crate::runtime) fn holding(&self, module: &str) -> Vec<&Context> {
        let mut holding = Vec::new();
        for context in &self.contexts {
            if is_within(module, context.module) {
                holding.push(context);
            }
        }
        holding
    }

    /// The contexts around the context of a module, without itself.
    pub(in crate::runtime) fn around(&self, module: &str) -> Vec<&Context> {
        let mut around = self.holding(module);
        // The innermost one comes last.
        if around.last().is_some_and(|innermost| innermost.module == module) {
            around.pop();
        }
        around
    }

    pub(super) fn innermost_first(&self) -> impl Iterator<Item = &Context> {
        self.contexts.iter().rev()
    }

    pub(in crate::runtime) fn find(&self, module: &str) -> Option<&Context> {
        find(&self.contexts, module)
    }

    /// Why no test of a module can run.
    pub(in crate::runtime) fn problem(&self, module: &str) -> Option<&str> {
        for (place, problem) in &self.problems {
            if is_within(module, place) {
                return Some(problem);
            }
        }
        None
    }

    /// Some test of a context, as libtest names it: a host is started as if it were to run it.
    pub(in crate::runtime) fn test_of(&self, module: &str) -> Option<String> {
        for test in &self.annotations {
            if test.kind == annotation::Kind::Test && is_within(test.module, module) {
                return Some(libtest_name(test.module, test.name));
            }
        }
        None
    }
}

fn find<'a>(contexts: &'a [Context], module: &str) -> Option<&'a Context> {
    contexts.iter().find(|it| it.module == module)
}

fn teardown_of<'a>(module: &str, teardowns: &[&'a Annotation<'static>]) -> Option<&'a Annotation<'static>> {
    teardowns.iter().copied().find(|it| it.module == module)
}

fn context(
    setup: &Annotation<'static>,
    teardown: Option<&Annotation<'static>>,
    outer: &[Context],
) -> Result<Context, String> {
    let place = format!("{}:{}", setup.file, setup.line);
    // Where every test is a process, or workers get the value from a host, there is no one process for a debugger.
    let in_process =
        matches!(Process::get().role, Role::Alone) && variable("PTEST_SHARED").as_deref() == Some("inprocess");
    let (mut in_unit, mut in_can_split) = (false, false);
    for context in outer {
        if is_within(setup.module, context.module) {
            in_unit |= context.kind == Kind::Unit;
            in_can_split |= context.kind == Kind::CanSplit;
        }
    }
    let kind = match setup.option(annotation::KIND) {
        Some("unit") => Kind::Unit,
        Some("can_split") => Kind::CanSplit,
        Some("shared") if in_can_split => {
            return Err(format!(
                "{place}: a shared context cannot be inside of a can_split context, which is set up in many processes: make \
                 the outer one shared or a unit, or move the inner one out of it"
            ));
        }
        Some("shared") if in_process || in_unit => Kind::Inside,
        Some("shared") => Kind::Shared,
        other => return Err(format!("{place}: unknown kind of context: {other:?}")),
    };
    let (run, ended) = functions(setup.module);
    let Some(run) = run else { return Err(format!("{place}: the setup has an annotation but no function")) };
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

fn limit(annotation: Option<&Annotation>, default: Duration) -> Duration {
    annotation.and_then(Annotation::timeout).unwrap_or(default)
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
    let Some(rest) = module.strip_prefix(outer) else { return false };
    rest.is_empty() || rest.starts_with("::")
}

/// libtest leaves the crate's name out.
pub(in crate::runtime) fn libtest_name(module: &str, name: &str) -> String {
    match module.split_once("::") {
        Some((_, rest)) => format!("{rest}::{name}"),
        None => name.to_owned(),
    }
}
