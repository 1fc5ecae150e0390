//! The list that harnesses agree on: `--list --format terse`, a line for each test. Pure.
//!
//! It does not say which tests are ignored, so a second question has `--ignored` besides. A harness that answers it with
//! all tests either has no others or does not know the option. A third question tells these apart: it is about the
//! ignored tests of a name that no test has, and whoever lists tests there goes by no option at all.

use std::collections::HashSet;

use anyhow::Result;

use super::Test;

/// What every question has in common.
pub(super) const LIST: [&str; 3] = ["--list", "--format", "terse"];

/// `None` if any line is not of the form that libtest prints.
pub(super) fn parse(text: &str) -> Option<Vec<Test>> {
    text.lines().filter(|line| !line.is_empty()).map(test).collect()
}

/// The same, where a runner may print lines of its own around the list. `None` if there is no test.
pub(super) fn find(text: &str) -> Option<Vec<Test>> {
    let tests: Vec<Test> = text.lines().filter_map(test).collect();
    (!tests.is_empty()).then_some(tests)
}

fn test(line: &str) -> Option<Test> {
    let (name, kind) = line.rsplit_once(": ")?;
    let bench = match kind {
        "test" => false,
        "benchmark" => true,
        _ => return None,
    };
    Some(Test { bench, ..Test::named(name) })
}

/// Marks which of all tests are ignored. `list` asks with further arguments, and fails if there is no list.
pub(super) fn mark_ignored(mut all: Vec<Test>, list: impl Fn(&[&str]) -> Result<Vec<Test>>) -> Result<Vec<Test>> {
    if all.is_empty() {
        return Ok(all);
    }
    let ignored = list(&["--ignored"])?;
    let names: HashSet<&str> = ignored.iter().map(|test| &*test.name).collect();
    let is_all = all.iter().all(|test| names.contains(&*test.name));
    if is_all && !list(&["--ignored", "--exact", &unknown(&all)])?.is_empty() {
        return Ok(all);
    }
    for test in &mut all {
        test.ignored = names.contains(&*test.name);
    }
    Ok(all)
}

/// A name that no test has, nor is it a part of any.
pub(super) fn unknown(all: &[Test]) -> String {
    let mut name = "no_test_of_this_name".to_owned();
    while all.iter().any(|test| test.name.contains(&name)) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    fn named(names: &[&str]) -> Vec<Test> {
        names.iter().map(|name| Test::named(name)).collect()
    }

    /// The names of the ignored tests, and how many questions it took to know them.
    fn asked(all: &[&str], answer: impl Fn(&[&str]) -> Result<Vec<Test>>) -> (Vec<String>, usize) {
        let questions = Cell::new(0);
        let list = |args: &[&str]| {
            questions.set(questions.get() + 1);
            answer(args)
        };
        let marked = mark_ignored(named(all), list).unwrap();
        (marked.iter().filter(|test| test.ignored).map(|test| test.name.to_string()).collect(), questions.get())
    }

    #[test]
    fn lines_are_all_tests_or_the_answer_is_foreign() {
        assert_eq!(parse("a: test\nb::c: benchmark\n").unwrap().len(), 2);
        assert_eq!(parse("running my own tests\n"), None);
        assert_eq!(parse("two\nlines: test\n"), None);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn a_runner_may_print_lines_around_the_list() {
        assert_eq!(find("booting\n\na: test\ndone: 1 test\n").unwrap(), named(&["a"]));
        assert_eq!(find("booting\n"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn a_harness_that_lists_tests_of_a_name_that_there_is_not_has_not_understood_ignored() {
        let careless = |_: &[&str]| Ok(named(&["one", "two"]));
        assert_eq!(asked(&["one", "two"], careless), (vec![], 2));
        let lists_more = |_: &[&str]| Ok(named(&["one", "two", "three"]));
        assert_eq!(asked(&["one", "two"], lists_more), (vec![], 2));
        let all_ignored = |args: &[&str]| Ok(if args.len() == 1 { named(&["one", "two"]) } else { Vec::new() });
        assert_eq!(asked(&["one", "two"], all_ignored), (vec!["one".to_owned(), "two".to_owned()], 2));
    }

    #[test]
    fn a_third_question_is_asked_only_where_all_seem_to_be_ignored() {
        assert_eq!(asked(&["one", "two"], |_| Ok(named(&["two"]))), (vec!["two".to_owned()], 1));
        assert_eq!(asked(&["one"], |_| Ok(Vec::new())), (vec![], 1));
        assert_eq!(asked(&[], |_| bail!("it is not asked")), (vec![], 0));
    }

    #[test]
    fn the_unknown_name_is_a_part_of_no_name() {
        assert_eq!(unknown(&named(&["a::no_test_of_this_name_", "b"])), "no_test_of_this_name__");
    }
}
