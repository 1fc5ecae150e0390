//! What every test of the fixtures comes to: `fixtures/expected.toml` against each report, with one slot and with several.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;

use serde::Deserialize;
use serde_json::Value;

use crate::junit::{self, Element};
use crate::reports::{Entry, WORKER_EXIT, of_json, of_text};
use crate::tool::{Ran, Tool, fixtures, of_kind, ptest, skipped};
use crate::workspace::Workspace;

/// Packages whose tests come to what the table says only if something special is done.
const SPECIAL: [&str; 8] = ["demo", "documented", "hang", "locks", "merged", "nolist", "state", "tour"];

/// Packages whose tests are annotated, and are tried elsewhere: see `contexts` and `slots`.
const CONTEXTS: [&str; 12] = [
    "broken",
    "caller-lib",
    "caller-macro",
    "contexts",
    "databases",
    "interop",
    "linked",
    "misplaced",
    "nose",
    "several",
    "twelve",
    "witness",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    test: Vec<Row>,
    worker_failed: Vec<Row>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    package: String,
    binary: String,
    #[serde(default = "worker_exit")]
    name: String,
    #[serde(default = "worker_failed")]
    outcome: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    output: String,
    #[serde(default)]
    leaks: bool,
    #[serde(default, rename = "needs")]
    _needs: String,
    #[serde(default, rename = "without-log")]
    without_log: Option<Other>,
    #[serde(default, rename = "without-json")]
    without_json: Option<Other>,
}

/// What is different where libtest lacks something, and why.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    outcome: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    output: String,
    why: String,
}

impl Row {
    fn become_other(&mut self, other: Option<Other>) {
        let Some(Other { outcome, message, output, why }) = other else { return };
        assert!(!why.is_empty(), "{} {}: a difference has a reason", self.binary, self.name);
        self.outcome = outcome.unwrap_or_else(|| std::mem::take(&mut self.outcome));
        (self.message, self.output) = (message, output);
    }
}

fn worker_exit() -> String {
    WORKER_EXIT.to_owned()
}

fn worker_failed() -> String {
    "worker-failed".to_owned()
}

/// The rows of those packages.
fn rows(of: impl Fn(&str) -> bool) -> Vec<Row> {
    let table: Table = toml::from_str(&fs::read_to_string(fixtures().join("expected.toml")).unwrap()).unwrap();
    table.test.into_iter().chain(table.worker_failed).filter(|row| of(&row.package)).collect()
}

#[test]
fn with_one_slot_every_report_agrees_with_the_table() {
    reports_agree_with(&rows(|package| !SPECIAL.contains(&package)), all_but_special, 1);
}

#[test]
fn with_several_slots_every_report_agrees_with_the_table() {
    reports_agree_with(&rows(|package| !SPECIAL.contains(&package)), all_but_special, 3);
}

/// As on the day on which libtest drops its log.
#[test]
fn without_libtests_log_the_results_are_those_of_the_table() {
    without("log", |row| row.become_other(row.without_log.clone()));
}

#[test]
fn without_libtests_log_and_its_list_as_json_the_results_are_those_of_the_table() {
    without("log-and-json", |row| {
        row.become_other(row.without_json.clone());
        row.become_other(row.without_log.clone());
    });
}

fn without(what: &str, change: impl Fn(&mut Row)) {
    if !cfg!(target_os = "linux") {
        return skipped(
            "without a log the table is Linux's: elsewhere nothing counts the bytes that a process has written",
        );
    }
    let mut rows = rows(|package| !SPECIAL.contains(&package));
    rows.iter_mut().for_each(change);
    let locks = tempfile::tempdir().unwrap();
    let tool = all_but_special().args(["--processes=3"]).env("LOCKS_DIR", locks.path());
    let ran = agrees_without(what, tool, &rows);
    let notes = ran.stderr.lines().filter(|line| line.contains("--logfile")).count();
    assert_eq!(notes, 1, "{}", ran.stderr);
}

/// Runs the tests behind a runner that rejects what libtest is to lack.
fn rejecting(what: &str, tool: Tool) -> (Ran, Vec<Value>) {
    let setting = format!("target.'cfg(all())'.runner=['sh', '{}', '{what}']", fixtures().join("reject.sh").display());
    tool.args(["--config", &setting, "--message-format=json"]).run().with_events()
}

#[track_caller]
fn agrees_without(what: &str, tool: Tool, rows: &[Row]) -> Ran {
    let (ran, events) = rejecting(what, tool);
    let mut complaints = Complaints::default();
    complaints.check("the JSON lines", rows, &of_json(&events));
    complaints.check_totals(rows, &events);
    complaints.0.sort();
    assert!(complaints.0.is_empty(), "{}", complaints.0.join("\n"));
    ran
}

#[test]
fn without_libtests_log_hangs_doctests_and_programs_that_do_not_list_are_as_in_the_table() {
    let config = "[[context]]\npackage = 'state'\nkind = 'unit'\n\
                  [[context]]\npackage = 'locks'\nkind = 'unit'\nmax = 1\n";
    let workspace = Workspace::of_fixtures(&["state", "locks"]).config(config);
    for what in ["log", "log-and-json"] {
        let of = |packages: &[&str]| {
            let mut rows = rows(|package| packages.contains(&package));
            if what == "log-and-json" {
                rows.iter_mut().for_each(|row| row.become_other(row.without_json.clone()));
            }
            rows.iter_mut().for_each(|row| row.become_other(row.without_log.clone()));
            rows
        };
        let locks = tempfile::tempdir().unwrap();
        agrees_without(what, ptest(&["hang"]).args(["--process-timeout=3s"]), &of(&["hang"]));
        agrees_without(what, ptest(&["nolist"]).args(["--list-timeout=1s"]), &of(&["nolist"]));
        agrees_without(what, ptest(&["documented", "merged"]), &of(&["documented", "merged"]));
        agrees_without(what, workspace.ptest().env("LOCKS_DIR", locks.path()), &of(&["state", "locks"]));
    }
}

/// What contexts, cases and fixtures come to does not depend on the log: their words have a way of their own.
#[test]
fn without_libtests_log_annotated_tests_have_the_results_that_they_have_with_it() {
    let tool = || ptest(&["contexts", "several", "linked", "nose"]).args(["--processes=2"]);
    let results = |events: &[Value]| -> BTreeSet<(String, String, String)> {
        of_json(events).into_iter().map(|it| (it.binary, it.name, it.outcome)).collect()
    };
    let (ran, events) = tool().json();
    let with_log = results(&events);
    assert!(with_log.len() > 20, "{}", ran.stderr);
    for what in ["log", "log-and-json"] {
        let (ran, events) = rejecting(what, tool());
        assert_eq!(results(&events), with_log, "{}", ran.stderr);
    }
}

fn all_but_special() -> Tool {
    let excluded = SPECIAL.iter().chain(&CONTEXTS).flat_map(|package| ["--exclude", package]);
    ptest(&[]).args(["--no-history", "--workspace", "--all-targets"]).args(excluded).env("UNEVEN_SECONDS", "0.05")
}

#[test]
fn tests_that_hang_are_timed_out_in_every_report() {
    for slots in [1, 3] {
        reports_agree_with(
            &rows(|package| package == "hang"),
            || ptest(&["hang"]).args(["--process-timeout=3s"]),
            slots,
        );
    }
}

#[test]
fn programs_that_do_not_list_are_one_test_each_in_every_report() {
    for slots in [1, 3] {
        reports_agree_with(
            &rows(|package| package == "nolist"),
            || ptest(&["nolist"]).args(["--list-timeout=1s"]),
            slots,
        );
    }
}

#[test]
fn doctests_are_tests_in_every_report() {
    const PACKAGES: [&str; 2] = ["documented", "merged"];
    for slots in [1, 2] {
        reports_agree_with(&rows(|package| PACKAGES.contains(&package)), || ptest(&PACKAGES), slots);
    }
}

#[test]
fn tests_that_need_a_context_are_as_the_table_says_when_they_have_one() {
    let config = "[[context]]\npackage = 'state'\nkind = 'unit'\n\
                  [[context]]\npackage = 'locks'\nkind = 'unit'\nmax = 1\n";
    let workspace = Workspace::of_fixtures(&["state", "locks"]).config(config);
    for slots in [1, 3] {
        reports_agree_with(&rows(|package| ["state", "locks"].contains(&package)), || workspace.ptest(), slots);
    }
}

#[test]
fn tests_that_leave_processes_behind_are_named() {
    let (ran, events) = ptest(&["leak"]).args(["--process-restartworker", "--processes=3"]).json();
    ran.expect(0);
    let leaked = of_kind(&events, "worker-exited").filter(|it| it["leaked"] == true);
    let named: BTreeSet<String> = leaked
        .flat_map(|it| it["tests"].as_array().expect("the tests are named"))
        .map(|test| test.as_str().unwrap().to_owned())
        .collect();
    let expected = rows(|package| package == "leak").into_iter().filter(|row| row.leaks).map(|row| row.name);
    assert_eq!(named, expected.collect(), "{}", ran.stderr);
}

/// Fails if the JSON lines of a run are not what the table says of a package.
#[track_caller]
#[cfg(target_os = "linux")]
pub fn expect_json(package: &str, events: &[Value]) {
    let rows = rows(|it| it == package);
    let mut complaints = Complaints::default();
    complaints.check("the JSON lines", &rows, &of_json(events));
    complaints.check_totals(&rows, events);
    assert!(complaints.0.is_empty(), "{package}:\n{}", complaints.0.join("\n"));
}

/// Runs the tests three times: for the text, the JSON lines, the JUnit file and the page; for the JUnit stream; for
/// libtest's JSON.
#[track_caller]
fn reports_agree_with(rows: &[Row], tool: impl Fn() -> Tool + Sync, slots: usize) {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let file = folders[0].path().join("junit.xml");
    let page = folders[0].path().join("page.html");
    let junit_output = "--junit-output=all";
    // The file over which the tests of the `locks` fixture quarrel is not shared by the two runs.
    let shown = [format!("--processes={slots}"), "--status-level=all".to_owned()];
    let tool = |run: usize| tool().args(&shown).env("LOCKS_DIR", folders[run].path());
    let ((ran, events), streamed, libtest) = thread::scope(|scope| {
        let streamed = scope.spawn(|| tool(1).args(["--message-format=junit", junit_output]).run());
        let libtest = scope.spawn(|| tool(2).args(["--message-format=libtest-json"]).run());
        let other = tool(0).junit(&file).args(["--html".as_ref(), page.as_os_str()]).args([junit_output]).json();
        (other, streamed.join().unwrap(), libtest.join().unwrap())
    });
    let is_red = rows.iter().any(|row| !["passed", "ignored"].contains(&&*row.outcome));
    let code = if is_red { 100 } else { 0 };
    ran.expect(code);
    streamed.expect(code);
    libtest.expect(code);

    let mut complaints = Complaints::default();
    let json = of_json(&events);
    complaints.check("the JSON lines", rows, &json);
    complaints.check_totals(rows, &events);
    for (what, ran) in [("the text", &ran), ("the text beside the stream", &streamed)] {
        complaints.check_text(what, rows, ran);
    }
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    junit::validate(&file);
    junit::expect_reread(&file);
    let in_file: Vec<Entry> = suites.children("testsuite").flat_map(Element::entries).collect();
    complaints.check("the JUnit file", rows, &in_file);
    complaints.check_places("the JUnit file", &json, &in_file);
    complaints.check_suites(rows, &suites);
    complaints.check_page(rows, &fs::read_to_string(&page).unwrap());

    fs::write(&file, &streamed.stdout).unwrap();
    junit::validate(&file);
    let suite = Element::parse(&streamed.stdout);
    complaints.check("the JUnit stream", rows, &suite.entries());
    complaints.check_places("the JUnit stream", &json, &suite.entries());
    let tests = rows.iter().filter(|row| row.outcome != "worker-failed").count();
    complaints.equal("tests in the JUnit stream", &suite.number("tests"), &tests);

    complaints.check_libtest(rows, &libtest.stdout);
    complaints.0.sort();
    assert!(complaints.0.is_empty(), "with {slots} slots:\n{}", complaints.0.join("\n"));
}

/// All that is wrong, so that one run shows it.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.0.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    }

    /// Each row is reported exactly once and as it says, and nothing else is.
    fn check(&mut self, report: &str, rows: &[Row], entries: &[Entry]) {
        let mut found: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            found.entry((&entry.binary, &entry.name)).or_default().push(entry);
        }
        for row in rows {
            let what = format!("{report}: {} {}", row.binary, row.name);
            let entries = found.remove(&(&*row.binary, &*row.name)).unwrap_or_default();
            let [entry] = entries[..] else {
                self.0.push(format!("{what} is there {} times", entries.len()));
                continue;
            };
            self.equal(&what, &entry.outcome, &row.outcome);
            if !entry.message.contains(&row.message) {
                self.0.push(format!("{what}: its message lacks {:?}: {}", row.message, start(&entry.message)));
            }
            // People are not shown what a test wrote that passed.
            let is_hidden = report.starts_with("the text") && row.outcome == "passed";
            if !is_hidden && !entry.output.contains(&row.output) {
                self.0.push(format!("{what}: its output lacks {:?}: {}", row.output, start(&entry.output)));
            }
        }
        self.0.extend(found.keys().map(|test| format!("{report}: {test:?} is not in the table")));
    }

    fn check_totals(&mut self, rows: &[Row], events: &[Value]) {
        let finished: Vec<&Value> = of_kind(events, "run-finished").collect();
        self.equal("ends of the run", &finished.len(), &1);
        let outcomes = ["passed", "failed", "ignored", "timed-out", "crashed", "error", "not-reached", "worker-failed"];
        for outcome in outcomes {
            let count = finished[0][outcome].as_u64();
            self.equal(&format!("{outcome} in run-finished"), &count, &Some(count_of(rows, &[outcome]) as u64));
        }
    }

    fn check_text(&mut self, what: &str, rows: &[Row], ran: &Ran) {
        let text = of_text(&ran.stderr);
        self.check(what, rows, &text.entries);
        let red: Vec<Row> =
            rows.iter().filter(|row| !["passed", "ignored"].contains(&&*row.outcome)).cloned().collect();
        // The closing list has the first line of the message and no output.
        let without_output: Vec<Row> = red.into_iter().map(|row| Row { output: String::new(), ..row }).collect();
        self.check(&format!("{what}'s closing list"), &without_output, &text.failures);
        self.equal(&format!("{what}'s summary"), &text.summary, &summary(rows));
    }

    /// File and line of each test are the same in two reports.
    fn check_places(&mut self, report: &str, json: &[Entry], other: &[Entry]) {
        let places = |entries: &[Entry]| -> BTreeSet<(String, String, Option<String>)> {
            entries.iter().map(|it| (it.binary.clone(), it.name.clone(), it.place.clone())).collect()
        };
        let (json, other) = (places(json), places(other));
        let differences: Vec<_> = json.symmetric_difference(&other).collect();
        self.equal(&format!("places in {report}"), &differences, &Vec::new());
    }

    fn check_suites(&mut self, rows: &[Row], suites: &Element) {
        self.check_suite("all suites", rows, suites);
        let binaries: BTreeSet<&str> = rows.iter().map(|row| &*row.binary).collect();
        let named: Vec<&str> = suites.children("testsuite").map(|suite| suite.attribute("name")).collect();
        self.equal("suites", &named, &binaries.into_iter().collect());
        for suite in suites.children("testsuite") {
            let binary = suite.attribute("name");
            let rows: Vec<Row> = rows.iter().filter(|row| row.binary == binary).cloned().collect();
            self.check_suite(&format!("suite {binary}"), &rows, suite);
            let others = suite.entries().iter().filter(|entry| entry.binary != binary).count();
            self.equal(&format!("cases of another class in suite {binary}"), &others, &0);
        }
    }

    /// libtest's words are fewer, and its tests do not name their binaries.
    fn check_libtest(&mut self, rows: &[Row], stdout: &str) {
        let word = |row: &Row| match &*row.outcome {
            "passed" => "ok",
            "ignored" => "ignored",
            _ => "failed",
        };
        let mut expected: Vec<String> = rows.iter().map(|row| format!("{} {}", row.name, word(row))).collect();
        expected.sort_unstable();
        let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let results =
            lines.iter().filter(|it| it["type"] == "test" && it["event"] != "started" && it["event"] != "timeout");
        let mut found: Vec<String> =
            results.map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["event"].as_str().unwrap())).collect();
        found.sort_unstable();
        self.equal("results in libtest's JSON", &found, &expected);
        for (key, outcome) in [("passed", "ok"), ("failed", "failed"), ("ignored", "ignored")] {
            let total: u64 = lines.iter().filter(|it| it["type"] == "suite").filter_map(|it| it[key].as_u64()).sum();
            let count = rows.iter().filter(|row| word(row) == outcome).count() as u64;
            self.equal(&format!("{key} in the suites of libtest's JSON"), &total, &count);
        }
    }

    /// The rows that the page's script draws from, and the counts that are there without it.
    fn check_page(&mut self, rows: &[Row], page: &str) {
        let between = |text: &'static str, end: &str| Some(page.split_once(text)?.1.split_once(end)?.0);
        let data =
            between(r#"<script type="application/json" id="data">"#, "</script>").expect("the page has its data");
        let data: Value = serde_json::from_str(data).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let place = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let tests = data["tests"].as_array().unwrap().iter().map(|test| Entry {
            binary: text(&data["binaries"][place(&test[0])]),
            name: text(&test[1]),
            outcome: text(&data["statuses"][place(&test[2])][0]),
            ..Entry::default()
        });
        // Messages are cut here, and the outputs are in the list of failures.
        let named = rows.iter().filter(|row| row.outcome != "worker-failed");
        let named = named.map(|row| Row { message: String::new(), output: String::new(), ..row.clone() });
        self.check("the page", &named.collect::<Vec<_>>(), &tests.collect::<Vec<_>>());
        let counts = between(r#"<ul class="counts">"#, "</ul>").expect("the page has counts");
        let count = |start: &str| {
            let text = counts.split_once(start).map_or("", |(_, rest)| rest);
            let digits = text.split_once("</span> ").map_or("", |(_, rest)| rest.trim_start_matches("<b>"));
            digits.split(|it: char| !it.is_ascii_digit()).next().and_then(|it| it.parse().ok()).unwrap_or(0)
        };
        for outcome in ["passed", "failed", "ignored", "timed-out", "crashed", "error", "not-reached"] {
            let found: usize = count(&format!("#outcome={outcome}\""));
            self.equal(&format!("{outcome} in the page"), &found, &count_of(rows, &[outcome]));
        }
        let workers = count(r##"href="#failures""##);
        self.equal("worker failures in the page", &workers, &count_of(rows, &["worker-failed"]));
    }

    fn check_suite(&mut self, what: &str, rows: &[Row], suite: &Element) {
        let totals = [
            ("tests", rows.len()),
            ("failures", count_of(rows, &["failed", "timed-out", "crashed"])),
            ("errors", count_of(rows, &["error", "worker-failed"])),
            ("skipped", count_of(rows, &["ignored"])),
        ];
        for (name, count) in totals {
            self.equal(&format!("{name} of {what}"), &suite.number(name), &count);
        }
    }
}

fn count_of(rows: &[Row], outcomes: &[&str]) -> usize {
    rows.iter().filter(|row| outcomes.contains(&&*row.outcome)).count()
}

/// The totals as people read them.
fn summary(rows: &[Row]) -> String {
    let words = [
        ("failed", "failed"),
        ("timed-out", "timed out"),
        ("crashed", "crashed"),
        ("error", "errors"),
        ("worker-failed", "worker failures"),
        ("ignored", "ignored"),
    ];
    let counted =
        words.iter().map(|(outcome, word)| (count_of(rows, &[outcome]), word)).filter(|(count, _)| *count > 0);
    let one = |word: &str| word.trim_end_matches('s').to_owned();
    let parts =
        counted.map(|(count, word)| format!(", {count} {}", if count == 1 { one(word) } else { word.to_string() }));
    let ran = rows.len() - count_of(rows, &["ignored", "worker-failed"]);
    format!("{ran} tests run: {} passed{}", count_of(rows, &["passed"]), parts.collect::<String>())
}

fn start(text: &str) -> String {
    text.chars().take(300).collect()
}
