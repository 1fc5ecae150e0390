//! Hands clones to the processes of the tests, over a socket. A clone belongs to whoever holds the line on which it came:
//! when the line ends, in whatever way, the clone is dropped, unless what was said last is that it may serve again.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::clones::Clones;
use super::url::ServerUrl;
use crate::database::{Borrowed, Purpose};
use crate::error::{Error, Trying};

/// What is asked for, in one byte.
const PURPOSES: [(u8, Purpose); 3] =
    [(b'r', Purpose::RollBack), (b'u', Purpose::RollBackUnseen), (b'c', Purpose::Commit)];
/// The answer: a name follows, or a reason.
const HERE: &str = "here ";
/// Said of a clone that may serve again: of one that a test has ended with, and of one that the next test begins with.
const UNUSED: u8 = b'u';
const USED: u8 = b'b';

/// The thread that listens. Dropped, it ends.
pub(super) struct Broker {
    path: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    pub(super) fn start(path: PathBuf, clones: Arc<Clones>) -> Result<Self, Error> {
        let cannot = || format!("cannot listen at {}", path.display());
        let listener = UnixListener::bind(&path).trying(cannot)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).trying(cannot)?;
        let over = Arc::new(AtomicBool::new(false));
        let ending = over.clone();
        let thread = std::thread::spawn(move || {
            for line in listener.incoming().flatten() {
                if ending.load(Ordering::SeqCst) {
                    break;
                }
                let clones = clones.clone();
                // It ends with the test, or with the test's process.
                std::thread::spawn(move || lend(line, &clones));
            }
        });
        Ok(Self { path, over, thread: Some(thread) })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // It listens until somebody comes.
        drop(UnixStream::connect(&self.path));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Serves one who borrows. What goes wrong on the line means that he is gone.
fn lend(mut line: UnixStream, clones: &Clones) {
    let mut asked = [0];
    if line.read_exact(&mut asked).is_err() {
        return;
    }
    let Some((_, purpose)) = PURPOSES.into_iter().find(|(byte, _)| asked == [*byte]) else { return };
    let name = match clones.take(purpose) {
        Ok(name) => name,
        Err(why) => {
            drop(writeln!(line, "{}", why.replace('\n', " ")));
            return;
        }
    };
    let sent = writeln!(line, "{HERE}{name}");
    let mut said = [USED];
    while sent.is_ok() && line.read_exact(&mut said).is_ok() {}
    match said {
        [UNUSED] => clones.give_back(purpose, name),
        _ => clones.bury(name),
    }
}

/// A clone that this process has borrowed.
#[derive(Debug)]
pub struct Lent {
    url: String,
    line: UnixStream,
}

/// Borrows a clone, and waits for it.
pub(super) fn borrow_clone(broker: &Path, purpose: Purpose, server: &ServerUrl) -> Result<Lent, Error> {
    let gone = || "the process that holds the context of the databases has exited".to_owned();
    let mut line = UnixStream::connect(broker).trying(gone)?;
    let asked = PURPOSES.iter().filter(|(_, it)| *it == purpose).map(|(byte, _)| *byte);
    line.write_all(&asked.collect::<Vec<_>>()).trying(gone)?;
    let mut answer = String::new();
    BufReader::new(&line).read_line(&mut answer).trying(gone)?;
    match answer.trim_end().strip_prefix(HERE) {
        Some(name) => Ok(Lent { url: server.of(name), line }),
        None if answer.is_empty() => Err(Error::new(gone())),
        None => Err(Error::new(answer.trim_end())),
    }
}

impl Borrowed for Lent {
    fn address(&self) -> &str {
        &self.url
    }

    fn give_back(mut self) {
        self.rest();
    }

    fn rest(&mut self) {
        // If nobody listens, there is nobody to serve either.
        drop(self.line.write_all(&[UNUSED]));
    }

    fn resume(&mut self) -> bool {
        self.line.write_all(&[USED]).is_ok()
    }
}
