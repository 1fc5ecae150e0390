//! Tests whose changes are rolled back.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::database::{Borrowed, Database, Purpose};
use crate::driver::Driver;
use crate::error::{BoxError, Error, Trying};
use crate::kept::{self, Kept};

/// Set right behind `BEGIN`: whether it is still there at the end tells whether the transaction is.
const MARK: &str = "ptest_begin";

/// A database for one test, and a connection to it inside of a transaction that is rolled back after the test.
///
/// It dereferences to the connection. The database is a clone of the template that no other test uses at the same time.
/// Afterwards the clone serves the next test, and so does the connection, if that test runs in the same process and the driver
/// can [renew](Driver::renew) it. So this is the faster of the two kinds. Use a [`CommitDb`](crate::CommitDb) for code that
/// commits or needs more than one connection: a test that ends the transaction of a `TxDb` fails.
///
/// Usually written as [`postgres::TxDb`](crate::postgres::TxDb) or [`sqlite::TxDb`](crate::sqlite::TxDb).
///
/// No other process can see what is not committed, so a `TxDb` cannot be passed to one:
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
/// A rollback does not undo everything. Most notably, sequences go on: the next test gets higher numbers.
pub struct TxDb<B: Database, D: Driver> {
    database: B,
    /// There until the drop.
    kept: Option<Kept<B, D>>,
}

fn purpose<D: Driver>() -> Purpose {
    if D::IS_THE_CONNECTION { Purpose::RollBack } else { Purpose::RollBackUnseen }
}

impl<B: Database, D: Driver> TxDb<B, D> {
    pub(crate) fn begin(database: &B) -> Result<Self, Error> {
        let kept = match Self::again(database) {
            Some(kept) => kept,
            None => Self::connect(database)?,
        };
        Ok(Self { database: database.clone(), kept: Some(kept) })
    }

    /// With a connection that was kept, if it has not died since: its server may have been started again, for example.
    fn again(database: &B) -> Option<Kept<B, D>> {
        let mut kept = kept::take::<B, D>(database, purpose::<D>())?;
        match tried(|| begin::<D>(&mut kept.connection)) {
            Ok(begun) => begun.is_ok().then_some(kept),
            Err(panic) => {
                std::mem::forget(kept);
                resume_unwind(panic)
            }
        }
    }

    fn connect(database: &B) -> Result<Kept<B, D>, Error> {
        let clone = database.borrow_clone(purpose::<D>())?;
        let address = clone.address();
        let mut connection = D::open(address).trying(|| format!("cannot connect to {address}"))?;
        begin::<D>(&mut connection).trying(|| "cannot begin the test's transaction".to_owned())?;
        Ok(Kept { connection, clone })
    }
}

fn begin<D: Driver>(connection: &mut D::Connection) -> Result<(), BoxError> {
    D::begin(connection)?;
    D::execute(connection, &format!("SAVEPOINT {MARK}"))
}

impl<B: Database, D: Driver> ptest::FromContext for TxDb<B, D> {
    fn from_context() -> Self {
        Self::begin(&ptest::cx::<B>()).unwrap_or_else(|error| error.fail_test())
    }
}

impl<B: Database, D: Driver> Deref for TxDb<B, D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        &self.kept.as_ref().expect("it is there until the drop").connection
    }
}

impl<B: Database, D: Driver> DerefMut for TxDb<B, D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        &mut self.kept.as_mut().expect("it is there until the drop").connection
    }
}

impl<B: Database, D: Driver> fmt::Debug for TxDb<B, D> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let address = self.kept.as_ref().map(|kept| kept.clone.address());
        f.debug_struct("TxDb").field("address", &address).finish_non_exhaustive()
    }
}

impl<B: Database, D: Driver> Drop for TxDb<B, D> {
    fn drop(&mut self) {
        let Some(mut kept) = self.kept.take() else { return };
        // What else a test has done to its connection that failed is not known.
        let may_keep = self.database.keeps_connections() && !std::thread::panicking();
        let ended = tried(|| {
            roll_back::<D>(&mut kept.connection)?;
            Ok::<_, BoxError>(may_keep && D::renew(&mut kept.connection).unwrap_or(false))
        });
        match ended {
            Err(panic) => {
                std::mem::forget(kept);
                if !std::thread::panicking() {
                    resume_unwind(panic);
                }
            }
            Ok(Ok(true)) => kept::keep(&self.database, purpose::<D>(), kept),
            Ok(Ok(false)) => {
                drop(kept.connection);
                kept.clone.give_back();
            }
            Ok(Err(error)) => {
                // Nobody is to find what was committed.
                drop(kept);
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
    D::roll_back(connection)
}

/// Does something with a connection. Where that panics, the driver cannot work where it is, as blocking ones cannot inside
/// of an async runtime; to close the connection would be a second panic, and the end of the process. So it is to be
/// forgotten.
fn tried<R>(work: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}
