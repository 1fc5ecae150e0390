//! A connection serves one test after another, and none finds what another one has left.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use ptest::{setup, test};
use ptest_db::postgres::{Pg, TxDb};
use ptest_db::{BoxError, Driver};

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

const DATABASE: &str = "SELECT current_database()::text";

/// What was committed to on the way is nobody's clone any more.
#[test]
fn a_clone_that_was_committed_to_on_a_kept_connection_serves_nobody(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    drop(pg.begin::<Client>()?);
    let mut second: TxDb = pg.begin()?;
    let spoilt = text(&mut second, DATABASE);
    second.batch_execute("INSERT INTO notes DEFAULT VALUES; COMMIT")?;
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(second)));
    assert!(failed.is_err(), "it says that the transaction was ended");
    let mut others: Vec<TxDb> = (0..3).map(|_| pg.begin()).collect::<Result<_, _>>()?;
    let databases: Vec<String> = others.iter_mut().map(|db| text(db, DATABASE)).collect();
    assert!(!databases.contains(&spoilt), "{spoilt} among {databases:?}");
    Ok(())
}

struct Another;

impl Driver for Another {
    type Connection = Client;

    fn open(address: &str) -> Result<Client, BoxError> {
        <Client as Driver>::open(address)
    }

    fn execute(connection: &mut Client, sql: &str) -> Result<(), BoxError> {
        <Client as Driver>::execute(connection, sql)
    }
}

#[test]
fn who_needs_another_connection_closes_one_that_nobody_uses(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    let mut first: TxDb = pg.begin()?;
    let of_first = session(&mut first);
    drop(first);
    let mut other: TxDb<Another> = pg.begin()?;
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    let deadline = Instant::now() + Duration::from_secs(60);
    while other.query_one(alive, &[&of_first])?.get::<_, i64>(0) > 0 {
        assert!(Instant::now() < deadline, "the first one is open still");
    }
    Ok(())
}

#[test]
fn where_a_driver_cannot_work_a_kept_connection_fails_the_test_and_not_the_process(pg: &Pg) -> Result<(), BoxError> {
    let _turn = turn();
    drop(pg.begin::<Client>()?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let begun =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(async { pg.begin::<Client>() })));
    assert!(begun.is_err());
    let db: TxDb = pg.begin()?;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(async { drop(db) })));
    assert!(dropped.is_err());
    drop(pg.begin::<Client>()?);
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
