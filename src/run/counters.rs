//! The counters of programs that were compiled with `-C instrument-coverage`. A process writes them when it exits, so a
//! signal that ends it takes along what the tests covered that had already ended in it. Pure.

use std::ffi::OsStr;
use std::sync::Arc;

use super::os::Exit;

/// Where such a program writes its counters.
pub const PROFILE: &str = "LLVM_PROFILE_FILE";

/// How many tests a note names.
pub(super) const NAMED: usize = 8;

/// When the counters of a test process come into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counters {
    /// As far as is known, it has none.
    #[default]
    None,
    AtExit,
    /// The file is mapped into its memory, so nothing is lost.
    Always,
}

impl Counters {
    /// `flags` are rustc's, as far as the environment says them.
    pub fn of<'a>(pattern: Option<&OsStr>, flags: impl IntoIterator<Item = &'a OsStr>) -> Self {
        match pattern {
            Some(pattern) if contains(pattern, "%c") => Self::Always,
            Some(_) => Self::AtExit,
            // They go to a file of LLVM's choice.
            None if flags.into_iter().any(|it| contains(it, "instrument-coverage")) => Self::AtExit,
            None => Self::None,
        }
    }

    /// Whether a process that ended like this has left no counters.
    pub(super) fn are_lost(self, exit: Exit) -> bool {
        self == Self::AtExit && matches!(exit, Exit::Signal(_))
    }
}

fn contains(text: &OsStr, part: &str) -> bool {
    text.as_encoded_bytes().windows(part.len()).any(|it| it == part.as_bytes())
}

const ALWAYS: &str =
    "%c in LLVM_PROFILE_FILE lets a process write all the time (docs/coverage.md says what that needs)";

/// The tests that had ended in a process before it was lost.
pub(super) struct Lost<'a> {
    pub binary: &'a str,
    /// The last of them, no more than [`NAMED`].
    pub names: &'a [Arc<str>],
    pub count: usize,
    pub exit: Exit,
    /// They are of a unit, whose tests always share a process.
    pub unit: bool,
}

impl Lost<'_> {
    /// Names them. What would have kept their counters is said once in a run.
    pub(super) fn note(&self, with_cure: bool) -> String {
        let Self { binary, names, count, exit, unit } = self;
        let (tests, their) =
            if *count == 1 { ("1 test".to_owned(), "its") } else { (format!("{count} tests"), "their") };
        let more = match count - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = names.join(", ");
        let cure = match (with_cure, unit) {
            (true, false) => format!("; --process-restartworker gives each test a process of its own, and {ALWAYS}"),
            (true, true) => format!("; {ALWAYS}"),
            (false, _) => String::new(),
        };
        format!(
            "the coverage of {tests} of {binary} is lost ({names}{more}): {exit} ended {their} process before it wrote \
             its counters{cure}"
        )
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGABRT, SIGKILL};

    use super::*;

    fn of(pattern: Option<&str>, flags: &[&str]) -> Counters {
        Counters::of(pattern.map(OsStr::new), flags.iter().map(OsStr::new))
    }

    #[test]
    fn counters_come_at_the_end_unless_the_pattern_says_otherwise() {
        assert_eq!(of(Some("target/%p-%m.profraw"), &[]), Counters::AtExit);
        assert_eq!(of(Some("c.profraw"), &[]), Counters::AtExit);
        assert_eq!(of(Some("target/%c%p.profraw"), &[]), Counters::Always);
        assert_eq!(of(Some("%c%p.profraw"), &["-Cinstrument-coverage"]), Counters::Always);
        assert_eq!(of(None, &["-Copt-level=1", "-C\u{1f}instrument-coverage"]), Counters::AtExit);
        assert_eq!(of(None, &["-Copt-level=1"]), Counters::None);
    }

    #[test]
    fn only_a_signal_loses_counters() {
        assert!(Counters::AtExit.are_lost(Exit::Signal(SIGABRT)));
        assert!(!Counters::AtExit.are_lost(Exit::Code(3)));
        assert!(!Counters::Always.are_lost(Exit::Signal(SIGABRT)));
        assert!(!Counters::None.are_lost(Exit::Signal(SIGABRT)));
    }

    #[test]
    fn the_tests_are_named_as_far_as_they_are_few() {
        let names: Vec<Arc<str>> = ["a", "b"].map(Arc::from).to_vec();
        let lost = Lost { binary: "shop", names: &names, count: 2, exit: Exit::Signal(SIGABRT), unit: false };
        assert_eq!(
            lost.note(false),
            "the coverage of 2 tests of shop is lost (a, b): SIGABRT ended their process before it wrote its counters"
        );
        assert!(lost.note(true).starts_with(&format!("{}; --process-restartworker", lost.note(false))));
        let unit = Lost { unit: true, ..lost };
        assert!(unit.note(true).starts_with(&format!("{}; %c in", lost.note(false))));
        let lost = Lost { count: 12, ..lost };
        assert!(lost.note(false).contains("12 tests of shop is lost (a, b and 10 more): "), "{}", lost.note(false));
        let lost = Lost { binary: "shop", names: &names[..1], count: 1, exit: Exit::Signal(SIGKILL), unit: false };
        assert!(lost.note(false).contains("1 test of shop is lost (a): SIGKILL ended its process"));
    }
}
