//! The tests that took longest, with what they took last time.

use maud::{Markup, html};

use super::Run;
use super::earlier::{Before, Earlier};
use super::escape::Text;
use super::status::{self, ALL, time};
use crate::event::TestFinished;

const SHOWN: usize = 12;

/// Smaller changes than this come and go by themselves.
const NOISE: f64 = 0.1;

/// `None` if nothing took long enough to be of interest.
pub(super) fn slowest(run: &Run, earlier: &Earlier) -> Option<Markup> {
    let mut tests: Vec<(usize, &TestFinished)> =
        run.tests.iter().enumerate().filter(|(_, it)| it.worker.is_some() && it.duration >= 0.001).collect();
    tests.sort_by(|(_, a), (_, b)| b.duration.total_cmp(&a.duration));
    tests.truncate(SHOWN);
    let longest = tests.first()?.1.duration;
    Some(html! {
        table.slowest {
            thead { tr {
                th scope="col" { "Test" }
                th.number scope="col" { "Time" }
                th.wide scope="col" { span.hidden { "compared" } }
                @if earlier.exist { th.number scope="col" { "Last run" } }
            } }
            tbody { @for (number, test) in tests { tr {
                td { a.name href={"#test-" (number)} { span.binary { (Text(&test.binary)) } " " (Text(&test.test)) } }
                td.number { (time(test.duration)) }
                td.wide {
                    svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                        rect class=(ALL[status::of_test(test)].key) width=(format!("{:.1}", test.duration / longest * 100.0)) height="8" {}
                    }
                }
                @if earlier.exist {
                    td.number { (last_run(earlier.of(&test.binary, &test.test), test.duration)) }
                }
            } } }
        }
    })
}

/// What is known of the latest earlier run of a test.
fn last_run(before: Before, now: f64) -> Markup {
    html! {
        @match before {
            Before::Ran(past) => {
                @match past.passed {
                    Some(before) => (change(before, now)),
                    None => span.quiet { "failed" },
                }
            },
            Before::New => span.quiet { "new" },
            Before::Unknown => span.quiet { "–" },
        }
    }
}

/// How a duration has changed, with a class to colour it by.
fn change(before: f64, now: f64) -> Markup {
    let difference = now - before;
    let share = if before > 0.0 { difference / before } else { 0.0 };
    let before = time(before);
    html! {
        @if share.abs() < NOISE || difference.abs() < 0.01 {
            span.quiet { (before) ", unchanged" }
        } @else if share >= 2.0 {
            (before) " " span.slower { "×" (format!("{:.1}", share + 1.0)) }
        } @else if share > 0.0 {
            (before) " " span.slower { "+" (format!("{:.0}", share * 100.0)) " %" }
        } @else {
            (before) " " span.faster { "−" (format!("{:.0}", -share * 100.0)) " %" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_if_it_is_one() {
        let change = |before, now| change(before, now).into_string();
        assert!(change(1.0, 1.5).ends_with("<span class=\"slower\">+50 %</span>"));
        assert!(change(2.0, 1.0).ends_with("<span class=\"faster\">−50 %</span>"));
        assert!(change(1.0, 4.0).ends_with("<span class=\"slower\">×4.0</span>"));
        assert!(change(1.0, 1.05).contains("unchanged"));
        assert!(change(0.001, 0.004).contains("unchanged"), "a few milliseconds are chance");
    }
}
