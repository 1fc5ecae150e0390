//! The bank on SQLite, with rusqlite.

use std::path::Path;
use std::time::Duration;

use ptest::{setup, test};
use ptest_db::sqlite::{CommitDb, Sqlite, TxDb};
use ptest_db::{BoxError, Driver};
use rusqlite::{Connection, Result, TransactionBehavior};

const TRANSFERS: i64 = 50;
const CALLS: i64 = 5;

struct Rusqlite;

impl Driver for Rusqlite {
    type Connection = Connection;

    fn open(address: &str) -> Result<Connection, BoxError> {
        Ok(Connection::open(address)?)
    }

    fn execute(connection: &mut Connection, sql: &str) -> Result<(), BoxError> {
        Ok(connection.execute_batch(sql)?)
    }
}

fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(20))?;
    connection.pragma_update(None, "synchronous", "off")?;
    Ok(connection)
}

fn migrate(path: &Path) -> Result<()> {
    open(path)?.execute_batch(
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
         INSERT INTO accounts VALUES (1, 1000000), (2, 0);",
    )
}

fn balance(connection: &Connection, account: i64) -> Result<i64> {
    connection.query_row("SELECT balance FROM accounts WHERE id = ?1", [account], |row| row.get(0))
}

/// Between reading and writing there is room for somebody else.
fn transfer_racily(connection: &Connection, amount: i64) -> Result<()> {
    let (from, to) = (balance(connection, 1)?, balance(connection, 2)?);
    connection.execute("UPDATE accounts SET balance = ?1 WHERE id = 1", [from - amount])?;
    connection.execute("UPDATE accounts SET balance = ?1 WHERE id = 2", [to + amount])?;
    Ok(())
}

/// The same, with the database to itself.
fn transfer(connection: &mut Connection, amount: i64) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transfer_racily(&transaction, amount)?;
    transaction.commit()
}

fn many_racy_transfers(db: CommitDb) -> Result<(), String> {
    let connection = open(db.path()).map_err(|error| error.to_string())?;
    (0..TRANSFERS).try_for_each(|_| transfer_racily(&connection, 1)).map_err(|error| error.to_string())
}

fn many_transfers(db: CommitDb) -> Result<(), String> {
    let mut connection = open(db.path()).map_err(|error| error.to_string())?;
    (0..TRANSFERS).try_for_each(|_| transfer(&mut connection, 1)).map_err(|error| error.to_string())
}

#[setup(shared)]
fn sqlite() -> Result<ptest::Shared<Sqlite>, ptest_db::Error> {
    Sqlite::template("bank").migrate(migrate).start()
}

#[test]
fn a_transfer_moves_money(db: TxDb<Rusqlite>) {
    transfer_racily(&db, 100).unwrap();
    assert_eq!(balance(&db, 2).unwrap(), 100);
}

#[test]
fn there_is_no_money_at_first(db: TxDb<Rusqlite>) {
    assert_eq!(balance(&db, 2).unwrap(), 0);
}

#[test]
fn money_is_lost_if_nobody_locks(db: CommitDb) {
    let results = ptest::call_concurrently(5, many_racy_transfers, db.clone());
    assert!(results.iter().all(|result| matches!(result, Ok(Ok(())))), "{results:?}");
    assert!(balance(&open(db.path()).unwrap(), 2).unwrap() < CALLS * TRANSFERS);
}

#[test]
fn no_money_is_lost_with_a_lock(db: CommitDb) {
    let results = ptest::call_concurrently(5, many_transfers, db.clone());
    assert!(results.iter().all(|result| matches!(result, Ok(Ok(())))), "{results:?}");
    assert_eq!(balance(&open(db.path()).unwrap(), 2).unwrap(), CALLS * TRANSFERS);
}
