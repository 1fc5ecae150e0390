//! What the report for people closes with: every failure once more, and the totals. Pure but for the styles.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use super::brief::brief;
use super::control::{line, tame};
use super::diagnosis::{Around, names};
use super::repeats::Repeats;
use super::styles::Styles;
use crate::event::{FixtureFinished, Outcome, RunFinished, Stopped, TestDiagnosed, TestFinished, WorkerFailed};

/// What is remembered of a failure until the end.
pub(super) struct Failure {
    binary: Arc<str>,
    test: Arc<str>,
    status: String,
    place: Option<String>,
    /// What is shown of its message.
    message: Vec<String>,
    around: Around,
    /// What ran before it or beside it may have made it fail.
    may_be_disturbed: bool,
    alone: Option<Outcome>,
    /// What its repetitions came to.
    repeated: Option<String>,
    /// The command that runs it again.
    rerun: Option<String>,
    is_test: bool,
    /// Fixtures come first, since they may be why tests failed.
    is_fixture: bool,
    /// The tests that did not run for it.
    kept: Vec<Arc<str>>,
    output: String,
}

impl Failure {
    /// `output` is what is shown of its output once more.
    pub(super) fn of_test(test: &TestFinished, status: String, rerun: Option<String>, output: String) -> Self {
        let (file, line) = test.where_to_look();
        let place = place(file, line);
        Self {
            binary: test.binary.clone(),
            test: test.test.clone(),
            message: shown(test.message.as_deref(), &test.output, &status, place.as_deref()),
            status,
            place,
            around: Around::of(test),
            may_be_disturbed: matches!(test.outcome, Outcome::Failed | Outcome::TimedOut),
            alone: None,
            repeated: None,
            rerun,
            is_test: true,
            is_fixture: false,
            kept: Vec::new(),
            output,
        }
    }

    pub(super) fn of_fixture(fixture: &FixtureFinished, status: String, rerun: String) -> Self {
        let place = place(fixture.file.as_deref(), fixture.line);
        Self {
            binary: fixture.binary.clone(),
            test: fixture.name().into(),
            message: shown(fixture.message.as_deref(), &fixture.output, &status, place.as_deref()),
            status,
            place,
            around: Around::nothing(),
            may_be_disturbed: false,
            alone: None,
            repeated: None,
            rerun: Some(rerun),
            is_test: false,
            is_fixture: true,
            kept: Vec::new(),
            output: String::new(),
        }
    }

    pub(super) fn of_worker(worker: &WorkerFailed, status: String) -> Self {
        let ran = worker.tests.len();
        let ran = (ran > 0).then(|| format!("tests that ran in it: {}", names(&worker.tests, ran)));
        let message = shown(Some(&worker.message), &worker.output, &status, None);
        Self {
            binary: worker.binary.clone(),
            test: WorkerFailed::NAME.into(),
            status,
            place: None,
            message: message.into_iter().chain(ran).collect(),
            around: Around::nothing(),
            may_be_disturbed: false,
            alone: None,
            repeated: None,
            rerun: None,
            is_test: false,
            is_fixture: false,
            kept: Vec::new(),
            output: String::new(),
        }
    }

    /// A test did not run for this setup.
    pub(super) fn keeps(&mut self, test: &TestFinished) {
        let name = if test.binary == self.binary {
            test.test.clone()
        } else {
            // A shared context may serve several binaries.
            format!("{} {}", test.binary, test.test).into()
        };
        self.kept.push(name);
    }

    pub(super) fn add(&mut self, diagnosis: &TestDiagnosed) {
        if self.binary == diagnosis.binary && self.test == diagnosis.test {
            self.alone = Some(diagnosis.alone);
        }
    }

    pub(super) fn count(&mut self, repeats: &Repeats) {
        self.repeated = repeats.verdict(&self.binary, &self.test).filter(|_| self.is_test);
    }

    fn package(&self) -> &str {
        self.binary.split("::").next().unwrap_or(&self.binary)
    }
}

/// The lines of configuration for packages whose tests disturb one another in several processes, by a diagnosis.
fn company(failures: &[Failure]) -> String {
    let mut text = String::new();
    let disturbed = failures.iter().filter(|failure| failure.around.beside && failure.alone == Some(Outcome::Passed));
    let packages: BTreeSet<&str> = disturbed.map(Failure::package).collect();
    for package in packages {
        let package = tame(package, false);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  If it is other processes, these lines in .config/ptest.toml let one process of {package} run at a time:\n      \
             [[context]]\n      package = \"{package}\"\n      max = 1"
        );
    }
    text
}

/// What a diagnosis would tell, where there was none.
fn hint(failures: &[Failure]) -> String {
    let (mut before, mut beside, mut packages) = (false, false, BTreeSet::new());
    for failure in failures.iter().filter(|failure| failure.may_be_disturbed && failure.alone.is_none()) {
        let is_second = failure.around.before > 0;
        before |= is_second;
        beside |= failure.around.beside;
        if is_second || failure.around.beside {
            packages.insert(tame(failure.package(), false));
        }
    }
    let what = match (before, beside) {
        (false, false) => return String::new(),
        (true, false) => "earlier tests in the same process",
        (false, true) => "tests in other processes",
        (true, true) => "earlier tests in the same process or tests in other processes",
    };
    let packages: Vec<_> = packages.iter().map(|it| &**it).collect();
    format!("  To check whether {what} matter (for {}), run with --diagnose.\n", packages.join(", "))
}

fn shown(message: Option<&str>, output: &str, status: &str, place: Option<&str>) -> Vec<String> {
    message.map(|message| brief(message, output, status, place)).unwrap_or_default()
}

fn place(file: Option<&str>, line: Option<u32>) -> Option<String> {
    match (file, line) {
        (Some(file), Some(line)) => Some(format!("{file}:{line}")),
        (file, _) => file.map(str::to_owned),
    }
}

/// How many of the tests that did not run for a setup it names. Each has had its line by then.
const KEPT: usize = 10;

/// The closing list: name, place, first lines of the message, what may have mattered, how to run it again. Fixtures
/// come first, each with the tests that did not run for it. `diagnosed` says that failed tests were to be run again alone.
pub(super) fn failures(failures: &[Failure], diagnosed: bool, styles: &Styles) -> String {
    let mut text = String::new();
    if !failures.is_empty() {
        text.push_str("\nFailures:\n");
    }
    let (fixtures, others): (Vec<&Failure>, Vec<&Failure>) = failures.iter().partition(|failure| failure.is_fixture);
    for failure in fixtures.into_iter().chain(others) {
        let status = styles.red.apply_to(&failure.status);
        let place = failure.place.as_ref().map(|place| format!(" ({})", line(place))).unwrap_or_default();
        // Names may be anything where a test program lists its tests on its own.
        let (binary, test) = (line(&failure.binary), line(&failure.test));
        // Writing to a string does not fail.
        let repeated = failure.repeated.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        let _ = writeln!(text, "  {status} {binary} {}{place}{repeated}", styles.bold.apply_to(test));
        let verdict = failure.around.verdict(failure.alone, failure.is_test && diagnosed);
        let rerun = failure.rerun.as_ref().map(|it| format!("rerun: {it}"));
        for it in failure.message.iter().chain(&verdict).chain(&rerun) {
            let _ = writeln!(text, "      {}", line(it));
        }
        text.push_str(&failure.output);
        for test in failure.kept.iter().take(KEPT) {
            let _ = writeln!(text, "      {} {}", styles.red.apply_to("SETUP FAILED"), line(test));
        }
        if failure.kept.len() > KEPT {
            let _ = writeln!(text, "      and {} more", failure.kept.len() - KEPT);
        }
    }
    if !diagnosed {
        text.push_str(&hint(failures));
    }
    text.push_str(&company(failures));
    text
}

/// One line with the time and how many tests came to what.
pub(super) fn totals(run: &RunFinished, styles: &Styles) -> String {
    let tally = &run.tally;
    let ran = tally.finished() - tally.ignored;
    let flaky = if tally.flaky > 0 { format!(" ({} flaky)", tally.flaky) } else { String::new() };
    let mut parts = vec![styles.green.apply_to(format!("{} passed{flaky}", tally.passed)).to_string()];
    let fixtures = tally.fixture_failed + tally.failed_setups;
    let red = [
        (tally.failed, "failed"),
        (tally.timed_out - tally.ended_by_hand, "timed out"),
        (tally.ended_by_hand, "ended"),
        (tally.crashed, "crashed"),
        (tally.setup_failed, "setup failed"),
        (tally.error, if tally.error == 1 { "error" } else { "errors" }),
        (tally.worker_failed, if tally.worker_failed == 1 { "worker failure" } else { "worker failures" }),
        (fixtures, if fixtures == 1 { "failed fixture" } else { "failed fixtures" }),
    ];
    parts.extend(
        red.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| styles.red.apply_to(format!("{count} {word}")).to_string()),
    );
    let yellow = [
        (tally.ignored, "ignored"),
        (tally.cancelled, "cancelled"),
        (tally.not_reached - tally.cancelled, "not reached"),
    ];
    parts.extend(
        yellow
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| styles.yellow.apply_to(format!("{count} {word}")).to_string()),
    );
    let why = match run.stopped {
        Some(Stopped::Interrupted) => ", interrupted",
        Some(Stopped::Terminated) => ", terminated",
        Some(Stopped::FailFast) => ", stopped at the failure limit",
        Some(Stopped::Error) => ", stopped by an error",
        Some(Stopped::BuildFailed) => ", stopped because the build failed",
        None => "",
    };
    let tests = if ran == 1 { "test" } else { "tests" };
    format!("     Summary [{:>9.3}s] {ran} {tests} run{why}: {}\n", run.duration, parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tally;
    use crate::report::junit::sample::finished;

    #[test]
    fn totals_name_what_happened_and_nothing_else() {
        let styles = Styles::new(false);
        let run = |tally| RunFinished { duration: 1.5, tally, stopped: None };
        let green = Tally { passed: 1, ..Tally::default() };
        assert_eq!(totals(&run(green), &styles), "     Summary [    1.500s] 1 test run: 1 passed\n");
        let mixed =
            Tally { passed: 3, flaky: 1, failed: 1, crashed: 2, ignored: 4, not_reached: 5, ..Tally::default() };
        assert_eq!(
            totals(&RunFinished { stopped: Some(Stopped::Interrupted), ..run(mixed) }, &styles),
            "     Summary [    1.500s] 6 tests run, interrupted: 3 passed (1 flaky), 1 failed, 2 crashed, 4 ignored, 5 not reached\n"
        );
    }

    #[test]
    fn totals_tell_tests_that_did_not_run_from_fixtures_that_failed() {
        let tally = Tally { passed: 1, setup_failed: 3, failed_setups: 1, ..Tally::default() };
        let line = |tally| totals(&RunFinished { duration: 1.5, tally, stopped: None }, &Styles::new(false));
        assert_eq!(line(tally), "     Summary [    1.500s] 4 tests run: 1 passed, 3 setup failed, 1 failed fixture\n");
        let tally = Tally { passed: 1, fixture_failed: 2, ..Tally::default() };
        assert_eq!(line(tally), "     Summary [    1.500s] 1 test run: 1 passed, 2 failed fixtures\n");
    }

    /// What the closing list says of a failed test of `p::t`.
    fn told(before: usize, beside: bool, alone: Option<Outcome>) -> String {
        let after: Vec<Arc<str>> = vec!["x".into(); before];
        let test = TestFinished { binary: "p::t".into(), before, after: after.clone(), beside, ..finished("a") };
        let mut failure = Failure::of_test(&test, "FAIL".to_owned(), None, String::new());
        let diagnosis = |alone| TestDiagnosed { binary: "p::t".into(), test: "a".into(), alone, after };
        alone.map(diagnosis).iter().for_each(|diagnosis| failure.add(diagnosis));
        failures(&[failure], false, &Styles::new(false))
    }

    #[test]
    fn company_is_told_from_state_left_behind() {
        let (passed, failed) = (Some(Outcome::Passed), Some(Outcome::Failed));
        let cure = "in .config/ptest.toml let one process of p run at a time:\n      [[context]]\n      package = \"p\"\n      max = 1\n";
        let known = told(0, true, passed);
        assert!(known.contains("passes alone: chance, or other processes of its package disturb it\n"), "{known}");
        assert!(known.contains(&format!("  If it is other processes, these lines {cure}")), "{known}");
        let either = told(1, true, passed);
        assert!(either.contains("chance, state left by x, or other processes of its package disturb it\n"), "{either}");
        assert!(either.contains(&format!("  If it is other processes, these lines {cure}")), "{either}");
        let left = told(1, false, passed);
        assert!(left.contains("passes alone: chance, or state left by x\n") && !left.contains("max = 1"), "{left}");
        let own = told(1, true, failed);
        assert!(own.contains("fails alone\n") && !own.contains("max = 1"), "{own}");
    }

    /// The failure of a test of `package::t`.
    fn failure(package: &str, outcome: Outcome, before: usize, beside: bool) -> Failure {
        let binary = format!("{package}::t").into();
        let test = TestFinished { binary, outcome, before, beside, ..finished("a") };
        Failure::of_test(&test, "FAIL".to_owned(), None, String::new())
    }

    #[test]
    fn without_a_diagnosis_one_line_says_what_it_would_tell() {
        let plain = Styles::new(false);
        let hints = |list: &[Failure], diagnosed| -> Vec<String> {
            let text = failures(list, diagnosed, &plain);
            text.lines().filter(|line| line.contains("--diagnose")).map(str::to_owned).collect()
        };
        let hint = |what: &str, packages: &str| {
            format!("  To check whether {what} matter (for {packages}), run with --diagnose.")
        };
        let several = [("q", Outcome::Failed), ("p", Outcome::TimedOut), ("q", Outcome::Failed)]
            .map(|(package, outcome)| failure(package, outcome, 0, true));
        assert_eq!(hints(&several, false), [hint("tests in other processes", "p, q")]);
        assert!(hints(&several, true).is_empty(), "it was asked for");
        let before = failure("p", Outcome::Failed, 1, false);
        assert_eq!(hints(&[before], false), [hint("earlier tests in the same process", "p")]);
        let both = failure("p", Outcome::Failed, 1, true);
        assert_eq!(hints(&[both], false), [hint("earlier tests in the same process or tests in other processes", "p")]);
        assert!(hints(&[failure("p", Outcome::Failed, 0, false)], false).is_empty());
        for outcome in [Outcome::Crashed, Outcome::Error, Outcome::NotReached, Outcome::SetupFailed] {
            assert!(hints(&[failure("p", outcome, 1, true)], false).is_empty(), "{outcome:?}");
        }
    }

    #[test]
    fn no_command_is_offered_for_what_cannot_be_run() {
        let text = failures(&[failure("p", Outcome::Error, 0, false)], false, &Styles::new(false));
        assert!(text.contains("p::t a") && !text.contains("rerun:"), "{text}");
    }
}
