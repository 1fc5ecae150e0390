//! Attributes, and how those that matter to us are told from each other: by their paths, as all attribute macros do, since
//! nobody says what a name means. The compiler has evaluated every `cfg` and `cfg_attr` before.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

use crate::literal;
use crate::mistakes::Mistakes;
use crate::tokens::{self, Path};

/// `#[path ...]`.
pub(crate) struct Attribute {
    /// `#` and the brackets.
    tokens: TokenStream,
    pub(crate) meta: Meta,
}

/// What stands in an attribute's brackets, or in its parentheses, between commas: `path`, `path(..)` or `path = ..`.
pub(crate) struct Meta {
    pub(crate) path: Path,
    pub(crate) content: Content,
    tokens: TokenStream,
}

pub(crate) enum Content {
    Nothing,
    List(TokenStream),
    Value(TokenStream),
}

impl Meta {
    /// If that is what these tokens are; if not, whether there is a path at all, and what should not stand behind it.
    pub(crate) fn parse(all: &[TokenTree]) -> Result<Self, &[TokenTree]> {
        let Some((path, rest)) = Path::split(all) else { return Err(all) };
        let content = match rest {
            [] => Content::Nothing,
            [TokenTree::Group(group)] if group.delimiter() != Delimiter::None => Content::List(group.stream()),
            [equals, value @ ..] if tokens::is(equals, '=') && !value.is_empty() => {
                Content::Value(tokens::stream(value))
            }
            other => return Err(other),
        };
        Ok(Self { path, content, tokens: tokens::stream(all) })
    }

    fn unknown(tokens: TokenStream) -> Self {
        let path = Path { tokens: tokens.clone(), words: Vec::new(), is_global: false };
        Self { path, content: Content::Nothing, tokens }
    }
}

impl ToTokens for Meta {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

impl Attribute {
    pub(crate) fn path(&self) -> &Path {
        &self.meta.path
    }

    /// Whether it leaves the function below it as it is: lints, documentation, and what is for tools. Of one that is not known
    /// the worst is assumed.
    pub(crate) fn is_inert(&self) -> bool {
        const TOOLS: [&str; 3] = ["clippy", "diagnostic", "rustfmt"];
        const BUILT_IN: [&str; 10] =
            ["allow", "cold", "deny", "deprecated", "doc", "expect", "forbid", "inline", "must_use", "warn"];
        match &self.path().words[..] {
            [] => false,
            [word] => BUILT_IN.iter().any(|known| word == known),
            [tool, ..] => TOOLS.iter().any(|known| tool == known),
        }
    }

    /// Takes the attributes that some tokens begin with: outer ones, or inner ones, which become outer ones.
    pub(crate) fn take(tokens: &mut &[TokenTree], inner: bool) -> Vec<Self> {
        let mut attributes = Vec::new();
        loop {
            let (pound, group, rest) = match *tokens {
                [pound, bang, TokenTree::Group(group), rest @ ..] if inner && tokens::is(bang, '!') => {
                    (pound, group, rest)
                }
                [pound, TokenTree::Group(group), rest @ ..] if !inner => (pound, group, rest),
                _ => break,
            };
            if !tokens::is(pound, '#') || group.delimiter() != Delimiter::Bracket {
                break;
            }
            let inside = tokens::row(group.stream());
            let meta = match Meta::parse(&inside) {
                Ok(meta) => meta,
                // What cannot be told, such as `unsafe(no_mangle)`, stays what it is.
                Err(_) => Meta::unknown(tokens::stream(&inside)),
            };
            attributes.push(Self { tokens: tokens::stream(&[pound.clone(), TokenTree::Group(group.clone())]), meta });
            *tokens = rest;
        }
        attributes
    }
}

impl ToTokens for Attribute {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

/// Attributes as they were written, one after the other.
pub(crate) fn written(attributes: &[Attribute]) -> TokenStream {
    let mut tokens = TokenStream::new();
    for attribute in attributes {
        attribute.to_tokens(&mut tokens);
    }
    tokens
}

/// Whether a path is that of the compiler's own `#[test]`: as people write it, or as macros do.
pub(crate) fn is_builtin_test(path: &Path) -> bool {
    match &path.words[..] {
        [test] => test == "test" && !path.is_global,
        [library, prelude, _, test] => {
            (library == "core" || library == "std") && prelude == "prelude" && test == "test"
        }
        _ => false,
    }
}

/// Whether a path is that of our own `test`.
pub(crate) fn is_ours(path: &Path) -> bool {
    matches!(&path.words[..], [library, test] if library == "ptest" && test == "test")
}

/// The message that `#[should_panic]` asks for, if it does, as a literal.
pub(crate) fn expected_panic(attribute: &Attribute, mistakes: &mut Mistakes) -> Option<TokenTree> {
    let expected = match &attribute.meta.content {
        Content::Nothing => return None,
        Content::Value(value) => literal::of(value),
        Content::List(list) => match Meta::parse(&tokens::row(list.clone())) {
            Ok(Meta { path, content: Content::Value(value), .. }) if path.is_ident("expected") => literal::of(&value),
            _ => None,
        },
    };
    if let Some(literal) = expected
        && literal::is_text(&literal)
    {
        return Some(TokenTree::Literal(literal));
    }
    mistakes.at(&attribute.meta, "write `#[should_panic]` or `#[should_panic(expected = \"part of the message\")]`");
    None
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::{Attribute, is_builtin_test, is_ours};
    use crate::tokens::{Path, row};

    #[test]
    fn only_what_is_known_to_change_nothing_is_inert() {
        let is_inert = |attribute: TokenStream| Attribute::take(&mut &row(attribute)[..], false)[0].is_inert();
        for attribute in [quote!(#[allow(dead_code)]), quote!(#[doc = "text"]), quote!(#[rustfmt::skip])] {
            assert!(is_inert(attribute.clone()), "{attribute}");
        }
        for attribute in [quote!(#[serial]), quote!(#[tracing::instrument]), quote!(#[unsafe(no_mangle)])] {
            assert!(!is_inert(attribute.clone()), "{attribute}");
        }
    }

    #[test]
    fn the_tests_of_the_compiler_ours_and_others_are_told_apart() {
        let is = |is: fn(&Path) -> bool, path: TokenStream| is(&Path::split(&row(path)).unwrap().0);
        assert!(is(is_builtin_test, quote!(test)));
        assert!(is(is_builtin_test, quote!(::core::prelude::v1::test)));
        assert!(is(is_builtin_test, quote!(std::prelude::rust_2021::test)));
        assert!(!is(is_builtin_test, quote!(tokio::test)));
        assert!(is(is_ours, quote!(::ptest::test)));
        assert!(!is(is_ours, quote!(test)));
    }
}
