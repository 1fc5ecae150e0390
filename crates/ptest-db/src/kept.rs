//! Connections that wait in this process for its next test: to connect anew takes longer than most tests do.
//!
//! A process never has more of them open than it has used at once: who does not find what he needs closes another one.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
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

type All = BTreeMap<Key, Vec<Box<dyn Any + Send>>>;

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
    let key = key::<B, D>(database, purpose);
    while let Some(kept) = all(|all| pop(all, &key)) {
        let mut kept: Kept<B, D> = *kept.downcast().expect("its type is a part of the key");
        if kept.clone.resume() {
            return Some(kept);
        }
    }
    let another = all(|all| {
        let key = all.keys().next()?.clone();
        pop(all, &key)
    });
    if let Some(another) = another {
        // It may be one of a blocking driver, and this the thread of an async test, where such a one cannot be closed.
        drop(std::thread::spawn(move || drop(another)).join());
    }
    None
}

fn pop(all: &mut All, key: &Key) -> Option<Box<dyn Any + Send>> {
    let kept = all.get_mut(key)?;
    let last = kept.pop();
    if kept.is_empty() {
        all.remove(key);
    }
    last
}
