//! What the page makes of a run whose numbers are known: its journal was written by hand (`told/2-shop.jsonl`), and so
//! were the times of the run before it. What takes a mouse is done with one here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Browser, with_browser};
use crate::machines;
use crate::tool::ptest;

fn journal(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/html/told").join(name)
}

/// Runs a test on the page, open in a window of this width.
fn on_page(width: u32, test: impl Fn(&mut Browser)) {
    static PAGE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, page) = PAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.html");
        let tool = ptest(&[]).args(["report", "--from"]).args([journal("2-shop.jsonl")]);
        tool.args(["--html".as_ref(), page.as_os_str()]).run().expect(0);
        (folder, page)
    });
    with_browser(|browser| {
        browser.visit(page, width, "light");
        test(browser);
    });
}

const CHART: &str = "document.getElementById('chart')";
const TIP: &str = "document.getElementById('tip')";

/// Where in the window the timeline shows a moment of a row, in seconds and in rows from the first; and the slots that
/// stand below the four rows. The timeline has to be seen whole for the mouse to get there.
fn at(browser: &mut Browser, row: f64, time: f64) -> (f64, f64) {
    browser.middle(CHART);
    let place = format!(
        "(() => {{
            const room = {CHART}.getBoundingClientRect(), gutter = innerWidth < 640 ? 34 : 78;
            const share = ({time} - {CHART}.dataset.from) / ({CHART}.dataset.to - {CHART}.dataset.from);
            return [room.left + gutter + share * (room.width - gutter - 8), room.top + 26 + ({row} + 0.5) * 26];
        }})()"
    );
    let place = browser.value(&place);
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

/// What the mouse is told when it comes there.
fn told_at(browser: &mut Browser, row: f64, time: f64, wanted: &str) -> String {
    let place = at(browser, row, time);
    browser.mouse("mouseMoved", place, &json!({}));
    browser.wait(&format!("!{TIP}.hidden && {TIP}.textContent.includes('{wanted}')"));
    browser.value(&format!("{TIP}.innerText")).as_str().unwrap().to_owned()
}

#[test]
fn the_journals_are_ones_that_a_run_could_have_written() {
    for name in ["1-before.jsonl", "2-shop.jsonl"] {
        let text = fs::read_to_string(journal(name)).unwrap();
        machines::validate(&text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>());
    }
}

#[test]
fn the_mouse_is_told_what_it_points_at() {
    on_page(1400, |browser| {
        assert_eq!(
            told_at(browser, 0.0, 2.0, "pays_twice"),
            "db::pays_twice\nfailed · 1.20 s · from 1.45 s · worker 0\nshop::it\nthe second payment was taken, \
             too"
        );
        let attempt = told_at(browser, 1.0, 1.8, "two_buyers");
        assert_eq!(attempt, "db::two_buyers_one_book\nattempt failed · 400 ms · from 1.60 s · worker 1\nshop::it");
        let setup = told_at(browser, 0.0, 0.6, "api");
        assert_eq!(setup, "it::api::(setup)\nsetup passed · 1.20 s · from 0 ms · worker 0");
        let host = told_at(browser, 3.0, 0.4, "db");
        assert_eq!(host, "it::db::(setup)\nsetup passed · 800 ms · from 0 ms · host");
        assert_eq!(told_at(browser, 2.0, -0.3, "build"), "build\n2.50 s, not to scale");
        let (x, y) = browser.middle("document.querySelector('h1')");
        browser.mouse("mouseMoved", (x, y), &json!({}));
        browser.wait(&format!("{TIP}.hidden"));
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn a_click_on_a_bar_goes_to_the_test() {
    on_page(1400, |browser| {
        browser.value("document.querySelectorAll('details').forEach(it => it.open = false)");
        let place = at(browser, 0.0, 2.0);
        browser.click(place);
        browser.wait("document.activeElement.closest('.failure')?.textContent.includes('pays_twice')");
        assert_eq!(browser.value("document.activeElement.closest('.failure').open"), true);
        assert_eq!(browser.value("location.hash === `#${document.activeElement.closest('.failure').id}`"), true);
        // A setup has no row in the table, but one that failed has an entry.
        let place = at(browser, 2.0, 0.15);
        browser.click(place);
        browser.wait("document.activeElement.closest('.failure')?.textContent.includes('dialing 127.0.0.1')");
        let place = at(browser, 2.0, 2.2);
        browser.click(place);
        browser.wait("document.activeElement.matches('#tests tr.chosen')");
        let row = browser.value("document.activeElement.innerText");
        assert!(row.as_str().unwrap().contains("survives_a_restart"), "{row}");
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn the_mouse_zooms() {
    on_page(1400, |browser| {
        let shown = |browser: &mut Browser| {
            ["from", "to"].map(|end| browser.value(&format!("+{CHART}.dataset.{end}")).as_f64().unwrap())
        };
        let whole = shown(browser);
        let (from, to) = (at(browser, 1.0, 1.0), at(browser, 1.0, 2.0));
        browser.mouse("mouseMoved", from, &json!({}));
        browser.mouse("mousePressed", from, &json!({}));
        browser.mouse("mouseMoved", to, &json!({ "button": "left", "buttons": 1 }));
        browser.mouse("mouseReleased", to, &json!({}));
        browser.wait(&format!("{CHART}.dataset.from > 0.9"));
        let [from, to] = shown(browser);
        assert!((from - 1.0).abs() < 0.02 && (to - 2.0).abs() < 0.02, "{from} to {to}");

        // What the wheel turns around stays where it is.
        let place = at(browser, 1.0, 1.25);
        browser.mouse("mouseWheel", place, &json!({ "deltaX": 0, "deltaY": -200, "modifiers": 2 }));
        browser.wait(&format!("{CHART}.dataset.to - {CHART}.dataset.from < 0.9"));
        let [from, to] = shown(browser);
        assert!(((1.25 - from) / (to - from) - 0.25).abs() < 0.02, "{from} to {to}");

        for clicks in [1, 2] {
            browser.mouse("mousePressed", place, &json!({ "clickCount": clicks }));
            browser.mouse("mouseReleased", place, &json!({ "clickCount": clicks }));
        }
        browser.wait(&format!("+{CHART}.dataset.from === {} && +{CHART}.dataset.to === {}", whole[0], whole[1]));
        for (button, condition) in [("in", "<"), ("out", "==="), ("in", "<"), ("all", "===")] {
            let place = browser.middle(&format!("document.querySelector('[data-zoom={button}]')"));
            browser.click(place);
            let length = whole[1] - whole[0];
            browser.wait(&format!(
                "+({CHART}.dataset.to - {CHART}.dataset.from).toFixed(6) {condition} +({length}).toFixed(6)"
            ));
        }
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn the_build_is_a_band_before_the_tests_and_the_slots_are_steps_below_them() {
    for width in [1400, 500] {
        on_page(width, |browser| {
            let mut colour = |row: f64, time: f64| {
                let (x, y) = at(browser, row, time);
                let pixel = format!(
                    "(() => {{
                    const room = {CHART}.getBoundingClientRect();
                    const data = {CHART}.getContext('2d').getImageData({x} - room.left, {y} - room.top, 1, 1).data;
                    const paint = document.createElement('canvas').getContext('2d');
                    const names = ['bar-build', 'bar-passed', 'slots', 'waiting'].filter((name) => {{
                        paint.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--' + name);
                        paint.fillRect(0, 0, 1, 1);
                        return String(paint.getImageData(0, 0, 1, 1).data) === String(data);
                    }});
                    return names[0] ?? (data[3] === 0 ? 'nothing' : 'something else');
                }})()"
                );
                browser.value(&pixel).as_str().unwrap().to_owned()
            };
            assert_eq!(colour(2.0, -0.3), "bar-build");
            assert_eq!(colour(2.0, 2.2), "bar-passed");
            assert_eq!(colour(0.0, 3.6), "nothing");
            // Four slots stand seventy pixels high, eighteen below the rows: what is held, and above it what is waited for.
            let slot = |number: f64| 4.0 + (18.0 + 70.0 - (number + 0.5) * 70.0 / 4.0) / 26.0 - 0.5;
            assert_eq!(colour(slot(2.0), 1.2), "slots");
            assert_eq!(colour(slot(3.0), 1.2), "waiting");
            assert_eq!(colour(slot(3.0), 2.2), "nothing");
            assert_eq!(colour(slot(0.0), 3.9), "slots");
            assert_eq!(colour(slot(1.0), 3.9), "nothing");
        });
    }
}

#[test]
fn the_command_of_a_failure_is_copied() {
    on_page(1400, |browser| {
        let input = "document.querySelector('#tests input')";
        let failure = "[...document.querySelectorAll('.failure')].find(it => it.textContent.includes('pays_twice'))";
        let button = format!("{failure}.querySelector('.command button')");
        let mut copied = || {
            let place = browser.middle(&button);
            browser.click(place);
            browser.wait(&format!("{button}.textContent === 'Copied'"));
            browser.value(&format!("{input}.value = ''; {input}.focus({{ preventScroll: true }})"));
            let paste = json!({ "type": "keyDown", "key": "v", "modifiers": 2, "commands": ["paste"] });
            browser.call("Input.dispatchKeyEvent", paste);
            browser.wait(&format!("{input}.value !== ''"));
            browser.wait(&format!("{button}.textContent === 'Copy'"));
            let copied = browser.value(&format!("{input}.value"));
            browser.value("Object.defineProperty(navigator, 'clipboard', { value: undefined }), 0");
            copied
        };
        let command = "cargo ptest --release -p shop --test it -- --exact db::pays_twice";
        assert_eq!(copied(), command);
        // And where pages from files have no clipboard of their own.
        assert_eq!(copied(), command);
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn contexts_have_their_costs_and_some_advice() {
    on_page(1400, |browser| {
        let rows = "[...document.querySelectorAll('.contexts tbody')].map(it => [...it.querySelectorAll('tr:first-child > *')]\
                .map(it => it.textContent).join(' '))";
        let expected = [
            "it::api can-split 4 400 ms 2 2.50 s 40 ms",
            "it::db shared 5 3.21 s 1 800 ms 250 ms",
            "it::mail unit 3 0 ms 1 300 ms 0 ms",
            "it::cart unit 6 2.38 s 1 50 ms 30 ms",
        ];
        assert_eq!(browser.value(rows), json!(expected));
        let advice = browser.value("[...document.querySelectorAll('.contexts .advice')].map(it => it.innerText)");
        let expected = [
            "2 setups took longer than the tests that needed them. kind = \"shared\" sets up once",
            "Its setup takes less time than its tests.",
            "Its setup failed",
            "Its setup takes almost no time.",
        ];
        for (advice, expected) in advice.as_array().unwrap().iter().zip(expected) {
            assert!(advice.as_str().unwrap().contains(expected), "{advice}");
        }
    });
    // In a narrow window less of it is seen, and nothing is cut off.
    for width in [500, 360] {
        on_page(width, |browser| {
            let widest =
                browser.value("Math.max(document.querySelector('.contexts').scrollWidth, document.body.scrollWidth)");
            assert!(widest.as_u64().unwrap() <= width.into(), "{widest} of {width}");
            assert_eq!(browser.value("document.querySelector('.contexts .name').getClientRects().length"), 1);
            assert!(browser.value("document.querySelector('.contexts .name').offsetHeight").as_u64().unwrap() < 50);
        });
    }
}

#[test]
fn the_slowest_tests_have_their_change_against_the_last_run() {
    on_page(1400, |browser| {
        let rows = "[...document.querySelectorAll('.slowest tbody tr')].map(it => [...it.children].map(it => it.textContent)\
                .filter(Boolean).join('; '))";
        let rows = browser.value(rows);
        let expected = [
            "shop::it db::pays_twice; 1.20 s; 300 ms ×4.0",
            "shop::it db::exports_everything; 1.00 s; new",
            "shop::it cart::survives_a_restart; 900 ms; 300 ms ×3.0",
            "shop::it cart::expires; 610 ms; 1.30 s −53 %",
            "shop::it db::two_buyers_one_book; 420 ms; new",
            "shop::it cart::adds_the_same_book_again; 340 ms; 350 ms, unchanged",
        ];
        assert_eq!(rows.as_array().unwrap()[..expected.len()], expected.map(Value::from));
        let place = browser.middle("document.querySelector('.slowest a')");
        browser.click(place);
        browser.wait("document.activeElement.matches('#tests tr.chosen')");
        assert!(browser.value("document.activeElement.innerText").as_str().unwrap().contains("pays_twice"));
    });
}
