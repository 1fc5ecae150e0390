//! One failure in the page: why, where, the source, what it wrote, and how to run it again. While it is closed, its
//! first lines say what it is.

use maud::{Markup, html};

use super::ansi::{Palette, coloured, coloured_lines};
use super::diff::{Part, parts};
use super::escape::{Text, cut, plain};
use super::source::Excerpt;
use super::status::{ALL, Status};
use crate::report::brief::brief;
use crate::report::terminal::is_in;

/// How much of a message is shown while its entry is closed.
const GIST: usize = 240;

/// What every entry has.
pub(super) struct Entry<'a> {
    pub number: usize,
    pub open: bool,
    pub status: usize,
    pub binary: &'a str,
    pub name: String,
    pub place: Option<Place>,
    /// For the line that can be read while the entry is closed.
    pub facts: Vec<String>,
    pub message: Option<&'a str>,
    pub output: &'a str,
    pub source: Option<Excerpt>,
    pub rerun: Option<String>,
}

/// A place in the sources.
pub(super) struct Place {
    /// `FILE:LINE`, or `FILE`.
    pub text: String,
    /// Where it can be seen in the web.
    pub link: Option<String>,
}

impl Entry<'_> {
    fn status(&self) -> &'static Status {
        &ALL[self.status]
    }

    /// The entry; `more` is what only its kind has.
    pub(super) fn html(&self, palette: &mut Palette, more: &Markup) -> Markup {
        html! {
            details.failure.(self.status().key) id={"failure-" (self.number)} open[self.open] {
                (self.summary())
                .body {
                    (report(self.message, self.output, self.place.as_ref(), self.source.as_ref(), palette))
                    @if let Some(rerun) = &self.rerun { .command { code { (Text(&plain(rerun))) } } }
                    (more)
                }
            }
        }
    }

    /// The lines that are there while it is closed, too.
    fn summary(&self) -> Markup {
        let status = self.status();
        let last = self.name.rsplit("::").next().unwrap_or_default();
        let modules = &self.name[..self.name.len() - last.len()];
        let place = self.place.as_ref().map(|it| &*it.text);
        let gist = self.message.and_then(|it| brief(it, self.output, "", place).into_iter().next());
        html! {
            summary {
                span.mark.(status.key) aria-hidden="true" { (status.mark) }
                span.what {
                    span.name { span.binary { (Text(self.binary)) } " " (Text(modules)) b { (Text(last)) } }
                    span.facts {
                        (status.word)
                        @for fact in &self.facts { " · " (Text(fact)) }
                        @if let Some(place) = &self.place { " · " (place.html()) }
                    }
                    @if let Some(gist) = gist { span.gist { (Text(&plain(&cut(&gist, GIST)))) } }
                }
            }
        }
    }
}

impl Place {
    fn html(&self) -> Markup {
        html! {
            @match &self.link {
                Some(link) => a.place href=(link) rel="noopener noreferrer" { (Text(&self.text)) },
                None => span.place { (Text(&self.text)) },
            }
        }
    }
}

/// The message in a few lines, the source, and the output, which has all of the message more often than not.
pub(super) fn report(
    message: Option<&str>,
    output: &str,
    place: Option<&Place>,
    source: Option<&Excerpt>,
    palette: &mut Palette,
) -> Markup {
    let message = message.filter(|it| !it.trim().is_empty());
    html! {
        @if let Some(message) = message {
            @let lines = brief(message, output, "", place.map(|it| &*it.text));
            (in_brief(&lines))
            @if lines.len() < message.lines().count() && !is_in(message, output) {
                details.whole {
                    summary { "The whole message" }
                    pre { (coloured(message.trim_end(), palette)) }
                }
            }
        }
        @if let Some(source) = source { (source_lines(source)) }
        (written(output, palette))
    }
}

/// What a test wrote. Of a diff the sides can be told apart, and equal lines are folded.
pub(super) fn written(output: &str, palette: &mut Palette) -> Markup {
    let output = output.trim_end().trim_start_matches('\n');
    html! {
        @if !output.is_empty() {
            .output tabindex="0" role="group" aria-label="output" {
                @for part in parts(output, coloured_lines(output, palette)) { (show(&part)) }
            }
        }
    }
}

fn show(part: &Part<Markup>) -> Markup {
    let text = |lines: &[Markup]| html! { @for line in lines { (line) "\n" } };
    html! {
        @match part {
            Part::Plain(lines) => (text(lines)),
            Part::Folded(lines) => details.fold { summary { (lines.len()) " equal lines" } (text(lines)) },
            Part::Changed(left, right) => span.change { span.left { (text(left)) } span.right { (text(right)) } },
        }
    }
}

/// Lines that differ have the colours that they have in the output.
fn in_brief(lines: &[String]) -> Markup {
    let side = |line: &str| match line.chars().next() {
        Some('<' | '-') => Some("left"),
        Some('>' | '+') => Some("right"),
        _ => None,
    };
    let is_diff =
        lines.iter().any(|line| side(line) == Some("left")) && lines.iter().any(|line| side(line) == Some("right"));
    html! {
        pre.message {
            @for line in lines {
                span class=[side(line).filter(|_| is_diff)] { (Text(&plain(line))) }
                "\n"
            }
        }
    }
}

fn source_lines(source: &Excerpt) -> Markup {
    let indented = source.lines.iter().filter(|it| !it.trim().is_empty());
    let indent = indented.map(|it| it.len() - it.trim_start_matches(' ').len()).min().unwrap_or_default();
    html! {
        pre.source aria-label="source" {
            @for (number, line) in (source.first..).zip(&source.lines) {
                span.marked[number == source.marked] {
                    span.line aria-hidden="true" { (number) }
                    (Text(&plain(line.get(indent..).unwrap_or_default())))
                }
                "\n"
            }
        }
    }
}
