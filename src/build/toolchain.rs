//! Which program `rustc` stands for.
//!
//! What is found by that name may be rustup's proxy, which takes longer to find the toolchain than rustc to answer, and of
//! which nothing can be remembered, since it stands for another rustc in another folder. Where rustup has started us, it has
//! said which toolchain that is. Cargo goes by the same rule (`rustup` in its `util/context`).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The environment as the program found it.
type Env = HashMap<OsString, OsString>;

/// The program that a bare name stands for. `None` if it is no bare name, or cannot be known.
pub(super) fn resolve(program: &Path, env: &Env) -> Option<PathBuf> {
    if program.components().count() != 1 || program.is_absolute() {
        return None;
    }
    let found = find(program, env)?;
    if !is_proxy(&found) {
        return Some(found);
    }
    let toolchain = Path::new(env.get(OsStr::new("RUSTUP_TOOLCHAIN"))?);
    // A toolchain may be named by its path, which replaces all that stands before it.
    let own = rustup_home(env)?.join("toolchains").join(toolchain).join("bin").join(found.file_name()?);
    own.is_file().then_some(own)
}

fn find(program: &Path, env: &Env) -> Option<PathBuf> {
    let name = format!("{}{}", program.display(), std::env::consts::EXE_SUFFIX);
    let folders = std::env::split_paths(env.get(OsStr::new("PATH"))?);
    folders.map(|folder| folder.join(&name)).find(|path| path.is_absolute() && path.is_file())
}

/// rustup's proxies are links to rustup itself, of either kind, and lie beside it.
fn is_proxy(program: &Path) -> bool {
    let rustup = program.with_file_name(format!("rustup{}", std::env::consts::EXE_SUFFIX));
    let size = |path: &Path| path.metadata().ok().map(|it| it.len());
    size(&rustup).is_some_and(|rustup| size(program) == Some(rustup))
}

fn rustup_home(env: &Env) -> Option<PathBuf> {
    let set = |name: &str| env.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("RUSTUP_HOME").or_else(|| Some(set("HOME").or_else(std::env::home_dir)?.join(".rustup")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with programs, each of which has its name's text unless it is said otherwise.
    fn folder(programs: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in programs {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn resolved(program: &str, folder: &tempfile::TempDir, toolchain: Option<&str>) -> Option<String> {
        let root = folder.path();
        let mut env: Env =
            [("PATH".into(), root.join("bin").into()), ("RUSTUP_HOME".into(), root.join("home").into())].into();
        env.extend(toolchain.map(|toolchain| ("RUSTUP_TOOLCHAIN".into(), toolchain.into())));
        let found = resolve(Path::new(program), &env)?;
        Some(found.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_proxy_stands_for_the_toolchain_that_rustup_has_chosen() {
        let folder = folder(&[
            ("bin/rustup", "proxy"),
            ("bin/rustc", "proxy"),
            ("home/toolchains/nightly/bin/rustc", "the compiler"),
        ]);
        assert_eq!(resolved("rustc", &folder, Some("nightly")).unwrap(), "home/toolchains/nightly/bin/rustc");
        let by_path = folder.path().join("home/toolchains/nightly");
        assert_eq!(resolved("rustc", &folder, by_path.to_str()).unwrap(), "home/toolchains/nightly/bin/rustc");
        assert_eq!(resolved("rustc", &folder, Some("gone")), None);
        assert_eq!(resolved("rustc", &folder, None), None, "it depends on the folder");
    }

    #[test]
    fn what_is_no_proxy_is_itself_whatever_rustup_says() {
        let folder = folder(&[("bin/rustc", "the compiler"), ("home/toolchains/nightly/bin/rustc", "another")]);
        assert_eq!(resolved("rustc", &folder, Some("nightly")).unwrap(), "bin/rustc");
        assert_eq!(resolved("rustx", &folder, None), None);
        for path in ["/usr/bin/rustc", "./rustc", "bin/rustc"] {
            assert_eq!(resolved(path, &folder, None), None, "{path}");
        }
    }
}
