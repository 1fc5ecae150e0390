//! The pages of `docs` against the program: they name each option, key, exit code and event, and none that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::machines::validate;
use crate::tool::ptest;
use crate::workspace::Workspace;

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn page(name: &str) -> String {
    fs::read_to_string(docs().join(name)).unwrap()
}

/// Each page by its name.
fn pages() -> Vec<(String, String)> {
    let paths = fs::read_dir(docs()).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|it| it == "md"));
    pages.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

fn help(of: &[&str]) -> String {
    ptest(&[]).args([of, &["--help"]].concat()).run().expect(0).stdout.clone()
}

/// The options in a text, `--like-this`, without their values.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let options =
        words.filter(|word| word.strip_prefix("--").is_some_and(|name| name.len() > 1 && !name.starts_with('-')));
    options.map(|word| word.trim_end_matches('-').to_owned()).collect()
}

/// The commands in the code of a page that start with `cargo ptest`.
fn commands(page: &str) -> Vec<&str> {
    let spans = page.split(['`', '\n', '#', ';', '"']);
    spans.filter_map(|span| Some(&span[span.find("cargo ptest")?..])).collect()
}

#[test]
fn every_option_is_on_a_page() {
    let all: String = pages().into_iter().map(|(_, text)| text).collect();
    let named = options(&all);
    // The help names options of other programs as well, but only a few.
    let missing: Vec<String> = options(&[help(&[]), help(&["report"])].concat())
        .into_iter()
        .filter(|option| !named.contains(option))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_option_in_a_command_of_the_pages_exists() {
    let known = options(&[help(&[]), help(&["report"]), "--generate --version".to_owned()].concat());
    for (name, text) in pages() {
        for command in commands(&text) {
            let unknown: Vec<String> = options(command).into_iter().filter(|it| !known.contains(it)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?} in {command}");
        }
    }
}

#[test]
fn the_page_about_exit_codes_has_those_of_the_help() {
    let codes = |lines: &str| -> BTreeSet<u8> {
        lines.lines().filter_map(|line| line.trim_start_matches('|').split_whitespace().next()?.parse().ok()).collect()
    };
    let help = help(&[]);
    let help = &help[help.find("Exit Codes:").expect("the help has exit codes")..];
    let help = codes(help);
    assert!(help.contains(&0) && help.contains(&143), "{help:?}");
    assert_eq!(codes(&page("exit-codes.md")), help);
}

#[test]
fn the_page_about_configuration_has_every_key() {
    let page = page("configuration.md");
    let keys = |text: &str| -> Vec<String> {
        let ran = Workspace::of_package("").file("src/lib.rs", "").file(".config/ptest.toml", text).ptest().run();
        let list = ran.expect(96).stderr.split_once("expected ").expect("the keys are named").1.lines().next().unwrap();
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    for (text, least) in [("[other]\n", 2), ("[[context]]\nother = 1\n", 5), ("[snapshots]\nother = 1\n", 1)] {
        let keys = keys(text);
        assert!(keys.len() >= least, "{keys:?}");
        let missing: Vec<&String> = keys.iter().filter(|key| !page.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn the_page_about_json_lines_names_every_event_and_field_and_its_example_is_valid() {
    let page = page("json-lines.md");
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(docs().join("json-lines.schema.json")).unwrap()).unwrap();
    let mut names = BTreeSet::new();
    collect(&schema, &mut names);
    assert!(names.contains("run-started") && names.contains("rescheduled"), "{names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");

    let example = page.split("\n```").find_map(|block| block.strip_prefix("json\n")).expect("there is an example");
    let lines: Vec<Value> = example.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 5);
    validate(&lines);
}

/// The names of events and fields in a schema.
fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(Value::as_object) {
                names.extend(properties.keys().filter(|name| *name != "v" && *name != "event").cloned());
                let event = properties.get("event").and_then(|event| event["const"].as_str());
                names.extend(event.map(str::to_owned));
            }
            map.values().for_each(|value| collect(value, names));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
        _ => {}
    }
}
