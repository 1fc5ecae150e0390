//! SQLite: a database is a file, and a clone of it is a copy.
//!
//! This crate links no SQLite. Only one version of it can be in a program, so it would have to be the one of the user's
//! driver; and a file that nobody has open can be copied by anybody. See [`check`] for what is made sure of first.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::database::{Borrowed, Database, Purpose, private};
use crate::driver::Driver;
use crate::error::{BoxError, Error, Trying};
use crate::place::Place;

/// A clone of the SQLite database for one test, and a connection of a [`Driver`] inside of a transaction that is rolled
/// back. See [`crate::TxDb`].
pub type TxDb<D> = crate::TxDb<Sqlite, D>;

/// A clone of the SQLite database, a file, for one test that commits. See [`crate::CommitDb`].
pub type CommitDb = crate::CommitDb<Sqlite>;

/// The SQLite databases of a context. A `#[setup(shared)]` returns it, wrapped in [`ptest::Shared`].
///
/// ```
/// # mod orders {
/// use ptest_db::sqlite::{CommitDb, Sqlite};
///
/// # fn migrate(path: &std::path::Path) -> std::io::Result<()> {
/// #     let mut page = vec![0; 512];
/// #     page[..16].copy_from_slice(b"SQLite format 3\0");
/// #     page[16..18].copy_from_slice(&512_u16.to_be_bytes());
/// #     std::fs::write(path, page)
/// # }
/// #[ptest::setup(shared)]
/// fn sqlite() -> Result<ptest::Shared<Sqlite>, ptest_db::Error> {
///     Sqlite::template("orders").migrate(|path| migrate(path)).start()
/// }
/// # }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sqlite {
    folder: PathBuf,
}

impl Sqlite {
    /// Starts the description of the database that tests get clones of. The name appears in error messages.
    #[must_use]
    pub fn template(name: &str) -> Template {
        Template { name: name.to_owned() }
    }

    /// Returns a clone with a transaction that is rolled back. Tests usually take it as a parameter, `db: TxDb<MyDriver>`.
    ///
    /// # Errors
    ///
    /// If the file cannot be copied, or the driver cannot open it.
    pub fn begin<D: Driver>(&self) -> Result<TxDb<D>, Error> {
        TxDb::begin(self)
    }

    /// Returns a clone to commit to. Tests usually take it as a parameter, `db: CommitDb`.
    ///
    /// # Errors
    ///
    /// If the file cannot be copied.
    pub fn commit(&self) -> Result<CommitDb, Error> {
        CommitDb::borrow(self, usize::MAX)
    }

    fn copied(&self, address: String, purpose: Purpose) -> Copied {
        Copied {
            address,
            folder: self.folder.clone(),
            may_serve_again: purpose == Purpose::RollBack,
            serves_again: false,
        }
    }

    fn original(&self) -> PathBuf {
        self.folder.join("template.sqlite")
    }
}

/// The description of the database that tests get clones of. Its content comes from [`migrate`](Self::migrate).
#[derive(Debug)]
pub struct Template {
    name: String,
}

impl Template {
    /// Sets the function that creates tables and first rows. It gets the path of an empty file. It must close all its
    /// connections before it returns: what a connection still holds would be missing from the copies.
    pub fn migrate<F, E>(self, migration: F) -> Migrated<F>
    where
        F: FnOnce(&Path) -> Result<(), E>,
        E: Into<BoxError>,
    {
        Migrated { name: self.name, migration }
    }
}

/// A template with its migration, ready to [`start`](Self::start).
pub struct Migrated<F> {
    name: String,
    migration: F,
}

impl<F> std::fmt::Debug for Migrated<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Migrated").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F> Migrated<F> {
    /// Runs the migration. Return the result from a `#[setup(shared)]`.
    ///
    /// # Errors
    ///
    /// If the migration fails, writes no SQLite database, or leaves a connection or a transaction open.
    pub fn start<E>(self) -> Result<ptest::Shared<Sqlite>, Error>
    where
        F: FnOnce(&Path) -> Result<(), E>,
        E: Into<BoxError>,
    {
        let place = Place::new()?;
        let sqlite = Sqlite { folder: place.path.clone() };
        let original = sqlite.original();
        fs::File::create(&original).trying(|| format!("cannot create {}", original.display()))?;
        let Self { name, migration } = self;
        migration(&original).trying(|| format!("the migration of the template {name} failed"))?;
        check(&original).trying(|| format!("the template {name} cannot be copied"))?;
        Ok(ptest::Shared::new(sqlite).keep(place))
    }
}

/// Whether a file is a whole database that nobody has open.
fn check(path: &Path) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        file.try_clone()?.take(100).read_to_end(&mut bytes)?;
        Ok(file.metadata()?.len())
    });
    let length = read.trying(|| format!("cannot read {}", path.display()))?;
    if length == 0 {
        return Err(Error::new(
            "the migration wrote nothing to the file whose path it got: an in-memory database, or one at another path, \
             exists for that one connection alone; open the path",
        ));
    }
    if !bytes.starts_with(b"SQLite format 3\0") || bytes.len() < 100 {
        return Err(Error::new("the migration wrote something that is not an SQLite database"));
    }
    let wal = beside(path, "-wal");
    if fs::metadata(&wal).is_ok_and(|found| found.len() > 0) {
        return Err(Error::new(
            "the migration left a connection open: part of the database is in its write-ahead log still. Close all \
             connections before the migration returns (a pool by its `close`)",
        ));
    }
    // One that is over begins with zeroes, is empty, or is gone.
    if fs::read(beside(path, "-journal")).is_ok_and(|journal| journal.iter().take(8).any(|byte| *byte != 0)) {
        return Err(Error::new("the migration left a transaction open: commit it, and close the connection"));
    }
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("it is four bytes"));
    // A page of 64 KiB is written as one of 1 byte.
    let page = match u64::from(number(16) >> 16) {
        1 => 64 * 1024,
        size => size,
    };
    // The count of pages is right only if these two numbers are equal.
    if number(24) == number(92) && length < page * u64::from(number(28)) {
        return Err(Error::new("the file is shorter than the database says it is"));
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

impl private::Sealed for Sqlite {}

impl Database for Sqlite {
    type Clone = Copied;

    fn borrow_clone(&self, purpose: Purpose) -> Result<Copied, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let idle = match purpose {
            Purpose::RollBack => idle(|idle| idle.get_mut(&self.folder)?.pop()),
            Purpose::RollBackUnseen | Purpose::Commit => None,
        };
        if let Some(address) = idle {
            return Ok(self.copied(address, purpose));
        }
        let name = format!("{}-{}.sqlite", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (original, copy) = (self.original(), self.folder.join(name));
        fs::copy(&original, &copy).trying(|| {
            format!("cannot copy {} to {}: was its context torn down?", original.display(), copy.display())
        })?;
        let address = copy.into_os_string().into_string().map_err(|path| {
            Error::new(format!("the path {} is not UTF-8; set TMPDIR to one that is", path.display()))
        })?;
        Ok(self.copied(address, purpose))
    }

    fn identity(&self) -> &Path {
        &self.folder
    }

    fn keeps_connections(&self) -> bool {
        true
    }
}

/// The copies that may serve again, by the folder of their template.
fn idle<R>(look: impl FnOnce(&mut HashMap<PathBuf, Vec<String>>) -> R) -> R {
    static IDLE: Mutex<Option<HashMap<PathBuf, Vec<String>>>> = Mutex::new(None);
    look(IDLE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// A copy of the template.
#[derive(Debug)]
pub struct Copied {
    address: String,
    folder: PathBuf,
    may_serve_again: bool,
    serves_again: bool,
}

impl Borrowed for Copied {
    fn address(&self) -> &str {
        &self.address
    }

    fn give_back(mut self) {
        self.serves_again = self.may_serve_again;
        if self.serves_again {
            idle(|idle| idle.entry(self.folder.clone()).or_default().push(self.address.clone()));
        }
    }

    // The file is in nobody's way, and goes with the folder.
    fn rest(&mut self) {}

    fn resume(&mut self) -> bool {
        true
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if self.serves_again {
            return;
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            match fs::remove_file(beside(self.address.as_ref(), suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    eprintln!("ptest-db: cannot remove {}{suffix}: {error}", self.address);
                }
                _ => {}
            }
        }
    }
}

impl crate::CommitDb<Sqlite> {
    /// The path of the file. It exists until the test ends.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.address.as_ref()
    }

    /// The URL that sqlx takes: `sqlite://` and the path. (rusqlite and diesel take the [path](Self::path).)
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.address)
    }
}

impl ptest::FromContext for crate::CommitDb<Sqlite> {
    fn from_context() -> Self {
        ptest::cx::<Sqlite>().commit().unwrap_or_else(|error| error.fail_test())
    }
}
