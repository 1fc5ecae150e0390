//! An async setup needs a runtime, exactly one.

mod bare {
    #[ptest::setup]
    async fn no_runtime() {}
}

mod tests {
    #[ptest::setup]
    #[tokio::test]
    async fn is_no_test() {}

    #[ptest::teardown]
    #[test]
    fn is_no_test_either() {}
}

mod sync {
    #[ptest::setup(block_on = futures::executor::block_on)]
    fn nothing_to_wait_for() {}
}

mod both {
    #[ptest::setup(block_on = futures::executor::block_on)]
    #[tokio::main]
    async fn two_runtimes() {}
}

fn main() {}
