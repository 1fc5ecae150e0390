//! The pictures of README and of the pages: real runs of the fixtures, on a terminal and as the HTML page in a browser.

mod browser;
mod screen;
mod svg;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo;
use screen::Screen;

/// A picture of a terminal.
struct Scene {
    file: &'static str,
    /// What the picture shows, for those who do not see it.
    title: &'static str,
    fixture: &'static str,
    /// What is typed behind `cargo ptest`.
    arguments: &'static [&'static str],
    /// The picture is taken as soon as all of this is on the screen, or at the end of the run.
    until: &'static [&'static str],
}

const SCENES: &[Scene] = &[
    Scene {
        file: "docs/run.svg",
        title: "cargo ptest --retries=1 on a small project: 15 tests pass, one of them at its second attempt",
        fixture: "tour",
        arguments: &["--retries=1"],
        until: &[],
    },
    Scene {
        file: "docs/live.svg",
        title: "The same run while it goes on, with a progress bar and the running tests below the results",
        fixture: "tour",
        arguments: &["--retries=1", "--processes=4"],
        until: &["FLAKY", "takes_half_a_second", "takes_a_second"],
    },
    Scene {
        file: "docs/demo.svg",
        title: "A run with a failed assertion, two crashes, a call of exit(0) and a hang, each of which costs one test",
        fixture: "demo",
        arguments: &["--process-timeout=2s"],
        until: &[],
    },
];

const PAGE: &str = "docs/page.png";

pub(crate) fn run() -> Result<()> {
    let path = cargo::path_with_ptest()?;
    let target = cargo::target_folder()?.join("picture");
    for scene in SCENES {
        // What was measured in earlier runs would change the order, and the picture with it.
        let journals = target.join("ptest");
        if journals.exists() {
            fs::remove_dir_all(&journals).with_context(|| format!("removing {}", journals.display()))?;
        }
        let command = |arguments: &[&str]| {
            let mut command = command(scene.fixture, &target);
            command.env("PATH", &path).args(arguments);
            command
        };
        build(command(&["--no-run"]))?;
        let typed = format!("cargo ptest {}", scene.arguments.join(" "));
        let screen = Screen::of(&command(scene.arguments), &typed, scene.until)?;
        save(scene.file, svg::draw(&screen, scene.title).as_bytes())?;
    }
    // The page shows what was typed, so it goes to the place that it has by itself.
    let html = target.join("ptest/report.html");
    let mut command = command("demo", &target);
    command.env("PATH", &path).args(["--process-timeout=2s", "--html"]);
    let status = command.status().context("running cargo ptest")?;
    ensure!(status.code() == Some(100), "the demo ended with {status}");
    save(PAGE, &browser::screenshot(&html)?)
}

/// `cargo ptest` in a fixture, as in a shell in which nothing is set.
fn command(fixture: &str, target: &Path) -> Command {
    let mut command = cargo::elsewhere(&fixtures().join(fixture), &["ptest"]);
    for name in ["CI", "GITHUB_ACTIONS", "NO_COLOR", "RUST_BACKTRACE", "PTEST_PROCESSES", "RUST_TEST_THREADS"] {
        command.env_remove(name);
    }
    command.env("CARGO_TARGET_DIR", target).env("TERM", "xterm-256color");
    command
}

fn fixtures() -> PathBuf {
    cargo::repository().join("fixtures")
}

/// So that the pictures do not show the compiler.
fn build(mut command: Command) -> Result<()> {
    let status = command.status().context("running cargo ptest")?;
    ensure!(status.success(), "the fixture does not build");
    Ok(())
}

fn save(file: &str, bytes: &[u8]) -> Result<()> {
    let path = cargo::repository().join(file);
    fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    println!("picture: {file}, {} kB", bytes.len().div_ceil(1000));
    Ok(())
}
