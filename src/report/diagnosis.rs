//! What is known of the state that a failed test may have met, and of its neighbours. Pure.

use std::sync::Arc;

use crate::event::{Outcome, TestFinished};

/// What there was that may be the cause of a failure.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// How many tests its process had run before.
    pub before: usize,
    /// The nearest of them, the last one at the end.
    after: Vec<Arc<str>>,
    /// Other processes of its package ran at the same time.
    pub beside: bool,
}

impl Around {
    pub(super) fn of(test: &TestFinished) -> Self {
        Self { before: test.before, after: test.after.clone(), beside: test.beside }
    }

    /// No test is meant.
    pub(super) fn nothing() -> Self {
        Self { before: 0, after: Vec::new(), beside: false }
    }

    /// A clause about the test. `alone` is what it came to alone, if that was tried; `asked` says that it would have been,
    /// had there been a reason.
    pub(super) fn verdict(&self, alone: Option<Outcome>, asked: bool) -> Option<String> {
        let after = names(&self.after, self.before);
        let one_of = if self.before == 1 { "" } else { "one of " };
        let text = match (alone, self.before, self.beside) {
            // One more run that went well may have been luck.
            (Some(Outcome::Passed), 0, false) => "passes alone: chance".to_owned(),
            (Some(Outcome::Passed), 0, true) => {
                "passes alone: chance, or other processes of its package disturb it".to_owned()
            }
            (Some(Outcome::Passed), _, false) => format!("passes alone: chance, or state left by {one_of}{after}"),
            (Some(Outcome::Passed), _, true) => {
                format!(
                    "passes alone: chance, state left by {one_of}{after}, or other processes of its package disturb it"
                )
            }
            (Some(_), ..) => "fails alone".to_owned(),
            (None, 0, false) if asked => {
                "ran first in its process, and no other process of its package ran: nothing to diagnose".to_owned()
            }
            (None, 0, _) => return None,
            (None, ..) => format!("ran after {after}, in the same process"),
        };
        Some(text)
    }
}

/// The nearest of `count` tests by name, and how many more there are.
pub(super) fn names(nearest: &[Arc<str>], count: usize) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = nearest.iter().rev().take(SHOWN).map(|name| &**name).collect();
    match count {
        0 => "no test".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_predecessors_are_named() {
        let all: Vec<Arc<str>> = ["a", "b", "c", "d", "e"].map(Arc::from).to_vec();
        assert_eq!(names(&all, 5), "e, d, c and 2 more");
        assert_eq!(names(&all[..2], 2), "b, a");
    }

    #[test]
    fn one_run_that_went_well_proves_nothing() {
        let verdict = |before, beside, alone, asked| {
            let after = (0..before).map(|number| format!("t{number}").into()).collect();
            Around { before, after, beside }.verdict(alone, asked).unwrap_or_default()
        };
        let (passed, failed) = (Some(Outcome::Passed), Some(Outcome::Failed));
        assert_eq!(verdict(0, false, passed, true), "passes alone: chance");
        assert_eq!(verdict(1, false, passed, true), "passes alone: chance, or state left by t0");
        assert_eq!(verdict(2, false, passed, true), "passes alone: chance, or state left by one of t1, t0");
        let company = "or other processes of its package disturb it";
        assert_eq!(verdict(0, true, passed, true), format!("passes alone: chance, {company}"));
        assert_eq!(verdict(1, true, passed, true), format!("passes alone: chance, state left by t0, {company}"));
        assert_eq!(verdict(1, true, failed, true), "fails alone");
        assert_eq!(verdict(1, true, None, false), "ran after t0, in the same process");
        assert_eq!(verdict(0, false, None, false), "");
        let alone = "ran first in its process, and no other process of its package ran: nothing to diagnose";
        assert_eq!(verdict(0, false, None, true), alone);
    }
}
