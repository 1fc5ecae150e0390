//! Where the test processes of one nextest run meet: a file for each shared context. The first one locks it and gives
//! the lock on to a keeper, which sets the context up; the others wait for the lock and read what has become of it.
//!
//! The lock belongs to the open file, and the keeper has the same one open: so it is held until the keeper lets go of it
//! or ends, whatever becomes of the test that came first. And since the first one leaves a word that the setup has
//! begun, whoever comes after a keeper that was killed knows that, too, and does not begin again.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::keeper::Keeper;
use super::{child, failure};
use crate::runtime::context::Context;
use crate::runtime::os;
use crate::wire::record::Failure;

const BEGUN: &str = "begun\n";
const UP: &str = "up\n";
const FAILED: &str = "failed\n";

/// The path of the value, from a host that this process or another one has started.
pub(super) fn host_of(context: &Context) -> Result<String, Failure> {
    let path = place_beside(&child::value_of(context));
    let (mut file, theirs) = match enter(&path) {
        Ok(Entered::First(file, theirs)) => (file, theirs),
        Ok(Entered::Later(Ok(value))) => return Ok(value),
        Ok(Entered::Later(Err(message))) => return Err(failure(message)),
        Err(error) => return Err(failure(format!("cannot use {}: {error}", path.display()))),
    };
    let keeper = Keeper { runner: os::runner("nextest"), meeting: path.to_string_lossy().into_owned() };
    let started = child::start_keeper(context, &keeper, theirs);
    if let Err(failure) = &started {
        // The keeper has said so already, unless it was killed or never there.
        let mut said = String::new();
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut said));
        if said == BEGUN {
            let _ = file.write_all(format!("{FAILED}{}\n", failure.message).as_bytes());
        }
    }
    started
}

/// How a process finds the meeting place.
enum Entered {
    /// Nobody has begun. The file twice: the second one is for a keeper.
    First(File, File),
    /// The path of the value, or why there is none.
    Later(Result<String, String>),
}

fn enter(path: &Path) -> io::Result<Entered> {
    let mut file = open(path)?;
    let mut said = String::new();
    file.read_to_string(&mut said)?;
    if let Some(outcome) = outcome(&said) {
        return Ok(Entered::Later(outcome));
    }
    file.write_all(BEGUN.as_bytes())?;
    let theirs = file.try_clone()?;
    Ok(Entered::First(file, theirs))
}

/// What a keeper says once the setup has finished or failed. After that no test waits for it.
pub(super) fn tell(place: io::Result<File>, outcome: Result<&str, &Failure>) {
    let Ok(mut file) = place else { return };
    let said = match outcome {
        Ok(value) => format!("{UP}{value}\n"),
        Err(failure) => format!("{FAILED}{}\n", failure.message),
    };
    // Should that fail, the others will learn that it has begun and not ended.
    let _ = file.write_all(said.as_bytes());
    let _ = file.unlock();
}

/// What is known of a setup by whoever has the lock: the path of the value or why there is none. Nothing, if nobody has
/// begun it.
fn outcome(said: &str) -> Option<Result<String, String>> {
    let said = said.strip_prefix(BEGUN)?;
    if let Some(value) = said.strip_prefix(UP) {
        return Some(Ok(value.trim_end_matches('\n').to_owned()));
    }
    Some(Err(match said.strip_prefix(FAILED) {
        Some(message) => message.trim_end_matches('\n').to_owned(),
        None => {
            "the process that was setting it up ended before it was done: it was killed or crashed. It is not set up \
                 again in this run"
                .to_owned()
        }
    }))
}

/// The meeting place for a context whose value lies at this path.
fn place_beside(value: &str) -> PathBuf {
    Path::new(value).with_extension("host")
}

/// Opens the file and waits for its lock.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = os::for_me_alone(options.read(true).append(true).create(true)).open(path)?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_has_become_of_a_set_up_is_known_to_all() {
        assert_eq!(outcome(""), None);
        assert_eq!(outcome("begun\nup\n/tmp/a value\n"), Some(Ok("/tmp/a value".into())));
        assert_eq!(outcome("begun\nfailed\nno\nport\n"), Some(Err("no\nport".into())));
        assert!(outcome("begun\n").unwrap().unwrap_err().contains("ended before it was done"));
    }

    #[test]
    fn the_lock_outlives_who_gave_it_on() {
        let path = std::env::temp_dir().join(format!("ptest-meeting-{}", std::process::id()));
        let first = open(&path).unwrap();
        // It stands for a keeper: the lock is what it has on its standard input.
        let mut keeper = Command::new("sleep").arg("60").stdin(first.try_clone().unwrap()).spawn().unwrap();
        drop(first);
        let second = File::open(&path).unwrap();
        assert!(matches!(second.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
        keeper.kill().unwrap();
        keeper.wait().unwrap();
        second.lock().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
