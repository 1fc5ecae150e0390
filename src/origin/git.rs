//! What git has checked out, read from its files: to start `git` takes longer than many a test suite, and it may be missing.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use crate::files;

/// No file that says what is checked out is longer, in bytes; the one with all branches and tags is.
const LONGEST: u64 = 4096;

/// The largest list of branches and tags that is read.
const LONGEST_LIST: u64 = 64 * 1024 * 1024;

/// What is checked out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The folder of the checkout.
    pub top: Utf8PathBuf,
    pub branch: Option<String>,
    pub commit: Option<String>,
}

/// What is checked out in the repository that `folder` belongs to.
pub(super) fn head(folder: &Utf8Path) -> Option<Head> {
    let top = folder.ancestors().find(|it| it.join(".git").exists())?;
    let git = git_folder(top)?;
    let head = text(git.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Some(Head { top: top.to_owned(), branch: None, commit: commit(&head) });
    };
    // Where branches are in a table, HEAD names one that cannot be.
    if reference == "refs/heads/.invalid" {
        return None;
    }
    let branch = reference.strip_prefix("refs/heads/").map(str::to_owned);
    Some(Head { top: top.to_owned(), branch, commit: resolve(&git, reference) })
}

/// The folder of a checkout's own files. A further worktree, or a submodule, names it in a file.
fn git_folder(top: &Utf8Path) -> Option<Utf8PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    Some(top.join(text(git)?.strip_prefix("gitdir: ")?))
}

/// The commit that a branch stands for.
fn resolve(git: &Utf8Path, reference: &str) -> Option<String> {
    // Worktrees share the branches of the repository that they were made from.
    let common = text(git.join("commondir")).map_or(git.to_owned(), |common| git.join(common));
    let own = [git, &common].into_iter().find_map(|folder| commit(&text(folder.join(reference))?));
    own.or_else(|| {
        let list = files::read_text(common.join("packed-refs"), LONGEST_LIST).ok()?;
        list.lines().find_map(|line| commit(line.strip_suffix(reference)?.strip_suffix(' ')?))
    })
}

/// A hash, of either kind that git has.
fn commit(text: &str) -> Option<String> {
    let is_hash = [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(files::read_text(path, LONGEST).ok()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef01234567";
    const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef";

    struct Repository(tempfile::TempDir);

    impl Repository {
        fn new(files: &[(&str, &str)]) -> Self {
            let repository = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                let path = repository.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            repository
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        /// Branch and commit, as seen from a folder.
        fn head(&self, folder: &str) -> Option<Known> {
            let top = if folder.starts_with("tree") { "tree" } else { "" };
            let head = head(&self.path().join(folder))?;
            assert_eq!(head.top, self.path().join(top).as_str().trim_end_matches('/'));
            Some((head.branch, head.commit))
        }
    }

    type Known = (Option<String>, Option<String>);

    fn known(branch: Option<&str>, commit: Option<&str>) -> Known {
        (branch.map(str::to_owned), commit.map(str::to_owned))
    }

    #[test]
    fn a_branch_stands_for_the_commit_in_its_file_or_in_the_list() {
        let list = format!("# pack-refs with: peeled\n{OTHER} refs/heads/a/main\n{ONE} refs/heads/main\n^{OTHER}\n");
        let repository = Repository::new(&[
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/packed-refs", &list),
            ("crates/demo/Cargo.toml", ""),
        ]);
        assert_eq!(repository.head("crates/demo"), Some(known(Some("main"), Some(ONE))));
        fs::create_dir_all(repository.path().join(".git/refs/heads")).unwrap();
        fs::write(repository.path().join(".git/refs/heads/main"), format!("{OTHER}\n")).unwrap();
        assert_eq!(repository.head(""), Some(known(Some("main"), Some(OTHER))));
    }

    #[test]
    fn without_a_branch_there_is_a_commit_and_before_the_first_commit_a_branch() {
        let detached = Repository::new(&[(".git/HEAD", &format!("{ONE}\n"))]);
        assert_eq!(detached.head(""), Some(known(None, Some(ONE))));
        let unborn = Repository::new(&[(".git/HEAD", "ref: refs/heads/first\n")]);
        assert_eq!(unborn.head(""), Some(known(Some("first"), None)));
    }

    #[test]
    fn a_worktree_has_its_own_head_and_the_branches_of_all() {
        let repository = Repository::new(&[
            ("main/.git/HEAD", "ref: refs/heads/main\n"),
            ("main/.git/refs/heads/side", ONE),
            ("main/.git/worktrees/tree/HEAD", "ref: refs/heads/side\n"),
            ("main/.git/worktrees/tree/commondir", "../..\n"),
            ("tree/.git", "gitdir: ../main/.git/worktrees/tree\n"),
            ("tree/src/lib.rs", ""),
        ]);
        assert_eq!(repository.head("tree/src"), Some(known(Some("side"), Some(ONE))));
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        let table = Repository::new(&[(".git/HEAD", "ref: refs/heads/.invalid\n")]);
        assert_eq!(table.head(""), None);
        let odd = Repository::new(&[(".git/HEAD", "hello\n")]);
        assert_eq!(odd.head(""), Some(known(None, None)));
        let lost = Repository::new(&[(".git", "gitdir: nowhere\n")]);
        assert_eq!(lost.head(""), None);
    }
}
