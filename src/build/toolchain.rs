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

/// The toolchain that was said on the command line (`cargo +nightly ptest`), if one was. rustup says so; older ones
/// do not, and there it is the one that this folder would not have got by itself.
pub fn said(env: &Env, folder: &Path) -> Option<String> {
    let text = |name: &str| env.get(OsStr::new(name))?.to_str().filter(|value| !value.is_empty());
    let toolchain = text("RUSTUP_TOOLCHAIN")?;
    let is_said = match text("RUSTUP_TOOLCHAIN_SOURCE") {
        Some(source) => source == "cli",
        None => default_of(env, folder).is_some_and(|default| short(&default) != short(toolchain)),
    };
    is_said.then(|| short(toolchain).to_owned())
}

/// `nightly` of `nightly-x86_64-unknown-linux-gnu`.
fn short(toolchain: &str) -> &str {
    let host = format!("-{}-", std::env::consts::ARCH);
    toolchain.split_once(&host).map_or(toolchain, |(name, _)| name)
}

/// The toolchain of a folder: that of the nearest override or `rust-toolchain.toml`, or else rustup's default. `None` if
/// it is not known.
fn default_of(env: &Env, folder: &Path) -> Option<String> {
    let settings: toml::Table =
        toml::from_str(&std::fs::read_to_string(rustup_home(env)?.join("settings.toml")).ok()?).ok()?;
    let text = |table: &toml::Table, key: &str| table.get(key).and_then(|it| it.as_str()).map(str::to_owned);
    for folder in folder.ancestors() {
        let overrides = settings.get("overrides").and_then(|it| it.as_table());
        if let Some(toolchain) = overrides.and_then(|it| text(it, folder.to_str()?)) {
            return Some(toolchain);
        }
        let files = ["rust-toolchain", "rust-toolchain.toml"].map(|name| std::fs::read_to_string(folder.join(name)));
        if let Some(file) = files.into_iter().find_map(Result::ok) {
            return match toml::from_str::<toml::Table>(&file) {
                Ok(file) => text(file.get("toolchain")?.as_table()?, "channel"),
                // The old form is a name alone.
                Err(_) => Some(file.trim().to_owned()),
            };
        }
    }
    text(&settings, "default_toolchain")
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
    fn a_toolchain_that_was_said_is_told_from_one_that_the_folder_has() {
        let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let settings = format!("default_toolchain = \"stable-{host}\"\n\n[overrides]\n");
        let folder = folder(&[
            ("home/settings.toml", &settings),
            ("plain/src/lib.rs", ""),
            ("pinned/rust-toolchain.toml", "[toolchain]\nchannel = \"nightly\"\n"),
            ("old/rust-toolchain", "beta\n"),
        ]);
        let said = |toolchain: &str, source: Option<&str>, within: &str| {
            let mut env: Env = [("RUSTUP_HOME".into(), folder.path().join("home").into())].into();
            env.insert("RUSTUP_TOOLCHAIN".into(), format!("{toolchain}-{host}").into());
            env.extend(source.map(|source| ("RUSTUP_TOOLCHAIN_SOURCE".into(), source.into())));
            super::said(&env, &folder.path().join(within)).unwrap_or_default()
        };
        assert_eq!(said("nightly", Some("cli"), "plain"), "nightly");
        assert_eq!(said("stable", Some("cli"), "plain"), "stable");
        for source in ["default", "env", "toolchain-file", "path-override"] {
            assert_eq!(said("nightly", Some(source), "plain"), "");
        }
        assert_eq!(said("nightly", None, "plain/src"), "nightly");
        assert_eq!(said("stable", None, "plain/src"), "");
        assert_eq!((said("nightly", None, "pinned").as_str(), said("stable", None, "pinned").as_str()), ("", "stable"));
        assert_eq!((said("beta", None, "old").as_str(), said("1.90.0", None, "old").as_str()), ("", "1.90.0"));
        assert_eq!(super::said(&Env::new(), folder.path()), None);
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
