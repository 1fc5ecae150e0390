//! What the loop does when somebody at the terminal asks for something: by a key, or by Ctrl-Z and `fg`.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use signal_hook::consts::SIGSTOP;

use super::fixtures::Open;
use super::keys::Key;
use super::live::Early;
use super::{Run, Who};
use crate::event::{AtWork, Show, Stopped};
use crate::list::Harness;
use crate::schedule::{Input, Stop};
use crate::tty;

/// What a worker's process or a host is at.
struct Busy {
    who: Who,
    binary: Arc<str>,
    name: Arc<str>,
    since: Instant,
}

impl Run<'_> {
    pub(super) fn key(&mut self, key: Key) {
        match key {
            Key::Running => {
                let running = self.running();
                self.book.show(&Show::Running(running));
            }
            Key::Summary => self.book.show(&Show::Summary),
            Key::Failures => self.book.show(&Show::Failures),
            Key::Help => self.book.show(&Show::Help),
            Key::Stop => self.start_nothing_more(),
            Key::Kill => self.kill_the_slowest(),
            Key::More => self.change_cap(self.scheduler.slots().cap + 1),
            Key::Fewer => self.change_cap(self.scheduler.slots().cap - 1),
            Key::Cancel => self.asked_to_stop(Stopped::Interrupted),
        }
    }

    fn say(&mut self, text: String) {
        self.book.show(&Show::Done(text));
    }

    /// What runs, the longest first.
    fn running(&self) -> Vec<AtWork> {
        let now = Instant::now();
        let shown = self.slowest_first().into_iter().chain(self.starting()).map(|Busy { who, binary, name, since }| {
            let (worker, so_far) = match who {
                Who::Worker(process) => {
                    let live = &self.processes[&process];
                    (Some(live.batch.worker), live.so_far.as_ref())
                }
                Who::Host(host) => (None, self.hosts[&host].so_far()),
            };
            AtWork {
                binary,
                name,
                worker,
                elapsed: self.book.between(since, now).as_secs_f64(),
                output: so_far.map(|it| it.output().into_text()).unwrap_or_default(),
            }
        });
        shown.collect()
    }

    /// The tests and fixtures that are at work, the one that has been so for the longest time first. A fixture takes the
    /// place of the test that it runs in.
    fn slowest_first(&self) -> Vec<Busy> {
        let workers = self.processes.iter().filter_map(|(process, live)| {
            let suite = self.book.suite(live.batch.items[0]);
            let fixture = |open: Open| (open.fixture.of(&suite.contexts[open.context].module).into(), open.since);
            let test = || {
                let (place, since) = live.began.filter(|_| !live.muted)?;
                Some((self.book.test(live.batch.items[place]).name.clone(), since))
            };
            let (name, since) = live.open.map(fixture).or_else(test)?;
            Some(Busy { who: Who::Worker(*process), binary: suite.binary.id.clone(), name, since })
        });
        let hosts = self.hosts.iter().filter_map(|(host, live)| {
            let spec = &self.groups.hosts[*host];
            let suite = &self.book.suites[spec.suite];
            let (fixture, since) = live.fixture()?;
            let name = fixture.of(&suite.contexts[spec.context].module).into();
            Some(Busy { who: Who::Host(*host), binary: suite.binary.id.clone(), name, since })
        });
        let mut busy: Vec<_> = workers.chain(hosts).collect();
        busy.sort_by_key(|it| it.since);
        busy
    }

    /// The processes whose first test has not begun. That may take long: rustdoc compiles doctests before it runs them.
    fn starting(&self) -> Vec<Busy> {
        let all = self.processes.iter().filter(|(_, live)| !live.muted && live.has_started_nothing());
        let starting = all.map(|(process, live)| {
            let suite = self.book.suite(live.batch.items[0]);
            let name = if suite.harness == Harness::Doctests { "(compiling)" } else { "(starting)" };
            Busy { who: Who::Worker(*process), binary: suite.binary.id.clone(), name: name.into(), since: live.since }
        });
        starting.collect()
    }

    fn start_nothing_more(&mut self) {
        self.stop(Stopped::Interrupted, Stop::Drain);
        // Of a host nobody has to be told: it goes with the tests that need it.
        let tests = self.slowest_first().into_iter().filter(|it| matches!(it.who, Who::Worker(_)));
        let running = match tests.count() {
            0 => String::new(),
            1 => "; 1 is still running".to_owned(),
            count => format!("; {count} are still running"),
        };
        self.say(format!("no more tests will start{running}"));
    }

    /// As if its time was up; whoever asks again before it is gone has it killed at once.
    fn kill_the_slowest(&mut self) {
        let Some(Busy { who, binary, name, since }) = self.slowest_first().into_iter().next() else {
            return self.say("no test or fixture is running".to_owned());
        };
        let elapsed = self.book.between(since, Instant::now()).as_secs_f64();
        let text = format!("ending {binary} {name}, which has run for {elapsed:.1} s");
        self.say(text);
        match who {
            Who::Worker(process) => {
                if let Some(live) = self.processes.get_mut(&process) {
                    live.early = Some(Early::ByHand);
                }
                self.step(Instant::now(), Input::End(process));
            }
            Who::Host(host) => self.step(Instant::now(), Input::EndHost(host)),
        }
    }

    fn change_cap(&mut self, cap: usize) {
        if cap == 0 {
            return self.say("there has to be at least one slot".to_owned());
        }
        self.pool.grow_to(cap);
        self.step(Instant::now(), Input::Cap(cap));
        self.say(format!("up to {cap} {}", if cap == 1 { "process" } else { "processes" }));
    }

    /// Ctrl-Z: the terminal is given back and everything stands still until somebody says `fg` or `bg`.
    ///
    /// The tests lead groups of their own, which the terminal's signal has not reached. It is passed on as it is and not
    /// as SIGSTOP: whoever has groups of his own again, as a test that runs `cargo ptest`, has to hear of it to stop
    /// these. The run's clock stands still as well, so that nobody's time is up for having been stopped.
    pub(super) fn suspend(&mut self) {
        self.book.suspend();
        self.suspend_loan();
        tty::give_back();
        let table = self.watchdog.table();
        table.stop_all();
        let from = Instant::now();
        // It can fail for no process that may signal itself.
        let stopped: io::Result<()> = signal_hook::low_level::raise(SIGSTOP);
        let to = Instant::now();
        if stopped.is_ok() {
            self.book.leave_out(from, to);
        }
        self.lend_again();
        table.continue_all();
        self.resumed();
    }

    /// The run goes on, perhaps after it was stopped by others. The shell may have changed the terminal meanwhile.
    pub(super) fn resumed(&mut self) {
        if self.lend_again() {
            self.watchdog.table().continue_all();
        }
        if self.options.keys {
            // Without keys the run goes on all the same.
            let _ = tty::take_keys();
        }
        self.book.resume();
    }
}
