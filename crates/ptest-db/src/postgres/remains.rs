//! What the databases of a run are called, and how those of killed runs are found.
//!
//! Their names tell the run, and in which database its lock is: the session of a living run holds it, and the server
//! takes it from a session that is gone. So whoever can take it may drop what has its name.
//!
//! A session that is making a clone does not notice that its run was killed before the clone is there. Such sessions go by
//! the name of the run as well, and are ended first.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use postgres::Client;

use super::session::{lock_number, quoted};
use crate::error::{Error, Trying};
use crate::place::Id;

/// How long a session may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);

/// `ptest_OID_RUN_`, for the OID of the database in which sessions meet.
pub(super) fn prefix(client: &mut Client, run: Id) -> Result<String, Error> {
    Ok(format!("{}{run}_", common(client)?))
}

/// What the names of all runs that meet in a database begin with.
pub(super) fn common(client: &mut Client) -> Result<String, Error> {
    let row = client.query_one("SELECT oid FROM pg_database WHERE datname = current_database()", &[]);
    let oid: u32 = row.trying(|| "cannot ask for the number of a database".to_owned())?.get(0);
    Ok(format!("ptest_{oid}_"))
}

/// Takes the lock of a run, as long as the session lasts.
pub(super) fn hold(client: &mut Client, run: Id) -> Result<(), Error> {
    let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock_number(run.number())]);
    match row.trying(|| "cannot take the lock of the run".to_owned())?.get(0) {
        true => Ok(()),
        false => Err(Error::new("another run has the same number; try again")),
    }
}

/// Drops the databases of runs that are gone. One that cannot be dropped is left to the next run.
///
/// The server takes a moment to notice that a run was killed. So where one whose folder would be in `folders` has none
/// there, its lock is waited for that long.
pub(super) fn remove(client: &mut Client, folders: &Path, moment: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + moment;
    let common = common(client)?;
    let mut names = databases(client, &common)?;
    names.extend(makers(client, &common)?);
    let run_of =
        |name: &String| name[common.len()..].split('_').next().filter(|run| run.len() == 12).map(str::to_owned);
    let runs: BTreeSet<String> = names.iter().filter_map(run_of).collect();
    for run in runs {
        let Ok(number) = u64::from_str_radix(&run, 16) else { continue };
        let lock = lock_number(number);
        let mut is_free = || {
            let taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock]);
            taken.is_ok_and(|row| row.get(0))
        };
        let mut taken = is_free();
        while !taken && !folders.join(&run).exists() && Instant::now() < deadline {
            // Nothing tells when it has noticed.
            std::thread::sleep(Duration::from_millis(5));
            taken = is_free();
        }
        if taken {
            let prefix = format!("{common}{run}_");
            end_makers(client, &prefix);
            for name in databases(client, &prefix)? {
                drop(drop_database(client, &name));
            }
            drop(client.execute("SELECT pg_advisory_unlock($1)", &[&lock]));
        }
    }
    Ok(())
}

/// The names of the sessions that make clones, of runs that begin so.
fn makers(client: &mut Client, prefix: &str) -> Result<Vec<String>, Error> {
    let all = "SELECT application_name FROM pg_stat_activity WHERE starts_with(application_name, $1)";
    let rows = client.query(all, &[&prefix]).trying(|| "cannot list the sessions".to_owned())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Ends what still makes clones for a run that is gone, and waits for it.
fn end_makers(client: &mut Client, prefix: &str) {
    let deadline = Instant::now() + END_LIMIT;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
    while client.query(end, &[&prefix]).is_ok_and(|ended| !ended.is_empty()) && Instant::now() < deadline {
        // Nothing tells when it is gone.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends the sessions in databases whose name begins so. To drop a database with sessions ends them, too, but waits a
/// tenth of a second for each database.
pub(super) fn end_sessions(client: &mut Client, prefix: &str) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname::text, $1)";
    // What is still there is ended when its database is dropped.
    drop(client.execute(end, &[&prefix]));
}

/// The databases whose name begins so.
pub(super) fn databases(client: &mut Client, prefix: &str) -> Result<Vec<String>, Error> {
    let rows = client.query("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1)", &[&prefix]);
    Ok(rows.trying(|| "cannot list the databases".to_owned())?.iter().map(|row| row.get(0)).collect())
}

/// Drops a database, be it a template, with all sessions in it.
pub(super) fn drop_database(client: &mut Client, name: &str) -> Result<(), postgres::Error> {
    let name = quoted(name);
    client.batch_execute(&format!("ALTER DATABASE {name} WITH IS_TEMPLATE false"))?;
    client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
}
