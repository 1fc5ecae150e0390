//! The pages of this repository that people read on the forge and in the book: their links and the anchors that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A page of Markdown, with its path from the root of the repository, `/` between the parts.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Where a page leads.
pub(crate) struct Link {
    /// As it is written, without the anchor.
    pub(crate) target: String,
    pub(crate) anchor: Option<String>,
    /// Where in the page's text.
    pub(crate) span: Range<usize>,
}

/// The pages in the root folder, below `docs`, and those of the crates.
pub(crate) fn pages(root: &Path) -> Result<Vec<Page>> {
    let mut paths = Vec::new();
    markdown_in(root, "", &mut paths)?;
    markdown_below(root, "docs", &mut paths)?;
    for krate in folders_in(&root.join("crates"))? {
        markdown_in(root, &format!("crates/{krate}/"), &mut paths)?;
    }
    paths.sort();
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        Ok(Page { path, text })
    };
    paths.into_iter().map(read).collect()
}

fn markdown_in(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<()> {
    for name in names_in(&root.join(folder))? {
        if Path::new(&name).extension().is_some_and(|it| it == "md") {
            paths.push(format!("{folder}{name}"));
        }
    }
    Ok(())
}

fn markdown_below(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<()> {
    markdown_in(root, &format!("{folder}/"), paths)?;
    for inner in folders_in(&root.join(folder))? {
        markdown_below(root, &format!("{folder}/{inner}"), paths)?;
    }
    Ok(())
}

fn folders_in(folder: &Path) -> Result<Vec<String>> {
    let names = names_in(folder)?;
    Ok(names.into_iter().filter(|name| folder.join(name).is_dir()).collect())
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

impl Page {
    /// All links and pictures that lead to files of this repository, those in HTML too.
    pub(crate) fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (event, span) in self.events() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.extend(link(&dest_url, span));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    for name in ["href", "src", "srcset"] {
                        let values = attributes(&html, name);
                        links.extend(values.filter_map(|value| link(value, span.clone())));
                    }
                }
                _ => {}
            }
        }
        links
    }

    /// The names by which a link can lead to a place in this page: as forges and mdBook make them of headings.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut uses = BTreeMap::new();
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let count: &mut u32 = uses.entry(slug.clone()).or_default();
                    anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
                    *count += 1;
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    anchors.extend(["id", "name"].iter().flat_map(|name| attributes(&html, name)).map(str::to_owned));
                }
                _ => {}
            }
        }
        anchors
    }

    /// The number of the line at a place of the text.
    pub(crate) fn line(&self, place: usize) -> usize {
        self.text[..place].matches('\n').count() + 1
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).into_offset_iter()
    }
}

/// `None` for what leads out of the repository.
fn link(destination: &str, span: Range<usize>) -> Option<Link> {
    if destination.contains("://") || destination.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) = match destination.split_once('#') {
        Some((target, anchor)) => (target, Some(anchor.to_owned())),
        None => (destination, None),
    };
    Some(Link { target: target.to_owned(), anchor, span })
}

/// The values of an attribute in some HTML, where they are in double quotes.
pub(crate) fn attributes<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = html.match_indices(name).filter(move |(place, _)| {
        html[..*place].ends_with(|before: char| before.is_ascii_whitespace())
            && html[*place + name.len()..].starts_with("=\"")
    });
    starts.filter_map(move |(place, _)| html[place + name.len() + 2..].split('"').next())
}

fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.flat_map(char::to_lowercase).map(|it| if it == ' ' { '-' } else { it }).collect()
}

/// The path from the root of the repository to what a page at `from` links to. `None` if that is outside.
pub(crate) fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{Page, resolve};

    fn page(text: &str) -> Page {
        Page { path: "docs/page.md".into(), text: text.into() }
    }

    #[test]
    fn links_are_found_in_markdown_and_in_html_and_not_in_code() {
        let text = "[a](a.md#x), ![b](b.svg) <img alt=\"\" src=\"c.png\"> [d][d] `[e](e.md)`\n\n```\n[f](f.md)\n```\n\n\
                    <https://example.org> [g](https://example.org)\n\n[d]: d.md\n";
        let links: Vec<_> = page(text).links().into_iter().map(|link| (link.target, link.anchor)).collect();
        let expected = [("a.md", Some("x".to_owned())), ("b.svg", None), ("c.png", None), ("d.md", None)];
        assert_eq!(links, expected.map(|(target, anchor)| (target.to_owned(), anchor)));
    }

    #[test]
    fn headings_have_the_anchors_that_forges_give_them() {
        let anchors = page("# A `--flag`, and more\n## Twice\n## Twice\n<a id=\"own\"></a>\n").anchors();
        assert_eq!(anchors.into_iter().collect::<Vec<_>>(), ["a---flag-and-more", "own", "twice", "twice-1"]);
    }

    #[test]
    fn links_are_relative_to_their_page_and_stay_inside() {
        assert_eq!(resolve("docs/a.md", "b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(resolve("docs/a.md", "../crates/ptest/").as_deref(), Some("crates/ptest"));
        assert_eq!(resolve("docs/a.md", "").as_deref(), Some("docs/a.md"));
        assert_eq!(resolve("README.md", "../b.md"), None);
    }
}
