//! How far apart calls begin that are made at the same time: a race needs them close together.

use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use ptest::test;

/// In microseconds.
fn now((): ()) -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// Writes down, in microseconds, how much later the last of five calls began than the first.
#[test]
#[ignore = "it is a measurement: cargo xtask bench races"]
fn five_calls_start_together() {
    let Ok(notes) = std::env::var("PTEST_START_NOTES") else { return };
    let began: Vec<u128> = ptest::call_concurrently(5, now, ()).into_iter().map(Result::unwrap).collect();
    let spread = *began.iter().max().unwrap() - *began.iter().min().unwrap();
    let mut file = File::options().append(true).create(true).open(notes).unwrap();
    file.write_all(format!("{spread}\n").as_bytes()).unwrap();
}
