//! How rustdoc is told which doctests to run. Pure.
//!
//! It takes filters as every harness does, but cuts its arguments at spaces, and the names of doctests have spaces. So no
//! whole name can be given, only words of names: those of the wanted ones that few others have, and, to be skipped,
//! those of the others that no wanted one has. What cannot be kept out runs, too, and is not told of.

use std::collections::HashMap;
use std::sync::Arc;

/// What rustdoc is told, and what it runs then besides what was wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Pick {
    pub words: Vec<String>,
    pub others: Vec<Arc<str>>,
}

/// Picks the wanted ones of all doctests of a library. Without filters everything runs, so there is at least one filter,
/// unless everything is wanted.
pub(super) fn pick(all: &[Arc<str>], wanted: impl Fn(&str) -> bool) -> Pick {
    let (wanted, unwanted): (Vec<&Arc<str>>, Vec<&Arc<str>>) = all.iter().partition(|name| wanted(name));
    if unwanted.is_empty() {
        return Pick { words: Vec::new(), others: Vec::new() };
    }
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut hits = |word| *known.entry(word).or_insert_with(|| unwanted.iter().filter(|it| it.contains(word)).count());
    let mut filters: Vec<&str> = wanted.iter().filter_map(|name| words(name).min_by_key(|word| hits(word))).collect();
    filters.sort_unstable();
    filters.dedup();
    let matched = unwanted.into_iter().filter(|name| filters.iter().any(|filter| name.contains(filter)));
    let mut skipped: Vec<&str> = Vec::new();
    let mut others = Vec::new();
    for name in matched {
        match words(name).find(|word| !wanted.iter().any(|it| it.contains(word))) {
            Some(word) => skipped.push(word),
            None => others.push(name.clone()),
        }
    }
    skipped.sort_unstable();
    skipped.dedup();
    others.retain(|name| !skipped.iter().any(|skipped| name.contains(skipped)));
    let skips = skipped.iter().flat_map(|word| ["--skip", word]);
    Pick { words: filters.iter().copied().chain(skips).map(str::to_owned).collect(), others }
}

/// The words of a name that can be given: one that begins with `-` would be an option, and one with `@` a file of
/// arguments. The last one, with the line in it, tells the most.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split_whitespace().rev().filter(|word| !word.starts_with(['-', '@']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn a_line_is_enough_where_it_is_one_of_a_kind() {
        let all = names(&["src/lib.rs - f (line 7)", "src/lib.rs - f (line 17)", "src/lib.rs - f (line 20)"]);
        let picked = pick(&all, |name| name.contains("20"));
        assert_eq!(picked, Pick { words: vec!["20)".to_owned()], others: Vec::new() });
        let picked = pick(&all, |name| name.contains(" 7)"));
        assert_eq!((picked.words.join(" "), picked.others.len()), ("7) --skip 17)".to_owned(), 0));
        assert_eq!(pick(&all, |_| true).words.len(), 0);
    }

    #[test]
    fn what_cannot_be_kept_out_is_known() {
        let all = names(&[
            "src/a.rs - f (line 7)",
            "src/b.rs - f (line 7)",
            "src/b.rs - g (line 9)",
            "src/a.rs - g (line 9)",
        ]);
        let picked = pick(&all, |name| ["src/a.rs - f (line 7)", "src/b.rs - g (line 9)"].contains(&name));
        assert_eq!(picked.others.len(), 2, "{picked:?}");
    }

    #[test]
    fn words_that_rustdoc_would_take_for_something_else_are_not_given() {
        assert_eq!(words("src/a @b.rs - c --d @e (line 7)").collect::<Vec<_>>(), ["7)", "(line", "c", "src/a"]);
    }

    proptest! {
        /// What a harness makes of the words are the wanted ones and the others, and nothing else.
        #[test]
        fn exactly_what_is_told_would_run(
            names in prop::collection::btree_set("src/[ab] - [fg]{1,2} \\(line 1?[12]\\)", 1..12),
            chosen in prop::collection::vec(any::<bool>(), 12),
        ) {
            let all: Vec<Arc<str>> = names.iter().map(|name| Arc::from(name.as_str())).collect();
            let wanted = |name: &str| all.iter().zip(&chosen).any(|(it, chosen)| &**it == name && *chosen);
            prop_assume!(all.iter().any(|name| wanted(name)));
            let Pick { words, others } = pick(&all, wanted);
            let mut words = words.iter();
            let (mut filters, mut skips) = (Vec::new(), Vec::new());
            while let Some(word) = words.next() {
                prop_assert!(!word.contains(' '));
                if word == "--skip" { skips.extend(words.next()) } else { filters.push(word) }
            }
            for name in &all {
                let named = filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
                let runs = named && !skips.iter().any(|skip| name.contains(skip.as_str()));
                prop_assert_eq!(runs, wanted(name) || others.contains(name), "{}", name);
            }
        }
    }
}
