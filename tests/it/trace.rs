//! `--trace` against the rules of the trace event format, as far as it is used here, and against those of viewers: a
//! slice that overlaps another one on its track is dropped by them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::tool::{Tool, ptest};

/// The trace of a run, as its events.
fn trace_of(tool: Tool) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    tool.args(["--trace".as_ref(), path.as_os_str()]).run();
    let trace: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(["ms", "ns"].contains(&trace["displayTimeUnit"].as_str().unwrap()));
    trace["traceEvents"].as_array().unwrap().clone()
}

#[track_caller]
fn expect_well_formed(events: &[Value]) {
    let mut named: BTreeSet<u64> = BTreeSet::new();
    let mut slices: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for event in events {
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key} is a whole number: {event}"));
        let args = event["args"].as_object().unwrap_or_else(|| panic!("there are arguments: {event}"));
        assert!(event["name"].is_string(), "{event}");
        number("pid");
        match event["ph"].as_str().unwrap() {
            "M" => match event["name"].as_str().unwrap() {
                "process_name" => assert!(args["name"].is_string(), "{event}"),
                "thread_name" => {
                    assert!(args["name"].is_string(), "{event}");
                    assert!(named.insert(number("tid")), "a track has one name: {event}");
                }
                "thread_sort_index" => assert!(args["sort_index"].is_i64(), "{event}"),
                other => panic!("nobody knows {other}"),
            },
            "X" => {
                assert!(event["cat"].is_string(), "{event}");
                slices.entry(number("tid")).or_default().push((number("ts"), number("dur")));
            }
            "C" => {
                number("ts");
                assert!(!args.is_empty() && args.values().all(Value::is_number), "{event}");
            }
            other => panic!("nobody writes a {other}"),
        }
    }
    for (track, mut slices) in slices {
        assert!(named.contains(&track), "track {track} has a name");
        slices.sort_by_key(|(start, length)| (*start, std::cmp::Reverse(*length)));
        let mut around: Vec<u64> = Vec::new();
        for (start, length) in slices {
            around.retain(|end| *end > start);
            let end = start + length;
            assert!(around.last().is_none_or(|outer| end <= *outer), "a slice at {start} overlaps another on {track}");
            around.push(end);
        }
    }
}

#[test]
fn a_trace_is_what_viewers_understand() {
    let of = |packages: &[&str]| ptest(packages).args(["--processes=3", "--retries=1"]);
    for tool in [of(&["crash", "flaky", "outcomes"]), of(&["documented"]), of(&["broken"]).args(["--test=setups"])] {
        let events = trace_of(tool);
        expect_well_formed(&events);
        assert!(events.iter().any(|event| event["cat"] == "test"), "{events:?}");
    }
}
