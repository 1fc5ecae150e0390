//! The colours of the report for people.

use std::fmt::{self, Display};

pub(super) struct Styles {
    pub green: Style,
    pub red: Style,
    pub yellow: Style,
    pub bold: Style,
    pub dim: Style,
    /// Looks like text without a style.
    pub plain: Style,
}

impl Styles {
    pub(super) fn new(colours: bool) -> Self {
        let style = |codes| Style(if colours { codes } else { "" });
        Self {
            green: style("32;1"),
            red: style("31;1"),
            yellow: style("33;1"),
            bold: style("1"),
            dim: style("2"),
            plain: style("39"),
        }
    }
}

/// The parameters of one escape sequence. Programs that read this report know nextest's, where it is one, too.
#[derive(Clone, Copy)]
pub(super) struct Style(&'static str);

impl Style {
    pub(super) fn apply_to<T>(self, text: T) -> Styled<T> {
        Styled(self, text)
    }
}

pub(super) struct Styled<T>(Style, T);

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0 {
            "" => self.1.fmt(f),
            codes => write!(f, "\u{1b}[{codes}m{}\u{1b}[0m", self.1),
        }
    }
}
