//! An async test needs a runtime, exactly one.

use ptest::test;

#[test]
async fn no_runtime() {}

#[test(block_on = futures::executor::block_on)]
fn nothing_to_wait_for() {}

#[test(block_on = futures::executor::block_on)]
#[tokio::test]
async fn two_runtimes() {}

fn main() {}
