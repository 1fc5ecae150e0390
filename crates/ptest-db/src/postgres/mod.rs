//! PostgreSQL: a database is cloned by the server, in the process that holds the context, which hands the clones out.
//!
//! Where the server comes from: `PTEST_PG_URL` names one, `postgresql://user:password@host:port/postgres`, whose user may
//! create databases. Without it a private server is started from the `initdb` and `postgres` that are on the `PATH` or
//! where distributions put them; it keeps nothing safe and is gone with the run. Where there is neither, the setup fails
//! and says what to do.

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

/// A clone of the PostgreSQL database for one test, and a connection inside of a transaction that is rolled back:
/// [`crate::TxDb`] says more. The connection is a `postgres::Client`, or that of another [`Driver`].
pub type TxDb<D = ::postgres::Client> = crate::TxDb<Pg, D>;

/// A clone of the PostgreSQL database for one test that commits. [`crate::CommitDb`] says more.
pub type CommitDb = crate::CommitDb<Pg>;

/// Undoes in a session what the end of its transaction does not: what [`Driver::renew`] executes. It is what `DISCARD ALL`
/// does, but for the statements that the driver has prepared and may use again.
///
/// A setting of one's own, `app.tenant` for example, stays known to a session in which it was ever set: it is empty then,
/// and not NULL. Code that tells these apart needs a [`Driver`] whose connections are not renewed.
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

/// The PostgreSQL databases of a context: what a `#[setup(shared)]` returns.
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
    /// Begins to describe the database that all tests get clones of. The name is for people.
    #[must_use]
    pub fn template(name: &str) -> Template {
        Template::new(name)
    }

    /// A clone with a transaction that is rolled back; a test usually takes it as a parameter.
    ///
    /// # Errors
    ///
    /// If the server makes no clone, or the driver cannot connect to it.
    pub fn begin<D: Driver>(&self) -> Result<TxDb<D>, Error> {
        TxDb::begin(self)
    }

    /// A clone to commit to; a test usually takes it as a parameter.
    ///
    /// # Errors
    ///
    /// If the server makes no clone.
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
    /// What drivers connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.address
    }

    /// How many connections this test may have at a time, in all its processes: what the server allows is divided among
    /// the workers, so that none takes what another one needs. It is a good size for a pool.
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
