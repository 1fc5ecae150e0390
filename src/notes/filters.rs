//! What people should know of the filters that they gave: which of them match nothing, what may have been meant, and why
//! nothing is left to run. Pure.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::nearest::{distance, nearest, slip};
use crate::filter::{self, Decision, Name, Options, Place, Why};
use crate::list::{Suite, Test};

/// The tests of all binaries, and what is done with them.
#[derive(Clone, Copy)]
pub struct Filtered<'a> {
    pub suites: &'a [&'a Suite],
    /// For each suite what is done with its tests.
    pub decisions: &'a [Vec<Decision>],
    pub options: &'a Options,
}

/// How many names are offered for a word.
const OFFERED: usize = 3;

/// How many names a note has.
const NAMED: usize = 10;

/// The commands that a mistyped word may have been meant for.
const COMMANDS: [&str; 3] = ["run", "list", "report"];

impl<'a> Filtered<'a> {
    fn tests(self) -> impl Iterator<Item = (&'a Suite, &'a Test, Decision)> + Clone {
        let suites = self.suites.iter().zip(self.decisions);
        suites.flat_map(|(suite, decisions)| suite.tests.iter().zip(decisions).map(|(test, it)| (*suite, test, *it)))
    }

    fn names(self) -> impl Iterator<Item = &'a str> + Clone {
        self.tests().map(|(_, test, _)| &*test.name)
    }

    fn taken(self) -> impl Iterator<Item = (&'a Suite, &'a Test, Decision)> {
        self.tests().filter(|(.., decision)| !matches!(decision, Decision::Skip(_)))
    }

    fn is_matched(self, filter: &str) -> bool {
        self.tests().any(|(suite, test, _)| filter::matches(suite, test, filter, self.options))
    }

    fn unmatched(self) -> impl Iterator<Item = &'a str> {
        let filters = self.options.filters.iter().enumerate();
        let once = filters.filter(|(place, filter)| !self.options.filters[..*place].contains(filter));
        once.map(|(_, filter)| filter.as_str()).filter(move |filter| !self.is_matched(filter))
    }

    /// Something else may be selected than what the command line says, and this is what there is to say of it.
    pub fn notes(self, whole: bool, quiet: bool) -> Vec<String> {
        let mut notes = Vec::new();
        let is_useless = self.options.failed.as_ref().is_some_and(BTreeSet::is_empty);
        // Otherwise the run ends with an error, which says it.
        if is_useless || self.taken().next().is_some() {
            notes.extend(self.unmatched().map(|filter| format!("warning: {}", self.on_unmatched(filter))));
        }
        if quiet {
            return notes;
        }
        // What is not built has tests that are to be skipped, too.
        let skip = self.options.skip.iter().filter(|skip| whole && !self.is_matched(skip));
        notes.extend(skip.map(|skip| format!("note: --skip {skip:?} leaves no test out: {}", self.on_unmatched(skip))));
        notes.extend(self.on_run());
        notes.extend(self.on_misplaced_command());
        notes.extend(self.on_named_and_ignored());
        notes
    }

    /// What to say of a filter that matches no test, and is the path of a file.
    fn on_unmatched_place(self, filter: &str, place: &Place) -> String {
        let here = || self.tests().filter(|(suite, test, _)| place.is_file_of(suite, test));
        let without_lines = here().find(|(suite, test, _)| filter::line(suite, test).is_none());
        if let (Some(line), Some((suite, ..))) = (place.line, without_lines) {
            return format!(
                "{} does not list the lines of its tests, so line {line} of {filter:?} is no use; give a name instead",
                suite.binary.id
            );
        }
        let first = here().min_by_key(|(suite, test, _)| filter::line(suite, test));
        if let (Some(line), Some((suite, test, _))) = (place.line, first) {
            let start = filter::line(suite, test).unwrap_or_default();
            return format!(
                "no test is at line {line} of {filter:?}; the first one, {}, starts at line {start}",
                test.name
            );
        }
        let unknown = self.tests().find(|(_, test, _)| test.file.is_none()).map(|(suite, ..)| &suite.binary.id);
        let unknown = unknown.map(|id| format!("; {id} does not list the files of its tests")).unwrap_or_default();
        format!("no test is in the file {filter:?}, or has a name that contains that{unknown}")
    }

    /// What to say of a filter that matches no test.
    fn on_unmatched(self, filter: &str) -> String {
        if let Some(place) = self.options.places.get(filter) {
            return self.on_unmatched_place(filter, place);
        }
        let path = filter::at_line(filter).map_or(filter, |(path, _)| path);
        if Utf8Path::new(path).extension() == Some("rs") {
            return format!("there is no file {path:?}, and no test has a name that contains {filter:?}");
        }
        let longer: BTreeSet<&str> = self.names().filter(|name| self.options.exact && name.contains(filter)).collect();
        if !longer.is_empty() {
            let have = if longer.len() == 1 { "1 has".to_owned() } else { format!("{} have", longer.len()) };
            let names = few(&longer);
            return format!(
                "no test is called {filter:?}, but {have} that in the name, and run without --exact: {names}"
            );
        }
        let how = if self.options.exact { "is called" } else { "has a name that contains" };
        let like = nearest(filter, self.names(), OFFERED);
        let like = if like.is_empty() { String::new() } else { format!("; the most like it: {}", like.join(", ")) };
        format!("no test {how} {filter:?}{like}")
    }

    fn on_run(self) -> Option<String> {
        // Whoever says it twice knows.
        let is_command = self.options.run && !self.options.filters.iter().any(|filter| filter == "run");
        let tests = self.names().filter(|name| is_command && name.contains("run")).count();
        let those = match tests {
            0 => return None,
            1 => "the test that has it in its name".to_owned(),
            _ => format!("the {tests} tests that have it in their names"),
        };
        Some(format!("note: `run` is the command here; `cargo ptest -- run` selects {those}"))
    }

    /// Tests that somebody has named, and that do not run, since they are `#[ignore]`d.
    fn on_named_and_ignored(self) -> Option<String> {
        let is_named = |suite: &Suite, test: &Test| {
            let is = |name: &str, filter: &str| name == filter || name.ends_with(&format!("::{filter}"));
            let is_at = |filter: &String| {
                let place = self.options.places.get(filter).filter(|place| place.line.is_some());
                place.is_some_and(|place| place.has(suite, test))
            };
            self.options.filters.iter().any(|it| is(&test.name, it) || is(test.argument(), it) || is_at(it))
        };
        let others_run = self.taken().any(|(.., decision)| decision == Decision::Run);
        let named = self.tests().filter(|(suite, test, it)| *it == Decision::Ignore && is_named(suite, test));
        let named: Vec<String> = named.map(|(suite, test, _)| ignored(suite, test)).collect();
        (others_run && !named.is_empty()).then(|| {
            format!("note: ignored, so not run; `-- --include-ignored` runs what is ignored, too:{}", lines(&named))
        })
    }

    /// What to say at the end, if all that was selected is `#[ignore]`d.
    pub fn all_ignored(self) -> Option<String> {
        let mut taken = self.taken().peekable();
        taken.peek()?;
        let all: Option<Vec<String>> =
            taken.map(|(suite, test, it)| (it == Decision::Ignore).then(|| ignored(suite, test))).collect();
        let all = all?;
        let (are, them) = if all.len() == 1 {
            ("the only test that is selected is", "it")
        } else {
            ("all tests that are selected are", "them")
        };
        Some(format!("note: nothing was run, since {are} ignored; `-- --ignored` runs {them}:{}", lines(&all)))
    }

    /// What to say if nothing is selected.
    pub fn nothing_selected(self) -> String {
        let (tests, binaries) = (self.tests().count(), self.suites.len());
        let plural = if binaries == 1 { "binary" } else { "binaries" };
        let mut parts = vec![format!("no test was selected, of {tests} in {binaries} {plural}")];
        parts.extend(self.unmatched().map(|filter| self.on_unmatched(filter)));
        parts.extend(self.left_out());
        // It is no cure for a filter that is wrong.
        let is_left_out = self.options.filters.is_empty() && self.options.failed.is_none();
        if is_left_out && (tests == 0 || self.options.partition.is_some()) {
            parts.push("--no-tests=pass makes that a success".to_owned());
        }
        parts.join("\n    ")
    }

    /// The tests that the filters match, by what leaves them out.
    fn left_out(self) -> impl Iterator<Item = String> {
        let filters = &self.options.filters;
        let is_meant = move |suite: &Suite, test: &Test| {
            filters.is_empty() || filters.iter().any(|filter| filter::matches(suite, test, filter, self.options))
        };
        let reasons = [
            (Why::Filter, "--skip leaves out"),
            (Why::NotIgnored, "only ignored tests are asked for, which leaves out"),
            (Why::Partition, "in other parts of the partition:"),
            (Why::NotFailed, "passed the last time:"),
        ];
        reasons.into_iter().filter_map(move |(why, text)| {
            let names: BTreeSet<&str> = self
                .tests()
                .filter(|(suite, test, decision)| *decision == Decision::Skip(why) && is_meant(suite, test))
                .map(|(_, test, _)| &*test.name)
                .collect();
            let named: Vec<String> = filters.iter().map(|filter| format!("{filter:?}")).collect();
            let of = if named.is_empty() { String::new() } else { format!(" of what {} matches", named.join(", ")) };
            (!names.is_empty()).then(|| format!("{text} {}{of}", few(&names)))
        })
    }

    /// What to say if `--failed` leaves nothing to do, though tests have failed: none of them is meant. Unless all is
    /// built, a binary that is not may have them.
    pub fn nothing_to_do(self, all_built: bool) -> Option<String> {
        let failed = self.options.failed.as_ref()?;
        let is_listed = |test: &Name| {
            let suite = self.suites.iter().find(|suite| suite.binary.id == test.0);
            suite.map_or(!all_built, |suite| suite.tests.iter().any(|it| it.name == test.1))
        };
        let left = failed.iter().filter(|test| is_listed(test)).count();
        let filters = &self.options.filters;
        let is_meant = filters.is_empty() || filters.iter().any(|filter| self.is_matched(filter));
        let (none, tests) = if left == 1 { ("the test", "is not") } else { ("none of the tests", "is") };
        (left > 0 && is_meant && self.taken().next().is_none()).then(|| {
            format!("note: {none} that failed or was left unfinished {tests} selected here; there is nothing to do")
        })
    }

    /// A command that does not stand first is a filter, and selects tests.
    fn on_misplaced_command(self) -> Option<String> {
        let word = self.misplaced_command()?;
        let is_matched = self.names().any(|name| name.contains(word));
        is_matched.then(|| {
            format!("note: `{word}` is a filter here; as a command it must be the first word: cargo ptest {word}")
        })
    }

    fn misplaced_command(self) -> Option<&'a str> {
        let word = self.options.first_word.as_deref().filter(|_| self.options.after_option)?;
        COMMANDS.contains(&word).then_some(word)
    }

    /// What to say of a first word that selects nothing and is much like a command.
    pub fn mistaken_command(self) -> Option<String> {
        let word = self.options.first_word.as_deref()?;
        if self.names().any(|name| name.contains(word)) {
            return None;
        }
        if self.misplaced_command().is_some() {
            return Some(format!(
                "{word} is a filter here, and no test has a name that contains it; as a command it must be the first word: \
                 `cargo ptest {word}`"
            ));
        }
        let meant = match word {
            "help" => "--help".to_owned(),
            "nextest" | "test" | "tset" => "run".to_owned(),
            "bench" => "--benches".to_owned(),
            _ => {
                let like = COMMANDS.into_iter().filter(|command| distance(word, command) <= slip(command));
                like.min_by_key(|command| distance(word, command))?.to_owned()
            }
        };
        let first = if self.options.after_option { "A command must be the first word; a" } else { "A" };
        Some(format!(
            "{word} is no command, and no test has a name that contains it; is `cargo ptest {meant}` meant? {first} filter \
             can stand after `--`"
        ))
    }
}

fn ignored(suite: &Suite, test: &Test) -> String {
    let reason = test.ignore_reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{} {}{reason}", suite.binary.id, test.name)
}

/// Below one another, but for those that are too many.
fn lines(names: &[String]) -> String {
    let named: String = names.iter().take(NAMED).flat_map(|name| ["\n    ", name]).collect();
    let more = names.len().saturating_sub(NAMED);
    if more == 0 { named } else { format!("{named}\n    and {more} more") }
}

/// The first few of them, and how many others there are.
fn few(names: &BTreeSet<&str>) -> String {
    let more = names.len().saturating_sub(OFFERED);
    let named = names.iter().take(OFFERED).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::{Ignored, Partition, PartitionBy, select};

    /// A suite with these tests; what is in parentheses behind a name is why it is ignored.
    fn suite(names: &[&str]) -> Vec<Suite> {
        let test = |name: &&str| match name.split_once(" (") {
            Some((name, reason)) => Test {
                ignored: true,
                ignore_reason: Some(reason.trim_end_matches(')').to_owned()),
                ..Test::named(name)
            },
            None => Test::named(name),
        };
        vec![Suite { tests: names.iter().map(test).collect(), ..Suite::sample() }]
    }

    const TESTS: [&str; 5] =
        ["tests::runs", "tests::reads", "tests::Writes", "tests::waits (the well is dry)", "other"];

    fn with<T>(tests: &[&str], options: &Options, say: impl Fn(Filtered) -> T) -> T {
        let suites = suite(tests);
        let decisions = select(&suites, options);
        say(Filtered { suites: &suites.iter().collect::<Vec<_>>(), decisions: &decisions, options })
    }

    fn options(filters: &[&str]) -> Options {
        let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
        Options { first_word: filters.first().cloned(), filters, ..Options::default() }
    }

    fn exact(filters: &[&str]) -> Options {
        Options { exact: true, ..options(filters) }
    }

    fn notes(options: &Options) -> Vec<String> {
        with(&TESTS, options, |it| it.notes(true, false))
    }

    fn nothing(options: &Options) -> String {
        with(&TESTS, options, |it| {
            assert_eq!(it.taken().count(), 0);
            it.nothing_selected()
        })
    }

    #[test]
    fn a_filter_that_matches_nothing_beside_one_that_does_is_named() {
        assert!(notes(&options(&["reads", "other"])).is_empty());
        assert_eq!(
            notes(&options(&["reads", "raeds"])),
            ["warning: no test has a name that contains \"raeds\"; the most like it: tests::reads"]
        );
        let quiet = with(&TESTS, &options(&["reads", "else"]), |it| it.notes(true, true));
        assert_eq!(quiet, ["warning: no test has a name that contains \"else\""]);
        assert!(notes(&options(&["else"])).is_empty(), "that run is an error, which says so");
    }

    #[test]
    fn an_exact_filter_that_is_a_part_of_names_only_says_so() {
        assert_eq!(
            notes(&exact(&["other", "tests", "waits"])),
            [
                "warning: no test is called \"tests\", but 4 have that in the name, and run without --exact: tests::Writes, \
                 tests::reads, tests::runs and 1 more",
                "warning: no test is called \"waits\", but 1 has that in the name, and run without --exact: tests::waits",
            ]
        );
    }

    #[test]
    fn what_is_to_be_skipped_and_is_not_there_is_named_if_all_is_built() {
        let options = Options { skip: vec!["reds".to_owned()], ..Options::default() };
        let note = "note: --skip \"reds\" leaves no test out: no test has a name that contains \"reds\"; the most like it: \
                    tests::reads";
        assert_eq!(notes(&options), [note]);
        assert!(with(&TESTS, &options, |it| it.notes(false, false)).is_empty());
    }

    #[test]
    fn run_is_said_to_be_the_command_where_a_name_contains_it() {
        let run = Options { run: true, ..Options::default() };
        let selects = |tests: &[&str]| with(tests, &run, |it| it.notes(true, false).join(""));
        let start = "note: `run` is the command here; `cargo ptest -- run` selects ";
        assert_eq!(selects(&TESTS), format!("{start}the test that has it in its name"));
        assert_eq!(selects(&["run", "a::prunes"]), format!("{start}the 2 tests that have it in their names"));
        assert_eq!(selects(&["a"]), "");
        assert!(notes(&Options::default()).is_empty());
    }

    #[test]
    fn an_ignored_test_that_is_named_beside_others_is_told_of() {
        let note = "note: ignored, so not run; `-- --include-ignored` runs what is ignored, too:\n    p::t tests::waits (the \
                    well is dry)";
        assert_eq!(notes(&options(&["waits", "reads"])), [note]);
        assert_eq!(notes(&exact(&["tests::waits", "other"])), [note]);
        assert!(notes(&options(&["tests"])).is_empty(), "nobody has named it");
        assert!(notes(&options(&["waits"])).is_empty(), "the end of the run says so");
        assert!(notes(&Options { ignored: Ignored::All, ..options(&["waits", "reads"]) }).is_empty());
    }

    #[test]
    fn a_run_of_ignored_tests_only_says_so_at_the_end() {
        let end = |tests: &[&str], options: &Options| with(tests, options, |it: Filtered| it.all_ignored());
        assert_eq!(
            end(&TESTS, &options(&["waits"])).unwrap(),
            "note: nothing was run, since the only test that is selected is ignored; `-- --ignored` runs it:\n    p::t \
             tests::waits (the well is dry)"
        );
        let many: Vec<String> = (10..22).map(|number| format!("t{number} (slow)")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said = end(&many, &Options::default()).unwrap();
        let start = "note: nothing was run, since all tests that are selected are ignored; `-- --ignored` runs them:\n    p::t \
                     t10 (slow)\n";
        assert!(said.starts_with(start) && said.ends_with("\n    p::t t19 (slow)\n    and 2 more"), "{said}");
        assert_eq!(end(&TESTS, &Options::default()), None);
        assert_eq!(end(&TESTS, &options(&["nothing"])), None);
    }

    #[test]
    fn where_nothing_is_selected_each_filter_and_what_is_like_it_is_named() {
        assert_eq!(
            nothing(&options(&["tests::read", "writes"].map(|it| if it == "writes" { it } else { "tests::rsad" }))),
            "no test was selected, of 5 in 1 binary\n    no test has a name that contains \"tests::rsad\"; the most like it: \
             tests::reads\n    no test has a name that contains \"writes\"; the most like it: tests::Writes"
        );
        assert_eq!(
            nothing(&exact(&["tests"])).lines().last().unwrap().trim(),
            "no test is called \"tests\", but 4 have that in the name, and run without --exact: tests::Writes, tests::reads, \
             tests::runs and 1 more"
        );
    }

    #[test]
    fn where_nothing_is_selected_though_filters_match_the_reason_is_named() {
        let skip = Options { skip: vec!["reads".to_owned()], ..options(&["reads"]) };
        let part = Partition { by: PartitionBy::Count, part: 2, parts: 2 };
        for (options, reason) in [
            (
                Options { ignored: Ignored::Only, ..options(&["reads"]) },
                "only ignored tests are asked for, which leaves out",
            ),
            (skip, "--skip leaves out"),
            (Options { partition: Some(part), ..options(&["reads"]) }, "in other parts of the partition:"),
        ] {
            let said = nothing(&options);
            assert_eq!(said.lines().nth(1).unwrap().trim(), format!("{reason} tests::reads of what \"reads\" matches"));
            assert!(!said.contains("--no-tests"), "{said}");
        }
    }

    #[test]
    fn to_let_it_pass_is_the_cure_only_where_there_are_no_tests_to_be_selected() {
        let cure = "--no-tests=pass makes that a success";
        let said = |tests: &[&str], options: &Options| with(tests, options, |it: Filtered| it.nothing_selected());
        assert_eq!(said(&[], &Options::default()), format!("no test was selected, of 0 in 1 binary\n    {cure}"));
        let part = Partition { by: PartitionBy::Count, part: 2, parts: 2 };
        let part = Options { partition: Some(part), ..Options::default() };
        assert!(said(&["a"], &part).contains(cure));
        assert!(!said(&[], &options(&["a"])).contains(cure));
    }

    #[test]
    fn failed_tests_that_are_not_meant_are_nothing_to_do() {
        let failed = |filters: &[&str], test: &str| {
            let failed = [(Arc::from("p::t"), Arc::from(test))];
            let options = Options { failed: Some(failed.into()), ..options(filters) };
            with(&TESTS, &options, |it: Filtered| it.nothing_to_do(true))
        };
        let said = failed(&["reads"], "other").unwrap();
        assert_eq!(
            said,
            "note: the test that failed or was left unfinished is not selected here; there is nothing to do"
        );
        assert_eq!(failed(&["nothing"], "other"), None, "the filter is wrong");
        assert_eq!(failed(&["reads"], "gone"), None, "it is not known what is left to do");
        assert_eq!(failed(&["other"], "other"), None, "it runs");
        let none = Options { failed: Some(BTreeSet::new()), ..options(&["raeds"]) };
        assert_eq!(notes(&none).len(), 1, "a wrong filter is told of though nothing failed");
    }

    #[test]
    fn failed_tests_of_what_is_not_built_now_are_nothing_to_do() {
        let said = |filters: &[&str], failed: (&str, &str), all_built| {
            let failed = [(Arc::from(failed.0), Arc::from(failed.1))];
            let options = Options { failed: Some(failed.into()), ..options(filters) };
            let (note, error) =
                with(&TESTS, &options, |it: Filtered| (it.nothing_to_do(all_built), it.nothing_selected()));
            assert!(!error.contains("--no-tests"), "{error}");
            note.is_some()
        };
        assert!(said(&[], ("q::t", "a"), false));
        assert!(said(&["reads"], ("q::t", "a"), false));
        assert!(!said(&["nothing"], ("q::t", "a"), false), "the filter is wrong");
        assert!(!said(&[], ("q::t", "a"), true), "it is not known what is left to do");
        assert!(!said(&[], ("p::t", "gone"), false), "it is not known what is left to do");
        let failed = Options { failed: Some([(Arc::from("p::t"), Arc::from("gone"))].into()), ..Options::default() };
        assert!(!with(&[], &failed, |it: Filtered| it.nothing_selected()).contains("--no-tests"));
    }

    #[test]
    fn a_filter_that_is_given_twice_is_complained_about_once() {
        assert_eq!(notes(&options(&["else", "reads", "else"])).len(), 1);
        assert_eq!(nothing(&options(&["else", "else"])).matches("\"else\"").count(), 1);
        let twice = Options { run: true, filters: vec!["run".to_owned()], ..Options::default() };
        assert!(notes(&twice).is_empty(), "it filters, as the note would advise");
    }

    #[test]
    fn a_command_after_an_option_is_told_to_be_a_filter() {
        let after = |word: &str| Options { after_option: true, ..options(&[word]) };
        let note = "note: `run` is a filter here; as a command it must be the first word: cargo ptest run";
        assert_eq!(notes(&after("run")), [note]);
        assert!(notes(&options(&["run"])).is_empty() && notes(&after("reads")).is_empty());
        let mistaken = |word| with(&TESTS, &after(word), |it: Filtered| it.mistaken_command());
        assert_eq!(mistaken("run"), None);
        let said = mistaken("report").unwrap();
        assert!(
            said.starts_with("report is a filter here, and no test ") && said.ends_with("`cargo ptest report`"),
            "{said}"
        );
        let said = mistaken("lst").unwrap();
        assert!(said.contains("`cargo ptest list` meant? A command must be the first word; a filter "), "{said}");
        assert_eq!(mistaken("elsewhere"), None);
    }

    #[test]
    fn a_path_that_selects_nothing_says_why() {
        let said = |filter: &str, line, file: Option<(&str, u32)>| {
            let mut options = options(&[filter]);
            let place = Place { paths: vec!["/src/a.rs".into()], line, start: None };
            options.places.insert(filter.to_owned(), place);
            let mut suites = suite(&["first", "second"]);
            for test in suites[0].tests.iter_mut().filter(|_| file.is_some()) {
                (test.file, test.line) = (file.map(|(file, _)| file.into()), file.map(|(_, line)| line));
            }
            suites[0].binary.source = "/src/a.rs".into();
            filter::locate(&mut options, &suites);
            let decisions = select(&suites, &options);
            let all: Vec<&Suite> = suites.iter().collect();
            let filtered = Filtered { suites: &all, decisions: &decisions, options: &options };
            filtered.unmatched().map(|filter| filtered.on_unmatched(filter)).collect::<String>()
        };
        assert_eq!(said("src/a.rs", None, Some(("src/a.rs", 9))), "", "it selects both");
        assert_eq!(said("src/a.rs", None, None), "", "they are in the file of their target");
        let none = "no test is in the file \"src/a.rs\", or has a name that contains that";
        assert_eq!(said("src/a.rs", None, Some(("src/b.rs", 9))), none);
        assert_eq!(
            said("src/a.rs:8", Some(8), Some(("src/a.rs", 9))),
            "no test is at line 8 of \"src/a.rs:8\"; the first one, first, starts at line 9"
        );
        assert_eq!(
            said("src/a.rs:8", Some(8), None),
            "p::t does not list the lines of its tests, so line 8 of \"src/a.rs:8\" is no use; give a name instead"
        );
        let gone = "there is no file \"tests/gone.rs\", and no test has a name that contains \"tests/gone.rs:3\"";
        assert!(nothing(&options(&["tests/gone.rs:3"])).ends_with(gone));
    }

    #[test]
    fn an_ignored_test_at_a_line_is_told_of() {
        let mut options = options(&["a.rs:3", "reads"]);
        options.places.insert("a.rs:3".into(), Place { paths: vec!["/a.rs".into()], line: Some(3), start: None });
        let mut suites = suite(&TESTS);
        let waits = suites[0].tests.iter_mut().find(|test| test.ignored).unwrap();
        (waits.file, waits.line) = (Some("a.rs".into()), Some(2));
        filter::locate(&mut options, &suites);
        let decisions = select(&suites, &options);
        let all: Vec<&Suite> = suites.iter().collect();
        let notes = Filtered { suites: &all, decisions: &decisions, options: &options }.notes(true, false);
        assert!(notes[0].ends_with("p::t tests::waits (the well is dry)"), "{notes:?}");
    }

    #[test]
    fn a_first_word_much_like_a_command_selects_nothing_or_is_a_filter() {
        let mistaken = |word| with(&TESTS, &options(&[word, "reads"]), |it: Filtered| it.mistaken_command());
        for (word, meant) in [
            ("lst", "list"),
            ("lits", "list"),
            ("lists", "list"),
            ("rn", "run"),
            ("rnu", "run"),
            ("reprot", "report"),
            ("nextest", "run"),
            ("help", "--help"),
            ("tset", "run"),
            ("bench", "--benches"),
        ] {
            let said = mistaken(word).unwrap();
            let start = format!(
                "{word} is no command, and no test has a name that contains it; is `cargo ptest {meant}` meant?"
            );
            assert!(said.starts_with(&start), "{said}");
        }
        for word in ["r", "runs", "run", "reads", "elsewhere", "test"] {
            assert_eq!(mistaken(word), None, "{word}");
        }
        let elsewhere = with(&["a"], &options(&["test"]), |it: Filtered| it.mistaken_command()).unwrap();
        assert!(elsewhere.contains("is `cargo ptest run` meant?"), "{elsewhere}");
        let later = Options { first_word: None, ..options(&["lst"]) };
        assert_eq!(with(&TESTS, &later, |it: Filtered| it.mistaken_command()), None);
    }
}
