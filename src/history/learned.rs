//! What a run adds to what was known. Pure.
//!
//! What a test takes has two parts: its own, and what its process pays once, for whichever test comes first that needs it
//! (a `LazyLock`, a connection, the symbols for the first backtrace). The two cannot be told apart in one duration. But in
//! a process the first test that takes long may have paid for the others, and what comes after it has not. So:
//!
//! * After such a payment, or without any, a duration is the test's own. The least of several runs counts, since a
//!   busy machine only ever makes tests slower.
//! * The payment itself is compared with what is known of the test, and with what the other processes paid. What all of
//!   them pay is paid once a process; what only one of them pays is that test's own.
//! * Of a test that was never seen but when it may have paid (*cold*), the tests that ran after payments tell: were it a
//!   matter of single tests, some of these would be as long.

use std::time::Duration;

use super::Lengths;
use super::file::MOST;

/// No single test that differs by less is worth a file.
const MATTERS: Duration = Duration::from_millis(50);

/// Less than this is not taken for a payment: a process costs as much anyway.
const NOTICEABLE: Duration = Duration::from_millis(5);

/// So many cold tests are needed before they are thought to have paid for others.
const SUSPICIOUS: usize = 3;

/// So many of the tests that ran after a payment would have to be long, if it were a matter of single tests.
const EVIDENCE: f64 = 2.0;

/// Where so many tests ran alone, and most did, their durations say nothing of what they take in company.
const MANY: usize = 8;

/// So much likelier a process pays in a run with few processes than in one with many.
const LIKELIER: u32 = 4;

/// A test that a process ran, in the order in which it ran them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    /// Its place in the suite; `None` for one that only counts as what the process did before the next one.
    pub place: Option<usize>,
    pub took: Duration,
    /// It was ended at its time limit, which says nothing of payments.
    pub limited: bool,
}

/// The durations of one suite while a run measures them anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    lengths: Lengths,
    /// More processes ran at once than there are cores, so a test that computes took longer than it would elsewhere.
    crowded: bool,
    /// By how much all that was measured differs from what was known.
    changed: Duration,
    /// The same of the one that differs most.
    most: Duration,
    has_new: bool,
    processes: usize,
    observed: usize,
    /// Durations that are the tests' own.
    warm: Vec<Duration>,
    /// Of tests that ran after a payment of their process: that payment, and what the test took.
    followers: Vec<(Duration, Duration)>,
    /// Of tests of which more is known.
    payments: Vec<Payment>,
    /// Of tests that were never seen but when they may have paid.
    suspects: Vec<Payment>,
}

/// A duration that may have been paid for others.
#[derive(Clone, Copy, Debug)]
struct Payment {
    process: usize,
    place: usize,
    took: Duration,
    /// How much of it is more than the test's own.
    excess: Duration,
}

/// What the cold tests of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// They paid what each process pays once.
    Once,
    /// They take as long as that themselves.
    Own,
    /// Nothing can be said of them.
    Unknown,
    /// They may be either. To find it out they have to run together.
    Undecided,
}

impl Learned {
    pub(super) fn from(known: Lengths, crowded: bool) -> Self {
        Self { lengths: known, crowded, ..Self::default() }
    }

    /// A process ran these tests one after another.
    pub(super) fn process(&mut self, tests: &[Ran]) {
        let process = self.processes;
        self.processes += 1;
        let (mut paid, mut longest) = (Duration::ZERO, Duration::ZERO);
        for Ran { place, took, limited } in tests.iter().copied() {
            let took = took.min(Duration::from_micros(MOST));
            let known = place.and_then(|place| self.own(place));
            let excess = took.saturating_sub(known.unwrap_or_default());
            let noticeable = NOTICEABLE.max(known.unwrap_or_default() / 2);
            let may_have_paid = excess > noticeable && excess > paid + paid / 2 && !limited;
            if let Some(place) = place {
                self.observed += 1;
                let payment = Payment { process, place, took, excess };
                match (may_have_paid, known) {
                    // It takes much less, of which some may still have been paid for others.
                    (false, Some(known)) if took + known / 4 < known && took > NOTICEABLE.max(paid + paid / 2) => {
                        self.set(place, Some(took), true);
                    }
                    (false, _) => {
                        let was_paid_for = self.lengths.cold_only[place] && took < paid / 2;
                        self.warm(place, took);
                        self.learn_who_pays(place, was_paid_for, took.max(longest));
                    }
                    (true, Some(_)) => self.payments.push(payment),
                    (true, None) => self.suspects.push(payment),
                }
                self.followers.extend((!paid.is_zero()).then_some((paid, took)));
            }
            if may_have_paid {
                paid = excess;
            }
            longest = longest.max(took);
        }
    }

    /// The test did not pay. Where another one has paid for it, it still needs that. Where neither it nor any before it in
    /// its process took as long as that, it does not.
    fn learn_who_pays(&mut self, place: usize, was_paid_for: bool, longest: Duration) {
        if was_paid_for {
            self.set_paid(place, true);
        } else if longest < self.lengths.warmup / 2 {
            self.set_paid(place, false);
        }
    }

    fn set_paid(&mut self, place: usize, paid: bool) {
        let before = std::mem::replace(&mut self.lengths.paid[place], paid);
        self.has_new |= before != paid;
    }

    /// A test had a process of its own, as every test of its harness has, and paid for nobody.
    pub(super) fn alone(&mut self, Ran { place, took, .. }: Ran) {
        if let Some(place) = place {
            self.warm(place, took.min(Duration::from_micros(MOST)));
        }
    }

    /// What a test is known to take itself.
    fn own(&self, place: usize) -> Option<Duration> {
        self.lengths.tests[place].filter(|_| !self.lengths.cold_only[place])
    }

    /// A test took so long itself.
    fn warm(&mut self, place: usize, took: Duration) {
        self.warm.push(took);
        let after = match self.own(place) {
            // It waited for the others, and that says nothing of a run with fewer processes.
            Some(before) if took > before && self.crowded => before,
            Some(before) if took > before => before + took.abs_diff(before) / 4,
            _ => took,
        };
        self.set(place, Some(after), false);
    }

    fn set(&mut self, place: usize, after: Option<Duration>, cold_only: bool) {
        let before = std::mem::replace(&mut self.lengths.tests[place], after);
        let was_cold = std::mem::replace(&mut self.lengths.cold_only[place], cold_only);
        self.has_new |= before.is_some() != after.is_some() || was_cold != cold_only;
        self.differs(before.unwrap_or_default().abs_diff(after.unwrap_or_default()));
    }

    /// All has been measured: so it can be said what it is that processes pay once.
    pub(super) fn conclude(&mut self) {
        let typical = median(&mut self.warm.clone()).unwrap_or_default();
        let verdict = self.verdict(typical);
        let (payments, suspects) = (std::mem::take(&mut self.payments), std::mem::take(&mut self.suspects));
        let mut all = payments.clone();
        if verdict == Verdict::Once {
            all.extend(suspects.iter().map(|it| Payment { excess: it.excess.saturating_sub(typical), ..*it }));
        }
        let mut paid: Duration = Duration::ZERO;
        for payment in payments.iter().copied() {
            if self.is_paid_by_others(payment, &all) {
                paid += payment.excess;
            } else {
                let before = self.own(payment.place).unwrap_or_default();
                self.set(payment.place, Some(before + payment.excess / 2), false);
            }
        }
        let middle = middle_of(&suspects);
        for Payment { place, took, excess, .. } in &suspects {
            let length = match verdict {
                // What is far more than the others paid is at least in part its own, and what is far less as well.
                Verdict::Once if self.crowded => Some(typical),
                Verdict::Once if *excess < middle / 2 => Some(*took),
                Verdict::Once => Some(typical.max(took.saturating_sub(middle * 2))),
                Verdict::Own | Verdict::Undecided => Some(*took),
                Verdict::Unknown => None,
            };
            let own = length.unwrap_or_default();
            paid += if verdict == Verdict::Once { took.saturating_sub(own.max(typical)) } else { Duration::ZERO };
            self.set(*place, length, verdict != Verdict::Own && length.is_some());
        }
        let mean = paid.checked_div(u32::try_from(self.processes).unwrap_or(u32::MAX)).unwrap_or_default();
        // Not all of them need what others do; but the larger a process is, the likelier it does.
        let usual = middle_of(&all).min(mean * LIKELIER);
        let once = match verdict {
            // Their processes are to run several of them.
            Verdict::Undecided if suspects.len() >= SUSPICIOUS => usual.max(middle),
            _ => usual,
        };
        self.settle_once(once);
        self.remember_who_paid(payments.iter().chain(suspects.iter().filter(|_| verdict == Verdict::Once)));
    }

    /// These tests need what is paid for, so the next run can bring them together. Small payments may be anything.
    fn remember_who_paid<'a>(&mut self, all: impl Iterator<Item = &'a Payment>) {
        let large = self.lengths.warmup / 2;
        if !large.is_zero() {
            all.filter(|it| it.excess >= large).for_each(|it| self.set_paid(it.place, true));
        }
    }

    /// Whether other processes pay as much as that, in this run or as is known.
    fn is_paid_by_others(&self, payment: Payment, all: &[Payment]) -> bool {
        let half = payment.excess / 2;
        let by_others = all.iter().any(|other| other.process != payment.process && other.excess >= half);
        by_others || self.lengths.warmup >= half
    }

    fn verdict(&self, typical: Duration) -> Verdict {
        if self.suspects.is_empty() {
            return Verdict::Own;
        }
        // Small ones may be due to other things that the machine does, and say nothing.
        let large = middle_of(&self.suspects) / 2;
        let suspects = self.suspects.iter().filter(|it| it.excess >= large).count();
        let followers = || self.followers.iter().filter(|(paid, _)| *paid >= large);
        let long = followers().filter(|(_, took)| *took >= typical + large).count();
        #[expect(clippy::cast_precision_loss, reason = "a rough figure is all that is wanted")]
        let expected = (suspects + long) as f64 / self.observed.max(1) as f64 * followers().count() as f64;
        let is_known =
            self.lengths.warmup >= large || self.payments.iter().filter(|it| it.excess >= large).count() >= SUSPICIOUS;
        let ran_alone = suspects >= MANY && 2 * suspects > self.observed;
        if 4 * long > suspects {
            Verdict::Own
        } else if is_known || (suspects >= SUSPICIOUS && expected >= EVIDENCE) {
            Verdict::Once
        } else if ran_alone || (self.crowded && suspects >= SUSPICIOUS) {
            Verdict::Unknown
        } else {
            Verdict::Undecided
        }
    }

    fn settle_once(&mut self, once: Duration) {
        let before = self.lengths.warmup;
        let after = match before {
            Duration::ZERO => once,
            // As with tests, the least is nearest to the truth.
            _ if !once.is_zero() && once < before => once,
            _ if once > before && self.crowded => before,
            _ => (before + once) / 2,
        };
        self.lengths.warmup = if after < NOTICEABLE / 5 { Duration::ZERO } else { after };
        self.has_new |= before.abs_diff(self.lengths.warmup) > NOTICEABLE;
    }

    pub(super) fn setup(&mut self, place: usize, took: Duration) {
        self.has_new |= self.lengths.setups[place].is_none();
        let took = took.min(Duration::from_micros(MOST));
        let before = self.lengths.setups[place].unwrap_or(took);
        self.lengths.setups[place] = Some((before + took) / 2);
        self.differs(before.abs_diff(took));
    }

    fn differs(&mut self, by: Duration) {
        self.changed += by;
        self.most = self.most.max(by);
    }

    /// The durations, if they are worth to be written down. Small tests take another time whenever they run, and that
    /// changes no order that matters: unless it comes to a quarter of the whole, or one of them has become longer or
    /// shorter by as much as matters among the long ones.
    pub(super) fn worth_writing(&self) -> Option<&Lengths> {
        let all = || self.lengths.tests.iter().chain(&self.lengths.setups).flatten();
        let (sum, longest) = (all().sum::<Duration>(), all().max().copied().unwrap_or_default());
        let one = self.most > MATTERS && self.most > longest / 10;
        (self.has_new || self.changed > sum / 4 || one).then_some(&self.lengths)
    }
}

/// Half of all that was paid was paid in payments of this size or more.
fn middle_of(payments: &[Payment]) -> Duration {
    let mut excesses: Vec<Duration> = payments.iter().map(|it| it.excess).collect();
    excesses.sort_unstable();
    let half = excesses.iter().sum::<Duration>() / 2;
    let mut sum = Duration::ZERO;
    excesses
        .into_iter()
        .find(|excess| {
            sum += *excess;
            sum >= half
        })
        .unwrap_or_default()
}

/// The lower one of the two in the middle.
fn median(all: &mut [Duration]) -> Option<Duration> {
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Learns from processes that ran these tests, each with its duration in milliseconds.
    fn learned(known: &Lengths, processes: &[&[(usize, u64)]]) -> Learned {
        let mut learned = Learned::from(known.clone(), false);
        for tests in processes {
            let ran = |(place, took): &(usize, u64)| Ran { place: Some(*place), took: millis(*took), limited: false };
            learned.process(&tests.iter().map(ran).collect::<Vec<_>>());
        }
        learned.conclude();
        learned
    }

    fn unknown(tests: usize) -> Lengths {
        Lengths::known(vec![None; tests], vec![Some(millis(0))])
    }

    fn known(tests: &[u64]) -> Lengths {
        Lengths::known(tests.iter().map(|it| Some(millis(*it))).collect(), vec![Some(millis(0))])
    }

    fn own(lengths: &Lengths) -> Vec<Option<u128>> {
        (0..lengths.tests.len()).map(|test| lengths.of(test).map(|it| it.as_millis())).collect()
    }

    /// A program of tests of 2 ms, every fourth of which needs what takes a process 300 ms once: what each of these
    /// processes measures.
    fn with_lock(processes: &[Vec<usize>]) -> Vec<Vec<(usize, u64)>> {
        let of = |tests: &Vec<usize>| -> Vec<(usize, u64)> {
            let mut is_there = false;
            let mut took = |test: usize| {
                let needs = test.is_multiple_of(4);
                let pays = needs && !is_there;
                is_there |= needs;
                if pays { 302 } else { 2 }
            };
            tests.iter().map(|test| (*test, took(*test))).collect()
        };
        processes.iter().map(of).collect()
    }

    fn run(known: &Lengths, processes: &[Vec<(usize, u64)>]) -> Lengths {
        learned(known, &processes.iter().map(Vec::as_slice).collect::<Vec<_>>()).lengths
    }

    #[test]
    fn what_each_process_pays_once_is_no_tests_own_whichever_test_meets_it() {
        let of_four: Vec<Vec<usize>> = (0..40).collect::<Vec<_>>().chunks(4).map(<[usize]>::to_vec).collect();
        let first = run(&unknown(40), &with_lock(&of_four));
        assert_eq!((own(&first), first.warmup), (vec![Some(2); 40], millis(300)));
        // Later runs have other processes, and the payment is somebody else's.
        let halves: Vec<Vec<usize>> =
            (1..41).map(|it| it % 40).collect::<Vec<_>>().chunks(20).map(<[usize]>::to_vec).collect();
        let later = (0..5).fold(first, |known, _| run(&known, &with_lock(&halves)));
        assert_eq!((own(&later), later.warmup), (vec![Some(2); 40], millis(300)));
    }

    #[test]
    fn the_tests_that_need_what_is_paid_for_are_known_even_if_another_one_paid() {
        let of_four: Vec<Vec<usize>> = (0..40).collect::<Vec<_>>().chunks(4).map(<[usize]>::to_vec).collect();
        let payers = |lengths: &Lengths| (0..40).filter(|test| lengths.pays(*test)).collect::<Vec<_>>();
        let need: Vec<usize> = (0..40).step_by(4).collect();
        let first = run(&unknown(40), &with_lock(&of_four));
        assert_eq!(payers(&first), need);
        let together: Vec<Vec<usize>> = vec![need.clone(), (0..40).filter(|it| !need.contains(it)).collect()];
        let later = (0..3).fold(first, |known, _| run(&known, &with_lock(&together)));
        assert_eq!((payers(&later), later.warmup), (need.clone(), millis(300)));
        // Another one was thought to need it, and did not where nobody had paid.
        let mut wrong = later;
        wrong.paid[1] = true;
        assert_eq!(payers(&run(&wrong, &with_lock(&together))), need);
    }

    #[test]
    fn tests_that_all_ran_alone_say_nothing_of_what_they_take_in_company() {
        let alone: Vec<Vec<usize>> = (0..40).step_by(4).map(|test| vec![test]).collect();
        let lengths = run(&unknown(40), &with_lock(&alone));
        assert_eq!((own(&lengths), lengths.warmup), (vec![None; 40], millis(0)));
    }

    /// Under a heavy load any test may seem long.
    #[test]
    fn small_payments_do_not_hide_what_the_large_ones_are() {
        let of_four: Vec<Vec<usize>> = (0..40).collect::<Vec<_>>().chunks(4).map(<[usize]>::to_vec).collect();
        let mut processes = with_lock(&of_four);
        processes
            .extend((40..140).collect::<Vec<_>>().chunks(5).map(|tests| tests.iter().map(|it| (*it, 20)).collect()));
        let lengths = run(&unknown(140), &processes);
        assert!(own(&lengths)[..40].iter().all(|it| *it <= Some(20)), "{lengths:?}");
        assert!(lengths.warmup > millis(50));
    }

    #[test]
    fn what_is_believed_to_be_long_and_is_much_shorter_alone_is_looked_at_again_in_company() {
        let alone: Vec<Vec<(usize, u64)>> = (0..8).map(|it| vec![(it, 302)]).collect();
        let again = run(&known(&[2000; 8]), &alone);
        let together = run(&again, &alone);
        assert_eq!(together.warmup, Duration::ZERO, "nothing is known of them any more");
        assert_eq!(own(&together), [None; 8]);
    }

    #[test]
    fn a_payment_that_is_known_is_not_taken_for_long_tests() {
        let known = Lengths { warmup: millis(300), ..known(&[2; 40]) };
        let alone: Vec<Vec<usize>> = (0..40).step_by(4).map(|test| vec![test]).collect();
        let lengths = run(&known, &with_lock(&alone));
        assert_eq!((own(&lengths), lengths.warmup), (vec![Some(2); 40], millis(300)));
    }

    #[test]
    fn long_tests_are_known_by_others_that_are_as_long_behind_them() {
        let processes: Vec<Vec<(usize, u64)>> =
            (0..12).collect::<Vec<_>>().chunks(3).map(|tests| tests.iter().map(|it| (*it, 500)).collect()).collect();
        let lengths = run(&unknown(12), &processes);
        assert_eq!((own(&lengths), lengths.warmup), (vec![Some(500); 12], millis(0)));
    }

    #[test]
    fn a_few_long_tests_keep_their_durations() {
        let processes = [vec![(0, 900), (1, 2)], vec![(2, 2), (3, 800)], vec![(4, 2), (5, 2)]];
        let lengths = run(&unknown(6), &processes);
        assert_eq!((own(&lengths)[0], own(&lengths)[3]), (Some(900), Some(800)));
        assert_eq!(lengths.warmup, millis(0));
    }

    #[test]
    fn long_tests_that_may_have_paid_are_brought_together_to_find_out() {
        let mut processes: Vec<Vec<(usize, u64)>> = (0..6).map(|it| vec![(it, 900), (6 + it, 2)]).collect();
        processes.extend((0..60).map(|it| vec![(12 + it, 2)]));
        let lengths = run(&unknown(72), &processes);
        assert_eq!((own(&lengths)[0], lengths.warmup), (Some(900), millis(900)));
        let lengths = run(&lengths, &[(0..6).map(|it| (it, 900)).collect()]);
        assert_eq!(own(&lengths)[..6], [Some(900); 6]);
        assert!(lengths.warmup < millis(500), "it is forgotten by and by");
    }

    #[test]
    fn a_test_that_has_become_long_is_not_taken_for_one_that_pays() {
        let processes = [vec![(0, 2), (1, 900)], vec![(2, 2), (3, 2)], vec![(4, 2), (5, 2)]];
        let once = run(&known(&[2; 6]), &processes);
        assert_eq!((own(&once)[1], once.warmup), (Some(451), millis(0)));
        let often = (0..9).fold(once, |known, _| run(&known, &processes));
        assert!(own(&often)[1] > Some(800) && often.warmup.is_zero());
    }

    #[test]
    fn the_least_of_several_runs_counts_and_what_is_slower_now_is_believed_slowly() {
        let lengths = run(&known(&[100, 100]), &[vec![(0, 140), (1, 60)]]);
        assert_eq!(own(&lengths), [Some(110), Some(60)]);
    }

    #[test]
    fn what_is_ended_at_its_limit_has_paid_for_nobody() {
        let mut learned = Learned::from(Lengths { warmup: millis(300), ..known(&[2, 2]) }, false);
        learned.process(&[Ran { place: Some(0), took: millis(9000), limited: true }]);
        learned.conclude();
        assert_eq!(learned.lengths.warmup, millis(150));
        assert!(learned.lengths.of(0) > Some(millis(2000)));
    }

    #[test]
    fn small_differences_are_not_worth_a_file() {
        let changed =
            |known: &[u64], ran: &[(usize, u64)]| learned(&self::known(known), &[ran]).worth_writing().is_some();
        assert!(!changed(&[100, 1], &[(0, 110), (1, 4)]));
        assert!(changed(&[100, 1], &[(0, 30)]));
        assert!(!changed(&[400; 20], &[(7, 375)]));
        assert!(changed(&[400; 20], &[(7, 300)]), "it is one of the shortest now");
        assert!(learned(&unknown(2), &[&[(1, 0)]]).worth_writing().is_some());
        let mut setup = Learned::from(known(&[100]), false);
        setup.setup(0, Duration::from_secs(9));
        assert_eq!(setup.worth_writing().unwrap().setups, [Some(millis(4500))]);
    }

    #[test]
    fn no_duration_is_believed_to_be_longer_than_a_day() {
        let mut endless = Learned::from(unknown(2), false);
        let ran = |place, limited| Ran { place: Some(place), took: Duration::MAX, limited };
        endless.process(&[ran(0, false), ran(1, true)]);
        endless.conclude();
        assert_eq!(endless.worth_writing().unwrap().tests, [Some(Duration::from_micros(MOST)); 2]);
    }
}
