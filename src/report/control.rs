//! Cleans text for people, wherever it comes from: what tests print, their names, the configuration. Nothing of it steers
//! the terminal or reorders what stands beside it: colours pass, if there are to be any, and nothing else does. Here is also
//! what escape sequences look like, for all who take them out (ECMA-48, 5.3 to 5.6, and ECMA-35, 13).

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::RangeInclusive;

const ESCAPE: char = '\u{1b}';

/// What a mark that reorders its neighbours is shown as.
pub(super) const REORDERS: char = '\u{2426}';

/// What the end of a line is shown as where there is to be one line.
const NEWLINE: char = '\u{2424}';

/// Whether it is a mark that reorders what stands beside it.
pub(super) fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text without control characters and sequences, but for line ends, tabs and (if `colours`) colours. Marks that
/// reorder their neighbours become signs that can be seen.
pub fn tame(text: &str, colours: bool) -> String {
    let mut tamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| (c.is_control() && c != '\n' && c != '\t') || reorders(c)) {
        tamed.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with(reorders) {
            tamed.push(REORDERS);
        }
        let (sequence, after) = rest.split_at(sequence(rest));
        if colours && is_colour(sequence) {
            tamed.push_str(sequence);
        }
        rest = after;
    }
    tamed.push_str(rest);
    tamed
}

/// The same without colours, on one line: a name, or what stands behind one.
pub fn line(text: &str) -> String {
    let sign = |c: char| match c {
        '\n' | '\u{2028}' | '\u{2029}' => NEWLINE,
        '\t' => ' ',
        c => c,
    };
    tame(text, false).chars().map(sign).collect()
}

/// A command for people to copy. What cannot be seen is written with escapes that shells know, so that it is the same
/// command and harms nobody who looks at it.
pub(super) fn command(words: &[String]) -> String {
    let words: Vec<Cow<str>> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c.is_control() || reorders(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if !word.contains(is_hidden) {
        return shell_words::quote(word);
    }
    let mut quoted = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if is_hidden(c) => {
                let mut bytes = [0; 4];
                // Writing to a string does not fail.
                c.encode_utf8(&mut bytes).bytes().for_each(|byte| _ = write!(quoted, "\\{byte:03o}"));
            }
            c => quoted.push(c),
        }
    }
    (quoted + "'").into()
}

/// JSON in which everything that a terminal would not show as it stands is written as an escape. Outside of strings there
/// is none of it.
pub fn json(json: &str) -> Cow<'_, str> {
    // The others that control something are escaped in any case.
    let is_hidden = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') || reorders(c);
    if !json.contains(is_hidden) {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match c {
            c if is_hidden(c) => _ = write!(escaped, "\\u{:04x}", u32::from(c)),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// The colours that a text leaves switched on, as what would switch them on again.
pub(super) fn colours_left(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(ESCAPE) {
        let (sequence, after) = rest[at..].split_at(sequence(&rest[at..]));
        if matches!(sequence, "\u{1b}[m" | "\u{1b}[0m") {
            left.clear();
        } else if is_colour(sequence) && left.len() < MOST_COLOURS {
            left.push_str(sequence);
        }
        rest = after;
    }
    left
}

/// More than so many bytes of colours need not be kept.
const MOST_COLOURS: usize = 256;

/// Others that end in `m` have another sign before their numbers, and set what keys send, for example.
fn is_colour(sequence: &str) -> bool {
    let numbers = sequence.strip_prefix("\u{1b}[").and_then(|rest| rest.strip_suffix('m'));
    numbers.is_some_and(|numbers| numbers.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')))
}

/// The length of the escape sequence that `text` begins with, in bytes; that of its first character if there is none. A
/// sequence that has no end, or one that does not belong to it, ends before the first character that cannot be its own.
pub(super) fn sequence(text: &str) -> usize {
    let Some(after) = text.strip_prefix(ESCAPE) else {
        return text.chars().next().map_or(0, char::len_utf8);
    };
    1 + match after.as_bytes().first() {
        Some(b'[') => control_sequence(after),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => control_string(after),
        Some(b' '..=b'/') => then(after, run(after, b' '..=b'/'), b'0'..=b'~'),
        Some(b'0'..=b'~') => 1,
        _ => 0,
    }
}

/// Colours and movements: `[`, parameters, and a letter.
fn control_sequence(text: &str) -> usize {
    let parameters = 1 + run(&text[1..], b'0'..=b'?');
    let intermediates = parameters + run(&text[parameters..], b' '..=b'/');
    then(text, intermediates, b'@'..=b'~')
}

/// Titles and links: text up to a bell or `ESC \`. One that doesn't end on its line was never meant as such, and then
/// only what introduces it goes, so that no text is lost.
fn control_string(text: &str) -> usize {
    let line = text.find('\n').map_or(text, |end| &text[..end]);
    match line.find(['\u{7}', ESCAPE]) {
        Some(end) if line[end..].starts_with('\u{7}') => end + 1,
        Some(end) if line[end..].starts_with("\u{1b}\\") => end + 2,
        _ => 1,
    }
}

/// How many bytes at the beginning of `text` lie in `range`.
fn run(text: &str, range: RangeInclusive<u8>) -> usize {
    text.bytes().take_while(|byte| range.contains(byte)).count()
}

/// `length`, and one more if a byte from `range` follows.
fn then(text: &str, length: usize, range: RangeInclusive<u8>) -> usize {
    let follows = text.as_bytes().get(length).is_some_and(|byte| range.contains(byte));
    length + usize::from(follows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_pass_and_other_sequences_do_not() {
        let text =
            "a\u{1b}[1;31mred\u{1b}[0m\u{1b}[2J\u{1b}]0;title\u{7}b\u{1b}]8;;x\u{1b}\\c\rd\u{8}\te\n\u{1b}c\u{9b}2Jf";
        assert_eq!(tame(text, true), "a\u{1b}[1;31mred\u{1b}[0mbcd\te\n2Jf");
        assert_eq!(tame(text, false), "aredbcd\te\n2Jf");
    }

    #[test]
    fn what_only_ends_like_a_colour_does_not_pass() {
        assert_eq!(
            tame("\u{1b}[>4;2m\u{1b}[?4m\u{1b}[1 ma\u{1b}[38:5:208mb\u{1b}[m", true),
            "a\u{1b}[38:5:208mb\u{1b}[m"
        );
    }

    #[test]
    fn sequences_are_taken_out_whole() {
        for (text, expected) in [
            ("\u{1b}[38;5;208morange\u{1b}[m", "orange"),
            ("\u{1b}[2K\u{1b}[1G50 %", "50 %"),
            ("\u{1b}]8;;https://example.org\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(B\u{1b}7\u{1b}8\u{1b}=x", "x"),
            ("\u{1b}P1$r0m\u{1b}\\x", "x"),
        ] {
            assert_eq!(tame(text, false), expected, "{text:?}");
        }
    }

    #[test]
    fn a_sequence_without_an_end_takes_no_text_with_it() {
        for (text, expected) in [
            ("a\u{1b}]0;never ends\nb", "a0;never ends\nb"),
            ("a\u{1b}]0;x\nthen \u{7}", "a0;x\nthen "),
            ("a\u{1b}P\u{1f980}", "a\u{1f980}"),
            ("a\u{1b}[12\u{1f980}", "a\u{1f980}"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[", "a"),
            ("a\u{1b}(", "a"),
            ("a\u{1b}\u{1b}[31mb", "ab"),
            ("a\u{1b}\u{e9}", "a\u{e9}"),
            ("a\u{1b}\nb", "a\nb"),
        ] {
            assert_eq!(tame(text, false), expected, "{text:?}");
        }
    }

    #[test]
    fn marks_that_reorder_their_neighbours_can_be_seen() {
        assert_eq!(tame("a\u{202e}b\u{2066}c\u{200f}\u{61c}d", true), "a\u{2426}b\u{2426}c\u{2426}\u{2426}d");
    }

    #[test]
    fn a_name_stands_on_one_line() {
        assert_eq!(line("a\nb\tc\r\u{2028}d\u{1b}[31m\u{202e}"), "a\u{2424}b c\u{2424}d\u{2426}");
    }

    #[test]
    fn a_command_hides_nothing_and_is_the_same_command() {
        let command = |word: &str| command(&["run".to_owned(), word.to_owned()]);
        assert_eq!(command("a::b"), "run a::b");
        assert_eq!(command("a b"), "run 'a b'");
        assert_eq!(command("it's\n\u{1b}[2J\u{202e}\\"), r"run $'it\'s\n\033[2J\342\200\256\\'");
    }

    #[test]
    fn json_shows_what_it_holds() {
        let text = "a\u{7f}\u{9b}2J\u{202e}\u{2028}\u{1b}é\u{1f980}";
        let plain = serde_json::to_string(text).unwrap();
        let escaped = json(&plain);
        assert_eq!(escaped, "\"a\\u007f\\u009b2J\\u202e\\u2028\\u001bé\u{1f980}\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        assert!(matches!(json("{\"a\": 1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_that_are_left_on_are_known() {
        assert_eq!(colours_left("\u{1b}[31ma\u{1b}[0mb\u{1b}[1m\u{1b}[8mc"), "\u{1b}[1m\u{1b}[8m");
        assert_eq!(colours_left("\u{1b}[31ma\u{1b}[m"), "");
        assert_eq!(colours_left("\u{1b}[2Ja"), "");
    }

    proptest! {
        #[test]
        fn nothing_but_colours_is_left_of_any_soup(soup in "(\u{1b}|\\[|\\]|m|;|[0-9]|\u{7}|\\PC|\n|é){0,40}") {
            let plain = tame(&soup, false);
            prop_assert!(!plain.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            let coloured = tame(&soup, true);
            prop_assert_eq!(tame(&coloured, false), plain);
        }
    }
}
