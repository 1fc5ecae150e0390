//! What mdBook reads: copies of the pages, whose links stay within the book.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

use crate::pages::{Link, Page, pages, resolve};

/// Writes the source of the book to a folder of its own.
pub(super) fn write(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    copy(&root.join("docs"), folder)?;
    for page in pages(root)? {
        if let Some(place) = in_book(&page.path) {
            let file = folder.join(&place);
            fs::write(&file, rewritten(root, &page, &place)).with_context(|| format!("writing {}", file.display()))?;
        }
    }
    Ok(())
}

/// Everything in `docs`, pictures and mdBook's configuration among it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let path = entry?.path();
        let copied = to.join(path.file_name().context("a file has a name")?);
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, &copied).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}

/// Where something of the repository is in the book, if it is in it.
fn in_book(path: &str) -> Option<String> {
    path.strip_prefix("docs/").map(str::to_owned)
}

/// A part of a text and what takes its place.
type Edit = (Range<usize>, String);

/// A page's text for its place in the book.
fn rewritten(root: &Path, page: &Page, place: &str) -> String {
    let links = page.links();
    let mut edits: Vec<Edit> = links.iter().flat_map(|link| edits(root, page, place, link)).collect();
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = page.text.clone();
    for (range, new) in edits {
        text.replace_range(range, &new);
    }
    text
}

/// What changes in a link: its target or, if the book does not have that, all but its text.
fn edits(root: &Path, page: &Page, place: &str, link: &Link) -> Vec<Edit> {
    let written = &page.text[link.span.clone()];
    let within = |range: Range<usize>| range.start + link.span.start..range.end + link.span.start;
    let Some(start) = written.rfind(&link.target).filter(|_| !link.target.is_empty()) else { return Vec::new() };
    let target = resolve(&page.path, &link.target).filter(|path| root.join(path).is_file());
    match target.as_deref().and_then(in_book) {
        Some(target) => vec![(within(start..start + link.target.len()), relative(place, &target))],
        None if written.starts_with('[') => {
            let end = written.rfind("](").unwrap_or(written.len());
            vec![(within(0..1), String::new()), (within(end..written.len()), String::new())]
        }
        None => Vec::new(),
    }
}

/// The way from a page of the book to another file of it.
fn relative(from: &str, to: &str) -> String {
    "../".repeat(from.matches('/').count()) + to
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::rewritten;
    use crate::pages::Page;

    fn rewrite(path: &str, place: &str, text: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        for file in ["README.md", "docs/a.md", "docs/a.svg", "docs/deep/b.md", "crates/c/lib.rs"] {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        rewritten(root.path(), &Page { path: path.into(), text: text.into() }, place)
    }

    #[test]
    fn links_lead_to_the_same_page_in_the_book() {
        let text = "[a.md](a.md#x) [![p](a.svg)](../docs/a.md)\n<img src=\"../docs/a.svg\">";
        let book = "[a.md](a.md#x) [![p](a.svg)](a.md)\n<img src=\"a.svg\">";
        assert_eq!(rewrite("docs/a.md", "a.md", text), book);
        assert_eq!(rewrite("docs/deep/b.md", "deep/b.md", "[a](../a.md)"), "[a](../a.md)");
    }

    #[test]
    fn what_is_not_in_the_book_is_no_link_there() {
        assert_eq!(rewrite("docs/a.md", "a.md", "see [`c`](../crates/c) and [it](../README.md)."), "see `c` and it.");
    }
}
