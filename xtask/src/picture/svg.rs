//! A screen as an SVG that looks like a window with a terminal in it. The window is dark and has a border, so that it is
//! legible on light and on dark pages.

use vt100::{Cell, Color};

use super::screen::Screen;

const FONT: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
const SIZE: f64 = 14.0;
/// The width of a character, whatever the font: each piece of text is stretched to the width that its columns have.
const COLUMN: f64 = 8.4;
const LINE: f64 = 19.0;
const MARGIN: f64 = 16.0;
/// The bar with the three dots.
const BAR: f64 = 32.0;

const BACKGROUND: &str = "#0d1117";
const FOREGROUND: &str = "#d8dee6";
/// The sixteen colours that terminals have names for.
const COLOURS: [&str; 16] = [
    "#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#d8dee6", "#8b949e", "#ffa198",
    "#56d364", "#f2cc60", "#a5d6ff", "#e2c5ff", "#76e3ea", "#ffffff",
];

/// How a piece of text looks.
#[derive(PartialEq)]
struct Look {
    /// Of the `<text>`.
    attributes: String,
    background: Option<String>,
}

pub(super) fn draw(screen: &Screen, title: &str) -> String {
    let rows = screen.rows();
    let width = whole(screen.columns()) * COLUMN + 2.0 * MARGIN;
    let height = BAR + whole(rows.len()) * LINE + MARGIN;
    let rows: String = rows.iter().enumerate().map(|(number, row)| draw_row(row, BAR + whole(number) * LINE)).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-family=\"{FONT}\" font-size=\"{SIZE}\">\
         <title>{}</title>\n\
         <rect x=\".5\" y=\".5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"{BACKGROUND}\" stroke=\"#484f58\"/>\n\
         {}\n{rows}</svg>\n",
        escaped(title),
        width - 1.0,
        height - 1.0,
        dots(),
    )
}

fn dots() -> String {
    let dot = |(number, colour)| {
        format!("<circle cx=\"{}\" cy=\"17\" r=\"5.5\" fill=\"{colour}\"/>", MARGIN + 4.0 + whole(number) * 18.0)
    };
    ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate().map(dot).collect()
}

fn draw_row(row: &[&Cell], top: f64) -> String {
    let mut drawn = String::new();
    let mut start = 0;
    while start < row.len() {
        let look = Look::of(row[start]);
        let length = row[start..].iter().take_while(|cell| Look::of(cell) == look).count();
        let text: String = row[start..start + length].iter().map(|cell| shown(cell)).collect();
        drawn += &draw_background(&text, &look, start, top);
        drawn += &draw_text(&text, &look, start, top);
        start += length;
    }
    drawn
}

fn draw_background(text: &str, look: &Look, column: usize, top: f64) -> String {
    let Some(background) = &look.background else { return String::new() };
    let (x, width) = (MARGIN + whole(column) * COLUMN, whole(text.chars().count()) * COLUMN);
    format!("<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{LINE}\" fill=\"{background}\"/>\n")
}

/// Spaces at the ends of a piece are left out: nobody sees them, and viewers treat them differently.
fn draw_text(text: &str, look: &Look, column: usize, top: f64) -> String {
    let indent = text.chars().take_while(|it| *it == ' ').count();
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return String::new();
    }
    let (x, y) = (MARGIN + whole(column + indent) * COLUMN, top + LINE * 0.75);
    let width = whole(text.chars().count()) * COLUMN;
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\"{}>{}</text>\n",
        look.attributes,
        escaped(text),
    )
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (mut foreground, mut background) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        if cell.inverse() {
            let old = foreground.unwrap_or_else(|| FOREGROUND.to_owned());
            foreground = Some(background.unwrap_or_else(|| BACKGROUND.to_owned()));
            background = Some(old);
        }
        let mut attributes = format!(" fill=\"{}\"", foreground.as_deref().unwrap_or(FOREGROUND));
        for (is_so, attribute) in [
            (cell.bold(), " font-weight=\"bold\""),
            (cell.dim(), " opacity=\".7\""),
            (cell.italic(), " font-style=\"italic\""),
            (cell.underline(), " text-decoration=\"underline\""),
        ] {
            attributes.push_str(if is_so { attribute } else { "" });
        }
        Self { attributes, background }
    }
}

/// `None` is the default.
fn colour(colour: Color) -> Option<String> {
    let of_the_cube = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match colour {
        Color::Default => None,
        Color::Idx(number @ 0..16) => Some(COLOURS[usize::from(number)].to_owned()),
        Color::Idx(number @ 16..232) => {
            let cube = number - 16;
            let [red, green, blue] = [cube / 36, cube / 6 % 6, cube % 6].map(of_the_cube);
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        Color::Idx(number) => {
            let grey = 8 + 10 * (number - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn shown(cell: &Cell) -> &str {
    if cell.has_contents() { cell.contents() } else { " " }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Screens are small.
fn whole(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use vt100::Color;

    #[test]
    fn colours_are_those_of_terminals() {
        assert_eq!(super::colour(Color::Idx(2)).as_deref(), Some("#7ee787"));
        assert_eq!(super::colour(Color::Idx(196)).as_deref(), Some("#ff0000"));
        assert_eq!(super::colour(Color::Idx(255)).as_deref(), Some("#eeeeee"));
        assert_eq!(super::colour(Color::Default), None);
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(super::escaped("a<b> & c"), "a&lt;b&gt; &amp; c");
    }
}
