//! Annotations survive what linkers and optimisers do to them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::runners::{Runner, fixture};
use crate::tool::{cargo, clean, of_kind, ptest};

#[test]
fn annotations_survive_release_and_link_time_optimisation_with_everything_stripped() {
    for profile in ["--profile=release", "--profile=stripped"] {
        expect_contexts(&[profile], "");
    }
}

/// One after another: they are linked in the same place.
#[test]
fn annotations_survive_each_linker_that_is_here_and_are_found_wherever_it_leaves_their_addresses() {
    let mut tried = Vec::new();
    for (name, arguments, trace) in linkers() {
        let binary = binary(&arguments);
        let bytes = fs::read(&binary).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
        assert_eq!(has("Linker: LLD"), trace == "Linker: LLD", "{name}: {arguments}");
        assert!(trace.is_empty() || has(trace), "{name}: {arguments}");
        expect_contexts(&[], &arguments);
        tried.push(name);
    }
    assert!(tried.contains(&"bfd"), "the C compiler's own linker is always there: {tried:?}");

    // All of those above have put the addresses into a table. They are in the section itself if the program can be loaded
    // nowhere else than it says, which its header begins with.
    let (fixed, executable) = ("-no-pie", 2);
    assert_eq!(fs::read(binary(fixed)).unwrap()[16], executable);
    expect_contexts(&[], fixed);
}

/// What each is called, how it is asked for, and what it leaves in what it has linked.
fn linkers() -> Vec<(&'static str, String, &'static str)> {
    let mut linkers = Vec::new();
    for (name, program, trace) in [
        ("bfd", "ld.bfd", ""),
        ("gold", "ld.gold", "gold "),
        ("mold", "mold", "mold "),
        ("lld", "ld.lld", "Linker: LLD"),
    ] {
        if clean(program).arg("--version").output().is_ok_and(|it| it.status.success()) {
            linkers.push((name, format!("-fuse-ld={name}"), trace));
        }
    }
    let sysroot = clean("rustc").args(["--print", "sysroot"]).output().unwrap();
    let rustlib = Path::new(String::from_utf8(sysroot.stdout).unwrap().trim()).join("lib/rustlib");
    let folders = fs::read_dir(rustlib).unwrap().map(|it| it.unwrap().path().join("bin/gcc-ld"));
    for folder in folders.filter(|it| it.is_dir()) {
        linkers.push(("rust-lld", format!("-fuse-ld=lld -B{}", folder.display()), "Linker: LLD"));
    }
    linkers
}

/// Where cargo puts the test binary that is linked with these arguments.
fn binary(arguments: &str) -> PathBuf {
    let mut command = cargo();
    command.args(["test", "--no-run", "--message-format=json", "-p", "linked", "--test", "linked"]);
    let output = command.env("LINKED_BY", arguments).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut executables =
        messages.filter(|it| it["target"]["name"] == "linked").filter_map(|it| Some(it["executable"].as_str()?.into()));
    executables.next_back().expect("the test is linked")
}

/// `cargo ptest` knows the contexts of the tests, and they pass; so does the binary itself.
#[track_caller]
fn expect_contexts(options: &[&str], linked_by: &str) {
    let tool = ptest(&["linked"]).args(["--test", "linked"]).args(options).env("LINKED_BY", linked_by);
    let (ran, events) = tool.json();
    ran.expect(0);
    let tests: Vec<_> = of_kind(&events, "test-finished").collect();
    let contexts = |name: &str| tests.iter().find(|it| it["test"] == name).expect("it is listed")["contexts"].clone();
    assert_eq!(contexts("outside"), serde_json::json!(["linked"]), "{options:?} {linked_by}");
    assert_eq!(contexts("inner::inside"), serde_json::json!(["linked", "linked::inner"]), "{options:?} {linked_by}");
    assert_eq!(contexts("inner::is_ignored"), serde_json::json!(["linked", "linked::inner"]));
    // It is exempt, which an annotation says.
    let plain = tests.iter().find(|it| it["test"] == "exempt::is_plain").unwrap();
    assert_eq!(plain["outcome"], "passed");

    let run = fixture("linked", "linked").env("LINKED_BY", linked_by);
    let run = options.iter().fold(run, |run, option| run.cargo(option)).under(Runner::CargoTest(4));
    run.expect_green();
}
