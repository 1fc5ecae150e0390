//! The programs of a PostgreSQL that is installed here, and the user that they may run as.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::os;

const NO_SERVER: &str = "there is no PostgreSQL for the tests: PTEST_PG_URL is not set, and initdb and postgres are neither \
    on the PATH nor in /usr/lib/postgresql/*/bin. Install them (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf \
    install postgresql-server; macOS: brew install postgresql), or set PTEST_PG_URL=postgresql://user:password@host/postgres \
    to a server whose user may create databases";

/// The folder with `initdb` and `postgres`: that of the `PATH`, else the one of the newest version.
pub(super) fn folder() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut installed = below("/usr/lib/postgresql", "");
    installed.extend(below("/usr", "pgsql-"));
    // Homebrew for either processor, and Postgres.app.
    installed.extend(below("/opt/homebrew/opt", "postgresql@"));
    installed.extend(below("/usr/local/opt", "postgresql@"));
    installed.extend(below("/Applications/Postgres.app/Contents/Versions", ""));
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    first_with_programs(std::env::split_paths(&path).chain(installed.into_iter().map(|(_, folder)| folder)))
}

fn first_with_programs(mut folders: impl Iterator<Item = PathBuf>) -> Result<PathBuf, Error> {
    let found = folders.find(|folder| ["initdb", "postgres"].iter().all(|it| folder.join(it).is_file()));
    found.ok_or_else(|| Error::new(NO_SERVER))
}

fn below(folder: &str, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| {
        let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    versions.collect()
}

/// Another user than this process's, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// Who the server has to run as: PostgreSQL refuses to be root.
pub(super) fn unprivileged() -> Result<Option<User>, Error> {
    if os::user() != 0 {
        return Ok(None);
    }
    let found = ["postgres", "nobody"].iter().find_map(|name| {
        let number = |what: &str| -> Option<u32> {
            let output = Command::new("id").args([what, name]).output().ok()?;
            str::from_utf8(&output.stdout).ok()?.trim().parse().ok().filter(|number| *number != 0)
        };
        Some(User { user: number("-u")?, group: number("-g")? })
    });
    let found = found.ok_or_else(|| {
        Error::new(
            "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as; run the tests as \
             another user, or set PTEST_PG_URL",
        )
    });
    found.map(Some)
}

/// A command that runs as that user, in a folder that everybody may be in.
pub(super) fn command(program: &Path, user: Option<User>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some(User { user, group }) = user {
        command.uid(user).gid(group);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_server_the_error_says_where_to_get_one() {
        let error = first_with_programs(std::iter::once("/nowhere".into())).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql") && error.contains("PTEST_PG_URL="), "{error}");
    }
}
