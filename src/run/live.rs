//! A process while it lives, as the loop knows it.

use std::time::Instant;

use super::judge::{Asked, Facts};
use super::os::Group;
use super::process::Gone;
use crate::schedule::{Batch, Item};

pub(super) struct Live {
    pub batch: Batch,
    /// `None` until it has started.
    pub group: Option<Group>,
    /// Why it was asked to end.
    pub asked: Option<Asked>,
    /// The run ends, so what this process still tells is not part of it.
    pub muted: bool,
    /// The place in the batch of the test that runs, and since when.
    pub began: Option<(usize, Instant)>,
    /// The places of those that ended, in their order.
    pub ended: Vec<usize>,
    pub failed: bool,
    /// A line of live output that has no end yet.
    line: Vec<u8>,
}

impl Live {
    pub(super) fn new(batch: Batch) -> Self {
        Self {
            batch,
            group: None,
            asked: None,
            muted: false,
            began: None,
            ended: Vec::new(),
            failed: false,
            line: Vec::new(),
        }
    }

    pub(super) fn place(&self, item: Item) -> Option<usize> {
        self.batch.items.iter().position(|it| *it == item)
    }

    /// The items that ended in it, in their order.
    pub(super) fn ran(&self) -> Vec<Item> {
        self.ended.iter().map(|place| self.batch.items[*place]).collect()
    }

    /// The places of those that did not end.
    pub(super) fn owed(&self) -> Vec<usize> {
        (0..self.batch.items.len()).filter(|place| !self.ended.contains(place)).collect()
    }

    pub(super) fn facts<'a>(&self, gone: &'a Gone) -> Facts<'a> {
        Facts {
            end: &gone.end,
            exit: gone.exit,
            asked: self.asked,
            given: self.batch.items.len(),
            ended: self.ended.len(),
            failed: self.failed,
        }
    }

    /// Takes in live output and gives the lines that are whole.
    pub(super) fn lines(&mut self, bytes: &[u8]) -> Vec<String> {
        self.line.extend_from_slice(bytes);
        let Some(end) = memchr::memrchr(b'\n', &self.line) else { return Vec::new() };
        let rest = self.line.split_off(end + 1);
        let whole = std::mem::replace(&mut self.line, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }

    /// The test has ended: gives the line that has no end.
    pub(super) fn last_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}
