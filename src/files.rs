//! Opens files that other programs may have written: what is not a file is refused instead of waited for, and nothing is
//! read without a limit. Also tells whether a file is still the same one.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

/// The largest file that people write, in bytes: a configuration, a manifest, a source.
pub const MOST_OF_A_TEXT: u64 = 16 * 1024 * 1024;

/// The largest file that remembers something for the next run: a million tests with their places.
pub const MOST_OF_A_MEMORY: u64 = 256 * 1024 * 1024;

/// Opens a regular file to read it. To open a fifo would otherwise wait for a writer.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}, and not a file", kind(&metadata))))
}

/// Opens a regular file, or a new one, or a device such as a terminal, to write at its end. To open a fifo would wait for a
/// reader, and to write to it as well.
pub fn append(path: impl AsRef<Path>) -> io::Result<File> {
    let options = || OpenOptions::new().append(true).create(true).custom_flags(libc::O_NOCTTY).clone();
    let is_device = |metadata: &Metadata| metadata.file_type().is_char_device();
    let refused = |metadata: &Metadata| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}, and not a file", kind(metadata)))
    };
    match std::fs::metadata(&path) {
        Ok(metadata) if is_device(&metadata) => return options().open(path),
        Ok(metadata) if !metadata.is_file() => return Err(refused(&metadata)),
        _ => {}
    }
    // It may have become something else in between.
    let file = options().custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok(file) } else { Err(refused(&metadata)) }
}

/// The whole of a regular file with at most so many bytes.
pub fn read(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
    // Its size is known beforehand, unless it grows just now.
    let size = Some(file.metadata()?.len()).filter(|size| *size <= most).ok_or_else(too_large)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

/// The same of a file of text.
pub fn read_text(path: impl AsRef<Path>, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// What a file holds that [`write_sealed`] has written. `None` if there is none, or if any of it has changed since.
pub fn read_sealed(path: &Utf8Path) -> Option<Vec<u8>> {
    let mut bytes = read(path, MOST_OF_A_MEMORY).ok()?;
    let length = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let content = bytes.split_off(length);
    (bytes == seal(&content)).then_some(content)
}

/// Puts a file in the place of another one, with a hash in front by which damage is noticed. Creates its folder.
pub fn write_sealed(path: &Utf8Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("the file lies in no folder")?;
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&seal(content))?;
    file.write_all(content)?;
    file.persist(path).context("cannot rename")?;
    Ok(())
}

/// The first line. The number is that of the form of what follows, as this version writes it.
fn seal(content: &[u8]) -> Vec<u8> {
    format!("ptest 1 {:016x}\n", xxh64(content, 0)).into_bytes()
}

fn kind(metadata: &Metadata) -> &'static str {
    let it = metadata.file_type();
    match () {
        () if it.is_dir() => "a folder",
        () if it.is_fifo() => "a fifo",
        () if it.is_socket() => "a socket",
        () => "a device",
    }
}

/// Changes whenever a file does. The time of the last modification can be set to anything, and normalised builds do so;
/// the time of the last change cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The time of a change is that of the kernel's last tick: so long a file may change without a trace.
const TICK: Duration = Duration::from_millis(10);

/// The same, where the file system counts seconds or pairs of them.
const COARSE_TICK: Duration = Duration::from_secs(2);

impl Stamp {
    pub fn of(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether any change from `now` on will give another stamp. `now` is when the stamp was taken.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let tick = if nanos == 0 { COARSE_TICK } else { TICK };
        let since_1970 = Duration::new(seconds.try_into().unwrap_or(0), nanos.try_into().unwrap_or(0));
        now.duration_since(SystemTime::UNIX_EPOCH + since_1970).is_ok_and(|age| age >= tick)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `path` is said to be.
    fn refused(path: &Path) -> String {
        read(path, 100).unwrap_err().to_string()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_not_a_file_is_refused_at_once_and_said_to_be_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(refused(&fifo), "it is a fifo, and not a file");
        assert_eq!(append(&fifo).unwrap_err().to_string(), "it is a fifo, and not a file");
        assert_eq!(append(folder.path()).unwrap_err().to_string(), "it is a folder, and not a file");
        append("/dev/null").unwrap().write_all(b"x").unwrap();
        assert_eq!(refused(folder.path()), "it is a folder, and not a file");
        assert_eq!(refused(Path::new("/dev/zero")), "it is a device, and not a file");
        assert_eq!(open(folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_appended_comes_behind_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for word in ["one ", "two"] {
            append(&path).unwrap().write_all(word.as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one two");
    }

    #[test]
    fn nothing_is_read_beyond_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [b'x'; 100]).unwrap();
        assert_eq!(read_text(&path, 100).unwrap(), "x".repeat(100));
        std::fs::write(&path, [b'x'; 101]).unwrap();
        assert_eq!(refused(&path), "it has more than 100 bytes");
        File::create(&path).unwrap().set_len(3 << 30).unwrap();
        assert_eq!(refused(&path), "it has more than 100 bytes");
    }

    proptest! {
        #[test]
        fn a_sealed_file_is_read_whole_or_not_at_all(
            content in prop::collection::vec(any::<u8>(), 0..60),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<Option<u8>>(), any::<bool>()), 0..4),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = Utf8Path::from_path(folder.path()).unwrap().join("new/file");
            write_sealed(&path, &content).unwrap();
            let written = std::fs::read(&path).unwrap();
            let mut bytes = written.clone();
            for (at, byte, in_place) in changes {
                let at = at.index(bytes.len().max(1)).min(bytes.len());
                let end = (at + usize::from(in_place)).min(bytes.len());
                bytes.splice(at..end, byte);
            }
            std::fs::write(&path, &bytes).unwrap();
            prop_assert_eq!(read_sealed(&path), (bytes == written).then_some(content));
        }
    }

    #[test]
    fn a_stamp_of_a_file_that_has_just_changed_is_not_settled() {
        let changed =
            |seconds, nanos| Stamp { device: 1, inode: 1, bytes: 1, modified: (0, 0), changed: (seconds, nanos) };
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(!changed(5, 1_000_000).is_settled(at(5_010)));
        assert!(changed(5, 1_000_000).is_settled(at(5_011)));
        assert!(!changed(5, 0).is_settled(at(6_999)));
        assert!(changed(5, 0).is_settled(at(7_000)));
        assert!(!changed(5, 1).is_settled(at(4_000)), "a clock that was set back says nothing");
    }

    #[test]
    fn a_file_has_another_stamp_after_a_change_whatever_its_times_are_set_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let (before, modified) = (Stamp::of(&path).unwrap(), std::fs::metadata(&path).unwrap().modified().unwrap());
        // The clock may not have ticked since.
        while Stamp::of(&path).unwrap().changed == before.changed {
            std::fs::write(&path, "two").unwrap();
        }
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let after = Stamp::of(&path).unwrap();
        assert_eq!((after.modified, after.bytes), (before.modified, before.bytes));
        assert_ne!(after, before);
    }
}
