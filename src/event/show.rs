//! What somebody at the keyboard wants to see while a run goes on. Nothing happens by it, so it is no event, and no file
//! has it. What a test writes that has the terminal is here, too, as it comes; in the events it stands line by line.

use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// What runs now, the longest first, with its output so far.
    Running(Vec<AtWork>),
    /// What the tests have come to so far.
    Summary,
    /// The failures so far.
    Failures,
    /// Which keys there are.
    Help,
    /// What a key has done.
    Done(String),
    /// What the test has written that has the terminal: anything, and no whole lines.
    Written(Vec<u8>),
}

/// A test in the middle of its life, or the setup or teardown that it is at; or that of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct AtWork {
    pub binary: Arc<str>,
    pub name: Arc<str>,
    /// `None` for a host.
    pub worker: Option<usize>,
    /// For how long, in seconds.
    pub elapsed: f64,
    /// What it has written so far.
    pub output: String,
}
