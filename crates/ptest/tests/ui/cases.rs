//! Cases: values, names, and what they are for.

use ptest::test;

struct Api;

#[test]
#[case::empty("", 0)]
#[case::short("ab")]
#[case("abc", 3, 4)]
fn count(#[case] _s: &str, #[case] _n: usize) {}

#[test]
#[case::same(1)]
#[case::same(2)]
#[case::one::two(3)]
#[case = 4]
fn names(#[case] _n: u32) {}

#[test]
fn none(#[case] _n: u32) {}

#[test]
#[case(1)]
fn unmarked(_n: &u32) {}

#[test]
#[case(1)]
fn injected(#[case] _n: u32, _api: &mut Api) {}

fn main() {}
