//! Keeps what tests print from steering the terminal: colours pass, if there are to be any, and nothing else does.

/// The text without control characters and sequences, but for line ends, tabs and (if `colours`) colours.
pub(super) fn tame(text: &str, colours: bool) -> String {
    let mut tamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n' && c != '\t') {
        tamed.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = sequence(rest);
        let (sequence, after) = rest.split_at(length);
        if colours && sequence.starts_with("\u{1b}[") && sequence.ends_with('m') {
            tamed.push_str(sequence);
        }
        rest = after;
    }
    tamed.push_str(rest);
    tamed
}

/// The length of the control sequence that `text` begins with; a control character alone is one. A sequence that has
/// no end, or one that does not belong to it, ends before the first character that cannot be its own (ECMA-48, 5.4).
fn sequence(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('\u{1b}') else {
        return text.chars().next().map_or(0, char::len_utf8);
    };
    match rest.bytes().next() {
        Some(b'[') => {
            let inside = rest[1..].bytes().take_while(|byte| (0x20..=0x3f).contains(byte)).count();
            let end = rest[1 + inside..].bytes().next().is_some_and(|byte| (0x40..=0x7e).contains(&byte));
            2 + inside + usize::from(end)
        }
        // Strings to the terminal (titles, links): up to the bell or the string terminator, on the same line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let inside = rest[1..].find(['\u{7}', '\u{1b}', '\n']).unwrap_or(rest.len() - 1);
            let after = &rest[1 + inside..];
            let end = if after.starts_with("\u{1b}\\") { 2 } else { usize::from(after.starts_with('\u{7}')) };
            2 + inside + end
        }
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
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
    fn what_follows_a_sequence_without_an_end_is_kept() {
        assert_eq!(tame("\u{1b}]0;title\nnext", false), "\nnext");
        assert_eq!(tame("\u{1b}[12\u{e9}", false), "\u{e9}");
        assert_eq!(tame("\u{1b}", false), "");
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
