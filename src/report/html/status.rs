//! What a test came to, as the page names and marks it. Colours alone would leave some people out.

use crate::event::{Outcome, TestFinished};

/// One of the words in the page: for the style sheet, for people, and a mark that needs no colour.
pub(super) struct Status {
    pub key: &'static str,
    pub word: &'static str,
    pub mark: &'static str,
}

const fn status(key: &'static str, word: &'static str, mark: &'static str) -> Status {
    Status { key, word, mark }
}

/// In the order in which people want to hear of them. The script knows them by their places here.
pub(super) const ALL: &[Status] = &[
    status("failed", "failed", "✗"),
    status("crashed", "crashed", "⚡"),
    status("timed-out", "timed out", "◷"),
    status("setup-failed", "setup failed", "⊘"),
    status("error", "error", "!"),
    status("flaky", "flaky", "↻"),
    status("cancelled", "cancelled", "■"),
    status("not-reached", "not reached", "…"),
    status("ignored", "ignored", "–"),
    status("passed", "passed", "✓"),
];

/// The place of a test's status in [`ALL`].
pub(super) fn of_test(test: &TestFinished) -> usize {
    match test.outcome {
        _ if test.flaky => FLAKY,
        _ if test.was_cut_short() => CANCELLED,
        outcome => of(outcome),
    }
}

const FLAKY: usize = 5;
const CANCELLED: usize = 6;

pub(super) fn of(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Crashed => 1,
        Outcome::TimedOut => 2,
        Outcome::SetupFailed => 3,
        Outcome::Error => 4,
        Outcome::NotReached => 7,
        Outcome::Ignored => 8,
        Outcome::Passed => 9,
    }
}

/// A duration for people: three digits that matter.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        it if it < 0.0005 => "0 ms".to_owned(),
        it if it < 0.9995 => format!("{:.0} ms", it * 1e3),
        it if it < 9.995 => format!("{it:.2} s"),
        it if it < 59.95 => format!("{it:.1} s"),
        it => {
            let minutes = (it / 60.0).floor();
            format!("{minutes:.0} min {:.0} s", (it - minutes * 60.0).floor())
        }
    }
}

/// `1 test`, `2 tests`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample::finished;

    #[test]
    fn every_outcome_has_its_own_word() {
        let outcomes = [
            (Outcome::Failed, "failed"),
            (Outcome::Crashed, "crashed"),
            (Outcome::TimedOut, "timed-out"),
            (Outcome::SetupFailed, "setup-failed"),
            (Outcome::Error, "error"),
            (Outcome::NotReached, "not-reached"),
            (Outcome::Ignored, "ignored"),
            (Outcome::Passed, "passed"),
        ];
        for (outcome, key) in outcomes {
            assert_eq!(ALL[of(outcome)].key, key);
        }
        assert_eq!(ALL[FLAKY].key, "flaky");
        let key = |worker| ALL[of_test(&TestFinished { outcome: Outcome::NotReached, worker, ..finished("t") })].key;
        assert_eq!((key(Some(0)), key(None)), ("cancelled", "not-reached"), "one of them ran when the run ended");
    }

    #[test]
    fn durations_have_the_digits_that_matter() {
        let times = [0.0, 0.0123, 1.234, 12.34, 61.5, 3599.9].map(time);
        assert_eq!(times, ["0 ms", "12 ms", "1.23 s", "12.3 s", "1 min 1 s", "59 min 59 s"]);
    }
}
