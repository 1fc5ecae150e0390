//! The top of the page: what the run came to, in a word, in sentences and in numbers.

use maud::{Markup, html};

use super::escape::{Text, plain};
use super::measures::{Measures, measures};
use super::page::Section;
use super::status::{ALL, Status, count, time};
use super::{Run, links};
use crate::event::{Origin, Stopped, Tally};
use crate::report::control::line;

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
                sentences.push("The run has not finished: it is still going on, or it was killed.".to_owned());
                ("Incomplete", "incomplete")
            }
            (Some(_), Some(Stopped::Interrupted | Stopped::Terminated)) => {
                sentences.push("The run was interrupted.".to_owned());
                ("Interrupted", "incomplete")
            }
            (Some(_), Some(Stopped::Error)) => {
                sentences.push("cargo ptest stopped because of an error.".to_owned());
                ("Incomplete", "incomplete")
            }
            (Some(_), Some(Stopped::BuildFailed)) => {
                sentences.push(
                    "The build failed while tests were running, so the tests that it had not built yet did not run."
                        .to_owned(),
                );
                ("Incomplete", "incomplete")
            }
            (Some(_), _) if told < expected => ("Incomplete", "incomplete"),
            (Some(_), _) if is_red => ("Failed", "failed"),
            (Some(_), _) if expected == 0 => ("No tests", "incomplete"),
            (Some(_), _) => ("Passed", "passed"),
        };
        if stopped == Some(Stopped::FailFast) {
            sentences.push(
                "The run stopped early because too many tests had failed (--fail-fast or --max-fail).".to_owned(),
            );
        }
        if told < expected {
            sentences.push(format!("{} of {} have no result.", expected - told, count(expected, "test")));
        }
        if !run.running.is_empty() {
            let names: Vec<&str> = run.running.iter().map(|(_, name, _)| &**name).take(10).collect();
            let more = run.running.len() - names.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            sentences.push(format!("Still running when the last event was written: {}{more}.", names.join(", ")));
        }
        Self { word, key, sentences }
    }

    /// What a browser's tab shows.
    pub(super) fn title(&self, run: &Run) -> String {
        let verdict = match self.key {
            "failed" => format!("✗ {} failed", red(&run.tally)),
            "passed" => format!("✓ {} passed", run.tally.passed),
            _ => self.word.to_owned(),
        };
        let workspace = run.origin().map(|it| format!(" · {}", line(&it.workspace)));
        format!("{verdict}{} · cargo ptest", workspace.unwrap_or_default())
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
            @if let Some(origin) = run.origin() { (where_from(origin)) }
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

/// So much of a hash tells commits apart.
const HASH: usize = 10;

/// Which sources were tested, with what, and how that was asked for.
fn where_from(origin: &Origin) -> Markup {
    let commit = origin.commit.as_deref().map(|it| it.chars().take(HASH).collect::<String>());
    html! {
        p.origin {
            b { (Text(&plain(&origin.workspace))) }
            @if let Some(branch) = &origin.branch { " · branch " span.name { (Text(&plain(branch))) } }
            @if let Some(commit) = &commit {
                " · commit "
                @match links::to_commit(origin) {
                    Some(link) => a.name href=(link) rel="noopener noreferrer" { (Text(commit)) },
                    None => span.name { (Text(commit)) },
                }
            }
            @if let Some(rustc) = &origin.rustc { " · " (Text(&plain(rustc))) }
            @if let Some(host) = &origin.host { " · on " (Text(&plain(host))) }
        }
        .command { code { (Text(&plain(&origin.command))) } }
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
        "cancelled" => tally.cancelled,
        "not-reached" => tally.not_reached - tally.cancelled,
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

/// In a shorter run, in seconds, ratios say nothing: most of it is the start of processes.
const SHORT: f64 = 1.0;

fn numbers(run: &Run, measures: &Measures) -> Markup {
    let wall = run.wall();
    let slots = run.started.as_ref().map_or(1, |it| it.workers);
    html! {
        dl.numbers {
            (number("Duration", &time(wall), "of the run, without the build", "From the first test or setup to the last."))
            @if wall >= SHORT {
                (number(
                    "Speed-up",
                    &format!("{:.1}×", measures.speed_up),
                    &format!("the tests add up to {}", time(measures.serial)),
                    "How many times as long the run would have taken with one test after another.",
                ))
                (number(
                    "Utilisation",
                    &format!("{:.0} %", measures.utilisation * 100.0),
                    &format!("of {} in use", count(slots, "slot")),
                    "A slot runs one process at a time. This is the share of the run in which the slots ran tests, setups \
                     or teardowns. If it is low, tests waited: for a setup, for each other, or for the last slow test.",
                ))
                (number(
                    "Critical tail",
                    &time(measures.tail),
                    &format!("until the last: {}", last(measures)),
                    "How long the run still took after the first slot had nothing left to do. If it is long, make the \
                     last tests faster, or split them.",
                ))
            } @else {
                (number("Tests", &time(measures.serial), "one after another", "What all tests, setups and teardowns took together."))
            }
            @if let Some(build) = run.started.as_ref().and_then(|it| it.build) {
                @let beside = run.beside.map(|it| format!("of which {} during the run", time(it)));
                (number(
                    "Build",
                    &time(build + run.beside.unwrap_or(0.0)),
                    beside.as_deref().unwrap_or("before the run"),
                    "What cargo took to build the tests.",
                ))
            }
        }
    }
}

/// `title` explains the name to somebody who does not know it.
fn number(name: &str, value: &str, meaning: &str, title: &str) -> Markup {
    html! {
        div title=(title) { dt { (name) } dd { b { (value) } } dd.quiet { (Text(&plain(meaning))) } }
    }
}

/// What ended last. The whole name has no room there; a fixture's says only with its context what it is.
fn last(measures: &Measures) -> String {
    let last = measures.last.as_deref().unwrap_or_default();
    let parts = if last.ends_with(')') { 2 } else { 1 };
    let last: Vec<&str> = last.rsplitn(parts + 1, "::").take(parts).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, RunFinished, RunStarted, TestFinished};
    use crate::report::junit::sample;

    fn run(duration: f64, origin: Option<&Origin>) -> Run {
        let mut events =
            sample::complete(vec![Event::TestFinished(TestFinished { duration, ..sample::finished("a") })]);
        for event in &mut events {
            match event {
                Event::RunStarted(run) => *run = RunStarted { origin: origin.cloned(), ..run.clone() },
                Event::RunFinished(run) => *run = RunFinished { duration, ..run.clone() },
                _ => {}
            }
        }
        Run::of(events.into_iter().map(Ok)).unwrap()
    }

    fn shown(run: &Run) -> String {
        header(run, &Verdict::of(run), &[]).into_string()
    }

    #[test]
    fn a_run_of_less_than_a_second_has_no_ratios() {
        let (short, long) = (shown(&run(0.9, None)), shown(&run(1.1, None)));
        for word in ["Speed-up", "Utilisation", "Critical tail"] {
            assert!(!short.contains(word) && long.contains(word), "{word}");
        }
        assert!(short.contains("900 ms"), "{short}");
    }

    #[test]
    fn the_origin_is_in_the_title_and_at_the_top() {
        let origin = Origin {
            workspace: "<shop>".to_owned(),
            command: "cargo ptest --config 'a=***'".to_owned(),
            commit: Some("0123456789abcdef".to_owned()),
            branch: Some("main".to_owned()),
            rustc: Some("rustc 1.91.0".to_owned()),
            host: None,
            sources: Some("https://forge.example/us/shop/blob/0123456789abcdef/".to_owned()),
        };
        let run = run(2.0, Some(&origin));
        assert_eq!(Verdict::of(&run).title(&run), "✓ 1 passed · <shop> · cargo ptest");
        let shown = shown(&run);
        for part in [
            "<b>&lt;shop&gt;</b>",
            "main",
            "https://forge.example/us/shop/commit/0123456789abcdef\"",
            ">0123456789</a>",
            "rustc 1.91.0",
            "cargo ptest --config 'a=***'",
        ] {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
    }
}
