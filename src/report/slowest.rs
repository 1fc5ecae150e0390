//! The tests that took the longest. Pure.

use std::fmt::Write;

use super::control::line;
use crate::event::{Event, Outcome, TestFinished};

/// The slowest tests of those that ran, each with its last attempt.
pub(super) struct Slowest {
    most: usize,
    /// The slowest first.
    tests: Vec<(f64, String)>,
}

impl Slowest {
    pub(super) fn new(most: usize) -> Self {
        Self { most, tests: Vec::new() }
    }

    pub(super) fn event(&mut self, event: &Event) {
        if let Event::TestFinished(test) = event {
            self.add(test);
        }
    }

    pub(super) fn add(&mut self, test: &TestFinished) {
        let ran = test.outcome == Outcome::Passed || test.outcome.is_red() && test.worker.is_some();
        if !ran || self.most == 0 {
            return;
        }
        // Of equal ones the first stays.
        let at = self.tests.partition_point(|(duration, _)| *duration >= test.duration);
        if at < self.most {
            let repetition = if test.repetition > 1 { format!(" #{}", test.repetition) } else { String::new() };
            self.tests.insert(at, (test.duration, format!("{} {}{repetition}", test.binary, test.test)));
            self.tests.truncate(self.most);
        }
    }

    /// Seconds, and binary and name.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (f64, &str)> {
        self.tests.iter().map(|(duration, name)| (*duration, name.as_str()))
    }

    /// A line for each, in the columns of the report; nothing if no test ran.
    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        for (duration, name) in self.iter() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:12} [{duration:>9.3}s] {}", "", line(name));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::junit::sample::finished;

    #[test]
    fn the_slowest_come_first_and_of_equal_ones_the_first() {
        let mut slowest = Slowest::new(3);
        for (number, (name, duration)) in
            [("a", 0.5), ("b", 2.0), ("c", 0.25), ("d", 0.5), ("e", 1.0)].iter().enumerate()
        {
            let repetition = if number == 4 { 2 } else { 1 };
            slowest.event(&Event::TestFinished(TestFinished { duration: *duration, repetition, ..finished(name) }));
        }
        let cut_short = TestFinished { outcome: Outcome::NotReached, duration: 9.0, ..finished("x") };
        let never_ran = TestFinished { outcome: Outcome::Error, duration: 9.0, worker: None, ..finished("y") };
        [cut_short, never_ran].iter().for_each(|test| slowest.add(test));
        let lines = slowest.lines();
        let expected =
            "             [    2.000s] demo b\n             [    1.000s] demo e #2\n             [    0.500s] demo a\n";
        assert_eq!(lines, expected);
        assert_eq!(Slowest::new(0).lines(), "");
    }
}
