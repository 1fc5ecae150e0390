//! The form of a history: text, a line for each test or set-up, `MICROSECONDS KIND NAME`. Pure.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::Lengths;

/// The first line; another one means another form.
const HEAD: &str = "ptest history 1";

/// Nothing is believed to have taken longer, in microseconds: a day.
pub(super) const MOST: u64 = 24 * 60 * 60 * 1_000_000;

/// The words for the kinds.
const TEST: &str = "test";
const SETUP: &str = "setup";

/// What the text says of these tests and contexts, in their order. `None` if any of it is not as it was written: then
/// nothing can be said of the rest, either.
pub(super) fn parse<'a>(
    text: &str,
    tests: impl Iterator<Item = &'a str>,
    contexts: impl Iterator<Item = &'a str>,
) -> Option<Lengths> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != HEAD {
        return None;
    }
    let (mut of_tests, mut of_setups) = (HashMap::new(), HashMap::new());
    for line in lines {
        let (micros, rest) = line.split_once(' ')?;
        let (kind, name) = rest.split_once(' ')?;
        let took = micros.parse().ok().filter(|micros| *micros <= MOST).map(Duration::from_micros)?;
        match kind {
            TEST => of_tests.insert(name, took),
            SETUP => of_setups.insert(name, took),
            _ => return None,
        };
    }
    Some(Lengths {
        tests: tests.map(|name| of_tests.get(name).copied()).collect(),
        setups: contexts.map(|name| of_setups.get(name).copied()).collect(),
    })
}

/// The lengths of these tests and contexts, as text.
pub(super) fn print<'a>(
    lengths: &Lengths,
    tests: impl Iterator<Item = &'a str>,
    contexts: impl Iterator<Item = &'a str>,
) -> String {
    let mut text = format!("{HEAD}\n");
    let tests = tests.zip(&lengths.tests).map(|(name, took)| (TEST, name, took));
    let setups = contexts.zip(&lengths.setups).map(|(name, took)| (SETUP, name, took));
    for (kind, name, took) in tests.chain(setups) {
        // A line holds one name.
        if let Some(took) = took.filter(|_| !name.contains('\n')) {
            // A string takes everything.
            let _ = writeln!(text, "{} {kind} {name}", took.as_micros());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str, tests: &[&str]) -> Option<Lengths> {
        parse(text, tests.iter().copied(), std::iter::empty())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in prop::collection::btree_map(".*", prop::option::of(0..MOST), 0..20)) {
            let names = || all.keys().map(String::as_str);
            let took: Vec<_> = all.values().map(|it| it.map(Duration::from_micros)).collect();
            let lengths = Lengths { tests: took.clone(), setups: took };
            let expected = names().zip(&lengths.tests).map(|(name, it)| it.filter(|_| !name.contains('\n'))).collect();
            let read = parse(&print(&lengths, names(), names()), names(), names()).unwrap();
            prop_assert_eq!((&read.tests, &read.setups), (&expected, &expected));
        }

        #[test]
        fn anything_may_stand_in_the_file(text in "(ptest history 1\n)?([0-9]{1,25} (test|setup)? ?a?.{0,9}\n?){0,3}") {
            if let Some(lengths) = parsed(&text, &["a"]) {
                prop_assert!(lengths.tests[0].is_none_or(|took| took <= Duration::from_micros(MOST)));
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_of_another_version_is_as_good_as_none() {
        let expected = Lengths { tests: vec![Some(Duration::from_micros(5)), None], setups: Vec::new() };
        assert_eq!(parsed("ptest history 1\n5 test a\n7 test gone\n", &["a", "b"]), Some(expected));
        for text in ["", "ptest history 1\n5 test a", "ptest history 2\n5 test a\n", "ptest history 1\n5 test\n"] {
            assert_eq!(parsed(text, &["a"]), None, "{text:?}");
        }
        assert_eq!(parsed(&format!("ptest history 1\n{} test a\n", MOST + 1), &["a"]), None);
    }
}
