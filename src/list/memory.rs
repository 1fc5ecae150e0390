//! Remembers what a binary listed, and what stands in its file, for as long as it is the same file: to start each one
//! only to hear the same again would double the cost of a run of many small binaries.
//!
//! Only for libtest's harness, whose list is compiled in. Other harnesses read files and variables.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::time::SystemTime;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

use super::Listed;
use crate::files::{self, Stamp};

/// The largest file whose content is compared: to read a larger one costs as much as the answer.
const MOST_COMPARED: u64 = 256 * 1024 * 1024;

/// What is known to tell a file from the one that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// It is the same file, and has not changed.
    Stamp,
    /// Or it has the same content, as a copy has: for what is costly to ask.
    Content,
}

/// Which file a list is of.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    path: Utf8PathBuf,
    stamp: Stamp,
    /// Whether any later change would give another stamp.
    settled: bool,
    by: By,
    /// A hash of the file's content, as soon as it is needed.
    content: OnceCell<Option<u64>>,
}

impl Identity {
    /// `None` for a file that cannot be told from others.
    pub(super) fn of(path: &Utf8Path, by: By) -> Option<Self> {
        Self::at(path, by, SystemTime::now())
    }

    fn at(path: &Utf8Path, by: By, now: SystemTime) -> Option<Self> {
        let stamp = Stamp::of(path).ok()?;
        let settled = stamp.is_settled(now);
        Some(Self { path: path.to_owned(), stamp, settled, by, content: OnceCell::new() })
    }

    fn content(&self) -> Option<u64> {
        let read = || Some(xxh64(&files::read(&self.path, MOST_COMPARED).ok()?, 0));
        *self.content.get_or_init(read)
    }

    /// The content, where the stamp alone does not do.
    fn content_if_needed(&self) -> Option<u64> {
        if self.settled && self.by == By::Stamp { None } else { self.content() }
    }
}

/// Where lists are remembered that binaries gave to those who started them through this runner. Through another one they
/// may answer in another way.
pub(super) fn folder(memory: &Utf8Path, runner: &[OsString]) -> Utf8PathBuf {
    if runner.is_empty() {
        return memory.to_owned();
    }
    let words: Vec<u8> = runner.iter().flat_map(|word| [word.as_encoded_bytes(), b"\0"].concat()).collect();
    memory.join(format!("by-runner-{:016x}", xxh64(&words, 0)))
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    path: Utf8PathBuf,
    stamp: Stamp,
    /// The stamp was taken when the file could still change without getting another one.
    settled: bool,
    content: Option<u64>,
    listed: Listed,
}

impl Remembered {
    fn is_of(&self, identity: &Identity) -> bool {
        let has_same_stamp = || self.settled && self.stamp == identity.stamp;
        let has_same_content = || {
            self.stamp.bytes() == identity.stamp.bytes()
                && self.content.is_some_and(|content| identity.content() == Some(content))
        };
        self.path == identity.path && (has_same_stamp() || has_same_content())
    }
}

/// What this very file listed before. What cannot be read is not remembered. If it is to be asked, its content is known
/// from before that, so that a change meanwhile does not go unnoticed.
pub(super) fn recall(folder: &Utf8Path, identity: &Identity) -> Option<Listed> {
    let remembered = read(&place(folder, identity)).filter(|it| it.is_of(identity));
    let Some(Remembered { stamp, settled, listed, .. }) = remembered else {
        identity.content_if_needed();
        return None;
    };
    if !settled || stamp != identity.stamp {
        // Otherwise the content is compared again the next time.
        let _ = keep(folder, identity, &listed);
    }
    Some(listed)
}

fn read(path: &Utf8Path) -> Option<Remembered> {
    serde_json::from_slice(&files::read_sealed(path)?).ok()
}

/// Puts the list in the place of what the file listed when it was another.
pub(super) fn keep(folder: &Utf8Path, identity: &Identity, listed: &Listed) -> Result<()> {
    let Identity { path, stamp, settled, .. } = identity.clone();
    let remembered = Remembered { path, stamp, settled, content: identity.content_if_needed(), listed: listed.clone() };
    files::write_sealed(&place(folder, identity), &serde_json::to_vec(&remembered)?)
}

fn place(folder: &Utf8Path, identity: &Identity) -> Utf8PathBuf {
    folder.join(format!("{:016x}.json", xxh64(identity.path.as_str().as_bytes(), 0)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::super::{Context, ContextKind, Test};
    use super::*;

    /// As if the file had been there for a while.
    fn identity(binary: &Utf8Path, by: By) -> Identity {
        Identity::at(binary, by, SystemTime::now() + Duration::from_secs(10)).unwrap()
    }

    /// Puts text of the same length into the file, which says to have been modified when it was before.
    fn replace(binary: &Utf8Path, text: &str) {
        let (before, modified) = (identity(binary, By::Stamp).stamp, binary.metadata().unwrap().modified().unwrap());
        // The clock may not have ticked since it was written.
        while identity(binary, By::Stamp).stamp == before {
            std::fs::write(binary, text).unwrap();
            File::options().write(true).open(binary).unwrap().set_modified(modified).unwrap();
        }
    }

    fn listed() -> Listed {
        Listed { tests: vec![Test::named("a")], without_log: true, ..Listed::default() }
    }

    #[test]
    fn a_list_is_remembered_until_its_binary_changes() {
        for by in [By::Stamp, By::Content] {
            let folder = tempfile::tempdir().unwrap();
            let folder = Utf8Path::from_path(folder.path()).unwrap();
            let (binary, memory) = (folder.join("binary"), folder.join("lists"));
            std::fs::write(&binary, "one").unwrap();
            assert_eq!(recall(&memory, &identity(&binary, by)), None);
            keep(&memory, &identity(&binary, by), &listed()).unwrap();
            assert_eq!(recall(&memory, &identity(&binary, by)), Some(listed()));
            replace(&binary, "two");
            assert_eq!(recall(&memory, &identity(&binary, by)), None);
            assert!(Identity::of(&folder.join("gone"), by).is_none());
        }
    }

    #[test]
    fn what_is_costly_to_ask_is_known_by_its_content_too() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (binary, memory) = (folder.join("binary"), folder.join("lists"));
        for (by, copied) in [(By::Stamp, None), (By::Content, Some(listed()))] {
            std::fs::write(&binary, "one").unwrap();
            keep(&memory, &identity(&binary, by), &listed()).unwrap();
            replace(&binary, "one");
            assert_eq!(recall(&memory, &identity(&binary, by)), copied, "{by:?}");
        }
        // The copy's stamp has taken the place of the first one's.
        let of_copy = identity(&binary, By::Content);
        assert_eq!(recall(&memory, &Identity { by: By::Stamp, ..of_copy }), Some(listed()));
    }

    #[test]
    fn a_stamp_that_was_taken_too_early_is_believed_only_with_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (binary, memory) = (folder.join("binary"), folder.join("lists"));
        std::fs::write(&binary, "one").unwrap();
        let just_written = || Identity { settled: false, ..identity(&binary, By::Stamp) };
        let asked = just_written();
        assert_eq!(recall(&memory, &asked), None);
        keep(&memory, &asked, &listed()).unwrap();
        // As if the clock had not ticked in between.
        std::fs::write(&binary, "two").unwrap();
        let same_stamp = |settled| Identity { stamp: asked.stamp.clone(), settled, ..just_written() };
        assert_eq!(recall(&memory, &same_stamp(true)), None);
        std::fs::write(&binary, "one").unwrap();
        assert_eq!(recall(&memory, &same_stamp(true)), Some(listed()));
        // Now the stamp does.
        let settled = same_stamp(true);
        std::fs::remove_file(&binary).unwrap();
        assert_eq!(recall(&memory, &settled), Some(listed()));
    }

    #[test]
    fn a_damaged_list_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (binary, memory) = (folder.join("binary"), folder.join("lists"));
        std::fs::write(&binary, "one").unwrap();
        let identity = identity(&binary, By::Stamp);
        let file = place(&memory, &identity);
        let context = |parent| Context { parent, ..Context::named("t::m", ContextKind::Unit, None) };
        let listed = Listed {
            tests: vec![Test { context: Some(1), times: 2, ..Test::named("m::a") }],
            contexts: vec![context(None), context(Some(0))],
            without_log: false,
        };
        keep(&memory, &identity, &listed).unwrap();
        let sound = std::fs::read_to_string(&file).unwrap();
        for (from, to) in [
            ("\"context\":1", "\"context\":99"),
            ("\"parent\":0", "\"parent\":1"),
            ("\"times\":2", "\"times\":1000000000"),
            ("m::a", "m::b"),
        ] {
            assert_eq!(sound.matches(from).count(), 1, "{from} in {sound}");
            std::fs::write(&file, sound.replace(from, to)).unwrap();
            assert_eq!(recall(&memory, &identity), None, "{to}");
        }
        std::fs::write(&file, sound).unwrap();
        assert_eq!(recall(&memory, &identity), Some(listed));
    }
}
