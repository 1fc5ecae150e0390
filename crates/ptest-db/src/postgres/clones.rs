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

/// A trigger on each table that fires when a transaction that has changed it is about to be committed, and not before.
///
/// Of `TRUNCATE` and of changes of the schema there is no trigger that waits for the commit. So theirs, which fire at
/// once, note them in a table whose own trigger waits: a transaction that is rolled back takes the note with it. They are
/// run with the rights of their owner, for a test may have taken another role. Only a superuser may be told of changes
/// of the schema, which is what this crate is on the server that it starts itself. What is temporary is nobody's.
const GUARD: &str = "
CREATE SCHEMA ptest_db;
CREATE FUNCTION ptest_db.refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'a test with a TxDb is about to commit a change of %; a test that commits takes a CommitDb', TG_RELID::regclass;
END
$body$;
CREATE TABLE ptest_db.notes (what text);
CREATE FUNCTION ptest_db.refuse_noted() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'a test with a TxDb is about to commit %; a test that commits takes a CommitDb', NEW.what;
END
$body$;
CREATE CONSTRAINT TRIGGER ptest_db_refuse AFTER INSERT ON ptest_db.notes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ptest_db.refuse_noted();
CREATE FUNCTION ptest_db.note_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
BEGIN
    INSERT INTO ptest_db.notes VALUES (format('a TRUNCATE of %s', TG_RELID::regclass));
    RETURN NULL;
END
$body$;
CREATE FUNCTION ptest_db.note_schema() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
DECLARE lasts boolean;
BEGIN
    IF TG_EVENT = 'sql_drop' THEN
        lasts := EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary);
    ELSE
        lasts := EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp');
    END IF;
    IF lasts THEN
        INSERT INTO ptest_db.notes VALUES (format('a change of the schema, by %s', TG_TAG));
    END IF;
END
$body$;
DO $body$
DECLARE changed regclass;
BEGIN
    FOR changed IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace NOT IN
            ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'ptest_db'::regnamespace)
    LOOP
        EXECUTE format(
            'CREATE CONSTRAINT TRIGGER ptest_db_refuse AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION ptest_db.refuse()',
            changed
        );
        EXECUTE format(
            'CREATE TRIGGER ptest_db_truncate AFTER TRUNCATE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION ptest_db.note_truncate()',
            changed
        );
    END LOOP;
END
$body$;
DO $body$
BEGIN
    CREATE EVENT TRIGGER ptest_db_drop ON sql_drop EXECUTE FUNCTION ptest_db.note_schema();
    CREATE EVENT TRIGGER ptest_db_schema ON ddl_command_end EXECUTE FUNCTION ptest_db.note_schema();
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$body$";

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
    /// The same of those in which nothing can be committed.
    guarded: Vec<String>,
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

impl State {
    /// The clones that were used for this before, and may be again.
    fn reusable(&mut self, purpose: Purpose) -> Option<&mut Vec<String>> {
        match purpose {
            Purpose::RollBack => Some(&mut self.used),
            Purpose::RollBackUnseen => Some(&mut self.guarded),
            Purpose::Commit => None,
        }
    }
}

enum Job {
    Make(String),
    Drop(String),
}

impl Clones {
    /// Begins to make clones.
    pub(super) fn start(plan: Plan) -> Result<(Arc<Self>, Makers), Error> {
        let makers = plan.workers.clamp(1, 2);
        // Each worker will want one, whatever for.
        let state = Mutex::new(State { ahead: plan.workers, ..State::default() });
        let clones = Arc::new(Self { plan, state, changed: Condvar::new() });
        let mut threads = Vec::new();
        for _ in 0..makers {
            let client = session::named(&clones.plan.prefix, &clones.plan.server, &clones.plan.meeting)
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
                let none_to_use = state.reusable(purpose).is_none_or(|names| names.is_empty());
                none_to_use && state.ready.is_empty() && state.failures.is_empty() && !state.over
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.wanted -= 1;
        let used = state.reusable(purpose).and_then(Vec::pop);
        let fresh = if used.is_none() { state.ready.pop_front() } else { None };
        let failure = if used.is_none() && fresh.is_none() { state.failures.pop_front() } else { None };
        drop(state);
        self.changed.notify_all();
        match (used, fresh) {
            (Some(used), _) => Ok(used),
            (None, Some(fresh)) if purpose == Purpose::RollBackUnseen => {
                self.guard(&fresh).map_err(|error| format!("cannot guard {fresh}: {error}"))?;
                Ok(fresh)
            }
            (None, Some(fresh)) => Ok(fresh),
            (None, None) => Err(failure.unwrap_or_else(|| "the context is torn down".to_owned())),
        }
    }

    /// Makes a clone refuse to commit.
    fn guard(&self, name: &str) -> Result<(), postgres::Error> {
        session::open(&self.plan.server, name)?.batch_execute(GUARD)
    }

    /// A clone that may serve again.
    pub(super) fn give_back(&self, purpose: Purpose, name: String) {
        match self.state().reusable(purpose) {
            Some(names) => names.push(name),
            None => return self.bury(name),
        }
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
