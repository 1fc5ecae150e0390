//! `.config/ptest.toml`: contexts, and what is said of a file with mistakes in it.

use crate::tool::{fixtures, of_kind, outcomes, ptest};
use crate::workspace::Workspace;

#[test]
fn tests_that_share_a_lock_pass_when_they_are_a_unit_of_which_one_runs_at_a_time() {
    let config = "[[context]]\npackage = 'locks'\nkind = 'unit'\nmax = 1\n";
    let workspace = Workspace::of_fixtures(&["locks"]).config(config);
    let (ran, events) = workspace.ptest().args(["--processes=3", "--repeat=5"]).json();
    ran.expect(0);
    assert_eq!(of_kind(&events, "test-finished").count(), 45);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

const HANGING: &str = "
    #[test]
    fn hangs() {
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn ends() {}
";

#[test]
fn a_context_may_limit_the_time_of_its_tests() {
    let config = "[[context]]\npackage = 'made'\ntest = 'hangs'\ntimeout = '500ms'\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", HANGING).config(config);
    let (ran, events) = workspace.ptest().json();
    ran.expect(100);
    assert_eq!(outcomes(&events), ["ends passed", "hangs timed-out"]);
}

#[test]
fn the_time_limit_of_a_context_goes_before_the_general_one() {
    let config = "[[context]]\ntest = 'hangs'\ntimeout = '500ms'\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", HANGING).config(config);
    let (ran, events) = workspace.ptest().args(["--process-timeout=1h"]).json();
    ran.expect(100);
    assert_eq!(outcomes(&events), ["ends passed", "hangs timed-out"]);
}

#[test]
fn the_tests_of_a_unit_run_in_one_process() {
    let source =
        |tests: &[&str]| tests.iter().map(|test| ["#[test]\nfn ", test, "() {}\n"].concat()).collect::<String>();
    let lib = format!(
        "mod united {{ {} }}\nmod free {{ {} }}",
        source(&["a", "b", "c", "d", "e", "f", "g"]),
        source(&["a", "b"])
    );
    let config = "[[context]]\npackage = 'made'\ntest = 'united::'\nkind = 'unit'\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", &lib).config(config);
    let (ran, events) = workspace.ptest().args(["--processes=3"]).json();
    ran.expect(0);
    let united: Vec<u64> = of_kind(&events, "test-finished")
        .filter(|it| it["test"].as_str().unwrap().starts_with("united::"))
        .map(|it| it["process"].as_u64().unwrap())
        .collect();
    assert_eq!(united.len(), 7);
    assert!(united.iter().all(|process| *process == united[0]), "{united:?}");
    let strangers = of_kind(&events, "test-finished").filter(|it| it["process"] == united[0]).count() - 7;
    assert_eq!(strangers, 0, "nobody else runs in the unit's process");
}

#[test]
fn a_context_that_matches_no_test_is_told() {
    let config = "[[context]]\npackage = 'made'\ntest = 'renamed::'\nkind = 'unit'\n";
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn passes() {}").config(config);
    let ran = workspace.ptest().run();
    let warning =
        "warning: .config/ptest.toml: [[context]] with package = \"made\", test = \"renamed::\" matches no test";
    assert!(ran.expect(0).stderr.contains(warning), "{}", ran.stderr);
}

#[test]
fn a_context_whose_tests_are_not_selected_is_no_mistake() {
    let config = "[[context]]\npackage = 'made'\ntest = 'other'\nkind = 'unit'\n";
    let source = "#[test]\nfn passes() {}\n#[test]\nfn other() {}";
    let workspace = Workspace::of_package("").file("src/lib.rs", source).config(config);
    let ran = workspace.ptest().args(["passes"]).run();
    assert!(!ran.expect(0).stderr.contains("matches no test"), "{}", ran.stderr);
}

#[test]
fn a_file_with_a_mistake_ends_the_run_before_it_begins() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn passes() {}");
    let mistakes = [
        ("[[context]]\npackage = 'made'\nkind = 'united'\n", "united"),
        ("[[context]]\npackage = 'made'\nmaximum = 1\n", "maximum"),
        ("[[context]]\npackage = 'made'\nmax = 0\n", "max = 0"),
        ("[[context]]\npackage = 'made'\ntimeout = 'soon'\n", "soon"),
        ("[[context]]\npackage = 'made'\nkind = \"\\u001b[8munited\\u202e\"\n", "united"),
        ("[[context]\n", "TOML parse error"),
    ];
    let mut workspace = workspace;
    for (config, name) in mistakes {
        workspace = workspace.config(config);
        let ran = workspace.ptest().run();
        assert!(ran.expect(96).stderr.contains(".config/ptest.toml"), "{}", ran.stderr);
        assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
        assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.stderr);
        assert!(!ran.stderr.contains("     Running"), "{}", ran.stderr);
    }
}

#[test]
fn tests_about_jobservers_see_none_unless_they_are_to_share_it() {
    let note = "note: jobs depends on the crate jobserver, so its tests see none of this run";
    let (ran, events) = ptest(&["jobs"]).json();
    ran.expect(0);
    assert_eq!(outcomes(&events), ["finds_a_jobserver_only_if_it_is_to_share_one passed", "whole passed"]);
    assert_eq!(ran.stderr.matches(note).count(), 1, "{}", ran.stderr);
    let config = "[[context]]\nbinary = 'jobs::jobs'\njobserver = 'share'\n";
    let lock = std::fs::read_to_string(fixtures().join("Cargo.lock")).unwrap();
    let workspace = Workspace::of_fixtures(&["jobs"]).file("Cargo.lock", &lock).config(config);
    let ran = workspace.ptest().args(["--test=jobs"]).env("JOBS_SHARED", "1").run();
    ran.expect(0);
    assert!(!ran.stderr.contains(note), "{}", ran.stderr);
}
