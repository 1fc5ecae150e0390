//! What the other attributes of a test are to us.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, LitStr};

use crate::attributes::{self, Conditional};
use crate::mistakes::Mistakes;

/// A test's attributes by what becomes of them.
#[derive(Default)]
pub(crate) struct Roles {
    /// Stay where they are: documentation, lints, other macros.
    pub(crate) plain: Vec<Conditional>,
    /// `#[cfg]`: stay, on everything that is made of the function.
    pub(crate) cfg: Vec<Conditional>,
    /// `#[ignore]`: stay, and are told to `cargo ptest`.
    pub(crate) ignore: Vec<Conditional>,
    /// `#[should_panic]`, with the expected message: we see to it, so that a broken set-up is not a pass.
    pub(crate) should_panic: Vec<(Conditional, Option<LitStr>)>,
    /// `#[tokio::test]` and `#[tokio::main]`, and the like: go to a function within, which gets the runtime.
    pub(crate) runtime: Vec<Conditional>,
    /// `#[case(..)]`.
    pub(crate) case: Vec<Attribute>,
}

impl Roles {
    pub(crate) fn of(attributes: Vec<Attribute>, mistakes: &mut Mistakes) -> Self {
        let mut roles = Self::default();
        for attribute in Conditional::all(attributes) {
            roles.add(attribute, mistakes);
        }
        roles
    }

    fn add(&mut self, attribute: Conditional, mistakes: &mut Mistakes) {
        let path = attribute.path();
        if attribute.is("ignore") {
            self.ignore.push(attribute);
        } else if attribute.is("cfg") {
            self.cfg.push(attribute);
        } else if attribute.is("should_panic") {
            let expected = attributes::expected_panic(&attribute.attribute, mistakes);
            self.should_panic.push((attribute, expected));
        } else if path.segments.first().is_some_and(|first| first.ident == "case") {
            if attribute.condition().is_some() {
                mistakes.at(path, "a case is there or not: take it out of `cfg_attr`, or put `#[cfg]` on another test");
            }
            self.case.push(attribute.attribute);
        } else if attributes::is_builtin_test(path) || attributes::is_ours(path) {
            let message =
                "this registers the test twice, since `ptest::test` stands above already: take one of them away";
            mistakes.at(path, message);
        } else if attribute.ends_in("rstest") {
            let message = "`rstest` makes the tests, so it comes first: write `#[rstest] #[test_attr(ptest::test)]`, and ask \
                           for what a context provides by `ptest::cx::<T>()`";
            mistakes.at(path, message);
        } else if attribute.ends_in("test_case") {
            let message = "`test_case` registers tests of its own, which no context sees: write `#[case(1, 2)]` instead, and \
                           `#[case]` in front of each parameter";
            mistakes.at(path, message);
        } else if attribute.ends_in("test") || attribute.ends_in("main") {
            self.runtime.push(attribute);
        } else {
            self.plain.push(attribute);
        }
    }

    /// Whether the test is ignored: something for `concat!` to take.
    pub(crate) fn ignored(&self) -> TokenStream {
        let conditions: Option<Vec<_>> = self.ignore.iter().map(Conditional::condition).collect();
        match conditions.as_deref() {
            None => quote!(true),
            Some([]) => quote!(false),
            Some([only]) => quote!(::core::cfg!(#only)),
            Some(several) => quote!(::core::cfg!(any(#(#several),*))),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::Roles;
    use crate::mistakes::Mistakes;

    fn ignored(function: syn::ItemFn) -> String {
        Roles::of(function.attrs, &mut Mistakes::default()).ignored().to_string()
    }

    #[test]
    fn a_test_is_ignored_under_any_condition_that_is_given() {
        assert_eq!(
            ignored(parse_quote!(
                fn f() {}
            )),
            "false"
        );
        assert_eq!(
            ignored(parse_quote!(
                #[ignore = "slow"]
                fn f() {}
            )),
            "true"
        );
        assert_eq!(
            ignored(parse_quote!(
                #[cfg_attr(miri, ignore)]
                #[ignore]
                fn f() {}
            )),
            "true"
        );
        let one = quote!(::core::cfg!(miri)).to_string();
        assert_eq!(
            ignored(parse_quote!(
                #[cfg_attr(miri, ignore = "slow")]
                fn f() {}
            )),
            one
        );
        let two = quote!(::core::cfg!(any(miri, all(unix, feature = "f")))).to_string();
        let nested = parse_quote!(
            #[cfg_attr(miri, ignore)]
            #[cfg_attr(unix, cfg_attr(feature = "f", ignore))]
            fn f() {}
        );
        assert_eq!(ignored(nested), two);
    }
}
