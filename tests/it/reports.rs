//! Reads the JSON lines and the text for people back into the same entries, so that all reports can be compared.

use serde_json::Value;

use crate::tool::of_kind;

/// What a report says of a test, or of a process that failed.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub binary: String,
    pub name: String,
    /// As the JSON lines spell it, or `worker-failed`.
    pub outcome: String,
    pub message: String,
    pub output: String,
    /// `file:line`
    pub place: Option<String>,
}

/// The name of the entry of a process that failed.
pub const WORKER_EXIT: &str = "(worker exit)";

/// The last words on all tests, and the processes that failed.
pub fn of_json(events: &[Value]) -> Vec<Entry> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let entry = |event: &Value, name: String, outcome: String| Entry {
        binary: text(event, "binary"),
        name,
        outcome,
        message: text(event, "message"),
        output: text(event, "output"),
        place: event["file"].as_str().map(|file| format!("{file}:{}", event["line"])),
    };
    let tests = of_kind(events, "test-finished").map(|it| entry(it, text(it, "test"), text(it, "outcome")));
    let workers = of_kind(events, "worker-failed").map(|it| entry(it, WORKER_EXIT.into(), "worker-failed".into()));
    tests.chain(workers).collect()
}

/// The report for people.
pub struct Text {
    /// From the lines that come as tests finish.
    pub entries: Vec<Entry>,
    /// From the list of failures at the end.
    pub failures: Vec<Entry>,
    /// The last line, without the time.
    pub summary: String,
}

/// Takes the text of the run itself: what cargo says before it is passed over.
pub fn of_text(text: &str) -> Text {
    let mut read = Text { entries: Vec::new(), failures: Vec::new(), summary: String::new() };
    let mut at_end = false;
    for line in text.lines() {
        at_end |= line == "Failures:";
        if let Some((_, summary)) = line.strip_prefix("     Summary [").and_then(|it| it.split_once("] ")) {
            summary.clone_into(&mut read.summary);
        } else if let Some(failure) = failure(line).filter(|_| at_end) {
            read.failures.push(failure);
        } else if let Some(entry) = finished(line).filter(|_| !at_end) {
            read.entries.push(entry);
        } else if let Some(line) = line.strip_prefix("    ") {
            let entries = if at_end { &mut read.failures } else { &mut read.entries };
            if let Some(entry) = entries.last_mut() {
                // What is a message and what is output is not told apart for people.
                entry.message.extend([line, "\n"]);
                entry.output.extend([line, "\n"]);
            }
        }
    }
    read
}

/// Reads `  STATUS [  1.234s] BINARY NAME`, in columns.
fn finished(line: &str) -> Option<Entry> {
    let (status, rest) = line.split_at_checked(12)?;
    let (time, test) = rest.split_at_checked(14)?;
    let is_time = time.trim().is_empty() || (time.starts_with(" [") && time.ends_with("s] "));
    let outcome = outcome(status.trim_start()).filter(|_| is_time)?;
    let (binary, name) = test.trim_start().split_once(' ')?;
    let (name, message) = match outcome {
        "ignored" => name.split_once(", ").unwrap_or((name, "")),
        "error" if name.starts_with(WORKER_EXIT) => name.split_once(": ").unwrap_or((name, "")),
        // The status is the signal, and nothing more is to be said.
        "crashed" => (name, status.trim_start()),
        _ => (name, ""),
    };
    Some(entry(binary, name, outcome, message))
}

/// Reads `  STATUS BINARY NAME (FILE:LINE)`.
fn failure(line: &str) -> Option<Entry> {
    let (status, test) = line.strip_prefix("  ")?.split_once(' ')?;
    let outcome = outcome(status)?;
    let (binary, name) = test.split_once(' ')?;
    let (name, place) = match name.rsplit_once(" (").and_then(|(name, place)| Some((name, place.strip_suffix(')')?))) {
        Some((name, place)) if place.contains(':') => (name, Some(place.to_owned())),
        _ => (name, None),
    };
    // Of a signal nothing more is said.
    let message = if outcome == "crashed" { status } else { "" };
    Some(Entry { place, ..entry(binary, name, outcome, message) })
}

fn entry(binary: &str, name: &str, outcome: &str, message: &str) -> Entry {
    let outcome = if name == WORKER_EXIT { "worker-failed" } else { outcome };
    let message = format!("{message}\n");
    Entry { binary: binary.into(), name: name.into(), outcome: outcome.into(), message, ..Entry::default() }
}

fn outcome(status: &str) -> Option<&'static str> {
    Some(match status {
        "PASS" => "passed",
        "FAIL" => "failed",
        "IGNORED" => "ignored",
        "TIMEOUT" => "timed-out",
        "ERROR" => "error",
        "NOT REACHED" | "CANCELLED" => "not-reached",
        "CRASH" => "crashed",
        signal if signal.starts_with("SIG") => "crashed",
        _ => return None,
    })
}
