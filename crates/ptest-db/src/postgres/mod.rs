//! PostgreSQL. The server clones the template; the process that holds the context passes the clones to the tests.
//!
//! `PTEST_PG_URL` names the server, `postgresql://user:password@host:port/postgres`. Its user needs the right to create
//! databases. Without the variable a private server is started, with the `initdb` and `postgres` on the `PATH` or where
//! distributions install them. It does not sync anything to disk, and stops when the run ends. If there is neither, the setup
//! fails with a message that says how to install PostgreSQL.

mod broker;
mod budget;
mod clones;
mod programs;
mod remains;
mod server;
mod session;
mod template;
mod url;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::database::{Database, Purpose, private};
use crate::driver::Driver;
use crate::error::Error;

pub use broker::Lent;
pub use template::{Migrated, Template};

pub(crate) use server::end_server_in;

/// A clone of the PostgreSQL database for one test, and a connection inside of a transaction that is rolled back. The
/// connection is a `postgres::Client`, or that of another [`Driver`]. See [`crate::TxDb`].
pub type TxDb<D = ::postgres::Client> = crate::TxDb<Pg, D>;

/// A clone of the PostgreSQL database for one test that commits. See [`crate::CommitDb`].
pub type CommitDb = crate::CommitDb<Pg>;

/// The statements that reset a session after its transaction, for [`Driver::renew`]. They do the same as `DISCARD ALL`, except
/// that statements which the driver has prepared stay, so that it can use them again.
///
/// A custom setting such as `app.tenant` remains known to a session in which it was ever set: afterwards it is empty, not NULL.
/// Code that distinguishes the two needs a [`Driver`] whose connections are not renewed.
pub const RENEW: &str = "
SET SESSION AUTHORIZATION DEFAULT;
RESET ALL;
CLOSE ALL;
UNLISTEN *;
SELECT pg_advisory_unlock_all();
DISCARD TEMP;
DISCARD SEQUENCES;
DO $body$
DECLARE prepared text;
BEGIN
    FOR prepared IN SELECT name FROM pg_prepared_statements WHERE from_sql LOOP
        EXECUTE format('DEALLOCATE %I', prepared);
    END LOOP;
END
$body$";

/// The PostgreSQL databases of a context. A `#[setup(shared)]` returns it, wrapped in [`ptest::Shared`].
///
/// ```no_run
/// # mod orders {
/// use postgres::{Client, NoTls};
/// use ptest_db::postgres::{CommitDb, Pg, TxDb};
///
/// #[ptest::setup(shared)]
/// fn pg() -> Result<ptest::Shared<Pg>, ptest_db::Error> {
///     let migration = |url: &str| Client::connect(url, NoTls)?.batch_execute("CREATE TABLE orders (id serial)");
///     Pg::template("orders").migrate(migration).start()
/// }
/// # }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pg {
    server: url::ServerUrl,
    broker: PathBuf,
    connections: usize,
    /// Whether each worker may keep a connection for its next test.
    keeps: bool,
}

impl Pg {
    /// Starts the description of the database that tests get clones of. The name appears in error messages.
    #[must_use]
    pub fn template(name: &str) -> Template {
        Template::new(name)
    }

    /// Returns a clone with a transaction that is rolled back. Tests usually take it as a parameter, `db: TxDb`.
    ///
    /// # Errors
    ///
    /// If the server cannot make a clone, or the driver cannot connect to it.
    pub fn begin<D: Driver>(&self) -> Result<TxDb<D>, Error> {
        TxDb::begin(self)
    }

    /// Returns a clone to commit to. Tests usually take it as a parameter, `db: CommitDb`.
    ///
    /// # Errors
    ///
    /// If the server cannot make a clone.
    pub fn commit(&self) -> Result<CommitDb, Error> {
        CommitDb::borrow(self, self.connections)
    }
}

impl private::Sealed for Pg {}

impl Database for Pg {
    type Clone = Lent;

    fn borrow_clone(&self, purpose: Purpose) -> Result<Lent, Error> {
        broker::borrow_clone(&self.broker, purpose, &self.server)
    }

    fn identity(&self) -> &Path {
        &self.broker
    }

    fn keeps_connections(&self) -> bool {
        self.keeps
    }
}

impl crate::CommitDb<Pg> {
    /// The URL that drivers connect to, `postgresql://...`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.address
    }

    /// How many connections this test may have at a time, in all its processes together. It is a good size for a pool.
    ///
    /// The connections that the server allows are divided evenly among the workers, so that none has too few because of
    /// another.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }
}

impl ptest::FromContext for crate::CommitDb<Pg> {
    fn from_context() -> Self {
        ptest::cx::<Pg>().commit().unwrap_or_else(|error| error.fail_test())
    }
}
