//! What tests wrote that passed. It is no part of the page until the script shows it beneath a test.

use maud::{Markup, html};

use super::Run;
use super::ansi::Palette;
use super::entry::written;
use crate::event::Outcome;

/// A template with an element for each of these tests, `output-N` by the place of the test.
pub(super) fn outputs(run: &Run, palette: &mut Palette) -> Markup {
    let passed = run.tests.iter().enumerate().filter(|(_, it)| it.outcome == Outcome::Passed && !it.flaky);
    html! {
        template #outputs {
            @for (number, test) in passed.filter(|(_, it)| !it.output.trim().is_empty()) {
                div id={"output-" (number)} { (written(&test.output, palette)) }
            }
        }
    }
}
