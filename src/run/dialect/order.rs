//! Finds out in which order rustdoc runs its doctests. It compiles some of them together, when it can, and runs these
//! first, then the others, each part in the order of their names.

use super::lines::{is_marker, is_summary, markers};
use super::{Expected, Libtest, OTHER, Phase, Run};

impl Libtest {
    /// For rustdoc's harness, which may run `others` besides that nobody wants to hear of.
    pub(in crate::run) fn of_doctests(
        expected: &[Expected],
        others: &[std::sync::Arc<str>],
        with_log: bool,
        live: bool,
    ) -> Self {
        let mut it = Self { in_order: false, ..Self::new(expected, None, with_log, live) };
        it.runs.extend(others.iter().map(|name| Run::new(OTHER, name.clone())));
        it
    }

    /// Whether the log is opened no more once the first test has begun. rustdoc opens it for each of its parts.
    pub(in crate::run) fn opens_its_log_once(&self) -> bool {
        self.in_order
    }

    /// Puts the run in the current one's place whose marker comes first in the text, unless the log has told already
    /// which one it is.
    pub(super) fn place_by_text(&mut self) {
        if self.in_order || self.current < self.logged {
            return;
        }
        let left = self.runs[self.current..].iter().enumerate();
        let marked = left.filter_map(|(at, run)| Some((markers(&self.text, &run.name).next()?, at)));
        if let Some((_, at)) = marked.min() {
            self.runs.swap(self.current, self.current + at);
        }
    }

    /// Puts the run in the place of the next verdict that the log's next record is on.
    pub(super) fn place_by_log(&mut self, at_end: bool) {
        let is_known = self.phase == Phase::Inside && self.current == self.logged;
        if self.in_order || is_known {
            return;
        }
        for line in self.log.split_inclusive(|byte| *byte == b'\n') {
            let line = match line.strip_suffix(b"\n") {
                Some(line) => line,
                None if at_end => line,
                None => return,
            };
            let is_on = |run: &Run| line.strip_suffix(run.name.as_bytes()).is_some_and(|head| head.ends_with(b" "));
            let runs = (self.logged..self.runs.len()).filter(|at| is_on(&self.runs[*at]));
            if let Some(at) = runs.max_by_key(|at| self.runs[*at].name.len()) {
                self.runs.swap(self.logged, at);
                return;
            }
        }
    }

    /// Whether what follows a result is what has to follow the current run's.
    pub(super) fn is_next(&self, rest: &[u8]) -> bool {
        match &self.runs[self.current + 1..] {
            [] => is_summary(rest),
            [next, ..] if self.in_order => is_marker(rest, &next.name),
            // It may be the last one of its part.
            later => is_summary(rest) || later.iter().any(|run| is_marker(rest, &run.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Fact;
    use super::*;

    /// rustdoc with three doctests in the batch and one besides.
    fn doctests(with_log: bool) -> Libtest {
        let name = |line: u32| Arc::from(format!("src/lib.rs - f (line {line})"));
        let expected = [1, 11, 21].map(|line| Expected::named(&name(line)));
        Libtest::of_doctests(&expected, &[name(31)], with_log, false)
    }

    fn told(facts: &[Fact]) -> Vec<String> {
        let tell = |fact: &Fact| match fact {
            Fact::Began(place) => format!("+{place}"),
            Fact::Ended(it) => format!("{} {:?} {:?}", it.place, it.verdict, it.output.clone().into_text()),
            other => format!("{other:?}"),
        };
        facts.iter().map(tell).collect()
    }

    const PARTS: &str = "    Finished\n   Doc-tests made\nwarning: `--logfile` is deprecated\nrunning 2 tests\n\
        test src/lib.rs - f (line 21) ... loud\ntest src/lib.rs - f (line 1) ... ok\nFAILED\n\
        test src/lib.rs - f (line 31) ... FAILED\n\nfailures:\n\nfailures:\n    src/lib.rs - f (line 21)\n\n\
        test result: FAILED.\n\nwarning: `--logfile` is deprecated\nrunning 2 tests\n\
        test src/lib.rs - f (line 1) - compile ... ok\ntest src/lib.rs - f (line 11) - compile fail ... ok\n\n\
        test result: ok.\n\nerror: doctest failed\n";

    const VERDICTS: &str = "failed src/lib.rs - f (line 21)\nfailed: note: why\n src/lib.rs - f (line 31)\n\
        ok src/lib.rs - f (line 1)\nok src/lib.rs - f (line 11)\n";

    const LOUD: &str = "\"loud\\ntest src/lib.rs - f (line 1) ... ok\\n\"";

    #[test]
    fn the_order_of_the_parts_is_found_and_what_runs_besides_is_not_told() {
        let mut it = doctests(true);
        it.read(PARTS.as_bytes(), VERDICTS.as_bytes());
        let mut facts = it.take_facts();
        let (rest, end) = it.end();
        facts.extend(rest);
        let failed = format!("2 Failed {LOUD}");
        assert_eq!(told(&facts), ["+2", &failed, "+0", "0 Passed \"\"", "+1", "1 Passed \"\""]);
        assert!(end.by_exit_code && end.mismatch.is_none() && end.running.is_none(), "{end:?}");
    }

    #[test]
    fn however_the_streams_are_cut_the_same_is_told() {
        let at = |text: &str| PARTS.find(text).unwrap() + text.find("... ").map_or(0, |at| at + 4);
        // A verdict is written before the end of its test in the text. The second one has two lines.
        let ends = ["FAILED\ntest", "f (line 31) ... FAILED", "compile ... ok", "compile fail ... ok"].map(at);
        let mut lines = VERDICTS.split_inclusive('\n');
        let records = [1, 2, 1, 1].map(|count| lines.by_ref().take(count).collect::<String>());
        for step in 1..80 {
            let mut it = doctests(true);
            let mut facts = Vec::new();
            let mut read = 0;
            for piece in PARTS.as_bytes().chunks(step) {
                let due = read..read + piece.len();
                let log = ends.iter().zip(&records).filter(|(end, _)| due.contains(end)).map(|(_, record)| &**record);
                it.read(piece, log.collect::<String>().as_bytes());
                facts.extend(it.take_facts());
                read = due.end;
            }
            facts.extend(it.end().0);
            let failed = format!("2 Failed {LOUD}");
            assert_eq!(told(&facts), ["+2", &failed, "+0", "0 Passed \"\"", "+1", "1 Passed \"\""], "by {step}");
        }
    }

    #[test]
    fn the_one_that_runs_is_known_before_its_verdict_and_rustdoc_may_die_in_it() {
        let mut it = doctests(true);
        it.read(b"running 4 tests\ntest src/lib.rs - f (line 11) ... about to", b"");
        assert_eq!(told(&it.take_facts()), ["+1"]);
        let (_, end) = it.end();
        let (place, output) = end.running.unwrap();
        assert_eq!((place, output.into_text()), (1, "about to".to_owned()));
        let mut it = doctests(true);
        it.read(b"running 4 tests\ntest src/lib.rs - f (line 31) ... about to", b"");
        assert!(it.take_facts().is_empty() && it.end().1.running.is_none(), "nobody asked for it");
    }

    #[test]
    fn without_a_log_the_text_tells_the_order() {
        let mut it = doctests(false);
        it.read(PARTS.replace("loud\ntest src/lib.rs - f (line 1) ... ok\n", "").as_bytes(), b"");
        assert_eq!(told(&it.take_facts()), ["+2", "2 Failed \"\"", "+0", "0 Passed \"\"", "+1", "1 Passed \"\""]);
    }
}
