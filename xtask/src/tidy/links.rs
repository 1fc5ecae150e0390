//! Links of the pages: each leads to a file that is there, and to an anchor that this file has; the table of contents of
//! the book names every page of `docs`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::pages::{Link, Page, pages, resolve};

const CONTENTS: &str = "docs/SUMMARY.md";

pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let pages = pages(root)?;
    let mut faults = Vec::new();
    for page in &pages {
        for link in page.links() {
            let fault = fault(root, &pages, page, &link);
            faults.extend(fault.map(|what| format!("{}:{}: {what}", page.path, page.line(link.span.start))));
        }
    }
    faults.extend(unlisted(&pages));
    Ok(faults)
}

fn fault(root: &Path, pages: &[Page], page: &Page, link: &Link) -> Option<String> {
    let Some(path) = resolve(&page.path, &link.target) else {
        return Some(format!("`{}` leads out of the repository", link.target));
    };
    if !root.join(&path).exists() {
        return Some(format!("`{}` does not exist", link.target));
    }
    let anchor = link.anchor.as_ref()?;
    let has_it = pages.iter().find(|it| it.path == path)?.anchors().contains(anchor);
    (!has_it).then(|| format!("{path} has no heading for `#{anchor}`"))
}

/// Pages that the table of contents does not name.
fn unlisted(pages: &[Page]) -> Vec<String> {
    let Some(contents) = pages.iter().find(|page| page.path == CONTENTS) else {
        return vec![format!("{CONTENTS}: is missing: the table of contents of the book")];
    };
    let listed: BTreeSet<String> = contents.links().iter().filter_map(|link| resolve(CONTENTS, &link.target)).collect();
    let of_the_book = pages.iter().filter(|page| page.path.starts_with("docs/") && page.path != CONTENTS);
    let missing = of_the_book.filter(|page| !listed.contains(&page.path));
    missing.map(|page| format!("{CONTENTS}: does not name {}", page.path)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::faults;

    fn faults_of(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        faults(root.path()).unwrap()
    }

    #[test]
    fn links_that_lead_somewhere_are_no_fault() {
        let files = [
            ("README.md", "# Here\n[a](docs/a.md), [b](docs/a.md#two-words), [c](#here), [d](docs/), [e](docs/p.svg)"),
            ("docs/SUMMARY.md", "- [A](a.md)"),
            ("docs/a.md", "## Two words\n[up](../README.md)"),
            ("docs/p.svg", "<svg/>"),
        ];
        assert_eq!(faults_of(&files), [""; 0]);
    }

    #[test]
    fn each_link_that_leads_nowhere_is_a_fault_with_its_line() {
        let files = [
            ("README.md", "# Here\n\n[a](docs/b.md)\n[b](docs/a.md#three)\n[c](#there)\n[d](../other.md)"),
            ("docs/SUMMARY.md", "- [A](a.md)"),
            ("docs/a.md", "## Two"),
        ];
        let expected = [
            "README.md:3: `docs/b.md` does not exist",
            "README.md:4: docs/a.md has no heading for `#three`",
            "README.md:5: README.md has no heading for `#there`",
            "README.md:6: `../other.md` leads out of the repository",
        ];
        assert_eq!(faults_of(&files), expected);
    }

    #[test]
    fn a_page_that_the_table_of_contents_does_not_name_is_a_fault() {
        let files = [("docs/SUMMARY.md", "- [A](a.md)"), ("docs/a.md", ""), ("docs/b.md", "")];
        assert_eq!(faults_of(&files), ["docs/SUMMARY.md: does not name docs/b.md"]);
        assert_eq!(faults_of(&[("docs/a.md", "")]), ["docs/SUMMARY.md: is missing: the table of contents of the book"]);
    }
}
