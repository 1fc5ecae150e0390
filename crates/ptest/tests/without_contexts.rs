//! Tests without contexts are what they would be without the attribute.
#![deny(warnings)]

use std::sync::atomic::{AtomicU32, Ordering};

use ptest::test;

#[test]
#[allow(clippy::large_stack_arrays)]
fn they_have_the_stack_for_themselves() {
    // Of the two megabytes that libtest gives to each.
    let mut much = [7_u8; 1_300_000];
    std::hint::black_box(&mut much);
}

#[test(timeout = "60s")]
#[allow(clippy::large_stack_arrays)]
fn they_have_it_with_a_time_limit_too() {
    let mut much = [7_u8; 1_300_000];
    std::hint::black_box(&mut much);
}

#[test]
fn they_may_call_themselves() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    if CALLS.fetch_add(1, Ordering::SeqCst) == 0 {
        they_may_call_themselves();
        assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn they_are_named_as_ever() {
    fn within() {}
    assert!(std::any::type_name_of_val(&within).ends_with("without_contexts::they_are_named_as_ever::within"));
}

#[rustfmt::skip]
mod in_one_line {
    use ptest::test;

    #[test]
    fn an_expression() { assert!(super::CALLED.load(std::sync::atomic::Ordering::SeqCst) < 2) }

    #[test]
    fn a_loop() { for number in 0..3 { assert!(number < 3); } }

    #[test]
    fn nothing() {}

    #[test]
    fn documentation() {
        //! stands within.
        super::CALLED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

static CALLED: AtomicU32 = AtomicU32::new(0);
