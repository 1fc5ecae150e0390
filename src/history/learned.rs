//! What a run adds to what was known. Pure.

use std::time::Duration;

use super::Lengths;
use super::file::MOST;

/// No single test that differs by less is worth a file.
const MATTERS: Duration = Duration::from_millis(50);

/// The lengths of one suite while a run measures them anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    lengths: Lengths,
    /// By how much all that was measured differs from what was known.
    changed: Duration,
    /// The same of the one that differs most.
    most: Duration,
    has_new: bool,
}

impl Learned {
    pub(super) fn from(known: Lengths) -> Self {
        Self { lengths: known, ..Self::default() }
    }

    pub(super) fn test(&mut self, place: usize, took: Duration) {
        self.has_new |= self.lengths.tests[place].is_none();
        let differs = settle(&mut self.lengths.tests[place], took);
        self.differs(differs);
    }

    pub(super) fn setup(&mut self, place: usize, took: Duration) {
        self.has_new |= self.lengths.setups[place].is_none();
        let differs = settle(&mut self.lengths.setups[place], took);
        self.differs(differs);
    }

    fn differs(&mut self, by: Duration) {
        self.changed += by;
        self.most = self.most.max(by);
    }

    /// The lengths, if they are worth to be written down. Small tests take another time whenever they run, and that
    /// changes no order that matters: unless it comes to a quarter of the whole, or one of them has become longer or
    /// shorter by as much as matters among the long ones.
    pub(super) fn worth_writing(&self) -> Option<&Lengths> {
        let all = || self.lengths.tests.iter().chain(&self.lengths.setups).flatten();
        let (sum, longest) = (all().sum::<Duration>(), all().max().copied().unwrap_or_default());
        let one = self.most > MATTERS && self.most > longest / 10;
        (self.has_new || self.changed > sum / 4 || one).then_some(&self.lengths)
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
        let many = [Some(millis(400)); 20];
        assert!(learned(&many, &[(7, 445)]).worth_writing().is_none());
        assert!(learned(&many, &[(7, 460)]).worth_writing().is_some(), "it is one of the longest now");
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
