//! Draws the live region: from what goes on, the size of the window and the time to lines. Pure.

use std::time::Duration;

use console::measure_text_width;

use super::state::{Left, Running, State};
use crate::report::control::line;
use crate::report::styles::Styles;

/// How many running tests are named at the most.
const MOST_NAMED: usize = 8;

/// From so many columns on, the lines of tests are as wide as those of the report.
const WIDE: usize = 64;

/// In fewer columns than this, there are only names.
const NARROW: usize = 36;

/// Which key lists the keys.
const KEYS: &str = "  ? keys";

/// The widest bar that helps, and the narrowest.
const BAR: std::ops::RangeInclusive<usize> = 10..=30;

/// Where the region is drawn.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub width: usize,
    pub height: usize,
    /// It says which key lists the others.
    pub keys: bool,
}

/// The lines of the region: what has been done, and what runs. None is as wide as the window, so none wraps; together
/// they leave room for a line of the report.
pub(super) fn draw(state: &State, window: Window, now: Duration, styles: &Styles) -> Vec<String> {
    let Window { width, height, keys } = window;
    let Some(tests) = state.tests else { return Vec::new() };
    let (width, rows) = (width.saturating_sub(1), height.saturating_sub(1));
    if width == 0 || rows == 0 {
        return Vec::new();
    }
    let running = state.running(now);
    let room = (rows - 1).min(MOST_NAMED).min(height / 2);
    // The line that counts those without a line of their own needs one as well.
    let named = if running.len() > room { room.saturating_sub(1) } else { running.len() };
    let mut lines = vec![head(state, tests, (width, keys), now, styles)];
    lines.extend(running[..named].iter().map(|it| test(it, width, now, styles)));
    if named < running.len() && room > 0 {
        lines.push(cut(&format!("{:>12} {} more", "and", running.len() - named), width));
    }
    lines
}

/// What goes on, where nothing can be drawn over.
pub(super) fn heartbeat(state: &State, now: Duration, styles: &Styles) -> Vec<String> {
    let Some(tests) = state.tests else { return Vec::new() };
    let running = state.running(now);
    let counts = counts(state, tests, now).join(", ");
    let head = format!("{} for {}: {counts}", styles.green.apply_to("     Running"), time(now));
    let named = running.iter().take(MOST_NAMED).map(|it| test(it, usize::MAX, now, styles));
    let more = running.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("{:>12} {more} more", "and"));
    std::iter::once(head).chain(named).chain(more).collect()
}

/// `Running [00:12] [=====>    ] 120/500, 2 failed, ...`; what matters least goes first where there is no room.
fn head(state: &State, tests: usize, (width, keys): (usize, bool), now: Duration, styles: &Styles) -> String {
    let mut parts = counts(state, tests, now);
    let label = format!("     Running {} ", time(now));
    let wanted = |parts: &[String]| measure_text_width(&label) + measure_text_width(&parts.join(", "));
    while parts.len() > 1 && wanted(&parts) > width {
        parts.pop();
    }
    let room = width.saturating_sub(wanted(&parts) + "[] ".len());
    // Whoever sees the bar may want to know the keys; for them it becomes shorter, but does not go.
    let keys = if keys && room >= *BAR.start() + KEYS.len() { KEYS } else { "" };
    let room = room - keys.len();
    let bar = if room >= *BAR.start() { bar(state.done(), tests, room.min(*BAR.end())) } else { String::new() };
    let text = parts.join(", ");
    let line = format!("{label}{bar}{text}");
    if measure_text_width(&line) > width {
        return cut(&text, width);
    }
    let failed = parts.get(1).filter(|_| state.red() > 0);
    let text = match failed {
        Some(failed) => text.replacen(failed.as_str(), &styles.red.apply_to(failed).to_string(), 1),
        None => text,
    };
    let label = label.replacen("Running", &styles.green.apply_to("Running").to_string(), 1);
    format!("{label}{bar}{text}{}", styles.dim.apply_to(keys))
}

/// What there is to count, the most important first.
fn counts(state: &State, tests: usize, now: Duration) -> Vec<String> {
    let mut parts = vec![format!("{}/{tests} done", state.done())];
    parts.extend((state.red() > 0).then(|| format!("{} failed", state.red())));
    parts.extend(state.left(now).map(|left| match left {
        Left::For(left) => format!("{} left", time(left)),
        Left::NotKnown => "time left not known".to_owned(),
    }));
    if let Some(slots) = &state.slots {
        parts.push(format!("{} of {} slots", slots.held, slots.cap));
        parts.extend((slots.waiting > 0).then(|| format!("waiting for {} more", slots.waiting)));
    }
    parts
}

fn bar(done: usize, tests: usize, width: usize) -> String {
    let filled = (done * width).checked_div(tests).unwrap_or(width).min(width);
    let tip = if filled < width { ">" } else { "" };
    format!("[{}{tip:<rest$}] ", "=".repeat(filled), rest = width - filled)
}

/// `slot 0 [   3.2s] crash tests::hangs (db), try 2`. Of a name too long the end stays, which tells more.
fn test(running: &Running, width: usize, now: Duration, styles: &Styles) -> String {
    let elapsed = now.saturating_sub(running.since).as_secs_f64();
    let worker = running.worker.map_or("host".to_owned(), |worker| format!("slot {worker}"));
    let attempt = if running.attempt > 1 { format!(", try {}", running.attempt) } else { String::new() };
    let context = running.contexts.last().map(|it| format!(" ({it})")).unwrap_or_default();
    let after = line(&format!("{context}{attempt}"));
    let (binary, name) = (line(&running.binary), line(&running.name));
    let start = match width {
        WIDE.. => format!("{worker:>12} [{elapsed:>9.3}s] "),
        NARROW..WIDE => format!("{worker} [{elapsed:>6.1}s] "),
        _ => String::new(),
    };
    let room = width.saturating_sub(measure_text_width(&start));
    let fits = |text: &str| measure_text_width(text) <= room;
    let (modules, last) =
        name.rsplit_once("::").map_or(("", &*name), |(_, last)| (&name[..name.len() - last.len()], last));
    let whole = format!("{binary} {name}{after}");
    let text = match () {
        () if fits(&whole) => {
            format!("{} {modules}{}{after}", styles.dim.apply_to(&binary), styles.bold.apply_to(last))
        }
        () if fits(&format!("{name}{after}")) => format!("{modules}{}{after}", styles.bold.apply_to(last)),
        () if fits(&name) => format!("{modules}{}", styles.bold.apply_to(last)),
        () => end_of(&name, room),
    };
    format!("{}{text}", styles.dim.apply_to(start))
}

fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// As much of the end as fits.
fn end_of(text: &str, width: usize) -> String {
    let start = text.char_indices().map(|(at, _)| at).find(|at| measure_text_width(&text[*at..]) < width);
    match start {
        Some(start) if width > 0 => format!("…{}", &text[start..]),
        _ => String::new(),
    }
}

/// `12s`, `2m 05s`, `1h 02m`.
fn time(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m {:02}s", secs / 60, secs % 60),
        secs => format!("{}h {:02}m", secs / 3600, secs / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::event::{Event, Outcome, SlotsChanged, TestFinished, TestStarted};
    use crate::report::junit::sample::{at, finished, run_started};

    fn started(process: u32, test: &str, contexts: &[&str]) -> Event {
        Event::TestStarted(TestStarted {
            binary: "demo::api".into(),
            test: test.into(),
            attempt: process,
            repetition: 1,
            worker: process as usize - 1,
            process,
            expected: None,
            contexts: contexts.iter().map(|it| Arc::from(*it)).collect(),
        })
    }

    fn state(running: &[(&str, &[&str])]) -> State {
        let mut state = State::default();
        state.event(&run_started(40), Duration::ZERO);
        let slots = SlotsChanged { timestamp: at(0), held: 2, waiting: 1, cap: 4 };
        state.event(&Event::SlotsChanged(slots), Duration::ZERO);
        for (number, (test, contexts)) in (1..).zip(running) {
            state.event(&started(number, test, contexts), Duration::from_secs(number.into()));
        }
        for outcome in [Outcome::Passed, Outcome::Passed, Outcome::Passed, Outcome::Failed] {
            state.event(&Event::TestFinished(TestFinished { outcome, ..finished("other") }), Duration::from_secs(5));
        }
        state
    }

    fn drawn(width: usize, height: usize) -> String {
        let state = state(&[("orders::pays_twice", &["api::orders", "api::orders::db"]), ("quick", &[])]);
        draw(&state, Window { width, height, keys: false }, Duration::from_millis(5250), &Styles::new(false)).join("\n")
    }

    #[test]
    fn a_wide_window_has_everything() {
        assert_eq!(
            drawn(120, 24),
            "     Running 5s [===>                          ] 4/40 done, 1 failed, 35s left, 2 of 4 slots, waiting for 1 more
      slot 0 [    4.250s] demo::api orders::pays_twice (api::orders::db)
      slot 1 [    3.250s] demo::api quick, try 2"
        );
    }

    #[test]
    fn a_narrow_window_has_what_matters_most() {
        assert_eq!(
            drawn(60, 24),
            "     Running 5s 4/40 done, 1 failed, 35s left, 2 of 4 slots
slot 0 [   4.2s] orders::pays_twice (api::orders::db)
slot 1 [   3.2s] demo::api quick, try 2"
        );
        assert_eq!(
            drawn(40, 24),
            "     Running 5s 4/40 done, 1 failed
slot 0 [   4.2s] orders::pays_twice
slot 1 [   3.2s] demo::api quick, try 2"
        );
        assert_eq!(drawn(12, 24), "4/40 done\n…pays_twice\nquick");
        assert_eq!(drawn(2, 24), "…\n\n");
        assert_eq!(drawn(1, 24), "");
    }

    #[test]
    fn the_key_that_lists_the_others_is_named_where_there_is_room() {
        let state = state(&[("quick", &[])]);
        let first = |width| {
            let window = Window { width, height: 24, keys: true };
            draw(&state, window, Duration::from_millis(5250), &Styles::new(false)).swap_remove(0)
        };
        assert!(first(140).ends_with("4/40 done, 1 failed, 35s left, 2 of 4 slots, waiting for 1 more  ? keys"));
        assert!(first(100).ends_with("waiting for 1 more"), "the bar comes first: {}", first(100));
    }

    #[test]
    fn a_low_window_has_less() {
        assert_eq!(drawn(120, 4).lines().count(), 3);
        assert_eq!(drawn(60, 3), "     Running 5s 4/40 done, 1 failed, 35s left, 2 of 4 slots\n         and 2 more");
        assert_eq!(drawn(60, 2).lines().count(), 1);
        assert_eq!(drawn(60, 1), "");
    }

    #[test]
    fn there_is_no_region_before_the_run_and_after_it() {
        assert!(
            draw(&State::default(), Window { width: 80, height: 24, keys: true }, Duration::ZERO, &Styles::new(false))
                .is_empty()
        );
    }

    #[test]
    fn the_heartbeat_names_what_runs() {
        let state = state(&[("orders::pays_twice", &[])]);
        let lines = heartbeat(&state, Duration::from_secs(61), &Styles::new(false)).join("\n");
        assert_eq!(
            lines,
            "     Running for 1m 01s: 4/40 done, 1 failed, time left not known, 2 of 4 slots, waiting for 1 more
      slot 0 [   60.000s] demo::api orders::pays_twice"
        );
    }

    proptest! {
        /// Whatever the names and the window, with colours or without.
        #[test]
        fn no_line_wraps_and_no_frame_fills_the_window(
            names in prop::collection::vec("\\PC{0,40}", 0..12),
            width in 0..100_usize,
            height in 0..14_usize,
            colours: bool,
            keys: bool,
        ) {
            let running: Vec<(&str, &[&str])> = names.iter().map(|it| (it.as_str(), &["ctx"][..])).collect();
            let lines = draw(&state(&running), Window { width, height, keys }, Duration::from_secs(9), &Styles::new(colours));
            prop_assert!(lines.len() < height.max(1));
            for line in lines {
                prop_assert!(measure_text_width(&line) < width, "{line:?} in {width}");
                prop_assert!(!line.contains('\n'));
            }
        }
    }
}
