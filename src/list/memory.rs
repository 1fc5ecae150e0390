//! Remembers what a binary listed, and what stands in its file, for as long as it is the same file: to start each one
//! only to hear the same again would double the cost of a run of many small binaries.
//!
//! Only for libtest's harness, whose list is compiled in. Other harnesses read files and variables.

use std::io::Write;
use std::time::SystemTime;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

use super::Listed;

/// Which file a list is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    path: Utf8PathBuf,
    bytes: u64,
    /// When it was changed, in nanoseconds since 1970.
    changed: u128,
}

impl Identity {
    /// `None` for a file that cannot be told from others.
    pub(super) fn of(path: &Utf8Path) -> Option<Self> {
        let file = path.metadata().ok()?;
        let changed = file.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self { path: path.to_owned(), bytes: file.len(), changed: changed.as_nanos() })
    }
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    of: Identity,
    listed: Listed,
}

/// What this very file listed before. What cannot be read is not remembered.
pub(super) fn recall(folder: &Utf8Path, identity: &Identity) -> Option<Listed> {
    let text = std::fs::read(place(folder, identity)).ok()?;
    let remembered: Remembered = serde_json::from_slice(&text).ok()?;
    (remembered.of == *identity).then_some(remembered.listed)
}

/// Puts the list in the place of what the file listed when it was another.
pub(super) fn keep(folder: &Utf8Path, identity: &Identity, listed: &Listed) -> Result<()> {
    let remembered = Remembered { of: identity.clone(), listed: listed.clone() };
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(&remembered)?)?;
    file.persist(place(folder, identity)).context("cannot rename")?;
    Ok(())
}

fn place(folder: &Utf8Path, identity: &Identity) -> Utf8PathBuf {
    folder.join(format!("{:016x}.json", xxh64(identity.path.as_str().as_bytes(), 0)))
}

#[cfg(test)]
mod tests {
    use super::super::Test;
    use super::*;

    #[test]
    fn a_list_is_remembered_until_its_binary_changes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let binary = folder.join("binary");
        std::fs::write(&binary, "one").unwrap();
        let identity = Identity::of(&binary).unwrap();
        let memory = folder.join("lists");
        assert_eq!(recall(&memory, &identity), None);
        let listed = Listed { tests: vec![Test::named("a")], contexts: Vec::new() };
        keep(&memory, &identity, &listed).unwrap();
        assert_eq!(recall(&memory, &identity), Some(listed));
        std::fs::write(&binary, "another").unwrap();
        assert_eq!(recall(&memory, &Identity::of(&binary).unwrap()), None);
        assert_eq!(Identity::of(&folder.join("gone")), None);
    }
}
