//! The clones of a template: made ahead, so that tests need not wait, and dropped when there is nothing better to do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use postgres::Client;

use super::session::{self, quoted};
use super::url::ServerUrl;
use crate::database::Purpose;
use crate::error::{Error, Trying};

/// So many dead clones are dropped before new ones are made: each takes some megabytes.
const TOO_MANY_DEAD: usize = 32;

/// How the clones are made, and how many.
pub(super) struct Plan {
    pub(super) server: ServerUrl,
    /// The database that administrators are connected to.
    pub(super) meeting: String,
    pub(super) template: String,
    /// How the server is to copy, as a part of the statement.
    pub(super) strategy: &'static str,
    /// What the names of the clones begin with.
    pub(super) prefix: String,
    /// What each clone allows.
    pub(super) connections: usize,
    pub(super) workers: usize,
    /// So many clones that nobody needs any more may wait to be dropped.
    pub(super) dead: usize,
}

/// All clones of a template, as many threads see them.
pub(super) struct Clones {
    plan: Plan,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Fresh ones.
    ready: VecDeque<String>,
    /// Those that a transaction was rolled back in.
    used: Vec<String>,
    dead: Vec<String>,
    /// How many are being made.
    making: usize,
    /// How many somebody waits for.
    wanted: usize,
    /// How many there should be without anybody waiting.
    ahead: usize,
    made: u64,
    /// Why one could not be made, for each that waits.
    failures: VecDeque<String>,
    over: bool,
}

enum Job {
    Make(String),
    Drop(String),
}

impl Clones {
    /// Begins to make clones.
    pub(super) fn start(plan: Plan) -> Result<(Arc<Self>, Makers), Error> {
        let makers = plan.workers.clamp(1, 2);
        let state = Mutex::new(State { ahead: 1, ..State::default() });
        let clones = Arc::new(Self { plan, state, changed: Condvar::new() });
        let mut threads = Vec::new();
        for _ in 0..makers {
            let client = session::open(&clones.plan.server, &clones.plan.meeting)
                .trying(|| "cannot open a session that makes clones".to_owned())?;
            let clones = clones.clone();
            threads.push(std::thread::spawn(move || clones.work(client)));
        }
        Ok((clones.clone(), Makers { clones, threads }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a clone that nobody else has, as soon as there is one.
    pub(super) fn take(&self, purpose: Purpose) -> Result<String, String> {
        let mut state = self.state();
        if purpose == Purpose::Commit {
            // Where one test commits, more will.
            state.ahead = self.plan.workers + 1;
        }
        state.wanted += 1;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| {
                let reusable = purpose == Purpose::RollBack && !state.used.is_empty();
                !reusable && state.ready.is_empty() && state.failures.is_empty() && !state.over
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.wanted -= 1;
        let used = if purpose == Purpose::RollBack { state.used.pop() } else { None };
        let taken = used.or_else(|| state.ready.pop_front());
        let taken =
            taken.ok_or_else(|| state.failures.pop_front().unwrap_or_else(|| "the context is torn down".to_owned()));
        self.changed.notify_all();
        taken
    }

    /// A clone that may serve again.
    pub(super) fn give_back(&self, name: String) {
        self.state().used.push(name);
        self.changed.notify_all();
    }

    /// A clone that nobody needs any more.
    pub(super) fn bury(&self, name: String) {
        self.state().dead.push(name);
        self.changed.notify_all();
    }

    fn work(&self, mut client: Client) {
        while let Some(job) = self.next() {
            match job {
                Job::Make(name) => {
                    let made = client.batch_execute(&self.statement(&name));
                    let mut state = self.state();
                    state.making -= 1;
                    match made {
                        Ok(()) => state.ready.push_back(name),
                        Err(error) => {
                            let why =
                                format!("{:?}", Error::caused(format!("cannot clone {}", self.plan.template), error));
                            // Without anybody who waits for it, the next one will find out.
                            state.ahead = 0;
                            state.failures.push_back(why);
                            let wanted = state.wanted;
                            state.failures.truncate(wanted);
                        }
                    }
                    self.changed.notify_all();
                }
                Job::Drop(name) => {
                    // What cannot be dropped now, the end of the run or the next run drops.
                    drop(client.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name))));
                }
            }
        }
    }

    /// What there is to do, as soon as there is something; nothing more when all is over.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.over {
                return None;
            }
            let coming = state.ready.len() + state.making;
            let crowded = state.dead.len() >= TOO_MANY_DEAD;
            // Used ones serve only some of those who wait; one too many is soon needed.
            if !crowded && coming < state.ahead.max(state.wanted) {
                state.making += 1;
                state.made += 1;
                return Some(Job::Make(format!("{}{}", self.plan.prefix, state.made)));
            }
            if (crowded || state.dead.len() > self.plan.dead)
                && let Some(name) = state.dead.pop()
            {
                return Some(Job::Drop(name));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn statement(&self, name: &str) -> String {
        let Plan { template, strategy, connections, .. } = &self.plan;
        let (name, template) = (quoted(name), quoted(template));
        format!("CREATE DATABASE {name} TEMPLATE {template} {strategy} CONNECTION LIMIT {connections}")
    }
}

/// The threads that make clones. Dropped, they end.
pub(super) struct Makers {
    clones: Arc<Clones>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Makers {
    fn drop(&mut self) {
        self.clones.state().over = true;
        self.clones.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has ended, too.
            drop(thread.join());
        }
    }
}
