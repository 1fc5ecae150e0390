//! The options of tests, and their values.

use ptest::test;

#[test(timeuot = "5s")]
fn misspelt() {}

#[test(timeout("5s"), from)]
fn without_values() {}

#[test(timeout = "", from = 5)]
fn wrong_values() {}

#[test(threads_required = 0)]
fn no_thread() {}

const MANY: usize = 4;

#[test(threads_required = MANY)]
fn a_number_that_has_to_be_looked_up() {}

#[test]
const NOT_A_FUNCTION: u32 = 5;

fn main() {}
