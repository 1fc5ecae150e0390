//! Makes text harmless: for HTML, and for JSON inside of a page.

use std::fmt::Write;

use maud::{Escaper, Render};

use crate::report::control::{REORDERS, reorders, tame};

/// Text for between tags and in attributes. What can't be seen is shown as a sign for it.
pub(super) struct Text<'a>(pub &'a str);

impl Render for Text<'_> {
    fn render_to(&self, html: &mut String) {
        let mut out = Escaper::new(html);
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| visible(*c) != *c) {
            // Writing to a string does not fail.
            let _ = out.write_str(&rest[..at]).and_then(|()| out.write_char(visible(c)));
            rest = &rest[at + c.len_utf8()..];
        }
        let _ = out.write_str(rest);
    }
}

/// A sign for a character that can't be seen or that would move its neighbours around; any other is itself.
fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if reorders(c) => REORDERS,
        c => c,
    }
}

/// Text without control sequences and without what can't be seen, for the script to show.
pub(super) fn plain(text: &str) -> String {
    tame(text, false).chars().map(visible).collect()
}

/// JSON that can't end the element it stands in: `<` is written as an escape, which only strings can hold.
pub(super) fn json(data: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string(data)?.replace('<', "\\u003c"))
}

/// The beginning and the end of a text that is too long, with a note between them.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    // A failure stands near the end more often than not.
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=most / 4).rev().find(boundary).unwrap_or_default();
    let tail = (text.len() - (most - most / 4)..text.len()).find(boundary).unwrap_or(text.len());
    format!("{}\n[... {} bytes are left out here ...]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        Text(text).render().into_string()
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(shown("<b onload=\"x('&')\">"), "&lt;b onload=&quot;x('&amp;')&quot;&gt;");
        assert_eq!(shown("a\u{0}\u{1b}[1m\u{7f}\u{202e}b\n\t"), "a\u{2400}\u{241b}[1m\u{2421}\u{2426}b\n\t");
    }

    #[test]
    fn json_does_not_end_its_element() {
        assert_eq!(json(&"</script><!--").unwrap(), "\"\\u003c/script>\\u003c!--\"");
    }

    #[test]
    fn what_is_cut_keeps_both_ends() {
        let text = cut(&format!("head{}tail", "é".repeat(100)), 41);
        assert!(text.starts_with("headé") && text.ends_with("étail"), "{text}");
        assert!(text.contains(" bytes are left out"), "{text}");
        assert_eq!(cut("short", 5), "short");
    }

    proptest! {
        #[test]
        fn no_soup_holds_markup_or_controls(soup: String) {
            let text = shown(&soup);
            prop_assert!(!text.contains(['<', '>', '"']));
            prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert!(!json(&soup).unwrap().contains('<'));
            cut(&soup, 7);
        }
    }
}
