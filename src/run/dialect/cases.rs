//! The cases of a generated test. For libtest they are one test; that one of them is over is said in a record, and so is
//! that there are no more to come: before that no text is the test's end.

use std::sync::Arc;

use ptest::wire::record::Record;

use super::{Ended, Fact, Libtest, OTHER, Output, Phase, Run, Verdict};

impl Run {
    /// Where in the batch that is which runs now: the test, or the first of its cases that is not over.
    pub(super) fn runs_now(&self) -> Option<usize> {
        match self.cases.len() {
            _ if self.place == OTHER => None,
            0 => Some(self.place),
            cases => (self.cases_over < cases).then_some(self.place + self.cases_over),
        }
    }

    /// Whether the text may tell its end. The log's verdict alone is not enough: what cases print comes with it.
    pub(super) fn may_end(&self) -> bool {
        let is_ignored = self.verdict.as_ref().is_some_and(|(verdict, _)| *verdict == Verdict::Ignored);
        self.cases.is_empty() || self.no_more_cases || is_ignored
    }

    fn case(&self) -> Option<&Arc<str>> {
        self.cases.get(self.cases_over)
    }
}

impl Libtest {
    /// A case of a test is over. The next one has begun, if there is one: whatever comes is on its way to it.
    pub(super) fn case_ended(&mut self, test: &str, case: &str, passed: bool) {
        self.arrive_at(test);
        let Some(run) = self.runs.get(self.current) else { return };
        let Some(place) = run.runs_now().filter(|_| *run.name == *test && run.case().is_some_and(|it| **it == *case))
        else {
            return;
        };
        self.begin();
        self.phase = Phase::Inside;
        let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
        let output = std::mem::take(&mut self.output);
        self.facts.push(Fact::Ended(Ended { place, verdict, note: None, output }));
        self.next_case();
        self.begin();
    }

    pub(super) fn cases_over(&mut self, test: &str) {
        self.arrive_at(test);
        if let Some(run) = self.runs.get_mut(self.current).filter(|run| *run.name == *test) {
            run.no_more_cases = true;
        }
    }

    /// Whatever ran before that test is over. The log knows it, even if the text has been torn.
    fn arrive_at(&mut self, test: &str) {
        while self.current < self.logged && *self.runs[self.current].name != *test {
            self.begin();
            self.end_current();
        }
    }

    /// The test is over. What it came to is what those of its cases come to that nothing was heard of: it passes only if all of
    /// them have run and passed.
    pub(super) fn end_cases(&mut self, (verdict, note): (Verdict, Option<String>)) {
        let unmet = self.unmet.take();
        let first = self.runs[self.current].case().cloned();
        let mut why = note;
        while let Some(place) = self.runs[self.current].runs_now() {
            self.begin();
            // It is said once for the test, and goes for each of its cases.
            if let Some(context) = &unmet {
                self.facts.push(Fact::Said(Record::NotSetUp { context: context.clone() }, Output::default()));
            }
            let output = std::mem::take(&mut self.output);
            self.facts.push(Fact::Ended(Ended { place, verdict, note: why.clone(), output }));
            if verdict == Verdict::Failed {
                why = first.as_ref().map(|first| format!("it did not report a result: its test failed, see [{first}]"));
            }
            self.next_case();
        }
        let rest = std::mem::take(&mut self.output);
        self.stray.push(rest.into_text().as_bytes());
    }

    fn next_case(&mut self) {
        self.runs[self.current].cases_over += 1;
        self.began = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use memchr::memmem;
    use ptest::wire::record::Failure;

    use super::super::Expected;
    use super::*;

    /// A test with the cases a, b and c, between two tests without any.
    fn libtest() -> Libtest {
        let cases = ["a", "b", "c"].map(Arc::from).to_vec();
        let tests = [Expected::named("m"), Expected { cases, ..Expected::named("n") }, Expected::named("o")];
        Libtest::new(&tests, Some("t"), true, false)
    }

    fn over(case: &str, passed: bool) -> Vec<u8> {
        Record::CaseEnded { test: "n".to_owned(), name: case.to_owned(), passed }.encode("t")
    }

    fn no_more() -> Vec<u8> {
        Record::CasesOver { test: "n".to_owned() }.encode("t")
    }

    /// `+0` began, `0 Passed "output"` ended; with its note, if there is one.
    fn told(facts: &[Fact]) -> Vec<String> {
        let tell = |fact: &Fact| match fact {
            Fact::Began(place) => format!("+{place}"),
            Fact::Ended(Ended { place, verdict, note, output }) => {
                let note = note.as_ref().map(|note| format!(" {note}")).unwrap_or_default();
                format!("{place} {verdict:?} {:?}{note}", output.clone().into_text())
            }
            Fact::Said(record, _) => format!("{record:?}").split(' ').next().unwrap_or_default().to_owned(),
            Fact::Wrote(..) => unreachable!("nobody listens"),
        };
        facts.iter().map(tell).collect()
    }

    #[test]
    fn each_case_has_its_own_verdict_and_output_however_the_text_is_cut() {
        let text = [
            b"\nrunning 3 tests\ntest m ... ok\ntest n ... generates\n".to_vec(),
            over("a", true),
            b"test n ... ok\nFAILED\ntest o ... why\nFAILED\n\ntest result: FAILED.\n".to_vec(),
            over("b", false),
            over("c", true),
            no_more(),
            b"after all of them\nFAILED\ntest o ... ok\n\ntest result: FAILED.".to_vec(),
        ]
        .concat();
        // A verdict is in the log before it is in the text.
        let at = |what: &[u8]| memmem::find(&text, what).unwrap();
        let log = [
            (at(b"ok\ntest n"), "ok m\n"),
            (at(b"FAILED\ntest o ... ok"), "failed n\n"),
            (at(b"ok\n\ntest"), "ok o\n"),
        ];
        for size in [1, 7, 1000] {
            let mut it = libtest();
            for (number, chunk) in text.chunks(size).enumerate() {
                let new = number * size..number * size + chunk.len();
                let log: String = log.iter().filter(|(at, _)| new.contains(at)).map(|(_, line)| *line).collect();
                it.read(chunk, log.as_bytes());
            }
            let (facts, _) = it.end();
            let expected = [
                "+0",
                "0 Passed \"\"",
                "+1",
                "1 Passed \"generates\\n\"",
                "+2",
                "2 Failed \"test n ... ok\\nFAILED\\ntest o ... why\\nFAILED\\n\\ntest result: FAILED.\\n\"",
                "+3",
                "3 Passed \"\"",
                "+4",
                "4 Passed \"\"",
            ];
            assert_eq!(told(&facts), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn cases_that_a_generator_does_not_come_to_have_failed() {
        let mut it = libtest();
        it.read(&[&b"\nrunning 3 tests\ntest m ... ok\ntest n ... "[..], &over("a", true)].concat(), b"ok m\n");
        let text = [&b"no b this time\n"[..], &no_more(), b"FAILED\ntest o ... "].concat();
        it.read(&text, b"failed n\n");
        let expected = [
            "+0",
            "0 Passed \"\"",
            "+1",
            "1 Passed \"\"",
            "+2",
            "2 Failed \"no b this time\\n\"",
            "+3",
            "3 Failed \"\" it did not report a result: its test failed, see [b]",
            "+4",
        ];
        assert_eq!(told(&it.take_facts()), expected);
    }

    #[test]
    fn a_test_that_passes_has_run_all_of_its_cases_even_if_nothing_was_heard_of_some() {
        let mut it = libtest();
        it.read(&[&b"\nrunning 3 tests\ntest m ... ok\ntest n ... "[..], &over("a", true)].concat(), b"ok m\nok n\n");
        // Nothing of the text can be its end: it has not said that there are no more cases.
        assert_eq!(told(&it.take_facts())[3..], ["1 Passed \"\"", "+2"]);
        // It was before the verdict that it should have said so.
        it.read(b"ok\ntest o ... of o", b"");
        assert_eq!(told(&it.take_facts()), ["2 Passed \"\"", "+3", "3 Passed \"\"", "+4"]);
        assert_eq!(it.end().1.running.unwrap().1.into_text(), "of o");
    }

    #[test]
    fn what_was_not_set_up_was_not_set_up_for_any_case() {
        let failure = Failure { message: "no".to_owned(), duration: Duration::ZERO, timed_out: false };
        let failed = Record::SetupFailed { context: "n".to_owned(), failure }.encode("t");
        let mut it = libtest();
        it.read(&[&b"\nrunning 3 tests\ntest m ... ok\ntest n ... "[..], &failed].concat(), b"ok m\n");
        it.read(&[&no_more(), &b"FAILED\ntest o ... "[..]].concat(), b"failed n\n");
        let facts = told(&it.take_facts());
        assert_eq!(facts[2..4], ["+1", "SetupFailed"]);
        assert_eq!(facts.iter().filter(|fact| *fact == "NotSetUp").count(), 3, "{facts:?}");
        assert_eq!(facts.last().unwrap(), "+4");
    }

    #[test]
    fn ignored_cases_are_ignored() {
        let mut it = libtest();
        it.read(b"\nrunning 3 tests\ntest m ... ok\ntest n ... ignored\ntest o ... ", b"ok m\nignored n\n");
        let facts = told(&it.take_facts());
        assert_eq!(facts.iter().filter(|fact| fact.contains("Ignored")).count(), 3, "{facts:?}");
    }

    #[test]
    fn a_process_dies_in_the_case_that_runs() {
        let mut it = libtest();
        let text = [&b"\nrunning 3 tests\ntest m ... ok\ntest n ... "[..], &over("a", true), b"dying"].concat();
        it.read(&text, b"ok m\n");
        let (_, end) = it.end();
        let (place, output) = end.running.unwrap();
        assert_eq!((place, output.into_text()), (2, "dying".to_owned()));
    }

    #[test]
    fn a_case_tells_that_its_test_has_begun_when_the_text_does_not() {
        let mut it = libtest();
        let text = [&b"\nrunning 3 tests\ntest m ... okTORN\ntestTORN n ... "[..], &over("a", true)].concat();
        it.read(&text, b"ok m\n");
        let facts = told(&it.take_facts());
        assert_eq!((facts.len(), &*facts[0], &*facts[2], &*facts[4]), (5, "+0", "+1", "+2"), "{facts:?}");
        assert!(facts[1].starts_with("0 Passed") && facts[3].starts_with("1 Passed"), "{facts:?}");
    }
}
