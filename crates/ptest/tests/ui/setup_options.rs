//! The options of setups, and their values.

use ptest::setup;

#[setup(unit, shared)]
fn two_kinds() {}

mod keys {
    #[ptest::setup(key = "pg")]
    fn without_shared() {}
}

mod values {
    #[ptest::setup(shared, key, timeout = "5 parsecs", block_on = "block_on", plain = true)]
    fn wrong() {}
}

mod unknown {
    #[ptest::setup(split, timeout = 0, timeout = 5)]
    fn wrong() {}
}

mod syntax {
    #[ptest::setup(shared key)]
    fn wrong() {}
}

fn main() {}
