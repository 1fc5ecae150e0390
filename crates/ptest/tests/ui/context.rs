//! `#[context]` is for inline modules.

#[ptest::context]
fn not_a_module() {}

#[ptest::context(shared)]
mod options {}

fn main() {}
