//! What goes wrong with databases in tests, and what is said then. Servers that are given are this run's own one.

use std::path::PathBuf;

use postgres::{Client, NoTls};
use ptest::{setup, test};
use ptest_db::postgres::{CommitDb, Pg};
use ptest_db::sqlite::Sqlite;
use rusqlite::Connection;

#[setup(shared)]
fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
    Pg::template("traps").migrate(|_| Ok::<_, String>(())).start()
}

/// The text of an error.
fn text<T>(result: Result<T, ptest_db::Error>) -> String {
    result.err().map_or_else(|| "no error".to_owned(), |error| format!("{error:?}"))
}

fn close_no_session(_: ()) -> String {
    let mut left = None;
    let migration = |url: &str| {
        left = Some(Client::connect(url, NoTls)?);
        Ok::<_, postgres::Error>(())
    };
    text(Pg::template("left").migrate(migration).start())
}

#[test]
fn a_session_that_is_left_on_the_template_is_named(db: CommitDb) {
    let error = on_server(db.url(), ptest::calls![close_no_session(())]);
    assert!(error.contains("left a session open") && error.contains("Close all connections"), "{error}");
}

fn need_many_connections(_: ()) -> String {
    text(Pg::template("many").connections(1000).migrate(|_| Ok::<_, String>(())).start())
}

#[test]
fn too_few_connections_are_known_before_the_first_test(db: CommitDb) {
    let error = on_server(db.url(), ptest::calls![need_many_connections(())]);
    assert!(error.contains("too few connections") && error.contains("Raise max_connections"), "{error}");
}

fn just_start(_: ()) -> String {
    text(Pg::template("start").migrate(|_| Ok::<_, String>(())).start())
}

#[test]
fn a_share_of_the_connections_that_cannot_be_is_known_too(db: CommitDb) {
    let start_with = |share: &str| {
        let calls = ptest::make_concurrent_calls(ptest::calls![just_start(())]).env("PTEST_PG_URL", db.url());
        calls.env("PTEST_DB_CONNS", share).run().remove(0).unwrap()
    };
    let error = start_with("1000000");
    assert!(error.contains("PTEST_DB_CONNS=1000000 is more") && error.contains("Lower PTEST_DB_CONNS"), "{error}");
    let error = start_with("1");
    assert!(error.contains("PTEST_DB_CONNS=1, and a test needs 5"), "{error}");
    let error = start_with("some");
    assert!(error.contains("PTEST_DB_CONNS=\"some\" is not a number") && error.contains("unset it"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named(_db: CommitDb) {
    let error = on_server("postgresql://me:secret@127.0.0.1:1/postgres", ptest::calls![just_start(())]);
    assert!(error.contains("cannot connect to postgresql://127.0.0.1:1") && !error.contains("secret"), "{error}");
    let error = on_server("host=localhost", ptest::calls![just_start(())]);
    assert!(error.contains("PTEST_PG_URL cannot be used") && error.contains("postgresql://user"), "{error}");
}

/// Also says which database it was.
fn fail_to_migrate(_: ()) -> String {
    let mut name = String::new();
    let migration = |url: &str| {
        url.clone_into(&mut name);
        Client::connect(url, NoTls)?.batch_execute("CREATE TABEL orders ()")
    };
    let error = text(Pg::template("wrong").migrate(migration).start());
    format!("{name}: {error}")
}

#[test]
fn a_migration_that_fails_says_why_and_leaves_nothing(db: CommitDb) {
    let error = on_server(db.url(), ptest::calls![fail_to_migrate(())]);
    assert!(error.contains("the migration of the template wrong failed") && error.contains("TABEL"), "{error}");
    assert!(!exists(&db, database_in(&error)));
}

/// Says whether it migrated.
fn migrate_one_version(_: ()) -> String {
    let mut migrated = false;
    let migration = |_: &str| {
        migrated = true;
        Ok::<_, String>(())
    };
    let started = Pg::template("Kept").version("CREATE TABLE orders ()").migrate(migration).start();
    started.map_or_else(|error| format!("{error:?}"), |_| format!("migrated: {migrated}"))
}

#[test]
fn of_runs_at_the_same_time_one_makes_the_template_that_is_kept(db: CommitDb) {
    let calls = ptest::calls![migrate_one_version(())].repeat(3);
    let mut said = ptest::make_concurrent_calls(calls).env("PTEST_PG_URL", db.url()).run();
    said.sort_by_key(|said| said.as_ref().ok().cloned());
    let said: Vec<String> = said.into_iter().map(Result::unwrap).collect();
    assert_eq!(said, ["migrated: false", "migrated: false", "migrated: true"]);
    assert_eq!(on_server(db.url(), ptest::calls![migrate_one_version(())]), "migrated: false");
}

/// The name in the first URL.
fn database_in(text: &str) -> &str {
    let name = &text[text.find("ptest_").expect("there is a name in it")..];
    &name[..name.find("_template").expect("it is that of a template") + "_template".len()]
}

fn exists(db: &CommitDb, name: &str) -> bool {
    let mut client = Client::connect(db.url(), NoTls).unwrap();
    client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name]).unwrap().is_some()
}

fn die(_: ()) {
    let migration = |url: &str| {
        eprintln!("{url}");
        Ok::<_, String>(())
    };
    let _started = Pg::template("dies").migrate(migration).start().unwrap();
    std::process::abort()
}

#[test]
fn the_next_run_drops_the_databases_of_one_that_died(db: CommitDb) {
    let died = ptest::make_concurrent_calls(ptest::calls![die(())]).env("PTEST_PG_URL", db.url()).run().remove(0);
    let Err(ptest::CallError::Exited { stderr, .. }) = died else { panic!("{died:?}") };
    // Another test's run may have been the next one already; this one is in any case.
    assert_eq!(on_server(db.url(), ptest::calls![just_start(())]), "no error");
    assert!(!exists(&db, database_in(&stderr)));
}

fn on_server(url: &str, calls: ptest::Calls<String>) -> String {
    ptest::make_concurrent_calls(calls).env("PTEST_PG_URL", url).run().remove(0).unwrap()
}

#[test]
fn sqlite_in_memory_is_in_no_other_process() {
    let migration = |_: &std::path::Path| Connection::open_in_memory()?.execute_batch("CREATE TABLE orders (id)");
    let error = text(Sqlite::template("memory").migrate(migration).start());
    assert!(error.contains("in-memory") && error.contains("open the path"), "{error}");
}

#[test]
fn a_write_ahead_log_in_use_is_not_left_out() {
    let mut left = None;
    let migration = |path: &std::path::Path| {
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE orders (id)")?;
        left = Some(connection);
        Ok::<_, rusqlite::Error>(())
    };
    let error = text(Sqlite::template("wal").migrate(migration).start());
    assert!(error.contains("write-ahead log") && error.contains("Close all connections"), "{error}");
}

#[test]
fn a_closed_write_ahead_log_is_no_problem() {
    let migration = |path: &std::path::Path| {
        Connection::open(path)?.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE orders (id)")
    };
    assert_eq!(text(Sqlite::template("wal").migrate(migration).start()), "no error");
}

#[test]
fn a_transaction_that_is_left_open_is_not_copied_in_half() {
    let mut left = None;
    let migration = |path: &std::path::Path| {
        let connection = Connection::open(path)?;
        connection.execute_batch("CREATE TABLE orders (id); BEGIN; INSERT INTO orders VALUES (1)")?;
        connection.cache_flush()?;
        left = Some(connection);
        Ok::<_, rusqlite::Error>(())
    };
    let error = text(Sqlite::template("open").migrate(migration).start());
    assert!(error.contains("left a transaction open"), "{error}");
}

#[test]
fn what_is_no_database_is_refused() {
    let migration = |path: &std::path::Path| std::fs::write(path, "CREATE TABLE orders (id)");
    let error = text(Sqlite::template("text").migrate(migration).start());
    assert!(error.contains("not an SQLite database"), "{error}");
    let migration = |path: &std::path::Path| std::fs::rename(path, PathBuf::from(path).with_extension("gone"));
    assert!(text(Sqlite::template("gone").migrate(migration).start()).contains("cannot read"));
}
