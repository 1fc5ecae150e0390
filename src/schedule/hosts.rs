//! Hosts: processes that hold what many groups need. Each is started when the first of them could use it and ended when
//! nobody needs it any more.
//!
//! A host counts as a process while it sets up and while it tears down. In between it waits, and costs no core.

use std::time::Duration;

use super::{Action, HostId};

/// What a host is for, as far as time is concerned.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The hosts that it needs itself, from before its setup until after its teardown. They have lower numbers.
    pub needs: Vec<HostId>,
    pub setup_limit: Duration,
    pub teardown_limit: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Down,
    SettingUp,
    Up,
    /// It was asked to tear down, or has failed and is about to end.
    Ending,
    Gone,
}

/// The hosts of a run, and what each is at.
pub(super) struct Hosts {
    hosts: Vec<Host>,
    states: Vec<State>,
    /// How long a host may go on after its time, to say what it was at.
    grace: Duration,
}

#[expect(clippy::struct_excessive_bools, reason = "each of them may come true at any time, whatever the others are")]
struct State {
    phase: Phase,
    /// It could not be set up, or ended before it was asked to.
    failed: bool,
    kill_at: Option<Duration>,
    killed: bool,
    /// There has been no other process since it was to start.
    alone: bool,
    /// Somebody wants an end of what it is at.
    by_hand: bool,
}

impl Hosts {
    pub(super) fn new(grace: Duration) -> Self {
        Self { states: Vec::new(), hosts: Vec::new(), grace }
    }

    pub(super) fn add(&mut self, hosts: &[Host]) {
        let down = |_: &Host| State {
            phase: Phase::Down,
            failed: false,
            kill_at: None,
            killed: false,
            alone: false,
            by_hand: false,
        };
        self.states.extend(hosts.iter().map(down));
        self.hosts.extend_from_slice(hosts);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    pub(super) fn is_up(&self, host: HostId) -> bool {
        self.states[host].phase == Phase::Up
    }

    pub(super) fn has_failed(&self, host: HostId) -> bool {
        self.states[host].failed
    }

    pub(super) fn any_failed(&self) -> bool {
        self.states.iter().any(|state| state.failed)
    }

    /// How many of them are at work now.
    pub(super) fn busy(&self) -> usize {
        // What was killed does nothing any more.
        self.states.iter().filter(|it| matches!(it.phase, Phase::SettingUp | Phase::Ending) && !it.killed).count()
    }

    pub(super) fn all_gone(&self) -> bool {
        !self.states.iter().any(State::is_alive)
    }

    pub(super) fn came_up(&mut self, host: HostId) {
        let state = &mut self.states[host];
        if state.phase == Phase::SettingUp {
            state.phase = Phase::Up;
            state.kill_at = None;
            state.by_hand = false;
        }
    }

    /// Its setup failed; it ends by itself.
    pub(super) fn failed(&mut self, now: Duration, host: HostId) {
        let state = &mut self.states[host];
        if state.phase == Phase::SettingUp {
            state.failed = true;
            state.phase = Phase::Ending;
            state.kill_at = Some(now + self.grace);
        }
    }

    pub(super) fn exited(&mut self, host: HostId) {
        let state = &mut self.states[host];
        state.failed |= matches!(state.phase, Phase::SettingUp | Phase::Up);
        state.phase = Phase::Gone;
        state.kill_at = None;
    }

    /// What needs a host that has failed cannot be set up, either.
    pub(super) fn fail_with_the_outer_ones(&mut self) {
        for (host, spec) in self.hosts.iter().enumerate() {
            if self.states[host].phase == Phase::Down && spec.needs.iter().any(|outer| self.states[*outer].failed) {
                self.states[host].failed = true;
                self.states[host].phase = Phase::Gone;
            }
        }
    }

    /// Adds to those that somebody wants the ones that these need, and those that are needed by hosts that are not gone.
    fn spread(&self, wanted: &mut [bool]) {
        for (host, spec) in self.hosts.iter().enumerate().rev() {
            let state = &self.states[host];
            if state.is_alive() || (wanted[host] && !state.failed) {
                spec.needs.iter().for_each(|outer| wanted[*outer] = true);
            }
        }
    }

    /// Those that can be started for whoever wants them.
    pub(super) fn startable(&self, mut wanted: Vec<bool>) -> Vec<HostId> {
        self.spread(&mut wanted);
        let is_startable = |host: &HostId| {
            let needs = &self.hosts[*host].needs;
            wanted[*host] && self.states[*host].phase == Phase::Down && needs.iter().all(|outer| self.is_up(*outer))
        };
        (0..self.hosts.len()).filter(is_startable).collect()
    }

    /// Those that are up and that nobody wants any more.
    pub(super) fn stoppable(&self, mut wanted: Vec<bool>) -> Vec<HostId> {
        self.spread(&mut wanted);
        (0..self.hosts.len()).filter(|host| self.is_up(*host) && !wanted[*host]).collect()
    }

    /// It will be started once more, unless somebody wanted its end.
    pub(super) fn not_started(&mut self, host: HostId) {
        match self.states[host].phase {
            Phase::SettingUp => {
                self.states[host].phase = Phase::Down;
                self.states[host].kill_at = None;
                self.states[host].by_hand = false;
            }
            _ => self.exited(host),
        }
    }

    pub(super) fn is_alone(&self, host: HostId) -> bool {
        self.states[host].alone
    }

    /// Another process is to start.
    pub(super) fn have_company(&mut self) {
        self.states.iter_mut().for_each(|state| state.alone = false);
    }

    pub(super) fn start(&mut self, now: Duration, host: HostId, alone: bool) {
        self.states[host].alone = alone;
        self.states[host].phase = Phase::SettingUp;
        self.states[host].kill_at = Some(now + self.hosts[host].setup_limit + self.grace);
    }

    pub(super) fn stop(&mut self, now: Duration, host: HostId, actions: &mut Vec<Action>) {
        self.states[host].phase = Phase::Ending;
        self.states[host].kill_at = Some(now + self.hosts[host].teardown_limit + self.grace);
        actions.push(Action::StopHost(host));
    }

    /// Whoever asked the run to end does not wait for a setup to take all of its time.
    pub(super) fn cut_setups_short(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for host in 0..self.hosts.len() {
            if self.states[host].phase == Phase::SettingUp {
                self.stop(now, host, actions);
            }
        }
    }

    pub(super) fn kill_all(&mut self, actions: &mut Vec<Action>) {
        for host in 0..self.hosts.len() {
            self.kill(host, false, actions);
        }
    }

    fn kill(&mut self, host: HostId, late: bool, actions: &mut Vec<Action>) {
        let state = &mut self.states[host];
        if state.is_alive() && !std::mem::replace(&mut state.killed, true) {
            state.failed |= matches!(state.phase, Phase::SettingUp | Phase::Up);
            state.phase = Phase::Ending;
            state.kill_at = None;
            actions.push(Action::KillHost { host, late });
        }
    }

    /// Politely, so that what a setup has started may end in good order; who does not mind it is killed after the grace,
    /// or as soon as somebody asks once more.
    pub(super) fn end_by_hand(&mut self, now: Duration, host: HostId, actions: &mut Vec<Action>) {
        let state = &mut self.states[host];
        if !matches!(state.phase, Phase::SettingUp | Phase::Ending) || state.killed {
            return;
        }
        if std::mem::replace(&mut state.by_hand, true) {
            self.kill(host, true, actions);
        } else {
            let grace_ends = now + self.grace;
            state.kill_at = Some(state.kill_at.map_or(grace_ends, |at| at.min(grace_ends)));
            actions.push(Action::TerminateHost(host));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.states.iter().filter_map(|state| state.kill_at).min()
    }

    pub(super) fn look_at_clocks(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for host in 0..self.hosts.len() {
            if self.states[host].kill_at.is_some_and(|at| at <= now) {
                self.kill(host, true, actions);
            }
        }
    }
}

impl State {
    fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::SettingUp | Phase::Up | Phase::Ending)
    }
}
