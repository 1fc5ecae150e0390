//! The tests that took longest, with what they took last time.

use std::fmt::Write;

use super::escape::Text;
use super::status::{self, ALL, time};
use super::{Previous, Run};
use crate::event::TestFinished;

const SHOWN: usize = 12;

/// Smaller changes than this come and go by themselves.
const NOISE: f64 = 0.1;

/// Empty if nothing took any time worth telling.
pub(super) fn slowest(run: &Run, previous: Option<&Previous>) -> String {
    let mut tests: Vec<(usize, &TestFinished)> =
        run.tests.iter().enumerate().filter(|(_, it)| it.worker.is_some() && it.duration >= 0.001).collect();
    tests.sort_by(|(_, a), (_, b)| b.duration.total_cmp(&a.duration));
    tests.truncate(SHOWN);
    let Some(longest) = tests.first().map(|(_, it)| it.duration) else { return String::new() };
    let mut html = String::from(
        "<table class=slowest><thead><tr><th scope=col>Test<th scope=col class=number>Time<th scope=col class=wide>\
         <span class=hidden>compared</span>",
    );
    html += if previous.is_some() { "<th scope=col class=number>Last run</thead>" } else { "</thead>" };
    html += "<tbody>";
    for (place, test) in tests {
        let status = &ALL[status::of_test(test)];
        let change = previous.map(|previous| match previous.duration(&test.binary, &test.test) {
            Some(before) => format!("<td class=number>{}", change(before, test.duration)),
            None => "<td class=\"number quiet\">new".to_owned(),
        });
        let share = test.duration / longest * 100.0;
        let _ = write!(
            html,
            "<tr><td><a href=#test-{place} class=name><span class=binary>{binary}</span> {name}</a><td \
             class=number>{time}<td class=wide><svg class=bar viewBox=\"0 0 100 8\" preserveAspectRatio=none \
             aria-hidden=true><rect class={key} width={share:.1} height=8 /></svg>{change}",
            binary = Text(&test.binary),
            name = Text(&test.test),
            time = time(test.duration),
            key = status.key,
            change = change.unwrap_or_default(),
        );
    }
    html + "</tbody></table>"
}

/// What became of a duration, in words and with a class to colour it by.
fn change(before: f64, now: f64) -> String {
    let difference = now - before;
    let share = if before > 0.0 { difference / before } else { 0.0 };
    if share.abs() < NOISE || difference.abs() < 0.01 {
        return format!("<span class=quiet>{}, as before</span>", time(before));
    }
    let before = time(before);
    match share {
        it if it >= 2.0 => format!("{before} <span class=slower>×{:.1}</span>", it + 1.0),
        it if it > 0.0 => format!("{before} <span class=slower>+{:.0} %</span>", it * 100.0),
        it => format!("{before} <span class=faster>−{:.0} %</span>", -it * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_if_it_is_one() {
        assert!(change(1.0, 1.5).ends_with("<span class=slower>+50 %</span>"));
        assert!(change(2.0, 1.0).ends_with("<span class=faster>−50 %</span>"));
        assert!(change(1.0, 4.0).ends_with("<span class=slower>×4.0</span>"));
        assert!(change(1.0, 1.05).contains("as before"));
        assert!(change(0.001, 0.004).contains("as before"), "a few milliseconds are chance");
    }
}
