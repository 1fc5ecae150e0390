//! `.config/ptest.toml`: contexts for people who cannot, or would rather not, touch their sources.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::files::{self, MOST_OF_A_TEXT};

/// Where the file lies, below the workspace's root.
pub const PATH: &str = ".config/ptest.toml";

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default, rename = "context")]
    pub contexts: Vec<Context>,
    #[serde(default)]
    pub snapshots: Snapshots,
}

/// Tests that write their expected values into their own sources.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// The variables that make them do so, besides those that are known.
    #[serde(default)]
    pub variables: Vec<Variable>,
}

/// A variable that is set: to anything (`NAME`), or to one value (`NAME=VALUE`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
}

impl From<String> for Variable {
    fn from(text: String) -> Self {
        match text.split_once('=') {
            Some((name, value)) => Self { name: name.to_owned(), value: Some(value.to_owned()) },
            None => Self { name: text, value: None },
        }
    }
}

impl std::fmt::Display for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Tests that belong together, and what that means for how they run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The package's name; all packages where it is left out.
    pub package: Option<String>,
    /// nextest's binary id; all binaries where it is left out.
    pub binary: Option<String>,
    /// A module, written with `::` at its end, or the whole name of a test; all tests where it is left out.
    pub test: Option<String>,
    pub kind: Option<Kind>,
    /// At most so many of its tests run at once, across all binaries.
    pub max: Option<usize>,
    /// The time limit for each of its tests, in place of `--process-timeout`.
    #[serde(default, deserialize_with = "time")]
    pub timeout: Option<Duration>,
    pub jobserver: Option<Jobserver>,
    /// How many slots each of its tests takes, where the test does not say so itself.
    #[serde(rename = "threads-required")]
    pub threads_required: Option<usize>,
}

/// Whether tests see the pool of slots that this run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jobserver {
    /// A cargo or make in a test shares it; the default.
    Share,
    /// For tests that are themselves about jobservers; the default of packages that depend on the crate `jobserver`.
    Hide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Its tests run one after another in one process, for each binary.
    Unit,
}

impl Context {
    pub fn matches(&self, package: &str, binary: &str, test: &str) -> bool {
        let named = self.test.as_deref().is_none_or(|said| match said.ends_with("::") {
            true => test.starts_with(said),
            false => test == said,
        });
        self.names(package, binary) && named
    }

    /// Whether it is about tests of this binary.
    pub fn names(&self, package: &str, binary: &str) -> bool {
        let is = |said: &Option<String>, found: &str| said.as_deref().is_none_or(|said| said == found);
        is(&self.package, package) && is(&self.binary, binary)
    }

    /// How closely it looks at a test's name; the outermost context is the least close.
    pub fn depth(&self) -> usize {
        self.test.as_deref().map_or(0, str::len)
    }

    fn asks_for_something(&self) -> bool {
        let Self { package: _, binary: _, test: _, kind, max, timeout, jobserver, threads_required } = self;
        kind.is_some() || max.is_some() || timeout.is_some() || jobserver.is_some() || threads_required.is_some()
    }

    /// As a reader of the file would find it again.
    pub fn describe(&self) -> String {
        let said = [("package", &self.package), ("binary", &self.binary), ("test", &self.test)];
        let said = said.iter().filter_map(|(key, value)| Some(format!("{key} = {:?}", value.as_ref()?)));
        format!("[[context]] with {}", said.collect::<Vec<_>>().join(", "))
    }
}

/// Reads the file of a workspace; there need not be one.
pub fn read(workspace: &Path) -> Result<Config> {
    let path = workspace.join(PATH);
    match files::read_text(&path, MOST_OF_A_TEXT) {
        Ok(text) => parse(&text).with_context(|| format!("cannot use {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => {
            let cure = "mend it, or remove it to run without a configuration";
            Err(error).with_context(|| format!("cannot read {} ({cure})", path.display()))
        }
    }
}

/// The text of nextest's configuration, which is not read, if the workspace has that and none of ours.
pub fn of_nextest(workspace: &Path) -> Option<String> {
    let text = || files::read_text(workspace.join(".config/nextest.toml"), MOST_OF_A_TEXT).ok();
    if workspace.join(PATH).exists() { None } else { text() }
}

fn parse(text: &str) -> Result<Config> {
    let config: Config = toml::from_str(text)?;
    for context in &config.contexts {
        ensure!(
            context.package.is_some() || context.binary.is_some() || context.test.is_some(),
            "a [[context]] names no package, binary or test; to mean all tests, name each package",
        );
        let name = context.describe();
        ensure!(
            context.asks_for_something(),
            "{name} asks for nothing: give it kind = \"unit\", max, timeout, threads-required or jobserver",
        );
        ensure!(context.max != Some(0), "{name} has max = 0, so its tests could never run; the minimum is 1");
        ensure!(context.threads_required != Some(0), "{name} has threads-required = 0; the minimum is 1");
    }
    let nameless = config.snapshots.variables.iter().find(|it| it.name.trim().is_empty());
    ensure!(nameless.is_none(), "[snapshots] lists a variable without a name: write \"NAME\" or \"NAME=VALUE\"");
    Ok(config)
}

fn time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        // Seconds need no quotes.
        number => number.to_string(),
    };
    parse_time(&text).map(Some).map_err(serde::de::Error::custom)
}

/// A time as people write it: `5` and `2.5s` are seconds, `1m` is a minute, `300ms` are milliseconds.
pub fn parse_time(text: &str) -> Result<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => bail!("{text:?} is not a duration: write 5, 2.5s, 300ms, 1m or 1h"),
    };
    let seconds = number.trim().parse::<f64>().ok().map(|number| number * scale);
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => bail!("{text:?} is not a duration: write 5, 2.5s, 300ms, 1m or 1h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        let millis = |text| parse_time(text).map(|time| time.as_millis()).ok();
        assert_eq!(millis("5"), Some(5000));
        assert_eq!(millis("2.5s"), Some(2500));
        assert_eq!(millis("300ms"), Some(300));
        assert_eq!(millis("1m"), Some(60_000));
        for wrong in ["", "0", "-1", "s", "1d", "soon", "1e400"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_context_matches_a_module_or_a_whole_name() {
        let context = |test: &str| Context { test: Some(test.into()), ..Context::default() };
        assert!(context("db::").matches("p", "p", "db::reads"));
        assert!(!context("db::").matches("p", "p", "dbs::reads"));
        assert!(!context("db").matches("p", "p", "db::reads"));
        assert!(context("db").matches("p", "p", "db"));
        let other = Context { package: Some("q".into()), ..context("db") };
        assert!(!other.matches("p", "p", "db"));
    }

    #[test]
    fn seconds_need_no_quotes() {
        let timeout =
            |text: &str| parse(&format!("[[context]]\ntest = 't'\ntimeout = {text}")).unwrap().contexts[0].timeout;
        assert_eq!(timeout("5"), Some(Duration::from_secs(5)));
        assert_eq!(timeout("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(timeout("'1m'"), Some(Duration::from_secs(60)));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert!(error("[[context]]\nkind = 'unit'").contains("names no package"));
        assert!(error("[[context]]\npackage = 'p'").contains("package = \"p\" asks for nothing"));
        assert!(error("[[context]]\npackage = 'p'\nmax = 0").contains("could never run"));
        assert!(error("[[context]]\npackage = 'p'\nthreads-required = 0").contains("the minimum is 1"));
        assert!(error("[[context]]\npackage = 'p'\nmaks = 1").contains("maks"));
        assert!(error("[[context]]\npackage = 'p'\ntimeout = 'soon'").contains("soon"));
        assert!(error("[[context]]\npackage = 'p'\nkind = 'united'").contains("united"));
        assert!(error("[snapshots]\nvariables = ['=1']").contains("without a name"));
        assert!(error("[snapshots]\nvariable = ['X']").contains("variable"));
    }
}
