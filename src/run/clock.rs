//! The run's time. It stands still while the run is stopped (Ctrl-Z), and so do the limits that count by it.

use std::time::{Duration, Instant};

pub(super) struct Clock {
    began: Instant,
    /// When it stood still: from, to.
    pauses: Vec<(Instant, Instant)>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), pauses: Vec::new() }
    }

    pub(super) fn leave_out(&mut self, from: Instant, to: Instant) {
        self.pauses.push((from, to));
    }

    /// How long the run had gone on at a moment.
    pub(super) fn at(&self, moment: Instant) -> Duration {
        let passed = self.on_the_wall(moment);
        let before = |(from, to): &(Instant, Instant)| moment.min(*to).saturating_duration_since(*from);
        passed.saturating_sub(self.pauses.iter().map(before).sum())
    }

    /// The same with the pauses in it.
    pub(super) fn on_the_wall(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_left_out_and_what_was_before_them_stays() {
        let mut clock = Clock::start();
        let at = |seconds| clock.began + Duration::from_secs(seconds);
        let moments = [5, 10, 15, 20, 25, 40].map(at);
        let pauses = [(at(10), at(20)), (at(30), at(35))];
        pauses.iter().for_each(|(from, to)| clock.leave_out(*from, *to));
        assert_eq!(moments.map(|moment| clock.at(moment).as_secs()), [5, 10, 10, 10, 15, 25]);
        assert_eq!(clock.on_the_wall(moments[5]).as_secs(), 40);
    }
}
