//! Tests of a basket.

use ptest::{setup, teardown, test}; // this `test` replaces the built-in attribute

struct Basket {
    items: Vec<u32>,
}

#[setup]
fn basket() -> Basket {
    Basket { items: vec![1, 2, 3] }
}

#[teardown] // optional: without it the value is dropped
fn empty(basket: Basket) {
    drop(basket.items);
}

#[test]
fn has_three_items(basket: &Basket) {
    assert_eq!(basket.items.len(), 3);
}

#[test(timeout = "5s")]
#[case::none(0, false)]
#[case::two(2, true)]
fn contains(basket: &Basket, #[case] item: u32, #[case] expected: bool) {
    assert_eq!(basket.items.contains(&item), expected);
}
