//! Binaries are listed while cargo builds others. `fixtures/held` is built when a file is there, and not before.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::kills::{GONE_WITHIN, LIMIT, Mark, wait_until};
use crate::tool::Tool;
use crate::workspace::Workspace;

/// A run whose build waits for a file.
struct Held {
    workspace: Workspace,
    child: Child,
    mark: Mark,
}

fn file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.path().join(name)
}

impl Held {
    fn start(more: impl FnOnce(Tool, &Workspace) -> Tool) -> Self {
        let (workspace, mark) = (Workspace::of_fixtures(&["early", "held"]), Mark::new());
        let tool = workspace.ptest().args(["--no-doc", "--build-jobs=2"]);
        let tool = tool.env("HELD_UNTIL", file(&workspace, "until")).env(Mark::VARIABLE, &mark.0);
        let mut command = more(tool, &workspace).command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { workspace, child, mark }
    }

    fn file(&self, name: &str) -> PathBuf {
        file(&self.workspace, name)
    }

    fn let_go_on(&self) {
        std::fs::write(self.file("until"), "").unwrap();
    }

    /// How many lists are remembered by now.
    fn lists(&self) -> usize {
        let lists = std::fs::read_dir(self.workspace.target().join("ptest/lists"));
        lists.map_or(0, |lists| lists.flatten().filter(|it| has_ending(&it.path(), "json")).count())
    }

    /// Waits for its end, and for that of all that it started; gives its code and what it wrote on stderr.
    fn finish(self) -> (Option<i32>, String) {
        let output = self.child.wait_with_output().unwrap();
        self.mark.expect_gone_within(GONE_WITHIN);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|it| it == ending)
}

#[test]
fn what_is_built_is_listed_while_others_are_built() {
    let held = Held::start(|tool, _| tool);
    wait_until(LIMIT, || held.lists() == 2);
    held.let_go_on();
    let (code, stderr) = held.finish();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("5 tests run: 5 passed, 1 ignored"), "{stderr}");
}

#[test]
fn who_does_not_answer_beside_a_build_that_fails_is_ended_and_not_told_of() {
    let held = Held::start(|tool, workspace| {
        tool.args(["--list-timeout=1h"]).env("LIST_BEGUN", file(workspace, "begun")).env("HELD_FAILS", "1")
    });
    wait_until(LIMIT, || held.file("begun").exists());
    held.let_go_on();
    let (code, stderr) = held.finish();
    assert_eq!(code, Some(101), "{stderr}");
    assert!(stderr.contains("the build is to fail") && !stderr.contains("--list"), "{stderr}");
}

#[test]
fn who_does_not_answer_beside_the_build_is_asked_again_after_it_and_told_of() {
    let held =
        Held::start(|tool, workspace| tool.args(["--list-timeout=300ms"]).env("LIST_BEGUN", file(workspace, "begun")));
    wait_until(LIMIT, || held.file("begun").exists());
    held.let_go_on();
    let (code, stderr) = held.finish();
    assert_eq!(code, Some(104), "{stderr}");
    assert!(stderr.contains("it has not answered --list within 300ms"), "{stderr}");
}

#[test]
fn who_is_listed_beside_the_build_does_not_outlive_a_killed_runner() {
    let mut held =
        Held::start(|tool, workspace| tool.args(["--list-timeout=1h"]).env("LIST_BEGUN", file(workspace, "begun")));
    wait_until(LIMIT, || held.file("begun").exists());
    held.child.kill().unwrap();
    // cargo is no child that could be told by a mark of ours: it goes on until its build is done.
    held.let_go_on();
    held.child.wait().unwrap();
    held.mark.expect_gone_within(LIMIT);
}
