//! Makes any text fit for XML 1.0: clean, and no longer than a reader of reports can bear.
//!
//! [`XmlString`] cleans as well, but not so that it can be trusted with what tests write: it lets U+FFFE and U+FFFF
//! through, which makes a file ill-formed, drops tabs and carriage returns, which glues words together, and loses all
//! that follows an escape sequence that doesn't end. It gets text here that leaves it nothing to do.

use std::borrow::Cow;

use quick_junit::XmlString;

use crate::report::control;

/// What an output may take up in a report, in bytes.
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// What the text of a `<failure>` may: it is shown where a page lists many.
pub const TEXT_LIMIT: usize = 16 * 1024;

/// What a `message` attribute may.
pub const MESSAGE_LIMIT: usize = 4 * 1024;

/// `text` as XML can hold it.
pub fn xml(text: &str) -> XmlString {
    XmlString::new(clean(text))
}

/// `text` as XML can hold it, its middle left out where it is longer than `limit` bytes.
pub fn xml_within(text: &str, limit: usize) -> XmlString {
    XmlString::new(cut(&clean(text), limit))
}

/// `text` on one line, since a parser turns each line break in an attribute into a blank.
pub fn attribute(text: &str) -> XmlString {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    xml_within(&lines.join(" "), MESSAGE_LIMIT)
}

/// Takes escape sequences out, turns tabs into blanks and every line's end into `\n`, and puts U+FFFD in the place of
/// each other character that XML forbids, that controls a terminal or that reorders its neighbours.
fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_special) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let (instead, length) = replace_first(rest);
        clean.push_str(instead);
        rest = &rest[length..];
    }
    clean.push_str(rest);
    clean.into()
}

fn is_special(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{fffe}' | '\u{ffff}')
        || control::reorders(character)
}

/// What to write for the special character that `text` begins with, and how many bytes that stands for.
fn replace_first(text: &str) -> (&'static str, usize) {
    let first = text.chars().next().map_or(0, char::len_utf8);
    match text.as_bytes()[0] {
        b'\x1b' => ("", control::sequence(text)),
        b'\t' => ("    ", first),
        b'\r' if text.starts_with("\r\n") => ("", first),
        b'\r' => ("\n", first),
        _ => ("\u{fffd}", first),
    }
}

/// `text`, or its head and its tail with a note between them if it is longer than `limit` bytes. The end says how it
/// went wrong and the beginning how it came to that, so each gets half.
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text.into();
    }
    let mut head = limit / 2;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = text.len() - limit / 2;
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    let left_out = tail - head;
    format!("{}\n[... {left_out} bytes left out ...]\n{}", &text[..head], &text[tail..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_left_alone() {
        let text = "assertion `left == right` failed\n  left: 1\n right: \u{1f980} <&>\"']]>";
        assert!(matches!(clean(text), Cow::Borrowed(clean) if clean == text));
    }

    #[test]
    fn escape_sequences_are_taken_out() {
        assert_eq!(clean("a\x1b[1;31mred\x1b[0m \x1b]0;title\x07b\x1b]0;x\nthen \x07"), "ared b0;x\nthen \u{fffd}");
    }

    #[test]
    fn control_characters_leave_a_trace() {
        assert_eq!(clean("a\0b\x08\x7f\u{85}\u{9b}"), "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(clean("a\u{202e}b\u{2066}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(clean("\u{fffe}\u{ffff}\u{fffd}"), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(clean("a\tb\r\nc\rd\n"), "a    b\nc\nd\n");
    }

    #[test]
    fn an_attribute_is_one_line() {
        let message = "assertion failed\n  left: 1\r\n\n right: 2\n";
        assert_eq!(attribute(message).as_str(), "assertion failed left: 1 right: 2");
    }

    #[test]
    fn the_middle_of_a_long_text_is_left_out() {
        assert_eq!(cut("1234567890", 10), "1234567890");
        assert_eq!(cut("12345678901", 10), "12345\n[... 1 bytes left out ...]\n78901");
        assert_eq!(cut("\u{e9}\u{e9}\u{e9}\u{e9}", 6), "\u{e9}\n[... 4 bytes left out ...]\n\u{e9}");
    }

    proptest! {
        #[test]
        fn cleaned_text_holds_nothing_special(bytes: Vec<u8>, text: String) {
            for text in [String::from_utf8_lossy(&bytes).into_owned(), text] {
                let clean = clean(&text);
                prop_assert!(!clean.contains(is_special), "{text:?} became {clean:?}");
            }
        }

        #[test]
        fn quick_junit_has_nothing_left_to_take_away(text: String) {
            let xml = xml(&text);
            prop_assert_eq!(xml.as_str(), clean(&text));
        }

        #[test]
        fn a_cut_text_keeps_both_ends(text: String, limit in 0..100_usize) {
            let cut = cut(&text, limit);
            prop_assert!(cut.len() <= limit + 60);
            prop_assert_eq!(cut.chars().next().filter(|_| limit > 8), text.chars().next().filter(|_| limit > 8));
        }
    }
}
