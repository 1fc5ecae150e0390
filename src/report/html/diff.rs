//! Finds the diff in what a test wrote: equal lines can be folded then, and the sides can stand beside each other. Pure.

use crate::report::control::tame;

/// So many equal lines stay before and after what differs.
const CONTEXT: usize = 3;

/// Fewer lines are not worth folding.
const WORTH: usize = 4;

/// A part of a text, in lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<T> {
    Plain(Vec<T>),
    /// Equal lines of a diff, far from what differs.
    Folded(Vec<T>),
    /// Lines that differ, of either side.
    Changed(Vec<T>, Vec<T>),
}

/// What a line of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Equal,
    Left,
    Right,
}

/// Divides the lines of a text; `shown` has what is shown of each of them.
pub(super) fn parts<T>(text: &str, shown: Vec<T>) -> Vec<Part<T>> {
    let mut kinds = kinds(text);
    kinds.resize(shown.len(), Kind::Plain);
    let folded = folded(&kinds);
    let mut parts: Vec<Part<T>> = Vec::new();
    for ((line, kind), is_folded) in shown.into_iter().zip(kinds).zip(folded) {
        match (kind, is_folded, parts.last_mut()) {
            (Kind::Left, _, Some(Part::Changed(left, right))) if right.is_empty() => left.push(line),
            (Kind::Left, ..) => parts.push(Part::Changed(vec![line], Vec::new())),
            (Kind::Right, _, Some(Part::Changed(_, right))) => right.push(line),
            (Kind::Right, ..) => parts.push(Part::Changed(Vec::new(), vec![line])),
            (_, true, Some(Part::Folded(lines))) | (_, false, Some(Part::Plain(lines))) => lines.push(line),
            (_, true, _) => parts.push(Part::Folded(vec![line])),
            (_, false, _) => parts.push(Part::Plain(vec![line])),
        }
    }
    parts
}

fn kinds(text: &str) -> Vec<Kind> {
    let mut kinds = Vec::new();
    // The signs of both sides, while there is a diff.
    let mut signs = None;
    for line in tame(text, false).split('\n') {
        let kind = match (signs, line.chars().next()) {
            (Some((left, _)), Some(sign)) if sign == left => Kind::Left,
            (Some((_, right)), Some(sign)) if sign == right => Kind::Right,
            (Some(_), Some(' ')) => Kind::Equal,
            _ => {
                signs = heading(line);
                Kind::Plain
            }
        };
        kinds.push(kind);
    }
    kinds
}

/// The signs of both sides in the diff that follows, if this is the heading of one.
fn heading(line: &str) -> Option<(char, char)> {
    match () {
        // pretty_assertions
        () if line.starts_with("Diff < ") => Some(('<', '>')),
        // similar-asserts
        () if line.starts_with("Diff (-") => Some(('-', '+')),
        () => None,
    }
}

/// Which lines are equal, and far from those that are not.
fn folded(kinds: &[Kind]) -> Vec<bool> {
    let is_far = |at: usize| {
        let near = &kinds[at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(kinds.len())];
        kinds[at] == Kind::Equal && !near.iter().any(|kind| matches!(kind, Kind::Left | Kind::Right))
    };
    let mut far: Vec<bool> = (0..kinds.len()).map(is_far).collect();
    for run in far.chunk_by_mut(|one, other| one == other) {
        if run.len() < WORTH {
            run.fill(false);
        }
    }
    far
}

#[cfg(test)]
mod tests {
    use super::*;
    use Part::{Changed, Folded, Plain};

    fn divided(text: &str) -> Vec<Part<&str>> {
        parts(text, text.split('\n').collect())
    }

    #[test]
    fn equal_lines_are_folded_where_they_are_far_from_what_differs() {
        let text =
            "before\nDiff < left / right > :\n 1\n 2\n 3\n 4\n 5\n 6\n 7\n<8\n>9\n 10\n\nafter\n 1\n 2\n 3\n 4\n 5";
        let expected = [
            Plain(vec!["before", "Diff < left / right > :"]),
            Folded(vec![" 1", " 2", " 3", " 4"]),
            Plain(vec![" 5", " 6", " 7"]),
            Changed(vec!["<8"], vec![">9"]),
            Plain(vec![" 10", "", "after", " 1", " 2", " 3", " 4", " 5"]),
        ];
        assert_eq!(divided(text), expected);
    }

    #[test]
    fn each_change_has_its_own_sides() {
        let text = "Diff (-left +right):\n-1\n-2\n+3\n-4\n+5\n 6";
        let expected = [
            Plain(vec!["Diff (-left +right):"]),
            Changed(vec!["-1", "-2"], vec!["+3"]),
            Changed(vec!["-4"], vec!["+5"]),
            Plain(vec![" 6"]),
        ];
        assert_eq!(divided(text), expected);
    }

    #[test]
    fn what_is_no_diff_is_plain() {
        let text = "<a>\n-b\n+c\n d\n e\n f\n g\n h";
        assert_eq!(divided(text), [Plain(text.split('\n').collect())]);
    }

    #[test]
    fn colours_do_not_hide_a_diff() {
        let text =
            "\u{1b}[1mDiff\u{1b}[0m \u{1b}[31m< left\u{1b}[0m / \u{1b}[32mright >\u{1b}[0m :\n\u{1b}[31m<1\u{1b}[0m";
        assert!(matches!(&divided(text)[..], [Plain(_), Changed(left, right)] if left.len() == 1 && right.is_empty()));
    }
}
