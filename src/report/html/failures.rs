//! The failures, each with all that is known of it: why, where, what it wrote, what it did in earlier attempts, and how
//! to run it again. Plain HTML: this is what people come for, with scripts or without.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, PreEscaped, html};

use super::Run;
use super::ansi::{Palette, coloured};
use super::escape::{Text, cut, plain};
use super::status::{self, ALL, count, time};
use crate::event::{FixtureFinished, Outcome, TestFinished, WorkerFailed};
use crate::report::control;
use crate::report::diagnosis::Around;
use crate::report::setups::within_crate;
use crate::report::terminal::{cargo_ptest, exactly, selection};

/// How many are open at first: beyond that the page is a list, and each entry opens by itself.
const OPEN: usize = 8;

/// How much of a message is shown while its entry is closed.
const GIST: usize = 240;

/// How many tests are named that did not run for a set-up.
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
pub(super) fn failures(run: &Run, palette: &mut Palette) -> Failures {
    let mut list = List { run, palette, html: String::new(), count: 0, of_tests: HashMap::new() };
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
    palette: &'a mut Palette,
    html: String,
    count: usize,
    of_tests: HashMap<usize, usize>,
}

/// What every entry has.
struct Entry<'a> {
    status: usize,
    binary: &'a str,
    name: String,
    place: Option<String>,
    /// For the line that can be read while the entry is closed.
    facts: Vec<String>,
    message: Option<&'a str>,
    output: &'a str,
    rerun: Option<String>,
}

impl List<'_> {
    fn test(&mut self, place: usize, test: &TestFinished) {
        let attempts = self.run.attempts_before(test);
        let (file, line) = test.where_to_look();
        let mut facts = vec![time(test.duration)];
        facts.extend(test.worker.map(|worker| format!("worker {worker}")));
        if !attempts.is_empty() {
            facts.push(format!("attempt {}", test.attempt));
        }
        let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
        let entry = Entry {
            status: status::of_test(test),
            binary: &test.binary,
            name: format!("{}{repetition}", test.test),
            place: place_of(file, line),
            facts,
            message: test.message.as_deref(),
            output: &test.output,
            rerun: Some(self.command(&test.binary, Some(&test.test))),
        };
        let more = html! {
            @if let Some(state) = self.state(test) { p.state { (Text(&state)) } }
            @for attempt in attempts { (self.attempt(attempt)) }
        };
        self.add(&entry, &more);
        self.of_tests.insert(place, self.count);
    }

    fn attempt(&mut self, attempt: &TestFinished) -> Markup {
        let status = &ALL[status::of(attempt.outcome)];
        html! {
            details.attempt {
                summary {
                    span.mark.(status.key) { (status.mark) }
                    " attempt " (attempt.attempt) " " (status.word) ", " (time(attempt.duration))
                }
                (self.message(attempt.message.as_deref()))
                (self.output(&attempt.output))
            }
        }
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
            status: status::of(fixture.outcome),
            binary: &fixture.binary,
            name: fixture.name(),
            place: place_of(fixture.file.as_deref(), fixture.line),
            facts,
            message: fixture.message.as_deref(),
            output: &fixture.output,
            rerun: Some(control::command(&words)),
        };
        let tests = &self.run.tests;
        let more = html! {
            @if !kept.is_empty() {
                p.state { "Did not run for it:" }
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
            status: status::of(Outcome::Error),
            binary: &worker.binary,
            name: WorkerFailed::NAME.to_owned(),
            place: None,
            facts: vec![format!("worker {}, process {}", worker.worker, worker.process)],
            message: Some(&worker.message),
            output: &worker.output,
            rerun: None,
        };
        let more = html! {
            @if !worker.tests.is_empty() { p.state { "It had run " (Text(&worker.tests.join(", "))) "." } }
        };
        self.add(&entry, &more);
    }

    /// Adds an entry to the page; `more` is what only its kind has.
    fn add(&mut self, entry: &Entry, more: &Markup) {
        self.count += 1;
        let (number, status) = (self.count, &ALL[entry.status]);
        let html = html! {
            details.failure.(status.key) id={"failure-" (number)} open[number <= OPEN && status.key != "flaky"] {
                (summary(entry))
                .body {
                    (self.message(entry.message))
                    (self.output(entry.output))
                    @if let Some(rerun) = &entry.rerun { .command { code { (Text(&plain(rerun))) } } }
                    (more)
                }
            }
        };
        self.html += &html.into_string();
    }

    fn message(&mut self, message: Option<&str>) -> Markup {
        html! {
            @if let Some(message) = message.filter(|it| !it.trim().is_empty()) {
                pre.message { (coloured(message.trim_end(), self.palette)) }
            }
        }
    }

    fn output(&mut self, output: &str) -> Markup {
        html! {
            @if !output.trim().is_empty() {
                pre.output tabindex="0" aria-label="output" { (coloured(output.trim_end(), self.palette)) }
            }
        }
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
        control::command(&words)
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

/// The line of an entry that is there while it is closed, too.
fn summary(entry: &Entry) -> Markup {
    let status = &ALL[entry.status];
    let last = entry.name.rsplit("::").next().unwrap_or_default();
    let modules = &entry.name[..entry.name.len() - last.len()];
    let gist = entry.message.and_then(|it| it.lines().find(|line| !line.trim().is_empty()));
    html! {
        summary {
            span.mark.(status.key) aria-hidden="true" { (status.mark) }
            span.what {
                span.name { span.binary { (Text(entry.binary)) } " " (Text(modules)) b { (Text(last)) } }
                span.facts {
                    (status.word)
                    @for fact in &entry.facts { " · " (Text(fact)) }
                    @if let Some(place) = &entry.place { " · " span.place { (Text(place)) } }
                }
                @if let Some(gist) = gist { span.gist { (Text(&plain(&cut(gist, GIST)))) } }
            }
        }
    }
}

pub(super) fn place_of(file: Option<&str>, line: Option<u32>) -> Option<String> {
    match (file, line) {
        (Some(file), Some(line)) => Some(format!("{file}:{line}")),
        (file, _) => file.map(str::to_owned),
    }
}
