//! The page itself: verdict and numbers, then a section for each question that people come with.

use std::fmt::Write;

use anyhow::Result;

use super::ansi::Palette;
use super::contexts::contexts;
use super::data::data;
use super::escape::{Text, json, plain};
use super::failures::{Failures, failures};
use super::measures::{Measures, measures};
use super::slowest::slowest;
use super::status::{ALL, count, time};
use super::{Previous, Run};
use crate::event::{Stopped, Tally};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page. `nonce` is what its own style and script are known by: nobody may know it beforehand.
pub(super) fn page(run: &Run, previous: Option<&Previous>, nonce: &str) -> Result<String> {
    let mut palette = Palette::default();
    let failures = failures(run, &mut palette);
    let verdict = verdict(run);
    let data = json(&data(run, previous, &failures))?;
    let mut page = String::with_capacity(STYLE.len() + SCRIPT.len() + data.len() + failures.html.len() + 16 * 1024);
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta http-equiv=Content-Security-Policy \
         content=\"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; \
         form-action 'none'\">\n<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<meta name=referrer \
         content=no-referrer>\n<meta name=color-scheme content=\"light dark\">\n<title>{title}</title>\n<style \
         nonce={nonce}>\n{STYLE}{rules}</style>\n</head>\n<body>\n",
        title = Text(&title(run, &verdict)),
        rules = palette.rules(),
    )?;
    let sections = [
        failures_section(&failures),
        warnings(run)?,
        timeline(run),
        Section { id: "slowest", title: "Slowest tests".to_owned(), html: slowest(run, previous) },
        Section { id: "contexts", title: "Contexts".to_owned(), html: contexts(run) },
        all_tests(run),
    ];
    let sections: Vec<Section> = sections.into_iter().filter(|section| !section.html.is_empty()).collect();
    header(&mut page, run, &verdict, &sections)?;
    page.push_str("<main>\n");
    for Section { id, title, html } in &sections {
        write!(page, "<section id={id}>\n<h2>{title}</h2>\n{html}\n</section>\n")?;
    }
    write!(
        page,
        "</main>\n<div id=tip role=status hidden></div>\n<script type=application/json id=data>{data}</script>\n\
         <script nonce={nonce}>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )?;
    Ok(page)
}

/// An answer to one question, under a heading. One without anything in it is left out.
struct Section {
    id: &'static str,
    title: String,
    html: String,
}

/// The one word, what it looks like, and the sentences behind it.
struct Verdict {
    word: &'static str,
    key: &'static str,
    sentences: Vec<String>,
}

fn verdict(run: &Run) -> Verdict {
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
    Verdict { word, key, sentences }
}

/// What a browser's tab shows.
fn title(run: &Run, verdict: &Verdict) -> String {
    let red = red(&run.tally);
    match verdict.key {
        "failed" => format!("✗ {red} failed · cargo ptest"),
        "passed" => format!("✓ {} passed · cargo ptest", run.tally.passed),
        _ => format!("{} · cargo ptest", verdict.word),
    }
}

fn red(tally: &Tally) -> usize {
    let tests = tally.failed + tally.timed_out + tally.crashed + tally.setup_failed + tally.error;
    tests + tally.worker_failed + tally.fixture_failed
}

fn header(page: &mut String, run: &Run, verdict: &Verdict, sections: &[Section]) -> Result<()> {
    write!(page, "<header class={}>\n<div class=verdict><h1>{}</h1>", verdict.key, verdict.word)?;
    if let Some(started) = &run.started {
        let began = started.timestamp;
        write!(
            page,
            "<p class=quiet>{}, {}, <time datetime=\"{}\">{}</time></p>",
            count(run.expected(), "test"),
            if started.binaries == 1 { "1 binary".to_owned() } else { format!("{} binaries", started.binaries) },
            began.to_rfc3339(),
            began.format("%-d %B %Y, %H:%M:%S"),
        )?;
    }
    page.push_str("<nav aria-label=sections>");
    for Section { id, title, .. } in sections {
        write!(page, "<a href=#{id}>{title}</a>")?;
    }
    page.push_str("</nav></div>");
    for sentence in &verdict.sentences {
        write!(page, "<p class=sentence>{}</p>", Text(&plain(sentence)))?;
    }
    counts(page, &run.tally)?;
    numbers(page, run, measures(run).as_ref())?;
    page.push_str("</header>\n");
    Ok(())
}

/// How many tests came to what: a strip in their proportions, and a link for each to the tests that did.
fn counts(page: &mut String, tally: &Tally) -> Result<()> {
    let of = |key: &str| match key {
        "failed" => tally.failed,
        "crashed" => tally.crashed,
        "timed-out" => tally.timed_out,
        "setup-failed" => tally.setup_failed,
        "error" => tally.error,
        "flaky" => tally.flaky,
        "not-reached" => tally.not_reached,
        "ignored" => tally.ignored,
        _ => tally.passed - tally.flaky,
    };
    let there: Vec<_> = ALL.iter().map(|status| (status, of(status.key))).filter(|(_, count)| *count > 0).collect();
    if there.is_empty() {
        return Ok(());
    }
    let all: usize = there.iter().map(|(_, count)| count).sum();
    // One failure among thousands is still to be seen.
    let width = |count: usize| (count * 1000 / all).max(4);
    let widths: usize = there.iter().map(|(_, count)| width(*count)).sum();
    write!(page, "<svg class=strip viewBox=\"0 0 {widths} 8\" preserveAspectRatio=none aria-hidden=true>")?;
    let mut x = 0;
    for (status, count) in &there {
        write!(page, "<rect class={} x={x} width={} height=8 />", status.key, width(*count))?;
        x += width(*count);
    }
    page.push_str("</svg><ul class=counts>");
    for (status, count) in &there {
        let (key, mark, word) = (status.key, status.mark, status.word);
        write!(
            page,
            "<li><a href=\"#outcome={key}\"><span class=\"mark {key}\" aria-hidden=true>{mark}</span> <b>{count}</b> \
             {word}</a>"
        )?;
    }
    let more =
        [(tally.worker_failed, "worker failure"), (tally.fixture_failed + tally.failed_setups, "failed fixture")];
    for (number, what) in more.into_iter().filter(|(number, _)| *number > 0) {
        write!(page, "<li><a href=#failures><span class=\"mark error\" aria-hidden=true>!</span> {}</a>", {
            count(number, what)
        })?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn numbers(page: &mut String, run: &Run, measures: Option<&Measures>) -> Result<()> {
    let Some(measures) = measures else { return Ok(()) };
    let slots = run.started.as_ref().map_or(1, |it| it.workers);
    page.push_str("<dl class=numbers>");
    let mut number = |name: &str, value: &str, meaning: &str| {
        write!(page, "<div><dt>{name}<dd><b>{value}</b><dd class=quiet>{}</div>", Text(&plain(meaning)))
    };
    number("Wall time", &time(run.wall()), "from the first process to the last")?;
    let serial = format!("{} one after another", time(measures.serial));
    number("Speed-up", &format!("{:.1}×", measures.speed_up), &serial)?;
    let slots = format!("of {} ran something", if slots == 1 { "1 slot".into() } else { format!("{slots} slots") });
    number("Utilisation", &format!("{:.0} %", measures.utilisation * 100.0), &slots)?;
    // The whole name has no room there; a fixture's says only with its context what it is.
    let last = measures.last.as_deref().unwrap_or_default();
    let parts = if last.ends_with(')') { 2 } else { 1 };
    let last: Vec<&str> = last.rsplitn(parts + 1, "::").take(parts).collect();
    let last = format!("until the last: {}", last.into_iter().rev().collect::<Vec<_>>().join("::"));
    number("Critical tail", &time(measures.tail), &last)?;
    if let Some(build) = run.started.as_ref().and_then(|it| it.build) {
        let meaning = run.beside.map(|it| format!("of which {} beside the run", time(it)));
        let build = build + run.beside.unwrap_or(0.0);
        number("Build", &time(build), meaning.as_deref().unwrap_or("before the run"))?;
    }
    page.push_str("</dl>");
    Ok(())
}

fn failures_section(failures: &Failures) -> Section {
    let Failures { html, count: red, flaky, .. } = failures;
    let title = match (red, flaky) {
        (0, _) => count(*flaky, "flaky test"),
        (_, 0) => count(*red, "failure"),
        _ => format!("{}, {flaky} flaky", count(*red, "failure")),
    };
    Section { id: "failures", title, html: html.clone() }
}

fn warnings(run: &Run) -> Result<Section> {
    let mut html = String::new();
    for warning in &run.warnings {
        write!(html, "<li>{}", Text(&plain(warning)))?;
    }
    let html = if html.is_empty() { html } else { format!("<ul class=warnings>{html}</ul>") };
    Ok(Section { id: "warnings", title: count(run.warnings.len(), "warning"), html })
}

const NO_SCRIPT: &str = "<noscript><p class=quiet>This part needs scripts.</p></noscript>";

fn timeline(run: &Run) -> Section {
    let slots = if run.slots.is_empty() {
        "Below: workers that were busy, from when tests began and ended."
    } else {
        "Below: slots held, and those waited for."
    };
    let ran = !run.fixtures.is_empty() || run.tests.iter().any(|it| it.worker.is_some());
    let html = ran.then(|| {
        format!(
            "{NO_SCRIPT}<div class=tools hidden><button type=button data-zoom=in title=\"zoom in (+)\" \
             aria-label=\"zoom in\">+</button><button type=button data-zoom=out title=\"zoom out (-)\" \
             aria-label=\"zoom out\">−</button><button type=button data-zoom=all title=\"everything (0)\">All</button>\
             <span class=legend></span></div><div class=chart><canvas id=chart tabindex=0 role=application \
             aria-label=\"Timeline: arrow keys move from test to test, Enter goes to it, plus and minus zoom, 0 shows all\">\
             </canvas></div><p class=quiet>{slots} Drag to zoom, or Ctrl and wheel.</p>"
        )
    });
    Section { id: "timeline", title: "Timeline".to_owned(), html: html.unwrap_or_default() }
}

fn all_tests(run: &Run) -> Section {
    let html = (!run.tests.is_empty()).then(|| {
        format!(
            "{NO_SCRIPT}<form class=tools hidden><input type=search name=q placeholder=\"Filter by name, file, message\" \
             aria-label=\"filter tests\" autocomplete=off spellcheck=false><span class=outcomes></span><span class=shown \
             role=status></span></form><div class=scroll><table class=tests hidden><thead><tr></tr></thead><tbody>\
             </tbody></table></div><button type=button class=more hidden></button>"
        )
    });
    Section { id: "tests", title: "All tests".to_owned(), html: html.unwrap_or_default() }
}
