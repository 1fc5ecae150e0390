//! What somebody at the keyboard wants to see while a run goes on. Nothing happens by it, so it is no event, and no file
//! has it.

use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// What runs now, the longest first, with its output so far.
    Running(Vec<RunningTest>),
    /// What the tests have come to so far.
    Summary,
    /// The failures so far.
    Failures,
    /// Which keys there are.
    Help,
    /// What a key has done.
    Done(String),
}

/// A test in the middle of its life.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningTest {
    pub binary: Arc<str>,
    pub test: Arc<str>,
    pub worker: usize,
    /// For how long, in seconds.
    pub elapsed: f64,
    /// What it has written so far.
    pub output: String,
}
