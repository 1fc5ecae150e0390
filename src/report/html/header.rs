//! The top of the page: what the run came to, in a word, in sentences and in numbers.

use maud::{Markup, html};

use super::Run;
use super::escape::{Text, plain};
use super::measures::{Measures, measures};
use super::page::Section;
use super::status::{ALL, Status, count, time};
use crate::event::{Stopped, Tally};

/// The one word, the class that colours it, and the sentences behind it.
pub(super) struct Verdict {
    word: &'static str,
    key: &'static str,
    sentences: Vec<String>,
}

impl Verdict {
    pub(super) fn of(run: &Run) -> Self {
        let tally = &run.tally;
        let mut sentences = Vec::new();
        let (expected, told) = (run.expected(), tally.reported());
        let stopped = run.finished.as_ref().and_then(|it| it.stopped);
        let is_red = tally.has_failed_tests() || tally.has_failed_fixtures();
        let (word, key) = match (&run.finished, stopped) {
            (None, _) => {
                sentences.push("The run has not ended: it still goes on, or was killed.".to_owned());
                ("Incomplete", "incomplete")
            }
            (Some(_), Some(Stopped::Interrupted | Stopped::Terminated)) => {
                sentences.push("The run was cut short from outside.".to_owned());
                ("Interrupted", "incomplete")
            }
            (Some(_), Some(Stopped::Error)) => {
                sentences.push("cargo ptest could not go on.".to_owned());
                ("Incomplete", "incomplete")
            }
            (Some(_), Some(Stopped::BuildFailed)) => {
                sentences.push("The build beside the run failed, so what it would have built did not run.".to_owned());
                ("Incomplete", "incomplete")
            }
            (Some(_), _) if told < expected => ("Incomplete", "incomplete"),
            (Some(_), _) if is_red => ("Failed", "failed"),
            (Some(_), _) if expected == 0 => ("No tests", "incomplete"),
            (Some(_), _) => ("Passed", "passed"),
        };
        if stopped == Some(Stopped::FailFast) {
            sentences.push("The run stopped after the last failure allowed.".to_owned());
        }
        if told < expected {
            sentences.push(format!("{} of {} have no result.", expected - told, count(expected, "test")));
        }
        if !run.running.is_empty() {
            let names: Vec<&str> = run.running.iter().map(|(_, name, _)| &**name).take(10).collect();
            let more = run.running.len() - names.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            sentences.push(format!("When it was last heard of, these ran: {}{more}.", names.join(", ")));
        }
        Self { word, key, sentences }
    }

    /// What a browser's tab shows.
    pub(super) fn title(&self, run: &Run) -> String {
        match self.key {
            "failed" => format!("✗ {} failed · cargo ptest", red(&run.tally)),
            "passed" => format!("✓ {} passed · cargo ptest", run.tally.passed),
            _ => format!("{} · cargo ptest", self.word),
        }
    }
}

fn red(tally: &Tally) -> usize {
    let tests = tally.failed + tally.timed_out + tally.crashed + tally.setup_failed + tally.error;
    tests + tally.worker_failed + tally.fixture_failed
}

pub(super) fn header(run: &Run, verdict: &Verdict, sections: &[Section]) -> Markup {
    html! {
        header class=(verdict.key) {
            .verdict {
                h1 { (verdict.word) }
                (subtitle(run))
                nav aria-label="sections" {
                    @for section in sections { a href={"#" (section.id)} { (section.title) } }
                }
            }
            @for sentence in &verdict.sentences { p.sentence { (Text(&plain(sentence))) } }
            (counts(&run.tally))
            @if let Some(measures) = measures(run) { (numbers(run, &measures)) }
        }
    }
}

/// How much there was to do, and when.
fn subtitle(run: &Run) -> Markup {
    html! {
        @if let Some(started) = &run.started {
            p.quiet {
                (count(run.expected(), "test")) ", "
                @if started.binaries == 1 { "1 binary" } @else { (started.binaries) " binaries" }
                ", "
                time datetime=(started.timestamp.to_rfc3339()) { (started.timestamp.format("%-d %B %Y, %H:%M:%S").to_string()) }
            }
        }
    }
}

/// How many tests came to what: a strip in their proportions, and a link for each to the tests that did.
fn counts(tally: &Tally) -> Markup {
    let there: Vec<(&Status, usize)> =
        ALL.iter().map(|status| (status, number_of(tally, status.key))).filter(|(_, count)| *count > 0).collect();
    let fixtures = tally.fixture_failed + tally.failed_setups;
    html! {
        @if !there.is_empty() {
            (strip(&there))
            ul.counts {
                @for (status, count) in &there { li { a href={"#outcome=" (status.key)} {
                    span.mark.(status.key) aria-hidden="true" { (status.mark) } " " b { (count) } " " (status.word)
                } } }
                @for (number, what) in [(tally.worker_failed, "worker failure"), (fixtures, "failed fixture")] {
                    @if number > 0 { li { a href="#failures" {
                        span.mark.error aria-hidden="true" { "!" } " " (count(number, what))
                    } } }
                }
            }
        }
    }
}

fn number_of(tally: &Tally, key: &str) -> usize {
    match key {
        "failed" => tally.failed,
        "crashed" => tally.crashed,
        "timed-out" => tally.timed_out,
        "setup-failed" => tally.setup_failed,
        "error" => tally.error,
        "flaky" => tally.flaky,
        "not-reached" => tally.not_reached,
        "ignored" => tally.ignored,
        _ => tally.passed - tally.flaky,
    }
}

fn strip(there: &[(&Status, usize)]) -> Markup {
    let all: usize = there.iter().map(|(_, count)| count).sum();
    // One failure among thousands is still to be seen.
    let width = |count: usize| (count * 1000 / all).max(4);
    let widths: usize = there.iter().map(|(_, count)| width(*count)).sum();
    let starts = there.iter().scan(0, |end, (_, count)| Some(std::mem::replace(end, *end + width(*count))));
    html! {
        svg.strip viewBox={"0 0 " (widths) " 8"} preserveAspectRatio="none" aria-hidden="true" {
            @for ((status, count), start) in there.iter().zip(starts) {
                rect class=(status.key) x=(start) width=(width(*count)) height="8" {}
            }
        }
    }
}

fn numbers(run: &Run, measures: &Measures) -> Markup {
    let number = |name: &str, value: &str, meaning: &str| {
        html! { div { dt { (name) } dd { b { (value) } } dd.quiet { (Text(&plain(meaning))) } } }
    };
    let slots = run.started.as_ref().map_or(1, |it| it.workers);
    html! {
        dl.numbers {
            (number("Wall time", &time(run.wall()), "from the first process to the last"))
            (number("Speed-up", &format!("{:.1}×", measures.speed_up), &format!("{} one after another", time(measures.serial))))
            (number("Utilisation", &format!("{:.0} %", measures.utilisation * 100.0), &format!("of {} ran something", count(slots, "slot"))))
            (number("Critical tail", &time(measures.tail), &format!("until the last: {}", last(measures))))
            @if let Some(build) = run.started.as_ref().and_then(|it| it.build) {
                @let beside = run.beside.map(|it| format!("of which {} beside the run", time(it)));
                (number("Build", &time(build + run.beside.unwrap_or(0.0)), beside.as_deref().unwrap_or("before the run")))
            }
        }
    }
}

/// What ended last. The whole name has no room there; a fixture's says only with its context what it is.
fn last(measures: &Measures) -> String {
    let last = measures.last.as_deref().unwrap_or_default();
    let parts = if last.ends_with(')') { 2 } else { 1 };
    let last: Vec<&str> = last.rsplitn(parts + 1, "::").take(parts).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("::")
}
