//! A page as a browser shows it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The names under which Chromium is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What of the page is on the picture, in pixels.
const WINDOW: &str = "--window-size=1200,900";

pub(super) fn screenshot(page: &Path) -> Result<Vec<u8>> {
    let folder = page.parent().context("a page is in a folder")?;
    let (picture, profile) = (folder.join("page.png"), folder.join("profile"));
    let mut arguments: Vec<OsString> =
        ["--headless", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run", WINDOW]
            .map(OsString::from)
            .to_vec();
    if nix::unistd::geteuid().is_root() {
        // Chromium has no sandbox for root.
        arguments.push("--no-sandbox".into());
    }
    arguments.push(with_path("--user-data-dir=", &profile));
    arguments.push(with_path("--screenshot=", &picture));
    arguments.push(with_path("file://", page));
    let status = Command::new(browser()?).args(arguments).stderr(Stdio::null()).status().context("running Chromium")?;
    ensure!(status.success(), "Chromium: {status}");
    fs::remove_dir_all(&profile).context("removing Chromium's profile")?;
    fs::read(&picture).with_context(|| format!("reading {}", picture.display()))
}

fn with_path(start: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(start);
    argument.push(path);
    argument
}

fn browser() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let found = NAMES.iter().find_map(|name| folders.iter().map(|it| it.join(name)).find(|it| it.is_file()));
    found.context("the picture of the page needs Chromium, which is not installed")
}
