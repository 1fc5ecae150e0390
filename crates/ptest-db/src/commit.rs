//! Transaction tests: they commit, and several processes of theirs may.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::database::{Borrowed, Database, Purpose};
use crate::error::Error;

/// A database for one test, to be used as in production: with several connections, several processes, and commits.
///
/// It is a clone of the template that no other test ever uses, and is removed after the test. The value can be cloned and sent
/// to other processes, such as those of [`ptest::call_concurrently`]. All copies refer to the same database. It exists until
/// the value that the test got, its clones in the same process, and the calls that it was passed to are gone.
///
/// Usually written as [`postgres::CommitDb`](crate::postgres::CommitDb) or [`sqlite::CommitDb`](crate::sqlite::CommitDb),
/// which also show how to connect.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct CommitDb<B: Database> {
    pub(crate) address: String,
    pub(crate) connections: usize,
    /// In the process that borrowed it.
    #[serde(skip)]
    clone: Option<Arc<B::Clone>>,
}

impl<B: Database> CommitDb<B> {
    pub(crate) fn borrow(database: &B, connections: usize) -> Result<Self, Error> {
        let clone = database.borrow_clone(Purpose::Commit)?;
        Ok(Self { address: clone.address().to_owned(), connections, clone: Some(Arc::new(clone)) })
    }
}

impl<B: Database> Clone for CommitDb<B> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), connections: self.connections, clone: self.clone.clone() }
    }
}

impl<B: Database> fmt::Debug for CommitDb<B> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("CommitDb")
            .field("address", &self.address)
            .field("is_own", &self.clone.is_some())
            .finish_non_exhaustive()
    }
}
