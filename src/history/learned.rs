//! What a run adds to what was known. Pure.

use std::time::Duration;

use super::Lengths;
use super::file::MOST;

/// The lengths of one suite while a run measures them anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    lengths: Lengths,
    /// By how much all that was measured differs from what was known.
    changed: Duration,
    has_new: bool,
}

impl Learned {
    pub(super) fn from(known: Lengths) -> Self {
        Self { lengths: known, ..Self::default() }
    }

    pub(super) fn test(&mut self, place: usize, took: Duration) {
        let known = &mut self.lengths.tests[place];
        self.has_new |= known.is_none();
        self.changed += settle(known, took);
    }

    pub(super) fn setup(&mut self, place: usize, took: Duration) {
        let known = &mut self.lengths.setups[place];
        self.has_new |= known.is_none();
        self.changed += settle(known, took);
    }

    /// The lengths, if they are worth to be written down: small tests take another time whenever they run, but what is
    /// less than a quarter of the whole changes no order that matters.
    pub(super) fn worth_writing(&self) -> Option<&Lengths> {
        let all: Duration = self.lengths.tests.iter().chain(&self.lengths.setups).flatten().sum();
        (self.has_new || self.changed > all / 4).then_some(&self.lengths)
    }
}

/// A single measurement may be far off, and what is old may not be true any more: the mean of both is remembered. Gives
/// the difference.
fn settle(known: &mut Option<Duration>, took: Duration) -> Duration {
    let took = took.min(Duration::from_micros(MOST));
    let before = known.unwrap_or(took);
    *known = Some((before + took) / 2);
    before.abs_diff(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn learned(tests: &[Option<Duration>], measured: &[(usize, u64)]) -> Learned {
        let mut learned = Learned::from(Lengths { tests: tests.to_vec(), setups: vec![Some(millis(0))] });
        measured.iter().for_each(|(place, took)| learned.test(*place, millis(*took)));
        learned
    }

    #[test]
    fn measurements_approach_the_truth() {
        let learned = learned(&[Some(millis(100)), None], &[(0, 300), (1, 7)]);
        assert_eq!(learned.worth_writing().unwrap().tests, [Some(millis(200)), Some(millis(7))]);
    }

    #[test]
    fn small_differences_are_not_worth_a_file() {
        assert!(learned(&[Some(millis(100)), Some(millis(1))], &[(0, 110), (1, 4)]).worth_writing().is_none());
        assert!(learned(&[Some(millis(100)), Some(millis(1))], &[(0, 160)]).worth_writing().is_some());
        assert!(learned(&[Some(millis(100)), None], &[(1, 0)]).worth_writing().is_some());
        let mut setup = learned(&[Some(millis(100))], &[]);
        setup.setup(0, Duration::from_secs(9));
        assert_eq!(setup.worth_writing().unwrap().setups, [Some(millis(4500))]);
    }

    #[test]
    fn nothing_is_believed_to_take_for_ever() {
        let mut endless = learned(&[None, None], &[]);
        endless.test(0, Duration::MAX);
        endless.test(1, Duration::MAX);
        assert_eq!(endless.worth_writing().unwrap().tests, [Some(Duration::from_micros(MOST)); 2]);
    }
}
