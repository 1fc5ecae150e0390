//! The tests that a harness of its own cannot be asked for by name. Pure.

use crate::list::{Harness, Suite, Test};

/// A test that should run, and for which no process is started.
#[derive(Clone, Debug, PartialEq)]
pub struct Unaskable {
    pub suite: usize,
    pub test: usize,
    pub why: String,
}

/// Why a suite's harness cannot be asked for a test alone, if so. It would do something else, and its exit status would
/// then be taken for the test's.
pub(super) fn why(suite: &Suite, test: &Test) -> Option<String> {
    if suite.harness == Harness::Custom { why_not_by(&test.name) } else { None }
}

fn why_not_by(name: &str) -> Option<String> {
    match name {
        "" => Some(
            "it was not run: the test has no name, and its harness takes no argument for all tests; give it a name"
                .to_owned(),
        ),
        _ if name.starts_with('-') => Some(format!(
            "it was not run: its harness would take the test's name, {name}, for an option; rename the test so that it \
             starts with another character"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_an_option_or_no_name_at_all_is_not_asked_for() {
        for name in ["-", "--help", "--list", "-q", "--", ""] {
            assert!(why_not_by(name).is_some_and(|why| why.contains(name)), "{name}");
        }
        for name in ["a", "a --help", " --help", "@file", "[kind] a", "ä"] {
            assert_eq!(why_not_by(name), None, "{name}");
        }
    }

    #[test]
    fn libtest_takes_any_name() {
        let suite = |harness| Suite { harness, ..Suite::sample() };
        let test = Test::named("--help");
        assert_eq!(why(&suite(Harness::Libtest), &test), None);
        assert_eq!(why(&suite(Harness::Whole), &test), None);
        assert!(why(&suite(Harness::Custom), &test).is_some());
    }
}
