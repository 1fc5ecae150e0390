//! What may have been meant by a word: the names that are most like it. Pure.

use std::collections::BTreeSet;

/// How many changes of one letter (one more, one less, another one, two in each other's place) make one word of another.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (place, letter) in one.chars().enumerate() {
        let mut next = vec![place + 1];
        for (at, with) in other.iter().enumerate() {
            let changed = row[at] + usize::from(letter != *with);
            let mut least = changed.min(row[at + 1] + 1).min(next[at] + 1);
            if at > 0 && last == Some(*with) && other[at - 1] == letter {
                least = least.min(before[at - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row[other.len()]
}

/// How many such changes a slip may be, in a word of this length.
pub(super) fn slip(word: &str) -> usize {
    match word.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

/// The names that are most like `word`, the best first, and no more than `most` of them: those that contain it if capital
/// letters and signs do not count, or else those in which the word, or each part of it, has only a slip.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str> + Clone, most: usize) -> Vec<&'a str> {
    let plain =
        |text: &str| -> String { text.chars().filter(|it| it.is_alphanumeric()).collect::<String>().to_lowercase() };
    let wanted = plain(word);
    if wanted.is_empty() {
        return Vec::new();
    }
    let containing: BTreeSet<&str> = names.clone().filter(|name| plain(name).contains(&wanted)).collect();
    if !containing.is_empty() {
        return containing.into_iter().take(most).collect();
    }
    let word = word.to_lowercase();
    let most_changed = word.split("::").map(slip).max().unwrap_or_default();
    let slips = |name: &str| -> Option<usize> {
        let name = name.to_lowercase();
        // Each part of the name that begins and ends where a module does.
        let starts = name.match_indices("::").map(|(at, _)| at + 2);
        let ends: Vec<usize> = name.match_indices("::").map(|(at, _)| at).chain([name.len()]).collect();
        let parts = std::iter::once(0)
            .chain(starts)
            .flat_map(|start| ends.iter().filter(move |end| **end >= start).map(move |end| (start, *end)));
        let distances = parts.map(|(start, end)| distance(&word, &name[start..end]));
        distances.min().filter(|distance| *distance <= most_changed)
    };
    let mut close: Vec<(usize, &str)> = names.filter_map(|name| Some((slips(name)?, name))).collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().map(|(_, name)| name).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters_that_are_changed() {
        for (one, other, distance) in [
            ("", "", 0),
            ("list", "list", 0),
            ("lst", "list", 1),
            ("lits", "list", 1),
            ("reprot", "report", 1),
            ("liist", "list", 1),
            ("lisp", "list", 1),
            ("", "run", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(super::distance(one, other), distance, "{one} {other}");
            assert_eq!(super::distance(other, one), distance, "{other} {one}");
        }
    }

    #[test]
    fn names_that_contain_the_word_but_for_capitals_and_signs_come_first() {
        let names = ["tests::ReadsFile", "tests::reads_files", "tests::read_file", "other"];
        let like = |word| nearest(word, names.iter().copied(), 3);
        assert_eq!(like("readsfile"), ["tests::ReadsFile", "tests::reads_files"]);
        assert_eq!(like("Tests::Read-File"), ["tests::read_file"]);
        assert_eq!(nearest("reads", names.iter().copied(), 1), ["tests::ReadsFile"]);
    }

    #[test]
    fn otherwise_a_slip_in_the_word_or_in_a_part_of_a_name_is_found() {
        let names = ["tests::reads_file", "tests::writes", "parse::numbers::negative"];
        let like = |word| nearest(word, names.iter().copied(), 3);
        assert_eq!(like("reads_flie"), ["tests::reads_file"]);
        assert_eq!(like("tset::reads_file"), ["tests::reads_file"]);
        assert_eq!(like("nubmers"), ["parse::numbers::negative"]);
        assert_eq!(like("numbers::negitave"), ["parse::numbers::negative"]);
        assert_eq!(like("elsewhere"), Vec::<&str>::new());
        assert_eq!(like("::"), Vec::<&str>::new());
        assert_eq!(like(""), Vec::<&str>::new());
    }
}
