//! What happens to the fixtures of a context: its setup, its teardown, and the process that holds a shared one.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::{Outcome, is_false};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FixtureStarted {
    pub binary: Arc<str>,
    /// The context's module path, with the name of its crate.
    pub context: Arc<str>,
    pub fixture: Fixture,
    pub kind: FixtureKind,
    /// `None` for one that runs in a host, which has no slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<usize>,
    pub process: u32,
}

/// What a fixture came to: passed, failed, timed out, crashed, error if the runner could not do its part, or not reached if
/// the run ended while it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FixtureFinished {
    pub binary: Arc<str>,
    pub context: Arc<str>,
    pub fixture: Fixture,
    pub kind: FixtureKind,
    /// The function's name; absent for a teardown that only drops what was set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Arc<str>>,
    pub outcome: Outcome,
    /// When it started.
    pub timestamp: DateTime<FixedOffset>,
    pub duration: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<usize>,
    pub process: u32,
    /// Where it stands in the source, relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it wrote to stdout and stderr, in the order in which it was written; not UTF-8 is replaced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

impl FixtureFinished {
    /// The name under which it stands among the tests of its binary.
    pub fn name(&self) -> String {
        self.fixture.of(&self.context)
    }

    /// Its function and the kind of its context, for people: `orders::api::server (shared)`.
    pub fn function(&self) -> String {
        let kind = match self.kind {
            FixtureKind::Unit => "unit",
            FixtureKind::CanSplit => "can_split",
            FixtureKind::Shared => "shared",
        };
        match &self.function {
            Some(function) => format!("{}::{function} ({kind})", self.context),
            None => format!("{} ({kind})", self.context),
        }
    }

    /// Whether its failure is an entry of its own. That of a setup shows in the tests that did not run for it.
    pub fn is_entry(&self) -> bool {
        self.outcome.is_red() && self.fixture != Fixture::Setup
    }

    pub fn is_failed_setup(&self) -> bool {
        self.outcome.is_red() && self.fixture == Fixture::Setup
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fixture {
    Setup,
    Teardown,
    /// The process that holds a shared context died between its setup and its teardown.
    Host,
}

impl Fixture {
    /// This fixture of a context, by a name that no test can have.
    pub fn of(self, context: &str) -> String {
        let word = match self {
            Self::Setup => "setup",
            Self::Teardown => "teardown",
            Self::Host => "host",
        };
        format!("{context}::({word})")
    }
}

/// How often a context is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FixtureKind {
    /// Once, in the one process that runs its tests.
    Unit,
    /// In each process that runs some of its tests.
    CanSplit,
    /// Once for all processes, in a host.
    Shared,
}
