//! Generated tests: one test for libtest, any number of cases for `cargo ptest`.
//!
//! Few test binaries have any: nearly all functions here are generic or `#[inline]`, so that the others do not pay for them.

use std::cell::Cell;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;

use super::limit;
use super::os;
use super::process::{Process, Role};
use super::test::{Test, drive};
use crate::wire::environment;
use crate::wire::record::Record;

/// What the body of a generated test may return.
pub trait CaseResult {
    fn into_result(self) -> Result<(), String>;
}

impl CaseResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Debug> CaseResult for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Runs a test with each case that its generator gives, or with those that this process is for.
///
/// The generator runs in several processes, once for the list of cases and once for each that runs some of them; so what
/// it gives must be the same each time.
#[track_caller]
pub fn run_cases<I, T, R: CaseResult>(annotation: &'static str, generate: impl FnOnce() -> I, body: impl Fn(&T) -> R)
where
    I: IntoIterator<Item = (String, T)>,
{
    let test = Test::of(annotation);
    if let Role::Cases = Process::get().role {
        list(test, generate());
    }
    let wanted = Wanted::of(test);
    // To drop a case is part of it.
    let run = |case: T| catch_unwind(AssertUnwindSafe(|| body(&{ case }).into_result()));
    let mut generate = Some(generate);
    drive(test, &mut || {
        // Nobody calls this twice.
        let cases = generate.take().into_iter().flat_map(|generate| generate());
        match wanted.is_empty() {
            true => all(cases, run),
            false => one_by_one(&wanted, cases, run),
        }
    });
    wanted.end_if_stopped();
}

/// What a case comes to: an error that it returned, or a panic.
type Came = std::thread::Result<Result<(), String>>;

/// Says which cases there are, and nothing else.
fn list<T>(test: Test, cases: impl IntoIterator<Item = (String, T)>) -> ! {
    let process = Process::get();
    let mut count = 0;
    for (name, case) in cases {
        if let Some(problem) = problem(&name) {
            // Its last line is what the listing tells.
            os::write_stderr(&format!("{}: {problem}\n", test.path()));
            std::process::exit(1);
        }
        process.say(&Record::Case { name });
        count += 1;
        release(case);
    }
    process.say(&Record::CasesEnd { count });
    // The test that this process was started with has no end.
    std::process::exit(0);
}

/// Drops what nobody has run: should that panic, it is nobody's failure.
fn release<T>(unused: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(unused)));
}

/// Runs all cases as one test.
fn all<T>(cases: impl Iterator<Item = (String, T)>, run: impl Fn(T) -> Came) -> Result<(), String> {
    let (mut cases, mut count, mut failed) = (cases, 0, Vec::new());
    for (name, case) in cases.by_ref() {
        count += 1;
        if let Some(problem) = problem(&name) {
            failed.push(problem);
            continue;
        }
        if let Err(message) = run(case).unwrap_or_else(|payload| Err(limit::message(&*payload))) {
            failed.push(format!("{name}: {message}"));
        }
    }
    release(cases);
    match (count, &failed[..]) {
        (0, _) => Err("the generator returns no cases".to_owned()),
        (_, []) => Ok(()),
        (_, failures) => Err(format!("{} of {count} failed: {}", failures.len(), failures.join("; "))),
    }
}

/// Runs those cases that are wanted, in the order in which they are, and says of each what it comes to.
///
/// This is compiled for each generated test in its binary, so what need not be generic is in [`Wanted`].
fn one_by_one<T>(
    wanted: &Wanted,
    cases: impl Iterator<Item = (String, T)>,
    run: impl Fn(T) -> Came,
) -> Result<(), String> {
    let mut cases = Some(cases);
    // Those that come before their turn: none, unless the generator has an order of its own each time.
    let mut early: Vec<Option<T>> = wanted.names.iter().map(|_| None).collect();
    for turn in 0..wanted.names.len() {
        let case = loop {
            if let Some(case) = early[turn].take() {
                break case;
            }
            let Some((name, case)) = cases.as_mut().and_then(Iterator::next) else {
                release((early, cases));
                return Err(wanted.missing(turn));
            };
            release(match wanted.turn(&name) {
                Some(turn) => early[turn].replace(case),
                None => Some(case),
            });
        };
        if wanted.stops() {
            release((early, cases, case));
            return Ok(());
        }
        let came = run(case);
        if turn + 1 == wanted.names.len() {
            // A case may need what its generator holds. That is given back within the time of the last one.
            release((std::mem::take(&mut early), cases.take()));
        }
        wanted.tell(turn, &came);
    }
    wanted.conclude();
    Ok(())
}

/// The cases of a test that this process is to run, in their order; none, if nobody has said that.
struct Wanted {
    test: String,
    names: Vec<&'static str>,
    /// The same by name in order, with their turns.
    by_name: Vec<(usize, &'static str)>,
    failed: Cell<bool>,
    stopped: Cell<bool>,
}

impl Wanted {
    #[inline]
    fn of(test: Test) -> Self {
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            let Role::Worker { wanted: Some(path) } = &Process::get().role else { return String::new() };
            let text = std::fs::read_to_string(path);
            text.unwrap_or_else(|error| panic!("ptest: cannot read {path}: {error}"))
        });
        let test = test.path();
        let by_name = environment::find_cases(&TEXT, &test);
        let mut names = vec![""; by_name.len()];
        for (turn, name) in &by_name {
            names[*turn] = name;
        }
        Self { test, names, by_name, failed: Cell::new(false), stopped: Cell::new(false) }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    #[inline]
    fn turn(&self, name: &str) -> Option<usize> {
        let place = self.by_name.binary_search_by(|(_, other)| (**other).cmp(name)).ok()?;
        Some(self.by_name[place].0)
    }

    #[inline]
    fn missing(&self, turn: usize) -> String {
        let name = self.names[turn];
        format!("the generator did not return the case {name} this time: it must return the same cases each time")
    }

    /// Whether no further case is to begin.
    #[inline]
    fn stops(&self) -> bool {
        self.stopped.set(Process::get().is_to_stop());
        self.stopped.get()
    }

    /// To be called when nothing of the test's contexts is in use any more: what is still up is torn down at the exit.
    #[inline]
    fn end_if_stopped(&self) {
        if self.stopped.get() {
            std::process::exit(0);
        }
    }

    /// Says what a case has come to.
    #[inline]
    fn tell(&self, turn: usize, came: &Came) {
        if let Ok(Err(error)) = came {
            // As libtest tells it.
            eprintln!("Error: {error}");
        }
        let passed = matches!(came, Ok(Ok(())));
        self.failed.set(self.failed.get() || !passed);
        let (test, name) = (self.test.clone(), self.names[turn].to_owned());
        Process::get().say(&Record::CaseEnded { test, name, passed });
    }

    /// All of them have run.
    #[inline]
    fn conclude(&self) {
        if self.failed.get() {
            // Each has said why. The harness needs to know as well, but nobody needs to read it once more.
            resume_unwind(Box::new("a case has failed"));
        }
    }
}

/// However it ends: what the harness says next is about the test. Until then nothing can be taken for that, whatever
/// cases print.
impl Drop for Wanted {
    #[inline]
    fn drop(&mut self) {
        if !self.is_empty() {
            Process::get().say(&Record::CasesOver { test: std::mem::take(&mut self.test) });
        }
    }
}

/// How long a case's name may be, in bytes: it goes through a pipe, and stands in a line of a report.
const LONGEST: usize = 512;

/// Why a case cannot have this name.
#[inline]
fn problem(name: &str) -> Option<String> {
    let why = match name {
        "" => "no name at all",
        _ if name.len() > LONGEST => "a name that is too long",
        _ if name.chars().any(char::is_control) => "a name with a line break or another control character in it",
        _ => return None,
    };
    let begin = format!("{name:.40}");
    Some(format!(
        "the generator returns a case with {why}, {begin:?}: name each with at most {LONGEST} bytes of plain text, such as a number \
         or the name of a file"
    ))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, problem};

    #[test]
    fn names_that_no_report_can_show_are_refused() {
        assert_eq!(problem("n3 \u{e4} [x] a/b.json"), None);
        assert_eq!(problem(&"x".repeat(LONGEST)), None);
        assert!(problem(&"x".repeat(LONGEST + 1)).unwrap().contains("too long"));
        for name in ["a\nb", "\u{2}", "\u{1b}[1m", "a\u{1f}"] {
            assert!(problem(name).unwrap().contains("control character"), "{name:?}");
        }
        assert!(problem("").unwrap().contains("no name"));
    }
}
