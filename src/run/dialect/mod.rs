//! How libtest tells what becomes of a batch: two streams of bytes in, facts out. Pure.
//!
//! A process is started as `BIN --exact --nocapture --test-threads=1 --logfile=LOG NAME...`. It runs the tests one by
//! one in a known order and writes twice about each:
//!
//! * on its **text**, where the tests' own output is too: `test NAME ... ` before, `ok` or `FAILED` after;
//! * into its **log**, where nobody else writes: `ok NAME`, `failed NAME`, `ignored: reason NAME`, each before the
//!   result appears in the text.
//!
//! The text alone could be fooled: tests print such lines themselves, write without a newline, close the descriptor; a
//! thread that outlives its test prints into the middle of a result line. So the log gives the verdicts, and the text
//! says which output belongs to whom and which test has begun. While the log has no verdict on a test, nothing in the
//! text can be its end, whatever it looks like: the caller reads the text first, the log after it, and what the log
//! says then is at least as new. The other way round, whatever was written before a verdict of the log is in the text
//! that is read next: the caller reads all there is. So a verdict that the text does not confirm by then is late, or the
//! line that should tell it is torn, and [`torn`] finds out where the next test begins.
//!
//! Where no log can be had, the text judges alone, and the last result only by the [`summary`]. What tells besides whether
//! it is to be believed is in [`unlogged`].
//!
//! A binary with annotations says in its text, too, what happens to fixtures, in records that nobody else can make up.
//! They are taken out of the text before anything else is looked for in it; what stands between those of a fixture is
//! the fixture's output.

mod cases;
mod host;
mod lines;
#[cfg(test)]
mod noise;
mod order;
mod summary;
mod text;
mod torn;
mod unlogged;

use std::sync::Arc;

use memchr::memmem;
use ptest::wire::record::{Piece, Record, Splitter};

use super::output::Output;
pub(super) use host::Host;
use lines::{header, is_failure, markers, record, result, without_summary, without_warning, word};
use summary::{Counts, last_result};
use text::Text;
use torn::Beginning;
pub(super) use unlogged::Unlogged;

/// What a process was told to run.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub name: Arc<str>,
    /// How often the binary has a test of this name, and so runs one.
    pub times: usize,
    /// If it is a generated one, the cases that are to run. Each has a place of its own.
    pub cases: Vec<Arc<str>>,
}

impl Expected {
    #[cfg(test)]
    fn named(name: &str) -> Self {
        Self { name: Arc::from(name), times: 1, cases: Vec::new() }
    }
}

/// Something that libtest told. Tests and cases are numbered by their place in the batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    Began(usize),
    /// It wrote something; told only when somebody listens.
    Wrote(usize, Vec<u8>),
    Ended(Ended),
    /// What it says of a fixture; if that is its end, with what the fixture wrote.
    Said(Record, Output),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub place: usize,
    pub verdict: Verdict,
    /// What libtest says of a failure that was no panic.
    pub note: Option<String>,
    pub output: Output,
}

/// The worse one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ignored,
    Passed,
    Failed,
}

/// What there is to say of a process when it is gone.
#[derive(Debug)]
pub(super) struct End {
    /// The test that it died in.
    pub running: Option<(usize, Output)>,
    /// The exit code has given the verdict, or is that of tests that nobody asked for: it is no witness besides.
    pub by_exit_code: bool,
    /// It said that it runs so many tests, and not as many as it was told to.
    pub mismatch: Option<usize>,
    /// There is a log, and neither it nor the text says what became of a test.
    pub no_word: Option<NoWord>,
    /// There is no log, and the text has what libtest says in the end, but not as libtest says it.
    pub disputed: bool,
    /// What is known of the text that has no log beside it.
    pub unlogged: Option<Unlogged>,
    /// It had closed its output itself.
    pub closed: bool,
    /// What it wrote outside of any test.
    pub stray: Output,
    /// What the fixture wrote that had no end.
    pub fixture: Output,
}

/// Why nothing is known of a test, if libtest ended the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoWord {
    /// The log could not be opened, or libtest has no such option, and no test has run.
    NotOpened,
    /// There is no log, and the text is not to be believed.
    Disputed,
    /// libtest says that it could not write the result of the test at this place.
    LogClosed(usize),
    /// Nothing is said at all.
    Silent {
        place: usize,
        /// The output had been closed by the time that it began, or was closed by it.
        dark: bool,
    },
}

/// The place of a test that is not in the batch.
const OTHER: usize = usize::MAX;

/// One run of a test: a name that the binary has twice is run twice.
#[derive(Debug)]
struct Run {
    /// In the batch, or [`OTHER`]; that of the first of its cases, if it has any.
    place: usize,
    name: Arc<str>,
    cases: Vec<Arc<str>>,
    /// How many of them are over.
    cases_over: usize,
    /// It has said that there are no more of them to come.
    no_more_cases: bool,
    /// From the log.
    verdict: Option<(Verdict, Option<String>)>,
}

impl Run {
    fn new(place: usize, name: Arc<str>) -> Self {
        Self { place, name, cases: Vec::new(), cases_over: 0, no_more_cases: false, verdict: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// `running N tests` has not come yet.
    Header,
    /// The current run's `test NAME ... ` has not come yet.
    Expect,
    /// It has: whatever comes is the test's output.
    Inside,
    /// All results are known.
    Done,
}

#[expect(clippy::struct_excessive_bools, reason = "each of them is a fact of its own about the two streams")]
pub(super) struct Libtest {
    /// In their order. If that is not known, those that the text and the log have told of come first, in theirs.
    runs: Vec<Run>,
    in_order: bool,
    /// One has failed that is not in the batch.
    other_failed: bool,
    /// The run that the text is at.
    current: usize,
    phase: Phase,
    /// Whether `Began` has been told of the current run.
    began: bool,
    with_log: bool,
    live: bool,
    /// How many verdicts the log has given, and what of it is not understood yet.
    logged: usize,
    /// How many of them are older than the text: all that was written before them has been read.
    known: usize,
    log: Text,
    /// Takes the records out of the text, if there may be any.
    splitter: Option<Splitter>,
    /// Of what has been read, some is still to be taken in.
    is_in_pieces: bool,
    /// Text that is not understood yet.
    text: Text,
    output: Output,
    /// What the setup or teardown has written that it is at.
    fixture: Option<Output>,
    /// The context whose setup failed, so that the current run does not run.
    unmet: Option<String>,
    /// What has ended before the current run said nothing in the text.
    dark: bool,
    /// The process has closed its output.
    closed: bool,
    /// What libtest will have counted, for a text without a log.
    counts: Counts,
    /// What is known of a text without a log, but for its end.
    unlogged: Unlogged,
    /// The worst verdict so far on a name that runs more than once.
    worst: Option<(Verdict, Option<String>)>,
    stray: Output,
    mismatch: Option<usize>,
    facts: Vec<Fact>,
}

/// How much text is kept in which a beginning may be found: a pipe holds as much. In bytes.
const WINDOW: usize = 64 * 1024;

/// libtest's complaint when it cannot write its log. There is no other sign of it than this line.
const LOG_LOST: &str = "error: io error when listing tests: ";

/// What one says that has no log.
const LOG_REJECTED: &str = "Unrecognized option: 'logfile'";

impl Libtest {
    pub(super) fn new(expected: &[Expected], token: Option<&str>, with_log: bool, live: bool) -> Self {
        let mut runs = Vec::new();
        let mut place = 0;
        for Expected { name, times, cases } in expected {
            runs.extend((0..*times).map(|_| Run { cases: cases.clone(), ..Run::new(place, name.clone()) }));
            place += cases.len().max(1);
        }
        Self {
            runs,
            in_order: true,
            other_failed: false,
            current: 0,
            phase: Phase::Header,
            began: false,
            with_log,
            live,
            logged: 0,
            known: 0,
            log: Text::default(),
            splitter: token.map(Splitter::new),
            is_in_pieces: false,
            text: Text::default(),
            output: Output::default(),
            fixture: None,
            unmet: None,
            dark: false,
            closed: false,
            counts: Counts::default(),
            unlogged: Unlogged::default(),
            worst: None,
            stray: Output::default(),
            mismatch: None,
            facts: Vec::new(),
        }
    }

    /// Says how many tests the binary has, which its summary goes by.
    pub(super) fn out_of(mut self, tests: Option<usize>) -> Self {
        self.counts.filtered = tests.map(|tests| tests.saturating_sub(self.runs.len()));
        self
    }

    /// The process lives, and nothing more can come of its text.
    pub(super) fn text_is_closed(&mut self) {
        self.closed = true;
    }

    /// Takes in what was read: all the text there was, and the log after it.
    pub(super) fn read(&mut self, text: &[u8], log: &[u8]) {
        self.known = self.logged;
        self.log.push(log);
        self.read_log(false);
        if let Some(splitter) = &mut self.splitter {
            self.is_in_pieces = true;
            for piece in splitter.read(text) {
                match piece {
                    Piece::Text(text) => self.text.push(&text),
                    Piece::Record(record) => self.record(record),
                }
                while self.advance() {}
            }
            self.is_in_pieces = false;
        } else {
            self.text.push(text);
        }
        while self.advance() {}
    }

    /// Takes in a record, which stands between all text so far and all that is to come. No result line goes around it.
    fn record(&mut self, record: Record) {
        let text = self.text.take_all();
        match self.phase {
            Phase::Inside => self.write(&text),
            Phase::Expect => {
                // Its marker has been broken, but somebody has begun.
                self.begin();
                self.write(&text);
            }
            Phase::Header | Phase::Done => self.stray(&text),
        }
        match &record {
            Record::CaseEnded { test, name, passed } => return self.case_ended(test, name, *passed),
            Record::CasesOver { test } => return self.cases_over(test),
            Record::SetupFailed { context, .. } | Record::NotSetUp { context } => self.unmet = Some(context.clone()),
            _ => {}
        }
        let output = match &record {
            Record::SetupStarted { .. } | Record::TeardownStarted { .. } => {
                self.fixture = Some(Output::default());
                Output::default()
            }
            Record::SetupFinished { .. }
            | Record::SetupFailed { .. }
            | Record::TeardownFinished { .. }
            | Record::TeardownFailed { .. } => self.fixture.take().unwrap_or_default(),
            _ => Output::default(),
        };
        self.facts.push(Fact::Said(record, output));
    }

    /// What has become known since the last call.
    pub(super) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The run whose verdict the log has and the text does not confirm: it is on its way, or will never come.
    pub(super) fn waits_for_text(&self) -> Option<usize> {
        (self.current < self.logged).then_some(self.current)
    }

    /// Whether the text has the word for the verdict that the log has: only the line around it is torn.
    pub(super) fn has_word_of_verdict(&self) -> bool {
        let run = self.runs.get(self.current).and_then(|run| run.verdict.as_ref());
        run.is_some_and(|(verdict, _)| memmem::find(&self.text, word(*verdict)).is_some())
    }

    /// The text has been silent for so long that it will not confirm the verdicts any more: tell them without it, and
    /// take the next test for begun.
    pub(super) fn settle(&mut self) {
        self.settle_verdicts();
        let is_known = self.in_order || self.current < self.logged;
        if self.phase != Phase::Done && is_known {
            self.begin();
        }
    }

    /// A verdict that has just come is left out: what was written before it may not have been read yet.
    fn settle_verdicts(&mut self) {
        while self.current < self.known {
            self.begin();
            if self.phase != Phase::Header && self.resynchronise() {
                while self.advance() {}
                continue;
            }
            let mut text = self.text.take_all();
            for word in [&b"ok\n"[..], b"FAILED\n"] {
                if text.ends_with(word) {
                    text.truncate(text.len() - word.len());
                    break;
                }
            }
            self.write(&text);
            self.end_current();
            self.dark = true;
        }
    }

    /// What the test that runs now has written, or the fixture that it is at.
    pub(super) fn so_far(&self) -> Output {
        let mut output = Output::default();
        if let Some(fixture) = &self.fixture {
            output.clone_from(fixture);
            output.push(&self.text);
        } else if self.phase == Phase::Inside {
            output.clone_from(&self.output);
            output.push(&self.text);
        }
        output
    }

    /// Whether libtest has begun, and so has opened its log.
    pub(super) fn has_begun(&self) -> bool {
        self.phase != Phase::Header || self.logged > 0
    }

    /// The process is gone and both streams have been read to their ends.
    pub(super) fn end(mut self) -> (Vec<Fact>, End) {
        let kept = self.splitter.as_mut().map(Splitter::end).unwrap_or_default();
        self.text.push(&kept);
        self.read_log(true);
        self.known = self.logged;
        while self.advance() {}
        self.settle_verdicts();
        let disputed = self.end_by_summary();
        let unlogged = self.take_unlogged();
        let no_word = self.no_word();
        let facts = std::mem::take(&mut self.facts);
        let place = self.runs.get(self.current).and_then(Run::runs_now);
        let running = place.filter(|_| self.began && self.phase != Phase::Done).map(|place| {
            let text = self.text.take_all();
            self.write(&text);
            (place, std::mem::take(&mut self.output))
        });
        if running.is_none() {
            let text = without_warning(&self.text);
            self.stray(&text);
        }
        let fixture = self.fixture.unwrap_or_default();
        if self.phase == Phase::Done {
            self.stray = without_summary(self.stray);
        }
        (
            facts,
            End {
                running,
                by_exit_code: self.other_failed,
                mismatch: self.mismatch,
                no_word,
                disputed: disputed || unlogged.as_ref().is_some_and(Unlogged::is_disputed),
                unlogged,
                closed: self.closed,
                stray: self.stray,
                fixture,
            },
        )
    }

    /// Without a log the last test ends where the summary says so. If it does not, says whether something looked like it.
    fn end_by_summary(&mut self) -> bool {
        if !self.ends_by_summary() || self.phase != Phase::Inside {
            return false;
        }
        let Some((verdict, start, end)) = last_result(&self.text, self.counts) else {
            return memmem::find(&self.text, b"test result: ").is_some();
        };
        let text = self.text.take(end);
        self.write(&text[..start]);
        self.unlogged.end(&text[start..]);
        self.runs[self.current].verdict = Some((verdict, None));
        self.end_current();
        false
    }

    fn take_unlogged(&mut self) -> Option<Unlogged> {
        if self.with_log {
            return None;
        }
        let mut unlogged = std::mem::take(&mut self.unlogged);
        unlogged.is_complete = self.phase == Phase::Done;
        if !unlogged.is_complete {
            let mut output = self.output.clone();
            output.push(&self.text);
            unlogged.has_summary = memmem::find(output.into_text().as_bytes(), b"test result: ").is_some();
        }
        Some(unlogged)
    }

    fn ends_by_summary(&self) -> bool {
        let is_last = self.current + 1 == self.runs.len();
        !self.with_log && self.in_order && is_last && self.runs[self.current].cases.is_empty()
    }

    /// What is missing at the end, if libtest has ended the process.
    fn no_word(&self) -> Option<NoWord> {
        if !self.with_log || self.phase == Phase::Done {
            return None;
        }
        let mut said = if self.began { self.output.clone() } else { self.stray.clone() };
        said.push(&self.text);
        let said = said.into_text();
        let last_line = said.trim_end().rsplit('\n').next().unwrap_or_default();
        let says_so = last_line.contains(LOG_LOST);
        if self.phase == Phase::Header && self.logged == 0 {
            return (says_so || last_line.contains(LOG_REJECTED)).then_some(NoWord::NotOpened);
        }
        // In another order nothing tells whose turn it was.
        let place = self.runs.get(self.current).filter(|_| self.in_order).and_then(Run::runs_now)?;
        match self.began {
            true if says_so => Some(NoWord::LogClosed(place)),
            true => Some(NoWord::Silent { place, dark: self.dark || self.closed }),
            false => self.dark.then_some(NoWord::Silent { place, dark: true }),
        }
    }

    /// Takes one step in the text; false when more of it is needed.
    fn advance(&mut self) -> bool {
        match self.phase {
            Phase::Header => self.find_header(),
            Phase::Expect => self.find_marker(),
            Phase::Inside => self.find_end(),
            Phase::Done => {
                let text = self.text.take_all();
                self.stray(&text);
                false
            }
        }
    }

    fn find_header(&mut self) -> bool {
        let Some((start, end, count)) = header(&self.text) else {
            let surplus = self.surplus();
            self.stray(&surplus);
            return false;
        };
        let mut before = self.text.take(end);
        self.unlogged.begin(start, end);
        before.truncate(start);
        self.stray(&without_warning(&before));
        // rustdoc tells it of each of its parts.
        self.mismatch = Some(count).filter(|count| self.in_order && *count != self.runs.len());
        self.phase = if self.runs.is_empty() { Phase::Done } else { Phase::Expect };
        true
    }

    fn find_marker(&mut self) -> bool {
        self.place_by_text();
        let Some((start, end)) = self.own_beginning() else {
            // That it began is known all the same, and whoever writes is taken for it.
            let surplus = self.surplus();
            if self.began {
                self.write(&surplus);
            } else {
                self.stray(&surplus);
            }
            return false;
        };
        // The rest of a result line whose verdict was told without it.
        let late = self.text.take(end);
        self.unlogged.mark(end - start);
        self.stray(&late[..start]);
        self.begin();
        self.phase = Phase::Inside;
        self.dark = false;
        true
    }

    /// Where the current run begins and its output does: at its marker, or at its panic if that comes first.
    fn own_beginning(&self) -> Option<(usize, usize)> {
        let name = &*self.runs[self.current].name;
        let marker = markers(&self.text, name).next();
        // A panic stands in one line. Those in lines behind the marker's come too late, and there may be very many.
        let line_end = |(start, _)| memchr::memchr(b'\n', &self.text[start..]).map(|length| start + length);
        let until = marker.and_then(line_end).unwrap_or(self.text.len());
        let panic = torn::panics(&self.text[..until]).find(|(_, panicked)| *panicked == name.as_bytes());
        let panic = panic.map(|(place, _)| (place.start, place.start));
        marker.into_iter().chain(panic).min()
    }

    fn find_end(&mut self) -> bool {
        let run = &self.runs[self.current];
        if self.with_log && run.verdict.is_none() {
            let text = self.text.take_all();
            self.write(&text);
            return false;
        }
        if self.ends_by_summary() {
            let surplus = self.surplus();
            self.write(&surplus);
            return false;
        }
        // All that was written before the verdict has been read, and it has not said what it should have: it cannot.
        let is_mute = self.known > self.current && !self.is_in_pieces;
        if !run.may_end() && !is_mute {
            let surplus = self.surplus();
            self.write(&surplus);
            return false;
        }
        let verdict = run.verdict.as_ref().map(|(verdict, _)| *verdict);
        let found = result(&self.text, verdict, |rest| self.is_next(rest));
        if let Some((verdict, start, end)) = found.filter(|(_, start, _)| !self.another_began_before(*start)) {
            let text = self.text.take(end);
            self.unlogged.told += (end - start) as u64;
            self.write(&text[..start]);
            self.runs[self.current].verdict.get_or_insert((verdict, None));
            self.end_current();
            return true;
        }
        // The text holds all of the next run, too, or more than a pipe does: then it holds that run's beginning.
        let complete = self.known > self.current + 1 || (self.known > self.current && self.text.len() > WINDOW);
        if complete && self.resynchronise() {
            return true;
        }
        // What cannot be the beginning of the end any more need not be looked at again.
        let surplus = self.surplus();
        self.write(&surplus);
        false
    }

    /// Takes out what is too long to hold anything that is looked for.
    fn surplus(&mut self) -> Vec<u8> {
        const MARGIN: usize = 128;
        let possible = if self.in_order { 2 } else { usize::MAX };
        let longest = self.runs[self.current..].iter().take(possible).map(|run| run.name.len()).max().unwrap_or(0);
        // When the current run has its verdict, the next one's beginning may be anywhere.
        let kept = match self.waits_for_text() {
            Some(_) => WINDOW,
            None if self.ends_by_summary() => self.end_of_text(),
            None => 0,
        };
        let surplus = self.text.len().saturating_sub(kept.max(longest + MARGIN));
        self.text.take(surplus)
    }

    /// How much of the text may be the end of all: from the first result on, but no more than libtest may say there.
    fn end_of_text(&self) -> usize {
        let words = [&b"ok\n"[..], b"FAILED\n", b"ignored"];
        let result = words.into_iter().filter_map(|word| memmem::find(&self.text, word)).min();
        let names: usize = self.runs.iter().map(|run| 2 * run.name.len() + 64).sum();
        result.map_or(0, |result| self.text.len() - result).min(WINDOW + names)
    }

    /// Ends the current run where a later one begins, though no whole result line stands before it. Only for a run that
    /// has its verdict. The runs between the two, if there are any, have told nothing.
    fn resynchronise(&mut self) -> bool {
        let Some(Beginning { number, at, .. }) = self.beginning(&self.text, self.known.saturating_sub(self.current))
        else {
            return false;
        };
        let text = self.text.take(at);
        self.write(&text);
        for _ in 0..=number {
            self.begin();
            self.end_current();
        }
        true
    }

    /// Panics tell that the result line at this place is not the current run's, but was put together by chance from the
    /// pieces of several.
    fn another_began_before(&self, place: usize) -> bool {
        let text = &self.text[..place];
        let mut panics = torn::panics(text).peekable();
        panics.peek().is_some() && self.beginning(text, 0).is_some_and(|it| it.confirmed)
    }

    /// Where a later run begins in a text of the current one; of the first so many the text is known to hold the markers.
    fn beginning(&self, text: &[u8], sure: usize) -> Option<Beginning> {
        if text.is_empty() {
            return None;
        }
        let run = &self.runs[self.current];
        let begun = if self.in_order { self.logged + 1 } else { self.logged };
        let later = self.runs.get(self.current + 1..begun.min(self.runs.len()))?;
        let later: Vec<&str> = later.iter().map(|run| &*run.name).collect();
        let verdict = run.verdict.as_ref().map(|(verdict, _)| *verdict);
        torn::beginning(text, &run.name, verdict, &later, sure.min(later.len()))
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(place) = self.runs[self.current].runs_now().filter(|_| self.live && !bytes.is_empty()) {
            self.facts.push(Fact::Wrote(place, bytes.to_vec()));
        }
        self.fixture.as_mut().unwrap_or(&mut self.output).push(bytes);
    }

    /// Takes in what was written outside of any test.
    fn stray(&mut self, bytes: &[u8]) {
        self.fixture.as_mut().unwrap_or(&mut self.stray).push(bytes);
    }

    fn begin(&mut self) {
        let run = &self.runs[self.current];
        let same = self.current > 0 && self.runs[self.current - 1].place == run.place;
        let place = run.runs_now().filter(|_| !same);
        if !std::mem::replace(&mut self.began, true) {
            self.facts.extend(place.map(Fact::Began));
        }
    }

    /// The current run has its verdict and its output.
    fn end_current(&mut self) {
        let run = &mut self.runs[self.current];
        let verdict = run.verdict.take().unwrap_or((Verdict::Failed, None));
        self.counts.add(verdict.0);
        if !self.with_log && !self.unlogged.has_doubled {
            let output = self.output.clone().into_text();
            self.unlogged.has_doubled = unlogged::has_marker(&output, &self.runs);
        }
        match self.runs[self.current].cases.is_empty() {
            true => self.end_test(verdict),
            false => self.end_cases(verdict),
        }
        self.current += 1;
        self.began = false;
        self.unmet = None;
        self.phase = if self.current == self.runs.len() { Phase::Done } else { Phase::Expect };
    }

    fn end_test(&mut self, verdict: (Verdict, Option<String>)) {
        let place = self.runs[self.current].place;
        let worst = match self.worst.take() {
            Some(before) if before.0 > verdict.0 => before,
            _ => verdict,
        };
        if self.runs.get(self.current + 1).is_some_and(|next| next.place == place) {
            self.worst = Some(worst);
            return;
        }
        let output = std::mem::take(&mut self.output);
        let (verdict, note) = worst;
        if place == OTHER {
            self.other_failed |= verdict == Verdict::Failed;
        } else {
            self.facts.push(Fact::Ended(Ended { place, verdict, note, output }));
        }
    }

    /// Takes the records out of the log. A record's newline is a write of its own, and may be missing at the end.
    fn read_log(&mut self, at_end: bool) {
        while self.logged < self.runs.len() {
            self.place_by_log(at_end);
            match record(&self.log, &self.runs[self.logged].name, at_end) {
                Some(lines::Record::Verdict { verdict, note, length }) => {
                    self.runs[self.logged].verdict = Some((verdict, note));
                    self.log.skip(length);
                    self.logged += 1;
                }
                Some(lines::Record::Foreign { length }) => self.skip_foreign(length),
                None => return,
            }
        }
        while let Some(end) = memchr::memchr(b'\n', &self.log) {
            self.skip_foreign(end + 1);
        }
    }

    /// Passes over a line of the log that is not on the next test. A test that starts its own program again with its own
    /// arguments may have opened the log before its name was closed, and then there are two records on a test: the worse
    /// one counts.
    fn skip_foreign(&mut self, length: usize) {
        let line = self.log.take(length);
        let mut not_ended = self.runs[..self.logged].iter_mut().skip(self.current);
        if let Some(run) = not_ended.find(|run| is_failure(&line, &run.name)) {
            run.verdict = Some((Verdict::Failed, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn libtest(names: &[&str], with_log: bool) -> Libtest {
        let expected: Vec<Expected> = names.iter().map(|name| Expected::named(name)).collect();
        Libtest::new(&expected, None, with_log, false)
    }

    /// A while in which nothing comes.
    fn be_silent(it: &mut Libtest) {
        it.read(b"", b"");
        it.settle();
    }

    /// What a process told, in short: `+0` began, `0 Passed "output"` ended.
    fn told(facts: &[Fact]) -> Vec<String> {
        let tell = |fact: &Fact| match fact {
            Fact::Began(place) => format!("+{place}"),
            Fact::Wrote(place, bytes) => format!("{place} wrote {:?}", String::from_utf8_lossy(bytes)),
            Fact::Ended(it) => format!("{} {:?} {:?}", it.place, it.verdict, it.output.clone().into_text()),
            Fact::Said(record, output) => format!("{} {:?}", said(record), output.clone().into_text()),
        };
        facts.iter().map(tell).collect()
    }

    fn said(record: &Record) -> &'static str {
        match record {
            Record::SetupStarted { .. } => "sets up",
            Record::SetupFinished { .. } => "is set up",
            Record::TeardownStarted { .. } => "tears down",
            Record::TeardownFinished { .. } => "is torn down",
            _ => "says something else",
        }
    }

    /// What a process writes that runs one test in a context.
    fn with_fixtures() -> Vec<u8> {
        let (context, limit, duration) = (|| "c".to_owned(), Duration::from_secs(1), Duration::from_micros(5));
        [
            b"\nrunning 2 tests\ntest a ... ".to_vec(),
            Record::SetupStarted { context: context(), limit }.encode("t"),
            b"setting up\n".to_vec(),
            Record::SetupFinished { context: context(), duration }.encode("t"),
            b"testing\n".to_vec(),
            Record::TeardownStarted { context: context(), limit, passed: true }.encode("t"),
            b"tearing down\n".to_vec(),
            Record::TeardownFinished { context: context(), duration }.encode("t"),
            b"ok\ntest b ... ok\n\ntest result: ok.".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn what_a_fixture_writes_is_not_the_output_of_the_test_around_it() {
        let names = ["a", "b"].map(Expected::named);
        for size in [1, 7, 1000] {
            let mut it = Libtest::new(&names, Some("t"), true, false);
            let text = with_fixtures();
            let verdict = memmem::find(&text, b"ok\ntest b").unwrap();
            for (number, chunk) in text.chunks(size).enumerate() {
                let log: &[u8] = if (number + 1) * size > verdict { b"ok a\nok b\n" } else { b"" };
                it.read(chunk, if number * size > verdict { b"" } else { log });
            }
            let (facts, end) = it.end();
            let expected = [
                "+0",
                "sets up \"\"",
                "is set up \"setting up\\n\"",
                "tears down \"\"",
                "is torn down \"tearing down\\n\"",
                "0 Passed \"testing\\n\"",
                "+1",
                "1 Passed \"\"",
            ];
            assert_eq!(told(&facts), expected, "in pieces of {size}");
            assert_eq!(end.fixture.into_text(), "");
        }
    }

    #[test]
    fn a_fixture_that_kills_its_process_keeps_its_output() {
        let text = with_fixtures();
        let death = memmem::find(&text, b"down\n").unwrap();
        let mut it = Libtest::new(&[Expected::named("a")], Some("t"), true, false);
        it.read(&text[..death], b"");
        assert_eq!(it.so_far().into_text(), "tearing ");
        let (_, end) = it.end();
        assert_eq!(end.running.unwrap().1.into_text(), "testing\n");
        assert_eq!(end.fixture.into_text(), "tearing ");
    }

    #[test]
    fn output_belongs_to_the_test_between_whose_markers_it_stands() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"warning: `--logfile` is deprecated\nrunning 2 tests\ntest a ... ", b"");
        assert_eq!(told(&it.take_facts()), ["+0"]);
        it.read(b"no newlineok\ntest b - should panic ... loud\nFAIL", b"ok a\nfailed: why\n more b\n");
        assert_eq!(told(&it.take_facts()), ["0 Passed \"no newline\"", "+1"]);
        it.read(b"ED\n\nfailures:\n\ntest result: FAILED.", b"");
        let facts = it.take_facts();
        assert_eq!(told(&facts), ["1 Failed \"loud\\n\""]);
        assert!(matches!(&facts[..], [Fact::Ended(Ended { note: Some(note), .. })] if note == "why\n more"));
        let (facts, end) = it.end();
        assert!(facts.is_empty() && end.running.is_none() && end.mismatch.is_none());
    }

    #[test]
    fn what_a_process_writes_before_its_first_test_is_stray_but_for_the_warning_that_we_cause() {
        let mut it = libtest(&["a"], true);
        it.read(b"a constructor speaks\nwarning: `--logfile` is deprecated\nrunning 1 test\n", b"");
        assert_eq!(it.end().1.stray.into_text(), "a constructor speaks\n\n");
        let mut it = libtest(&["a"], true);
        it.read(b"warning: `--logfile` is deprecated", b"");
        assert_eq!(it.end().1.stray.into_text(), "");
    }

    #[test]
    fn a_forged_result_is_output_while_the_log_has_no_verdict() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n\ntest result: ok", b"");
        assert_eq!(told(&it.take_facts()), ["+0"]);
        it.read(b"ok\ntest b ... ", b"ok a\n");
        assert_eq!(told(&it.take_facts())[0], "0 Passed \"ok\\ntest b ... ok\\n\\ntest result: ok\"");
    }

    #[test]
    fn without_a_log_the_text_judges_and_in_the_end_the_summary() {
        let mut it = libtest(&["a", "b"], false).out_of(Some(9));
        it.read(b"\nrunning 2 tests\ntest a ... ", b"");
        it.read(&vec![b'.'; 1000], b"");
        it.read(b"FAILED\ntest b ... ok\n\ntest result: ok. 1 passed\nok\n\nfailures:\n\nfailures:\n    a\n", b"");
        it.read(b"\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; fini", b"");
        it.read(b"shed in 0.00s\n\n", b"");
        let mut facts = it.take_facts();
        assert_eq!(facts.len(), 3, "b may still write anything");
        let (rest, end) = it.end();
        assert!(end.running.is_none() && end.no_word.is_none());
        facts.extend(rest);
        let facts = told(&facts);
        assert_eq!(facts[0], "+0");
        assert!(facts[1].starts_with("0 Failed") && facts[1].len() > 1000);
        assert_eq!(facts[2..], ["+1", "1 Passed \"ok\\n\\ntest result: ok. 1 passed\\n\""]);
    }

    #[test]
    fn without_a_log_a_forged_end_is_none() {
        let right =
            "ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0s\n";
        let end_of = |said: &str| {
            let mut it = libtest(&["a", "b"], false).out_of(Some(9));
            it.read(format!("\nrunning 2 tests\ntest a ... ok\ntest b ... {said}").as_bytes(), b"");
            it.end().1
        };
        assert!(end_of(right).running.is_none());
        for (said, disputed) in [
            ("ok\n".to_owned(), false),
            ("ok\n\ntest result: ok".to_owned(), true),
            (right.replace("2 passed", "1 passed"), true),
            (right.replace("7 filtered", "0 filtered"), true),
        ] {
            let end = end_of(&said);
            assert_eq!((end.running.map(|(place, _)| place), end.disputed), (Some(1), disputed), "{said}");
        }
    }

    #[test]
    fn verdicts_of_a_dark_process_come_from_the_log() {
        let mut it = libtest(&["a", "b", "c"], true);
        it.read(b"\nrunning 3 tests\ntest a ... ", b"ok a\n");
        assert!(it.waits_for_text().is_some());
        be_silent(&mut it);
        assert_eq!(told(&it.take_facts()), ["+0", "0 Passed \"\"", "+1"]);
        it.read(b"", b"failed b\n");
        be_silent(&mut it);
        assert_eq!(told(&it.take_facts()), ["1 Failed \"\"", "+2"]);
        assert_eq!(it.end().1.running.map(|(place, _)| place), Some(2), "what is assumed to run is what it died in");
    }

    #[test]
    fn a_verdict_that_arrived_before_death_counts() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 2 tests\ntest a ... ", b"ok a");
        let (facts, end) = it.end();
        assert_eq!(told(&facts), ["+0", "0 Passed \"\""]);
        assert!(end.running.is_none(), "nobody has seen b begin");
    }

    #[test]
    fn a_process_dies_in_the_test_that_has_begun() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 2 tests\ntest a ... ok\ntest b ... last words", b"ok a\n");
        let (_, end) = it.end();
        let (place, output) = end.running.unwrap();
        assert_eq!((place, output.into_text()), (1, "last words".to_owned()));
    }

    #[test]
    fn a_name_that_runs_twice_has_the_worst_of_its_verdicts() {
        let mut it = Libtest::new(&[Expected { times: 2, ..Expected::named("a") }], None, true, false);
        it.read(b"\nrunning 2 tests\ntest a ... oneFAILED\ntest a ... twook\n\nfailures:\n", b"failed a\nok a\n");
        assert_eq!(told(&it.take_facts()), ["+0", "0 Failed \"onetwo\""]);
    }

    #[test]
    fn a_result_line_that_a_thread_wrote_into_is_told_when_the_text_goes_on() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 2 tests\ntest a ... ok", b"ok a\n");
        it.read(b"noise\n\ntest b ... ", b"");
        assert!(it.waits_for_text().is_some());
        be_silent(&mut it);
        it.read(b"hello ok\n\ntest result: ok.", b"ok b\n");
        let (facts, _) = it.end();
        let facts = told(&facts);
        assert_eq!(facts, ["+0", "0 Passed \"oknoise\\n\\n\"", "+1", "1 Passed \"hello \""]);
    }

    #[test]
    fn a_broken_result_line_costs_the_tests_after_it_nothing() {
        let mut it = libtest(&["a", "b", "c"], true);
        let text = b"\nrunning 3 tests\ntest a ... okGARBAGE\n\ntest b ... of bok\ntest c ... ";
        it.read(text, b"ok a\nok b\n");
        it.read(b"", b"");
        assert_eq!(told(&it.take_facts()), ["+0", "0 Passed \"okGARBAGE\\n\\n\"", "+1", "1 Passed \"of b\"", "+2"]);
    }

    #[test]
    fn a_hundred_thousand_results_that_come_at_once_are_read_at_once() {
        let names: Vec<String> = (0..100_000).map(|number| format!("module::test_{number}")).collect();
        let mut it = libtest(&names.iter().map(String::as_str).collect::<Vec<_>>(), true);
        let text: Vec<String> = names.iter().map(|name| format!("test {name} ... ok\n")).collect();
        let log: Vec<String> = names.iter().map(|name| format!("ok {name}\n")).collect();
        let text = format!("\nrunning 100000 tests\n{}\ntest result: ok.", text.concat());
        let began = std::time::Instant::now();
        it.read(text.as_bytes(), log.concat().as_bytes());
        assert_eq!(it.take_facts().len(), 2 * names.len());
        // What is moved up with each of them would be some hundred gigabytes.
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn text_that_is_never_understood_is_not_kept() {
        fn flood(it: &mut Libtest, most: usize) {
            for _ in 0..500 {
                it.read(&[b'.'; 1000], b"");
            }
            assert!(it.text.len() <= most, "{}", it.text.len());
        }
        let mut it = libtest(&["a", "b"], true);
        flood(&mut it, 1000);
        it.read(b"\nrunning 2 tests\ntest a ... ", b"ok a\n");
        flood(&mut it, WINDOW);
        be_silent(&mut it);
        flood(&mut it, 1000);
        it.read(b"", b"failed b\n");
        flood(&mut it, WINDOW);
        be_silent(&mut it);
        assert_eq!(it.take_facts().len(), 4);
    }

    #[test]
    fn a_marker_in_the_middle_of_a_line_is_kept_until_the_log_explains_it() {
        let mut it = libtest(&["a", "b", "c"], true);
        it.read(b"\nrunning 3 tests\ntest a ... ok", b"ok a\n");
        it.read(&[&b"NOISEtest b ... "[..], &[b'.'; 1000], b"\nwhy b failed\n"].concat(), b"");
        it.read(b"FAILED!\n!test c ... ", b"failed b\n");
        it.read(b"!", b"");
        let facts = told(&it.take_facts());
        assert_eq!(facts[..3], ["+0", "0 Passed \"okNOISE\"", "+1"]);
        be_silent(&mut it);
        let facts = told(&it.take_facts());
        assert!(facts[0].starts_with("1 Failed") && facts[0].contains("why b failed"), "{facts:?}");
        assert_eq!(facts[1..], ["+2"]);
    }

    #[test]
    fn records_of_another_program_are_passed_over() {
        let mut it = libtest(&["a", "b", "c"], true);
        it.read(b"\nrunning 3 tests\ntest a ... ok\ntest b ... ", b"ok a\nok a\nfailed x\n");
        assert!(it.waits_for_text().is_none(), "b has no verdict yet");
        it.read(b"FAILED\ntest c ... ", b"failed b\nok b\n");
        assert_eq!(told(&it.take_facts()), ["+0", "0 Passed \"\"", "+1", "1 Failed \"\"", "+2"]);
    }

    #[test]
    fn of_two_records_on_one_test_the_worse_one_counts() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 2 tests\ntest a ... ", b"ok a\nok b\n");
        assert!(!it.has_word_of_verdict(), "these may be another program's");
        it.read(b"ok\ntest b ... FAILED\n\nfailures:\n", b"ok a\nfailed b\n");
        assert_eq!(told(&it.take_facts()), ["+0", "0 Passed \"\"", "+1", "1 Failed \"\""]);
    }

    #[test]
    fn a_lost_log_is_recognised_before_and_after_the_first_test() {
        let said = "error: io error when listing tests: Os { code: 2 }\n";
        let no_word = |text: &str, log: &str, silent: bool| {
            let mut it = libtest(&["a", "b"], true);
            it.read(text.as_bytes(), log.as_bytes());
            if silent {
                be_silent(&mut it);
            }
            it.end().1.no_word
        };
        let header = "\nrunning 2 tests\n";
        let warning = "warning: `--logfile` is deprecated";
        assert_eq!(no_word(&format!("{warning}{said}"), "", false), Some(NoWord::NotOpened));
        assert_eq!(no_word(&format!("{said}more\n"), "", false), None, "libtest would have ended there");
        assert_eq!(no_word("early\n", "", false), None);
        let began = format!("{header}test a ... ok\ntest b ... ");
        assert_eq!(no_word(&format!("{began}{said}"), "ok a\n", false), Some(NoWord::LogClosed(1)));
        let silent = |dark| Some(NoWord::Silent { place: 1, dark });
        assert_eq!(no_word(&format!("{began}{said}more"), "ok a\n", false), silent(false));
        assert_eq!(no_word(&began, "ok a\n", false), silent(false));
        let dark = format!("{header}test a ... ");
        assert_eq!(no_word(&dark, "ok a\n", true), silent(true), "a has closed the output");
        assert_eq!(no_word(&dark, "ok a\n", false), silent(true), "nobody has seen b begin, but it was its turn");
        assert_eq!(no_word(&format!("{dark}ok\n"), "ok a\nok b\n", false), None);
    }

    #[test]
    fn a_batch_that_runs_another_number_of_tests_is_noticed() {
        let mut it = libtest(&["a", "b"], true);
        it.read(b"\nrunning 1 test\ntest a ... ", b"");
        assert_eq!(it.end().1.mismatch, Some(1));
    }

    proptest! {
        /// However the streams are cut, the verdicts are the log's, each test ends once, and no output is lost.
        #[test]
        fn the_cutting_of_the_streams_changes_nothing(
            outputs in prop::collection::vec((any::<bool>(), "[a-z\n]{0,12}"), 1..6),
            cuts in prop::collection::vec(1..40_usize, 0..40),
        ) {
            let names: Vec<String> = (0..outputs.len()).map(|number| format!("t{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut it = libtest(&names, true);
            // The log's record on a test is written before the text of its result.
            let mut text = format!("\nrunning {} test{}\n", names.len(), if names.len() == 1 { "" } else { "s" }).into_bytes();
            let mut records: Vec<(usize, Vec<u8>)> = Vec::new();
            for (name, (passed, output)) in names.iter().zip(&outputs) {
                text.extend(format!("test {name} ... {output}").bytes());
                records.push((text.len(), format!("{} {name}\n", if *passed { "ok" } else { "failed" }).into_bytes()));
                text.extend(if *passed { &b"ok\n"[..] } else { b"FAILED\n" });
            }
            text.extend(b"\ntest result: ");
            let mut facts = Vec::new();
            let (mut at, mut cuts) = (0, cuts.into_iter());
            while at < text.len() {
                let end = (at + cuts.next().unwrap_or(usize::MAX / 2)).min(text.len());
                let log: Vec<u8> = records.iter().filter(|(when, _)| (at..end).contains(when)).flat_map(|it| it.1.clone()).collect();
                it.read(&text[at..end], &log);
                facts.extend(it.take_facts());
                at = end;
            }
            facts.extend(it.end().0);
            let expected: Vec<String> = outputs.iter().enumerate().flat_map(|(place, (passed, output))| {
                let verdict = if *passed { "Passed" } else { "Failed" };
                [format!("+{place}"), format!("{place} {verdict} {output:?}")]
            }).collect();
            prop_assert_eq!(told(&facts), expected);
        }
    }
}
