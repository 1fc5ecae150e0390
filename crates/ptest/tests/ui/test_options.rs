//! The options of tests, and their values.

use ptest::test;

#[test(timeuot = "5s")]
fn misspelt() {}

#[test(timeout("5s"), from)]
fn without_values() {}

#[test(timeout = "", from = 5)]
fn wrong_values() {}

#[test]
const NOT_A_FUNCTION: u32 = 5;

fn main() {}
