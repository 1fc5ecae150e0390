//! What people should know of their environment: variables with a slip in the name, and settings of nextest, which are not
//! read here. Pure.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};

use toml::{Table, Value};

use super::nearest::distance;

/// The variables that people set.
const VARIABLES: [&str; 4] = ["PTEST_PROCESSES", "PTEST_SHARED", "PTEST_PG_URL", "PTEST_DB_CONNS"];

/// Variables of nextest, and what to use instead.
const NEXTEST_VARIABLES: [(&str, &str); 15] = [
    ("NEXTEST_PROFILE", "a cargo alias with options"),
    ("NEXTEST_TEST_THREADS", "PTEST_PROCESSES"),
    ("NEXTEST_RETRIES", "--retries"),
    ("NEXTEST_NO_TESTS", "--no-tests"),
    ("NEXTEST_STATUS_LEVEL", "--status-level"),
    ("NEXTEST_FINAL_STATUS_LEVEL", "--final-status-level"),
    ("NEXTEST_SUCCESS_OUTPUT", "--success-output"),
    ("NEXTEST_FAILURE_OUTPUT", "--failure-output"),
    ("NEXTEST_SHOW_PROGRESS", "--show-progress"),
    ("NEXTEST_HIDE_PROGRESS_BAR", "--show-progress=none"),
    ("NEXTEST_MAX_PROGRESS_RUNNING", "--show-progress=none"),
    ("NEXTEST_NO_INPUT_HANDLER", "--no-input-handler"),
    ("NEXTEST_MESSAGE_FORMAT", "--message-format"),
    ("NEXTEST_VERBOSE", "--verbose"),
    ("NEXTEST_USER_CONFIG_FILE", "a cargo alias with options"),
];

/// Settings in the profiles of nextest's configuration, and what to use instead.
const NEXTEST_SETTINGS: [(&str, &str); 14] = [
    ("retries", "--retries"),
    ("slow-timeout", "--process-timeout"),
    ("leak-timeout", "--leaks"),
    ("test-threads", "--processes"),
    ("fail-fast", "--fail-fast"),
    ("default-filter", "filters and --skip"),
    ("test-group", "max in .config/ptest.toml"),
    ("threads-required", "threads-required in .config/ptest.toml"),
    ("setup", "#[setup] of the crate ptest"),
    ("junit", "--junit"),
    ("status-level", "--status-level"),
    ("final-status-level", "--final-status-level"),
    ("success-output", "--success-output"),
    ("failure-output", "--failure-output"),
];

/// What to say of `env`, our own environment, and of the text of nextest's configuration, if there is one.
pub fn on_surroundings(env: &HashMap<OsString, OsString>, nextest: Option<&str>, quiet: bool) -> Vec<String> {
    let mut notes = misspelt(env);
    notes.extend(unread(env, nextest).filter(|_| !quiet));
    notes
}

fn misspelt(env: &HashMap<OsString, OsString>) -> Vec<String> {
    let names: BTreeSet<&str> = env.keys().filter_map(|name| name.to_str()).collect();
    let names = names.into_iter().filter(|name| name.starts_with(['P', 'p']) && !VARIABLES.contains(name));
    let warning = |name: &str| {
        let meant = VARIABLES.into_iter().min_by_key(|it| distance(&name.to_uppercase(), it))?;
        let is_slip = distance(&name.to_uppercase(), meant) <= 2;
        is_slip.then(|| format!("warning: the variable {name} is not read; is {meant} meant?"))
    };
    names.filter_map(warning).collect()
}

/// One note on all that nextest would read.
fn unread(env: &HashMap<OsString, OsString>, nextest: Option<&str>) -> Option<String> {
    let is_set = |name: &str| env.contains_key(OsStr::new(name));
    // For its own tests nextest sets some of these.
    let is_inside = is_set("NEXTEST") || is_set("PTEST_RUN_ID");
    let variables = NEXTEST_VARIABLES.into_iter().filter(|(name, _)| !is_inside && is_set(name));
    let settings = nextest.map(settings).unwrap_or_default();
    let found: Vec<(&str, &str)> = settings.into_iter().chain(variables).collect();
    let of_file = nextest.map(|_| ".config/nextest.toml is not read (its counterpart is .config/ptest.toml)");
    let use_instead = |(name, instead): &(&str, &str)| format!("{instead} for {name}");
    let instead = found.iter().map(use_instead).collect::<Vec<_>>().join(", ");
    match (of_file, instead.is_empty()) {
        (None, true) => None,
        (None, false) => Some(format!("note: variables of nextest are not read; use {instead}")),
        (Some(of_file), true) => Some(format!("note: {of_file}")),
        (Some(of_file), false) => Some(format!("note: {of_file}; use {instead}")),
    }
}

/// The settings that a configuration has in any profile or override, of those that have something in their place here.
fn settings(text: &str) -> Vec<(&'static str, &'static str)> {
    let Ok(configuration) = toml::from_str::<Table>(text) else { return Vec::new() };
    let profiles = configuration.get("profile").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables: Vec<&Table> = profiles
        .filter_map(Value::as_table)
        .flat_map(|profile| {
            let lists = ["overrides", "scripts"].into_iter().filter_map(|name| profile.get(name)?.as_array());
            std::iter::once(profile).chain(lists.flatten().filter_map(Value::as_table))
        })
        .collect();
    let has = |setting: &str| tables.iter().any(|table| table.contains_key(setting));
    NEXTEST_SETTINGS.into_iter().filter(|(setting, _)| has(setting)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(env: &[(&str, &str)], nextest: Option<&str>) -> Vec<String> {
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        on_surroundings(&env, nextest, false)
    }

    #[test]
    fn a_slip_in_a_variable_is_a_warning() {
        for (name, meant) in [
            ("PTEST_PROCESES", "PTEST_PROCESSES"),
            ("PTEST_PROCESS", "PTEST_PROCESSES"),
            ("PTSET_PROCESSES", "PTEST_PROCESSES"),
            ("PTEST-PROCESSES", "PTEST_PROCESSES"),
            ("ptest_processes", "PTEST_PROCESSES"),
            ("PTEST_DB_CONN", "PTEST_DB_CONNS"),
        ] {
            let warning = format!("warning: the variable {name} is not read; is {meant} meant?");
            assert_eq!(said(&[(name, "3")], None), [warning]);
        }
        for name in ["PTEST_PROCESSES", "PTEST_PG_URL", "PTEST_RUN_ID", "PTEST_WORKERS", "PATH", "TEST_PROCESSES"] {
            assert_eq!(said(&[(name, "3")], None), [""; 0], "{name}");
        }
        let env = [("PTEST_PROCESES".into(), "3".into()), ("NEXTEST_RETRIES".into(), "3".into())].into();
        assert_eq!(on_surroundings(&env, Some(""), true).len(), 1, "a note is not for those who want it quiet");
    }

    #[test]
    fn what_only_nextest_reads_is_one_note_with_what_to_use_instead() {
        let variables = [("NEXTEST_RETRIES", "2"), ("NEXTEST_TEST_THREADS", "3"), ("NEXTEST_RUN_ID", "x")];
        let note = "note: variables of nextest are not read; use PTEST_PROCESSES for NEXTEST_TEST_THREADS, --retries for \
                    NEXTEST_RETRIES";
        assert_eq!(said(&variables, None), [note]);
        let toml = "[profile.default]\nretries = 3\n[profile.ci]\nslow-timeout = { period = '60s' }\n\
                    [[profile.ci.overrides]]\nfilter = 'test(a)'\nretries = 1\nthreads-required = 2\n\
                    [[profile.ci.scripts]]\nsetup = 'db'\n";
        let note = "note: .config/nextest.toml is not read (its counterpart is .config/ptest.toml); use --retries for \
                    retries, --process-timeout for slow-timeout, threads-required in .config/ptest.toml for \
                    threads-required, #[setup] of the crate ptest for setup";
        assert_eq!(said(&[], Some(toml)), [note]);
        assert_eq!(said(&variables[..1], Some(toml)), [format!("{note}, --retries for NEXTEST_RETRIES")]);
        let alone = "note: .config/nextest.toml is not read (its counterpart is .config/ptest.toml)";
        for nothing in ["", "[store]\ndir = 'x'", "no toml", "profile = 3", "[profile]\nx = 1"] {
            assert_eq!(said(&[], Some(nothing)), [alone], "{nothing}");
        }
    }

    #[test]
    fn in_a_test_of_another_run_its_variables_are_no_choice_of_anybody() {
        let variables = [("NEXTEST_TEST_THREADS", "3"), ("NEXTEST_PROFILE", "ci")];
        for inside in [("NEXTEST", "1"), ("PTEST_RUN_ID", "x")] {
            assert_eq!(said(&[&variables[..], &[inside]].concat(), None), [""; 0]);
        }
    }
}
