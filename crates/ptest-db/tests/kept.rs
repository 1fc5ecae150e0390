//! A connection serves one test after another, and none finds what another one has left.

use std::sync::{Mutex, MutexGuard, PoisonError};

use postgres::{Client, NoTls};
use ptest::{setup, test};
use ptest_db::BoxError;
use ptest_db::postgres::{Pg, TxDb};

#[setup(shared)]
fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
    let migration = |url: &str| Client::connect(url, NoTls)?.batch_execute("CREATE TABLE notes (id serial)");
    Pg::template("kept").migrate(migration).start()
}

/// The tests of this file look at which connection they get, so one at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn session(db: &mut Client) -> i32 {
    db.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}

fn text(db: &mut Client, sql: &str) -> String {
    db.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn what_outlives_a_transaction_is_undone_for_the_next_test(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    let mut first: TxDb = pg.begin()?;
    let of_first = session(&mut first);
    let usual = text(&mut first, "SHOW lock_timeout");
    first.batch_execute("PREPARE \"my own\" AS SELECT 1; SELECT pg_advisory_lock(7); LISTEN news")?;
    first.batch_execute(
        "CREATE TEMPORARY TABLE mine (); INSERT INTO notes DEFAULT VALUES; SELECT currval('notes_id_seq')",
    )?;
    first.batch_execute(
        "SET lock_timeout = '7s'; SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    )?;
    drop(first);
    let mut second: TxDb = pg.begin()?;
    assert_eq!(session(&mut second), of_first, "it is the same connection");
    assert_eq!(text(&mut second, "SHOW lock_timeout"), usual);
    assert_eq!(text(&mut second, "SHOW transaction_isolation"), "read committed");
    let left = "SELECT concat_ws(' ', (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
                                      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
                                      (SELECT count(*) FROM pg_listening_channels()),
                                      (SELECT count(*) FROM notes),
                                      to_regclass('mine'))";
    assert_eq!(text(&mut second, left), "0 0 0 0");
    assert!(second.batch_execute("SELECT currval('notes_id_seq')").is_err(), "it is of the test before");
    Ok(())
}

#[test]
fn a_connection_that_has_died_meanwhile_is_replaced(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    let mut first: TxDb = pg.begin()?;
    let of_first = session(&mut first);
    drop(first);
    let mut other = Client::connect(pg.commit()?.url(), NoTls)?;
    other.execute("SELECT pg_terminate_backend($1, 10000)", &[&of_first])?;
    let mut second: TxDb = pg.begin()?;
    assert_ne!(session(&mut second), of_first);
    Ok(())
}

#[test]
fn a_test_that_failed_hands_its_connection_to_nobody(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    let mut of_first = 0;
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut first: TxDb = pg.begin().unwrap();
        of_first = session(&mut first);
        panic!("the test fails");
    }));
    assert!(failed.is_err());
    let mut second: TxDb = pg.begin()?;
    assert_ne!(session(&mut second), of_first);
    Ok(())
}

#[test]
fn two_at_a_time_have_two_databases(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    let (mut first, mut second): (TxDb, TxDb) = (pg.begin()?, pg.begin()?);
    assert_ne!(
        text(&mut first, "SELECT current_database()::text"),
        text(&mut second, "SELECT current_database()::text")
    );
    Ok(())
}
