//! Generators are asked before anything else is there.

use ptest::generate;

#[generate(shared)]
fn options() -> Vec<(String, u32)> {
    Vec::new()
}

#[generate]
fn nothing() {}

#[generate]
async fn asynchronous(_n: &u32) -> Vec<(String, u32)> {
    Vec::new()
}

#[generate]
mod not_a_function {}

fn main() {}
