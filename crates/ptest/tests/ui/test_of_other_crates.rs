//! Attributes of other crates that make tests themselves.

#[ptest::test]
#[rstest]
#[case(1)]
fn rstest_comes_first(#[case] _n: u32) {}

#[ptest::test]
#[test_case(1)]
fn cases_are_ours(_n: u32) {}

fn main() {}
