//! The page that `--html` writes, in a real browser.

mod around;
mod told;

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::with_browser;
use crate::tool::of_kind;
use crate::workspace::Workspace;

/// Tests of every outcome, with things in their output that a page must not take for its own.
const TESTS: &str = r#"
const HOSTILE: &str = "</pre></details></script><script>document.title = 'owned'</script>\
    <img src='http://127.0.0.1:9/leak' onerror=\"document.title = 'owned'\"><style>body { display: none }</style><!--";

#[test]
fn passes() {}

#[test]
fn passes_slowly() {
    println!("\x1b[32mslow\x1b[0m but sure");
    std::thread::sleep(std::time::Duration::from_millis(120));
}

#[test]
fn fails_in_colour() {
    println!("\x1b[1;31mred\x1b[0m and \x1b[38;2;98;254;230mblue\x1b[0m, \x1b[2Jcleared");
    panic!("colourful");
}

#[test]
fn fails_with_a_diff() {
    // What pretty_assertions prints of two numbers in two long lists.
    let same: String = (0..70).map(|number| format!("     {number},\n")).collect();
    let (left, right) = ("\x1b[31m<    \x1b[0m\x1b[1;48;5;52;31m4\x1b[0m\x1b[31m2,\x1b[0m", "\x1b[32m>    \x1b[0m\x1b[1;48;5;22;32m9\x1b[0m\x1b[32m2,\x1b[0m");
    panic!("assertion failed: `(left == right)`\n\n\x1b[1mDiff\x1b[0m \x1b[31m< left\x1b[0m / \x1b[32mright >\x1b[0m :\n [\n{same}{left}\n{right}\n ]\n\n");
}

#[test]
fn fails_in_all_colours() {
    for ground in (40..48).chain(100..108).chain([49]) {
        let texts = (30..38).chain(90..98).map(|text| format!("\x1b[{text};{ground}mx\x1b[2my\x1b[0m\x1b[7;{text};{ground}mz\x1b[0m"));
        println!("{}", texts.collect::<String>());
    }
    for ground in 16..=255 {
        println!("\x1b[48;5;{ground}mx\x1b[31my\x1b[32mz\x1b[38;5;{}mw\x1b[0m", 271 - ground);
    }
    panic!("so many");
}

#[test]
fn fails_hostile() {
    println!("{HOSTILE}");
    panic!("{HOSTILE}");
}

#[test]
fn fails_the_first_time() {
    let folder = std::env::var_os("FLAKY_DIR").unwrap();
    assert!(std::fs::File::create_new(std::path::Path::new(&folder).join("tried")).is_err(), "the first time");
}

#[test]
fn crashes() {
    std::process::abort();
}

#[test]
#[ignore = "the well is dry"]
fn is_ignored() {}
"#;

/// A test whose very name is markup.
const NAMED: &str = r#"
fn main() {
    let has = |option: &str| std::env::args().any(|it| it == option);
    if has("--list") && !has("--ignored") {
        println!("<img src=x onerror=document.title='owned'>: test");
    }
}
"#;

/// The page of one run, and what its JSON lines say.
struct Page {
    path: PathBuf,
    events: Vec<Value>,
    _folder: TempDir,
}

fn page() -> &'static Page {
    static PAGE: OnceLock<Page> = OnceLock::new();
    PAGE.get_or_init(|| {
        let manifest = "[[test]]\nname = \"named\"\nharness = false\n";
        let workspace = Workspace::of_package(manifest).file("src/lib.rs", "").file("tests/all.rs", TESTS);
        let workspace = workspace.file("tests/named.rs", NAMED);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        let tool = workspace.ptest().args(["-j2", "--retries=1", "--html"]).args([&path]);
        let (ran, events) = tool.env("FLAKY_DIR", folder.path()).json();
        ran.expect(100);
        Page { path, events, _folder: folder }
    })
}

/// How many tests came to this.
fn count(outcome: &str) -> usize {
    of_kind(&page().events, "test-finished").filter(|it| it["outcome"] == outcome).count()
}

const ROWS: &str = "document.querySelectorAll('#tests tbody tr[id]').length";
const NAMES: &str = "[...document.querySelectorAll('#tests td.name')].map(it => it.querySelector('.binary').nextSibling.nextSibling?.data)";

#[test]
fn every_test_is_a_row_and_every_attempt_a_bar() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        let tests: Vec<&Value> = of_kind(&page.events, "test-finished").collect();
        let ran = tests.iter().filter(|it| it["worker"].is_u64()).count();
        let attempts = of_kind(&page.events, "attempt-failed").count();
        assert_eq!(browser.value(ROWS), tests.len());
        assert_eq!(browser.value("+document.getElementById('chart').dataset.bars"), ran + attempts);
        assert!(attempts >= 3 && ran + 1 == tests.len(), "{tests:#?}");
        let red = count("failed") + count("crashed");
        assert_eq!(browser.value("document.querySelectorAll('.failure:not(.flaky)').length"), red);
        assert_eq!(browser.value("document.querySelectorAll('.failure.flaky').length"), 1);
        assert_eq!(browser.value("document.title"), format!("✗ {red} failed · made · cargo ptest"));
        // The numbers at the top are those of the last event.
        let finished = of_kind(&page.events, "run-finished").next().unwrap();
        for (key, number) in
            [("failed", &finished["failed"]), ("crashed", &finished["crashed"]), ("ignored", &finished["ignored"])]
        {
            let shown = format!("+document.querySelector('.counts a[href$=\"outcome={key}\"] b').textContent");
            assert_eq!(&browser.value(&shown), number, "{key}");
        }
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn filter_and_order_are_kept_in_the_location() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        browser.press(&["/"]);
        browser.press(&["f", "a", "i", "l", "s", "_"]);
        assert_eq!(browser.value(ROWS), 5);
        browser.value("document.querySelector('.outcomes [data-key=failed]').click()");
        assert_eq!(browser.value(ROWS), 4);
        browser.value("document.querySelector('#tests th[data-key=name] button').click()");
        assert_eq!(browser.value("location.hash"), "#q=fails_&outcome=failed&sort=name");
        assert_eq!(
            browser.value(NAMES),
            json!(["fails_hostile", "fails_in_all_colours", "fails_in_colour", "fails_with_a_diff"])
        );
        browser.value("document.querySelector('#tests th[data-key=name] button').click()");
        assert_eq!(browser.value("document.querySelector('#tests th[data-key=name]').ariaSort"), "descending");
        assert_eq!(
            browser.value(NAMES),
            json!(["fails_with_a_diff", "fails_in_colour", "fails_in_all_colours", "fails_hostile"])
        );

        // Whoever is given the address sees the same.
        browser.load("Page.reload", json!({}));
        assert_eq!(
            browser.value(NAMES),
            json!(["fails_with_a_diff", "fails_in_colour", "fails_in_all_colours", "fails_hostile"])
        );
        assert_eq!(browser.value("document.querySelector('#tests input').value"), "fails_");

        browser.value("location.hash = 'sort=-time'");
        browser.wait("document.querySelectorAll('#tests tbody tr').length > 3");
        assert_eq!(browser.value(&format!("{NAMES}[0]")), "passes_slowly");
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn the_timeline_and_the_table_are_used_by_keyboard() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        let chart = "document.getElementById('chart')";
        let (tip, span) = ("document.getElementById('tip')", format!("({chart}.dataset.to - {chart}.dataset.from)"));
        browser.value(&format!("{chart}.focus()"));
        browser.press(&["ArrowRight", "ArrowRight"]);
        assert_eq!(browser.value(&format!("{tip}.hidden")), false);
        assert!(browser.value(&format!("{tip}.textContent")).as_str().unwrap().contains("worker 0"));
        let before = browser.value(&span).as_f64().unwrap();
        browser.press(&["+", "+"]);
        browser.wait(&format!("{span} < {before} / 3"));
        browser.press(&["0"]);
        browser.wait(&format!("Math.abs({span} - {before}) < 1e-9"));
        // Enter leads to the entry of a failure, and to the row of any other test.
        for _ in 0..20 {
            browser.press(&["ArrowLeft"]);
        }
        browser.press(&["Enter"]);
        let there = "document.activeElement.closest('.failure, #tests tr') !== null";
        assert_eq!(browser.value(there), true);
        browser.press(&["/"]);
        assert_eq!(browser.value("document.activeElement === document.querySelector('#tests input')"), true);
        browser.value("document.querySelector('.grouping').click()");
        browser.value("document.querySelector('#tests tbody tr').focus()");
        browser.press(&["ArrowDown"]);
        assert_eq!(browser.value("document.activeElement === document.querySelectorAll('#tests tbody tr')[1]"), true);
        browser.press(&["Enter"]);
        assert_eq!(browser.value("document.activeElement.closest('.failure').open"), true);
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn the_page_follows_the_time_of_day_and_the_width_of_the_window() {
    let page = page();
    with_browser(|browser| {
        let brightness = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).reduce((sum, it) => sum + +it, 0)";
        let ink = "(() => { const chart = document.getElementById('chart'); return [...chart.getContext('2d').getImageData(0, 0, \
               chart.width, chart.height).data].reduce((sum, it) => sum + it, 0); })()";
        let mut seen = Vec::new();
        for (width, scheme) in [(1400, "light"), (1400, "dark"), (500, "light"), (500, "dark")] {
            browser.visit(&page.path, width, scheme);
            seen.push((browser.value(brightness).as_u64().unwrap(), browser.value(ink)));
            assert!(
                browser.value("document.documentElement.scrollWidth").as_u64().unwrap() <= width.into(),
                "{width} {scheme}"
            );
        }
        assert!(seen[0].0 > 600 && seen[1].0 < 150, "{seen:?}");
        assert_ne!(seen[0].1, seen[1].1, "the timeline has other colours at night");
        // The evening may come while the page is open.
        browser.visit(&page.path, 1400, "light");
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        browser.call("Emulation.setEmulatedMedia", dark);
        browser.wait(&format!("{ink} === {}", seen[1].1));
    });
}

/// The texts of a page that can hardly be read, with their contrast to what is behind them; and how many were looked at.
const FAINT: &str = r"(() => {
    const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [red, green, blue] = parts(colour).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = (element) => {
        for (let it = element; it; it = it.parentElement) {
            const colour = getComputedStyle(it).backgroundColor, [, , , alpha = 1] = parts(colour);
            if (alpha === 1) return colour;
            if (alpha > 0) throw new Error(`what is behind ${it.outerHTML.slice(0, 100)} shines through`);
        }
        throw new Error('the page has no ground');
    };
    const opacity = (element) => element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1;
    const contrast = (text, ground) => {
        const [one, other] = [luminance(text), luminance(ground)];
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    for (const details of document.querySelectorAll('details')) details.open = true;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
    let count = 0;
    while (texts.nextNode()) {
        const it = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
        if (!text || !it.getClientRects().length || it.closest('script, noscript, .hidden')) continue;
        count += 1;
        const measured = opacity(it) * contrast(getComputedStyle(it).color, ground(it));
        if (measured < 4.5) faint.push(`${text.slice(0, 40)} (${it.className}): ${measured.toFixed(2)}`);
    }
    return [count, ...faint];
})()";

#[test]
fn every_text_stands_out_from_what_is_behind_it() {
    let page = page();
    with_browser(|browser| {
        for scheme in ["light", "dark"] {
            browser.visit(&page.path, 1400, scheme);
            // A row that was chosen, a button that is on, a group, and a test that passed, with its output.
            browser.value("document.querySelector('.outcomes button').click()");
            browser.value("document.querySelector('.outcomes button').click()");
            browser.value("[...document.querySelectorAll('#tests tr[id]')].find(it => it.textContent.includes('passes_slowly')).click()");
            browser.wait("document.querySelector('#tests .detail .output')?.textContent.trim() === 'slow but sure'");
            let found = browser.value(FAINT);
            let [count, faint @ ..] = &found.as_array().unwrap()[..] else { panic!("{found}") };
            assert!(count.as_u64().unwrap() > 1500, "the colours of all sorts are there: {count}");
            assert!(faint.is_empty(), "{scheme}: {faint:#?}");
        }
    });
}

#[test]
fn a_failure_has_its_message_in_a_few_lines_then_the_source_and_then_the_output() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        let entry =
            "[...document.querySelectorAll('.failure')].find(it => it.textContent.includes('fails_with_a_diff'))";
        let parts = format!("[...{entry}.querySelector('.body').children].map(it => it.className)");
        assert_eq!(browser.value(&parts), json!(["message", "source", "output", "command", "attempt"]));
        let message = browser.value(&format!("{entry}.querySelector('.message').innerText.trim()"));
        assert_eq!(message, "assertion failed: `(left == right)`\n<    42,\n>    92,");
        let side = |side: &str| format!("{entry}.querySelector('.message .{side}').textContent");
        assert_eq!([browser.value(&side("left")), browser.value(&side("right"))], ["<    42,", ">    92,"]);
        let output = browser.value(&format!("{entry}.querySelector('.output').textContent"));
        assert!(output.as_str().unwrap().contains("     33,\n"), "{output}");

        let fold = browser.value(&format!("{entry}.querySelector('.fold summary').textContent"));
        assert_eq!(fold, "68 equal lines");
        // The sides stand above each other, and beside each other if that is asked for.
        let place =
            |side: &str, edge: &str| format!("{entry}.querySelector('.change .{side}').getBoundingClientRect().{edge}");
        let below = format!("{} >= {}", place("right", "top"), place("left", "bottom"));
        let beside = format!("{} >= {}", place("right", "left"), place("left", "right"));
        assert_eq!([browser.value(&below), browser.value(&beside)], [true, false]);
        browser.value(&format!("{entry}.querySelector('.sides').click()"));
        assert_eq!([browser.value(&below), browser.value(&beside)], [false, true]);

        // The line that panicked is the third of five.
        let entry = "[...document.querySelectorAll('.failure')].find(it => it.textContent.includes('fails_in_colour'))";
        let lines = format!(
            "[...{entry}.querySelectorAll('.source > span')].map(it => [it.className, it.lastChild.data ?? ''])"
        );
        let lines = browser.value(&lines);
        let expected = [
            json!(["", "fn fails_in_colour() {"]),
            json!([
                "",
                "    println!(\"\\x1b[1;31mred\\x1b[0m and \\x1b[38;2;98;254;230mblue\\x1b[0m, \\x1b[2Jcleared\");"
            ]),
            json!(["marked", "    panic!(\"colourful\");"]),
            json!(["", "}"]),
            json!(["", ""]),
        ];
        assert_eq!(lines, json!(expected));
        let number = browser.value(&format!("{entry}.querySelector('.source .marked .line').textContent"));
        let place = browser.value(&format!("{entry}.querySelector('.place').textContent"));
        assert_eq!(place, format!("tests/all.rs:{}", number.as_str().unwrap()), "it is the place of the panic");
    });
}

#[test]
fn tests_are_a_tree_of_packages_binaries_and_modules() {
    let manifest = "[[test]]\nname = \"other\"\npath = \"tests/other.rs\"\n";
    let tests = "#[cfg(test)] mod one { #[test] fn a() { println!(\"here\") } mod deep { #[test] fn b() {} } }\n\
                 #[cfg(test)] mod two { #[test] fn c() {} #[test] fn d() { panic!(\"no\") } }";
    let workspace =
        Workspace::of_package(manifest).file("src/lib.rs", tests).file("tests/other.rs", "#[test] fn e() {}");
    let path = workspace.path().join("page.html");
    workspace.ptest().args(["--no-doc", "--html"]).args([&path]).run().expect(100);
    with_browser(|browser| {
        let rows = "[...document.querySelectorAll('#tests tbody tr:not(.detail)')].map(it => (it.style.getPropertyValue('--depth') || 0) + ' ' \
                    + it.querySelector('.name').innerText.split('\\n')[0].trim())";
        browser.visit(&path, 1400, "light");
        let all = [
            "0 made 5 tests, 1 failed",
            "1 lib 4 tests, 1 failed",
            "2 one 2 tests",
            "3 deep 1 test",
            "4 b",
            "3 a",
            "2 two 2 tests, 1 failed",
            "3 d",
            "3 c",
            "1 other 1 test",
            "2 e",
        ];
        assert_eq!(browser.value(rows), json!(all));
        // A click closes a group, and the keys open and close it as in any tree.
        let group = |name: &str| {
            format!("[...document.querySelectorAll('#tests tr.group')].find(it => it.innerText.includes('{name}'))")
        };
        browser.value(&format!("{}.click()", group("one")));
        assert_eq!(browser.value(&format!("{rows}.length")), all.len() - 3);
        assert_eq!(browser.value(&format!("document.activeElement === {}", group("one"))), true);
        browser.press(&["ArrowRight"]);
        assert_eq!(browser.value(&format!("{rows}.length")), all.len());
        browser.press(&["ArrowLeft"]);
        assert_eq!(browser.value(&format!("{}.querySelector('button').ariaExpanded", group("one"))), "false");
        // The link to a test opens the groups that it is in.
        browser.value("location.hash = 'test-' + JSON.parse(document.getElementById('data').textContent).tests.findIndex(it => it[1] === 'one::a')");
        browser.wait("document.activeElement.matches('#tests tr.chosen')");
        let detail = browser.value("document.activeElement.nextSibling.innerText");
        assert!(
            detail.as_str().unwrap().contains("made one::a") && detail.as_str().unwrap().contains("here"),
            "{detail}"
        );
        // A filter leaves the groups in which it finds something.
        browser.value("location.hash = 'q=deep'");
        browser.wait(&format!("{rows}.length < 3"));
        assert_eq!(browser.value(rows), json!(["0 made › lib › one › deep 1 test", "1 b"]));
        // As a list, with whole names.
        browser.value("location.hash = 'view=list'");
        browser.wait(&format!("{rows}.length === 5"));
        assert_eq!(browser.value(&format!("{rows}[0]")), "0 made two::d");
        browser.value("document.querySelector('.grouping').click()");
        assert_eq!(browser.value(&format!("{rows}.length")), all.len());
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn from_a_failure_to_its_bar_and_back() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        let entry = "[...document.querySelectorAll('.failure')].find(it => it.textContent.includes('fails_in_colour'))";
        let place = browser.middle(&format!("{entry}.querySelector('.locate')"));
        browser.click(place);
        browser.wait("document.activeElement.id === 'chart'");
        let tip = browser.value("document.getElementById('tip').innerText");
        assert!(tip.as_str().unwrap().starts_with("fails_in_colour\nfailed"), "{tip}");
        browser.press(&["Enter"]);
        assert_eq!(browser.value(&format!("document.activeElement.closest('.failure') === {entry}")), true);
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    });
}

#[test]
fn what_tests_wrote_does_nothing_and_nothing_leaves_the_page() {
    let page = page();
    with_browser(|browser| {
        browser.visit(&page.path, 1400, "light");
        browser.value("document.querySelectorAll('details').forEach(it => it.open = true)");
        assert!(browser.value("document.title").as_str().unwrap().starts_with('✗'));
        assert_eq!(browser.value("document.querySelectorAll('img, iframe, link, object, embed, [onerror]').length"), 0);
        assert_eq!(browser.value("document.querySelectorAll('script').length"), 2);
        let shown = "[...document.querySelectorAll('.failure .output')].some(it => it.textContent.includes('</script><script>'))";
        assert_eq!(browser.value(shown), true, "it is shown as it was written");
        // Which failure comes first in the page depends on which test finishes first.
        let red = "[...document.querySelectorAll('.output .bold.f-f47b78')].some(it => it.textContent === 'red')";
        assert_eq!(browser.value(red), true);
        assert_eq!(browser.value("getComputedStyle(document.querySelector('.f-62fee6')).color"), "rgb(98, 254, 230)");
        let requests: Vec<&String> = browser.requests.iter().filter(|it| !it.starts_with("file://")).collect();
        assert!(requests.iter().all(|it| *it == "about:blank"), "{requests:?}");
        assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);

        // If something hostile should get through nevertheless, the policy is still there.
        let forbidden = "new Promise(done => { addEventListener('securitypolicyviolation', it => done(it.effectiveDirective)); START })";
        let image = "new Image().src = 'http://127.0.0.1:9/leak'";
        let script = "document.body.append(Object.assign(document.createElement('script'), { text: \"document.title = 'owned'\" }))";
        let style = "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')";
        for (start, directive) in [
            (image, "img-src"),
            ("fetch('http://127.0.0.1:9/leak').catch(() => 0)", "connect-src"),
            (script, "script-src-elem"),
            (style, "style-src-attr"),
        ] {
            assert_eq!(browser.value(&forbidden.replace("START", start)), directive);
        }
        assert!(browser.value("document.title").as_str().unwrap().starts_with('✗'));
    });
}

#[test]
fn failures_are_read_without_scripts() {
    let page = page();
    with_browser(|browser| {
        browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
        browser.visit(&page.path, 1400, "light");
        assert_eq!(
            browser.value("document.querySelectorAll('.failure').length"),
            count("failed") + count("crashed") + 1
        );
        let text = browser.value("document.querySelector('#failures').innerText");
        let text = text.as_str().unwrap();
        for part in [
            "fails_in_colour",
            "colourful",
            "tests/all.rs:",
            "cargo ptest -p made --test all -- --exact fails_in_colour",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert_eq!(browser.value("getComputedStyle(document.querySelector('#tests form')).display"), "none");
    });
}

/// The script is the same whatever it draws, so the rows of a small page are repeated until there are enough of them.
#[test]
fn five_thousand_tests_are_drawn_in_under_a_second() {
    let page = page();
    with_browser(|browser| {
        let html = fs::read_to_string(&page.path).unwrap();
        let mark = "<script type=\"application/json\" id=\"data\">";
        let from = html.find(mark).unwrap() + mark.len();
        let to = from + html[from..].find("</script>").unwrap();
        for (tests, limit) in [(5_000, 1000.0), (20_000, 4000.0)] {
            let data = many(serde_json::from_str(&html[from..to]).unwrap(), tests);
            let path = page.path.with_file_name(format!("{tests}.html"));
            fs::write(&path, format!("{}{}{}", &html[..from], data.to_string().replace('<', "\\u003c"), &html[to..]))
                .unwrap();
            // Others may take the processor meanwhile, so the best of a few counts.
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                browser.visit(&path, 1400, "light");
                best = best.min(browser.value("+document.documentElement.dataset.ready").as_f64().unwrap());
            }
            assert_eq!(browser.value("+document.getElementById('chart').dataset.bars"), tests);
            assert!(best < limit, "{tests} tests took {best} ms");
            // All of them can be found, though not all are laid out.
            browser.value("location.hash = 'q=test_4321'");
            browser.wait(&format!("{ROWS} === {}", u8::from(tests > 4321)));
            browser.value(&format!("location.hash = 'test-{}'", tests - 1));
            browser.wait(&format!("document.activeElement.id === 'test-{}'", tests - 1));
        }
    });
}

/// The same page with so many tests, on four workers.
fn many(mut data: Value, tests: usize) -> Value {
    let test = data["tests"][0].clone();
    let bar = json!([0, 0.0, 0.008, data["statuses"].as_array().unwrap().len() - 1, "t", 0]);
    let passed = bar[3].clone();
    let each = |number: usize| {
        let (mut test, mut bar) = (test.clone(), bar.clone());
        #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
        let start = (number / 4) as f64 * 0.0085;
        test[1] = format!("module_{}::test_{number}", number % 40).into();
        (test[2], test[4], test[10]) = (passed.clone(), start.into(), Value::Null);
        (bar[0], bar[1], bar[5]) = ((number % 4).into(), start.into(), number.into());
        (test, bar)
    };
    let (made, mut bars): (Vec<Value>, Vec<Value>) = (0..tests).map(each).unzip();
    bars.sort_by_key(|bar| bar[0].as_u64());
    data["rows"] = json!(["worker 0", "worker 1", "worker 2", "worker 3"]);
    data["wall"] = (bars.last().unwrap()[1].as_f64().unwrap() + 0.01).into();
    (data["tests"], data["bars"]) = (made.into(), bars.into());
    data
}
