//! Every report of a run in which setups and teardowns fail: each is well-formed, and all count alike.

use std::fs;

use serde_json::Value;

use super::runners::Folder;
use crate::junit::{self, Element};
use crate::machines;
use crate::tool::{Tool, of_kind, ptest};

#[test]
fn set_ups_are_named_by_their_functions_and_the_kinds_of_their_contexts() {
    let folder = Folder::new();
    let run = |option: &str| {
        let tool = ptest(&["contexts"]).args(["--test=kinds", option]).env("WITNESS", folder.path().join("seen"));
        tool.run().expect(0).stderr.clone()
    };
    let [usual, more] = ["--color=never", "-v"].map(run);
    for (kind, is_usual) in [("unit", false), ("can_split", false), ("shared", true)] {
        let name = format!("contexts::kinds kinds::{kind}::set_up ({kind})");
        assert_eq!(usual.contains(&name), is_usual, "{name}: {usual}");
        assert!(more.contains(&name), "{name}: {more}");
    }
}

#[test]
fn all_reports_count_failed_fixtures_alike() {
    let folder = Folder::new();
    let (file, page) = (folder.path().join("junit.xml"), folder.path().join("page.html"));
    let broken = || -> Tool {
        let tool = ptest(&["broken"]).args(["--test=setups", "--test=teardowns"]);
        tool.env("WITNESS", folder.path().join("seen"))
    };
    let (ran, events) = broken().junit(&file).args(["--html".as_ref(), page.as_os_str()]).json();
    ran.expect(105);
    machines::validate(&events);
    let end = of_kind(&events, "run-finished").next().unwrap();
    let count = |name: &str| usize::try_from(end[name].as_u64().unwrap()).unwrap();
    let [passed, unset, failed, set_ups] = ["passed", "setup-failed", "fixture-failed", "failed-setups"].map(count);
    assert!(passed > 0 && unset > 0 && failed > 0 && set_ups > 0, "{end}");
    let having = |kind, key: &str, value: &str| of_kind(&events, kind).filter(|it| it[key] == value).count();
    assert_eq!(having("test-finished", "outcome", "passed"), passed);
    assert_eq!(having("test-finished", "outcome", "setup-failed"), unset);
    let red = of_kind(&events, "fixture-finished").filter(|it| it["outcome"] != "passed");
    assert_eq!(red.count(), failed + set_ups);

    junit::validate(&file);
    junit::expect_reread(&file);
    let suites = Element::parse(&fs::read_to_string(&file).unwrap());
    let totals = ["tests", "failures", "errors", "skipped"].map(|name| suites.number(name));
    // A setup that failed is told by the tests that did not run for it.
    assert_eq!(totals, [passed + unset + failed, 0, unset + failed, 0]);

    let page = fs::read_to_string(&page).unwrap();
    let fixtures = failed + set_ups;
    for text in [
        format!("<b>{unset}</b> setup failed"),
        format!("<b>{passed}</b> passed"),
        format!(" {fixtures} failed fixtures"),
    ] {
        assert!(page.contains(&text), "the page lacks {text}");
    }
    let summary = format!("{passed} passed, {unset} setup failed, {fixtures} failed fixtures");
    assert!(ran.stderr.contains(&summary), "{}", ran.stderr);

    let ran = broken().args(["--message-format=libtest-json"]).run();
    let lines: Vec<Value> = ran.expect(105).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = |name: &str| -> u64 {
        lines.iter().filter(|it| it["type"] == "suite").filter_map(|it| it[name].as_u64()).sum()
    };
    assert_eq!(["passed", "failed"].map(total), [passed, unset + failed].map(|it| it as u64), "{}", ran.stdout);
}
