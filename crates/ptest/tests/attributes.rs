//! What the attributes expand to, in all the forms that a function may have, and under all lints: an attribute must not
//! make the compiler complain of what its user has not written.
#![deny(warnings, clippy::pedantic)]
#![forbid(unsafe_code)]

use std::num::ParseIntError;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use ptest::{FromContext, generate, setup, teardown, test};

/// Names that an expansion might use, too.
const TEST: u32 = 7;

fn add(first: u32, second: u32) -> u32 {
    first + second
}

/// Waits for a future that never waits itself.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing would ever wake it"),
    }
}

struct Log(Mutex<Vec<u32>>);

impl Log {
    fn push(&self, number: u32) {
        self.0.lock().unwrap().push(number);
    }
}

struct Serial(u32);

impl FromContext for Serial {
    fn from_context() -> Self {
        let log = ptest::cx::<Log>();
        log.push(0);
        Serial(u32::try_from(log.0.lock().unwrap().len()).unwrap())
    }
}

#[setup(can_split, timeout = "30s", plain, block_on = block_on)]
async fn log() -> Result<Log, ParseIntError> {
    Ok(Log(Mutex::new(vec!["7".parse()?])))
}

#[teardown(timeout = 5, block_on = self::block_on)]
async fn end(log: Log) -> Result<(), &'static str> {
    let numbers = log.0.into_inner().map_err(|_| "a test has panicked with the lock in its hands")?;
    if numbers.contains(&7) { Ok(()) } else { Err("somebody took away what the setup put there") }
}

#[test]
fn nothing_of_the_expansion_is_seen_within() {
    assert_eq!((TEST, add(3, 4)), (7, 7));
}

#[test]
fn its_name_may_mean_something_else_within() {
    fn its_name_may_mean_something_else_within() {
        panic!("this is not the test");
    }
    if TEST != 7 {
        its_name_may_mean_something_else_within();
    }
}

#[test]
fn attributes_may_be_within() {
    #![allow(unused_variables)]
    let seven = TEST;
}

#[test]
fn it_may_call_itself_and_goes_on_within_its_contexts() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    if CALLS.fetch_add(1, Ordering::SeqCst) == 0 {
        it_may_call_itself_and_goes_on_within_its_contexts();
        assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    }
    ptest::cx::<Log>().push(1);
}

mod called {
    use ptest::{setup, test};

    pub(super) struct Number(u32);

    #[setup]
    fn number() -> Number {
        Number(super::TEST)
    }

    #[test]
    pub(super) fn by_others() {
        assert_eq!(ptest::cx::<Number>().0, 7);
    }

    #[test]
    fn calls_another_one_of_its_unit() {
        by_others();
        by_others();
        assert_eq!(ptest::cx::<Number>().0, 7);
    }
}

#[test]
#[should_panic(expected = "calls the test called::by_others, which has other contexts")]
fn calls_one_of_other_contexts() {
    called::by_others();
}

#[test]
fn it_may_return_early() {
    if TEST == 7 {
        return;
    }
    unreachable!();
}

#[test]
fn add_once_more(log: &Log, serial: Serial) {
    log.push(add(serial.0, TEST));
}

#[test(timeout = "60s")]
fn r#async(Log(numbers): &Log, mut serial: Serial) -> Result<(), ParseIntError> {
    serial.0 += "1".parse::<u32>()?;
    numbers.lock().unwrap().push(serial.0);
    Ok(())
}

#[test]
fn temporaries_of_the_last_expression_end_before_what_is_lent(log: &Log) -> impl_of_termination::Fine {
    impl_of_termination::Fine::of(log.0.lock().unwrap().len())
}

mod impl_of_termination {
    use std::process::{ExitCode, Termination};

    pub struct Fine(ExitCode);

    impl Fine {
        pub fn of(length: usize) -> Self {
            Self(if length > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }

    impl Termination for Fine {
        fn report(self) -> ExitCode {
            self.0
        }
    }
}

#[test]
fn always_fine() -> Result<(), String> {
    Ok(())
}

#[test]
fn inner_attributes(log: &Log) {
    #![allow(unused_variables)]
    let unused = 5;
}

#[test]
#[should_panic(expected = "seven")]
fn panics_with_text(log: &Log) {
    log.push(TEST);
    panic!("it is seven")
}

#[test]
#[should_panic = "seven"]
fn panics_with_text_in_the_old_form() {
    panic!("it is seven")
}

#[test]
#[cfg_attr(all(), should_panic)]
fn panics_under_a_condition() {
    panic!("it is seven")
}

#[test]
#[cfg_attr(all(), ignore = "as the condition says")]
#[should_panic(expected = "never reached")]
fn is_ignored_under_a_condition() {
    panic!("it is seven")
}

#[test(block_on = block_on)]
async fn waits() {
    std::future::ready(()).await;
}

#[test(block_on = block_on)]
async fn waits_for_a_result(log: &Log, serial: Serial) -> Result<(), String> {
    let number = std::future::ready(serial.0).await;
    log.push(number);
    Ok(())
}

#[generate]
fn corpus() -> Vec<(String, String)> {
    ["one", "two"].map(|name| (name.to_owned(), name.repeat(2))).into()
}

#[test(from = corpus)]
fn generated(text: &String) {
    assert_eq!(text.len(), 6);
}

#[test(from = self::corpus, timeout = "60s", block_on = block_on)]
async fn generated_and_more(text: &String, log: &Log, serial: Serial) -> Result<(), String> {
    log.push(std::future::ready(serial.0).await);
    if text.len() == 6 { Ok(()) } else { Err(text.clone()) }
}

#[test]
#[case::empty("", 0)]
#[case::add("ab", add(1, 1) as usize)]
#[case("abc", self::add(1, 2) as usize)]
fn length(#[case] text: &str, #[case] length: usize) {
    assert_eq!(text.len(), length);
}

#[test(timeout = "60s", block_on = block_on)]
#[case(String::from("1"))]
#[case(TEST.to_string())]
async fn numbers(#[case] text: String, log: &Log) -> Result<(), ParseIntError> {
    log.push(text.parse()?);
    Ok(())
}

#[test]
#[case::seven(7)]
#[case::eight(8)]
#[should_panic(expected = "number")]
fn cases_that_panic(#[case] number: u32, serial: Serial) {
    panic!("number {number}, serial {}", serial.0)
}

#[test]
#[case::only(1)]
#[ignore = "as all of its cases are"]
fn ignored_cases(#[case] number: u32) {
    unreachable!("{number}")
}

mod basket {
    use ptest::{setup, teardown, test};

    use super::{Log, TEST};

    struct Basket(Vec<u32>);

    #[setup(unit)]
    fn basket(log: &Log) -> Basket {
        log.push(1);
        Basket(vec![TEST])
    }

    #[teardown]
    fn empty(basket: Basket, log: &Log) {
        log.push(basket.0[0]);
    }

    #[test]
    fn has_one(basket: &Basket, log: &super::Log) {
        log.push(basket.0[0]);
    }

    #[test]
    #[case(super::TEST, self::TEST)]
    fn paths_mean_what_they_mean_here(#[case] first: u32, #[case] second: u32, basket: &Basket) {
        assert_eq!((first, second), (basket.0[0], 7));
    }

    // Both would be there twice if they were.
    #[setup]
    #[cfg(any())]
    fn not_compiled() -> Nowhere {}

    #[teardown]
    #[cfg(any())]
    fn not_compiled_either(_: Nowhere) {}
}

macro_rules! tests {
    ($($name:ident($parameter:ident: $type:ty) -> $result:ty $body:block)*) => {
        $(#[test] fn $name($parameter: $type) -> $result $body)*
    };
}

tests! {
    in_pieces_from_a_macro(log: &Log) -> Result<(), String> {
        log.push(1);
        Ok(())
    }
    by_value_from_a_macro(serial: Serial) -> () {
        assert!(serial.0 > 0);
    }
}

#[ptest::context]
mod legacy {
    #![allow(clippy::ignore_without_reason)]

    struct Number(u32);

    #[ptest::setup(can_split)]
    fn number() -> Number {
        Number(super::TEST)
    }

    #[test]
    fn becomes_ours(number: &Number) {
        assert_eq!(number.0, 7);
    }

    #[test]
    #[ignore]
    fn becomes_ours_and_stays_ignored() {
        unreachable!();
    }

    #[::core::prelude::v1::test]
    fn becomes_ours_from_another_macro() {
        assert_eq!(ptest::cx::<Number>().0, 7);
    }

    mod within {
        #[test]
        fn becomes_ours() {
            assert_eq!(ptest::cx::<super::Number>().0, 7);
        }
    }
}

#[ptest::context(plain)]
mod exempt {
    #[test]
    fn stays_what_it_is() {}
}

macro_rules! module {
    ($($item:item)*) => { #[ptest::context] mod legacy_from_a_macro { $($item)* } };
}

module! {
    #[test]
    fn becomes_ours() {
        assert!(!ptest::cx::<super::Log>().0.lock().unwrap().is_empty());
    }
}
