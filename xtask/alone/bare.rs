//! What the documentation shows, in a package that has `ptest` and nothing else: no `serde`, whose features would be
//! switched on for `ptest` as well.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ptest::{Call, CallError, Cx, FromContext, Shared, call_concurrently, calls, generate, make_concurrent_calls};
use ptest::{setup, teardown, test};

fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing waits"),
    }
}

/// A test for each type: as the argument and as the result of a call, and as the value of a shared context.
macro_rules! crosses_processes {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(
            mod $name {
                #[allow(unused_imports)]
                use super::*;
                use ptest::{setup, test};

                fn same(value: $type) -> $type {
                    value
                }

                #[setup(shared)]
                fn value() -> ptest::Shared<$type> {
                    ptest::Shared::new($value)
                }

                #[test]
                fn comes_back(shared: &$type) {
                    let value: $type = $value;
                    assert_eq!(*shared, value);
                    for result in ptest::call_concurrently(1, same, value) {
                        assert_eq!(result.unwrap(), $value);
                    }
                }
            }
        )*
    };
}

crosses_processes! {
    unit: () = ();
    number: i128 = -7;
    float: f64 = 0.5;
    character: char = 'x';
    text: String = "text".to_owned();
    boxed: Box<u8> = Box::new(7);
    boxed_text: Box<str> = "text".into();
    boxed_slice: Box<[u8]> = vec![1, 2].into();
    option: Option<Option<u8>> = Some(None);
    result: Result<u8, String> = Err("an error".to_owned());
    nested: Result<Option<Vec<u8>>, (String, u8)> = Ok(Some(vec![7]));
    list: Vec<Result<u8, ()>> = vec![Ok(7), Err(())];
    queue: VecDeque<u8> = VecDeque::from([1, 2]);
    array: [u8; 3] = [1, 2, 3];
    tuple: (u8, String, bool) = (7, "seven".to_owned(), true);
    hash_map: HashMap<String, Vec<u8>> = HashMap::from([("a".to_owned(), vec![1])]);
    hash_set: HashSet<u8> = HashSet::from([1, 2]);
    tree_map: BTreeMap<(u8, char), String> = BTreeMap::from([((1, 'x'), "text".to_owned())]);
    tree_set: BTreeSet<String> = BTreeSet::from(["a".to_owned()]);
    path: PathBuf = PathBuf::from("a/b");
    duration: Duration = Duration::from_millis(7);
    time: std::time::SystemTime = std::time::SystemTime::UNIX_EPOCH;
    address: std::net::SocketAddr = "[::1]:80".parse().unwrap();
    range: std::ops::Range<u8> = 1..7;
    not_zero: std::num::NonZeroU8 = std::num::NonZeroU8::MIN;
}

mod concurrent_calls {
    use super::*;
    use ptest::test;

    fn divide((number, by): (u8, u8)) -> Result<u8, String> {
        if by == 0 { Err(format!("{number} / 0")) } else { Ok(number / by) }
    }

    async fn later(number: u8) -> Option<u8> {
        number.checked_sub(1)
    }

    fn panics(_: ()) {
        panic!("on purpose");
    }

    #[test]
    fn give_a_result_or_say_why_not() {
        let calls = calls![divide((7, 7)), divide((7, 0))].repeat(2);
        let results = make_concurrent_calls(calls).timeout(Duration::from_secs(60)).env("KEY", "value").run();
        let results: Vec<Result<u8, String>> = results.into_iter().map(|result| result.unwrap()).collect();
        assert_eq!(results, [Ok(1), Err("7 / 0".to_owned()), Ok(1), Err("7 / 0".to_owned())]);
        let panicked = call_concurrently(1, panics, ());
        assert!(matches!(&panicked[0], Err(CallError::Panicked { message, .. }) if message == "on purpose"));
    }

    #[test]
    fn may_be_of_async_functions() {
        let calls = [1, 0].map(|number| Call::new(|number| block_on(later(number)), number));
        let results = make_concurrent_calls(calls.into_iter().collect()).run();
        assert_eq!(results.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [Some(0), None]);
    }
}

mod contexts {
    use super::*;
    use ptest::{setup, teardown, test};

    pub struct Basket(Vec<u32>);

    #[setup(timeout = "60s")]
    fn basket() -> Result<Basket, String> {
        Ok(Basket(vec![1, 2, 3]))
    }

    #[teardown(timeout = "60s")]
    fn empty(basket: Basket) {
        drop(basket.0);
    }

    struct Copied(Vec<u32>);

    impl FromContext for Copied {
        fn from_context() -> Self {
            let basket: Cx<Basket> = ptest::cx();
            Self(basket.0.clone())
        }
    }

    #[test]
    fn are_lent_and_copied(basket: &Basket, copied: Copied) {
        assert_eq!(basket.0, copied.0);
        assert!(!ptest::run_id().is_empty());
        let _: usize = ptest::worker_index();
    }

    mod inner {
        use super::Basket;
        use ptest::{setup, test};

        struct Sum(u32);

        #[setup(can_split)]
        fn sum(basket: &Basket) -> Result<Sum, std::num::TryFromIntError> {
            Ok(Sum(basket.0.iter().sum()))
        }

        #[test(timeout = "60s", threads_required = 1)]
        fn lie_in_one_another(sum: &Sum) {
            assert_eq!(sum.0, 6);
        }
    }

    #[ptest::context(plain)]
    mod without {
        #[test]
        fn are_not_for_plain_tests() {}
    }
}

mod asynchronous {
    use super::*;
    use ptest::{setup, teardown, test};

    #[setup(shared, key = "alone", block_on = super::block_on)]
    async fn url() -> Shared<String> {
        Shared::new("url".to_owned()).keep(7_u32)
    }

    #[teardown(block_on = super::block_on)]
    async fn stop(kept: u32) -> Result<(), String> {
        if kept == 7 { Ok(()) } else { Err("another one was kept".to_owned()) }
    }

    #[test(block_on = super::block_on)]
    async fn test_in_a_shared_context(url: &String) -> Result<(), String> {
        if url == "url" { Ok(()) } else { Err(url.clone()) }
    }
}

#[setup(shared)]
fn root() -> u16 {
    7
}

#[teardown]
fn end(root: u16) {
    assert_eq!(root, 7);
}

#[test]
#[case::empty("", 0)]
#[case::two("ab", 2)]
fn length(#[case] text: &str, #[case] expected: usize) {
    assert_eq!(text.len(), expected);
}

#[generate]
fn numbers() -> impl Iterator<Item = (String, u32)> {
    (1..4).map(|number| (number.to_string(), number))
}

#[test(from = numbers)]
fn generated(number: &u32) {
    assert!(*number > 0);
}

#[test]
#[should_panic(expected = "on purpose")]
fn panics() {
    panic!("on purpose");
}

#[test]
#[ignore = "on purpose"]
fn ignored() {
    unreachable!();
}
