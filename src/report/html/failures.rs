//! The failures, each with all that is known of it. Plain HTML: this is what people come for, with scripts or without.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, PreEscaped, html};

use super::ansi::Palette;
use super::earlier::{Before, Came, Earlier, Past};
use super::entry::{Entry, Place, report};
use super::escape::Text;
use super::source::Sources;
use super::status::{self, ALL, count, time};
use super::{Run, links};
use crate::event::{FixtureFinished, Outcome, TestFinished, WorkerFailed};
use crate::masks;
use crate::report::control;
use crate::report::diagnosis::Around;
use crate::report::setups::within_crate;
use crate::report::terminal::{cargo_ptest, exactly, selection};

/// How many are open at first: beyond that the page is a list, and each entry opens by itself.
const OPEN: usize = 8;

/// So many lines of source are shown before and after the one in which a test failed.
const AROUND: usize = 2;

/// How many tests are named that did not run for a setup.
const KEPT: usize = 50;

/// The failures and what they mean for the rest of the page.
#[derive(Default)]
pub(super) struct Failures {
    pub html: Markup,
    pub count: usize,
    pub flaky: usize,
    /// For the place of a test in [`Run::tests`] the number of the entry that tells why, `failure-N` in the page.
    pub of_tests: HashMap<usize, usize>,
    /// The same for the place of a fixture in [`Run::fixtures`].
    pub of_fixtures: HashMap<usize, usize>,
}

/// Fixtures come first, since they may be why tests failed; then processes, then tests, those that are only flaky last.
pub(super) fn failures(run: &Run, earlier: &Earlier, sources: &mut Sources, palette: &mut Palette) -> Failures {
    let mut list = List { run, earlier, sources, palette, html: String::new(), count: 0, of_tests: HashMap::new() };
    let mut kept: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, test) in run.tests.iter().enumerate().filter(|(_, test)| test.outcome == Outcome::SetupFailed) {
        if let Some(setup) = run.setups.number(test) {
            kept.entry(setup).or_default().push(place);
        }
    }
    let (mut of_setups, mut of_fixtures) = (Vec::new(), HashMap::new());
    for (number, setup) in run.setups.iter().enumerate() {
        list.fixture(setup, kept.get(&number).map_or(&[], Vec::as_slice));
        of_setups.push(list.count);
    }
    for (place, fixture) in run.fixtures.iter().enumerate() {
        if fixture.is_entry() {
            list.fixture(fixture, &[]);
            of_fixtures.insert(place, list.count);
        } else if let Some(setup) = run.setups.number_of(fixture) {
            of_fixtures.insert(place, of_setups[setup]);
        }
    }
    run.workers.iter().for_each(|worker| list.worker(worker));
    for (place, test) in run.tests.iter().enumerate() {
        let was_cut_short = test.outcome == Outcome::NotReached && test.worker.is_some();
        if (test.outcome.is_red() || was_cut_short) && !list.of_tests.contains_key(&place) {
            list.test(place, test);
        }
    }
    let red = list.count;
    for (place, test) in run.tests.iter().enumerate().filter(|(_, test)| test.flaky) {
        list.test(place, test);
    }
    Failures { count: red, flaky: list.count - red, html: PreEscaped(list.html), of_tests: list.of_tests, of_fixtures }
}

struct List<'a> {
    run: &'a Run,
    earlier: &'a Earlier,
    sources: &'a mut Sources,
    palette: &'a mut Palette,
    html: String,
    count: usize,
    of_tests: HashMap<usize, usize>,
}

impl List<'_> {
    fn test(&mut self, place: usize, test: &TestFinished) {
        let attempts = self.run.attempts_before(test);
        let past = match self.earlier.of(&test.binary, &test.test) {
            Before::Ran(past) => Some(past),
            Before::New | Before::Unknown => None,
        };
        let mut facts = vec![time(test.duration)];
        facts.extend(test.worker.map(|worker| format!("worker {worker}")));
        if !attempts.is_empty() {
            facts.push(format!("attempt {}", test.attempt));
        }
        facts.extend(past.filter(|_| test.flaky).map(flaky));
        let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
        let (file, line) = test.where_to_look();
        // Of a panic its surroundings are of interest, and of a test what it begins with.
        let (before, after) = if test.place.is_some() { (AROUND, AROUND) } else { (0, 2 * AROUND) };
        let source = file.zip(line).and_then(|(file, line)| self.sources.around(file, line, before, after));
        let more = html! {
            @if let Some(state) = self.state(test) { p.state { (Text(&state)) } }
            @if let Some(past) = past { p.state { (past.sentence()) } }
            @for attempt in attempts { (self.attempt(attempt)) }
        };
        let entry = Entry {
            binary: &test.binary,
            name: format!("{}{repetition}", test.test),
            place: self.place(file, line),
            facts,
            message: test.message.as_deref(),
            output: &test.output,
            source,
            rerun: Some(self.command(&test.binary, Some(&test.test))),
            ..self.next(status::of_test(test))
        };
        self.add(&entry, &more);
        self.of_tests.insert(place, self.count);
    }

    fn attempt(&mut self, attempt: &TestFinished) -> Markup {
        let status = &ALL[status::of(attempt.outcome)];
        let (file, line) = attempt.where_to_look();
        let place = self.place(file, line);
        html! {
            details.attempt {
                summary {
                    span.mark.(status.key) { (status.mark) }
                    " attempt " (attempt.attempt) " " (status.word) ", " (time(attempt.duration))
                }
                (report(attempt.message.as_deref(), &attempt.output, place.as_ref(), None, self.palette))
            }
        }
    }

    fn place(&self, file: Option<&str>, line: Option<u32>) -> Option<Place> {
        let text = place_of(file, line)?;
        Some(Place { text, link: links::to_source(self.run.origin(), file?, line) })
    }

    fn fixture(&mut self, fixture: &FixtureFinished, kept: &[usize]) {
        let module = within_crate(&fixture.context);
        let module = (!module.is_empty()).then(|| format!("{module}::"));
        let mut facts = vec![time(fixture.duration)];
        facts.extend(fixture.worker.map(|worker| format!("worker {worker}")));
        if !kept.is_empty() {
            facts.push(format!("{} did not run", count(kept.len(), "test")));
        }
        let mut words = self.words(&fixture.binary);
        if let Some(module) = module {
            words.extend(["--".to_owned(), module]);
        }
        let entry = Entry {
            binary: &fixture.binary,
            name: fixture.name(),
            place: self.place(fixture.file.as_deref(), fixture.line),
            facts,
            message: fixture.message.as_deref(),
            output: &fixture.output,
            rerun: Some(rerun(&words)),
            ..self.next(status::of(fixture.outcome))
        };
        let tests = &self.run.tests;
        let more = html! {
            @if !kept.is_empty() {
                p.state { "Tests that did not run because of it:" }
                ul.kept {
                    @for test in kept.iter().take(KEPT).map(|place| &tests[*place]) {
                        li { span.binary { (Text(&test.binary)) } " " (Text(&test.test)) }
                    }
                    @if kept.len() > KEPT { li { "and " (kept.len() - KEPT) " more" } }
                }
            }
        };
        self.add(&entry, &more);
        let entry = self.count;
        self.of_tests.extend(kept.iter().map(|place| (*place, entry)));
    }

    fn worker(&mut self, worker: &WorkerFailed) {
        let entry = Entry {
            binary: &worker.binary,
            name: WorkerFailed::NAME.to_owned(),
            facts: vec![format!("worker {}, process {}", worker.worker, worker.process)],
            message: Some(&worker.message),
            output: &worker.output,
            ..self.next(status::of(Outcome::Error))
        };
        let more = html! {
            @if !worker.tests.is_empty() { p.state { "The process had run " (Text(&worker.tests.join(", "))) "." } }
        };
        self.add(&entry, &more);
    }

    /// What is known of the next entry by its status alone.
    fn next(&self, status: usize) -> Entry<'static> {
        let number = self.count + 1;
        Entry {
            number,
            open: number <= OPEN && ALL[status].key != "flaky",
            status,
            binary: "",
            name: String::new(),
            place: None,
            facts: Vec::new(),
            message: None,
            output: "",
            source: None,
            rerun: None,
        }
    }

    fn add(&mut self, entry: &Entry, more: &Markup) {
        self.count += 1;
        self.html += &entry.html(self.palette, more).into_string();
    }

    /// What is known of the state that a test may have met in its process.
    fn state(&self, test: &TestFinished) -> Option<String> {
        let alone = self.run.alone.get(&(test.binary.clone(), test.test.clone()));
        Around::of(test).verdict(alone.copied(), false).map(|verdict| format!("It {verdict}."))
    }

    fn command(&self, binary: &str, test: Option<&Arc<str>>) -> String {
        let mut words = self.words(binary);
        if let Some(test) = test {
            words.extend(["--"].into_iter().chain(exactly(test)).map(str::to_owned));
        }
        rerun(&words)
    }

    /// The command that runs the tests of a binary again.
    fn words(&self, binary: &str) -> Vec<String> {
        let toolchain = self.run.started.as_ref().and_then(|run| run.toolchain.as_deref());
        let mut words = cargo_ptest(toolchain);
        words.extend(self.run.started.iter().flat_map(|run| run.options.iter().cloned()));
        words.extend(selection(binary, self.run.packages.get(binary).map(String::as_str)));
        words
    }
}

/// A command for people to copy from the page, which may be shown to anybody.
fn rerun(words: &[String]) -> String {
    control::command(&masks::secrets(words))
}

/// In how many runs a test was flaky, this one with them.
fn flaky(past: &Past) -> String {
    let times = 1 + past.outcomes.iter().filter(|it| **it == Came::Flaky).count();
    format!("flaky in {times} of the last {} runs", 1 + past.outcomes.len())
}

pub(super) fn place_of(file: Option<&str>, line: Option<u32>) -> Option<String> {
    match (file, line) {
        (Some(file), Some(line)) => Some(format!("{file}:{line}")),
        (file, _) => file.map(str::to_owned),
    }
}
