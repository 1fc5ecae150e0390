//! How tests talk to their databases: through whatever driver the code under test uses.

use crate::error::BoxError;

/// How a [`TxDb`](crate::TxDb) connects, which is the user's choice.
///
/// With the feature `postgres` it is there for `postgres::Client`. For other drivers it is a few lines in the tests' own
/// code, on a type of their own, so that this crate depends on no version of any driver:
///
/// ```
/// # mod rusqlite { // stands for the real one
/// #     pub struct Connection;
/// #     #[derive(Debug)] pub struct Error;
/// #     impl std::fmt::Display for Error { fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result { Ok(()) } }
/// #     impl std::error::Error for Error {}
/// #     impl Connection {
/// #         pub fn open(_: &str) -> Result<Self, Error> { Ok(Self) }
/// #         pub fn execute_batch(&self, _: &str) -> Result<(), Error> { Ok(()) }
/// #     }
/// # }
/// use ptest_db::{BoxError, Driver};
///
/// struct Rusqlite;
///
/// impl Driver for Rusqlite {
///     type Connection = rusqlite::Connection;
///
///     fn open(address: &str) -> Result<Self::Connection, BoxError> {
///         Ok(rusqlite::Connection::open(address)?)
///     }
///
///     fn execute(connection: &mut Self::Connection, sql: &str) -> Result<(), BoxError> {
///         Ok(connection.execute_batch(sql)?)
///     }
/// }
/// ```
pub trait Driver: 'static {
    /// What the test gets: it is inside of a transaction.
    type Connection;

    /// Connects to a database: of PostgreSQL this is a URL, of SQLite the path of a file.
    ///
    /// # Errors
    ///
    /// Whatever the driver says; then the test fails.
    fn open(address: &str) -> Result<Self::Connection, BoxError>;

    /// Executes a statement without parameters and results, such as `BEGIN`.
    ///
    /// # Errors
    ///
    /// Whatever the driver says.
    fn execute(connection: &mut Self::Connection, sql: &str) -> Result<(), BoxError>;

    /// Begins the transaction: with `BEGIN`, unless the driver has to know. (`diesel` has to, so that transactions of the
    /// code under test become savepoints: call `begin_test_transaction`.)
    ///
    /// # Errors
    ///
    /// Whatever the driver says; then the test fails.
    fn begin(connection: &mut Self::Connection) -> Result<(), BoxError> {
        Self::execute(connection, "BEGIN")
    }
}

#[cfg(all(feature = "postgres", unix))]
impl Driver for postgres::Client {
    type Connection = Self;

    fn open(address: &str) -> Result<Self, BoxError> {
        Ok(Self::connect(address, postgres::NoTls)?)
    }

    fn execute(connection: &mut Self, sql: &str) -> Result<(), BoxError> {
        Ok(connection.batch_execute(sql)?)
    }
}
