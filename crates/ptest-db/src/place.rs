//! A folder for each run, below one for each user. Its lock says whether the run is alive; the next run removes those of
//! runs that are not.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Trying};
use crate::os;

/// The file in each folder, and beside them, that is locked.
const LOCK: &str = "lock";
/// The longest path that the folder may be in: a socket's path has at most a hundred characters.
const LONGEST: usize = 50;
/// How many folders with other names are tried where the usual one is not ours.
const BESIDE: u32 = 9;
/// Where Linux has a file system in memory, and how many bytes of it are plenty.
const MEMORY: &str = "/dev/shm";
const MUCH: u64 = 4 << 30;

/// Names a run's setup among all that use the same server, or folder: 48 bits at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(u64);

impl Id {
    fn random() -> Self {
        // The keys of a hash map's hasher are the randomness of the standard library.
        Self(RandomState::new().hash_one(std::process::id()) >> 16)
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

/// The folder of a run, which is removed in the end.
pub(crate) struct Place {
    pub(crate) id: Id,
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Place {
    /// Removes what killed runs have left, and makes a folder for this one.
    pub(crate) fn new() -> Result<Self, Error> {
        let (all, other) = all();
        // What is left in the other one is as dead. If it cannot be used, there is nothing of ours in it.
        if let Some(other) = other.filter(|other| other.exists()) {
            drop(Self::within(&other));
        }
        Self::within(&all).trying(|| format!("cannot use {}", all.display()))
    }

    fn within(all: &Path) -> io::Result<Self> {
        let all = &own(all)?;
        // Whoever has it may make folders, and may take those without a lock for dead.
        let _turn = lock(&all.join(LOCK))?;
        for entry in fs::read_dir(all)? {
            let path = entry?.path();
            if path.is_dir()
                && let Some(_dead) = lock_if_dead(&path)
            {
                clear(&path);
            }
        }
        let id = Id::random();
        let path = all.join(id.to_string());
        make_folder(&path)?;
        let lock = lock(&path.join(LOCK))?;
        Ok(Self { id, path, _lock: lock })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The folder for all runs of this user, and another one that some of them may have used.
///
/// What is in it need not outlive the run, so it is in memory where there is plenty: copies are made while tests wait for
/// them, and disks have other things to do. Whoever sets `TMPDIR` has said where.
fn all() -> (PathBuf, Option<PathBuf>) {
    let in_folder = |folder: PathBuf| folder.join(format!("ptest-db-{}", os::user()));
    let usual = std::env::temp_dir();
    let usual = in_folder(if usual.as_os_str().len() <= LONGEST { usual } else { "/tmp".into() });
    if std::env::var_os("TMPDIR").is_some() {
        return (usual, None);
    }
    let memory = in_folder(MEMORY.into());
    if has_much_memory() { (memory, Some(usual)) } else { (usual, Some(memory)) }
}

/// Whether the file system in memory, and the memory itself, have room for some hundred databases of the usual size.
fn has_much_memory() -> bool {
    let read = |path: &str| fs::read_to_string(path).ok();
    let available = || {
        let text = read("/proc/meminfo")?;
        let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.strip_suffix("kB"));
        Some(kibibytes?.trim().parse::<u64>().ok()? * 1024)
    };
    // A container may have less than the machine.
    let allowed = || {
        let Some(most) = read("/sys/fs/cgroup/memory.max")?.trim().parse::<u64>().ok() else { return Some(u64::MAX) };
        let used = read("/sys/fs/cgroup/memory.current")?.trim().parse::<u64>().ok()?;
        Some(most.saturating_sub(used))
    };
    os::free_bytes(Path::new(MEMORY)).is_some_and(|free| free >= MUCH)
        && available().is_some_and(|available| available >= MUCH)
        && allowed().is_none_or(|allowed| allowed >= MUCH)
}

/// This folder, or one beside it if somebody else has made something of its name: anybody may, in a folder for temporary
/// files, and has to be in nobody's way. All runs of this user come to the same one.
fn own(all: &Path) -> io::Result<PathBuf> {
    for number in 0..=BESIDE {
        let mut path = all.as_os_str().to_owned();
        if number > 0 {
            path.push(format!("-{number}"));
        }
        let path = PathBuf::from(path);
        make_folder(&path)?;
        let found = fs::symlink_metadata(&path)?;
        if found.is_dir() && found.uid() == os::user() {
            return Ok(path);
        }
    }
    Err(io::Error::other(
        "it belongs to another user, as do those with -1 to -9 at the end; set TMPDIR to a folder of your own",
    ))
}

/// For this user alone; but if that is root, others have to find what is theirs in it.
fn make_folder(path: &Path) -> io::Result<()> {
    let mode = if os::user() == 0 { 0o711 } else { 0o700 };
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().append(true).create(true).open(path)?;
    file.lock()?;
    Ok(file)
}

fn lock_if_dead(path: &Path) -> Option<File> {
    let file = File::options().append(true).create(true).open(path.join(LOCK)).ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Ends what still runs in a folder, and removes the folder.
fn clear(path: &Path) {
    #[cfg(feature = "postgres")]
    crate::postgres::end_server_in(path);
    remove(path);
}

/// A server that is ending may still write, so one try may not do.
fn remove(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while path.exists() && fs::remove_dir_all(path).is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_dead_run_is_removed_and_that_of_a_living_one_is_not() {
        let all = std::env::temp_dir().join(format!("ptest-db-test-{}", Id::random()));
        let living = Place::within(&all).unwrap();
        let dead = all.join("000000000001");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("left.sqlite"), "x").unwrap();
        let next = Place::within(&all).unwrap();
        assert!(living.path.exists() && !dead.exists());
        assert_ne!(living.id, next.id);
        drop((living, next));
        let left: Vec<_> = fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK]);
        fs::remove_dir_all(&all).unwrap();
    }

    #[test]
    fn a_folder_that_another_user_has_made_first_is_in_nobodys_way() {
        let parent = std::env::temp_dir().join(format!("ptest-db-test-{}", Id::random()));
        fs::create_dir(&parent).unwrap();
        let all = parent.join("ptest-db");
        // Only root can make a folder for another user; what is no folder is as foreign.
        match os::user() {
            0 => {
                fs::create_dir(&all).unwrap();
                std::os::unix::fs::chown(&all, Some(65534), None).unwrap();
            }
            _ => fs::write(&all, "").unwrap(),
        }
        std::os::unix::fs::symlink(std::env::temp_dir(), parent.join("ptest-db-1")).unwrap();
        let (first, second) = (Place::within(&all).unwrap(), Place::within(&all).unwrap());
        for place in [&first, &second] {
            assert_eq!(place.path.parent().unwrap(), parent.join("ptest-db-2"));
        }
        drop((first, second));
        for number in 3..=BESIDE {
            fs::write(parent.join(format!("ptest-db-{number}")), "").unwrap();
        }
        fs::remove_dir_all(parent.join("ptest-db-2")).unwrap();
        fs::write(parent.join("ptest-db-2"), "").unwrap();
        let error = Place::within(&all).err().unwrap().to_string();
        assert!(error.contains("another user") && error.contains("TMPDIR"), "{error}");
        fs::remove_dir_all(&parent).unwrap();
    }
}
