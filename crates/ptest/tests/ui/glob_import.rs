//! `use super::*` beside an attribute that the parent has imported, and its cure.

use ptest::test;

mod ambiguous {
    use super::*;

    #[test]
    fn is_it_ours() {}
}

mod imported {
    use super::*;
    use ptest::test;

    #[test]
    fn is_ours() {}
}

mod written_out {
    use super::*;

    #[ptest::test]
    fn is_ours() {}
}

#[test]
fn is_ours() {}

fn main() {}
