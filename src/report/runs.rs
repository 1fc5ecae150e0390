//! The folder of journals: which runs have left one there, in which order they were, and in which workspace.
//!
//! A run's id begins with the time of day, which may have been wrong, and time zones differ. So each journal has a number,
//! one more than the highest that is there when it is created. Several workspaces may share a target folder, and with it
//! the journals: each looks only at its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, Result, bail};
use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use super::write_line;
use crate::event::{Event, JournalStarted};
use crate::files;

/// How many runs an error names.
const NAMED: usize = 10;

/// The longest first line, in bytes: it has the options of the run.
pub(super) const LONGEST_FIRST: u64 = 1024 * 1024;

/// How many journals of one workspace are kept in any case.
const KEPT: usize = 10;

/// How many more, as long as all together are no larger than [`ROOM`]: `--failed` looks back as far as that.
const KEPT_SMALL: usize = 50;

/// In bytes.
const ROOM: u64 = 128 * 1024 * 1024;

/// How many are kept of all workspaces together: one may be gone, and nobody else would remove its journals.
const KEPT_OF_ALL: usize = 1000;

/// The journals of one workspace's runs.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: Utf8PathBuf,
    /// `None` where it is not known: then all journals count.
    workspace: Option<String>,
}

impl Runs {
    pub fn new(folder: Utf8PathBuf, workspace_root: Option<&Utf8Path>) -> Self {
        let workspace = workspace_root.map(|root| name(&folder, root));
        Self { folder, workspace }
    }

    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The journals, oldest first. There are none where there is no folder.
    pub(super) fn journals(&self) -> Vec<Utf8PathBuf> {
        self.own().into_iter().map(|it| it.path).collect()
    }

    /// Those before `journal` in its folder and of its workspace, oldest first.
    pub(super) fn before(journal: &Utf8Path) -> Vec<Utf8PathBuf> {
        let (Some(folder), own) = (journal.parent(), Head::of(journal.to_owned())) else { return Vec::new() };
        let runs = Self { folder: folder.to_owned(), workspace: own.workspace.clone() };
        runs.own().into_iter().filter(|it| it.order() < own.order()).map(|it| it.path).collect()
    }

    /// The journal of the run that was `asked` for by its id or the beginning of it, or else of the latest one.
    pub(super) fn find(&self, asked: Option<&str>) -> Result<Utf8PathBuf> {
        let journals = self.journals();
        let Some(latest) = journals.last() else {
            bail!("there is no run in {} yet; `cargo ptest` leaves a journal there", self.folder);
        };
        let Some(asked) = asked else { return Ok(latest.clone()) };
        let names: Vec<&str> = journals.iter().filter_map(|path| path.file_stem()).collect();
        choose(&names, asked).map(|number| journals[number].clone())
    }

    /// Creates the journal of a run, and removes the oldest ones.
    pub(super) fn create(&self, run: &str) -> Result<(Utf8PathBuf, File)> {
        let Self { folder, workspace } = self;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {folder}"))?;
        // Until it is closed nobody else takes a number. A file system without locks has few runs at once.
        let turn = File::open(folder).with_context(|| format!("cannot open {folder}"))?;
        let _ = turn.lock();
        let all = heads(folder);
        self.remove_old(&all);
        let sequence = all.iter().filter_map(|it| it.sequence).max().unwrap_or(0).saturating_add(1);
        // The id of a nested run has the outer one's before it.
        let (path, mut file) = create_new(folder, run.rsplit('/').next().unwrap_or(run))?;
        // Held while the run goes on, so that no other run takes the journal for an old one.
        file.lock().with_context(|| format!("cannot lock {path}"))?;
        let head = Event::JournalStarted(JournalStarted { sequence, workspace: workspace.clone() });
        write_line(&mut file, &head).with_context(|| format!("cannot write {path}"))?;
        Ok((path, file))
    }

    fn own(&self) -> Vec<Head> {
        heads(&self.folder).into_iter().filter(|it| self.owns(it)).collect()
    }

    /// Whether a journal is of this workspace. One without a name was written before they had one.
    fn owns(&self, journal: &Head) -> bool {
        self.workspace.is_none() || journal.workspace.is_none() || journal.workspace == self.workspace
    }

    /// What cannot be removed is in nobody's way.
    fn remove_old(&self, all: &[Head]) {
        // The one that is about to be created counts.
        let (mut own, mut size) = (1, 0);
        for (number, journal) in (2..).zip(all.iter().rev()) {
            let mut is_old = number > KEPT_OF_ALL;
            if self.owns(journal) {
                own += 1;
                size += journal.path.metadata().map_or(0, |it| it.len());
                is_old |= own > KEPT && (own > KEPT_SMALL || size > ROOM);
            }
            if is_old && files::open(&journal.path).is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = std::fs::remove_file(&journal.path);
            }
        }
    }
}

/// A workspace's name among those that share a folder of journals. If the folder lies in the workspace, both can be moved
/// together.
fn name(folder: &Utf8Path, root: &Utf8Path) -> String {
    match folder.strip_prefix(root) {
        Ok(below) => below.components().map(|_| "..").collect::<Vec<_>>().join("/"),
        Err(_) => root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned()).into_string(),
    }
}

/// A file that was not there before: two containers may choose the same id at the same time.
fn create_new(folder: &Utf8Path, run: &str) -> Result<(Utf8PathBuf, File)> {
    let names = std::iter::once(run.to_owned()).chain((2..).map(|number| format!("{run}-{number}")));
    for name in names {
        let path = folder.join(format!("{name}.jsonl"));
        match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create the run's journal, {path}")),
        }
    }
    unreachable!("there is always another name")
}

/// What the first line of a journal says of it.
#[derive(Debug)]
struct Head {
    path: Utf8PathBuf,
    sequence: Option<u64>,
    workspace: Option<String>,
    timestamp: Option<DateTime<FixedOffset>>,
}

impl Head {
    /// Of one that cannot be read nothing is known.
    fn of(path: Utf8PathBuf) -> Self {
        #[derive(Default, Deserialize)]
        struct Line {
            sequence: Option<u64>,
            workspace: Option<String>,
            timestamp: Option<DateTime<FixedOffset>>,
        }
        let read = || serde_json::from_slice(&first_line(&files::open(&path).ok()?).ok()?).ok();
        let Line { sequence, workspace, timestamp } = read().unwrap_or_default();
        Self { path, sequence, workspace, timestamp }
    }

    /// Earlier versions gave no numbers: by the time when the run started. Without that, by name.
    fn order(&self) -> (Option<u64>, Option<DateTime<FixedOffset>>, &Utf8Path) {
        (self.sequence, self.timestamp, &self.path)
    }
}

/// All journals in a folder, oldest first.
fn heads(folder: &Utf8Path) -> Vec<Head> {
    let paths = folder.read_dir_utf8().into_iter().flatten().flatten().map(Utf8DirEntry::into_path);
    let mut heads: Vec<Head> = paths.filter(|path| path.extension() == Some("jsonl")).map(Head::of).collect();
    heads.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
    heads
}

/// The first line of a journal, or as much of it as can be meant.
pub(super) fn first_line(journal: &File) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(journal.take(LONGEST_FIRST)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The one of `names` that is `asked` for, or begins so.
fn choose(names: &[&str], asked: &str) -> Result<usize> {
    // The id of a nested run has the outer one's before it, and its journal has not.
    let asked = asked.rsplit('/').next().unwrap_or(asked);
    if let Some(number) = names.iter().position(|name| *name == asked) {
        return Ok(number);
    }
    let alike: Vec<usize> = (0..names.len()).filter(|number| names[*number].starts_with(asked)).collect();
    let list = |names: &mut dyn Iterator<Item = &&str>| names.take(NAMED).copied().collect::<Vec<_>>().join("\n    ");
    match alike[..] {
        [number] => Ok(number),
        [] => bail!("there is no run {asked}; the latest are:\n    {}", list(&mut names.iter().rev())),
        _ => bail!(
            "{asked} may be any of these runs:\n    {}",
            list(&mut alike.iter().rev().map(|number| &names[*number]))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_id_or_the_beginning_of_it() {
        let names = ["20240101T1-7", "20240101T1-77", "20240202T1-8"];
        assert_eq!(choose(&names, "20240101T1-7").unwrap(), 0);
        assert_eq!(choose(&names, "20240101T1-77").unwrap(), 1);
        assert_eq!(choose(&names, "202402").unwrap(), 2);
        assert_eq!(choose(&names, "20230101T0-1/20240202T1-8").unwrap(), 2);
        let error = choose(&names, "20240101").unwrap_err().to_string();
        assert_eq!(error, "20240101 may be any of these runs:\n    20240101T1-77\n    20240101T1-7");
        let error = choose(&names, "2025").unwrap_err().to_string();
        assert!(error.starts_with("there is no run 2025; the latest are:\n    20240202T1-8\n"), "{error}");
    }

    struct Shared(tempfile::TempDir);

    impl Shared {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn runs(&self, workspace: &str) -> Runs {
            let folder = Utf8Path::from_path(self.0.path()).unwrap().join("target/ptest");
            Runs::new(folder, Some(Utf8Path::new(workspace)))
        }

        fn write(&self, name: &str, text: &str) {
            let folder = self.runs("/a").folder;
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.jsonl")), text).unwrap();
        }
    }

    fn names(journals: &[Utf8PathBuf]) -> Vec<&str> {
        journals.iter().map(|path| path.file_stem().unwrap()).collect()
    }

    #[test]
    fn runs_are_in_the_order_in_which_they_started_whatever_the_clock_said() {
        let shared = Shared::new();
        let started = |time: &str| format!("{{\"v\":1,\"event\":\"run-started\",\"timestamp\":\"{time}\"}}\n");
        // Those of an earlier version, by their own time and not by that in their name.
        shared.write("20260102T0900", &started("2026-01-02T09:00:00+09:00"));
        shared.write("20260102T0100", &started("2026-01-02T01:00:00Z"));
        shared.write("20260102T0000", "{\"v\":1,\"ev");
        for id in ["20260103", "20990101", "20260104"] {
            shared.runs("/a").create(id).unwrap();
        }
        let expected = ["20260102T0000", "20260102T0900", "20260102T0100", "20260103", "20990101", "20260104"];
        assert_eq!(names(&shared.runs("/a").journals()), expected);
        let latest = shared.runs("/a").find(None).unwrap();
        assert_eq!(latest.file_stem(), Some("20260104"));
        assert_eq!(names(&Runs::before(&latest)), expected[..5]);
        assert_eq!(names(&Runs::before(&shared.runs("/a").find(Some("20260102T01")).unwrap())), expected[..2]);
    }

    #[test]
    fn two_runs_never_write_into_one_journal() {
        let shared = Shared::new();
        for _ in 0..3 {
            shared.runs("/a").create("outer/same").unwrap();
        }
        assert_eq!(names(&shared.runs("/a").journals()), ["same", "same-2", "same-3"]);
    }

    #[test]
    fn a_workspace_sees_only_its_own_runs_and_those_without_a_name() {
        let shared = Shared::new();
        shared.write("old", "{\"v\":1,\"event\":\"run-started\"}\n");
        for (workspace, id) in [("/a", "a1"), ("/b", "b1"), ("/a", "a2"), ("/b", "b2")] {
            shared.runs(workspace).create(id).unwrap();
        }
        assert_eq!(names(&shared.runs("/a").journals()), ["old", "a1", "a2"]);
        assert_eq!(names(&shared.runs("/b").journals()), ["old", "b1", "b2"]);
        assert!(shared.runs("/a").find(Some("b1")).unwrap_err().to_string().contains("there is no run b1"));
        assert_eq!(names(&Runs::before(&shared.runs("/b").find(None).unwrap())), ["old", "b1"]);
        let of_all = Runs { workspace: None, ..shared.runs("/a") };
        assert_eq!(names(&of_all.journals()), ["old", "a1", "b1", "a2", "b2"]);
    }

    #[test]
    fn a_workspace_that_was_moved_with_its_target_folder_keeps_its_runs() {
        let shared = Shared::new();
        let root = Utf8Path::from_path(shared.0.path()).unwrap();
        let runs = |root: &Utf8Path| Runs::new(root.join("target/ptest"), Some(root));
        runs(root).create("before").unwrap();
        let moved = tempfile::tempdir().unwrap();
        let new_root = Utf8Path::from_path(moved.path()).unwrap().join("new");
        std::fs::rename(root, &new_root).unwrap();
        assert_eq!(names(&runs(&new_root).journals()), ["before"]);
        std::fs::create_dir(root).unwrap();
    }

    #[test]
    fn a_workspace_removes_its_own_old_journals_and_no_other_ones() {
        let shared = Shared::new();
        shared.runs("/b").create("b").unwrap();
        let held = shared.runs("/a").create("goes-on").unwrap();
        for number in 0..KEPT_SMALL + 5 {
            shared.runs("/a").create(&format!("a{number}")).unwrap();
        }
        let left = shared.runs("/a").journals();
        assert_eq!((left.len(), left[0].file_stem()), (KEPT_SMALL + 1, Some("goes-on")));
        assert_eq!(names(&shared.runs("/b").journals()), ["b"]);
        drop(held);
        shared.runs("/a").create("last").unwrap();
        assert_eq!(shared.runs("/a").journals().len(), KEPT_SMALL);
    }
}
