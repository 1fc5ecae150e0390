//! `ptest-db` with the feature `postgres`: only compiled, since its tests start a server.

use postgres::{Client, NoTls};
use ptest::{Shared, setup, test};
use ptest_db::postgres::{Pg, TxDb};

#[setup(shared)]
fn pg() -> Result<Shared<Pg>, ptest_db::Error> {
    let migrate = |url: &str| Client::connect(url, NoTls)?.batch_execute("CREATE TABLE orders (id serial)");
    Pg::template("alone").migrate(migrate).start()
}

#[test]
fn gets_a_connection(mut database: TxDb) {
    database.batch_execute("SELECT 1").unwrap();
}
