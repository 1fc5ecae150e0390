//! Surroundings that lack something which is nearly always there.

use std::fs;
use std::path::Path;

use crate::tool::{clean, outcomes, ptest, skipped};
use crate::workspace::Workspace;

/// Whether this machine lets us do that.
fn can(program: &str, args: &[&str]) -> bool {
    let done = clean(program).args(args).output();
    done.is_ok_and(|output| output.status.success())
}

/// The runner is the first process of its pid namespace, and sees the `/proc` of another one. What is the first process
/// there has files open under all numbers that the runner may use.
#[test]
fn in_a_pid_namespace_with_the_proc_of_another_one_nothing_of_others_is_touched() {
    if !can("unshare", &["-pf", "--mount-proc", "unshare", "-pf", "true"]) || !can("bash", &["-c", "true"]) {
        return skipped("pid namespaces: unshare is not permitted here, or there is no bash");
    }
    let folder = tempfile::tempdir().unwrap();
    let tool = || ptest(&["outcomes", "noise"]).args(["--message-format=json", "--processes=2"]);
    let expected = tool().run();
    let script = r#"
        for number in $(seq 3 99); do echo kept > "$0/$number"; eval "exec $number<>'$0/$number'"; done
        (
            for number in $(seq 3 99); do eval "exec $number<&-"; done
            exec unshare -pf "$@"
        )
    "#;
    let folder_name = folder.path().to_str().unwrap();
    let ran =
        tool().within("unshare", &["-pf", "--mount-proc", "--kill-child", "bash", "-c", script, folder_name]).run();
    ran.expect(100);
    assert_eq!(outcomes(&ran.events()), outcomes(&expected.events()));
    for number in 3..=99 {
        assert_eq!(fs::read_to_string(folder.path().join(number.to_string())).unwrap(), "kept\n", "{number}");
    }
}

fn with_one_test() -> Workspace {
    let made = Workspace::of_package("").file("src/lib.rs", "#[test] fn passes() {}");
    made.ptest().args(["--no-run", "--no-doc"]).run().expect(0);
    made
}

#[test]
fn a_run_needs_no_folder_for_temporary_files() {
    let made = with_one_test();
    let file = made.path().join("Cargo.toml");
    // In the last one nobody can make a file.
    for unusable in [Path::new("/nonexistent"), &file, Path::new("/proc")] {
        let ran = made.ptest().args(["--no-doc"]).env("TMPDIR", unusable).run();
        assert!(ran.expect(0).stderr.contains("1 test run: 1 passed"), "{}: {}", unusable.display(), ran.stderr);
    }
}

#[test]
fn a_run_needs_no_room_in_the_folder_for_temporary_files() {
    let full = r#"mount -t tmpfs -o size=4k none "$TMPDIR" && head -c 4096 /dev/zero > "$TMPDIR/all" || exit 77
        ! echo more > "$TMPDIR/more" && exec "$@""#;
    let folder = tempfile::tempdir().unwrap();
    if !clean("unshare")
        .args(["-m", "sh", "-c", full, "sh", "true"])
        .env("TMPDIR", folder.path())
        .output()
        .is_ok_and(|it| it.status.success())
    {
        return skipped("a full folder for temporary files: mounts are not permitted here");
    }
    let made = with_one_test();
    let tool = made.ptest().args(["--no-doc"]).env("TMPDIR", folder.path());
    let ran = tool.within("unshare", &["-m", "sh", "-c", full, "sh"]).run();
    assert!(ran.expect(0).stderr.contains("1 test run: 1 passed"), "{}", ran.stderr);
}
