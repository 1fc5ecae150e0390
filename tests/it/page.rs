//! `docs/databases.md`, done as it says, from the empty crate to the last test: only the dependencies are those of this
//! repository, in the versions that it has tried.

use std::fs;
use std::path::Path;

use crate::databases::has_server;
use crate::tool::{clean, skipped, target};
use crate::workspace::Workspace;

#[test]
fn the_page_about_databases_is_true_to_the_letter() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(repository.join("docs/databases.md")).unwrap();
    let (sqlite, rest) = between(&page, "## From an empty crate", "## PostgreSQL");
    let (postgres, _) = between(rest, "## PostgreSQL", "## Other drivers");

    let (begin, mend) = sqlite.split_once("The shop sells more books than it has").expect("what goes wrong is told");
    let [library, tests @ ..] = &blocks(begin, "rust")[..] else { panic!("the page has no code") };
    let shop = Workspace::of_package(&manifest(repository))
        .file("Cargo.lock", &fs::read_to_string(repository.join("Cargo.lock")).unwrap())
        .file("src/lib.rs", library)
        .file("tests/stock.rs", &tests.join("\n"));
    let said = test(&shop, "stock", false);
    assert!(said.contains("---- no_book_is_sold_twice stdout ----"), "{said}");
    assert!(said.contains("assertion `left == right` failed"), "{said}");
    assert!(said.contains("2 passed; 1 failed"), "{said}");

    let mended = &blocks(mend, "rust")[0];
    let old = &library[library.find("/// Takes one out of stock").expect("the function is documented")..];
    let shop = shop.file("src/lib.rs", &library.replace(old, mended));
    assert!(test(&shop, "stock", true).contains("3 passed"));

    if !has_server() {
        return skipped("the page on databases, where it is about PostgreSQL: there is no PostgreSQL");
    }
    let shop =
        shop.file("schema.sql", &blocks(postgres, "sql")[0]).file("tests/postgres.rs", &blocks(postgres, "rust")[0]);
    assert!(test(&shop, "postgres", true).contains("2 passed"));
}

/// What `cargo new` and `cargo add` have written, but for the places and, with the lock file, the versions.
fn manifest(repository: &Path) -> String {
    let crates = repository.join("crates").display().to_string();
    format!(
        "[lib]\nname = \"shop\"\n[dependencies]\nrusqlite = {{ version = \"0.32\", features = [\"bundled\"] }}\n\
         [dev-dependencies]\npostgres = \"0.19\"\nptest = {{ path = \"{crates}/ptest\" }}\n\
         ptest-db = {{ path = \"{crates}/ptest-db\", features = [\"postgres\", \"sqlite\"] }}\n\
         [profile.dev]\ndebug = false\n"
    )
}

/// What stands between two headings, and what comes behind the first.
fn between<'a>(text: &'a str, from: &str, to: &str) -> (&'a str, &'a str) {
    let from = text.find(&format!("\n{from}\n")).expect("the heading is there");
    let to = text.find(&format!("\n{to}\n")).expect("the heading is there");
    (&text[from..to], &text[to..])
}

/// The blocks of code in a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("\n```") {
        let (info, code) = rest[begin + 4..].split_once('\n').expect("a block has lines");
        let end = code.find("```\n").expect("a block has an end");
        if info == language {
            blocks.push(code[..end].to_owned());
        }
        rest = &code[end + 3..];
    }
    blocks
}

/// Runs `cargo test` on one of the files; gives what it said.
fn test(shop: &Workspace, file: &str, passes: bool) -> String {
    // What it depends on is built once, and with that of the fixtures.
    let mut command = clean("cargo");
    command.current_dir(shop.path()).args(["test", "--test", file]).env("CARGO_TARGET_DIR", target());
    let output = command.output().unwrap();
    let [out, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.success(), passes, "{out}{errors}");
    out
}
