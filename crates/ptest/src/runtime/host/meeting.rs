//! Where the test processes of one nextest run meet: a file for each shared context, whose lock the first one holds
//! while it has the context set up. The others wait for the lock and read what has become of it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::keeper::Keeper;
use super::{child, failure};
use crate::runtime::context::Context;
use crate::wire::record::Failure;

/// The path of the value, from a host that this process or another one has started.
pub(super) fn host_of(context: &Context) -> Result<String, Failure> {
    let path = place_beside(&child::value_of(context));
    let mut file = open(&path).map_err(|error| failure(format!("cannot use {}: {error}", path.display())))?;
    let mut said = String::new();
    file.read_to_string(&mut said).map_err(|error| failure(format!("cannot read {}: {error}", path.display())))?;
    match said.split_once('\n') {
        Some(("up", value)) => return Ok(value.to_owned()),
        Some(("failed", message)) => return Err(failure(message.to_owned())),
        _ => {}
    }
    let keeper = Keeper { runner: runner(), meeting: path.to_string_lossy().into_owned() };
    let started = child::start_keeper(context, &keeper);
    let said = match &started {
        Ok(value) => format!("up\n{value}"),
        Err(failure) => format!("failed\n{}", failure.message),
    };
    // Should nobody else learn of it, each will try for himself.
    let _ = file.write_all(said.as_bytes());
    started
}

/// The meeting place for a context whose value lies at this path.
fn place_beside(value: &str) -> PathBuf {
    Path::new(value).with_extension("host")
}

/// Opens the file and waits for its lock, which lasts as long as the file is open.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).append(true).create(true).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

/// nextest's own process: the nearest one above this one that is called so, for there may be a runner between.
fn runner() -> u32 {
    let parent = std::os::unix::process::parent_id();
    let mut process = parent;
    while process > 1 {
        let program = std::fs::read_link(format!("/proc/{process}/exe")).unwrap_or_default();
        if program.file_name().is_some_and(|name| name.to_string_lossy().contains("nextest")) {
            return process;
        }
        let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let Some((_, rest)) = status.rsplit_once(')') else { break };
        let Some(above) = rest.split_whitespace().nth(1).and_then(|it| it.parse().ok()) else { break };
        process = above;
    }
    parent
}
