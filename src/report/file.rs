//! How reports that are files come from a journal and get into place.
//!
//! A file is written whole beside the one that it replaces, and renamed: whoever opens it finds one or the other.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::iter;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::event::Event;
use crate::files;

/// The file to replace for `path`; `what` is its name in errors. Renaming would put a file in the place of a link, or of
/// /dev/stdout.
pub(super) fn target(path: &Utf8Path, what: &str) -> Result<Utf8PathBuf> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            path.canonicalize_utf8().with_context(|| format!("could not resolve the {what}'s path {path}"))
        }
        Ok(_) => bail!("the {what} {path} would replace something that is not a file"),
        Err(_) => Ok(path.to_owned()),
    }
}

/// Where a report is written to.
type Out<'a> = BufWriter<&'a mut fs::File>;

/// Puts what `write` writes in the place of the file at `path`, together with the folders that it needs.
pub(super) fn replace(path: &Utf8Path, what: &str, write: impl FnOnce(&mut Out) -> Result<()>) -> Result<()> {
    let folder = folder(path);
    fs::create_dir_all(folder).with_context(|| format!("could not create the folder of the {what} {path}"))?;
    let mut file = temporary(folder).with_context(|| format!("could not create the {what} {path}"))?;
    let mut out = BufWriter::new(file.as_file_mut());
    write(&mut out).and_then(|()| Ok(out.flush()?)).with_context(|| format!("could not write the {what} {path}"))?;
    drop(out);
    file.persist(path).with_context(|| format!("could not replace the {what} {path}"))?;
    Ok(())
}

/// The folder of `path`, which `Utf8Path` gives as an empty path for a bare file name.
fn folder(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

/// A file that may be renamed to any in `folder`. A kill can leave it behind, so its name does not end as a report's
/// does, which consumers look for. Others than its owner may read it, as far as the umask lets them.
fn temporary(folder: &Utf8Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ptest-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The longest line of a journal, in bytes: the names of all tests of a binary, or what a test wrote.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Opens a journal.
pub(super) fn open(journal: &Utf8Path) -> Result<fs::File> {
    files::open(journal)
        .with_context(|| format!("cannot read the journal {journal} (remove it to continue without it)"))
}

/// The events in a journal.
pub(super) fn events(journal: &Utf8Path) -> Result<impl Iterator<Item = Result<Event>>> {
    Ok(events_of(BufReader::new(open(journal)?), journal))
}

/// The same of one that is open.
pub(super) fn events_of(lines: impl BufRead, journal: &Utf8Path) -> impl Iterator<Item = Result<Event>> {
    let failed = move || format!("cannot read the journal {journal} (remove it to continue without it)");
    read(lines, LONGEST).map(move |event| event.with_context(failed))
}

/// Fails if two reports are to be written into one file: the later one would replace the other. Each has the name of its
/// option.
pub fn check_places(files: &[(&str, &Utf8Path)]) -> Result<()> {
    let places: Vec<Utf8PathBuf> = files.iter().map(|(_, path)| place(path)).collect();
    for (number, (option, path)) in files.iter().enumerate() {
        if let Some(other) = places[..number].iter().position(|other| *other == places[number]) {
            let (other, its_path) = files[other];
            bail!("{other} {its_path} and {option} {path} are the same file: give each report a file of its own");
        }
    }
    Ok(())
}

/// Where a file is that may not be there yet, nor its folders.
fn place(path: &Utf8Path) -> Utf8PathBuf {
    if let Ok(place) = path.canonicalize_utf8() {
        return place;
    }
    if let Some(name) = path.file_name() {
        return place(folder(path)).join(name);
    }
    // It ends with `..` in a folder that is not there yet.
    let mut place = path.parent().map(place).unwrap_or_default();
    place.pop();
    place
}

/// The events on `lines`. What is no event is passed over: the last line may be half written, and a newer version may
/// write kinds that this one doesn't know. A result that is lost so is missed, and makes the report red.
fn read(mut lines: impl BufRead, longest: u64) -> impl Iterator<Item = io::Result<Event>> {
    let mut line = Vec::new();
    iter::from_fn(move || {
        loop {
            line.clear();
            match (&mut lines).take(longest + 1).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(length) if length as u64 > longest => {
                    let error = format!("it has a line of more than {longest} bytes");
                    return Some(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            if let Ok(event) = serde_json::from_slice(&line) {
                return Some(Ok(event));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample;

    #[test]
    fn half_written_and_unknown_lines_are_passed_over() {
        let started = serde_json::to_string(&sample::run_started(2)).unwrap();
        let journal = format!(
            "{started}\n{{\"v\":1,\"event\":\"moon-rose\",\"name\":\"db\"}}\n\n\u{fffd}\n{started}\n{}",
            &started[..started.len() / 2]
        );
        let mut bytes = journal.into_bytes();
        bytes.extend(b"\xff\xfe");
        let events: Vec<Event> = read(&bytes[..], LONGEST).collect::<io::Result<_>>().unwrap();
        assert_eq!(events, [sample::run_started(2), sample::run_started(2)]);
    }

    #[test]
    fn two_reports_in_one_file_are_refused_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.join("linked")).unwrap();
        fs::write(root.join("real/there"), "").unwrap();
        std::os::unix::fs::symlink("real/there", root.join("link-to-there")).unwrap();
        let same = |one: &str, other: &str| {
            let (one, other) = (root.join(one), root.join(other));
            check_places(&[("--trace", Utf8Path::new("elsewhere")), ("--junit", &one), ("--html", &other)])
        };
        for (one, other) in [
            ("x", "x"),
            ("x", "./x"),
            ("new/x", "new/deep/../x"),
            ("real/x", "linked/x"),
            ("real/x", "linked/../real/./x"),
            ("real/there", "link-to-there"),
            ("real/there", "linked/there"),
        ] {
            let error = same(one, other).unwrap_err().to_string();
            assert!(error.starts_with("--junit ") && error.contains(" and --html "), "{error}");
        }
        for (one, other) in [("x", "y"), ("x", "new/x"), ("real/x", "real/there"), ("new/x", "new/deep/x")] {
            same(one, other).unwrap();
        }
        check_places(&[("--junit", Utf8Path::new("x")), ("--html", Utf8Path::new("./x"))]).unwrap_err();
    }

    #[test]
    fn a_line_without_an_end_is_an_error() {
        let started = serde_json::to_string(&sample::run_started(2)).unwrap() + "\n";
        let longest = started.len() as u64;
        let events = |text: &str| read(text.as_bytes(), longest).collect::<io::Result<Vec<Event>>>();
        assert_eq!(events(&started.repeat(2)).unwrap().len(), 2);
        let error = events(&format!("{started}{}", "\0".repeat(started.len() + 1))).unwrap_err();
        assert_eq!(error.to_string(), format!("it has a line of more than {longest} bytes"));
    }
}
