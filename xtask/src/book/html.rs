//! The links of the book as it was built: each leads to a file of it, and to an anchor that this file has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::pages::{attributes, resolve};

/// Files whose links do not lead from where they are: everything on one page, and the page that a server shows for others.
const NOT_CHECKED: [&str; 2] = ["print.html", "404.html"];

pub(super) fn broken_links(book: &Path) -> Result<Vec<String>> {
    let mut files = BTreeMap::new();
    read(book, "", &mut files)?;
    let anchors: BTreeMap<&str, BTreeSet<&str>> =
        files.iter().map(|(path, html)| (path.as_str(), attributes(html, "id").collect())).collect();
    let mut broken = Vec::new();
    for (path, html) in files.iter().filter(|(path, _)| !NOT_CHECKED.contains(&path.as_str())) {
        for link in ["href", "src"].iter().flat_map(|name| attributes(html, name)) {
            if !leads_somewhere(book, &anchors, path, link) {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    Ok(broken)
}

fn read(book: &Path, folder: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(book.join(folder)).with_context(|| format!("listing {}", book.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if book.join(&path).is_dir() {
            read(book, &path, files)?;
        } else if Path::new(&path).extension().is_some_and(|it| it == "html") {
            let html = fs::read_to_string(book.join(&path)).with_context(|| format!("reading {path}"))?;
            files.insert(path, html);
        }
    }
    Ok(())
}

fn leads_somewhere(book: &Path, anchors: &BTreeMap<&str, BTreeSet<&str>>, page: &str, link: &str) -> bool {
    if link.contains(':') {
        return true; // an address, `mailto:` or `data:`
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let Some(path) = resolve(page, target) else { return false };
    let has_anchor = || anchors.get(path.as_str()).is_some_and(|it| it.contains(anchor));
    book.join(&path).is_file() && (anchor.is_empty() || has_anchor())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::broken_links;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let book = tempfile::tempdir().unwrap();
        let page = "<h1 id=\"top\"><a href=\"b.html#here\"></a><a href=\"#top\"></a><a href=\"https://example.org\"></a>\
                    <a href=\"b.html#there\"></a><a href=\"c.html\"></a><img src=\"d.svg\">";
        fs::write(book.path().join("a.html"), page).unwrap();
        fs::write(book.path().join("b.html"), "<h2 id=\"here\">").unwrap();
        let broken = broken_links(book.path()).unwrap();
        assert_eq!(broken, ["a.html: b.html#there", "a.html: c.html", "a.html: d.svg"]);
    }
}
