//! A process while it lives, as the loop knows it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dialect::Ended;
use super::fixtures::{NotSetUp, Open};
use super::judge::{Asked, Facts};
use super::message;
use super::os::Group;
use super::process::{EndOfLog, Gone, SoFar};
use super::rerun::First;
use super::told::Attempt;
use crate::event::{ENDED_BY_HAND, Outcome};
use crate::schedule::{Batch, Item};

/// How much of a line is waited for.
const LONGEST_LINE: usize = 64 * 1024;

/// Why a process ends before its time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// Somebody at the keyboard wanted it so.
    ByHand,
    /// It waits for the terminal, and would do so for ever.
    WaitsForTerminal,
}

impl Early {
    pub(super) fn verdict(self) -> (Outcome, String) {
        match self {
            Self::ByHand => (Outcome::TimedOut, ENDED_BY_HAND.to_owned()),
            Self::WaitsForTerminal => (Outcome::Failed, message::TERMINAL.to_owned()),
        }
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each of them may come true at any time, whatever the others are")]
pub(super) struct Live {
    pub batch: Batch,
    /// When it was to start.
    pub since: Instant,
    /// `None` until it has started.
    pub group: Option<Group>,
    /// What the test that runs now has written; `None` until it has started.
    pub so_far: Option<SoFar>,
    /// What the process did before in which its only test ended without a word: this one has no log.
    pub first: Option<First>,
    /// In that case, what the text says of the test, until the process is gone.
    pub held: Option<(Ended, Instant)>,
    /// It has no log, so what the text says of its tests waits until it is gone.
    pub by_text: bool,
    /// What waits so, in the order in which the tests ended.
    pub attempts: Vec<Attempt>,
    /// It is over whatever its process says.
    pub concluded: bool,
    /// Why what it was given runs elsewhere.
    pub reason: Option<String>,
    /// Ends its log; `None` until it has started.
    pub end_of_log: Option<EndOfLog>,
    /// It was ended because others were given what waited behind its last test.
    pub was_cut_short: bool,
    /// Why it was asked to end.
    pub asked: Option<Asked>,
    /// Why it was asked to end, if that was not for its time.
    pub early: Option<Early>,
    /// It has to go at once.
    pub kill_asked: bool,
    /// The run ends, so what this process still tells is not part of it.
    pub muted: bool,
    /// The place in the batch of the test that runs, and since when.
    pub began: Option<(usize, Instant)>,
    /// The places of those that ended, in their order.
    ended: Vec<usize>,
    /// For each place whether it has ended.
    has_ended: Vec<bool>,
    /// It ended before its first test: those that have an end did not run.
    pub never_began: bool,
    pub failed: bool,
    /// The fixture that it is at.
    pub open: Option<Open>,
    /// How much of the running test's time was its fixtures'.
    pub in_fixtures: Duration,
    /// The running test does not run, since something is not set up.
    pub not_set_up: Option<NotSetUp>,
    /// For each context of the suite that could not be set up here, why.
    pub failures: HashMap<usize, Arc<str>>,
    /// A line of live output that has no end yet.
    line: Vec<u8>,
}

impl Live {
    pub(super) fn new(batch: Batch, first: Option<First>) -> Self {
        Self {
            has_ended: vec![false; batch.items.len()],
            never_began: false,
            batch,
            since: Instant::now(),
            group: None,
            so_far: None,
            first,
            held: None,
            by_text: false,
            attempts: Vec::new(),
            concluded: false,
            reason: None,
            end_of_log: None,
            was_cut_short: false,
            early: None,
            asked: None,
            kill_asked: false,
            muted: false,
            began: None,
            ended: Vec::new(),
            failed: false,
            open: None,
            in_fixtures: Duration::ZERO,
            not_set_up: None,
            failures: HashMap::new(),
            line: Vec::new(),
        }
    }

    pub(super) fn place(&self, item: Item) -> Option<usize> {
        self.batch.items.iter().position(|it| *it == item)
    }

    pub(super) fn end(&mut self, place: usize) {
        self.ended.push(place);
        self.has_ended[place] = true;
    }

    /// What was said of these is not so, or not known.
    pub(super) fn forget_ends(&mut self, places: &[usize]) {
        self.ended.retain(|place| !places.contains(place));
        places.iter().for_each(|place| self.has_ended[*place] = false);
    }

    /// The items that ended in it last, in their order, but no more than `most`.
    pub(super) fn nearest(&self, most: usize) -> Vec<Item> {
        let first = self.ended.len() - self.has_run().min(most);
        self.ended[first..].iter().map(|place| self.batch.items[*place]).collect()
    }

    pub(super) fn has_run(&self) -> usize {
        if self.never_began { 0 } else { self.ended.len() }
    }

    pub(super) fn has_started_nothing(&self) -> bool {
        self.began.is_none() && self.open.is_none() && self.ended.is_empty()
    }

    /// The places of those that did not end.
    pub(super) fn owed(&self) -> Vec<usize> {
        (0..self.has_ended.len()).filter(|place| !self.has_ended[*place]).collect()
    }

    /// The test that the process was asked to end for has its verdict.
    pub(super) fn late_has_ended(&self) -> bool {
        matches!(self.asked, Some(Asked::Late(place)) if self.has_ended[place])
    }

    pub(super) fn facts<'a>(&self, gone: &'a Gone) -> Facts<'a> {
        Facts {
            end: &gone.end,
            exit: gone.exit,
            asked: self.asked,
            late_has_ended: self.late_has_ended(),
            given: self.batch.items.len(),
            ended: self.ended.len(),
            failed: self.failed,
        }
    }

    /// Takes in live output and gives the lines that are whole.
    pub(super) fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        let end = match memchr::memrchr(b'\n', bytes) {
            Some(end) => self.line.len() + end + 1,
            // Nobody reads a line as long as that; it is cut, so that it need not be kept.
            None if self.line.len() + bytes.len() > LONGEST_LINE => self.line.len() + bytes.len(),
            None => {
                self.line.extend_from_slice(bytes);
                return Vec::new();
            }
        };
        self.line.extend_from_slice(bytes);
        let rest = self.line.split_off(end);
        let whole = std::mem::replace(&mut self.line, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }

    /// The test has ended: gives the line that has no end.
    pub(super) fn last_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}
