//! The page itself: verdict and numbers, then a section for each question that people come with.

use anyhow::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ansi::Palette;
use super::contexts::contexts;
use super::data::data;
use super::escape::{Text, json, plain};
use super::failures::{Failures, failures};
use super::header::{Verdict, header};
use super::outputs::outputs;
use super::slowest::slowest;
use super::status::count;
use super::{Earlier, Run, Sources};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page. `nonce` is what its own style and script are known by: nobody may know it beforehand.
pub(super) fn page(run: &Run, earlier: &Earlier, mut sources: Sources, nonce: &str) -> Result<String> {
    let mut palette = Palette::default();
    let failures = failures(run, earlier, &mut sources, &mut palette);
    let outputs = outputs(run, &mut palette);
    let data = json(&data(run, earlier, &failures))?;
    let verdict = Verdict::of(run);
    let sections = sections(run, earlier, failures);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(nonce));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (Text(&verdict.title(run))) }
                style nonce=(nonce) { (PreEscaped(STYLE)) (PreEscaped(palette.rules())) }
            }
            body {
                (header(run, &verdict, &sections))
                main {
                    @for section in &sections {
                        section id=(section.id) { h2 { (section.title) } (section.html) }
                    }
                }
                #tip role="status" hidden {}
                (outputs)
                script type="application/json" id="data" { (PreEscaped(data)) }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string() + "\n")
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    )
}

/// An answer to one question, under a heading.
pub(super) struct Section {
    pub id: &'static str,
    pub title: String,
    html: Markup,
}

/// One without anything in it is left out.
fn sections(run: &Run, earlier: &Earlier, failures: Failures) -> Vec<Section> {
    let fixed = |id, title: &str, html: Option<Markup>| Some(Section { id, title: title.to_owned(), html: html? });
    let sections = [
        failures_section(failures),
        warnings(run),
        fixed("timeline", "Timeline", timeline(run)),
        fixed("slowest", "Slowest tests", slowest(run, earlier)),
        fixed("contexts", "Contexts", contexts(run)),
        fixed("tests", "All tests", all_tests(run)),
    ];
    sections.into_iter().flatten().collect()
}

fn failures_section(failures: Failures) -> Option<Section> {
    let Failures { html, count: red, flaky, .. } = failures;
    let title = match (red, flaky) {
        (0, 0) => return None,
        (0, _) => count(flaky, "flaky test"),
        (_, 0) => count(red, "failure"),
        _ => format!("{}, {flaky} flaky", count(red, "failure")),
    };
    Some(Section { id: "failures", title, html })
}

fn warnings(run: &Run) -> Option<Section> {
    if run.warnings.is_empty() {
        return None;
    }
    let html = html! {
        ul.warnings { @for warning in &run.warnings { li { (Text(&plain(warning))) } } }
    };
    Some(Section { id: "warnings", title: count(run.warnings.len(), "warning"), html })
}

fn no_script() -> Markup {
    html! { noscript { p.quiet { "This part needs JavaScript." } } }
}

fn timeline(run: &Run) -> Option<Markup> {
    let slots = if run.slots.is_empty() {
        "The lower chart shows how many workers were running something."
    } else {
        "The lower chart shows how many slots were in use, and how many more were waited for; a slot runs one process at a \
         time."
    };
    let ran = !run.fixtures.is_empty() || run.tests.iter().any(|it| it.worker.is_some());
    ran.then(|| {
        html! {
            (no_script())
            .tools hidden {
                button type="button" data-zoom="in" title="zoom in (+)" aria-label="zoom in" { "+" }
                button type="button" data-zoom="out" title="zoom out (-)" aria-label="zoom out" { "−" }
                button type="button" data-zoom="all" title="show everything (0)" { "All" }
                span.legend {}
            }
            .chart {
                canvas #chart tabindex="0" role="application" aria-label="Timeline: arrow keys move from test to test, \
                    Enter goes to the test, plus and minus zoom, 0 shows everything" {}
            }
            p.quiet { (slots) " Drag to zoom in, or hold Ctrl and turn the wheel; double-click to see everything." }
        }
    })
}

fn all_tests(run: &Run) -> Option<Markup> {
    (!run.tests.is_empty()).then(|| {
        html! {
            (no_script())
            form.tools hidden {
                input type="search" name="q" placeholder="Filter by name, file, message" aria-label="filter tests"
                    autocomplete="off" spellcheck="false";
                span.outcomes {}
                button.grouping type="button" title="by package, binary and module" { "Group" }
                span.shown role="status" {}
            }
            .scroll { table.tests hidden { thead { tr {} } tbody {} } }
            button.more type="button" hidden {}
        }
    })
}
