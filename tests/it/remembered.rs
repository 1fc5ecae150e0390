//! What is remembered from one run to the next under `target/ptest`, and when it is not believed any more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tool::{of_kind, outcomes};
use crate::workspace::Workspace;

const IGNORED: &str = "#[test]\nfn aa() {}\n#[test]\n#[ignore]\nfn bb() { panic!() }\n";

/// So large that both builds fit: a file may have zeros at its end, and then the two have the same size.
const SIZE: u64 = 64 << 20;

/// The only test binary of the package `made`.
fn binary(target: &Path) -> PathBuf {
    let files = fs::read_dir(target.join("debug/deps")).unwrap().map(|it| it.unwrap().path());
    let mut programs = files.filter(|it| it.extension().is_none() && it.is_file());
    let program = programs.next().unwrap();
    assert_eq!(programs.next(), None);
    program
}

/// Makes the file look as normalised builds do: one size, one time.
fn normalise(binary: &Path) {
    let file = File::options().write(true).open(binary).unwrap();
    file.set_len(SIZE).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
}

#[test]
fn a_list_is_not_believed_of_another_build_with_the_same_size_and_time() {
    let workspace = Workspace::of_package("").file("src/lib.rs", IGNORED);
    workspace.ptest().args(["--no-run"]).run().expect(0);
    normalise(&binary(&workspace.target()));
    let (ran, events) = workspace.ptest().json();
    ran.expect(0);
    assert_eq!(outcomes(&events), ["aa passed", "bb ignored"]);
    let workspace = workspace.file("src/lib.rs", &IGNORED.replace("#[ignore]", "         "));
    assert!(workspace.ptest().args(["--no-run"]).run().expect(0).stderr.contains("Compiling made"));
    normalise(&binary(&workspace.target()));
    let (ran, events) = workspace.ptest().json();
    ran.expect(100);
    assert_eq!(outcomes(&events), ["aa passed", "bb failed"]);
    assert_eq!(of_kind(&events, "binary-selected").count(), 1);
}

/// As a cache of a continuous integration does.
#[test]
fn a_target_folder_that_was_restored_runs_as_before() {
    let workspace =
        Workspace::of_package("").file("src/lib.rs", &format!("{IGNORED}/// ```\n/// ```\npub fn f() {{}}\n"));
    let run = || {
        let (ran, events) = workspace.ptest().json();
        ran.expect(0);
        outcomes(&events)
    };
    let expected = run();
    assert_eq!(expected.len(), 3);
    let (target, copy) = (workspace.target(), workspace.path().join("copy"));
    // With the times of all files, by which cargo goes.
    assert!(workspace.command("cp").args(["-a", "target", "copy"]).status().unwrap().success());
    fs::remove_dir_all(&target).unwrap();
    fs::rename(copy, target).unwrap();
    assert_eq!(run(), expected);
    assert_eq!(run(), expected);
}
