//! The lines of source around a failure, for a page that is made where the sources are.
//!
//! A journal may come from another machine, and anything may stand in it. So only sources in the workspace are read, and
//! none that has changed since the run: its lines would be others.

use std::collections::HashMap;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, FixedOffset};

use crate::files;

/// Larger files are no sources that people write.
const LARGEST: u64 = 1024 * 1024;

/// Of so many failures the page shows the source.
const MOST: usize = 200;

/// Of a line so much is shown, in characters.
const WIDTH: usize = 200;

/// Lines of a source file, one of which is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The number of the first of them, from 1.
    pub first: usize,
    pub lines: Vec<String>,
    /// The number of the one that is meant.
    pub marked: usize,
}

/// The sources of a run.
#[derive(Default)]
pub(super) struct Sources {
    /// The root of the workspace, if it is on this machine, and when the run started.
    of: Option<(Utf8PathBuf, SystemTime)>,
    read: HashMap<String, Option<Vec<String>>>,
    shown: usize,
}

impl Sources {
    /// The sources as they were when a run of the workspace at `root` started.
    pub(super) fn of(root: Option<&Utf8Path>, started: DateTime<FixedOffset>) -> Self {
        let root = root.filter(|root| root.join("Cargo.toml").is_file()).and_then(|root| root.canonicalize_utf8().ok());
        Self { of: root.map(|root| (root, started.into())), ..Self::default() }
    }

    /// A line of a file, with so many lines before and after it.
    pub(super) fn around(&mut self, file: &str, line: u32, before: usize, after: usize) -> Option<Excerpt> {
        let (root, started) = self.of.as_ref().filter(|_| self.shown < MOST)?;
        let lines = self.read.entry(file.to_owned()).or_insert_with(|| read(root, file, *started)).as_ref()?;
        let excerpt = cut_out(lines, line as usize, before, after)?;
        self.shown += 1;
        Some(excerpt)
    }
}

fn read(root: &Utf8Path, file: &str, started: SystemTime) -> Option<Vec<String>> {
    let path = root.join(file).canonicalize_utf8().ok()?;
    let is_source = matches!(path.extension(), Some("rs" | "md"));
    if !is_source || !path.starts_with(root) || path.metadata().ok()?.modified().ok()? > started {
        return None;
    }
    let text = files::read_text(&path, LARGEST).ok()?;
    Some(text.lines().map(|line| line.chars().take(WIDTH).collect()).collect())
}

fn cut_out(lines: &[String], marked: usize, before: usize, after: usize) -> Option<Excerpt> {
    lines.get(marked.checked_sub(1)?)?;
    let (first, last) = (marked.saturating_sub(before).max(1), (marked + after).min(lines.len()));
    Some(Excerpt { first, lines: lines[first - 1..last].to_vec(), marked })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    fn numbered(count: usize) -> String {
        let lines: Vec<String> = (1..=count).map(|number| format!("line {number}\n")).collect();
        lines.concat()
    }

    #[test]
    fn a_line_is_shown_with_its_neighbours_as_far_as_there_are_any() {
        let lines: Vec<String> = numbered(9).lines().map(str::to_owned).collect();
        let cut = |marked| cut_out(&lines, marked, 2, 2).map(|it| (it.first, it.lines.len(), it.marked));
        assert_eq!([1, 5, 9].map(cut), [Some((1, 3, 1)), Some((3, 5, 5)), Some((7, 3, 9))]);
        assert_eq!([0, 10].map(cut), [None, None]);
        assert_eq!(cut_out(&lines, 5, 2, 2).unwrap().lines[2], "line 5");
    }

    #[test]
    fn nothing_is_shown_that_is_no_source_of_the_workspace_at_the_time_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let root = folder.join("workspace");
        fs::create_dir_all(root.join("src")).unwrap();
        let long = "x".repeat(usize::try_from(LARGEST + 1).unwrap());
        for (path, text) in [
            ("workspace/Cargo.toml", "[package]"),
            ("workspace/src/lib.rs", &numbered(9)),
            ("workspace/src/key.pem", "secret"),
            ("workspace/src/long.rs", &long),
            ("secret.rs", "secret"),
        ] {
            fs::write(folder.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink(folder.join("secret.rs"), root.join("src/link.rs")).unwrap();
        let now: DateTime<FixedOffset> = chrono::Local::now().fixed_offset();
        let shown = |root: &Utf8Path, started, file: &str| {
            Sources::of(Some(root), started).around(file, 1, 0, 4).map(|it| it.lines.len())
        };
        let later = now + Duration::from_secs(9);
        assert_eq!(shown(&root, later, "src/lib.rs"), Some(5));
        assert_eq!(shown(&root, later, root.join("src/lib.rs").as_str()), Some(5));
        for file in ["src/key.pem", "src/long.rs", "src/gone.rs", "../secret.rs", "src/link.rs", "src", ""] {
            assert_eq!(shown(&root, later, file), None, "{file}");
        }
        assert_eq!(shown(&root, now - Duration::from_secs(9), "src/lib.rs"), None, "it has changed since");
        assert_eq!(shown(folder, later, "secret.rs"), None, "that is no workspace");
        assert_eq!(Sources::default().around("src/lib.rs", 1, 0, 4), None);
    }
}
