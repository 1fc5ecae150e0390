//! Tests of generated cases.

use ptest::test;

#[ptest::generate]
fn corpus() -> Vec<(String, u32)> {
    Vec::new()
}

#[test(from = corpus)]
fn no_parameter() {}

#[test(from = corpus)]
fn by_value(_n: u32) {}

#[test(from = corpus)]
#[tokio::test]
async fn no_parameters_allowed(_n: &u32) {}

#[test(from = corpus)]
#[should_panic]
fn should_panic(_n: &u32) {}

#[test(from = corpus)]
#[case(1)]
fn both(#[case] _n: u32) {}

fn main() {}
