//! A function as it was written. Its body stays what it is, tokens, so that macros understand neither more nor less of it
//! than the compiler, and cost nothing for it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{AttrStyle, Attribute, Signature, Visibility};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

impl Function {
    /// The function without the attributes that make something else of it, so that the compiler can say what else is wrong.
    pub(crate) fn bare(&self) -> TokenStream {
        let Self { attributes, visibility, signature, body } = self;
        let attributes = attributes.iter().filter(|attribute| {
            let name = attribute.path().segments.last().map(|last| last.ident.to_string());
            !matches!(name.as_deref(), Some("main" | "test"))
        });
        quote!(#(#attributes)* #[allow(dead_code)] #visibility #signature #body)
    }
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let (visibility, signature) = (input.parse()?, input.parse()?);
        let (inner, body) = inner_attributes(body(input)?)?;
        attributes.extend(inner);
        Ok(Self { attributes, visibility, signature, body })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

fn body(input: ParseStream) -> syn::Result<Group> {
    match input.parse() {
        Ok(TokenTree::Group(group)) => Ok(braces(group)),
        Ok(other) => Err(syn::Error::new_spanned(other, "this function needs a body: write `{ .. }`")),
        Err(error) => Err(error),
    }
}

/// A `$body:block` of a macro comes in delimiters that nobody sees.
fn braces(group: Group) -> Group {
    let mut inside = group.stream().into_iter();
    match (group.delimiter(), inside.next(), inside.next()) {
        (Delimiter::None, Some(TokenTree::Group(only)), None) => braces(only),
        _ => group,
    }
}

/// `#![allow(..)]` may begin a function's body, but no other block: such attributes go in front of the function.
fn inner_attributes(body: Group) -> syn::Result<(Vec<Attribute>, Group)> {
    let mut start = body.stream().into_iter();
    let is = |token: Option<TokenTree>, letter| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == letter);
    if !is(start.next(), '#') || !is(start.next(), '!') {
        return Ok((Vec::new(), body));
    }
    let split = |input: ParseStream| Ok((Attribute::parse_inner(input)?, input.parse()?));
    let (mut attributes, rest): (Vec<Attribute>, TokenStream) = split.parse2(body.stream())?;
    for attribute in &mut attributes {
        attribute.style = AttrStyle::Outer;
    }
    let mut without = Group::new(Delimiter::Brace, rest);
    without.set_span(body.span());
    Ok((attributes, without))
}

/// The function that an attribute stands on, if it is one.
pub(crate) fn parse(item: &TokenStream, attribute: &str) -> syn::Result<Function> {
    let has_fn = item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    match syn::parse2(item.clone()) {
        Err(_) if !has_fn => Err(syn::Error::new_spanned(item, format!("`#[{attribute}]` goes on a function"))),
        parsed => parsed,
    }
}
