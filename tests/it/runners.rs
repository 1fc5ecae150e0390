//! Test binaries that are started by a `target.*.runner` with a protocol of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::tool::{Tool, of_kind, outcomes, ptest};

/// Knows the options of wasm-bindgen-test-runner, and refuses all others. As there, `--ignored` leaves the other tests
/// out, and does not run the ignored ones. It may have something to say of its own.
const RUNNER: &str = r#"#!/bin/sh
file=$1
shift
filters=0
list=
case " $* " in
*" --list "*) list=1 ;;
esac
for argument; do
    shift
    case "$argument" in
    --ignored) [ "$list" ] || continue ;;
    --list | --include-ignored | --exact | --nocapture | --bench | --format | terse | --skip=*) ;;
    -*)
        echo "error: unexpected argument '$argument' found" >&2
        exit 2
        ;;
    *)
        filters=$((filters + 1))
        if [ $filters -gt 1 ]; then
            echo "error: unexpected argument '$argument' found" >&2
            exit 2
        fi
        ;;
    esac
    set -- "$@" "$argument"
done
[ -z "$list" ] || [ -z "$RUNNER_SPEAKS" ] || echo "runner: starting a machine"
"$file" "$@"
status=$?
[ -z "$list" ] || [ -z "$RUNNER_SPEAKS" ] || echo "runner: 1 program"
exit $status
"#;

struct Runner(TempDir);

impl Runner {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// Our tool on these packages, whose binaries it is to start.
    fn tool(&self, packages: &[&str]) -> Tool {
        let setting = format!("target.'cfg(all())'.runner=['{}']", self.0.path().join("runner").display());
        ptest(packages).args(["--config", &setting])
    }
}

#[test]
fn a_runner_that_refuses_options_of_libtest_has_a_process_for_each_test() {
    let runner = Runner::new(RUNNER);
    for args in [&["--no-doc"][..], &["--no-doc", "--run-ignored=all"], &["--no-doc", "--", "--exact", "tests::passes"]]
    {
        let (ran, expected) = ptest(&["outcomes"]).args(["--message-format=json"]).args(args).run().with_events();
        for (processes, speaks) in [("--processes=1", ""), ("--processes=3", "1")] {
            let tool =
                runner.tool(&["outcomes"]).env("RUNNER_SPEAKS", speaks).args(["--message-format=json", processes]);
            let (behind, events) = tool.args(args).run().with_events();
            behind.expect(ran.code.unwrap());
            assert_eq!(outcomes(&events), outcomes(&expected), "{}", behind.stderr);
            let run = outcomes(&events).iter().filter(|it| !it.ends_with(" ignored")).count();
            assert_eq!(of_kind(&events, "worker-started").count(), run);
            let start = "note: outcomes is started by a runner that does not take the options of libtest (";
            let note = behind.stderr.lines().find(|line| line.starts_with(start)).expect("there is a note");
            assert!(
                note.ends_with("/runner): each test has a process of its own, whose exit status is the verdict"),
                "{note}"
            );
        }
    }
}

/// As the binaries of a toolchain do that has no such list.
#[test]
fn without_a_list_in_json_libtest_is_known_by_its_options() {
    let runner = Runner::new("#!/bin/sh\ncase \"$*\" in *-Zunstable-options*) exit 101 ;; esac\nexec \"$@\"\n");
    let (ran, events) = runner.tool(&["outcomes"]).args(["--no-doc", "--processes=1"]).json();
    let (_, expected) = ptest(&["outcomes"]).args(["--no-doc"]).json();
    assert_eq!(outcomes(&events), outcomes(&expected), "{}", ran.expect(100).stderr);
    let run = of_kind(&events, "test-started").count();
    assert!(2 * of_kind(&events, "worker-started").count() < run, "several tests share a process");
    assert!(!ran.stderr.contains("note: outcomes is started"), "{}", ran.stderr);
}

#[test]
fn a_runner_that_goes_by_its_options_may_say_that_there_are_no_tests() {
    let ran = Runner::new(RUNNER).tool(&["environment"]).args(["--bins"]).run();
    assert!(ran.expect(4).stderr.contains("no test was selected, of 0 in 1 binary"), "{}", ran.stderr);
}

#[test]
fn a_runner_that_lists_nothing_whatever_it_is_asked_has_one_test_for_each_program() {
    for says in ["echo booting", ":"] {
        let runner = Runner::new(&format!("#!/bin/sh\n{says}\n[ $# -eq 1 ] || exit 0\nexec \"$1\"\n"));
        let (ran, events) = runner.tool(&["outcomes"]).args(["--no-doc"]).json();
        assert_eq!(outcomes(&events), ["outcomes failed"]);
        let note = "outcomes is started by a runner that does not take the options of libtest (";
        assert!(ran.expect(100).stderr.contains(note) && ran.stderr.contains("it runs as one test"), "{}", ran.stderr);
    }
}

#[test]
fn a_runner_that_cannot_start_the_program_is_an_error() {
    let runner = Runner::new("#!/bin/sh\necho no machine is free >&2\nexit 3\n");
    let ran = runner.tool(&["outcomes"]).args(["--no-doc"]).run();
    assert!(ran.expect(104).stderr.contains("error: cannot list the tests of outcomes ("), "{}", ran.stderr);
    assert!(ran.stderr.contains("no machine is free"), "{}", ran.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn annotated_tests_behind_a_runner_with_its_own_protocol_are_an_error() {
    let ran = Runner::new(RUNNER).tool(&["several"]).args(["--no-doc"]).run();
    assert!(ran.expect(104).stderr.contains("its tests have annotations of ptest"), "{}", ran.stderr);
}
