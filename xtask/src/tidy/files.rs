//! What holds for each file of Rust by itself: a name that says something, an opening that says why the file is there,
//! and nothing left for later.

use proc_macro2::{TokenStream, TokenTree};

use super::Source;

/// Names under which anything can be put, so that everything is.
const NAMELESS: &[&str] = &["common", "helper", "helpers", "imp", "misc", "util", "utils"];

/// Macros that stand for code still to be written, or for a look at it that is over.
const UNFINISHED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Words that promise work in a comment, where nobody finds it again. (Written in two halves, because this file is
/// checked as well.)
const UNFINISHED_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn faults(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    for part in path.trim_end_matches(".rs").split('/') {
        let counted = part.rsplit_once("_part").is_some_and(|(_, number)| number.parse::<u32>().is_ok());
        if counted || NAMELESS.contains(&part) {
            faults.push(format!("{path}: `{part}` says nothing about what is in it; look for the missing noun"));
        }
    }
    if !source.text.starts_with("//!") {
        faults.push(format!("{path}:1: opens without a `//!` line that says what the file does and why"));
    }
    for (line, text) in (1..).zip(source.text.lines()) {
        for word in UNFINISHED_WORDS.iter().filter(|word| contains_word(text, word)) {
            faults.push(format!("{path}:{line}: {word}: do it, or file an issue"));
        }
    }
    match source.text.parse::<TokenStream>() {
        Ok(tokens) => unfinished(tokens, path, &mut faults),
        Err(error) => faults.push(format!("{path}: {error}")),
    }
    faults
}

fn contains_word(text: &str, word: &str) -> bool {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').any(|part| part == word)
}

/// Macros are looked for among tokens, so that comments and strings may name them.
fn unfinished(tokens: TokenStream, path: &str, faults: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => unfinished(group.stream(), path, faults),
            TokenTree::Ident(name) if UNFINISHED_MACROS.iter().any(|unfinished| name == unfinished) => {
                if matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
                    let line = name.span().start().line;
                    faults.push(format!("{path}:{line}: `{name}!` must not stay"));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, UNFINISHED_WORDS, faults};

    fn faults_in(path: &str, text: &str) -> Vec<String> {
        faults(&Source { path: path.into(), text: text.into() })
    }

    #[test]
    fn a_file_named_for_nothing_is_a_fault() {
        for path in
            ["src/utils.rs", "src/run/helpers.rs", "tests/common/mod.rs", "src/run/imp/pipe.rs", "src/loop_part2.rs"]
        {
            assert_eq!(faults_in(path, "//! Why.").len(), 1, "{path}");
        }
    }

    #[test]
    fn a_file_that_opens_with_code_is_a_fault() {
        let faults = faults_in("src/exit.rs", "use std::fmt;\n//! Too late.");
        assert!(faults[0].starts_with("src/exit.rs:1: opens without"), "{faults:?}");
    }

    #[test]
    fn what_is_left_for_later_is_a_fault() {
        for word in UNFINISHED_WORDS {
            let faults = faults_in("src/exit.rs", &format!("//! Why.\n// {word}: the rest"));
            assert_eq!(faults, [format!("src/exit.rs:2: {word}: do it, or file an issue")]);
        }
        for name in ["todo", "unimplemented", "dbg"] {
            let faults = faults_in("src/exit.rs", &format!("//! Why.\nfn f() {{\n    {name}!()\n}}"));
            assert_eq!(faults, [format!("src/exit.rs:3: `{name}!` must not stay")]);
        }
    }

    #[test]
    fn a_word_that_only_contains_another_is_none() {
        let text = format!("//! Why: {}LIST.\nfn todo() {{ println!(\"todo!\") }}", UNFINISHED_WORDS[0]);
        assert!(faults_in("src/common_names.rs", &text).is_empty());
    }
}
