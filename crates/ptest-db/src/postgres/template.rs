//! The template: migrated once, then closed to everybody, for a session in it would keep it from being cloned.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postgres::Client;

use super::broker::Broker;
use super::budget::{self, Budget};
use super::clones::{Clones, Makers, Plan};
use super::server::Server;
use super::session::{self, apart, lock_number, quoted};
use super::url::ServerUrl;
use super::{Pg, remains};
use crate::error::{BoxError, Error, Trying};
use crate::place::Place;

/// The variable with the URL of a server.
const URL: &str = "PTEST_PG_URL";
/// How long a session of the migration may take to be gone.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// How long the server may take to notice that a run is dead.
const DYING: Duration = Duration::from_millis(300);
/// A template that is kept is dropped if no run has used it for so many seconds.
const KEPT: u64 = 7 * 24 * 60 * 60;

/// The description of the database that tests get clones of. Its content comes from [`migrate`](Self::migrate).
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    version: Option<u64>,
    connections: usize,
}

impl Template {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), version: None, connections: 5 }
    }

    /// Keeps the template for later runs, if `PTEST_PG_URL` names a server. `version` is everything that the migration depends
    /// on, such as the text of all its files: a run with the same version does not migrate again. A template that no run has
    /// used for a week is dropped. Without a version each run migrates.
    #[must_use]
    pub fn version(self, version: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        version.hash(&mut hasher);
        Self { version: Some(hasher.finish()), ..self }
    }

    /// How many connections a test needs at a time, in all its processes together. The default is 5. If the server allows fewer
    /// per worker, the setup fails, instead of tests later.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Sets the function that creates tables and first rows. It gets the URL of an empty database, and must close all its
    /// connections before it returns.
    pub fn migrate<F, E>(self, migration: F) -> Migrated<F>
    where
        F: FnOnce(&str) -> Result<(), E> + Send,
        E: Into<BoxError>,
    {
        Migrated { template: self, migration }
    }
}

/// A template with its migration, ready to [`start`](Self::start).
pub struct Migrated<F> {
    template: Template,
    migration: F,
}

impl<F> fmt::Debug for Migrated<F> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Migrated").field("template", &self.template).finish_non_exhaustive()
    }
}

/// What stays in the process that holds the context. The fields are dropped in this order: with a server of our own ends
/// what the makers are at, which nobody is going to need.
struct Guard {
    _broker: Broker,
    _server: Option<Server>,
    _makers: Makers,
    _databases: Databases,
    _place: Place,
}

/// The databases of a run. Its lock lasts as long as the session.
struct Databases {
    client: Option<Client>,
    prefix: String,
    /// Where the folders of all runs of this user are.
    folders: PathBuf,
    /// A server of our own is gone with all that is in it.
    own_server: bool,
}

impl Drop for Databases {
    fn drop(&mut self) {
        let Some(mut client) = self.client.take() else { return };
        apart(move || {
            if !self.own_server {
                remains::end_sessions(&mut client, &self.prefix);
                for name in remains::databases(&mut client, &self.prefix).unwrap_or_default() {
                    if let Err(error) = remains::drop_database(&mut client, &name) {
                        eprintln!("ptest-db: cannot drop {name}, which the next run will: {error}");
                    }
                }
                // A run that was killed right before this one began may have been taken for alive.
                drop(remains::remove(&mut client, &self.folders, DYING));
            }
            drop(client);
        });
    }
}

impl<F> Migrated<F> {
    /// Connects to the server or starts one, runs the migration, and starts to make clones. Return the result from a
    /// `#[setup(shared)]`.
    ///
    /// # Errors
    ///
    /// If there is no server, if it allows too few connections, or if the migration fails or leaves a session open.
    pub fn start<E>(self) -> Result<ptest::Shared<Pg>, Error>
    where
        F: FnOnce(&str) -> Result<(), E> + Send,
        E: Into<BoxError>,
    {
        let (pg, guard) = apart(|| self.start_apart())?;
        Ok(ptest::Shared::new(pg).keep(guard))
    }

    fn start_apart<E>(self) -> Result<(Pg, Guard), Error>
    where
        F: FnOnce(&str) -> Result<(), E>,
        E: Into<BoxError>,
    {
        let Self { template, migration } = self;
        let place = Place::new()?;
        let workers = workers();
        let said = budget::said(std::env::var_os(budget::VARIABLE))?;
        let (server, own) = if let Ok(url) = std::env::var(URL) {
            (ServerUrl::parse(&url).trying(|| format!("{URL} cannot be used"))?, None)
        } else {
            let each = said.unwrap_or(0).max(template.connections);
            let server = Server::start(&place.path, budget::allowed_for(workers, each))?;
            (server.url.clone(), Some(server))
        };
        let (mut client, meeting) = session::meeting(&server)?;
        remains::hold(&mut client, place.id)?;
        let folders = place.path.parent().unwrap_or(&place.path).to_owned();
        remains::remove(&mut client, &folders, Duration::ZERO)?;
        let Budget { connections, keeps } =
            budget::of_workers(budget::allowed(&mut client)?, template.connections, said, workers)?;
        let prefix = remains::prefix(&mut client, place.id)?;
        let own_server = own.is_some();
        let mut databases = Databases { client: Some(client), prefix: prefix.clone(), folders, own_server };
        let client = databases.client.as_mut().expect("it was put there");
        let name = make(client, &server, &template, &prefix, own.is_some(), migration)?;
        let version: String =
            client.query_one("SHOW server_version_num", &[]).map_or_else(|_| String::new(), |row| row.get(0));
        let plan = Plan {
            server: server.clone(),
            meeting,
            template: name,
            // Until this version the server knows no other way.
            strategy: if version.parse().unwrap_or(0) >= 150_000 { "STRATEGY FILE_COPY" } else { "" },
            prefix,
            connections,
            workers,
            // They go with the server; until then each takes some megabytes, perhaps of memory.
            dead: if own.is_some() { 8 } else { 0 },
        };
        let (clones, makers) = Clones::start(plan)?;
        let path = place.path.join("broker");
        let broker = Broker::start(path.clone(), clones)?;
        let pg = Pg { server, broker: path, connections, keeps };
        Ok((pg, Guard { _broker: broker, _makers: makers, _databases: databases, _server: own, _place: place }))
    }
}

/// How many tests may run at the same time.
fn workers() -> usize {
    let said = ["PTEST_WORKERS", "NEXTEST_TEST_THREADS", "RUST_TEST_THREADS"]
        .iter()
        .find_map(|name| std::env::var(name).ok()?.parse().ok().filter(|count| *count > 0));
    said.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1)
}

/// The name of a template that is ready to be cloned.
fn make<E: Into<BoxError>>(
    client: &mut Client,
    server: &ServerUrl,
    template: &Template,
    prefix: &str,
    own_server: bool,
    migration: impl FnOnce(&str) -> Result<(), E>,
) -> Result<String, Error> {
    let Some(version) = template.version.filter(|_| !own_server) else {
        let name = format!("{prefix}template");
        build(client, server, &name, template, migration)?;
        return Ok(name);
    };
    let common = format!("{}template_", remains::common(client)?);
    remove_old(client, &common)?;
    let readable = template.name.to_lowercase().replace(|it: char| !it.is_ascii_alphanumeric(), "_");
    let readable: String = readable.chars().take(16).collect();
    let name = format!("{common}{readable}_{version:016x}");
    let lock = lock_of(&name);
    // One builds, the others wait, then all use it.
    let locked = client.execute("SELECT pg_advisory_lock($1)", &[&lock]);
    locked.trying(|| format!("cannot take the lock of {name}"))?;
    let found = client.query_opt("SELECT datistemplate FROM pg_database WHERE datname = $1", &[&name]);
    let ready = match found.trying(|| format!("cannot look for {name}"))? {
        Some(row) if row.get(0) => true,
        // Whoever built it did not come to the end.
        Some(_) => {
            remains::drop_database(client, &name).trying(|| format!("cannot drop {name}"))?;
            false
        }
        None => false,
    };
    if !ready {
        build(client, server, &name, template, migration)?;
    }
    let seconds = now();
    let noted = client.batch_execute(&format!(
        "COMMENT ON DATABASE {} IS 'ptest template, last used {seconds}';
         SELECT pg_advisory_lock_shared({lock});
         SELECT pg_advisory_unlock({lock})",
        quoted(&name)
    ));
    noted.trying(|| format!("cannot note that {name} is in use"))?;
    Ok(name)
}

fn lock_of(name: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    lock_number(hasher.finish())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Drops templates that were kept, and that nobody has used for long.
fn remove_old(client: &mut Client, common: &str) -> Result<(), Error> {
    for name in remains::databases(client, common)? {
        let lock = lock_of(&name);
        let taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock]);
        if !taken.is_ok_and(|row| row.get(0)) {
            continue;
        }
        let comment = client
            .query_opt("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", &[&name]);
        let used: Option<u64> =
            comment.ok().flatten().and_then(|row| row.get::<_, Option<String>>(0)?.rsplit(' ').next()?.parse().ok());
        // One without a comment is one whose build was not finished.
        if used.is_none_or(|used| used + KEPT < now()) {
            drop(remains::drop_database(client, &name));
        }
        drop(client.execute("SELECT pg_advisory_unlock($1)", &[&lock]));
    }
    Ok(())
}

/// Makes a database, migrates it and closes it.
fn build<E: Into<BoxError>>(
    client: &mut Client,
    server: &ServerUrl,
    name: &str,
    template: &Template,
    migration: impl FnOnce(&str) -> Result<(), E>,
) -> Result<(), Error> {
    let quoted = quoted(name);
    let made = client.batch_execute(&format!("CREATE DATABASE {quoted}"));
    made.trying(|| format!("cannot create a database on {server:?}; its user needs the right to (CREATEDB)"))?;
    migration(&server.of(name)).trying(|| format!("the migration of the template {} failed", template.name))?;
    let closed = client.batch_execute(&format!("ALTER DATABASE {quoted} WITH ALLOW_CONNECTIONS false"));
    closed.trying(|| format!("cannot close {name}"))?;
    let deadline = Instant::now() + CLOSE_LIMIT;
    loop {
        let open = sessions(client, name)?;
        if open.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            return Err(Error::new(format!(
                "the migration of the template {} left {} open on it, so it cannot be cloned: {}. Close all connections \
                 before the migration returns (a pool by its `close`)",
                template.name,
                if open.len() == 1 { "a session".to_owned() } else { format!("{} sessions", open.len()) },
                open.join("; ")
            )));
        }
        // A session takes a moment to be gone after its connection was closed, and nothing tells when.
        std::thread::sleep(Duration::from_millis(5));
    }
    let finished = client.batch_execute(&format!("ALTER DATABASE {quoted} WITH IS_TEMPLATE true"));
    finished.trying(|| format!("cannot make {name} a template"))
}

/// The sessions in a database, in words.
fn sessions(client: &mut Client, name: &str) -> Result<Vec<String>, Error> {
    let rows = client.query(
        "SELECT format('process %s, application %L, last query %L', pid, application_name, left(query, 60))
         FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'",
        &[&name],
    );
    Ok(rows.trying(|| format!("cannot list the sessions in {name}"))?.iter().map(|row| row.get(0)).collect())
}
