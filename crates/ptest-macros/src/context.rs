//! `#[context]`: puts our attribute in place of the compiler's, or above another one, on every test of a module.
//!
//! It goes by tokens: what we do not look for stays as it is, in whatever version of the language it is written.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use crate::attributes::{Attribute, Content, is_builtin_test, is_ours};
use crate::function;
use crate::mistakes::{Mistake, Mistakes};
use crate::options::Options;
use crate::tokens::{self, Path};

const KNOWN: &str = "`#[context]` takes `plain`";
const INLINE: &str = "`#[context]` sees the tests of an inline module only: put it on a `mod name { .. }`, or write \
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
    mistakes.beside(item, module.map(|module| items(module, plain)).unwrap_or_default())
}

fn parse(item: &TokenStream) -> Result<Module, Mistake> {
    let all: Vec<TokenTree> = item.clone().into_iter().collect();
    let rest = &mut &all[..];
    Attribute::take(rest, false);
    function::visibility(rest);
    let [keyword, name, TokenTree::Group(braces)] = *rest else { return Err(Mistake::at(item, INLINE)) };
    if !tokens::is_word(keyword, "mod") || tokens::word(name).is_none() || braces.delimiter() != Delimiter::Brace {
        return Err(Mistake::at(item, INLINE));
    }
    let inside: Vec<TokenTree> = braces.stream().into_iter().collect();
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
    let body = regroup(&braces, quote!(#inner_attributes #body));
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
    let read: Vec<Option<Attribute>> = attributes.iter().map(attribute).collect();
    let find = |is: &dyn Fn(&Path) -> bool| read.iter().position(|it| it.as_ref().is_some_and(|it| is(it.path())));
    let named = |name: &str| find(&|path| path.ends_in(name));
    if find(&is_ours).is_some() {
        return attributes.into_iter().collect();
    }
    if let Some(place) = find(&is_builtin_test) {
        // It may well be ours under that name, with options.
        let options = match read[place].as_ref().map(|attribute| &attribute.meta.content) {
            Some(Content::List(list)) => Some(Group::new(Delimiter::Parenthesis, list.clone())),
            _ => None,
        };
        attributes[place] = quote_spanned!(span(&attributes[place])=> #[::ptest::test #options]);
    } else if let Some(place) = named("test") {
        attributes.insert(place, quote_spanned!(span(&attributes[place])=> #[::ptest::test]));
    } else if let (Some(place), None) = (named("rstest"), named("test_attr")) {
        attributes.insert(place + 1, quote_spanned!(span(&attributes[place])=> #[test_attr(::ptest::test)]));
    }
    attributes.into_iter().collect()
}

fn attribute(tokens: &TokenStream) -> Option<Attribute> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    Attribute::take(&mut &tokens[..], false).pop()
}

fn span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
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
