//! `#[context]`: puts our attribute in place of the compiler's, or above another one, on every test of a module.
//!
//! It goes by tokens: what we do not look for stays as it is, in whatever version of the language it is written.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use crate::attributes::{self, Attribute, Content, is_builtin_test, is_ours};
use crate::function;
use crate::mistakes::{Mistake, Mistakes};
use crate::options::Options;
use crate::tokens::{self, Path};

const KNOWN: &str = "`#[context]` takes `plain`";
const INLINE: &str = "`#[context]` works on inline modules only: put it on a `mod name { .. }`, or write \
                      `use ptest::test;` in the module's file";

/// A module with its body; what stands in front of that is taken over as it is.
struct Module {
    head: TokenStream,
    inner_attributes: TokenStream,
    body: TokenStream,
    braces: Group,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut options = Options::parse(options, &mut mistakes);
    let plain = options.word("plain", &mut mistakes).is_some();
    options.finish(KNOWN, &mut mistakes);
    let module = mistakes.unless(parse(item));
    let expansion = match module {
        Some(module) => items(module, plain),
        None => TokenStream::new(),
    };
    mistakes.beside(item, expansion)
}

fn parse(item: &TokenStream) -> Result<Module, Mistake> {
    let all = tokens::list(item.clone());
    let rest = &mut &all[..];
    Attribute::take(rest, false);
    function::visibility(rest);
    let [keyword, name, TokenTree::Group(braces)] = *rest else { return Err(Mistake::at(item, INLINE)) };
    if !tokens::is_word(keyword, "mod") || tokens::word(name).is_none() || braces.delimiter() != Delimiter::Brace {
        return Err(Mistake::at(item, INLINE));
    }
    let inside = tokens::list(braces.stream());
    let body = &mut &inside[..];
    Attribute::take(body, true);
    let (inner_attributes, body) = inside.split_at(inside.len() - body.len());
    Ok(Module {
        head: tokens::stream(&all[..all.len() - 1]),
        inner_attributes: tokens::stream(inner_attributes),
        body: tokens::stream(body),
        braces: braces.clone(),
    })
}

fn items(module: Module, plain: bool) -> TokenStream {
    let Module { head, inner_attributes, body, braces } = module;
    let body = match plain {
        true => quote!(#[cfg(test)] ::ptest::__annotate!(plain, plain); #body),
        false => with_our_tests(body),
    };
    let body = tokens::regroup(&braces, quote!(#inner_attributes #body));
    quote!(#head #body)
}

/// The items of a module, the tests among them, and in the modules among them, made ours.
fn with_our_tests(items: TokenStream) -> TokenStream {
    let tokens = tokens::list(items);
    let mut rest = &tokens[..];
    // Those of the module, which stay where they are.
    Attribute::take(&mut rest, true);
    let mut out = tokens::stream(&tokens[..tokens.len() - rest.len()]);
    while !rest.is_empty() {
        let attributes = Attribute::take(&mut rest, false);
        match rest {
            // A macro's `$item:item`.
            [TokenTree::Group(group), behind @ ..] if group.delimiter() == Delimiter::None => {
                attributes::written(&attributes).to_tokens(&mut out);
                tokens::regroup(group, with_our_tests(group.stream())).to_tokens(&mut out);
                rest = behind;
            }
            _ => {
                let (item, behind) = rest.split_at(length(rest));
                match tokens::has_word(item, "fn") {
                    true => ours(&attributes).to_tokens(&mut out),
                    false => attributes::written(&attributes).to_tokens(&mut out),
                }
                with_our_tests_within(item).to_tokens(&mut out);
                rest = behind;
            }
        }
    }
    out
}

/// How many tokens the first item has, without its attributes: it ends in braces or with a semicolon.
fn length(tokens: &[TokenTree]) -> usize {
    let in_front = tokens::until(tokens, &mut |token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => tokens::is(token, ';'),
    });
    tokens.len().min(in_front + 1)
}

/// An item: if it is a module, the same goes for its items.
fn with_our_tests_within(item: &[TokenTree]) -> TokenStream {
    let [head @ .., TokenTree::Group(body)] = item else { return tokens::stream(item) };
    match head {
        [.., keyword, TokenTree::Ident(_)] if tokens::is_word(keyword, "mod") => {
            let (head, body) = (tokens::stream(head), tokens::regroup(body, with_our_tests(body.stream())));
            quote!(#head #body)
        }
        _ => tokens::stream(item),
    }
}

/// The attributes of a function, with ours among them if it is a test.
fn ours(attributes: &[Attribute]) -> TokenStream {
    let find = |is: fn(&Path) -> bool| attributes.iter().position(|attribute| is(attribute.path()));
    if find(is_ours).is_some() {
        return attributes::written(attributes);
    }
    let (before, ours, behind) = if let Some(place) = find(is_builtin_test) {
        // It may well be ours under that name, with options.
        let options = match &attributes[place].meta.content {
            Content::List(list) => Some(Group::new(Delimiter::Parenthesis, list.clone())),
            _ => None,
        };
        (place, quote_spanned!(tokens::span(&attributes[place])=> #[::ptest::test #options]), place + 1)
    } else if let Some(place) = find(|path| path.ends_in("test")) {
        (place, quote_spanned!(tokens::span(&attributes[place])=> #[::ptest::test]), place)
    } else if let Some(place) = find(|path| path.ends_in("rstest"))
        && find(|path| path.ends_in("test_attr")).is_none()
    {
        (place + 1, quote_spanned!(tokens::span(&attributes[place])=> #[test_attr(::ptest::test)]), place + 1)
    } else {
        return attributes::written(attributes);
    };
    let (before, behind) = (attributes::written(&attributes[..before]), attributes::written(&attributes[behind..]));
    quote!(#before #ours #behind)
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::expand;

    fn context(items: &TokenStream) -> String {
        expand(TokenStream::new(), &quote!(mod m { #items })).to_string()
    }

    fn module(items: &TokenStream) -> String {
        quote!(mod m { #items }).to_string()
    }

    #[test]
    fn every_kind_of_test_becomes_ours() {
        let found = context(&quote! {
            #![allow(dead_code)]
            use super::*;
            #[test] fn a() {}
            #[ignore] #[::core::prelude::v1::test] pub fn b() {}
            #[test(timeout = "1s")] fn c() {}
            #[tokio::test(flavor = "multi_thread")] async fn d() {}
            #[ptest::test] #[tokio::test] async fn e() {}
            #[rstest] #[case(1)] fn f(#[case] n: u32) {}
            #[rstest] #[case(1)] #[tokio::test] async fn g(#[case] n: u32) {}
            mod inner { #![allow(unused)] #[test] fn h() {} }
        });
        let expected = module(&quote! {
            #![allow(dead_code)]
            use super::*;
            #[::ptest::test] fn a() {}
            #[ignore] #[::ptest::test] pub fn b() {}
            #[::ptest::test(timeout = "1s")] fn c() {}
            #[::ptest::test] #[tokio::test(flavor = "multi_thread")] async fn d() {}
            #[ptest::test] #[tokio::test] async fn e() {}
            #[rstest] #[test_attr(::ptest::test)] #[case(1)] fn f(#[case] n: u32) {}
            #[rstest] #[case(1)] #[::ptest::test] #[tokio::test] async fn g(#[case] n: u32) {}
            mod inner { #![allow(unused)] #[::ptest::test] fn h() {} }
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_test_stays_as_it_is() {
        let items = quote! {
            #[derive(Debug)] struct Point { #[test] x: fn() }
            #[allow(dead_code)] fn generic<const N: usize>() -> [u8; N] where [u8; { N }]: Sized { fn inner() {} }
            static TABLE: [fn(); 1] = [f];
            proptest! { #[test] fn generated(n in 0..9) {} }
            fn f() { #[test] fn unnameable() {} mod hidden { #[test] fn g() {} } }
            #[test] mod not_a_function { fn g() {} }
        };
        assert_eq!(context(&items), module(&items));
    }
}
