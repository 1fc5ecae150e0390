//! Turns the colours in what a test wrote into elements with classes. Attributes with styles would need a policy that
//! allows them, and so would anything hostile that got so far.

use std::collections::BTreeSet;
use std::fmt::Write;

use maud::{Markup, html};

use super::escape::Text;
use crate::report::control::tame;

/// The colours beyond the sixteen that the style sheet knows, each to become a rule of it.
#[derive(Default)]
pub(super) struct Palette(BTreeSet<Rgb>);

type Rgb = [u8; 3];

/// A rainbow need not become a style sheet of megabytes.
const MOST: usize = 1024;

impl Palette {
    pub(super) fn rules(&self) -> String {
        let mut rules = String::new();
        for rgb in &self.0 {
            let hex = hex(*rgb);
            // Writing to a string does not fail.
            let _ = write!(rules, ".f-{hex}{{color:#{hex}}}.b-{hex}{{background:#{hex}}}");
        }
        rules
    }

    fn has(&mut self, rgb: Rgb) -> bool {
        self.0.contains(&rgb) || (self.0.len() < MOST && self.0.insert(rgb))
    }
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("{red:02x}{green:02x}{blue:02x}")
}

#[derive(Clone, Copy, PartialEq)]
enum Colour {
    /// One of the sixteen that people choose themselves.
    Own(u8),
    Rgb(Rgb),
}

#[derive(Clone, Copy, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each can be on or off")]
struct Style {
    text: Option<Colour>,
    ground: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
}

/// What a test wrote, as HTML: text that is escaped, in elements that colour it.
pub(super) fn coloured(text: &str, palette: &mut Palette) -> Markup {
    let tamed = tame(text, true);
    let mut style = Style::default();
    let mut pieces = tamed.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default();
    html! {
        (Text(first))
        @for piece in pieces {
            // Nothing but colours is left, and they end with an m.
            @let (codes, text) = piece.split_once('m').unwrap_or(("", piece));
            @let classes = style.follow(codes).classes(palette);
            @if classes.is_empty() || text.is_empty() { (Text(text)) } @else { span class=(classes) { (Text(text)) } }
        }
    }
}

impl Style {
    /// Follows the codes of one sequence, as ECMA-48 and what came after it have them. Unknown ones do nothing.
    fn follow(&mut self, codes: &str) -> Self {
        let mut codes = codes.split([';', ':']).map(|code| if code.is_empty() { Some(0) } else { code.parse().ok() });
        while let Some(code) = codes.next() {
            match code {
                Some(0) => *self = Self::default(),
                Some(1) => self.bold = true,
                Some(2) => self.dim = true,
                Some(3) => self.italic = true,
                Some(4) => self.underlined = true,
                Some(7) => self.inverse = true,
                Some(9) => self.struck = true,
                Some(22) => (self.bold, self.dim) = (false, false),
                Some(23) => self.italic = false,
                Some(24) => self.underlined = false,
                Some(27) => self.inverse = false,
                Some(29) => self.struck = false,
                Some(code @ 30..=37) => self.text = Some(Colour::Own(code - 30)),
                Some(code @ 90..=97) => self.text = Some(Colour::Own(code - 90 + 8)),
                Some(code @ 40..=47) => self.ground = Some(Colour::Own(code - 40)),
                Some(code @ 100..=107) => self.ground = Some(Colour::Own(code - 100 + 8)),
                Some(38) => self.text = extended(&mut codes).or(self.text),
                Some(48) => self.ground = extended(&mut codes).or(self.ground),
                Some(39) => self.text = None,
                Some(49) => self.ground = None,
                _ => {}
            }
        }
        *self
    }

    fn classes(self, palette: &mut Palette) -> String {
        let (text, ground) = if self.inverse { (self.ground, self.text) } else { (self.text, self.ground) };
        let flags = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "italic"),
            (self.underlined, "underlined"),
            (self.struck, "struck"),
            (self.inverse && text.is_none(), "f-ground"),
            (self.inverse && ground.is_none(), "b-text"),
        ];
        let mut classes: Vec<String> =
            flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| (*name).to_owned()).collect();
        for (prefix, colour) in [('f', text), ('b', ground)] {
            match colour {
                Some(Colour::Own(number)) => classes.push(format!("{prefix}{number}")),
                Some(Colour::Rgb(rgb)) if palette.has(rgb) => classes.push(format!("{prefix}-{}", hex(rgb))),
                _ => {}
            }
        }
        classes.join(" ")
    }
}

/// What follows a 38 or a 48: `5;N` of 256 colours, or `2;R;G;B`.
fn extended(codes: &mut impl Iterator<Item = Option<u8>>) -> Option<Colour> {
    match codes.next()?? {
        5 => Some(match codes.next()?? {
            number @ 0..=15 => Colour::Own(number),
            number @ 16..=231 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let number = number - 16;
                Colour::Rgb([level(number / 36), level(number / 6 % 6), level(number % 6)])
            }
            number => Colour::Rgb([8 + 10 * (number - 232); 3]),
        }),
        2 => Some(Colour::Rgb([codes.next()??, codes.next()??, codes.next()??])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, String) {
        let mut palette = Palette::default();
        (coloured(text, &mut palette).into_string(), palette.rules())
    }

    #[test]
    fn colours_become_classes() {
        assert_eq!(
            shown("a\u{1b}[1;31mred\u{1b}[0m & \u{1b}[92;44mgreen").0,
            "a<span class=\"bold f1\">red</span> &amp; <span class=\"f10 b4\">green</span>"
        );
        assert_eq!(
            shown("\u{1b}[7mx\u{1b}[33my").0,
            "<span class=\"f-ground b-text\">x</span><span class=\"f-ground b3\">y</span>"
        );
    }

    #[test]
    fn other_colours_become_rules() {
        let (html, rules) = shown("\u{1b}[38;5;208mo\u{1b}[48;2;1;2;255mb\u{1b}[38;5;255mg");
        assert!(html.starts_with("<span class=\"f-ff8700\">o</span><span class=\"f-ff8700 b-0102ff\">b"), "{html}");
        assert!(rules.contains(".f-ff8700{color:#ff8700}") && rules.contains("#eeeeee"), "{rules}");
    }

    #[test]
    fn nonsense_does_nothing() {
        assert_eq!(shown("\u{1b}[38;5mx\u{1b}[999;?mz\u{1b}[2Jy").0, "xzy");
        assert_eq!(shown("\u{1b}[31m<script>").0, "<span class=\"f1\">&lt;script&gt;</span>");
    }
}
