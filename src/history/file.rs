//! The form of a history: text, a line for each test or setup, `MICROSECONDS KIND NAME`, and one `MICROSECONDS warmup -`.
//! Pure.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use super::Lengths;

/// The first line; another one means another form.
const HEAD: &str = "ptest history 2";

/// Nothing is believed to have taken longer, in microseconds: a day.
pub(super) const MOST: u64 = 24 * 60 * 60 * 1_000_000;

/// The words for the kinds.
const TEST: &str = "test";
/// A test that was never seen but when it may have paid for others.
const COLD: &str = "cold";
/// A test that has paid for others.
const PAYS: &str = "pays";
const SETUP: &str = "setup";
const WARMUP: &str = "warmup";

fn is_of_test(kind: &str) -> bool {
    [TEST, COLD, PAYS].contains(&kind)
}

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
    let (mut of_tests, mut of_setups, mut warmup) = (HashMap::new(), HashMap::new(), Duration::ZERO);
    for line in lines {
        let (micros, rest) = line.split_once(' ')?;
        let (kind, name) = rest.split_once(' ')?;
        let took = micros.parse().ok().filter(|micros| *micros <= MOST).map(Duration::from_micros)?;
        match kind {
            kind if is_of_test(kind) => drop(of_tests.insert(name, (took, kind))),
            SETUP => drop(of_setups.insert(name, took)),
            WARMUP => warmup = took,
            _ => return None,
        }
    }
    let tests: Vec<Option<(Duration, &str)>> = tests.map(|name| of_tests.get(name).copied()).collect();
    let are = |wanted: &str| tests.iter().map(|test| test.is_some_and(|(_, kind)| kind == wanted)).collect();
    Some(Lengths {
        cold_only: are(COLD),
        paid: are(PAYS),
        tests: tests.iter().map(|test| test.map(|(took, _)| took)).collect(),
        setups: contexts.map(|name| of_setups.get(name).copied()).collect(),
        warmup,
    })
}

/// The names of the tests in a text, as far as it makes sense.
pub(super) fn tests(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split('\n').skip_while(|line| *line == HEAD);
    lines.filter_map(|line| {
        let (kind, name) = line.split_once(' ')?.1.split_once(' ')?;
        is_of_test(kind).then_some(name)
    })
}

/// The lengths of these tests and contexts, as text.
pub(super) fn print<'a>(
    lengths: &Lengths,
    tests: impl Iterator<Item = &'a str>,
    contexts: impl Iterator<Item = &'a str>,
) -> String {
    let mut text = format!("{HEAD}\n");
    let kind = |(cold_only, paid): (&bool, &bool)| match (cold_only, paid) {
        (true, _) => COLD,
        (false, true) => PAYS,
        (false, false) => TEST,
    };
    let kinds = lengths.cold_only.iter().zip(&lengths.paid).map(kind);
    let tests = tests.zip(kinds).zip(&lengths.tests).map(|((name, kind), took)| (kind, name, *took));
    let setups = contexts.zip(&lengths.setups).map(|(name, took)| (SETUP, name, *took));
    let warmup = (WARMUP, "-", Some(lengths.warmup).filter(|warmup| !warmup.is_zero()));
    for (kind, name, took) in tests.chain(setups).chain([warmup]) {
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
        fn what_is_written_is_read(
            all in prop::collection::btree_map(".*", prop::option::of((0..MOST, 0..3_usize)), 0..20),
            warmup in 0..MOST,
        ) {
            let names = || all.keys().map(String::as_str);
            let took: Vec<_> = all.values().map(|it| it.map(|(micros, _)| Duration::from_micros(micros))).collect();
            let are = |wanted: usize| all.values().map(|it| it.is_some_and(|(_, kind)| kind == wanted)).collect();
            let warmup = Duration::from_micros(warmup);
            let lengths = Lengths { tests: took.clone(), setups: took, warmup, cold_only: are(1), paid: are(2) };
            let lasts = |name: &str| !name.contains('\n');
            let took = names().zip(&lengths.tests).map(|(name, it)| it.filter(|_| lasts(name))).collect::<Vec<_>>();
            let lasting = |all: &[bool]| names().zip(all).map(|(name, it)| *it && lasts(name)).collect();
            let (cold_only, paid) = (lasting(&lengths.cold_only), lasting(&lengths.paid));
            let text = print(&lengths, names(), names());
            let read = parse(&text, names(), names()).unwrap();
            let remembered = names().zip(&took).filter(|(_, took)| took.is_some()).map(|(name, _)| name);
            prop_assert_eq!(tests(&text).collect::<Vec<_>>(), remembered.collect::<Vec<_>>());
            prop_assert_eq!(read, Lengths { tests: took.clone(), setups: took, warmup, cold_only, paid });
        }

        #[test]
        fn anything_may_stand_in_the_file(text in "(ptest history 2\n)?([0-9]{1,25} (test|cold|pays|setup|warmup)? ?a?.{0,9}\n?){0,3}") {
            if let Some(lengths) = parsed(&text, &["a"]) {
                prop_assert!(lengths.tests[0].is_none_or(|took| took <= Duration::from_micros(MOST)));
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_off_or_of_another_version_is_as_good_as_none() {
        let expected = Lengths::known(vec![Some(Duration::from_micros(5)), None], Vec::new());
        assert_eq!(parsed("ptest history 2\n5 test a\n7 test gone\n", &["a", "b"]), Some(expected));
        for text in ["", "ptest history 2\n5 test a", "ptest history 1\n5 test a\n", "ptest history 2\n5 test\n"] {
            assert_eq!(parsed(text, &["a"]), None, "{text:?}");
        }
        assert_eq!(parsed(&format!("ptest history 2\n{} test a\n", MOST + 1), &["a"]), None);
    }
}
