//! Databases for tests: each test gets a database of its own, a clone of a template that is migrated once per run.
//!
//! | a test takes | it gets | afterwards |
//! |---|---|---|
//! | a [`TxDb`] | a connection inside of a transaction | the transaction is rolled back, and the clone serves the next test |
//! | a [`CommitDb`] | an address that any number of connections and processes can use and commit to | the clone is removed |
//!
//! Both come from a context that is set up once per run: [`sqlite::Sqlite`] with the feature `sqlite`,
//! [`postgres::Pg`] with the feature `postgres`. No feature is on by default. The code under test keeps its own driver,
//! blocking or async: see [`Driver`] and [`Url`].
//!
//! The ideas come from Django's `TestCase` and `TransactionTestCase`, pytest-django and `sqlx::test`. What is different: clones
//! are made ahead of time, by the process that holds the context; a test that commits by mistake fails; and the next run
//! removes whatever a killed run left behind.

#![cfg_attr(
    not(all(feature = "postgres", feature = "sqlite")),
    allow(dead_code, reason = "each kind of database uses only some of the shared code"),
    allow(rustdoc::broken_intra_doc_links, reason = "each kind of database is there only with its feature")
)]

#[cfg(not(unix))]
compile_error!("ptest-db works on Unix");

mod commit;
mod database;
mod driver;
mod error;
mod kept;
mod os;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod place;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod tx;

pub use commit::CommitDb;
pub use database::Database;
pub use driver::{Driver, Url};
pub use error::{BoxError, Error};
pub use tx::TxDb;
