//! The wrapper that `#[ptest::test]` puts around a test.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::call;
use super::context::{Context, Kind, NotSetUp, Tree, libtest_name};
use super::process::{Process, Role};
use super::value::{self, Scope};
use super::watched::{Watched, spawn};
use super::{host, limit, os};
use crate::wire::annotation::Annotation;

/// What the wrapper knows of its test: what stands in its annotation.
#[derive(Clone, Copy)]
pub(super) struct Test {
    annotation: &'static str,
    module: &'static str,
    name: &'static str,
    timeout: Option<Duration>,
}

impl Test {
    /// Reads the annotation that the attribute has made.
    pub(super) fn of(annotation: &'static str) -> Self {
        let Ok(Some(test)) = Annotation::read(annotation) else {
            unreachable!("what the attribute has written cannot be read");
        };
        Self { annotation, module: test.module, name: test.name, timeout: test.timeout() }
    }

    /// As libtest names it.
    pub(super) fn path(self) -> String {
        libtest_name(self.module, self.name)
    }

    /// What there is only one of in the program for each test.
    fn place(self) -> usize {
        self.annotation.as_ptr().addr()
    }

    /// Whether it is the first time that this process comes to the test.
    fn begins(self) -> bool {
        // In order.
        static BEGUN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
        let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = begun.binary_search(&self.place());
        if let Err(at) = found {
            begun.insert(at, self.place());
        }
        found.is_err()
    }
}

/// Runs a test within its contexts and gives what it returns.
#[track_caller]
pub fn run<R>(annotation: &'static str, body: impl FnOnce() -> R) -> R {
    let mut body = Some(body);
    let mut returned = None;
    drive(Test::of(annotation), &mut || {
        // The body is called at most once.
        returned = body.take().map(|body| body());
        Ok(())
    });
    returned.unwrap_or_else(|| unreachable!("a test that did not run has panicked"))
}

/// Whether the test that asks this at its beginning, and has no time limit, is to go on. If not, it is over: it was called once
/// more from here, inside of its contexts.
#[track_caller]
pub fn is_inside(annotation: &'static str, test: fn()) -> bool {
    let this = Test::of(annotation);
    if is_called_inside(this) {
        return true;
    }
    let contexts = begin(this);
    if contexts.is_empty() && has_thread_of_its_own(this) {
        // There is nothing to do but to run it, nor anything afterwards. It has the stack for itself.
        RUNNING.set(Some(this));
        value::enter(Scope::new());
        return true;
    }
    run_inside(this, &contexts, &mut || {
        test();
        Ok(())
    });
    false
}

/// Whether the harness has started this thread for the test, so that it ends with it.
fn has_thread_of_its_own(test: Test) -> bool {
    std::thread::current().name() == Some(&*test.path())
}

/// Whether it is called by a test that runs on this thread, itself or another one. All its contexts have to be up, then: they are
/// set up and torn down for tests that the harness runs, and for nobody else.
#[track_caller]
fn is_called_inside(test: Test) -> bool {
    let Some(running) = RUNNING.get() else { return false };
    let (tree, mut is_up) = (Tree::get(), true);
    let up = tree.holding(running.module);
    for context in tree.holding(test.module) {
        is_up = is_up && up.iter().any(|it| it.module == context.module);
    }
    assert!(
        is_up,
        "ptest: the test {} calls the test {}, which has other contexts: move what both do into a function",
        running.path(),
        test.path()
    );
    true
}

/// As [`run`], for a test that takes and gives nothing, and that other attributes may change: this is compiled once for all.
#[track_caller]
pub fn run_plain(annotation: &'static str, body: fn()) {
    drive(Test::of(annotation), &mut || {
        body();
        Ok(())
    });
}

/// Runs a test that is to panic. It is judged here and not by libtest, for which a setup that panics were as good.
#[track_caller]
pub fn run_should_panic(annotation: &'static str, expected: Option<&'static str>, body: impl FnOnce()) {
    let mut body = Some(body);
    drive(Test::of(annotation), &mut || {
        let Some(body) = body.take() else { return Ok(()) };
        let Err(payload) = catch_unwind(AssertUnwindSafe(body)) else {
            return Err("test did not panic as expected".to_owned());
        };
        let message = limit::message(&*payload);
        match expected {
            Some(expected) if !message.contains(expected) => Err(format!(
                "panic did not contain expected string\n      panic message: {message:?}\n expected substring: \
                 {expected:?}"
            )),
            _ => Ok(()),
        }
    });
}

/// What becomes of a test: a panic of its own goes on its way, and what we have to say becomes one.
enum Verdict {
    Passed,
    Panicked(Box<dyn Any + Send>),
    Failed(String),
}

/// Runs `body` within the contexts of the test. It says itself what is wrong if it is no panic.
#[track_caller]
pub(super) fn drive(test: Test, body: &mut dyn FnMut() -> Result<(), String>) {
    match is_called_inside(test) {
        true => conclude(body()),
        false => run_inside(test, &begin(test), body),
    }
}

#[track_caller]
fn conclude(result: Result<(), String>) {
    if let Err(message) = result {
        panic!("{message}");
    }
}

/// What comes before everything else: this process may be there for something else, or the test not be able to run. Gives its
/// contexts.
#[track_caller]
fn begin(test: Test) -> Vec<&'static Context> {
    let tree = Tree::get();
    match &Process::get().role {
        Role::Host { context, value } => host::serve(tree, context, value),
        #[cfg(unix)]
        Role::Call { function } => call::serve(function),
        _ => {}
    }
    if Process::get().is_to_stop() {
        // What is still up is torn down at the exit.
        std::process::exit(0);
    }
    assert!(
        test.begins(),
        "ptest: {} is registered twice, because #[ptest::test] is below another test attribute: move it above; or something other \
         than the test harness called it: move what it does into a function",
        test.name
    );
    if let Some(problem) = tree.problem(test.module) {
        panic!("ptest: {problem}");
    }
    tree.holding(test.module)
}

#[track_caller]
fn run_inside(test: Test, contexts: &[&Context], body: &mut dyn FnMut() -> Result<(), String>) {
    if contexts.is_empty() && test.timeout.is_none() {
        // There is nothing to do but to run it.
        return conclude(within(test, Scope::new(), body));
    }
    let _turn = turn(contexts);
    let (scope, verdict) = match enter(contexts) {
        Ok(scope) => {
            let verdict = judge(test, &scope, body);
            (scope, verdict)
        }
        Err((scope, NotSetUp { context, message })) => {
            (scope, Verdict::Failed(format!("setup of {context} failed: {message}")))
        }
    };
    let passed = matches!(verdict, Verdict::Passed);
    let complaints = leave(contexts, scope, passed);
    match verdict {
        Verdict::Passed if complaints.is_empty() => {}
        Verdict::Passed => panic!("{}", complaints.trim_end_matches('\n')),
        Verdict::Panicked(payload) => {
            eprint!("{complaints}");
            resume_unwind(payload);
        }
        Verdict::Failed(message) => {
            eprint!("{complaints}");
            panic!("{message}");
        }
    }
}

thread_local! {
    /// The test that runs on this thread.
    static RUNNING: Cell<Option<Test>> = const { Cell::new(None) };
}

/// The test that runs on this thread, as libtest names it.
pub(super) fn running() -> Option<String> {
    Some(RUNNING.get()?.path())
}

/// Runs the body of a test within a scope of values.
fn within<R>(test: Test, scope: Scope, body: impl FnOnce() -> R) -> R {
    struct Back(Option<Test>);
    impl Drop for Back {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _back = Back(RUNNING.replace(Some(test)));
    value::within(scope, body)
}

/// The values of all contexts, or of those around the one that could not be set up.
fn enter(contexts: &[&Context]) -> Result<Scope, (Scope, NotSetUp)> {
    let mut scope = Scope::new();
    for context in contexts {
        match context.enter(&scope) {
            Ok(live) => scope.push((context.module, live)),
            Err(why) => return Err((scope, why)),
        }
    }
    Ok(scope)
}

/// Waits for the turn of the test, if it is in a unit.
fn turn<'a>(contexts: &[&'a Context]) -> Option<MutexGuard<'a, ()>> {
    for context in contexts {
        if context.kind == Kind::Unit {
            return Some(context.turn());
        }
    }
    None
}

/// Leaves the contexts, the innermost first; gives what is to be said of teardowns that failed and nobody else says, in
/// lines.
fn leave(contexts: &[&Context], mut scope: Scope, passed: bool) -> String {
    let mut complaints = String::new();
    for context in contexts.iter().rev() {
        // The last one to leave must find itself alone with the value.
        if scope.last().is_some_and(|(module, _)| *module == context.module) {
            scope.pop();
        }
        let Err(failure) = context.leave(&scope, passed) else { continue };
        let complaint = format!("{}::(teardown) failed: {}\n", context.module, failure.message);
        match context.kind {
            // The runner has an entry of its own for it.
            _ if Process::get().is_watched() => {}
            // Tests of other processes have used it, too, and this one's are no worse.
            Kind::Shared => os::write_stderr(&format!("ptest: {complaint}")),
            Kind::Unit | Kind::CanSplit | Kind::Inside => complaints.push_str(&complaint),
        }
    }
    complaints
}

fn judge(test: Test, scope: &Scope, body: &mut dyn FnMut() -> Result<(), String>) -> Verdict {
    let _watch = test.timeout.filter(|_| !Process::get().is_watched()).map(|limit| watch(test, limit));
    match catch_unwind(AssertUnwindSafe(|| within(test, scope.clone(), body))) {
        Ok(Ok(())) => Verdict::Passed,
        Ok(Err(message)) => Verdict::Failed(message),
        Err(payload) => Verdict::Panicked(payload),
    }
}

/// Where no runner ends a test whose time is up, the process has to end itself: a thread cannot be ended. Under nextest
/// that costs this one test; under `cargo test` it costs the rest of the binary, as any other test that hangs would.
fn watch(test: Test, limit: Duration) -> Watch {
    let (over, deadline) = (Arc::new(Watched::new(false)), Instant::now() + limit);
    let watched = over.clone();
    let watch = move || {
        if watched.wait(deadline, |over| over.then_some(())).is_none() {
            os::write_stderr(&format!("\nptest: {}::{} timed out after {limit:?}\n", test.module, test.name));
            os::exit_now(101);
        }
    };
    if let Err(error) = spawn("ptest timeout".to_owned(), Box::new(watch)) {
        panic!("ptest: cannot start the thread for the timeout: {error}");
    }
    Watch(over)
}

/// A test that is watched over until this is dropped.
struct Watch(Arc<Watched<bool>>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.change(|over| *over = true);
    }
}
