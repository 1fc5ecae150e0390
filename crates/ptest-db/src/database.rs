//! What both kinds of database have in common: tests borrow clones of a template.

use std::path::Path;

use crate::error::Error;

/// What a clone is borrowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Nothing is committed, so the clone may serve again.
    RollBack,
    /// Nothing is to be committed, but nobody sees whether it is.
    RollBackUnseen,
    /// The clone serves once.
    Commit,
}

/// A kind of database: [`Pg`](crate::postgres::Pg) or [`Sqlite`](crate::sqlite::Sqlite). Only this crate implements it.
pub trait Database: private::Sealed + Clone + Send + Sized + 'static {
    #[doc(hidden)]
    type Clone: Borrowed;

    #[doc(hidden)]
    fn borrow_clone(&self, purpose: Purpose) -> Result<Self::Clone, Error>;

    /// A path that no other context's databases have.
    #[doc(hidden)]
    fn identity(&self) -> &Path;

    /// Whether a process may keep a connection that no test uses.
    #[doc(hidden)]
    fn keeps_connections(&self) -> bool;
}

/// A clone of the template that nobody else has. It is removed when this is dropped.
pub trait Borrowed: Send + Sync + 'static {
    /// What drivers connect to.
    fn address(&self) -> &str;

    /// It is as it was, and may serve again.
    fn give_back(self);

    /// It is as it was, and stays here for the next test. If there is none, it may serve again elsewhere.
    fn rest(&mut self);

    /// Another test begins to use it. `false` if it is gone.
    fn resume(&mut self) -> bool;
}

pub(crate) mod private {
    pub trait Sealed {}
}
