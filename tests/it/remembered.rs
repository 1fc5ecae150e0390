//! What is remembered from one run to the next under `target/ptest`, and when it is not believed any more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tool::{Ran, of_kind, outcomes};
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

/// Puts something in the place of a file.
type Put = fn(&Path);

/// What may stand where a file is expected: it is never written to, has no end, or cannot be opened.
fn is_no_file() -> Vec<(&'static str, Put)> {
    let fifo: Put = crate::tool::make_fifo;
    let device: Put = |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    let folder: Put = |path| fs::create_dir(path).unwrap();
    let large: Put = |path| File::create(path).unwrap().set_len(3 << 30).unwrap();
    vec![("a fifo", fifo), ("a device", device), ("a folder", folder), ("3 GiB of nothing", large)]
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    all.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_no_file_where_something_is_remembered_is_passed_over() {
    let source = format!("{IGNORED}/// ```\n/// ```\npub fn f() {{}}\n");
    let workspace = Workspace::of_package("").file("src/lib.rs", &source);
    // Of a program that is looked up by its name nothing is remembered.
    let root = workspace.command("rustc").arg("--print=sysroot").output().unwrap().stdout;
    let rustc = Path::new(String::from_utf8(root).unwrap().trim_end()).join("bin/rustc");
    let run = || {
        let (ran, events) = workspace.ptest().env("RUSTC", &rustc).json();
        assert_eq!(ran.expect(0).stderr.lines().find(|line| line.contains("error")), None);
        outcomes(&events)
    };
    let expected = run();
    let folder = workspace.target().join("ptest");
    let memories = || {
        let lists = [all_files(&folder.join("history")), all_files(&folder.join("lists"))].concat();
        lists.into_iter().chain([folder.join("rustc.json")]).collect::<Vec<_>>()
    };
    assert_eq!(memories().len(), 5, "{:?}", memories());
    for (_, put) in is_no_file() {
        for file in memories() {
            fs::remove_file(&file).unwrap();
            put(&file);
        }
        assert_eq!(run(), expected);
        // A folder cannot be replaced by a file.
        let left = [folder.join("history"), folder.join("lists"), folder.clone()];
        let folders = left.iter().flat_map(|it| fs::read_dir(it).unwrap().map(|it| it.unwrap().path()));
        let folders = folders.filter(|it| it.is_dir() && fs::read_dir(it).unwrap().next().is_none());
        for folder in folders.collect::<Vec<_>>() {
            fs::remove_dir(folder).unwrap();
        }
        assert_eq!(run(), expected);
    }
}

#[test]
fn what_is_no_file_where_one_is_needed_is_named_with_the_cure() {
    let expect = |ran: &Ran, code: i32, file: &Path, cure: &str| {
        let stderr = &ran.expect(code).stderr;
        let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(error.contains(file.to_str().unwrap()) && error.contains(cure), "{stderr}");
    };
    let workspace = Workspace::of_package("").file("src/lib.rs", "#[test]\nfn passes() {}\n");
    workspace.ptest().run().expect(0);
    let config = workspace.path().join(".config/ptest.toml");
    let journal = workspace.target().join("ptest/20260101T000000000Z-1.jsonl");
    let page = workspace.path().join("page.html");
    fs::create_dir(config.parent().unwrap()).unwrap();
    for (what, put) in is_no_file() {
        put(&config);
        expect(&workspace.ptest().run(), 96, &config, "or remove it");
        remove(&config);
        put(&journal);
        let failed = workspace.ptest().args(["--failed"]).run();
        let note =
            failed.expect(0).stderr.lines().find(|line| line.starts_with("note: the results of one run")).unwrap();
        assert!(note.contains(journal.to_str().unwrap()) && note.contains("remove it"), "{note}");
        let tool = workspace.tool("report").args(["--from".as_ref(), journal.as_path(), "--html".as_ref(), &page]);
        expect(&tool.run(), 96, &journal, "journal");
        // It is nobody's latest run, and in no other one's way.
        workspace.tool("report").args(["--html".as_ref(), page.as_path()]).run().expect(0);
        workspace.ptest().run().expect(0);
        assert!(journal.symlink_metadata().is_ok(), "{what} was removed");
        remove(&journal);
    }
}

fn remove(path: &Path) {
    if path.symlink_metadata().unwrap().is_dir() {
        fs::remove_dir(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}
