//! Turns the colours in what a test wrote into elements with classes. Attributes with styles would need a policy that
//! allows them, and so would anything hostile that got so far.

use std::collections::BTreeSet;
use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::contrast::{Rgb, legible, mix};
use super::escape::Text;
use crate::report::control::tame;

/// Text and ground where no colour is set: dark in either colour scheme of the page, as terminals are for most people.
/// The style sheet has them as `--terminal-text` and `--terminal`.
const TEXT: Rgb = [0xd6, 0xdc, 0xe0];
const GROUND: Rgb = [0x16, 0x1a, 0x1d];

/// The sixteen that people choose themselves in a terminal.
const SIXTEEN: [Rgb; 16] = [
    [0x0c, 0x0e, 0x10],
    [0xf4, 0x7b, 0x78],
    [0x74, 0xc5, 0x96],
    [0xe0, 0xb3, 0x52],
    [0x86, 0xae, 0xf7],
    [0xcf, 0x9a, 0xea],
    [0x6f, 0xca, 0xdb],
    [0xc9, 0xd1, 0xd6],
    [0x8b, 0x95, 0x9c],
    [0xff, 0x9a, 0x96],
    [0x92, 0xdc, 0xb0],
    [0xf0, 0xc8, 0x70],
    [0xa5, 0xc4, 0xff],
    [0xe0, 0xb5, 0xf7],
    [0x90, 0xdf, 0xee],
    [0xf3, 0xf6, 0xf7],
];

/// The colours that the text and its grounds have, each to become a rule of the style sheet.
#[derive(Default)]
pub(super) struct Palette(BTreeSet<Rgb>);

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

    /// Whether there are rules for both: one without the other might not be legible.
    fn has(&mut self, text: Rgb, ground: Rgb) -> bool {
        let is_full = self.0.len() + 2 > MOST;
        if is_full {
            return self.0.contains(&text) && self.0.contains(&ground);
        }
        self.0.extend([text, ground]);
        true
    }
}

fn hex([red, green, blue]: Rgb) -> String {
    format!("{red:02x}{green:02x}{blue:02x}")
}

#[derive(Clone, Copy, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each can be on or off")]
struct Style {
    text: Option<Rgb>,
    ground: Option<Rgb>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
}

/// What a test wrote, as HTML: text that is escaped, in elements that colour it.
pub(super) fn coloured(text: &str, palette: &mut Palette) -> Markup {
    let lines = coloured_lines(text, palette);
    html! { @for (number, line) in lines.iter().enumerate() { @if number > 0 { "\n" } (line) } }
}

/// The same, by lines.
pub(super) fn coloured_lines(text: &str, palette: &mut Palette) -> Vec<Markup> {
    let tamed = tame(text, true);
    let mut style = Style::default();
    let mut lines = vec![String::new()];
    for (number, piece) in tamed.split("\u{1b}[").enumerate() {
        let (codes, text) = match number {
            0 => ("0", piece),
            // Nothing but colours is left, and they end with an m.
            _ => piece.split_once('m').unwrap_or(("0", piece)),
        };
        let classes = style.follow(codes).classes(palette);
        for (number, text) in text.split('\n').enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            let text = html! {
                @if classes.is_empty() || text.is_empty() { (Text(text)) } @else { span class=(classes) { (Text(text)) } }
            };
            lines.last_mut().into_iter().for_each(|line| line.push_str(&text.0));
        }
    }
    lines.into_iter().map(PreEscaped).collect()
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
                Some(code @ 30..=37) => self.text = Some(sixteen(code - 30)),
                Some(code @ 90..=97) => self.text = Some(sixteen(code - 90 + 8)),
                Some(code @ 40..=47) => self.ground = Some(sixteen(code - 40)),
                Some(code @ 100..=107) => self.ground = Some(sixteen(code - 100 + 8)),
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
        let flags =
            [(self.bold, "bold"), (self.italic, "italic"), (self.underlined, "underlined"), (self.struck, "struck")];
        let mut classes: Vec<String> =
            flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| (*name).to_owned()).collect();
        let (text, ground) = self.colours();
        if (text, ground) != (TEXT, GROUND) && palette.has(text, ground) {
            classes.extend((text != TEXT).then(|| format!("f-{}", hex(text))));
            classes.extend((ground != GROUND).then(|| format!("b-{}", hex(ground))));
        }
        classes.join(" ")
    }

    /// Text and ground as they are shown, so that the one can be read on the other.
    fn colours(self) -> (Rgb, Rgb) {
        let (text, ground) = (self.text.unwrap_or(TEXT), self.ground.unwrap_or(GROUND));
        let (text, ground) = if self.inverse { (ground, text) } else { (text, ground) };
        let text = if self.dim { mix(text, ground, 0.3) } else { text };
        (legible(text, ground), ground)
    }
}

fn sixteen(number: u8) -> Rgb {
    SIXTEEN[usize::from(number)]
}

/// What follows a 38 or a 48: `5;N` of 256 colours, or `2;R;G;B`.
fn extended(codes: &mut impl Iterator<Item = Option<u8>>) -> Option<Rgb> {
    match codes.next()?? {
        5 => Some(match codes.next()?? {
            number @ 0..=15 => sixteen(number),
            number @ 16..=231 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let number = number - 16;
                [level(number / 36), level(number / 6 % 6), level(number % 6)]
            }
            number => [8 + 10 * (number - 232); 3],
        }),
        2 => Some([codes.next()??, codes.next()??, codes.next()??]),
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
            shown("a\u{1b}[1;31mred\u{1b}[0m & \u{1b}[92mgreen").0,
            "a<span class=\"bold f-f47b78\">red</span> &amp; <span class=\"f-92dcb0\">green</span>"
        );
        assert_eq!(shown("\u{1b}[7mx").0, "<span class=\"f-161a1d b-d6dce0\">x</span>");
    }

    #[test]
    fn other_colours_become_rules() {
        let (html, rules) = shown("\u{1b}[38;5;208mo\u{1b}[48;2;1;2;30mb\u{1b}[38;5;255mg");
        assert!(html.starts_with("<span class=\"f-ff8700\">o</span><span class=\"f-ff8700 b-01021e\">b"), "{html}");
        assert!(rules.contains(".f-ff8700{color:#ff8700}") && rules.contains("#eeeeee"), "{rules}");
    }

    #[test]
    fn what_could_not_be_read_on_its_ground_gets_lighter_or_darker() {
        // As pretty_assertions marks what differs.
        for (codes, ground) in [("1;48;5;52;31", "5f0000"), ("1;48;5;22;32", "005f00")] {
            let html = shown(&format!("\u{1b}[{codes}m4")).0;
            assert!(html.contains(&format!("b-{ground}")), "{html}");
        }
        assert_eq!(shown("\u{1b}[37;47m4").0, "<span class=\"f-525557 b-c9d1d6\">4</span>");
        assert!(shown("\u{1b}[2;30m4").0.contains("f-"), "dim black on black is grey");
    }

    #[test]
    fn a_rainbow_ends_where_text_and_ground_have_no_rules() {
        let mut palette = Palette::default();
        let rainbow: Vec<String> = (0..2000).map(|it| format!("\u{1b}[38;2;200;{};{}mx", it % 250, it / 10)).collect();
        coloured(&rainbow.concat(), &mut palette);
        assert!(palette.0.len() <= MOST && palette.0.len() > MOST - 2);
        assert_eq!(coloured("\u{1b}[38;2;9;9;9;48;2;8;8;8mx", &mut palette).into_string(), "x");
    }

    #[test]
    fn nonsense_does_nothing() {
        assert_eq!(shown("\u{1b}[38;5mx\u{1b}[999;?mz\u{1b}[2Jy").0, "xzy");
        assert_eq!(shown("\u{1b}[31m<script>").0, "<span class=\"f-f47b78\">&lt;script&gt;</span>");
    }
}
