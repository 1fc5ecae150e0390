//! Cuts the message of a failure to the lines that say what is wrong: its first lines, or with a diff its first line and
//! the first lines that changed; and then where it panicked. Pure.

use super::control::tame;

/// How many lines of a message are shown: enough for both sides of a comparison.
const LINES: usize = 3;

/// How many lines of each side of a diff are shown.
const CHANGES: usize = 2;

/// How many characters of a line are shown.
const WIDTH: usize = 200;

/// What the closing list shows of a failure. `status` and `place` (as `FILE:LINE`) are shown before it; a diff may be in
/// the `output` alone.
pub(super) fn brief(message: &str, output: &str, status: &str, place: Option<&str>) -> Vec<String> {
    let message = tame(message, false);
    let message = message.strip_prefix(status).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&message);
    if message == status {
        return Vec::new();
    }
    let (panicked, text) = match message.strip_prefix("panicked at ").and_then(|it| it.split_once(": ")) {
        Some((at, text)) => (Some(short(at)), text),
        None => (None, message.strip_prefix("panicked: ").unwrap_or(message)),
    };
    let (most, changes) = match Diff::find(text) {
        // Its heading says nothing.
        Some(diff) => (diff.heading.min(1), diff.first()),
        // Insta prints it before it panics; a long message is cut, and the output has all of it.
        None if text.starts_with("snapshot assertion for ") || text.ends_with('…') => {
            Diff::find(&tame(output, false)).map_or((LINES, Vec::new()), |diff| (1, diff.first()))
        }
        None => (LINES, Vec::new()),
    };
    let said = text.lines().filter(|line| !line.trim().is_empty());
    let mut lines: Vec<String> = said.take(most).map(cut).chain(changes).collect();
    if lines.is_empty() && panicked.is_some() {
        lines.push("panicked".to_owned());
    }
    lines.extend(panicked.filter(|at| Some(&**at) != place).map(|at| format!("at {at}")));
    lines
}

/// `FILE:LINE` of a panic's place. What lies in cargo's folders, or comes with the toolchain, is named by its crate.
fn short(place: &str) -> String {
    let line = match place.rsplit_once(':') {
        Some((line, column)) if is_number(column) && line.contains(':') => line,
        _ => place,
    };
    let after = |folder: &str, names: usize| {
        let (_, path) = line.split_once(folder)?;
        path.splitn(names + 1, '/').nth(names)
    };
    let crates = || after("/registry/src/", 1).or_else(|| after("/git/checkouts/", 0));
    let toolchain = || after("/rustc/", 1).or_else(|| after("/lib/rustlib/src/rust/", 0));
    crates().or_else(toolchain).unwrap_or(line).to_owned()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim_end().to_owned(),
    }
}

struct Diff<'a> {
    /// How many lines with text come before it.
    heading: usize,
    /// The lines that differ, in their order, each with its side.
    lines: Vec<(Side, &'a str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// How the lines of a diff begin.
#[derive(Clone, Copy)]
enum Form {
    /// `<left` and `>right` (`pretty_assertions`).
    Arrows,
    /// `-left` and `+right` (similar-asserts).
    Signs,
    /// The same behind `1     │` (insta).
    Column,
    /// The same behind a number (snapbox).
    Numbers,
}

impl<'a> Diff<'a> {
    /// The last one in a text, if any line of it has changed.
    fn find(text: &'a str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let (at, form) = (0..lines.len()).rev().find_map(|at| Some((at, Form::of(&lines[at..])?)))?;
        let rest = lines[at + 1..].iter().take_while(|line| !form.ends_before(line));
        let heading = lines[..at].iter().filter(|line| !line.trim().is_empty()).count();
        let lines: Vec<_> = rest.filter_map(|line| form.side(line)).collect();
        Some(Self { heading, lines }).filter(|diff| !diff.lines.is_empty())
    }

    /// The first lines of each side, and how many more differ.
    fn first(&self) -> Vec<String> {
        let (mut left, mut right) = (0, 0);
        let mut shown: Vec<String> = Vec::new();
        for (side, line) in &self.lines {
            let count = if *side == Side::Left { &mut left } else { &mut right };
            *count += 1;
            if *count <= CHANGES {
                shown.push(cut(line));
            }
        }
        let more = self.lines.len() - shown.len();
        match more {
            0 => {}
            1 => shown.push("and 1 more line that differs".to_owned()),
            more => shown.push(format!("and {more} more lines that differ")),
        }
        shown
    }
}

impl Form {
    /// The form of the diff whose heading `lines` begin with.
    fn of(lines: &[&str]) -> Option<Self> {
        let line = lines.first()?;
        match () {
            () if line.starts_with("Diff < ") => Some(Self::Arrows),
            () if line.starts_with("Diff (-") => Some(Self::Signs),
            () if line.starts_with("────") && line.contains('┬') => Some(Self::Column),
            () if line.starts_with("--- ") && lines.get(1).is_some_and(|next| next.starts_with("+++ ")) => {
                Some(Self::Numbers)
            }
            () => None,
        }
    }

    fn ends_before(self, line: &str) -> bool {
        match self {
            Self::Arrows | Self::Signs | Self::Numbers => line.is_empty(),
            Self::Column => line.contains('┴'),
        }
    }

    /// The side of a line that differs, and what to show of the line.
    fn side(self, line: &str) -> Option<(Side, &str)> {
        let text = match self {
            Self::Arrows | Self::Signs => line,
            Self::Column => line.split_once('│')?.1,
            Self::Numbers => line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()),
        };
        let side = match (self, text.chars().next()?) {
            (Self::Arrows, '<') | (Self::Signs | Self::Column | Self::Numbers, '-') => Side::Left,
            (Self::Arrows, '>') | (Self::Signs | Self::Column | Self::Numbers, '+') => Side::Right,
            _ => return None,
        };
        // The second line of snapbox's heading is none of the diff.
        Some((side, text)).filter(|_| !text.starts_with("+++ "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> String {
        brief(message, "", "FAIL", Some("src/lib.rs:12")).join("\n")
    }

    #[test]
    fn the_message_comes_before_the_place() {
        assert_eq!(told("panicked at src/lib.rs:12:5: boom"), "boom");
        assert_eq!(told("panicked at src/lib.rs:13:5: boom"), "boom\nat src/lib.rs:13");
        assert_eq!(told("panicked at src/lib.rs:12:5: "), "panicked");
        assert_eq!(told("panicked: boom"), "boom");
        assert_eq!(told("Error: \"no bread\""), "Error: \"no bread\"");
        assert_eq!(told("FAIL"), "");
        assert_eq!(brief("SIGABRT: free(): invalid pointer", "", "SIGABRT", None), ["free(): invalid pointer"]);
    }

    #[test]
    fn three_lines_have_both_sides_of_a_comparison() {
        let text = "assertion `left == right` failed: sum\n  left: 1\n right: 2\nmore";
        assert_eq!(
            told(&format!("panicked at src/lib.rs:12:5: {text}")),
            "assertion `left == right` failed: sum\n  left: 1\n right: 2"
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = "x".repeat(300);
        assert_eq!(told(&long), format!("{}…", "x".repeat(WIDTH)));
    }

    #[test]
    fn places_in_other_crates_are_short() {
        for (place, expected) in [
            (
                "/home/me/.cargo/registry/src/index.example-1949cf/insta-1.49.0/src/runtime.rs:734:13",
                "insta-1.49.0/src/runtime.rs:734",
            ),
            (
                "/home/me/.cargo/git/checkouts/tool-0a1b2c3d/9f8e7d6/src/lib.rs:3:1",
                "tool-0a1b2c3d/9f8e7d6/src/lib.rs:3",
            ),
            ("/rustc/254b59607d/library/core/src/option.rs:1:2", "library/core/src/option.rs:1"),
            (
                "/x/toolchains/t/lib/rustlib/src/rust/library/std/src/thread/mod.rs:8:1",
                "library/std/src/thread/mod.rs:8",
            ),
            ("src/lib.rs:1:2", "src/lib.rs:1"),
            ("src/lib.rs:1", "src/lib.rs:1"),
            ("src/lib.rs", "src/lib.rs"),
        ] {
            assert_eq!(short(place), expected);
        }
    }

    #[test]
    fn of_a_diff_of_pretty_assertions_there_are_the_lines_that_differ() {
        let diff = "\u{1b}[1mDiff\u{1b}[0m \u{1b}[31m< left\u{1b}[0m / \u{1b}[32mright >\u{1b}[0m :\n Invoice {\n\u{1b}[31m<    total: \u{1b}[0m\u{1b}[1;48;5;52;31m4\u{1b}[0m,\n\u{1b}[32m>    total: 5,\u{1b}[0m\n     paid: true,\n }\n\n";
        assert_eq!(
            told(&format!("panicked at src/lib.rs:12:5: assertion failed: `(left == right)`: the total\n\n{diff}")),
            "assertion failed: `(left == right)`: the total\n<    total: 4,\n>    total: 5,"
        );
    }

    #[test]
    fn of_a_long_diff_there_are_both_sides() {
        let left = "-    a: 1,\n".repeat(5);
        let text =
            format!("assertion failed: `(left == right)`\n\nDiff (-left +right):\n Foo {{\n{left}+    b: 1,\n }}\n");
        assert_eq!(
            told(&text),
            "assertion failed: `(left == right)`\n-    a: 1,\n-    a: 1,\n+    b: 1,\nand 3 more lines that differ"
        );
    }

    #[test]
    fn the_diff_of_a_snapshot_is_in_the_output() {
        let output = "━━━━ Snapshot Summary ━━━━\nSnapshot: x\n────────────\n-old snapshot\n+new results\n────────────┬───────────\n    1     1 │ same\n    2       │-two\n          2 │+too\n────────────┴───────────\n-not of the diff\n";
        let message = "panicked at /home/me/.cargo/registry/src/index.example-1949cf/insta-1.49.0/src/runtime.rs:734:13: snapshot assertion for 'x' failed in line 12";
        assert_eq!(
            brief(message, output, "FAIL", Some("src/lib.rs:12")),
            ["snapshot assertion for 'x' failed in line 12", "-two", "+too", "at insta-1.49.0/src/runtime.rs:734"]
        );
        assert_eq!(brief("boom", output, "FAIL", None), ["boom"], "another failure's");
    }

    #[test]
    fn snapbox_numbers_its_lines() {
        let text = "\n--- Expected\n+++ Actual: stdout\n   1    1   same\n   2      - two\n        2 + too\nUpdate with SNAPSHOTS=overwrite\n";
        assert_eq!(told(text), "- two\n+ too");
    }

    #[test]
    fn what_only_looks_like_a_diff_is_none() {
        assert_eq!(told("a list:\n- one\n- two\n+ three"), "a list:\n- one\n- two");
        assert_eq!(told("failed\nDiff < left / right > :\n same\n"), "failed\nDiff < left / right > :\n same");
    }
}
