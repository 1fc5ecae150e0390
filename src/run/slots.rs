//! Slots: the permission to use one more core, from the jobserver that make and cargo speak.
//!
//! Everyone who runs owns one slot that nobody grants. Further ones are tokens in a pool, which we find in the
//! environment (a **guest**: make or an outer cargo made it) or make ourselves (the **owner**). An owner's pool is
//! handed on to cargo and to every test, so that a cargo or make in a test shares it.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use jobserver::{Acquired, Client, FromEnvErrorKind, HelperThread};

use crate::threads::{self, Panic};

/// The pool found in the environment, and why there is none.
static INHERITED: OnceLock<Result<Client, FromEnvErrorKind>> = OnceLock::new();

/// Takes the pool that the environment names.
///
/// # Safety
///
/// The environment names the pool by file descriptors. They must not have been closed and opened as something else, so
/// this has to be the first thing that `main` does.
pub unsafe fn inherit() {
    // SAFETY: the caller's promise is the one that is asked for.
    let found = unsafe { Client::from_env_ext(true) };
    INHERITED.get_or_init(|| found.client.map_err(|error| error.kind()));
}

/// A pool of slots.
pub struct Pool {
    client: Client,
    /// As a guest, the pool is the business of another.
    pub guest: bool,
    /// For the environment of those who are to share the pool; a guest's children inherit it as it is.
    pub makeflags: Option<OsString>,
    /// How many tokens an owner's pool has.
    tokens: Cell<usize>,
}

impl Pool {
    /// Joins the pool of the environment, or makes one of `slots`.
    pub fn open(slots: usize) -> Result<(Self, Option<String>)> {
        let warning = match INHERITED.get() {
            Some(Ok(client)) => {
                // The variable is there already; the descriptors were made private when they were found.
                share(client)?;
                return Ok((Self { client: client.clone(), guest: true, makeflags: None, tokens: Cell::new(0) }, None));
            }
            Some(Err(FromEnvErrorKind::NoEnvVar | FromEnvErrorKind::NoJobserver)) | None => None,
            Some(Err(_)) => Some(
                "the environment names a jobserver that cannot be reached, so this run makes one of its own; \
                 in a Makefile, begin the recipe's line with `+`"
                    .to_owned(),
            ),
        };
        let tokens = slots.saturating_sub(1);
        let client = Client::new(tokens).context("cannot make a jobserver")?;
        let makeflags = share(&client)?;
        Ok((Self { client, guest: false, makeflags: Some(makeflags), tokens: Cell::new(tokens) }, warning))
    }

    /// Gives an owner's pool another size. Nobody may hold a slot of it now.
    pub fn resize(&mut self, slots: usize) -> Result<()> {
        self.grow_to(slots).context("cannot enlarge the jobserver's pool")?;
        while self.surplus(slots) > 0 && self.client.available().is_ok_and(|available| available > 0) {
            self.client.acquire_raw().context("cannot make the jobserver's pool smaller")?;
            self.tokens.set(self.tokens.get() - 1);
        }
        Ok(())
    }

    /// How many slots an owner's pool has too many, if it is to have so many.
    pub(super) fn surplus(&self, slots: usize) -> usize {
        if self.guest { 0 } else { self.tokens.get().saturating_sub(slots.saturating_sub(1)) }
    }

    /// Takes a slot that was granted out of the pool, if that still has too many; else the slot goes back.
    pub(super) fn shrink_to(&self, slots: usize, slot: Acquired) {
        if self.surplus(slots) > 0 {
            slot.drop_without_releasing();
            self.tokens.set(self.tokens.get() - 1);
        }
    }

    /// Gives an owner's pool at least so many slots.
    pub(super) fn grow_to(&self, slots: usize) -> io::Result<()> {
        while !self.guest && self.tokens.get() < slots.saturating_sub(1) {
            self.client.release_raw()?;
            self.tokens.set(self.tokens.get() + 1);
        }
        Ok(())
    }

    /// Puts back what was lost: a cargo or make that is killed never gives back the slots that it held. Nobody may hold
    /// a slot now but the caller, who holds `held`.
    ///
    /// A slot that is on its way to the caller at this very moment would be counted as lost; then there is one too many
    /// until the next call, which takes it away.
    pub(super) fn top_up(&self, held: usize) -> io::Result<()> {
        if self.guest {
            return Ok(());
        }
        let there = self.client.available()? + held;
        let tokens = self.tokens.get();
        for _ in there..tokens {
            self.client.release_raw()?;
        }
        for _ in tokens..there.min(tokens + self.client.available()?) {
            self.client.acquire_raw()?;
        }
        Ok(())
    }

    /// Has `tell` called, from a thread, with each slot that was asked for.
    pub(super) fn requests(
        &self,
        tell: impl Fn(io::Result<Acquired>) + Send + 'static,
        panicked: impl Fn(Panic) + Send + 'static,
    ) -> io::Result<HelperThread> {
        self.client.clone().into_helper_thread(move |slot| {
            threads::guard("jobserver", || tell(slot)).unwrap_or_else(&panicked);
        })
    }
}

/// Lets children inherit the pool, and gives the variable that names it.
///
/// `Client::configure` would do so for one command, at the price of a fork for each process; so a command that is never
/// started is configured, and what it would have is given to all. The variable is `CARGO_MAKEFLAGS` and not MAKEFLAGS,
/// where older makes do not understand every form of it.
#[expect(clippy::disallowed_methods, reason = "the command is never started")]
fn share(client: &Client) -> Result<OsString> {
    let mut command = std::process::Command::new("true");
    client.configure(&mut command);
    let makeflags = command.get_envs().find(|(name, _)| *name == "CARGO_MAKEFLAGS").and_then(|(_, value)| value);
    let makeflags = makeflags.context("the jobserver does not say how it is shared")?.to_owned();
    #[cfg(unix)]
    for number in descriptors(&makeflags.to_string_lossy()) {
        // SAFETY: the client owns these descriptors and lives as long as the program.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).context("cannot share the jobserver's pipe")?;
    }
    Ok(makeflags)
}

/// The two descriptors in `--jobserver-auth=R,W`.
#[cfg(unix)]
fn descriptors(makeflags: &str) -> Vec<i32> {
    let auth = makeflags.split_whitespace().find_map(|word| word.strip_prefix("--jobserver-auth="));
    auth.map(|auth| auth.split(',').filter_map(|number| number.parse().ok()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_read_from_the_flags() {
        assert_eq!(descriptors("-j --jobserver-fds=3,4 --jobserver-auth=3,4"), [3, 4]);
        assert!(descriptors("-j").is_empty());
    }

    #[test]
    fn a_pool_is_resized_and_topped_up() {
        let client = Client::new(2).unwrap();
        let mut pool = Pool { client: client.clone(), guest: false, makeflags: None, tokens: Cell::new(2) };
        pool.resize(5).unwrap();
        assert_eq!(client.available().unwrap(), 4);
        pool.resize(2).unwrap();
        assert_eq!(client.available().unwrap(), 1);
        assert_eq!([1, 2, 7].map(|slots| pool.surplus(slots)), [1, 0, 0]);
        pool.shrink_to(2, client.acquire().unwrap());
        assert_eq!(client.available().unwrap(), 1, "there was none too many");
        pool.shrink_to(1, client.acquire().unwrap());
        assert_eq!((client.available().unwrap(), pool.surplus(1)), (0, 0));
        pool.resize(2).unwrap();
        client.acquire_raw().unwrap();
        pool.top_up(1).unwrap();
        assert_eq!(client.available().unwrap(), 0, "what the caller holds is not lost");
        pool.top_up(0).unwrap();
        assert_eq!(client.available().unwrap(), 1, "what nobody holds is put back");
        client.release_raw().unwrap();
        pool.top_up(0).unwrap();
        assert_eq!(client.available().unwrap(), 1, "what is too much is taken away");
    }
}
