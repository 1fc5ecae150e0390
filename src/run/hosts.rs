//! What the loop does with hosts: starts them, hears that they are up, lets go of them, and tells what became of each.

use std::io::{self, PipeWriter};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ptest::wire::record::Record;

use super::dialect::Fact;
use super::fixtures::{Came, finished, kind};
use super::live::Early;
use super::os::Group;
use super::output::Output;
use super::plan;
use super::process::{Gone, Leak, Report, SoFar, Timed};
use super::{Run, Who, leftovers, os};
use crate::event::{Event, Fixture, FixtureFinished, FixtureStarted, LeftBehind, Outcome};
use crate::schedule::{HostId, Input, Item, Lost, Process, Shortage};

/// A host while it lives, as the loop knows it.
pub(super) struct LiveHost {
    process: Process,
    /// `None` until it has started.
    group: Option<Group>,
    /// It tears down when this is dropped.
    lifeline: Option<PipeWriter>,
    /// What its fixture has written; `None` until it has started.
    so_far: Option<SoFar>,
    /// It was told to tear down.
    let_go: bool,
    /// Somebody at the keyboard wanted an end of what it is at.
    by_hand: bool,
    waits_for_terminal: bool,
    killed: Option<Killed>,
    at: At,
    /// When it came to what it is at.
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Setup,
    Up,
    Teardown,
    /// It has said how that ended.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// Its time was up.
    Late,
    /// The run ends.
    Hurried,
}

impl LiveHost {
    /// The fixture that it is at, and since when.
    pub(super) fn fixture(&self) -> Option<(Fixture, Instant)> {
        match self.at {
            At::Setup => Some((Fixture::Setup, self.since)),
            At::Teardown => Some((Fixture::Teardown, self.since)),
            At::Up | At::Done => None,
        }
    }

    pub(super) fn so_far(&self) -> Option<&SoFar> {
        self.so_far.as_ref()
    }
}

impl Run<'_> {
    pub(super) fn start_host(&mut self, host: HostId, process: Process) {
        if let Err(error) = std::fs::create_dir_all(&self.options.values) {
            self.book.warn(format!("cannot make {} for the values of shared contexts: {error}", self.options.values));
        }
        self.warn_of_another_program(self.groups.hosts[host].suite);
        let launch = self.launch_host(host, process);
        self.hosts.insert(
            host,
            LiveHost {
                process,
                group: None,
                lifeline: None,
                so_far: None,
                let_go: false,
                by_hand: false,
                waits_for_terminal: false,
                killed: None,
                at: At::Setup,
                since: Instant::now(),
            },
        );
        if self.told_hosts.insert(host) {
            self.tell_host_fixture_started(host, Fixture::Setup);
        }
        self.start(Who::Host(host), launch);
    }

    pub(super) fn stop_host(&mut self, host: HostId) {
        let Some(live) = self.hosts.get_mut(&host) else { return };
        live.let_go = true;
        live.lifeline = None;
    }

    pub(super) fn kill_host(&mut self, host: HostId, late: bool) {
        let Some(live) = self.hosts.get_mut(&host) else { return };
        live.killed = Some(if late { Killed::Late } else { Killed::Hurried });
        if let Some(group) = &live.group {
            group.kill();
        }
    }

    pub(super) fn terminate_host(&mut self, host: HostId) {
        let Some(live) = self.hosts.get_mut(&host) else { return };
        live.by_hand = true;
        if let Some(group) = &live.group {
            group.terminate();
        }
    }

    pub(super) fn host_reports(&mut self, host: HostId, report: Report) {
        match report {
            Report::Started { group, lifeline, so_far, .. } => {
                let Some(live) = self.hosts.get_mut(&host) else { return };
                // It may have been let go, or killed, before it was there.
                live.lifeline = lifeline.filter(|_| !live.let_go);
                match live.killed {
                    Some(_) => group.kill(),
                    None if live.by_hand => group.terminate(),
                    None => {}
                }
                live.group = Some(group);
                live.so_far = Some(so_far);
            }
            Report::NotStarted(error) if self.is_host_started_later(host, &error) => {}
            Report::NotStarted(error) => {
                let binary = &self.book.suites[self.groups.hosts[host].suite].binary;
                let why = format!("cannot start {}: {error}", binary.path);
                self.host_lost(host, why);
            }
            Report::Panicked(panic) => self.host_lost(host, panic.to_string()),
            Report::Facts(facts) => {
                for Timed { fact, at } in facts {
                    if let Fact::Said(record, output) = fact {
                        self.host_said(host, record, output, at);
                    }
                }
            }
            Report::WaitsForTerminal => {
                if let Some(live) = self.hosts.get_mut(&host) {
                    live.waits_for_terminal = true;
                }
                self.step(Instant::now(), Input::EndHost(host));
            }
            Report::Ending | Report::Withheld(_) => {}
            Report::Gone(gone) => self.host_gone(host, *gone),
        }
    }

    fn host_said(&mut self, host: HostId, record: Record, output: Output, at: Instant) {
        let Some(live) = self.hosts.get_mut(&host) else { return };
        match record {
            Record::SetupFinished { duration, .. } => {
                live.at = At::Up;
                live.by_hand = false;
                self.tell_host_fixture(host, Fixture::Setup, Came::passed(duration), output);
                self.set_since(host, at);
                self.step(at, Input::HostUp(host));
            }
            Record::SetupFailed { failure, .. } => {
                live.at = At::Done;
                self.host_failures.insert(host, failure.message.as_str().into());
                self.tell_host_fixture(host, Fixture::Setup, Came::failed(failure), output);
                self.step(at, Input::HostFailed(host));
            }
            Record::TeardownStarted { .. } => {
                live.at = At::Teardown;
                self.set_since(host, at);
                self.tell_host_fixture_started(host, Fixture::Teardown);
            }
            Record::TeardownFinished { duration, .. } => {
                live.at = At::Done;
                self.tell_host_fixture(host, Fixture::Teardown, Came::passed(duration), output);
            }
            Record::TeardownFailed { failure, .. } => {
                live.at = At::Done;
                self.tell_host_fixture(host, Fixture::Teardown, Came::failed(failure), output);
            }
            // That it sets up is known since it was started, and the others are not for it to say.
            _ => {}
        }
    }

    fn set_since(&mut self, host: HostId, at: Instant) {
        if let Some(live) = self.hosts.get_mut(&host) {
            live.since = at;
        }
    }

    /// What the system had no room for may be started another time.
    fn is_host_started_later(&mut self, host: HostId, error: &io::Error) -> bool {
        let has_started = self.hosts.get(&host).is_none_or(|live| live.group.is_some());
        let is_short = !has_started && os::shortage(error) == Some(Shortage::Resources);
        if !is_short || !self.scheduler.tries_host_later(host) {
            return false;
        }
        self.hosts.remove(&host);
        self.warn_of_shortage(Shortage::Resources, error);
        self.step(Instant::now(), Input::HostNotStarted(host));
        true
    }

    /// Nothing more will be heard of it.
    fn host_lost(&mut self, host: HostId, why: String) {
        if !self.hosts.contains_key(&host) {
            return;
        }
        self.host_broke(host, Fixture::Setup, Outcome::Error, why, Output::default());
        self.hosts.remove(&host);
        self.step(Instant::now(), Input::HostExited(host));
    }

    fn host_gone(&mut self, host: HostId, gone: Gone) {
        let Some(live) = self.hosts.get(&host) else { return };
        let LiveHost { process, at, let_go, by_hand, waits_for_terminal, killed, since, .. } = *live;
        if killed.is_some() || by_hand {
            leftovers::kill(&self.options.run, leftovers::Whose::Host(process));
        }
        let (outcome, why) = match killed {
            _ if waits_for_terminal => Early::WaitsForTerminal.verdict(),
            _ if by_hand => Early::ByHand.verdict(),
            Some(Killed::Late) => {
                let spec = &self.groups.hosts[host];
                let fixture = if at == At::Setup { Fixture::Setup } else { Fixture::Teardown };
                (Outcome::TimedOut, plan::late(&self.book.suites[spec.suite].contexts[spec.context], fixture))
            }
            _ => (Outcome::Crashed, gone.exit.to_string()),
        };
        let fixture = match at {
            At::Setup => Some(Fixture::Setup),
            At::Up if let_go => Some(Fixture::Teardown),
            At::Up => Some(Fixture::Host),
            At::Teardown => Some(Fixture::Teardown),
            At::Done => None,
        };
        match (fixture, killed) {
            (None, _) => {}
            (Some(fixture), Some(Killed::Hurried)) => {
                let module = self.host_context(host);
                self.book
                    .warn(format!("{module} was not torn down: its host was killed at the second request to stop"));
                if at != At::Up {
                    self.tell_host_fixture(host, fixture, Came::cut_short(since), gone.end.fixture);
                }
            }
            // It has let go of everything before it was asked for anything, or did not do so in time.
            (Some(Fixture::Setup), _) if let_go && (gone.exit.is_success() || killed.is_some()) => {
                self.tell_host_fixture(host, Fixture::Setup, Came::cut_short(since), gone.end.fixture);
            }
            (Some(fixture), _) => self.host_broke(host, fixture, outcome, why, gone.end.fixture),
        }
        if let Some(leak) = gone.leak.filter(|_| killed.is_none()) {
            self.host_leaked(host, &leak);
        }
        self.hosts.remove(&host);
        self.top_up();
        self.step(Instant::now(), Input::HostExited(host));
    }

    fn host_broke(&mut self, host: HostId, fixture: Fixture, outcome: Outcome, why: String, output: Output) {
        let told = match outcome {
            // What has happened to a process says nothing to those who do not know which process it was.
            Outcome::Crashed => format!(
                "the process that holds {} exited early: {why} (it may have called exit, aborted, been killed or run out of \
                 memory); it is not restarted in this run",
                self.host_context(host)
            ),
            _ => why.clone(),
        };
        self.host_failures.insert(host, told.into());
        let duration = self.hosts.get(&host).map_or(Duration::ZERO, |live| live.since.elapsed());
        self.tell_host_fixture(host, fixture, Came { outcome, message: Some(why), duration }, output);
    }

    fn host_leaked(&mut self, host: HostId, leak: &Leak) {
        let why = LeftBehind::describe(&leak.left, leak.holds_output, "it");
        if self.options.leaks_fail {
            let came = Came { outcome: Outcome::Failed, message: Some(why), duration: Duration::ZERO };
            self.tell_host_fixture(host, Fixture::Host, came, Output::default());
        } else {
            let module = self.host_context(host);
            self.book.warn(format!("the host of {module} left something behind: {why}"));
        }
    }

    fn host_context(&self, host: HostId) -> Arc<str> {
        let spec = &self.groups.hosts[host];
        self.book.suites[spec.suite].contexts[spec.context].module.clone()
    }

    fn tell_host_fixture_started(&mut self, host: HostId, fixture: Fixture) {
        let Some(process) = self.hosts.get(&host).map(|live| live.process) else { return };
        let spec = &self.groups.hosts[host];
        let suite = self.book.suites[spec.suite];
        let context = &suite.contexts[spec.context];
        self.book.tell(&Event::FixtureStarted(FixtureStarted {
            binary: suite.binary.id.clone(),
            context: context.module.clone(),
            fixture,
            kind: kind(context),
            worker: None,
            process,
        }));
    }

    fn tell_host_fixture(&mut self, host: HostId, fixture: Fixture, came: Came, output: Output) {
        let Some((process, since)) = self.hosts.get(&host).map(|live| (live.process, live.since)) else { return };
        let spec = &self.groups.hosts[host];
        let suite = self.book.suites[spec.suite];
        let told: FixtureFinished =
            finished(suite, spec.context, fixture, came, output, self.book.time(since), process);
        self.book.tell(&Event::FixtureFinished(told));
    }

    /// These will find nothing set up, and do not run.
    pub(super) fn give_up(&mut self, items: &[Item], why: Lost) {
        let message = match why {
            Lost::Context(context) => self.failed_contexts.get(&context).cloned(),
            Lost::Host(host) => self.host_failure(host),
            Lost::Process(process) => return self.give_up_with(process, items),
        };
        for item in items {
            self.book.not_set_up(*item, message.as_deref());
        }
    }

    /// A second process would write into sources that the first one has changed.
    fn give_up_with(&mut self, process: Process, items: &[Item]) {
        let Some(first) = items.first() else { return };
        let tests = if items.len() == 1 { "1 test".to_owned() } else { format!("{} tests", items.len()) };
        self.book.warn(format!(
            "process {process} was the only one that may run tests of {}, because they write to their sources: {tests} not \
             reached; run again for these",
            self.book.suite(*first).binary.id
        ));
        for item in items {
            self.book.not_reached(*item, "the only process of its binary exited");
        }
    }

    /// Why there is no such host: its own failure, or that of one that it needs.
    fn host_failure(&self, host: HostId) -> Option<Arc<str>> {
        let needs = || self.groups.hosts[host].needs.iter().find_map(|need| self.host_failure(need.host));
        self.host_failures.get(&host).cloned().or_else(needs)
    }
}
