//! What a teardown may take, and its options.

use ptest::teardown;

struct Server;
struct Guard;

#[teardown(shared, timeout = 1.5)]
fn two_values(_server: Server, _guard: Guard) {}

mod bare {
    #[ptest::teardown]
    async fn no_runtime() -> impl Sized {}
}

fn main() {}
