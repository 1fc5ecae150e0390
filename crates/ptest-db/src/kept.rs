//! Connections that wait in this process for its next test: to connect anew takes longer than most tests do.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::database::{Borrowed, Database, Purpose};
use crate::driver::Driver;

/// A connection without a transaction, with the clone that it leads to.
pub(crate) struct Kept<B: Database, D: Driver> {
    pub(crate) connection: D::Connection,
    pub(crate) clone: B::Clone,
}

/// What makes one connection as good as another.
type Key = (TypeId, PathBuf, Purpose);

type All = HashMap<Key, Vec<Box<dyn Any + Send>>>;

fn all<R>(look: impl FnOnce(&mut All) -> R) -> R {
    static ALL: Mutex<Option<All>> = Mutex::new(None);
    look(ALL.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

fn key<B: Database, D: Driver>(database: &B, purpose: Purpose) -> Key {
    (TypeId::of::<Kept<B, D>>(), database.identity().to_owned(), purpose)
}

/// Puts a connection aside.
pub(crate) fn keep<B: Database, D: Driver>(database: &B, purpose: Purpose, mut kept: Kept<B, D>) {
    kept.clone.rest();
    all(|all| all.entry(key::<B, D>(database, purpose)).or_default().push(Box::new(kept)));
}

/// One that was put aside, if there is any whose clone is there still.
pub(crate) fn take<B: Database, D: Driver>(database: &B, purpose: Purpose) -> Option<Kept<B, D>> {
    loop {
        let kept = all(|all| all.get_mut(&key::<B, D>(database, purpose))?.pop())?;
        let mut kept: Kept<B, D> = *kept.downcast().expect("its type is a part of the key");
        if kept.clone.resume() {
            return Some(kept);
        }
    }
}
