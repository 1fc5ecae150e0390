//! The direction of imports among the runner's modules: what decides knows nothing of what does, and what tells knows
//! only the words. Once two modules know each other, they are one module in two files.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Source;

/// What each module may import from the others. Change it on purpose, when the design changes. `main` alone may import
/// everything; nobody imports `main` or `cli`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("files", &[]),
    ("descriptors", &[]),
    ("build", &["descriptors", "files"]),
    ("event", &[]),
    ("schedule", &[]),
    ("config", &["files"]),
    ("tty", &[]),
    ("threads", &[]),
    ("errors", &[]),
    ("exit", &["event"]),
    ("masks", &[]),
    ("origin", &["event", "files", "masks"]),
    ("list", &["build", "descriptors", "errors", "files", "threads"]),
    ("filter", &["list", "build"]),
    ("group", &["list", "build", "filter", "config"]),
    ("listing", &["build", "list", "filter", "report"]),
    ("history", &["build", "list", "event", "files"]),
    ("run", &["build", "descriptors", "list", "filter", "group", "history", "schedule", "event", "threads", "tty"]),
    ("beside", &["build", "list", "run"]),
    ("eager", &["beside", "build", "config", "exit", "filter", "group", "history", "list", "places", "run"]),
    ("places", &["files", "filter"]),
    ("notes", &["config", "filter", "group", "list"]),
    ("report", &["errors", "event", "files", "history", "masks", "tty"]),
    // Of each stage the type of its options, which is what the command line is turned into.
    (
        "cli",
        &["build", "list", "filter", "listing", "group", "schedule", "run", "report", "event", "config", "exit", "tty"],
    ),
];

/// The imports of one file under `src` that the table doesn't allow.
pub(super) fn faults(source: &Source) -> Vec<String> {
    let path = &source.path;
    let module = modules(path);
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| name == own) else {
        return vec![format!("{path}: the module {own} has no row in xtask's table of imports")];
    };
    let tokens = match source.text.parse::<TokenStream>() {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut imports = Vec::new();
    find(&tokens.into_iter().collect::<Vec<_>>(), module.len(), &mut imports);
    imports
        .into_iter()
        .filter(|import| import.name != *own && !allowed.contains(&import.name.as_str()))
        .map(|import| format!("{path}:{}: {own} must not import {}", import.line, import.name))
        .collect()
}

/// `src/run/worker.rs` is the module `[run, worker]`, and `src/main.rs` is the root, `[]`.
fn modules(path: &str) -> Vec<&str> {
    let mut modules: Vec<_> = path.trim_start_matches("src/").trim_end_matches(".rs").split('/').collect();
    if modules == ["main"] || modules.last() == Some(&"mod") {
        modules.pop();
    }
    modules
}

/// The name under the crate's root that a path begins with: a module, or `*`.
struct Import {
    name: String,
    line: usize,
}

/// Finds every path from the crate's root, in `use` declarations or in the middle of the code. Comments and strings
/// are no tokens, so the docs may link to where they like. `depth` says how many modules deep these tokens are.
fn find(tokens: &[TokenTree], depth: usize, imports: &mut Vec<Import>) {
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        match token {
            TokenTree::Group(group) => {
                let named = at.checked_sub(2).is_some_and(|at| is_word(&tokens[at], "mod"));
                let inline_module = named && group.delimiter() == Delimiter::Brace;
                let inner: Vec<_> = group.stream().into_iter().collect();
                find(&inner, depth + usize::from(inline_module), imports);
            }
            _ if is_word(token, "crate") && is_path_separator(&tokens[at + 1..]) => {
                follow(&tokens[at + 3..], 0, imports);
            }
            // In `super::super` the first word has already followed the whole path.
            _ if is_word(token, "super") && !before.is_some_and(is_colon) => {
                follow(&tokens[at..], depth, imports);
            }
            _ => {}
        }
    }
}

/// Follows one path, or each branch of `{a, b::c}`, until its first name under the root. `depth` says how many `super`
/// the root is away.
fn follow(path: &[TokenTree], depth: usize, imports: &mut Vec<Import>) {
    match path.first() {
        Some(TokenTree::Group(branches)) => {
            let branches: Vec<_> = branches.stream().into_iter().collect();
            for branch in branches.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
                follow(branch, depth, imports);
            }
        }
        Some(word) if is_word(word, "super") && is_path_separator(&path[1..]) => {
            follow(&path[3..], depth.saturating_sub(1), imports);
        }
        Some(name) if depth == 0 => imports.push(Import { name: name.to_string(), line: name.span().start().line }),
        _ => {}
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(colon) if colon.as_char() == ':')
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, _, ..] if is_colon(first) && is_colon(second))
}

#[cfg(test)]
mod tests {
    use super::{Source, faults};

    fn faults_in(path: &str, text: &str) -> Vec<String> {
        faults(&Source { path: path.into(), text: text.into() })
    }

    #[test]
    fn an_import_against_the_direction_is_a_fault() {
        assert_eq!(
            faults_in("src/report.rs", "\nuse crate::run::Worker;"),
            ["src/report.rs:2: report must not import run"]
        );
    }

    #[test]
    fn a_path_in_the_middle_of_the_code_is_an_import_too() {
        let text = "fn f() { let options = g(crate::cli::Options::new()); }";
        assert_eq!(faults_in("src/list.rs", text), ["src/list.rs:1: list must not import cli"]);
    }

    #[test]
    fn every_branch_of_a_nested_import_counts() {
        let text = "use crate::{build::{self, TestBinary}, event::Event,\n report};";
        assert_eq!(
            faults_in("src/list/terse.rs", text),
            ["src/list/terse.rs:1: list must not import event", "src/list/terse.rs:2: list must not import report"]
        );
    }

    #[test]
    fn going_up_to_the_root_is_no_way_around() {
        let through_parents = "use super::super::{run::slots, build};";
        assert_eq!(faults_in("src/list/terse.rs", through_parents), ["src/list/terse.rs:1: list must not import run"]);
        let from_inline = "mod tests { use super::*; fn f() { super::super::exit::code() } }";
        assert_eq!(faults_in("src/build.rs", from_inline), ["src/build.rs:1: build must not import exit"]);
    }

    #[test]
    fn everything_of_the_root_at_once_is_a_fault() {
        assert_eq!(faults_in("src/filter.rs", "use crate::*;"), ["src/filter.rs:1: filter must not import *"]);
    }

    #[test]
    fn a_module_without_a_row_is_a_fault() {
        let faults = faults_in("src/cache/mod.rs", "");
        assert_eq!(faults, ["src/cache/mod.rs: the module cache has no row in xtask's table of imports"]);
    }

    #[test]
    fn what_the_table_allows_passes() {
        assert!(faults_in("src/run/worker.rs", "use crate::{event::Event, list};\nuse super::slots;").is_empty());
        assert!(faults_in("src/run/os/unix.rs", "use super::super::worker;\nuse crate::run::slots;").is_empty());
        assert!(faults_in("src/main.rs", "use crate::cli;").is_empty());
    }

    #[test]
    fn docs_comments_and_strings_may_name_any_module() {
        let text =
            "//! See [`crate::report`].\n// crate::main\nconst TEXT: &str = \"crate::cli\";\npub(crate) fn f() {}";
        assert!(faults_in("src/event.rs", text).is_empty());
    }
}
