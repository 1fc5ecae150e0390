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
    type Connection: Send + 'static;

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

    /// Rolls the transaction back: with `ROLLBACK`, unless the driver has to know. (`diesel` has to if its connections are
    /// [renewed](Self::renew): call `rollback_transaction` of its transaction manager.)
    ///
    /// # Errors
    ///
    /// Whatever the driver says; then the test fails.
    fn roll_back(connection: &mut Self::Connection) -> Result<(), BoxError> {
        Self::execute(connection, "ROLLBACK")
    }

    /// Makes a connection whose transaction was rolled back as good as new, so that the next test of this process need not
    /// connect. Whatever outlives a transaction has to be undone: session settings, locks, what the driver itself keeps.
    /// `true` if that was done; unless this is written, the connection is closed. On PostgreSQL
    /// [`postgres::RENEW`](crate::postgres::RENEW) is the statement for it.
    ///
    /// # Errors
    ///
    /// Whatever the driver says; then the connection is closed.
    fn renew(_connection: &mut Self::Connection) -> Result<bool, BoxError> {
        Ok(false)
    }

    /// Whether the test's only connection is this one, so that its end tells what has become of the transaction.
    #[doc(hidden)]
    const IS_THE_CONNECTION: bool = true;
}

/// In place of a [`Driver`], for tests that connect themselves, as those of async drivers do, inside of their runtime:
/// `TxDb<Url>` gives the address alone. Begin a transaction, and do not commit it: with the connection it is rolled back.
///
/// ```no_run
/// # mod tests {
/// # mod sqlx { // stands for the real one
/// #     pub struct PgConnection;
/// #     pub struct Transaction;
/// #     impl PgConnection {
/// #         pub async fn connect(_: &str) -> Result<Self, std::io::Error> { Ok(Self) }
/// #         pub async fn begin(&mut self) -> Result<Transaction, std::io::Error> { Ok(Transaction) }
/// #     }
/// # }
/// use ptest_db::Url;
/// use ptest_db::postgres::TxDb;
///
/// # fn block_on<F: Future>(_: F) {}
/// #[ptest::test(block_on = block_on)]
/// async fn reads(db: TxDb<Url>) -> Result<(), std::io::Error> {
///     let mut connection = sqlx::PgConnection::connect(&db).await?;
///     let mut transaction = connection.begin().await?;
///     // ... and what is done with `&mut *transaction` is rolled back when it is dropped.
/// #   drop(&mut transaction);
///     Ok(())
/// }
/// # }
/// ```
///
/// On PostgreSQL a commit that would change a table fails, by a trigger that each table of such a clone has: "... takes a
/// `CommitDb`". (Once a table was changed, the trigger also keeps it from being altered or truncated in the same
/// transaction.) So does one of a `TRUNCATE` and, where the tests' user is a superuser, as on a private server, one of a
/// change of the schema. On SQLite each test has a fresh copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl std::ops::Deref for Url {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Driver for Url {
    type Connection = Self;
    const IS_THE_CONNECTION: bool = false;

    fn open(address: &str) -> Result<Self, BoxError> {
        Ok(Self(address.to_owned()))
    }

    fn execute(_: &mut Self, _: &str) -> Result<(), BoxError> {
        Ok(())
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

    fn renew(connection: &mut Self) -> Result<bool, BoxError> {
        connection.batch_execute(crate::postgres::RENEW)?;
        // A test may have changed a type, and that was rolled back.
        connection.clear_type_cache();
        Ok(true)
    }
}
