//! Runs with databases that are killed, the runner or a worker or the hosts, leave nothing after the next run: no database,
//! no server, no file. (`ptest-db` tests the same for plain `cargo test`.)

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::kills::{GONE_WITHIN, LIMIT, Live, wait_until};
use crate::tool::{Tool, ptest, skipped};

/// What is killed. A run whose hosts are gone goes on as long as its tests do, so there the worker follows.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Runner,
    Worker,
    Hosts,
}

#[test]
fn a_run_that_is_killed_leaves_no_database_after_the_next_one() {
    if !has_server() {
        return skipped("runs with databases that are killed: there is no PostgreSQL");
    }
    // `PTEST_KILLS=50` takes minutes.
    let kills = std::env::var("PTEST_KILLS").map_or(3, |kills| kills.parse().expect("a number"));
    for victim in [Victim::Runner, Victim::Worker, Victim::Hosts].into_iter().cycle().take(kills) {
        let folder = tempfile::tempdir().unwrap();
        // A server that is started by root runs as somebody else.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
        let left = start_and_kill(victim, folder.path());
        tool(folder.path()).run().expect(0);
        let all = left.folders[0].parent().unwrap();
        let files: Vec<_> = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["lock"], "{victim:?}: of all runs nothing is left but what they take turns by");
        // The shell that guards the server ends a moment after it.
        wait_until(GONE_WITHIN, || !are_used(&left.folders));
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let mut segments = segments.lines().filter_map(|line| line.split_whitespace().nth(1));
        assert!(segments.all(|segment| segment != left.segment), "{victim:?}: a segment is left");
    }
}

/// What there was while the run was alive.
struct Left {
    folders: [PathBuf; 2],
    /// The number of the server's System V segment.
    segment: String,
}

fn start_and_kill(victim: Victim, folder: &Path) -> Left {
    let log = folder.join("log");
    let ready = || fs::read_to_string(&log).unwrap_or_default();
    let live = Live::start(tool(folder).args(["never_ends", "--run-ignored=all"]).env("DATABASES_LOG", &log));
    wait_until(LIMIT, || ready().contains("\ntest "));
    let log = ready();
    let said = |word: &'static str| log.lines().filter_map(move |line| line.strip_prefix(word));
    let mut words = said("test ").next().unwrap().split(' ');
    let (test, url, path) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let socket = url.split(['@', '/']).find(|part| part.starts_with("%2F")).expect("the server is its own");
    let socket = PathBuf::from(socket.replace("%2F", "/"));
    let folders = [socket.parent().unwrap().to_owned(), Path::new(path).parent().unwrap().to_owned()];
    // The seventh line of this file names it.
    let server = fs::read_to_string(folders[0].join("data/postmaster.pid")).unwrap();
    let segment = server.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();

    let kill = |process: &str| kill_process(Pid::from_raw(process.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    match victim {
        Victim::Runner => live.kill(),
        Victim::Worker => {
            kill(test);
            live.finish(100);
        }
        Victim::Hosts => {
            said("host ").for_each(kill);
            kill(test);
            live.finish(100);
        }
    }
    Left { folders, segment }
}

fn tool(temporary: &Path) -> Tool {
    // The databases of other tests' runs are none of its business.
    ptest(&["databases"]).args(["--processes=2"]).env("TMPDIR", temporary)
}

/// Whether a PostgreSQL can be started here.
pub fn has_server() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders = std::env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    folders.any(|folder| folder.join("initdb").is_file())
}

/// Whether some process has one of the folders in its arguments, or works in it.
fn are_used(folders: &[PathBuf]) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        let works_in = fs::read_link(process.path().join("cwd")).unwrap_or_default();
        folders.iter().any(|folder| arguments.contains(folder.to_str().unwrap()) || works_in.starts_with(folder))
    })
}
