//! What a setup's function may look like.

struct Server;
struct Api;

mod parameters {
    #[ptest::setup]
    fn by_value_or_changing(_server: super::Server, _api: &mut super::Api, _name: &str) {}
}

mod signatures {
    #[ptest::setup]
    const unsafe extern "C" fn qualified() {}
}

mod generics {
    #[ptest::setup]
    fn generic<T>()
    where
        T: Default,
    {
    }
}

mod results {
    #[ptest::setup]
    fn hidden() -> impl Sized {}
}

mod methods {
    impl super::Api {
        #[ptest::setup]
        fn method(&self) {}
    }
}

mod items {
    #[ptest::setup]
    struct NotAFunction;
}

fn main() {}
