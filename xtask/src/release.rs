//! Fills in what only the owner of the repository can name: its URL, the home page and the authors.
//!
//! Until that is done, manifests have no such fields, the changelog has no links, and pages have [`PLACEHOLDER`] where they
//! name the repository. The command can be repeated: a field, and each link, is replaced by the new value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::cargo;

/// How pages name the repository as long as it has no URL: `cargo install --git URL`.
const PLACEHOLDER: &str = "--git URL";

/// The line of the published packages' manifests after which the new ones are put; `cargo xtask tidy` checks that it is there.
const LICENCE: &str = "license.workspace = true";

#[derive(Args)]
pub(crate) struct Options {
    /// The URL of the repository, `https://...`
    #[arg(long, value_name = "URL", value_parser = url)]
    repository: String,
    /// The home page, if there is one besides the repository
    #[arg(long, value_name = "URL", value_parser = url)]
    homepage: Option<String>,
    /// An author, `Name` or `Name <address>`; may be repeated
    #[arg(long = "author", value_name = "NAME", value_parser = author)]
    authors: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    for path in fill(cargo::repository(), options)? {
        println!("release: {}", path.display());
    }
    Ok(())
}

fn url(text: &str) -> Result<String> {
    let rest = text.strip_prefix("https://").context("an address begins with https://")?;
    ensure!(!rest.is_empty() && !rest.contains(['"', '\\', ' ']), "this is no address");
    Ok(text.trim_end_matches(['/']).trim_end_matches(".git").to_owned())
}

fn author(text: &str) -> Result<String> {
    ensure!(
        !text.is_empty() && !text.contains(['"', '\\', '\n']),
        "a name has neither quotation marks nor line breaks"
    );
    Ok(text.to_owned())
}

/// Fills everything in below a root, and returns what has changed.
fn fill(root: &Path, options: &Options) -> Result<Vec<PathBuf>> {
    let fields = options.fields();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let packages = cargo::metadata(root)?.packages;
    let published: Vec<_> = packages.iter().filter(|package| package.publish.is_none()).collect();
    let former = published.iter().find_map(|package| package.repository.as_deref());

    let mut changed = Vec::new();
    let mut change = |path: PathBuf, edit: &dyn Fn(&str) -> Result<String>| {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let new = edit(&text).with_context(|| format!("changing {}", path.display()))?;
        if new != text {
            fs::write(&path, new).with_context(|| format!("writing {}", path.display()))?;
            changed.push(path);
        }
        anyhow::Ok(())
    };
    change(root.join("Cargo.toml"), &|text| define(text, &fields))?;
    for package in &published {
        change(package.manifest_path.clone().into(), &|text| inherit(text, &names))?;
    }
    for page in pages(root)? {
        change(page, &|text| Ok(link(text, former, &options.repository)))?;
    }
    change(root.join("docs/book.toml"), &|text| link_book(text, &options.repository))?;
    change(root.join("CHANGELOG.md"), &|text| Ok(link_releases(text, &options.repository)))?;
    changed.sort();
    changed.dedup();
    Ok(changed)
}

impl Options {
    /// The fields of `[workspace.package]`, with their values as TOML.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let quote = |text: &String| format!("\"{text}\"");
        let mut fields = Vec::new();
        if !self.authors.is_empty() {
            fields.push(("authors", format!("[{}]", self.authors.iter().map(quote).collect::<Vec<_>>().join(", "))));
        }
        fields.extend(self.homepage.iter().map(|homepage| ("homepage", quote(homepage))));
        fields.push(("repository", quote(&self.repository)));
        fields
    }
}

/// Gives `[workspace.package]` these fields, in place of those that it has.
fn define(manifest: &str, fields: &[(&str, String)]) -> Result<String> {
    let header = "[workspace.package]\n";
    let start = manifest.find(header).context("there is no [workspace.package]")? + header.len();
    let end = manifest[start..].find("\n[").map_or(manifest.len(), |length| start + length);
    let section = manifest[start..end].trim_end();
    let is_new = |line: &&str| !fields.iter().any(|(name, _)| line.starts_with(&format!("{name} = ")));
    let kept = section.lines().filter(is_new).map(str::to_owned);
    let lines: Vec<String> = kept.chain(fields.iter().map(|(name, value)| format!("{name} = {value}"))).collect();
    Ok(format!("{}{}\n{}", &manifest[..start], lines.join("\n"), &manifest[end..]))
}

/// Lets a package inherit these fields.
fn inherit(manifest: &str, names: &[&str]) -> Result<String> {
    let has = |line: &str| manifest.lines().any(|found| found == line);
    if !has(LICENCE) {
        bail!("there is no line `{LICENCE}`");
    }
    let missing = names.iter().map(|name| format!("{name}.workspace = true")).filter(|line| !has(line));
    let lines: Vec<String> = [LICENCE.to_owned()].into_iter().chain(missing).collect();
    Ok(manifest.replacen(LICENCE, &lines.join("\n"), 1))
}

/// The texts in which links may be; fixtures have none.
fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--", "*.md", "*.yml", "*.toml", ":!fixtures"]).current_dir(root);
    let output = git.output().context("running git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).context("the name of a file is not UTF-8")?;
    Ok(list.split_terminator('\0').map(|path| root.join(path)).filter(|path| path.exists()).collect())
}

/// Replaces the placeholder, and the URL of an earlier call.
fn link(text: &str, former: Option<&str>, url: &str) -> String {
    let text = text.replace(PLACEHOLDER, &format!("--git {url}"));
    match former {
        Some(former) if former != url => text.replace(former, url),
        _ => text,
    }
}

/// Has each page of the book link to the repository.
fn link_book(settings: &str, url: &str) -> Result<String> {
    let (header, key) = ("[output.html]\n", "git-repository-url = ");
    ensure!(settings.contains(header), "there is no [output.html]");
    let kept: String = settings.split_inclusive('\n').filter(|line| !line.starts_with(key)).collect();
    Ok(kept.replacen(header, &format!("{header}{key}\"{url}\"\n"), 1))
}

/// Ends the changelog with a link for each version that has a heading, `## [0.1.0] - 2026-12-31`.
fn link_releases(changelog: &str, url: &str) -> String {
    let versions: Vec<&str> = changelog.lines().filter_map(version_of_heading).collect();
    let is_link = |line: &&str| versions.iter().any(|version| line.starts_with(&format!("[{version}]: ")));
    let text: Vec<&str> = changelog.lines().filter(|line| !is_link(line)).collect();
    let links: Vec<String> = versions
        .iter()
        .zip(versions.iter().skip(1).map(Some).chain([None]))
        .map(|(version, former)| format!("[{version}]: {url}/{}", changes(version, former.copied())))
        .collect();
    format!("{}\n\n{}\n", text.join("\n").trim_end(), links.join("\n"))
}

fn version_of_heading(line: &str) -> Option<&str> {
    line.strip_prefix("## [")?.split_once(']').map(|(version, _)| version)
}

/// Where a forge shows what came with a version.
fn changes(version: &str, former: Option<&str>) -> String {
    match (version, former) {
        ("Unreleased", Some(former)) => format!("compare/v{former}...HEAD"),
        ("Unreleased", None) => "commits".to_owned(),
        (version, _) => format!("releases/tag/v{version}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::{Options, PLACEHOLDER, author, define, fill, inherit, link_releases, pages, url};
    use crate::cargo;

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A repository with this one's files, as they are in the work tree.
    fn copy() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in git(cargo::repository(), &["ls-files", "-z"]).split_terminator('\0') {
            let (from, to) = (cargo::repository().join(path), root.path().join(path));
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(from, to).unwrap();
            }
        }
        git(root.path(), &["init", "--quiet"]);
        git(root.path(), &["add", "--all"]);
        root
    }

    fn named(repository: &str) -> Options {
        Options {
            repository: repository.to_owned(),
            homepage: Some("https://example.com".to_owned()),
            authors: vec!["Ann <ann@example.com>".to_owned(), "Bob".to_owned()],
        }
    }

    #[test]
    fn every_place_of_a_copy_is_filled_in_again_and_again() {
        let root = copy();
        // Once with what is in the repository today, once with what was written the first time.
        for repository in ["https://example.com/first", "https://example.com/second"] {
            fill(root.path(), &named(repository)).unwrap();
            for package in cargo::metadata(root.path()).unwrap().packages {
                let published = package.publish.is_none();
                assert_eq!(package.repository.as_deref(), published.then_some(repository), "{}", package.name);
                assert_eq!(package.homepage.as_deref(), published.then_some("https://example.com"), "{}", package.name);
                let authors = if published { vec!["Ann <ann@example.com>", "Bob"] } else { vec![] };
                assert_eq!(package.authors, authors, "{}", package.name);
            }
            let other =
                ["https://example.com/first", "https://example.com/second"].into_iter().find(|it| *it != repository);
            for page in pages(root.path()).unwrap() {
                let text = fs::read_to_string(&page).unwrap();
                assert!(!text.contains(PLACEHOLDER), "{}", page.display());
                assert!(!text.contains(other.unwrap()), "{}", page.display());
            }
            let install = fs::read_to_string(root.path().join("docs/install.md")).unwrap();
            assert!(install.contains(&format!("--git {repository} ptest-runner")), "{install}");
            let book = fs::read_to_string(root.path().join("docs/book.toml")).unwrap();
            assert_eq!(book.matches(&format!("\ngit-repository-url = \"{repository}\"\n")).count(), 1, "{book}");
            let changelog = fs::read_to_string(root.path().join("CHANGELOG.md")).unwrap();
            assert!(changelog.contains(&format!("\n[Unreleased]: {repository}/compare/v")), "{changelog}");
            assert_eq!(fill(root.path(), &named(repository)).unwrap(), [""; 0].map(std::path::PathBuf::from));
        }
    }

    #[test]
    fn nothing_of_it_is_in_the_repository_that_nobody_has_named() {
        let named = cargo::published().unwrap().into_iter().any(|package| package.repository.is_some());
        let changelog = fs::read_to_string(cargo::repository().join("CHANGELOG.md")).unwrap();
        assert_eq!(changelog.contains("\n[Unreleased]: "), named);
    }

    #[test]
    fn what_is_there_is_replaced_and_the_rest_stays() {
        let manifest =
            "[workspace]\n\n[workspace.package]\nversion = \"1.0.0\"\nrepository = \"old\"\n\n[lints]\na = 1\n";
        let filled = define(manifest, &[("repository", "\"new\"".to_owned())]).unwrap();
        assert_eq!(filled, manifest.replace("old", "new"));
        assert!(define("[package]\n", &[]).is_err());

        let manifest = "[package]\nlicense.workspace = true\nreadme = \"README.md\"\n";
        let filled = inherit(manifest, &["authors", "repository"]).unwrap();
        let expected = "[package]\nlicense.workspace = true\nauthors.workspace = true\nrepository.workspace = true\n\
                        readme = \"README.md\"\n";
        assert_eq!(filled, expected);
        assert_eq!(inherit(expected, &["authors", "repository"]).unwrap(), expected);
        assert!(inherit("[package]\n", &[]).is_err());
    }

    #[test]
    fn each_version_of_the_changelog_has_a_link() {
        let text =
            "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-31\n\n- x\n\n## [0.1.0] - 2026-12-01\n\n- y\n";
        let links = "\n[Unreleased]: https://a/compare/v0.2.0...HEAD\n[0.2.0]: https://a/releases/tag/v0.2.0\n\
                     [0.1.0]: https://a/releases/tag/v0.1.0\n";
        assert_eq!(link_releases(text, "https://a"), format!("{text}{links}"));
        assert_eq!(link_releases(&link_releases(text, "https://b"), "https://a"), format!("{text}{links}"));
    }

    #[test]
    fn an_address_and_a_name_fit_into_a_manifest() {
        assert_eq!(url("https://example.com/a/b.git").unwrap(), "https://example.com/a/b");
        assert_eq!(url("https://example.com/a/").unwrap(), "https://example.com/a");
        assert!(url("git@example.com:a/b").is_err() && url("https://").is_err() && url("https://a\"b").is_err());
        assert!(author("").is_err() && author("A \"B\" C").is_err() && author("A <a@example.com>").is_ok());
    }
}
