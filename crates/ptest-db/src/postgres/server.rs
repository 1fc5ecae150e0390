//! A private server: started for one run, keeps nothing safe, gone with the run.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::programs::{self, User};
use super::session;
use super::url::ServerUrl;
use crate::error::{Error, Trying};
use crate::os;

/// The folders of the server in the run's, for its data and its socket.
const DATA: &str = "data";
const SOCKET: &str = "socket";
const LOG: &str = "log";

/// How long the server may take to start, and to end once it was asked to.
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(5);

/// Keeps the server from outliving the process that started it, however that ends: its stdin is a pipe, which ends then.
/// A server that was killed leaves its own file behind, which tells what else it has left.
const GUARD: &str = r#"
data=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ cat <&3; kill -QUIT "$server"; } >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$server"
kill "$guard" 2>/dev/null
[ -e "$data/postmaster.pid" ] || rm -rf "$data"
"#;

/// A server that ends when this is dropped.
pub(super) struct Server {
    guard: Child,
    folder: std::path::PathBuf,
    pub(super) url: ServerUrl,
}

impl Server {
    /// Starts a server in a folder, which allows so many connections.
    pub(super) fn start(folder: &Path, connections: usize) -> Result<Self, Error> {
        let programs = programs::folder()?;
        let user = programs::unprivileged()?;
        for name in [DATA, SOCKET] {
            make_folder(&folder.join(name), user)
                .trying(|| format!("cannot create {}", folder.join(name).display()))?;
        }
        initialise(&programs, folder, user)?;
        let guard = spawn(&programs, folder, user, connections)
            .trying(|| format!("cannot start {}", programs.join("postgres").display()))?;
        let socket = folder.join(SOCKET);
        let socket = socket.to_str().ok_or_else(|| Error::new("the path of its socket is not UTF-8; set TMPDIR"))?;
        let mut server = Self { guard, folder: folder.to_owned(), url: ServerUrl::of_socket(socket, "postgres") };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let Err(error) = session::open(&self.url, "postgres") else { return Ok(()) };
            // Its guard ends when it does.
            let ended = self.guard.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join(DATA).join(LOG)).unwrap_or_default();
                let what = if ended { "ended" } else { "did not become ready" };
                return Err(Error::caused(format!("the private PostgreSQL {what}; its log: {log}"), error));
            }
            // There is no event to wait for: the server is ready when it lets somebody in.
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn make_folder(path: &Path, user: Option<User>) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)?;
    match user {
        Some(User { user, group }) => std::os::unix::fs::chown(path, Some(user), Some(group)),
        None => Ok(()),
    }
}

fn initialise(programs: &Path, folder: &Path, user: Option<User>) -> Result<(), Error> {
    let program = programs.join("initdb");
    let output = programs::command(&program, user)
        .arg("--pgdata")
        .arg(folder.join(DATA))
        // Whoever can reach the socket is this user, or root.
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .stdin(Stdio::null())
        .output()
        .trying(|| format!("cannot run {}", program.display()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::new(format!(
            "{} failed ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}

fn spawn(programs: &Path, folder: &Path, user: Option<User>, connections: usize) -> std::io::Result<Child> {
    let data = folder.join(DATA);
    let settings = [
        "listen_addresses=".to_owned(),
        format!("max_connections={connections}"),
        // A test's data need not outlive a power failure.
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "wal_level=minimal".to_owned(),
        "max_wal_senders=0".to_owned(),
        // What is written ahead is nothing that anybody will read.
        "min_wal_size=32MB".to_owned(),
        "max_wal_size=64MB".to_owned(),
        // It would be at work in templates while they are to be cloned.
        "autovacuum=off".to_owned(),
        // Otherwise it keeps a core busy for every clone.
        "jit=off".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "logging_collector=off".to_owned(),
    ];
    let mut command = programs::command(Path::new("/bin/sh"), user);
    command.args(["-c", GUARD, "ptest-db"]).arg(&data);
    command.arg(programs.join("postgres")).arg("-D").arg(&data).arg("-k").arg(folder.join(SOCKET));
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let log = fs::File::create(data.join(LOG))?;
    // Whoever ends this process's group is not to end the guard before its work is done.
    command.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()
}

impl Drop for Server {
    fn drop(&mut self) {
        // The guard asks the server to end.
        drop(self.guard.stdin.take());
        let deadline = Instant::now() + END_LIMIT;
        while self.guard.try_wait().is_ok_and(|status| status.is_none()) {
            if Instant::now() > deadline {
                os::kill(-self.guard.id().cast_signed(), libc::SIGKILL);
                drop(self.guard.wait());
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        end_server_in(&self.folder);
    }
}

/// Ends a server that a killed run has left in its folder, and removes what the kernel keeps of one that was killed.
pub(crate) fn end_server_in(folder: &Path) {
    let data = folder.join(DATA);
    let Ok(said) = fs::read_to_string(data.join("postmaster.pid")) else { return };
    let lines: Vec<&str> = said.lines().collect();
    // What makes the data folder writes its number with a minus in front.
    let process = lines.first().and_then(|line| line.trim().parse::<i32>().ok()).map(i32::abs);
    let Some(process) = process.filter(|it| *it > 1) else { return end_orphans(&data) };
    for (signal, limit) in [(libc::SIGQUIT, END_LIMIT), (libc::SIGKILL, END_LIMIT)] {
        if is_server(process, &data) {
            os::kill(process, signal);
        }
        let deadline = Instant::now() + limit;
        while is_server(process, &data) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    end_orphans(&data);
    // The seventh line names the System V segment that guards the data folder.
    let mut numbers = lines.get(6).into_iter().flat_map(|line| line.split_whitespace()).map(str::parse::<i32>);
    if let (Some(Ok(key)), Some(Ok(id))) = (numbers.next(), numbers.next())
        && data.join("postmaster.pid").exists()
    {
        os::remove_segment(key, id);
    }
}

/// Ends the sessions of a server that was killed. One that is making a clone does not notice before it is done, and
/// would go on to write into the folder. They have it as their working directory, where one can see that.
fn end_orphans(data: &Path) {
    if !os::proc_knows_us() {
        return;
    }
    let works_here = |process: &i32| {
        let is_postgres =
            fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|it| it.trim_end() == "postgres");
        is_postgres && fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|folder| folder == data)
    };
    let orphans = || {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.filter_map(|it| it.file_name().to_str()?.parse().ok()).filter(works_here).collect::<Vec<i32>>()
    };
    let deadline = Instant::now() + END_LIMIT;
    loop {
        let left = orphans();
        if left.is_empty() || Instant::now() > deadline {
            return;
        }
        left.into_iter().for_each(|process| os::kill(process, libc::SIGKILL));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is the server of this data folder, and not one that has got its number since.
fn is_server(process: i32, data: &Path) -> bool {
    if Path::new("/proc/self/cmdline").exists() && !os::proc_knows_us() {
        return false;
    }
    let arguments = fs::read(format!("/proc/{process}/cmdline")).or_else(|error| {
        // Where there is no such file system, there is this program.
        if Path::new("/proc/self/cmdline").exists() {
            return Err(error);
        }
        let output = std::process::Command::new("ps").args(["-o", "args=", "-p", &process.to_string()]).output()?;
        Ok(output.stdout)
    });
    let data = data.as_os_str().as_encoded_bytes();
    arguments.is_ok_and(|arguments| arguments.windows(data.len()).any(|part| part == data))
}
