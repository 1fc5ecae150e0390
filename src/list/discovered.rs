//! libtest's list in JSON. Pure.
//!
//! libtest writes the reason of `#[ignore]` as it is, with its quotes, backslashes and line breaks, so a line need not be
//! JSON. The keys come in a fixed order, though, and the name before the reason and the path behind it are escaped: what
//! stands between the first key of the reason and the last key of the path is the reason, whatever it is.

use std::sync::Arc;

use serde::Deserialize;

use super::Test;

/// How a test's line begins, up to its kind and its name.
const START: &str = "{ \"type\": \"";
const NAME: &str = "\", \"event\": \"discovered\", \"name\": ";
const IGNORE: &str = ", \"ignore\": ";
const REASON: &str = ", \"ignore_message\": \"";
const PATH: &str = "\", \"source_path\": ";
const LINE: &str = ", \"start_line\": ";

/// How the list's last line begins.
const END: &str = "{ \"type\": \"suite\", \"event\": \"completed\"";

/// The last line.
#[derive(Deserialize)]
struct Completed {
    total: usize,
}

/// A line of a test in another order, if it is JSON.
#[derive(Deserialize)]
struct Discovered {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    name: String,
    #[serde(default)]
    ignore: bool,
    #[serde(default)]
    ignore_message: String,
    #[serde(default)]
    source_path: String,
    start_line: Option<u32>,
}

/// The tests that the text lists; `None` if it is no whole list. A constructor may have printed lines of its own before.
pub(super) fn parse(text: &str) -> Option<Vec<Test>> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let end = lines.iter().rposition(|line| line.starts_with(END))?;
    let Completed { total } = serde_json::from_str(lines[end]).ok()?;
    let starts: Vec<usize> = (0..end).filter(|at| lines[*at].starts_with(START) && is_test(lines[*at])).collect();
    let ends = starts.iter().skip(1).copied().chain([end]);
    let tests: Option<Vec<Test>> =
        starts.iter().zip(ends).map(|(start, end)| test(&lines[*start..end].concat())).collect();
    // A reason may look like a test's line.
    tests.filter(|tests| tests.len() == total)
}

fn is_test(line: &str) -> bool {
    line.split_once(NAME).is_some_and(|(start, _)| start.len() < START.len() + "benchmark_".len())
        || serde_json::from_str(line).is_ok_and(|line: Discovered| line.event == "discovered")
}

/// What stands from the beginning of a test's line to that of the next one's.
fn test(text: &str) -> Option<Test> {
    in_order(text).or_else(|| in_any_order(text))
}

fn in_order(text: &str) -> Option<Test> {
    let (kind, rest) = text.strip_prefix(START)?.split_once(NAME)?;
    let (name, rest) = string(rest)?;
    let (ignored, rest) = rest.strip_prefix(IGNORE)?.split_once(REASON)?;
    let ignored: bool = ignored.parse().ok()?;
    let test = Test { bench: is_bench(kind), ignored, ..Test::named(&name) };
    // Without what belongs behind it, nobody knows where the reason ends.
    Some(details(rest).map_or(test.clone(), |(reason, file, line)| Test {
        ignore_reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        file: Some(Arc::from(file)).filter(|file: &Arc<str>| !file.is_empty()),
        line: Some(line),
        ..test
    }))
}

/// The reason, and the file with the line.
fn details(text: &str) -> Option<(&str, String, u32)> {
    let (reason, rest) = text.rsplit_once(PATH)?;
    let (file, rest) = string(rest)?;
    let (line, _) = rest.strip_prefix(LINE)?.split_once(',')?;
    Some((reason, file, line.parse().ok()?))
}

/// The string that the text begins with, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let string = strings.next()?.ok()?;
    Some((string, &text[strings.byte_offset()..]))
}

fn in_any_order(text: &str) -> Option<Test> {
    let line: Discovered = serde_json::from_str(text.lines().next()?).ok()?;
    Some(Test {
        bench: is_bench(&line.kind),
        ignored: line.ignore,
        ignore_reason: Some(line.ignore_message).filter(|reason| !reason.is_empty()),
        file: Some(line.source_path.into()).filter(|file: &Arc<str>| !file.is_empty()),
        line: line.start_line,
        ..Test::named(&line.name)
    })
}

fn is_bench(kind: &str) -> bool {
    matches!(kind, "bench" | "benchmark")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// What libtest prints of a test: the name and the path escaped, and the reason not.
    fn printed(test: &Test) -> String {
        let Test { name, ignored, .. } = test;
        let kind = if test.bench { "benchmark" } else { "test" };
        let reason = test.ignore_reason.as_deref().unwrap_or_default();
        let (name, path) = (escaped(name), escaped(test.file.as_deref().unwrap_or_default()));
        let line = test.line.unwrap_or_default();
        format!(
            r#"{{ "type": "{kind}", "event": "discovered", "name": "{name}", "ignore": {ignored}, "ignore_message": "{reason}", "source_path": "{path}", "start_line": {line}, "start_col": 4, "end_line": {line}, "end_col": 9 }}"#
        ) + "\n"
    }

    fn escaped(text: &str) -> String {
        let mut escaped = String::new();
        for c in text.chars() {
            match c {
                '"' => escaped.push_str("\\\""),
                '\\' => escaped.push_str("\\\\"),
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                '\t' => escaped.push_str("\\t"),
                '\u{8}' => escaped.push_str("\\b"),
                '\u{c}' => escaped.push_str("\\f"),
                '\0'..='\x1f' | '\x7f' => _ = write!(escaped, "\\u{:04x}", u32::from(c)),
                c => escaped.push(c),
            }
        }
        escaped
    }

    fn list(tests: &[Test]) -> String {
        let (lines, total) = (tests.iter().map(printed).collect::<String>(), tests.len());
        let (benches, ignored) =
            (tests.iter().filter(|it| it.bench).count(), tests.iter().filter(|it| it.ignored).count());
        format!(
            "{{ \"type\": \"suite\", \"event\": \"discovery\" }}\n{lines}{{ \"type\": \"suite\", \"event\": \
             \"completed\", \"tests\": {}, \"benchmarks\": {benches}, \"total\": {total}, \"ignored\": {ignored} }}\n",
            total - benches
        )
    }

    fn ignored(name: &str, reason: &str) -> Test {
        Test {
            ignored: true,
            ignore_reason: Some(reason.to_owned()),
            file: Some("src/lib.rs".into()),
            line: Some(7),
            ..Test::named(name)
        }
    }

    #[test]
    fn json_tells_all_of_a_test_and_foreign_lines_are_passed_over() {
        let text = r#"a constructor speaks
{ "type": "suite", "event": "discovery" }
{ "type": "test", "event": "discovered", "name": "a::b", "ignore": true, "ignore_message": "slow", "source_path": "src/lib.rs", "start_line": 7, "start_col": 1, "end_line": 7, "end_col": 9 }
{ "type": "benchmark", "event": "discovered", "name": "c", "ignore": false, "ignore_message": "", "source_path": "src/lib.rs", "start_line": 9, "start_col": 1, "end_line": 7, "end_col": 9 }
{ "type": "suite", "event": "completed", "tests": 1, "benchmarks": 1, "total": 2, "ignored": 1 }
"#;
        let tests = parse(text).unwrap();
        assert_eq!(tests.len(), 2);
        assert_eq!((&*tests[0].name, tests[0].ignored, tests[0].line), ("a::b", true, Some(7)));
        assert_eq!(tests[0].ignore_reason.as_deref(), Some("slow"));
        assert_eq!((tests[1].bench, tests[1].ignore_reason.as_deref()), (true, None));
    }

    #[test]
    fn json_without_its_last_line_or_with_other_numbers_is_no_list() {
        assert_eq!(parse("{ \"type\": \"suite\", \"event\": \"discovery\" }\n"), None);
        let whole = list(&[Test::named("a"), Test::named("b")]);
        assert_eq!(parse(&whole.replace("\"total\": 2", "\"total\": 3")), None);
    }

    #[test]
    fn a_reason_is_text_and_no_part_of_the_list() {
        let reasons = [
            "needs \"docker\"",
            "a backslash \\",
            "C:\\new",
            "two\nlines",
            "\r\n\n",
            "x\", \"source_path\": \"evil.rs\", \"start_line\": 1",
            "x\", \"source_path\": \"evil.rs\", \"start_line\": 1, \"start_col\": 1 }\n{ \"type\": \"suite\", \"event\": \"completed\" }",
        ];
        let tests: Vec<Test> = reasons.iter().map(|reason| ignored(reason, reason)).collect();
        assert_eq!(parse(&list(&tests)), Some(tests));
    }

    #[test]
    fn a_reason_that_forges_a_test_adds_none() {
        let forged = printed(&Test { file: Some("f".into()), ..Test::named("forged") });
        assert_eq!(parse(&list(&[ignored("a", &format!("x\n{forged}"))])), None);
    }

    #[test]
    fn a_test_without_its_end_keeps_its_name_and_costs_no_other_one() {
        let tests = [ignored("a", "b"), ignored("c", "d")];
        let text = list(&tests).replacen("\"source_path\"", "\"another\"", 1);
        let cut = Test { ignore_reason: None, file: None, line: None, ..tests[0].clone() };
        assert_eq!(parse(&text), Some(vec![cut, tests[1].clone()]));
    }

    #[test]
    fn another_order_of_keys_is_understood_where_it_is_json() {
        let text = list(&[ignored("a", "b")]).replacen("\"ignore\": true, ", "", 1).replacen(
            "\"end_col\": 9",
            "\"ignore\": true",
            1,
        );
        assert_eq!(parse(&text), Some(vec![ignored("a", "b")]));
    }

    /// Text that has all that could be taken for a part of a line.
    fn soup() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("\n".to_owned()),
            Just("\r".to_owned()),
            Just(NAME.to_owned()),
            Just(IGNORE.to_owned()),
            Just(REASON.to_owned()),
            Just(PATH.to_owned()),
            Just(LINE.to_owned()),
            Just(END.to_owned()),
            Just("\", \"source_path\": \"x\", \"start_line\": 3, ".to_owned()),
            "\\PC{0,5}",
            any::<String>(),
        ];
        proptest::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
    }

    fn any_test() -> impl Strategy<Value = Test> {
        (soup(), soup(), any::<bool>(), any::<bool>(), soup(), any::<u32>()).prop_map(
            |(name, reason, ignored, bench, file, line)| Test {
                bench,
                ignored,
                ignore_reason: Some(reason).filter(|it| ignored && !it.is_empty()),
                file: Some(Arc::from(file)).filter(|file: &Arc<str>| !file.is_empty()),
                line: Some(line),
                ..Test::named(&name)
            },
        )
    }

    proptest! {
        #[test]
        fn what_libtest_prints_is_read_as_it_was(tests in proptest::collection::vec(any_test(), 0..5)) {
            prop_assert_eq!(parse(&list(&tests)), Some(tests));
        }

        #[test]
        fn no_text_is_too_wild(text in soup()) {
            parse(&text);
        }
    }
}
