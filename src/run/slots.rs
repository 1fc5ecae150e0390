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

use super::refill::Refill;
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
///
/// Whoever has the pool's pipe can fill it, and then writing into it takes until somebody reads: so all of that is done by
/// a thread ([`Refill`]), and nothing here blocks.
pub struct Pool {
    client: Client,
    /// As a guest, the pool is the business of another.
    pub guest: bool,
    /// For the environment of those who are to share the pool; a guest's children inherit it as it is.
    pub makeflags: Option<OsString>,
    /// How many tokens an owner's pool has, when everything that was asked of the thread is done.
    tokens: Cell<usize>,
    refill: Refill,
}

/// A slot that was granted. It goes back when it is dropped.
pub(super) struct Slot {
    acquired: Option<Acquired>,
    refill: Refill,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.acquired.take().into_iter().for_each(|acquired| self.refill.give_back(acquired));
    }
}

impl Pool {
    /// Joins the pool of the environment, or makes one of `slots`.
    pub fn open(slots: usize) -> Result<(Self, Option<String>)> {
        let warning = match INHERITED.get() {
            Some(Ok(client)) => {
                // The variable is there already; the descriptors were made private when they were found.
                share(client)?;
                return Ok((Self::of(client.clone(), None, 0)?, None));
            }
            Some(Err(FromEnvErrorKind::NoEnvVar | FromEnvErrorKind::NoJobserver)) | None => None,
            Some(Err(_)) => Some(
                "the environment names a jobserver that cannot be reached, so this run creates its own; \
                 in a Makefile, start the recipe's line with `+`"
                    .to_owned(),
            ),
        };
        let tokens = slots.saturating_sub(1);
        let client = Client::new(tokens).context("cannot create a jobserver")?;
        let makeflags = share(&client)?;
        Ok((Self::of(client, Some(makeflags), tokens)?, warning))
    }

    /// Who hands the pool on by `makeflags` owns it.
    fn of(client: Client, makeflags: Option<OsString>, tokens: usize) -> Result<Self> {
        let refill = Refill::start(&client).context("cannot start a thread")?;
        Ok(Self { client, guest: makeflags.is_none(), makeflags, tokens: Cell::new(tokens), refill })
    }

    /// Gives an owner's pool another size. Nobody may hold a slot of it now.
    pub fn resize(&mut self, slots: usize) {
        self.grow_to(slots);
        let surplus = self.surplus(slots);
        self.refill.take_away(surplus);
        self.tokens.set(self.tokens.get() - surplus);
    }

    /// How many slots an owner's pool has too many, if it is to have so many.
    pub(super) fn surplus(&self, slots: usize) -> usize {
        if self.guest { 0 } else { self.tokens.get().saturating_sub(slots.saturating_sub(1)) }
    }

    /// Takes a slot that was granted out of the pool, if that still has too many; else the slot goes back.
    pub(super) fn shrink_to(&self, slots: usize, mut slot: Slot) {
        if self.surplus(slots) > 0 {
            slot.acquired.take().into_iter().for_each(Acquired::drop_without_releasing);
            self.tokens.set(self.tokens.get() - 1);
        }
    }

    /// Gives an owner's pool at least so many slots.
    pub(super) fn grow_to(&self, slots: usize) {
        let wanted = slots.saturating_sub(1);
        let missing = wanted.saturating_sub(self.tokens.get());
        if !self.guest && missing > 0 {
            self.refill.add(missing);
            self.tokens.set(wanted);
        }
    }

    /// Puts back what was lost: a cargo or make that is killed never gives back the slots that it held. Nobody may hold
    /// a slot now but the caller, who holds `held`.
    ///
    /// A slot that is on its way to the caller at this very moment would be counted as lost; then there is one too many
    /// until the next call, which takes it away.
    pub(super) fn top_up(&self, held: usize) -> io::Result<()> {
        // While the thread cannot write, the pool lacks nothing.
        if self.guest || !self.refill.is_done() {
            return Ok(());
        }
        let there = self.client.available()? + held;
        let tokens = self.tokens.get();
        self.refill.add(tokens.saturating_sub(there));
        self.refill.take_away(there.saturating_sub(tokens));
        Ok(())
    }

    /// Has `tell` called, from a thread, with each slot that was asked for.
    pub(super) fn requests(
        &self,
        tell: impl Fn(io::Result<Slot>) + Send + 'static,
        panicked: impl Fn(Panic) + Send + 'static,
    ) -> io::Result<HelperThread> {
        let refill = self.refill.clone();
        self.client.clone().into_helper_thread(move |slot| {
            let slot = slot.map(|acquired| Slot { acquired: Some(acquired), refill: refill.clone() });
            threads::guard("jobserver", || tell(slot)).unwrap_or_else(&panicked);
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // As a guest's slots would be lost to the others otherwise. Where the pipe is full nobody lacks them.
        self.refill.is_done();
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
    let makeflags = makeflags.context("the jobserver does not report how it is shared")?.to_owned();
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

    /// A pool with the client that it shares.
    fn pool(tokens: usize) -> (Pool, Client) {
        let client = Client::new(tokens).unwrap();
        (Pool::of(client.clone(), Some(OsString::new()), tokens).unwrap(), client)
    }

    fn available(pool: &Pool) -> usize {
        while !pool.refill.is_done() {
            std::thread::yield_now();
        }
        pool.client.available().unwrap()
    }

    fn granted(pool: &Pool) -> Slot {
        Slot { acquired: Some(pool.client.acquire().unwrap()), refill: pool.refill.clone() }
    }

    #[test]
    fn a_pool_is_resized_and_topped_up() {
        let (mut pool, client) = pool(2);
        pool.resize(5);
        assert_eq!(available(&pool), 4);
        pool.resize(2);
        assert_eq!(available(&pool), 1);
        assert_eq!([1, 2, 7].map(|slots| pool.surplus(slots)), [1, 0, 0]);
        pool.shrink_to(2, granted(&pool));
        assert_eq!(available(&pool), 1, "there was none too many");
        pool.shrink_to(1, granted(&pool));
        assert_eq!((available(&pool), pool.surplus(1)), (0, 0));
        pool.resize(2);
        assert_eq!(available(&pool), 1);
        client.acquire_raw().unwrap();
        pool.top_up(1).unwrap();
        assert_eq!(available(&pool), 0, "what the caller holds is not lost");
        pool.top_up(0).unwrap();
        assert_eq!(available(&pool), 1, "what nobody holds is put back");
        client.release_raw().unwrap();
        pool.top_up(0).unwrap();
        assert_eq!(available(&pool), 1, "what is too much is taken away");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn nothing_waits_for_room_in_a_pipe_that_somebody_has_filled() {
        let (pool, client) = pool(2);
        let reader = descriptors(&share(&client).unwrap().to_string_lossy())[0];
        // SAFETY: the client owns it and is there for as long as this.
        let size = rustix::pipe::fcntl_getpipe_size(unsafe { std::os::fd::BorrowedFd::borrow_raw(reader) }).unwrap();
        while client.available().unwrap() < size {
            client.release_raw().unwrap();
        }
        // The page that this one was read from has no room before all of it has been read.
        drop(granted(&pool));
        pool.grow_to(9);
        pool.top_up(0).unwrap();
        assert!(!pool.refill.is_done(), "and that can be told");
        (0..size / 2).for_each(|_| client.acquire_raw().unwrap());
        while !pool.refill.is_done() {
            std::thread::yield_now();
        }
    }
}
