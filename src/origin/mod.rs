//! Where a run comes from: workspace, commit, command, toolchain. It is for people and for links, and nothing is decided
//! by it; so what can't be found out at once is left out. No process is started for it.

mod git;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use camino::{Utf8Path, Utf8PathBuf};

use crate::event::Origin;
use crate::masks;
use git::Head;

/// The environment as the program found it.
type Env = HashMap<OsString, OsString>;

/// What a forge's CI says in the environment of its jobs.
struct Forge {
    /// The folder of the checkout.
    checkout: Utf8PathBuf,
    commit: String,
    branch: Option<String>,
    /// Where the forge shows files of a commit: this, the commit, a slash and the path.
    blob: String,
}

/// How we were called, by the arguments behind the program's name.
pub fn command(toolchain: Option<&str>, args: &[String]) -> String {
    let args = args.strip_prefix(&["ptest".to_owned()][..]).unwrap_or(args);
    let toolchain = toolchain.map(|toolchain| format!("+{toolchain}"));
    let start = ["cargo".to_owned()].into_iter().chain(toolchain).chain(["ptest".to_owned()]);
    shell_words::join(start.chain(masks::settings(args)))
}

/// The origin of a run in this workspace. `name` is the workspace's, `command` as [`command`] has it.
pub fn of(name: &str, root: &Utf8Path, env: &Env, command: &str) -> Origin {
    let git = git::head(root);
    let forge = Forge::find(env).filter(|forge| root.starts_with(&forge.checkout));
    let head = git.as_ref();
    let commit = head.and_then(|it| it.commit.clone()).or_else(|| forge.as_ref().map(|it| it.commit.clone()));
    Origin {
        workspace: name.to_owned(),
        branch: head.and_then(|it| it.branch.clone()).or_else(|| forge.as_ref()?.branch.clone()),
        sources: forge.as_ref().and_then(|forge| sources(forge, head, root, commit.as_deref()?)),
        commit,
        command: command.to_owned(),
        rustc: None,
        host: None,
    }
}

/// The address under which the forge shows the workspace's files.
fn sources(forge: &Forge, git: Option<&Head>, root: &Utf8Path, commit: &str) -> Option<String> {
    let top = git.map_or(&forge.checkout, |it| &it.top);
    let folder = root.strip_prefix(top).ok()?;
    let slash = if folder.as_str().is_empty() { "" } else { "/" };
    Some(format!("{}{commit}/{folder}{slash}", forge.blob))
}

impl Forge {
    fn find(env: &Env) -> Option<Self> {
        let text = |name: &str| env.get(OsStr::new(name))?.to_str().filter(|it| !it.is_empty()).map(str::to_owned);
        let folder = |name: &str| Utf8PathBuf::from(text(name)?).canonicalize_utf8().ok();
        let github = || {
            Some(Self {
                checkout: folder("GITHUB_WORKSPACE")?,
                commit: text("GITHUB_SHA")?,
                branch: text("GITHUB_HEAD_REF").or_else(|| text("GITHUB_REF_NAME")),
                blob: format!("{}/{}/blob/", text("GITHUB_SERVER_URL")?, text("GITHUB_REPOSITORY")?),
            })
        };
        let gitlab = || {
            Some(Self {
                checkout: folder("CI_PROJECT_DIR")?,
                commit: text("CI_COMMIT_SHA")?,
                branch: text("CI_COMMIT_REF_NAME"),
                blob: format!("{}/-/blob/", text("CI_PROJECT_URL")?),
            })
        };
        let forge = github().or_else(gitlab)?;
        Some(Self { blob: masks::users(&forge.blob), ..forge })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Checkout(tempfile::TempDir);

    impl Checkout {
        /// A repository with a workspace in its folder `crates`.
        fn new() -> Self {
            let checkout = Self(tempfile::tempdir().unwrap());
            fs::create_dir(checkout.top().join("crates")).unwrap();
            checkout
        }

        fn top(&self) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().canonicalize_utf8().unwrap()
        }

        fn origin(&self, env: &[(&str, &str)]) -> Origin {
            let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
            of("demo", &self.top().join("crates"), &env, "cargo ptest")
        }
    }

    fn on_github(top: &Utf8Path) -> [(&str, &str); 5] {
        [
            ("GITHUB_WORKSPACE", top.as_str()),
            ("GITHUB_SERVER_URL", "https://forge.example"),
            ("GITHUB_REPOSITORY", "us/demo"),
            ("GITHUB_SHA", "1234"),
            ("GITHUB_REF_NAME", "main"),
        ]
    }

    #[test]
    fn the_command_is_as_it_was_typed() {
        let words = |args: &[&str]| args.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(command(None, &words(&["ptest", "-p", "demo", "a b"])), "cargo ptest -p demo 'a b'");
        assert_eq!(command(Some("nightly"), &words(&["--config", "a=b"])), "cargo +nightly ptest --config 'a=***'");
    }

    #[test]
    fn a_forge_shows_the_files_of_the_commit() {
        let checkout = Checkout::new();
        let top = checkout.top();
        let origin = checkout.origin(&on_github(&top));
        assert_eq!(origin.sources.as_deref(), Some("https://forge.example/us/demo/blob/1234/crates/"));
        assert_eq!((origin.commit.as_deref(), origin.branch.as_deref()), (Some("1234"), Some("main")));
        let gitlab = [
            ("CI_PROJECT_DIR", top.as_str()),
            ("CI_PROJECT_URL", "https://bot:secret@lab.example/us/demo"),
            ("CI_COMMIT_SHA", "1234"),
        ];
        let origin = checkout.origin(&gitlab);
        assert_eq!(origin.sources.as_deref(), Some("https://***@lab.example/us/demo/-/blob/1234/crates/"));
        assert_eq!(origin.branch, None);
    }

    #[test]
    fn a_workspace_outside_of_the_checkout_is_not_the_forges() {
        let (checkout, other) = (Checkout::new(), Checkout::new());
        let top = other.top();
        let origin = checkout.origin(&on_github(&top));
        assert_eq!((origin.commit, origin.branch, origin.sources), (None, None, None));
    }

    #[test]
    fn what_git_has_checked_out_counts_more_than_what_the_job_was_started_for() {
        let checkout = Checkout::new();
        let top = checkout.top();
        fs::create_dir(top.join(".git")).unwrap();
        fs::write(top.join(".git/HEAD"), "0123456789abcdef0123456789abcdef01234567\n").unwrap();
        let origin = checkout.origin(&on_github(&top));
        let sources = "https://forge.example/us/demo/blob/0123456789abcdef0123456789abcdef01234567/crates/";
        assert_eq!(origin.sources.as_deref(), Some(sources));
    }
}
