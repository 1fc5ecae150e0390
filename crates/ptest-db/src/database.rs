//! What both kinds of database have in common: tests borrow clones of a template.

use crate::error::Error;

/// What a clone is borrowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Nothing is committed, so the clone may serve again.
    RollBack,
    /// Nothing is to be committed, but nobody sees whether it is.
    RollBackUnseen,
    /// The clone serves once.
    Commit,
}

/// A kind of database: [`Pg`](crate::postgres::Pg) or [`Sqlite`](crate::sqlite::Sqlite).
pub trait Database: private::Sealed + Sized + 'static {
    #[doc(hidden)]
    type Clone: Borrowed;

    #[doc(hidden)]
    fn borrow_clone(&self, purpose: Purpose) -> Result<Self::Clone, Error>;
}

/// A clone of the template that nobody else has. It is removed when this is dropped.
pub trait Borrowed: Send + Sync + 'static {
    /// What drivers connect to.
    fn address(&self) -> &str;

    /// It is as it was, and may serve again.
    fn give_back(self);
}

pub(crate) mod private {
    pub trait Sealed {}
}
