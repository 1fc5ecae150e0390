//! The bank on PostgreSQL, with the `postgres` crate.

use postgres::{Client, Error, GenericClient, NoTls};
use ptest::{setup, test};
use ptest_db::postgres::{CommitDb, Pg, TxDb};

const TRANSFERS: i64 = 50;
const CALLS: i64 = 5;

fn migrate(url: &str) -> Result<(), Error> {
    Client::connect(url, NoTls)?.batch_execute(
        "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
         INSERT INTO accounts VALUES (1, 1000000), (2, 0);",
    )
}

fn balance(client: &mut impl GenericClient, account: i32) -> Result<i64, Error> {
    Ok(client.query_one("SELECT balance FROM accounts WHERE id = $1", &[&account])?.get(0))
}

/// Between reading and writing there is room for somebody else, transaction or not.
fn transfer_racily(client: &mut impl GenericClient, amount: i64) -> Result<(), Error> {
    let mut transaction = client.transaction()?;
    let (from, to) = (balance(&mut transaction, 1)?, balance(&mut transaction, 2)?);
    transaction.execute("UPDATE accounts SET balance = $1 WHERE id = 1", &[&(from - amount)])?;
    transaction.execute("UPDATE accounts SET balance = $1 WHERE id = 2", &[&(to + amount)])?;
    transaction.commit()
}

/// The same, with both accounts locked.
fn transfer(client: &mut impl GenericClient, amount: i64) -> Result<(), Error> {
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT FROM accounts WHERE id IN (1, 2) ORDER BY id FOR UPDATE", &[])?;
    let (from, to) = (balance(&mut transaction, 1)?, balance(&mut transaction, 2)?);
    transaction.execute("UPDATE accounts SET balance = $1 WHERE id = 1", &[&(from - amount)])?;
    transaction.execute("UPDATE accounts SET balance = $1 WHERE id = 2", &[&(to + amount)])?;
    transaction.commit()
}

fn many(db: &CommitDb, transfer: fn(&mut Client, i64) -> Result<(), Error>) -> Result<(), String> {
    let mut client = Client::connect(db.url(), NoTls).map_err(|error| error.to_string())?;
    (0..TRANSFERS).try_for_each(|_| transfer(&mut client, 1)).map_err(|error| error.to_string())
}

fn many_racy_transfers(db: CommitDb) -> Result<(), String> {
    many(&db, transfer_racily)
}

fn many_transfers(db: CommitDb) -> Result<(), String> {
    many(&db, transfer)
}

#[setup(shared)]
fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
    Pg::template("bank").migrate(migrate).start()
}

#[test]
fn there_is_no_money_at_first(mut db: TxDb) {
    assert_eq!(balance(&mut *db, 2).unwrap(), 0);
    db.execute("UPDATE accounts SET balance = 7", &[]).unwrap();
    assert_eq!(balance(&mut *db, 2).unwrap(), 7);
}

#[test]
fn there_is_no_money_at_second(mut db: TxDb) {
    assert_eq!(balance(&mut *db, 2).unwrap(), 0);
    db.execute("UPDATE accounts SET balance = 7", &[]).unwrap();
}

#[test]
#[should_panic(expected = "needs a CommitDb")]
fn a_transfer_that_commits_is_not_for_a_transaction_that_is_rolled_back(mut db: TxDb) {
    transfer(&mut *db, 100).unwrap();
}

#[test]
fn money_is_lost_if_nobody_locks(db: CommitDb) {
    let results = ptest::call_concurrently(5, many_racy_transfers, db.clone());
    assert!(results.iter().all(|result| matches!(result, Ok(Ok(())))), "{results:?}");
    let mut client = Client::connect(db.url(), NoTls).unwrap();
    assert!(balance(&mut client, 2).unwrap() < CALLS * TRANSFERS);
}

#[test]
fn no_money_is_lost_with_a_lock(db: CommitDb) {
    let results = ptest::call_concurrently(5, many_transfers, db.clone());
    assert!(results.iter().all(|result| matches!(result, Ok(Ok(())))), "{results:?}");
    let mut client = Client::connect(db.url(), NoTls).unwrap();
    assert_eq!(balance(&mut client, 2).unwrap(), CALLS * TRANSFERS);
}
