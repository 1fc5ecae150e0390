//! What the page knows besides the run's results: where the run comes from, what earlier runs came to, and where the page
//! itself goes.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::machines;
use crate::tool::{clean, make_fifo, of_kind};
use crate::workspace::Workspace;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn origin(events: &[Value]) -> &Value {
    &of_kind(events, "run-started").next().unwrap()["origin"]
}

#[test]
fn a_run_says_where_it_comes_from() {
    let workspace = Workspace::of_package("")
        .file("src/lib.rs", "#[test] fn fails() { panic!(\"here\") }")
        .file(".git/HEAD", "ref: refs/heads/topic\n")
        .file(".git/refs/heads/topic", &format!("{COMMIT}\n"));
    let path = workspace.path().join("page.html");
    let checkout = workspace.path().canonicalize().unwrap();
    let setting = "env.MADE='hidden'";
    let forge = [
        ("GITHUB_WORKSPACE", checkout.to_str().unwrap()),
        ("GITHUB_SERVER_URL", "https://forge.example"),
        ("GITHUB_REPOSITORY", "us/made"),
        ("GITHUB_SHA", "0000"),
    ];
    // A program that can be told from all others is asked for its version.
    let sysroot = clean("rustc").args(["--print=sysroot"]).output().unwrap().stdout;
    let rustc = Path::new(String::from_utf8(sysroot).unwrap().trim()).join("bin/rustc");
    let tool = forge.iter().fold(workspace.ptest(), |tool, (name, value)| tool.env(name, value));
    let (ran, events) = tool.env("RUSTC", rustc).args(["--config", setting, "--html"]).args([&path]).json();
    ran.expect(100);
    machines::validate(&events);
    let origin = origin(&events);
    assert_eq!(origin["workspace"], "made");
    assert_eq!((&origin["branch"], &origin["commit"]), (&json!("topic"), &json!(COMMIT)));
    assert!(origin["rustc"].as_str().unwrap().starts_with("rustc 1."), "{origin}");
    assert_eq!(origin["host"], Value::Null, "nobody asked for it");
    let command = origin["command"].as_str().unwrap();
    assert!(command.starts_with("cargo ptest ") && command.contains("--config 'env.MADE=***'"), "{command}");

    let page = fs::read_to_string(&path).unwrap();
    for part in [
        &format!("href=\"https://forge.example/us/made/blob/{COMMIT}/src/lib.rs#L1\""),
        &format!("href=\"https://forge.example/us/made/commit/{COMMIT}\""),
        "<title>✗ 1 failed · made · cargo ptest</title>",
        "--config 'env.MADE=***'",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    // Outside of CI there are no links, and the machine has its name only for who asks.
    let (_, events) = workspace.ptest().args(["--report-host"]).json();
    let origin = self::origin(&events);
    assert_eq!(origin["sources"], Value::Null);
    let name = fs::read_to_string("/proc/sys/kernel/hostname");
    assert!(origin["host"].as_str().is_some_and(|host| name.map_or(true, |name| name.trim() == host)), "{origin}");
}

/// Fails at first if that is asked for, and passes at the second attempt.
const FLAKY: &str = r#"
#[test]
fn steady() {}

#[test]
fn shaky() {
    let Some(folder) = std::env::var_os("FLAKY_DIR") else { return };
    assert!(std::fs::File::create_new(std::path::Path::new(&folder).join("tried")).is_err(), "the first time");
}
"#;

#[test]
fn the_page_knows_what_earlier_runs_came_to() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "").file("tests/all.rs", FLAKY);
    let run = |flaky: bool, args: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = workspace.path().join("page.html");
        let tool = workspace.ptest().args(["--retries=1", "--html"]).args([&path]).args(args);
        let tool = if flaky { tool.env("FLAKY_DIR", folder.path()) } else { tool };
        tool.run().expect(0);
        fs::read_to_string(path).unwrap()
    };
    let past = |page: &str| {
        let data = page.split_once(r#"id="data">"#).unwrap().1.split_once("</script>").unwrap().0;
        let data: Value = serde_json::from_str(data).unwrap();
        let mut past: Vec<String> = data["tests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|test| format!("{} {}", test[1].as_str().unwrap(), test[12].as_str().unwrap_or("?")))
            .collect();
        past.sort();
        past.join(", ")
    };
    assert_eq!(past(&run(true, &[])), "shaky ?, steady ?", "there is nothing to compare with");
    run(false, &["shaky"]);
    // The last run had one of the tests, and the other one is not new for it.
    let page = run(true, &[]);
    assert_eq!(past(&page), "shaky py, steady p");
    assert!(page.contains("flaky in 2 of the last 3 runs"), "{page}");
    assert!(page.contains("In the 2 runs before this one: flaky once, passed once."), "{page}");
    let added = FLAKY.replace("fn steady", "fn added() {}\n#[test]\nfn steady");
    let workspace = workspace.file("tests/all.rs", &added);
    workspace.ptest().args(["--html"]).args([workspace.path().join("page.html")]).run().expect(0);
    let page = fs::read_to_string(workspace.path().join("page.html")).unwrap();
    assert_eq!(past(&page), "added new, shaky ypy, steady pp");
}

#[test]
fn the_page_has_a_place_of_its_own_and_the_path_is_printed() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test] fn passes() {}");
    let page = workspace.target().join("ptest/report.html");
    let line = "HTML report: target/ptest/report.html\n";
    let ran = workspace.ptest().args(["--html"]).run();
    assert!(ran.expect(0).stderr.ends_with(line), "{}", ran.stderr);
    assert!(fs::read_to_string(&page).unwrap().contains("<h1>Passed</h1>"));
    fs::remove_file(&page).unwrap();

    let ran = workspace.ptest().args(["report", "--html"]).run();
    assert_eq!(ran.expect(0).stderr, line);
    assert!(page.is_file());
    let ran = workspace.ptest().args(["report", "--html", "elsewhere.html"]).run();
    assert_eq!(ran.expect(0).stderr, "HTML report: elsewhere.html\n");
    let ran = workspace.ptest().args(["-q", "--html"]).run();
    assert!(!ran.expect(0).stderr.contains("HTML report"), "{}", ran.stderr);
    // Whoever has an empty variable there has not asked for the usual place.
    let ran = workspace.ptest().args(["--html="]).run();
    assert!(ran.expect(96).stderr.contains("--html needs the path of a file"), "{}", ran.stderr);
}

#[test]
fn the_report_is_opened_in_a_browser() {
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test] fn passes() {}");
    workspace.ptest().run().expect(0);
    let (folder, opened) = (workspace.path().join("bin"), workspace.path().join("opened"));
    make_fifo(&opened);
    fs::create_dir(&folder).unwrap();
    for name in ["xdg-open", "open"] {
        fs::write(folder.join(name), format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display())).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let ran = workspace.ptest().args(["report", "--open"]).env("PATH", path).run();
    assert_eq!(ran.expect(0).stderr, "HTML report: target/ptest/report.html\n");
    let page = workspace.target().join("ptest/report.html");
    assert_eq!(first_line(&opened), page.to_str().unwrap());
    assert!(page.is_file());
}

/// What is written into a pipe, whoever does so and when.
fn first_line(pipe: &Path) -> String {
    let (sender, receiver) = mpsc::channel();
    let pipe = pipe.to_owned();
    thread::spawn(move || {
        let mut text = String::new();
        fs::File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
        let _ = sender.send(text.trim_end().to_owned());
    });
    receiver.recv_timeout(Duration::from_secs(60)).expect("a browser was called")
}
