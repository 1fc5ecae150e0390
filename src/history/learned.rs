//! What a run adds to what was known. Pure.

use std::time::Duration;

use super::Lengths;
use super::file::MOST;

/// No single test that differs by less is worth a file.
const MATTERS: Duration = Duration::from_millis(50);

/// Nor what the first test of a process pays for the others: as much as a process costs anyhow.
const WARMUP_MATTERS: Duration = Duration::from_millis(5);

/// The lengths of one suite while a run measures them anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    lengths: Lengths,
    /// By how much all that was measured differs from what was known.
    changed: Duration,
    /// The same of the one that differs most.
    most: Duration,
    has_new: bool,
    /// What tests took that were the first ones in their processes, of those that are known from later places.
    firsts: Vec<(usize, Duration)>,
    /// What those took of which nothing was known, the first ones and the others.
    new_firsts: Vec<Duration>,
    new_others: Vec<Duration>,
}

impl Learned {
    pub(super) fn from(known: Lengths) -> Self {
        Self { lengths: known, ..Self::default() }
    }

    /// A test took so long: as the `first` one that its process ran, or as one of the others.
    pub(super) fn test(&mut self, place: usize, took: Duration, first: bool) {
        let (known, first_only) = (&mut self.lengths.tests[place], &mut self.lengths.first_only[place]);
        self.has_new |= known.is_none();
        let differs = match *known {
            None => {
                *first_only = first;
                if first { &mut self.new_firsts } else { &mut self.new_others }.push(took);
                settle(known, took)
            }
            Some(_) if first && *first_only => settle(known, took),
            // It has paid for the others.
            Some(_) if first => return self.firsts.push((place, took)),
            // Now it is known what it takes itself.
            Some(before) if *first_only => {
                (*known, *first_only) = (Some(took.min(Duration::from_micros(MOST))), false);
                before.abs_diff(took)
            }
            Some(_) => settle(known, took),
        };
        self.differs(differs);
    }

    /// All has been measured: so it can be said what it is that the first ones pay.
    pub(super) fn conclude(&mut self) {
        let firsts = std::mem::take(&mut self.firsts);
        let paid = firsts.iter().map(|(place, took)| paid(*took, self.lengths.tests[*place].unwrap_or_default()));
        // Not all of them need what the others do: a process pays as much in the mean.
        let mean = u32::try_from(firsts.len()).ok().and_then(|count| paid.sum::<Duration>().checked_div(count));
        let Some(excess) = mean.or_else(|| self.guess()) else { return };
        let before = self.lengths.warmup;
        let mut warmup = Some(before).filter(|before| !before.is_zero());
        settle(&mut warmup, excess);
        self.lengths.warmup = warmup.unwrap_or_default();
        self.has_new |= before.abs_diff(self.lengths.warmup) > WARMUP_MATTERS;
        for (place, took) in firsts {
            let own = took.saturating_sub(self.lengths.warmup);
            let differs = settle(&mut self.lengths.tests[place], own);
            self.differs(differs);
        }
    }

    /// What the first ones have paid, if none of them has been known before: tests come to be the first ones by chance, so
    /// where these take longer than nearly all others, that is why.
    fn guess(&mut self) -> Option<Duration> {
        let Self { new_firsts, new_others, .. } = self;
        if new_firsts.len() < 3 || new_others.len() < new_firsts.len() || !self.lengths.warmup.is_zero() {
            return None;
        }
        new_firsts.sort_unstable();
        new_others.sort_unstable();
        let (middle, high) = (new_firsts[(new_firsts.len() - 1) / 2], new_others[new_others.len() * 3 / 4]);
        Some(paid(middle, high)).filter(|paid| !paid.is_zero())
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

/// How much of what a test took was for others, if it takes so long itself. No test takes the same time twice.
fn paid(took: Duration, itself: Duration) -> Duration {
    let more = took.min(Duration::from_micros(MOST)).saturating_sub(itself);
    if more > itself / 2 { more } else { Duration::ZERO }
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
        let mut learned = Learned::from(Lengths::known(tests.to_vec(), vec![Some(millis(0))]));
        measured.iter().for_each(|(place, took)| learned.test(*place, millis(*took), false));
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
        endless.test(0, Duration::MAX, true);
        endless.test(1, Duration::MAX, false);
        assert_eq!(endless.worth_writing().unwrap().tests, [Some(Duration::from_micros(MOST)); 2]);
    }

    /// A program that takes 40 ms for what it keeps, and tests of 2 ms. In each run some are the first ones.
    fn after(runs: &[&[usize]]) -> Lengths {
        let mut lengths = Lengths::known(vec![None; 6], Vec::new());
        for first in runs {
            let mut learned = Learned::from(lengths);
            for place in 0..6 {
                let is_first = first.contains(&place);
                learned.test(place, millis(if is_first { 42 } else { 2 }), is_first);
            }
            learned.conclude();
            lengths = learned.lengths;
        }
        lengths
    }

    #[test]
    fn what_the_first_test_of_a_process_pays_for_the_others_is_not_its_own() {
        let once = after(&[&[0, 3]]);
        assert_eq!((once.tests[0], once.first_only[0], once.warmup), (Some(millis(42)), true, millis(0)));
        let guessed = after(&[&[0, 2, 4]]);
        assert_eq!((guessed.tests[0], guessed.of(0), guessed.warmup), (Some(millis(42)), Some(millis(2)), millis(40)));
        let twice = after(&[&[0, 3], &[1, 4]]);
        assert_eq!((twice.tests[0], twice.first_only[0], twice.warmup), (Some(millis(2)), false, millis(40)));
        let often = after(&[&[0, 3], &[1, 4], &[2, 5], &[0, 3], &[0, 3]]);
        assert_eq!((&*often.tests, often.warmup), (&[Some(millis(2)); 6][..], millis(40)));
    }

    #[test]
    fn what_not_all_of_them_pay_is_paid_in_the_mean() {
        let mut learned = learned(&[Some(millis(2)), Some(millis(2)), Some(millis(900))], &[]);
        [(0, 42), (1, 2), (2, 1000)].into_iter().for_each(|(place, took)| learned.test(place, millis(took), true));
        learned.conclude();
        assert_eq!(learned.lengths.warmup.as_millis(), 13, "and a long test may well take a bit longer");
    }

    #[test]
    fn what_is_always_the_first_says_nothing_of_the_others() {
        let lengths = after(&[&[0], &[0], &[0]]);
        assert_eq!((lengths.tests[0], lengths.warmup), (Some(millis(42)), millis(0)));
    }
}
