//! `ptest-db` with the feature `sqlite`, and no driver.

use std::path::Path;

use ptest::{Shared, setup, test};
use ptest_db::sqlite::{CommitDb, Sqlite};

/// The smallest file that says that it is a database.
fn migrate(path: &Path) -> std::io::Result<()> {
    let mut page = vec![0; 512];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&512_u16.to_be_bytes());
    std::fs::write(path, page)
}

#[setup(shared)]
fn sqlite() -> Result<Shared<Sqlite>, ptest_db::Error> {
    Sqlite::template("alone").migrate(migrate).start()
}

#[test]
fn gets_a_copy(database: CommitDb) {
    assert!(std::fs::read(database.path()).unwrap().starts_with(b"SQLite"));
}
