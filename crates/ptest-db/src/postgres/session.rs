//! Sessions that administer a server.

use postgres::{Client, NoTls};

use super::url::ServerUrl;
use crate::error::{Error, Trying};

/// What the lock's number begins with: `pt`.
const LOCKS: u64 = 0x7074 << 48;

/// Does something where no async runtime is: the blocking client has one itself, and two don't go together, not even to
/// close a connection.
pub(super) fn apart<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

pub(super) fn open(server: &ServerUrl, database: &str) -> Result<Client, postgres::Error> {
    named("ptest-db", server, database)
}

/// A session that others can tell by its name.
pub(super) fn named(name: &str, server: &ServerUrl, database: &str) -> Result<Client, postgres::Error> {
    let mut config: postgres::Config = server.of(database).parse()?;
    config.application_name(name).connect_timeout(std::time::Duration::from_secs(10));
    config.connect(NoTls)
}

/// The database in which sessions see each other's locks, which are of one database. If all use the server's own, they do.
pub(super) fn meeting(server: &ServerUrl) -> Result<(Client, String), Error> {
    let usual = open(server, "postgres").map(|client| (client, "postgres".to_owned()));
    let named = server.database().to_owned();
    let client = usual.or_else(|error| match named == "postgres" || error.as_db_error().is_none() {
        true => Err(error),
        false => open(server, &named).map(|client| (client, named)),
    });
    client.trying(|| format!("cannot connect to {server:?}"))
}

/// The number of a lock; the same number is the same lock.
pub(super) fn lock_number(number: u64) -> i64 {
    (LOCKS | number & (u64::MAX >> 16)).cast_signed()
}

/// Puts a name into a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
