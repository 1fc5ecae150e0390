//! How tests talk to their databases: through whatever driver the code under test uses.

use crate::error::BoxError;

/// How a [`TxDb`](crate::TxDb) connects, starts a transaction and rolls it back.
///
/// With the feature `postgres` it is implemented for `postgres::Client`. For other blocking drivers, implement it in your
/// tests, on a type of your own, so that this crate depends on no version of your driver. For async drivers see [`Url`].
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
    /// The type of the connection that the test gets.
    type Connection: Send + 'static;

    /// Connects to a database. `address` is a URL for PostgreSQL, and the path of a file for SQLite.
    ///
    /// # Errors
    ///
    /// Those of the driver. Then the test fails.
    fn open(address: &str) -> Result<Self::Connection, BoxError>;

    /// Executes a statement without parameters and results, such as `BEGIN`.
    ///
    /// # Errors
    ///
    /// Those of the driver.
    fn execute(connection: &mut Self::Connection, sql: &str) -> Result<(), BoxError>;

    /// Starts the transaction, by default with `BEGIN`. Override it if the driver has to know of the transaction. (For
    /// `diesel` call `begin_test_transaction`, so that transactions of the code under test become savepoints.)
    ///
    /// # Errors
    ///
    /// Those of the driver. Then the test fails.
    fn begin(connection: &mut Self::Connection) -> Result<(), BoxError> {
        Self::execute(connection, "BEGIN")
    }

    /// Rolls the transaction back, by default with `ROLLBACK`. Override it if the driver has to know. (For `diesel`, if its
    /// connections are [renewed](Self::renew), call `rollback_transaction` of its transaction manager.)
    ///
    /// # Errors
    ///
    /// Those of the driver. Then the test fails.
    fn roll_back(connection: &mut Self::Connection) -> Result<(), BoxError> {
        Self::execute(connection, "ROLLBACK")
    }

    /// Resets a connection after its transaction was rolled back, so that the next test in this process can use it. Everything
    /// that outlives a transaction has to be undone: session settings, locks, and what the driver itself keeps. On PostgreSQL,
    /// [`postgres::RENEW`](crate::postgres::RENEW) is the statement for that.
    ///
    /// Returns whether the connection can be used again. By default it cannot, and is closed.
    ///
    /// # Errors
    ///
    /// Those of the driver. Then the connection is closed.
    fn renew(_connection: &mut Self::Connection) -> Result<bool, BoxError> {
        Ok(false)
    }

    /// Whether the test's only connection is this one, so that its end tells what has become of the transaction.
    #[doc(hidden)]
    const IS_THE_CONNECTION: bool = true;
}

/// For tests that connect themselves, as tests with async drivers have to, inside of their runtime: `TxDb<Url>` contains only
/// the address, and dereferences to it.
///
/// Start a transaction and do not commit it. It is rolled back when the connection is closed.
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
/// On PostgreSQL, a commit that changes a table fails with "... takes a `CommitDb`", because each table of such a clone has a
/// trigger. (Once a table was changed, the trigger also prevents that it is altered or truncated in the same transaction.) A
/// commit of a `TRUNCATE` fails as well and, if the tests' user is a superuser, as on a private server, so does a commit of a
/// change of the schema. On SQLite each test has a fresh copy, so a commit does no harm.
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
