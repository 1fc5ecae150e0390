//! How far apart calls begin that are made at the same time: a race needs them close together.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ptest::test;

fn now((): ()) -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Writes down, in microseconds, how much later the last of five calls began than the first.
#[test]
#[ignore = "it is a measurement: cargo xtask bench races"]
fn five_calls_start_together() {
    let Ok(notes) = std::env::var("PTEST_START_NOTES") else { return };
    let began: Vec<Duration> = ptest::call_concurrently(5, now, ()).into_iter().map(Result::unwrap).collect();
    let spread = began.iter().max().unwrap().checked_sub(*began.iter().min().unwrap()).unwrap();
    let mut file = File::options().append(true).create(true).open(notes).unwrap();
    file.write_all(format!("{}\n", spread.as_micros()).as_bytes()).unwrap();
}
