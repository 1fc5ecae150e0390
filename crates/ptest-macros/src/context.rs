//! `#[context]`: puts our attribute in place of the compiler's, or above another one, on every test of a module.
//!
//! It goes by tokens: what we do not look for stays as it is, in whatever version of the language it is written.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Meta, Path, Token, Visibility};

use crate::attributes::{is_builtin_test, is_ours};
use crate::mistakes::Mistakes;
use crate::options::Options;

const KNOWN: &str = "`#[context]` takes `plain`";
const INLINE: &str = "`#[context]` sees the tests of an inline module only: put it on a `mod name { .. }`, or write \
                      `use ptest::test;` in the module's file";

/// A module with its body; what stands in front of that is taken over as it is.
struct Module {
    head: TokenStream,
    inner_attributes: Vec<Attribute>,
    body: TokenStream,
    braces: Group,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut options = Options::parse(options, &mut mistakes);
    let plain = options.word("plain", &mut mistakes).is_some();
    options.finish(KNOWN, &mut mistakes);
    let module = mistakes.unless(parse(item));
    mistakes.beside(item, module.map(|module| items(module, plain)).unwrap_or_default())
}

fn parse(item: &TokenStream) -> syn::Result<Module> {
    syn::parse2(item.clone()).map_err(|_| syn::Error::new_spanned(item, INLINE))
}

impl Parse for Module {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let (visibility, keyword, name): (Visibility, Token![mod], Ident) =
            (input.parse()?, input.parse()?, input.parse()?);
        let braces: Group = input.parse()?;
        let split = |body: ParseStream| Ok((Attribute::parse_inner(body)?, body.parse()?));
        let (inner_attributes, body) = split.parse2(braces.stream())?;
        Ok(Self { head: quote!(#(#attributes)* #visibility #keyword #name), inner_attributes, body, braces })
    }
}

fn items(module: Module, plain: bool) -> TokenStream {
    let Module { head, inner_attributes, body, braces } = module;
    let body = match plain {
        true => quote!(#[cfg(test)] ::ptest::__annotate!(plain, plain); #body),
        false => with_our_tests(body),
    };
    let body = regroup(&braces, quote!(#(#inner_attributes)* #body));
    quote!(#head #body)
}

/// The items of a module, the tests among them, and in the modules among them, made ours.
fn with_our_tests(items: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = items.into_iter().peekable();
    let mut attributes = Vec::new();
    let mut item = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(pound) if pound.as_char() == '#' && item.is_empty() => {
                let bracket = tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
                attributes.push(quote!(#pound #bracket));
            }
            // A macro's `$item:item`.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None && item.is_empty() => {
                out.extend(attributes.drain(..));
                regroup(&group, with_our_tests(group.stream())).to_tokens(&mut out);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let body = match &item[..] {
                    [.., TokenTree::Ident(keyword), TokenTree::Ident(_)] if keyword == "mod" => {
                        regroup(&group, with_our_tests(group.stream()))
                    }
                    _ => group,
                };
                item.push(body.into());
                end(&mut attributes, &mut item, &mut out);
            }
            TokenTree::Punct(semicolon) if semicolon.as_char() == ';' => {
                item.push(semicolon.into());
                end(&mut attributes, &mut item, &mut out);
            }
            other => item.push(other),
        }
    }
    end(&mut attributes, &mut item, &mut out);
    out
}

/// An item is complete: if it is a function, its attributes may want a change.
fn end(attributes: &mut Vec<TokenStream>, item: &mut Vec<TokenTree>, out: &mut TokenStream) {
    let is_function = item.iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    match is_function {
        true => out.extend(ours(std::mem::take(attributes))),
        false => out.extend(attributes.drain(..)),
    }
    out.extend(item.drain(..));
}

/// The attributes of a function, with ours among them if it is a test.
fn ours(mut attributes: Vec<TokenStream>) -> TokenStream {
    let metas: Vec<Option<Meta>> = attributes.iter().map(meta).collect();
    let find =
        |is: &dyn Fn(&Path) -> bool| metas.iter().position(|meta| meta.as_ref().is_some_and(|meta| is(meta.path())));
    let named = |name: &str| find(&|path| path.segments.last().is_some_and(|last| last.ident == name));
    if find(&is_ours).is_some() {
        return attributes.into_iter().collect();
    }
    if let Some(place) = find(&is_builtin_test) {
        // It may well be ours under that name, with options.
        let options = match &metas[place] {
            Some(Meta::List(list)) => Some(Group::new(Delimiter::Parenthesis, list.tokens.clone())),
            _ => None,
        };
        attributes[place] = quote_spanned!(attributes[place].span()=> #[::ptest::test #options]);
    } else if let Some(place) = named("test") {
        attributes.insert(place, quote_spanned!(attributes[place].span()=> #[::ptest::test]));
    } else if let (Some(place), None) = (named("rstest"), named("test_attr")) {
        attributes.insert(place + 1, quote_spanned!(attributes[place].span()=> #[test_attr(::ptest::test)]));
    }
    attributes.into_iter().collect()
}

fn meta(attribute: &TokenStream) -> Option<Meta> {
    Attribute::parse_outer.parse2(attribute.clone()).ok()?.pop().map(|attribute| attribute.meta)
}

/// Other tokens between the same delimiters.
fn regroup(group: &Group, tokens: TokenStream) -> Group {
    let mut new = Group::new(group.delimiter(), tokens);
    new.set_span(group.span());
    new
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
            mod inner { #[test] fn h() {} }
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
            mod inner { #[::ptest::test] fn h() {} }
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
