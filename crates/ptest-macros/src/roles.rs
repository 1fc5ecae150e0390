//! What the other attributes of a test are to us.

use proc_macro2::TokenTree;

use crate::attributes::{self, Attribute};
use crate::mistakes::Mistakes;

/// A test's attributes by what becomes of them.
#[derive(Default)]
pub(crate) struct Roles {
    /// Stay where they are: documentation, lints, other macros.
    pub(crate) plain: Vec<Attribute>,
    /// `#[ignore]`: stays, and is told to `cargo ptest`.
    pub(crate) ignore: Option<Attribute>,
    /// `#[should_panic]`: we see to it, so that a broken setup is not a pass.
    pub(crate) should_panic: Option<ShouldPanic>,
    /// `#[tokio::test]` and `#[tokio::main]`, and the like: go to a function within, which gets the runtime.
    pub(crate) runtime: Vec<Attribute>,
    /// `#[case(..)]`.
    pub(crate) case: Vec<Attribute>,
}

pub(crate) struct ShouldPanic {
    pub(crate) attribute: Attribute,
    /// What the message of the panic has in it.
    pub(crate) expected: Option<TokenTree>,
}

impl Roles {
    pub(crate) fn of(attributes: Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        let mut roles = Self::default();
        for attribute in attributes {
            roles.add(attribute, mistakes);
        }
        roles
    }

    fn add(&mut self, attribute: Attribute, mistakes: &mut Mistakes) {
        let path = attribute.path();
        if path.is_ident("ignore") {
            self.ignore = Some(attribute);
        } else if path.is_ident("should_panic") {
            let expected = attributes::expected_panic(&attribute, mistakes);
            self.should_panic = Some(ShouldPanic { attribute, expected });
        } else if matches!(&path.words[..], [first, ..] if first == "case") {
            self.case.push(attribute);
        } else if attributes::is_builtin_test(path) || attributes::is_ours(path) {
            let message =
                "this registers the test a second time, because `ptest::test` is above it already: remove one of them";
            mistakes.at(path, message);
        } else if path.ends_in("rstest") {
            let message = "`rstest` generates the tests, so it has to come first: write `#[rstest] \
                           #[test_attr(ptest::test)]`, and get values of contexts with `ptest::cx::<T>()`";
            mistakes.at(path, message);
        } else if path.ends_in("test_case") {
            let message = "`test_case` registers tests that no context knows: write `#[case(1, 2)]` instead, and \
                           `#[case]` before each parameter";
            mistakes.at(path, message);
        } else if path.ends_in("test") || path.ends_in("main") {
            self.runtime.push(attribute);
        } else {
            self.plain.push(attribute);
        }
    }
}
