//! What the compiler says to those who use the attributes wrongly: where, what, and what to write instead.

#[test]
fn every_mistake_is_told_where_it_is_with_its_cure() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
