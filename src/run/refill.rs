//! Threads that write into the jobserver's pipe and read from it, for those who may not wait: whoever has the pipe, as
//! every test has, can fill it, and then a write takes until somebody reads; or empty it, and a read takes until somebody
//! writes. So the two do not wait for one another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use jobserver::{Acquired, Client};

use crate::threads;

/// How long the thread is given for what there is to write. It takes microseconds, unless there is no room.
const MOMENT: Duration = Duration::from_millis(250);

enum Job {
    GiveBack(Acquired),
    /// Write so many tokens that nobody held.
    Add(usize),
    /// Read so many, if they are there.
    TakeAway(usize),
    /// Say that all before this is done.
    Say(Sender<()>),
}

/// The threads, for those who want something written or read. They end with the last of them.
#[derive(Clone)]
pub(super) struct Refill {
    writer: Worker,
    reader: Worker,
}

impl Refill {
    pub(super) fn start(client: &Client) -> io::Result<Self> {
        Ok(Self { writer: Worker::start("refill", client.clone())?, reader: Worker::start("drain", client.clone())? })
    }

    pub(super) fn give_back(&self, slot: Acquired) {
        self.writer.send(Job::GiveBack(slot));
    }

    pub(super) fn add(&self, tokens: usize) {
        if tokens > 0 {
            self.writer.send(Job::Add(tokens));
        }
    }

    pub(super) fn take_away(&self, tokens: usize) {
        if tokens > 0 {
            self.reader.send(Job::TakeAway(tokens));
        }
    }

    /// Whether all that was asked for is done, or is within a moment.
    pub(super) fn is_done(&self) -> bool {
        self.writer.is_done() && self.reader.is_done()
    }
}

#[derive(Clone)]
struct Worker {
    jobs: Sender<Job>,
    /// How many jobs are not done.
    left: Arc<AtomicUsize>,
    /// It was waited for in vain since the last time that it had done everything.
    stuck: Arc<AtomicBool>,
}

impl Worker {
    fn start(name: &'static str, client: Client) -> io::Result<Self> {
        let (jobs, receiver) = mpsc::channel();
        let left = Arc::new(AtomicUsize::new(0));
        let counter = left.clone();
        // After a panic its jobs are not done, and whoever asks is told so.
        threads::start(name, move || work(&client, &receiver, &counter), drop)?;
        Ok(Self { jobs, left, stuck: Arc::default() })
    }

    fn send(&self, job: Job) {
        self.left.fetch_add(1, Ordering::SeqCst);
        // The thread lives as long as this does, unless it has panicked.
        let _ = self.jobs.send(job);
    }

    /// Whether all that was asked for is done, or is within a moment.
    fn is_done(&self) -> bool {
        if self.left.load(Ordering::SeqCst) == 0 {
            self.stuck.store(false, Ordering::SeqCst);
            return true;
        }
        // One moment is enough for all who ask.
        if self.stuck.load(Ordering::SeqCst) {
            return false;
        }
        let (done, told) = mpsc::channel();
        self.send(Job::Say(done));
        let is_done = told.recv_timeout(MOMENT).is_ok();
        self.stuck.store(!is_done, Ordering::SeqCst);
        is_done
    }
}

fn work(client: &Client, jobs: &Receiver<Job>, left: &AtomicUsize) {
    for job in jobs {
        // A pool that cannot be written to is of no use to anybody, and its users find that out.
        match job {
            Job::GiveBack(slot) => drop(slot),
            Job::Add(tokens) => drop((0..tokens).try_for_each(|_| client.release_raw())),
            Job::TakeAway(tokens) => {
                let is_there = |_: &usize| client.available().is_ok_and(|available| available > 0);
                drop((0..tokens).take_while(is_there).try_for_each(|_| client.acquire_raw()));
            }
            Job::Say(done) => drop(done.send(())),
        }
        left.fetch_sub(1, Ordering::SeqCst);
    }
}
