//! Tests whose changes are rolled back.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::database::{Borrowed, Database, Purpose};
use crate::driver::Driver;
use crate::error::{BoxError, Error, Trying};

/// Set right behind `BEGIN`: whether it is still there at the end tells whether the transaction is.
const MARK: &str = "ptest_begin";

/// A database for one test, in a transaction that is rolled back after it.
///
/// It is a clone of the template that no other test has at the same time, and a connection to it, inside of a
/// transaction: what this dereferences to. Afterwards the clone serves the next test; so this is the quick one of the two.
/// Code that commits, or needs more than one connection, is for a [`CommitDb`](crate::CommitDb): a test that ends the
/// transaction fails, and says so.
///
/// Usually written as [`postgres::TxDb`](crate::postgres::TxDb) or [`sqlite::TxDb`](crate::sqlite::TxDb).
///
/// What is not committed can be seen by no other process, so this cannot be handed to one:
///
/// ```compile_fail,E0277
/// use ptest_db::postgres::TxDb;
///
/// fn pay(_: TxDb) {}
///
/// fn pays_once(db: TxDb) {
///     let _ = ptest::call_concurrently(2, pay, db); // TxDb is not Serialize
/// }
/// ```
///
/// while a `CommitDb` can:
///
/// ```
/// use ptest_db::postgres::CommitDb;
///
/// fn pay(_: CommitDb) {}
///
/// fn pays_once(db: CommitDb) {
///     let _ = ptest::call_concurrently(2, pay, db);
/// }
/// ```
///
/// Of what a transaction does not undo, sequences matter most: the next test gets higher numbers.
pub struct TxDb<B: Database, D: Driver> {
    connection: Option<D::Connection>,
    clone: Option<B::Clone>,
}

impl<B: Database, D: Driver> TxDb<B, D> {
    pub(crate) fn begin(database: &B) -> Result<Self, Error> {
        let purpose = if D::IS_THE_CONNECTION { Purpose::RollBack } else { Purpose::RollBackUnseen };
        let clone = database.borrow_clone(purpose)?;
        let address = clone.address();
        let mut connection = D::open(address).trying(|| format!("cannot connect to {address}"))?;
        let begun = D::begin(&mut connection).and_then(|()| D::execute(&mut connection, &format!("SAVEPOINT {MARK}")));
        begun.trying(|| "cannot begin the test's transaction".to_owned())?;
        Ok(Self { connection: Some(connection), clone: Some(clone) })
    }
}

impl<B: Database, D: Driver> ptest::FromContext for TxDb<B, D> {
    fn from_context() -> Self {
        Self::begin(&ptest::cx::<B>()).unwrap_or_else(|error| error.fail_test())
    }
}

impl<B: Database, D: Driver> Deref for TxDb<B, D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        self.connection.as_ref().expect("it is there until the drop")
    }
}

impl<B: Database, D: Driver> DerefMut for TxDb<B, D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        self.connection.as_mut().expect("it is there until the drop")
    }
}

impl<B: Database, D: Driver> fmt::Debug for TxDb<B, D> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let address = self.clone.as_ref().map(Borrowed::address);
        f.debug_struct("TxDb").field("address", &address).finish_non_exhaustive()
    }
}

impl<B: Database, D: Driver> Drop for TxDb<B, D> {
    fn drop(&mut self) {
        let (Some(mut connection), Some(clone)) = (self.connection.take(), self.clone.take()) else { return };
        let rolled_back = roll_back::<D>(&mut connection);
        drop(connection);
        match rolled_back {
            Ok(()) => clone.give_back(),
            Err(error) => {
                // Nobody is to find what was committed.
                drop(clone);
                if !std::thread::panicking() {
                    Error::caused(
                        "the transaction of this TxDb was ended by the test, so what it did may be committed: code that \
                         commits needs a CommitDb (or a driver whose transactions can be nested)",
                        error,
                    )
                    .fail_test();
                }
            }
        }
    }
}

fn roll_back<D: Driver>(connection: &mut D::Connection) -> Result<(), BoxError> {
    D::execute(connection, &format!("ROLLBACK TO SAVEPOINT {MARK}"))?;
    D::execute(connection, "ROLLBACK")
}
