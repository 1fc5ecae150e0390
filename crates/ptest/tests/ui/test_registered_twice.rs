//! A second `#[test]` would put the test there twice.

#[ptest::test]
#[test]
fn builtin() {}

#[ptest::test]
#[ptest::test]
fn ours() {}

#[ptest::test]
#[::core::prelude::v1::test]
fn by_another_macro() {}

fn main() {}
