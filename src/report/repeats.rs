//! What the repetitions of each test came to (`--repeat`). Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{Outcome, TestFinished};

#[derive(Default)]
pub(super) struct Repeats(HashMap<Name, Counts>);

/// A test, by the id of its binary and its name.
type Name = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Counts {
    ran: u32,
    failed: u32,
    /// The first of those that failed.
    first: u32,
}

impl Repeats {
    /// Counts the last word on a repetition.
    pub(super) fn add(&mut self, test: &TestFinished) {
        if matches!(test.outcome, Outcome::Ignored | Outcome::NotReached) {
            return;
        }
        let counts = self.0.entry((test.binary.clone(), test.test.clone())).or_default();
        counts.ran += 1;
        if test.outcome.is_red() {
            counts.failed += 1;
            counts.first = if counts.failed == 1 { test.repetition } else { counts.first.min(test.repetition) };
        }
    }

    /// Whether this failure, which has been counted, is not the first one of its test.
    pub(super) fn is_known(&self, test: &TestFinished) -> bool {
        self.0.get(&(test.binary.clone(), test.test.clone())).is_some_and(|counts| counts.failed > 1)
    }

    /// How many of them failed, for people.
    pub(super) fn verdict(&self, binary: &Arc<str>, test: &Arc<str>) -> Option<String> {
        let Counts { ran, failed, first } = self.0.get(&(binary.clone(), test.clone())).filter(|it| it.failed > 0)?;
        Some(format!("{failed} of {ran} failed, first at {first}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample::finished;

    #[test]
    fn repetitions_are_counted_whatever_their_order() {
        let mut repeats = Repeats::default();
        let outcomes = [(3, Outcome::Failed), (1, Outcome::Passed), (4, Outcome::NotReached), (2, Outcome::Crashed)];
        for (repetition, outcome) in outcomes {
            let test = TestFinished { outcome, repetition, ..finished("t") };
            repeats.add(&test);
            assert_eq!(repeats.is_known(&test), repetition == 2, "{repetition}");
        }
        assert_eq!(repeats.verdict(&"demo".into(), &"t".into()).unwrap(), "2 of 3 failed, first at 2");
        assert_eq!(repeats.verdict(&"demo".into(), &"u".into()), None);
    }
}
