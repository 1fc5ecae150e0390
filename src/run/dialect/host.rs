//! What a host tells: records, and between them what its fixtures write. Pure.

use ptest::wire::record::{Piece, Record, Splitter};

use super::lines::{header, markers};
use super::{End, Fact};
use crate::run::output::Output;

pub(in crate::run) struct Host {
    splitter: Splitter,
    /// The test that it was started with, which libtest announces.
    test: String,
    /// Text from before the setup begins.
    before: Vec<u8>,
    began: bool,
    /// What was written since the last end of a fixture. What a host writes while it is up goes to its teardown.
    output: Output,
    facts: Vec<Fact>,
}

/// How much is kept to find libtest's lines in it, in bytes.
const LONGEST: usize = 64 * 1024;

impl Host {
    pub(in crate::run) fn new(token: &str, test: &str) -> Self {
        Self {
            splitter: Splitter::new(token),
            test: test.to_owned(),
            before: Vec::new(),
            began: false,
            output: Output::default(),
            facts: Vec::new(),
        }
    }

    pub(in crate::run) fn read(&mut self, text: &[u8]) {
        for piece in self.splitter.read(text) {
            match piece {
                Piece::Text(text) => self.text(&text),
                Piece::Record(record) => self.record(record),
            }
        }
    }

    pub(in crate::run) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// What the fixture has written that it is at.
    pub(in crate::run) fn so_far(&self) -> Output {
        self.output.clone()
    }

    /// The process is gone and its text has been read to the end.
    pub(in crate::run) fn end(&mut self) -> (Vec<Fact>, End) {
        let kept = self.splitter.end();
        self.text(&kept);
        self.begin();
        let (stray, fixture) = (Output::default(), std::mem::take(&mut self.output));
        (
            self.take_facts(),
            End {
                running: None,
                by_exit_code: false,
                mismatch: None,
                no_word: None,
                disputed: false,
                unlogged: None,
                closed: false,
                stray,
                fixture,
            },
        )
    }

    fn text(&mut self, text: &[u8]) {
        if self.began {
            self.output.push(text);
        } else {
            self.before.extend_from_slice(text);
            if self.before.len() > LONGEST {
                self.begin();
            }
        }
    }

    /// What libtest says of the test that will not run is of no use to anybody.
    fn begin(&mut self) {
        self.began = true;
        let mut before = std::mem::take(&mut self.before);
        if let Some((start, end, _)) = header(&before) {
            before.drain(start..end);
        }
        let marker = markers(&before, &self.test).next();
        if let Some((start, end)) = marker {
            before.drain(start..end);
        }
        self.output.push(before.trim_ascii_start());
    }

    fn record(&mut self, record: Record) {
        self.begin();
        let ends = !matches!(record, Record::SetupStarted { .. } | Record::TeardownStarted { .. });
        let output = if ends { std::mem::take(&mut self.output) } else { Output::default() };
        self.facts.push(Fact::Said(record, output));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_host_writes_goes_to_the_fixture_that_ends_next() {
        let context = || "c".to_owned();
        let duration = Duration::from_micros(5);
        let text = [
            b"\nrunning 1 test\ntest c::t ... ".to_vec(),
            Record::SetupStarted { context: context(), limit: duration }.encode("t"),
            b"setting up".to_vec(),
            Record::SetupFinished { context: context(), duration }.encode("t"),
            b"serving ".to_vec(),
            Record::TeardownStarted { context: context(), limit: duration, passed: true }.encode("t"),
            b"stopping".to_vec(),
            Record::TeardownFinished { context: context(), duration }.encode("t"),
            b"last words".to_vec(),
        ]
        .concat();
        let mut host = Host::new("t", "c::t");
        let mut so_far = Vec::new();
        for chunk in text.chunks(5) {
            host.read(chunk);
            so_far.push(host.so_far().into_text());
        }
        so_far.dedup();
        assert!(
            so_far.contains(&"setting up".to_owned()) && so_far.contains(&"serving stopping".to_owned()),
            "{so_far:?}"
        );
        let (facts, end) = host.end();
        let outputs: Vec<String> = facts
            .into_iter()
            .filter_map(|fact| if let Fact::Said(_, output) = fact { Some(output.into_text()) } else { None })
            .collect();
        assert_eq!(outputs, ["", "setting up", "", "serving stopping"]);
        assert_eq!(end.fixture.into_text(), "last words");
    }
}
