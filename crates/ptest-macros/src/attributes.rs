//! The other attributes of a function: what each of them is to us.
//!
//! `cfg_attr` has not been looked into by the compiler when an attribute macro runs, so it is taken apart here: each
//! attribute knows under which conditions it is there.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, MetaList, MetaNameValue, Path, Token};

use crate::mistakes::Mistakes;

/// An attribute, and the conditions of the `cfg_attr`s that it stood in.
#[derive(Clone)]
pub(crate) struct Conditional {
    pub(crate) conditions: Vec<TokenStream>,
    pub(crate) attribute: Attribute,
}

impl Conditional {
    /// Takes all `cfg_attr`s apart; one that we do not understand stays as it is, for the compiler to judge.
    pub(crate) fn all(attributes: Vec<Attribute>) -> Vec<Self> {
        let mut all = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            Self { conditions: Vec::new(), attribute }.flatten_into(&mut all);
        }
        all
    }

    fn flatten_into(self, all: &mut Vec<Self>) {
        let inside = match &self.attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => cfg_attr.parse2(list.tokens.clone()).ok(),
            _ => None,
        };
        let Some((condition, metas)) = inside else { return all.push(self) };
        for meta in metas {
            let mut conditions = self.conditions.clone();
            conditions.push(condition.clone());
            let attribute = Attribute { meta, ..self.attribute.clone() };
            Self { conditions, attribute }.flatten_into(all);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.attribute.path()
    }

    /// For `cfg`: under which condition the attribute is there, if that depends on one.
    pub(crate) fn condition(&self) -> Option<TokenStream> {
        match &self.conditions[..] {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(quote!(all(#(#several),*))),
        }
    }

    /// Whether this is the built-in attribute of that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.path().is_ident(name)
    }

    /// Whether the path ends so, whatever is in front: attribute macros are known by their names alone.
    pub(crate) fn ends_in(&self, name: &str) -> bool {
        self.path().segments.last().is_some_and(|last| last.ident == name)
    }
}

impl ToTokens for Conditional {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self.condition() {
            None => self.attribute.to_tokens(tokens),
            Some(condition) => {
                let meta = &self.attribute.meta;
                tokens.extend(quote!(#[cfg_attr(#condition, #meta)]));
            }
        }
    }
}

fn cfg_attr(input: ParseStream) -> syn::Result<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let mut condition = TokenStream::new();
    while !input.peek(Token![,]) {
        condition.extend([input.parse::<TokenTree>()?]);
    }
    input.parse::<Token![,]>()?;
    Ok((condition, Punctuated::parse_terminated(input)?))
}

/// Whether a path is that of the compiler's own `#[test]`: as people write it, or as macros do.
pub(crate) fn is_builtin_test(path: &Path) -> bool {
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    match &names[..] {
        [test] => test == "test" && path.leading_colon.is_none(),
        [library, prelude, _, test] => {
            (library == "core" || library == "std") && prelude == "prelude" && test == "test"
        }
        _ => false,
    }
}

/// Whether a path is that of our own `test`.
pub(crate) fn is_ours(path: &Path) -> bool {
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    matches!(&names[..], [library, test] if library == "ptest" && test == "test")
}

/// The message that `#[should_panic]` asks for, if it does.
pub(crate) fn expected_panic(attribute: &Attribute, mistakes: &mut Mistakes) -> Option<LitStr> {
    let text = |value: &Expr| match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    };
    let expected = match &attribute.meta {
        Meta::Path(_) => return None,
        Meta::NameValue(MetaNameValue { value, .. }) => text(value),
        Meta::List(MetaList { tokens, .. }) => match syn::parse2::<MetaNameValue>(tokens.clone()) {
            Ok(option) if option.path.is_ident("expected") => text(&option.value),
            _ => None,
        },
    };
    if expected.is_none() {
        mistakes
            .at(&attribute.meta, "write `#[should_panic]` or `#[should_panic(expected = \"part of the message\")]`");
    }
    expected
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};
    use syn::parse_quote;

    use super::{Conditional, is_builtin_test, is_ours};

    #[test]
    fn cfg_attr_is_taken_apart() {
        let function: syn::ItemFn = parse_quote! {
            #[cfg_attr(all(unix, feature = "slow"), ignore, cfg_attr(miri, should_panic(expected = "no")))]
            #[doc = "plain"]
            fn f() {}
        };
        let all: Vec<_> =
            Conditional::all(function.attrs).iter().map(|one| one.to_token_stream().to_string()).collect();
        let expected = [
            quote!(#[cfg_attr(all(unix, feature = "slow"), ignore)]),
            quote!(#[cfg_attr(all(all(unix, feature = "slow"), miri), should_panic(expected = "no"))]),
            quote!(#[doc = "plain"]),
        ];
        assert_eq!(all, expected.map(|tokens| tokens.to_string()));
    }

    #[test]
    fn the_tests_of_the_compiler_ours_and_others_are_told_apart() {
        assert!(is_builtin_test(&parse_quote!(test)));
        assert!(is_builtin_test(&parse_quote!(::core::prelude::v1::test)));
        assert!(is_builtin_test(&parse_quote!(std::prelude::rust_2021::test)));
        assert!(!is_builtin_test(&parse_quote!(tokio::test)));
        assert!(is_ours(&parse_quote!(::ptest::test)));
        assert!(!is_ours(&parse_quote!(test)));
    }
}
