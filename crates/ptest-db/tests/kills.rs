//! Runs that are killed, in every part, leave nothing after the next run: no database, no server, no file, no segment.
//!
//! A run is this test binary, started once more, with one test that never ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ptest_db::postgres::{CommitDb, Pg};
use ptest_db::sqlite::Sqlite;

/// The test that is killed, in its own contexts.
mod victim {
    use ptest::{setup, test};
    use ptest_db::postgres::{CommitDb, Pg, TxDb};

    #[setup(shared)]
    fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
        Pg::template("victim").migrate(|_| Ok::<_, String>(())).start()
    }

    mod inside {
        use ptest::{setup, test};
        use ptest_db::sqlite::{self, Sqlite};

        #[setup(shared)]
        fn sqlite() -> Result<ptest::Shared<Sqlite>, ptest_db::Error> {
            let migration =
                |path: &std::path::Path| rusqlite::Connection::open(path)?.execute_batch("CREATE TABLE orders (id)");
            Sqlite::template("victim").migrate(migration).start()
        }

        #[test]
        #[ignore = "it is to be killed, and does not end by itself"]
        fn never_ends(_tx: super::TxDb, pg: super::CommitDb, sqlite: sqlite::CommitDb) {
            println!("\nREADY {} {}", pg.url(), sqlite.path().display());
            loop {
                std::thread::park();
            }
        }
    }

    /// The server is this run's own; the runs that are killed find it in the variable.
    #[test]
    fn a_killed_run_leaves_no_database_on_a_server_that_is_given(db: CommitDb) {
        super::no_database_is_left(&db, super::Victim::GIVEN.len());
    }

    #[test]
    #[ignore = "it takes a minute; cargo test -p ptest-db --test kills -- --ignored fifty"]
    fn fifty_killed_runs_leave_no_database_on_a_server_that_is_given(db: CommitDb) {
        super::no_database_is_left(&db, 50);
    }
}

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// The process of the test, which under `cargo test` is the run.
    Tests,
    /// All processes that hold contexts.
    Hosts,
    /// The server, as the kernel would when memory is short.
    Server,
    /// All of it at once.
    Everything,
}

impl Victim {
    const ALL: [Self; 4] = [Self::Tests, Self::Hosts, Self::Server, Self::Everything];
    /// Where the server belongs to somebody else.
    const GIVEN: [Self; 3] = [Self::Tests, Self::Hosts, Self::Everything];
}

/// The folders of a run, of the context with PostgreSQL and of that with SQLite.
struct Run {
    tests: Child,
    /// The name of the one in PostgreSQL.
    database: String,
    postgres: PathBuf,
    sqlite: PathBuf,
}

impl Run {
    fn start() -> Self {
        Self::start_with(|command| command)
    }

    fn start_with(change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "victim::inside::never_ends", "--ignored", "--nocapture"]);
        command.env_remove("NEXTEST_RUN_ID").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut tests = change(&mut command).spawn().unwrap();
        let mut lines = BufReader::new(tests.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("READY ").map(str::to_owned));
        let line = line.expect("the test begins");
        let (url, path) = line.split_once(' ').unwrap();
        let socket = url.split(['@', '/']).find(|part| part.starts_with("%2F")).expect("the server is its own");
        let socket = PathBuf::from(socket.replace("%2F", "/"));
        let database = url.rsplit('/').next().unwrap().to_owned();
        let [postgres, sqlite] = [&*socket, Path::new(path)].map(|path| path.parent().unwrap().to_owned());
        Self { tests, database, postgres, sqlite }
    }

    fn kill(self, victim: Victim) {
        let server: i32 = self.postmaster()[0].parse().unwrap();
        self.kill_with(victim, Some(server.cast_unsigned()));
    }

    fn kill_all_but_the_server(self, victim: Victim) {
        self.kill_with(victim, None);
    }

    fn kill_with(mut self, victim: Victim, server: Option<u32>) {
        let hosts = children(self.tests.id());
        let guards = hosts.iter().flat_map(|host| children(*host));
        let tests = [self.tests.id()];
        let killed: Vec<u32> = match victim {
            Victim::Tests => tests.into(),
            Victim::Hosts => hosts.clone(),
            Victim::Server => server.into_iter().collect(),
            Victim::Everything => guards.chain(tests).chain(hosts.iter().copied()).chain(server).collect(),
        };
        assert!(!hosts.is_empty() && !killed.is_empty());
        for process in killed {
            // SAFETY: it takes two numbers; the process is of this test.
            unsafe { libc::kill(process.cast_signed(), libc::SIGKILL) };
        }
        // Without them the test would wait for ever.
        drop(self.tests.kill());
        self.tests.wait().unwrap();
        // What is left to tear down itself does so; nothing of it is ours to wait for.
        wait_until(|| !hosts.iter().any(|host| is_running(*host)));
    }

    fn postmaster(&self) -> Vec<String> {
        let text = fs::read_to_string(self.postgres.join("data/postmaster.pid")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "no end after a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stat(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Also one that is dying: its first thread may be a zombie while others still hold its files and their locks.
fn is_running(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
    stat(process).is_some_and(|(state, _)| state != "Z" || threads > 1)
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn children(parent: u32) -> Vec<u32> {
    processes().filter(|process| stat(*process).is_some_and(|(_, its)| its == parent)).collect()
}

/// Whoever has the folder in its arguments, or works in it.
fn users(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let uses = |process: &u32| {
        let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let works_in = fs::read_link(format!("/proc/{process}/cwd")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(folder) || works_in.starts_with(folder)
    };
    processes().filter(uses).filter(|process| is_running(*process)).collect()
}

fn segments() -> Vec<String> {
    let text = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned)).collect()
}

fn nothing_is_left(kills: usize) {
    for victim in Victim::ALL.into_iter().cycle().take(kills) {
        let run = Run::start();
        let (postgres, sqlite) = (run.postgres.clone(), run.sqlite.clone());
        let line = run.postmaster()[6].clone();
        let segment = line.split_whitespace().nth(1).unwrap();
        assert!(segments().iter().any(|it| it == segment));
        run.kill(victim);
        // The next run.
        let migration = |path: &Path| rusqlite::Connection::open(path)?.execute_batch("CREATE TABLE orders (id)");
        drop(Sqlite::template("next").migrate(migration).start().unwrap());
        assert!(!postgres.exists() && !sqlite.exists(), "{victim:?}: a folder is left");
        // The shell that guards the server ends a moment after it.
        wait_until(|| users(&postgres).is_empty());
        assert!(segments().iter().all(|it| it != segment), "{victim:?}: a segment is left");
    }
}

fn start_another(_: ()) {
    drop(Pg::template("next").migrate(|_| Ok::<_, String>(())).start().unwrap());
}

fn no_database_is_left(db: &CommitDb, kills: usize) {
    let mut client = postgres::Client::connect(db.url(), postgres::NoTls).unwrap();
    let mut names = |prefix: &str| -> Vec<String> {
        let all = "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)";
        client.query(all, &[&prefix]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    for victim in Victim::GIVEN.into_iter().cycle().take(kills) {
        let run = Run::start_with(|command| command.env("PTEST_PG_URL", db.url()));
        let place = run.database.match_indices('_').nth(2).expect("it is of a run").0;
        let prefix = run.database[..=place].to_owned();
        assert!(names(&prefix).len() >= 3, "a template and two clones");
        run.kill_all_but_the_server(victim);
        let next = ptest::make_concurrent_calls(ptest::calls![start_another(())]).env("PTEST_PG_URL", db.url()).run();
        next.into_iter().for_each(|next| next.unwrap());
        assert_eq!(names(&prefix), [""; 0], "{victim:?}");
    }
}

#[test]
fn a_killed_run_leaves_nothing_after_the_next_one() {
    nothing_is_left(Victim::ALL.len());
}

#[test]
#[ignore = "it takes minutes; cargo test -p ptest-db --test kills -- --ignored fifty"]
fn fifty_killed_runs_leave_nothing() {
    nothing_is_left(50);
    // A run with a server still finds everything in order.
    drop(Pg::template("next").migrate(|_| Ok::<_, String>(())).start().unwrap());
}
