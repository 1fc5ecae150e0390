//! Tests that write their expected values into their own sources.
//!
//! Crates that do so note in memory which places of a file they have changed by how much, for the lines that the
//! compiler knew are soon not those of the file any more. Another process knows nothing of that, and writes its text into
//! the middle of something else: into the value of another test, for example.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use crate::config::{Config, Variable};
use crate::list::Suite;

/// `expect-test`, `k9`, and `snapbox`; the first two look only whether the variable is there.
const KNOWN: [(&str, Option<&str>); 3] =
    [("UPDATE_EXPECT", None), ("K9_UPDATE_SNAPSHOTS", None), ("SNAPSHOTS", Some("overwrite"))];

/// The variable that has the tests of a suite write into their sources, if one is set.
pub fn updating(suite: &Suite, config: &Config, env: &HashMap<OsString, OsString>) -> Option<Variable> {
    // What cargo sets comes after, and in place of, what was there.
    let own = |name: &OsStr| suite.binary.env.iter().rev().find(|(it, _)| it == name).map(|(_, value)| value);
    let is_set = |variable: &Variable| {
        let name = OsStr::new(&variable.name);
        let value = own(name).or_else(|| env.get(name));
        value.is_some_and(|value| variable.value.as_ref().is_none_or(|wanted| value == wanted.as_str()))
    };
    let known = KNOWN.map(|(name, value)| Variable { name: name.to_owned(), value: value.map(str::to_owned) });
    known.into_iter().chain(config.snapshots.variables.iter().cloned()).find(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Snapshots;

    #[test]
    fn a_variable_counts_whatever_its_value_or_by_the_one_that_means_it() {
        let configured = ["BLESS", "MODE=write"].map(|it| Variable::from(it.to_owned())).to_vec();
        let config = Config { snapshots: Snapshots { variables: configured }, ..Config::default() };
        let found = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
            updating(&Suite::sample(), &config, &env).map(|it| it.to_string())
        };
        let is = |name: &str| Some(name.to_owned());
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("UPDATE_EXPECT", "")]), is("UPDATE_EXPECT"));
        assert_eq!(found(&[("K9_UPDATE_SNAPSHOTS", "0")]), is("K9_UPDATE_SNAPSHOTS"));
        assert_eq!(found(&[("SNAPSHOTS", "verify")]), None);
        assert_eq!(found(&[("SNAPSHOTS", "verify"), ("BLESS", "1")]), is("BLESS"));
        assert_eq!(found(&[("SNAPSHOTS", "overwrite")]), is("SNAPSHOTS=overwrite"));
        assert_eq!(found(&[("MODE", "read")]), None);
        assert_eq!(found(&[("MODE", "write")]), is("MODE=write"));
    }

    #[test]
    fn what_cargos_configuration_sets_counts_as_well() {
        let mut suite = Suite::sample();
        suite.binary.env = vec![("SNAPSHOTS".into(), "overwrite".into())];
        let (config, env) = (Config::default(), [("SNAPSHOTS".into(), "verify".into())].into());
        assert!(updating(&suite, &config, &env).is_some());
        suite.binary.env.push(("SNAPSHOTS".into(), "verify".into()));
        assert_eq!(updating(&suite, &config, &env), None);
    }
}
