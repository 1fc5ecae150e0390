//! What the loop does when somebody at the terminal asks for something: by a key, or by Ctrl-Z and `fg`.

use std::io;
use std::time::Instant;

use signal_hook::consts::SIGSTOP;

use super::Run;
use super::keys::Key;
use crate::event::{RunningTest, Show, Stopped};
use crate::schedule::{Input, Process, Stop};
use crate::tty;

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

    /// The tests that run, the longest first.
    fn running(&self) -> Vec<RunningTest> {
        let now = Instant::now();
        let tests = self.slowest_first().into_iter().filter_map(|(process, place, since)| {
            let live = &self.processes[&process];
            let item = live.batch.items[place];
            Some(RunningTest {
                binary: self.book.suite(item).binary.id.clone(),
                test: self.book.test(item).name.clone(),
                worker: live.batch.worker,
                elapsed: self.book.between(since, now).as_secs_f64(),
                output: live.so_far.as_ref()?.output().into_text(),
            })
        });
        tests.collect()
    }

    /// The processes with the place of the test that each is in, and since when.
    fn slowest_first(&self) -> Vec<(Process, usize, Instant)> {
        let in_test = self.processes.iter().filter_map(|(process, live)| {
            let (place, since) = live.began.filter(|_| !live.muted)?;
            Some((*process, place, since))
        });
        let mut in_test: Vec<_> = in_test.collect();
        in_test.sort_by_key(|(_, _, since)| *since);
        in_test
    }

    fn start_nothing_more(&mut self) {
        self.stop(Stopped::Interrupted, Stop::Drain);
        let running = match self.slowest_first().len() {
            0 => String::new(),
            1 => "; 1 is still running".to_owned(),
            count => format!("; {count} are still running"),
        };
        self.say(format!("no more tests are started{running}"));
    }

    /// As if its time was up; whoever asks again before it is gone has it killed at once.
    fn kill_the_slowest(&mut self) {
        let Some((process, place, since)) = self.slowest_first().into_iter().next() else {
            return self.say("no test is running".to_owned());
        };
        let Some(live) = self.processes.get_mut(&process) else { return };
        live.ended_by_hand = true;
        let item = live.batch.items[place];
        let (binary, test) = (&self.book.suite(item).binary.id, &self.book.test(item).name);
        let elapsed = self.book.between(since, Instant::now()).as_secs_f64();
        let text = format!("ending {binary} {test}, which has run for {elapsed:.1} s");
        self.say(text);
        self.step(Instant::now(), Input::End(process));
    }

    fn change_cap(&mut self, cap: usize) {
        if cap == 0 {
            return self.say("one slot is the least".to_owned());
        }
        if let Err(error) = self.pool.grow_to(cap) {
            self.book.warn(format!("cannot enlarge the jobserver's pool: {error}"));
        }
        self.step(Instant::now(), Input::Cap(cap));
        self.say(format!("up to {cap} {} at once", if cap == 1 { "process" } else { "processes" }));
    }

    /// Ctrl-Z: the terminal is given back and everything stands still until somebody says `fg` or `bg`.
    ///
    /// The tests lead groups of their own, which the terminal's signal has not reached. It is passed on as it is and not
    /// as SIGSTOP: whoever has groups of his own again, as a test that runs `cargo ptest`, has to hear of it to stop
    /// these. The run's clock stands still as well, so that nobody's time is up for having been stopped.
    pub(super) fn suspend(&mut self) {
        self.book.suspend();
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
        table.continue_all();
        self.resumed();
    }

    /// The run goes on, perhaps after it was stopped by others. The shell may have changed the terminal meanwhile.
    pub(super) fn resumed(&mut self) {
        if self.options.keys {
            // Without keys the run goes on all the same.
            let _ = tty::take_keys();
        }
        self.book.resume();
    }
}
