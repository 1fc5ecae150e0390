//! The schema of the JSON lines, made from the types of the events: docs/json-lines.schema.json.
//!
//! It is made in a test only, so that the program itself carries nothing of it. With `SNAPSHOTS=overwrite` the test
//! writes the file instead of comparing.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use snapbox::{assert_data_eq, file};

use super::{Event, VERSION};

/// The schema of a line: an event, and the version in front.
fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Event>().to_value();
    schema["title"] = json!("A JSON line of cargo ptest");
    for kind in schema["oneOf"].as_array_mut().expect("an event is one of several kinds") {
        kind["properties"]["v"] = json!({ "const": VERSION });
        kind["required"].as_array_mut().expect("each has its name").push(json!("v"));
    }
    schema
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_events() {
    let schema = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert_data_eq!(schema, file!["../../docs/json-lines.schema.json"].raw());
}
