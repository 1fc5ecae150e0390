//! A test is given what `cargo test` would give it: a probe that cargo starts in place of the test binaries writes down
//! arguments, working directory and environment, and does so for us as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::tool::{cargo, clean, of_kind, ptest};

/// Writes down what it was given, unless it is only asked for a list of tests, and becomes the test binary.
const PROBE: &str = r#"#!/bin/sh
set -e
case " $* " in
*" --list "*) ;;
*)
    call="$PROBE_FOLDER/$$"
    mkdir "$call"
    echo "$1" > "$call/program"
    pwd > "$call/directory"
    env -0 > "$call/environment"
    ;;
esac
exec "$@"
"#;

/// Variables that are set already: what becomes of each is cargo's to say.
const SETTINGS: [&str; 7] = [
    "env.PROBE_SET='new'",
    "env.PROBE_FORCED.value='new'",
    "env.PROBE_FORCED.force=true",
    "env.PROBE_RELATIVE.value='new'",
    "env.PROBE_RELATIVE.force=true",
    "env.PROBE_RELATIVE.relative=true",
    "env.FIXTURE_FROM_CONFIG='not what the file says'",
];

/// The same in a file.
const FILE: &str = "
[env]
PROBE_FILE_FORCED = { value = 'new', force = true }
PROBE_FILE_RELATIVE = { value = 'new', force = true, relative = true }
";

/// What a test binary was given.
#[derive(Debug, PartialEq)]
struct Call {
    directory: String,
    environment: BTreeMap<String, String>,
}

/// A probe, and a folder for what it writes down.
struct Probe(TempDir);

impl Probe {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let probe = folder.path().join("probe");
        fs::write(&probe, PROBE).unwrap();
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("settings")).unwrap();
        fs::write(folder.path().join("settings/probe.toml"), FILE).unwrap();
        Self(folder)
    }

    /// The calls of each test binary by `cargo` with these arguments, the first of which is its subcommand.
    fn calls(&self, args: &[&str]) -> BTreeMap<String, Vec<Call>> {
        let calls = self.0.path().join(args[0]);
        fs::create_dir(&calls).unwrap();
        let mut command = cargo();
        command.args(args).arg("--all-targets");
        command.args(["environment", "kinds", "procmac", "old"].iter().flat_map(|package| ["-p", package]));
        command.arg("--config").arg(self.0.path().join("settings/probe.toml"));
        let probe = self.0.path().join("probe");
        command.arg("--config").arg(format!("target.'cfg(all())'.runner=['{}']", probe.display()));
        command.args(SETTINGS.iter().flat_map(|setting| ["--config", setting]));
        for name in ["PROBE_SET", "PROBE_FORCED", "PROBE_FILE_FORCED"] {
            command.env(name, "inherited");
        }
        let output = command.env("PROBE_FOLDER", &calls).output().unwrap();
        // Two of the tests fail.
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let mut found: BTreeMap<String, Vec<Call>> = BTreeMap::new();
        for entry in fs::read_dir(&calls).unwrap() {
            let read = |name: &str| fs::read_to_string(entry.as_ref().unwrap().path().join(name)).unwrap();
            let call = Call { directory: read("directory"), environment: variables(&read("environment")) };
            found.entry(read("program")).or_default().push(call);
        }
        found
    }
}

/// All but those that are ours, that tell the two runs apart, or that a shell makes up.
fn variables(environment: &str) -> BTreeMap<String, String> {
    let expected = ["CARGO_MAKEFLAGS", "NEXTEST_RUN_ID", "PROBE_FOLDER", "RUST_RECURSION_COUNT", "SHLVL", "_"];
    let variables = environment.split_terminator('\0').map(|it| it.split_once('=').unwrap_or((it, "")));
    let kept = variables.filter(|(name, _)| !name.starts_with("PTEST") && !expected.contains(name));
    kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_test_is_given_what_cargo_would_give_it() {
    agrees_with_cargo(&[]);
}

#[test]
fn a_test_for_a_named_platform_is_given_what_cargo_would_give_it() {
    let about = String::from_utf8(clean("rustc").arg("-vV").output().unwrap().stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    agrees_with_cargo(&["--target", host]);
}

#[track_caller]
fn agrees_with_cargo(args: &[&str]) {
    let probe = Probe::new();
    let theirs = probe.calls(&[&["test", "--no-fail-fast"], args].concat());
    let ours = probe.calls(&[&["ptest", "--processes=2"], args].concat());
    assert_eq!(theirs.len(), 11, "{:?}", theirs.keys());
    let mut differences = Vec::new();
    for (program, expected) in &theirs {
        let [expected] = &expected[..] else { panic!("cargo starts {program} once") };
        // The program of the `environment` fixture has no tests of its own.
        let calls = ours.get(program).map(Vec::as_slice).unwrap_or_default();
        assert!(!calls.is_empty() || program.contains("/environment-"), "{program} was not run");
        for call in calls {
            differences.extend(differences_between(program, call, expected));
        }
    }
    assert!(ours.keys().all(|program| theirs.contains_key(program)), "{:?}", ours.keys());
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn differences_between(program: &str, ours: &Call, theirs: &Call) -> Vec<String> {
    let program = Path::new(program.trim_end()).file_name().unwrap().display();
    let mut differences = Vec::new();
    if ours.directory != theirs.directory {
        differences.push(format!("{program} in {:?}, not {:?}", ours.directory, theirs.directory));
    }
    // What only one of them has is a difference as well.
    let names: BTreeSet<_> = ours.environment.keys().chain(theirs.environment.keys()).collect();
    for name in names {
        let (ours, theirs) = (ours.environment.get(name), theirs.environment.get(name));
        if ours != theirs {
            differences.push(format!("{program}: {name} is {ours:?}, not {theirs:?}"));
        }
    }
    differences
}

#[test]
fn what_cargo_promises_to_tests_holds() {
    let (ran, events) = ptest(&["environment"]).json();
    ran.expect(0);
    assert_eq!(of_kind(&events, "test-finished").count(), 8);
}
