//! Values of shared contexts that cannot be sent to other processes. What `#[setup(shared)]` expands to in a test build is
//! written out here, for this is none.

struct Server;

struct Address;

fn plain() -> Server {
    Server
}

fn fallible() -> Result<ptest::Shared<Address>, String> {
    Ok(ptest::Shared::new(Address).keep(Server))
}

mod of_plain {
    ptest::__setup!(plain, shared, [], { super::plain() });
}

mod of_fallible {
    ptest::__setup!(fallible, shared, [], { super::fallible() });
}

fn main() {}
