//! Children on Unix.
//!
//! A child leads a process group of its own, so that it can be ended with all that it started. It is noticed to be gone
//! before it is reaped: while it is a zombie its number belongs to nobody else, and its group can be signalled safely.
//!
//! libtest's log is a pipe that the child opens by the name `/proc/RUNNER/fd/N`: nothing is inherited, no file is left
//! behind, and std can start the child by `posix_spawn`. The name stays in the child's arguments, and a test may start its
//! own program again with them. So once the child has opened the pipe, N is `/dev/null` until the child is gone: a second
//! opener writes into the void, and N cannot become the log of another child. Where there is no such name, the log is a
//! FIFO in a folder of ours, whose name goes when the child has opened it and is never used again.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpgid, kill_process, kill_process_group,
    test_kill_process_group, waitid, waitpgid,
};

use super::proc::{
    descendants_wait_for_terminal, group_is_alive, has_program, is_stdout, knows_us, written_by_first_thread,
};
use super::{Exit, limits};
use crate::threads::{self, Panic};
use crate::{descriptors, tty};

/// A running child, as its reading thread holds it.
pub(in crate::run) struct Child {
    child: std::process::Child,
    text: Option<PipeReader>,
    log: Option<LogReader>,
    gone: ExitWatch,
    group: Group,
    lifeline: Option<PipeWriter>,
}

/// Whether there is a terminal that stops who wants it in the background.
pub(in crate::run) fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// What may be waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::run) struct Ready {
    pub text: bool,
    pub log: bool,
    /// The child has ended; it waits to be reaped.
    pub gone: bool,
}

/// What a child has on stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum Stdin {
    Nothing,
    /// A pipe: the child lives until that ends.
    Lifeline,
    /// Ours, which is a terminal that has been prepared for it ([`tty::lend`]).
    Terminal,
}

/// Starts a command in a group of its own, with stdout and stderr in one pipe.
pub(in crate::run) fn spawn(mut command: Command, log: Option<Log>, stdin: Stdin) -> io::Result<Child> {
    let (text, writer) = descriptors::pipe()?;
    set_nonblocking(text.as_fd())?;
    let mut lifeline = None;
    match stdin {
        Stdin::Nothing => _ = command.stdin(Stdio::null()),
        Stdin::Lifeline => {
            let (stdin, writer) = descriptors::pipe()?;
            command.stdin(stdin);
            lifeline = Some(writer);
        }
        Stdin::Terminal => {
            command.stdin(Stdio::inherit());
            // Its group has to be in front before its program begins, which may ask for the terminal at once.
            // SAFETY: the closure makes system calls and nothing else. The child leads its group by then.
            unsafe {
                command.pre_exec(|| {
                    tty::come_to_front();
                    Ok(())
                });
            }
        }
    }
    command.stdout(writer.try_clone()?).stderr(writer).process_group(0);
    if let Some(limit) = limits::of_caller() {
        // SAFETY: it makes one system call.
        unsafe { command.pre_exec(move || limits::give_back(limit)) };
    }
    let mut child = descriptors::spawn(&mut command)?;
    // The command holds the writing ends; while it lives, the text would have no end.
    drop(command);
    let pid = Pid::from_child(&child);
    let gone = ExitWatch::of(pid).inspect_err(|_| {
        // Nobody would notice its end. Neither call can do more than fail because it has come already.
        let _ = child.kill();
        let _ = child.wait();
    })?;
    let group = Group(Arc::new(Mutex::new(Some(pid))));
    Ok(Child { child, text: Some(text), log: log.map(|log| log.reader), gone, group, lifeline })
}

impl Child {
    pub(in crate::run) fn group(&self) -> Group {
        self.group.clone()
    }

    /// What ends the child's stdin when it is dropped.
    pub(in crate::run) fn take_lifeline(&mut self) -> Option<PipeWriter> {
        self.lifeline.take()
    }

    pub(in crate::run) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the child is gone, there is something to read of what is `wanted`, or the time is over.
    pub(in crate::run) fn wait(&self, wanted: Ready, timeout: Option<Duration>) -> io::Result<Ready> {
        let text = self.text.as_ref().filter(|_| wanted.text).map(AsFd::as_fd);
        let log = self.log.as_ref().filter(|_| wanted.log).and_then(LogReader::pollable);
        let gone = Some(self.gone.0.as_fd()).filter(|_| wanted.gone);
        let fds: Vec<PollFd> =
            [text, log, gone].iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let mut fds = fds;
        let end = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.map(|left| Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            });
            match poll(&mut fds, left.as_ref()) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        let mut answers = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut answer = |asked: bool| asked && answers.next().unwrap_or(false);
        Ok(Ready { text: answer(text.is_some()), log: answer(log.is_some()), gone: answer(gone.is_some()) })
    }

    /// Whether it, or something that it has started, is stopped until it comes to the foreground of its terminal.
    pub(in crate::run) fn waits_for_terminal(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let stopped = waitid(WaitId::Pid(Pid::from_child(&self.child)), options);
        let signal = stopped.ok().flatten().and_then(|it| it.stopping_signal());
        match signal {
            Some(signal) => [libc::SIGTTIN, libc::SIGTTOU].contains(&signal),
            None => descendants_wait_for_terminal(&self.pid().to_string()),
        }
    }

    /// Reads what text there is, as much as fits. Whether the text has ended is told by [`Child::text_has_ended`].
    pub(in crate::run) fn read_text(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(text) = &mut self.text else { return Ok(0) };
        match text.read(buffer) {
            Ok(0) => {
                self.text = None;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            read => read,
        }
    }

    pub(in crate::run) fn text_has_ended(&self) -> bool {
        self.text.is_none()
    }

    /// Whether the text has ended though the child lives, as far as that can be found out. (A process lets go of its
    /// program before its files when it ends.)
    pub(in crate::run) fn has_closed_its_text(&self) -> bool {
        self.text.is_none() && has_program(self.pid())
    }

    /// How many bytes the first thread of this program has written, now that it has ended; `None` if nothing tells.
    pub(in crate::run) fn written(&self, program: &str) -> Option<u64> {
        written_by_first_thread(self.pid(), program)
    }

    /// Reads all that the log has.
    pub(in crate::run) fn read_log(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.log {
            Some(log) => log.read(bytes),
            None => Ok(()),
        }
    }

    /// The child has opened its log: from now on the log's end means that the child is gone, and nothing else can
    /// open it.
    pub(in crate::run) fn log_is_open(&mut self) -> io::Result<()> {
        match &mut self.log {
            Some(log) if !log.is_open => log.close_name(),
            _ => Ok(()),
        }
    }

    /// Lets go of the log: the child cannot write into it any more.
    pub(in crate::run) fn end_log(&mut self) {
        self.log = None;
    }

    /// Whether the child's stdout is still the pipe that is read here, as far as that can be found out.
    pub(in crate::run) fn stdout_is_text(&self) -> bool {
        self.text.as_ref().is_some_and(|text| is_stdout(text, self.pid()))
    }

    /// Takes the child's status; from here on its number may be given to another process.
    pub(in crate::run) fn reap(&mut self) -> io::Result<Exit> {
        let mut number = self.group.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = self.child.wait()?;
        *number = None;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        })
    }

    /// Whether members of the child's group outlive it. (Only after [`Child::reap`]: a zombie is a member.) While
    /// there are members, the group's number is given to nobody else.
    pub(in crate::run) fn has_survivors(&self) -> bool {
        let group = Pid::from_child(&self.child);
        if test_kill_process_group(group).is_err() {
            return false;
        }
        reap_orphans(group);
        test_kill_process_group(group).is_ok() && group_is_alive(group.as_raw_nonzero().get())
    }

    /// The number of the child's group, also when it is reaped.
    pub(in crate::run) fn group_number(&self) -> i32 {
        Pid::from_child(&self.child).as_raw_nonzero().get()
    }

    /// The inode of the pipe with the child's text, until that has ended.
    pub(in crate::run) fn pipe(&self) -> Option<u64> {
        self.text.as_ref().and_then(|text| rustix::fs::fstat(text).ok()).map(|it| it.st_ino)
    }

    pub(in crate::run) fn kill_survivors(&self) {
        // They may have gone in the meantime, which is as good.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }
}

/// Who reads a child may panic. It is not reaped then, so its number stays its own as long as others know it.
impl Drop for Child {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// Has `tell` called, from a thread, when a child is stopped. Nothing is told if it ends first.
pub(in crate::run) fn when_stopped(
    child: u32,
    tell: impl FnOnce() + Send + 'static,
    panicked: impl FnOnce(Panic) + Send + 'static,
) -> io::Result<()> {
    let Some(child) = i32::try_from(child).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let wait = move || {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = loop {
            match waitid(WaitId::Pid(child), options) {
                Err(Errno::INTR) => {}
                status => break status,
            }
        };
        if status.is_ok_and(|status| status.is_some_and(|it| it.stopping_signal().is_some())) {
            tell();
        }
    };
    threads::start("stops", wait, panicked)
}

/// The signal by which a child is stopped now; it is told once for each stop.
pub(in crate::run) fn stopped_by(child: u32) -> Option<i32> {
    let child = i32::try_from(child).ok().and_then(Pid::from_raw)?;
    let status = waitid(WaitId::Pid(child), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
    status.ok().flatten().and_then(|it| it.stopping_signal())
}

/// As the first process of its pid namespace the runner is the one that orphans are left to.
fn reap_orphans(group: Pid) {
    while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
}

/// A child's process group, for those who have to end it.
#[derive(Clone)]
pub(in crate::run) struct Group(Arc<Mutex<Option<Pid>>>);

impl Group {
    /// Asks every member to end. Those that are stopped go on to hear of it.
    pub(in crate::run) fn terminate(&self) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
    }

    /// Ends every member.
    pub(in crate::run) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = *number {
            signal_child(number, signal);
        }
    }
}

/// Signals the group that a child was started in, and the child itself wherever it is: it may have joined another group
/// since. The child must not be reaped yet, so that its number is its own.
pub(in crate::run) fn signal_child(child: Pid, signal: Signal) {
    // Nobody may be left in the group, and a member may refuse signals by being another user's.
    let _ = kill_process_group(child, signal);
    // A child that is still in its group would get the signal twice, and could take that for haste.
    if getpgid(Some(child)).is_ok_and(|group| group != child) {
        let _ = kill_process(child, signal);
    }
}

/// A channel for libtest's log, made before the child that will write into it.
pub(in crate::run) struct Log {
    /// The name under which the child opens it.
    pub path: PathBuf,
    reader: LogReader,
}

struct LogReader {
    reader: File,
    /// Holds the pipe open until the child has opened it; then it is `/dev/null`, and keeps its number.
    writer: OwnedFd,
    is_open: bool,
    /// Its name in the file system, if it has one, until the child has opened it.
    name: Option<Name>,
    /// The child has closed it, too.
    ended: bool,
}

impl LogReader {
    fn pollable(&self) -> Option<BorrowedFd<'_>> {
        (!self.ended).then(|| self.reader.as_fd())
    }

    fn close_name(&mut self) -> io::Result<()> {
        let null = File::options().write(true).open("/dev/null")?;
        rustix::io::dup2(null, &mut self.writer)?;
        rustix::io::fcntl_setfd(&self.writer, rustix::io::FdFlags::CLOEXEC)?;
        self.name = None;
        self.is_open = true;
        Ok(())
    }

    fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.reader.read(&mut buffer) {
                Ok(0) => {
                    self.ended = self.is_open;
                    return Ok(());
                }
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Log {
    /// Makes one. Its name may have to lie in a folder; `None` where that cannot be.
    pub(in crate::run) fn new(folder: &Path) -> io::Result<Option<Self>> {
        if knows_us() { Self::by_descriptor().map(Some) } else { Self::by_name(folder) }
    }

    fn by_descriptor() -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let (reader, writer) = descriptors::pipe()?;
        set_nonblocking(reader.as_fd())?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd()).into();
        let reader = OwnedFd::from(reader).into();
        Ok(Self { path, reader: LogReader { reader, writer: writer.into(), is_open: false, name: None, ended: false } })
    }

    fn by_name(folder: &Path) -> io::Result<Option<Self>> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = folder.join(format!("log-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        // Not every file system has such things.
        let Ok(()) = std::fs::create_dir_all(folder).and_then(|()| make_fifo(&path)) else { return Ok(None) };
        let name = Some(Name(path.clone()));
        // A FIFO opens for reading before there is a writer only if nobody wants to wait.
        let reader = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
        let writer = File::options().write(true).open(&path)?;
        let reader = LogReader { reader, writer: writer.into(), is_open: false, name, ended: false };
        Ok(Some(Self { path, reader }))
    }
}

/// A name in the file system that goes with this.
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // In the end the whole folder goes.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn make_fifo(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with a zero.
    match unsafe { libc::mkfifo(path.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Becomes readable when the child is gone, without reaping it: the child's own descriptor, or where the system has no such
/// thing, the end of a pipe whose other end a thread holds until the child is gone.
struct ExitWatch(OwnedFd);

impl ExitWatch {
    fn of(child: Pid) -> io::Result<Self> {
        match descriptor_of(child) {
            Some(descriptor) => Ok(Self(descriptor)),
            None => Self::by_thread(child),
        }
    }

    fn by_thread(child: Pid) -> io::Result<Self> {
        let (reader, writer) = descriptors::pipe()?;
        let wait = move || {
            while let Err(Errno::INTR) = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
            drop(writer);
        };
        // In a panic the writer goes as well; the child is then waited for when it is reaped.
        threads::start("exit", wait, drop)?;
        Ok(Self(reader.into()))
    }
}

/// Kernels before 5.3, and emulators, lack the call.
#[cfg(target_os = "linux")]
fn descriptor_of(child: Pid) -> Option<OwnedFd> {
    // How often it is tried, and how long one waits each time.
    const TRIES: usize = 1000;
    const PAUSE: Duration = Duration::from_millis(5);
    for _ in 0..TRIES {
        match rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty()) {
            Ok(descriptor) => return Some(descriptor),
            // The child runs already, so it has to wait for others that just start: they give back some soon.
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => std::thread::park_timeout(PAUSE),
            Err(_) => break,
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn descriptor_of(_child: Pid) -> Option<OwnedFd> {
    None
}

/// Writes a file in a folder that tests know of. If one of them has put a fifo there, that is an error and no reason to wait.
pub(in crate::run) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut options = File::options();
    options.write(true).create(true).truncate(true).custom_flags(nonblocking);
    options.open(path)?.write_all(text.as_bytes())
}

fn set_nonblocking(fd: BorrowedFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_and_a_fifo_in_its_place_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (file, fifo) = (folder.path().join("file"), folder.path().join("fifo"));
        write_file(&file, "long text").unwrap();
        write_file(&file, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        let name = std::ffi::CString::new(fifo.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: it is a string with an end.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert!(write_file(&fifo, "text").is_err());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a child is what is tested")]
    fn a_log_is_written_under_either_name_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("made");
        let by_name = || Log::by_name(&inside).unwrap().unwrap();
        for make in [&|| Log::by_descriptor().unwrap(), &by_name as &dyn Fn() -> Log] {
            let log = make();
            let name = log.path.clone();
            let mut command = Command::new("sh");
            command.args(["-c", "echo ok a > \"$0\"; echo said; read line"]).arg(&log.path);
            let mut child = spawn(command, Some(log), Stdin::Lifeline).unwrap();
            let everything = Ready { text: true, log: true, gone: true };
            while child.read_text(&mut [0; 64]).unwrap() == 0 {
                child.wait(everything, None).unwrap();
            }
            child.log_is_open().unwrap();
            assert!(child.stdout_is_text() || !knows_us());
            assert_eq!(inside.read_dir().into_iter().flatten().count(), 0);
            let mut written = Vec::new();
            child.read_log(&mut written).unwrap();
            assert_eq!(written, b"ok a\n");
            // Another program that knows the name.
            std::fs::write(&name, "ok b\n").unwrap();
            written.clear();
            child.read_log(&mut written).unwrap();
            assert!(written.is_empty(), "{written:?}");
            drop(child.take_lifeline());
            while !child.wait(everything, None).unwrap().gone {}
            assert_eq!(child.reap().unwrap(), Exit::Code(1));
        }
        assert!(Log::by_name(Path::new("/dev/null/no-folder")).unwrap().is_none());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a child is what is tested")]
    fn a_thread_notices_the_end_as_well_as_a_descriptor_and_leaves_the_reaping() {
        for watch in [ExitWatch::of, ExitWatch::by_thread] {
            let mut child = Command::new("true").spawn().unwrap();
            let watch = watch(Pid::from_child(&child)).unwrap();
            let mut fds = [PollFd::from_borrowed_fd(watch.0.as_fd(), PollFlags::IN)];
            assert_eq!(poll(&mut fds, None).unwrap(), 1);
            assert!(child.wait().unwrap().success());
        }
    }
}
