//! The parts of cargo's configuration that decide how a test is started: `[env]`, `target.*.runner`, `build.target`.
//!
//! cargo exports none of it to a subcommand. The files and `CARGO_*` variables are read by `cargo-config2`; it knows
//! nothing of `--config` on the command line, so those values are laid over it here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::cargo_platform::{Cfg, Platform};
use toml::{Table, Value};

use super::Options;
use crate::files::{self, MOST_OF_A_TEXT};

pub(super) struct CargoConfig {
    files: cargo_config2::Config,
    /// What all `--config`s say together; of two that say the same, the later one counts.
    overrides: Table,
}

/// A variable of `[env]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub value: OsString,
    /// Whether it replaces one that is set already.
    pub force: bool,
}

impl CargoConfig {
    pub(super) fn load(options: &Options) -> Result<Self> {
        let cwd = std::env::current_dir().context("cannot find the current directory")?;
        let files = cargo_config2::Config::load_with_cwd(cwd).context("cannot read cargo's configuration")?;
        let mut overrides = Table::new();
        for value in &options.config {
            merge(&mut overrides, command_line(value)?);
        }
        Ok(Self { files, overrides })
    }

    /// The rustc that cargo calls, and its wrapper.
    pub(super) fn rustc(&self) -> &cargo_config2::PathAndArgs {
        self.files.rustc()
    }

    /// The triples that the build was for; empty if it was for the host only.
    pub(super) fn targets(&self, asked: &[String]) -> Result<Vec<String>> {
        let configured = self.overrides.get("build").and_then(|build| build.get("target"));
        if let (true, Some(target)) = (asked.is_empty(), configured) {
            return Ok(words(target).into_iter().flatten().collect());
        }
        self.files.build_target_for_cli(asked).context("cannot determine the target of the build")
    }

    pub(super) fn env(&self) -> BTreeMap<String, Variable> {
        let of_files = self
            .files
            .env
            .iter()
            .map(|(name, it)| (name.clone(), Variable { value: it.value.clone(), force: it.force }));
        let of_overrides = self.overrides.get("env").and_then(Value::as_table).into_iter().flatten();
        of_files.chain(of_overrides.filter_map(|(name, it)| Some((name.clone(), variable(it)?)))).collect()
    }

    /// The program and arguments that start a binary built for `triple`; empty where it is started directly.
    pub(super) fn runner(&self, triple: &str, cfg: impl Fn() -> Result<Vec<Cfg>>) -> Result<Vec<OsString>> {
        let targets = self.overrides.get("target").and_then(Value::as_table);
        for (spec, target) in targets.into_iter().flatten() {
            let Some(runner) = target.get("runner").and_then(words) else { continue };
            let platform: Platform = spec.parse().with_context(|| format!("--config target.{spec}"))?;
            let cfg = if matches!(platform, Platform::Cfg(_)) { cfg()? } else { Vec::new() };
            if platform.matches(triple, &cfg) {
                return Ok(runner.into_iter().map(OsString::from).collect());
            }
        }
        let runner = self.files.runner(triple).with_context(|| format!("cannot read target.{triple}.runner"))?;
        Ok(runner.map(|it| [it.path.into_os_string()].into_iter().chain(it.args).collect()).unwrap_or_default())
    }
}

/// `--config` takes a file or a piece of TOML. A variable of `[env]` keeps what it is relative to: the current folder, or
/// the one above the file's own, as if that were `.cargo`.
fn command_line(value: &str) -> Result<Table> {
    let path = Path::new(value);
    let (text, root) = match path.is_file() {
        true => {
            let text =
                files::read_text(path, MOST_OF_A_TEXT).with_context(|| format!("cannot read --config {value}"))?;
            let path = std::path::absolute(path).with_context(|| format!("cannot find --config {value}"))?;
            (text, path.ancestors().nth(2).unwrap_or(Path::new("/")).to_owned())
        }
        false => (value.to_owned(), std::env::current_dir().context("cannot find the current directory")?),
    };
    let mut table: Table = toml::from_str(&text).with_context(|| format!("cannot understand --config {value}"))?;
    let variables = table.get_mut("env").and_then(Value::as_table_mut);
    for (_, variable) in variables.into_iter().flatten() {
        if let Some(variable) = variable.as_table_mut().filter(|it| it.contains_key("value")) {
            variable.insert(ROOT.to_owned(), root.to_string_lossy().into_owned().into());
        }
    }
    Ok(table)
}

/// Under this key a variable keeps what its value is relative to.
const ROOT: &str = "(root)";

/// Lays one table over another.
fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn variable(value: &Value) -> Option<Variable> {
    let flag = |name| value.get(name).and_then(Value::as_bool).unwrap_or(false);
    let text = value.as_str().or_else(|| value.get("value")?.as_str())?;
    let root = value.get(ROOT).and_then(Value::as_str).filter(|_| flag("relative"));
    let value = root.map_or_else(|| text.into(), |root| Path::new(root).join(text).into_os_string());
    Some(Variable { value, force: flag("force") })
}

/// cargo takes a list, or a string that it splits at spaces.
fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(words) => words.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_string_or_a_table() {
        let mut table = command_line("env.A = 'plain'").unwrap();
        for more in ["env.B.force = true", "env.B.value = 'forced'", "env.C.relative = true", "env.C.value = 'd/e'"] {
            merge(&mut table, command_line(more).unwrap());
        }
        let env = table["env"].as_table().unwrap();
        let below = std::env::current_dir().unwrap().join("d/e").into_os_string();
        assert_eq!(variable(&env["C"]), Some(Variable { value: below, force: false }));
        assert_eq!(variable(&env["A"]), Some(Variable { value: "plain".into(), force: false }));
        assert_eq!(variable(&env["B"]), Some(Variable { value: "forced".into(), force: true }));
    }

    #[test]
    fn a_runner_is_a_string_or_a_list() {
        assert_eq!(words(&Value::from("qemu -cpu max")), Some(vec!["qemu".into(), "-cpu".into(), "max".into()]));
        assert_eq!(words(&Value::from(vec!["a b", "c"])), Some(vec!["a b".into(), "c".into()]));
        assert_eq!(words(&Value::from(7)), None);
    }
}
