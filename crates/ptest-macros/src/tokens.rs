//! Tokens, as far as the attributes have to understand them: where a list's elements end, what is a path.
//!
//! There is no parser of the whole language here. What it would cost is paid in every test build, and what people write
//! passes through to the compiler, which knows more of the language than any parser.

use std::fmt::Display;

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// Tokens in a row, without the delimiters that nobody sees and that a macro has put around all of them.
pub(crate) fn row(tokens: TokenStream) -> Vec<TokenTree> {
    let row = list(tokens);
    match &row[..] {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => self::row(group.stream()),
        _ => row,
    }
}

pub(crate) fn list(tokens: TokenStream) -> Vec<TokenTree> {
    tokens.into_iter().collect()
}

pub(crate) fn stream(tokens: &[TokenTree]) -> TokenStream {
    let mut stream = TokenStream::new();
    for token in tokens {
        token.to_tokens(&mut stream);
    }
    stream
}

/// All of them, with commas in between.
pub(crate) fn with_commas(elements: &[TokenStream]) -> TokenStream {
    quote!(#(#elements),*)
}

/// What some token or tokens are called: `to_string`, which would be compiled once more for each kind of them.
pub(crate) fn text(tokens: &dyn Display) -> String {
    format!("{tokens}")
}

/// Other tokens between the same delimiters.
pub(crate) fn regroup(group: &Group, tokens: TokenStream) -> Group {
    let mut new = Group::new(group.delimiter(), tokens);
    new.set_span(group.span());
    new
}

/// How many tokens there are in front of the first for which this holds.
pub(crate) fn until(tokens: &[TokenTree], holds: &mut dyn FnMut(&TokenTree) -> bool) -> usize {
    let mut at = 0;
    while at < tokens.len() && !holds(&tokens[at]) {
        at += 1;
    }
    at
}

/// Where a mistake in some tokens is shown: at the first of them.
pub(crate) fn span(tokens: &dyn ToTokens) -> Span {
    match &list(tokens.to_token_stream())[..] {
        [first, ..] => first.span(),
        [] => Span::call_site(),
    }
}

/// Whether a token is this punctuation.
pub(crate) fn is(token: &TokenTree, letter: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == letter)
}

/// A word, through whatever a macro has put around it.
pub(crate) fn word(token: &TokenTree) -> Option<Ident> {
    match token {
        TokenTree::Ident(word) => Some(word.clone()),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => match &row(group.stream())[..] {
            [TokenTree::Ident(word)] => Some(word.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a token is this word.
pub(crate) fn is_word(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(word) if word == text)
}

/// Whether one of the tokens is this word.
pub(crate) fn has_word(tokens: &[TokenTree], text: &str) -> bool {
    until(tokens, &mut |token| is_word(token, text)) < tokens.len()
}

/// Whether tokens begin with two colons.
pub(crate) fn begins_with_colons(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Punct(first), second, ..]
        if first.as_char() == ':' && first.spacing() == Spacing::Joint && is(second, ':'))
}

/// A path without generics: `a::b::c`.
pub(crate) struct Path {
    pub(crate) tokens: TokenStream,
    pub(crate) words: Vec<Ident>,
    pub(crate) is_global: bool,
}

impl Path {
    /// The path that some tokens begin with, and what stands behind it.
    pub(crate) fn split(tokens: &[TokenTree]) -> Option<(Self, &[TokenTree])> {
        if let [TokenTree::Group(group), rest @ ..] = tokens
            && group.delimiter() == Delimiter::None
        {
            // A macro's `$path:path`, with nothing else in it.
            let inside = row(group.stream());
            let (path, behind) = Self::split(&inside)?;
            return if behind.is_empty() { Some((path, rest)) } else { None };
        }
        let is_global = begins_with_colons(tokens);
        let mut at = if is_global { 2 } else { 0 };
        let mut words = Vec::new();
        loop {
            words.push(word(tokens.get(at)?)?);
            at += 1;
            if !begins_with_colons(&tokens[at..]) {
                break;
            }
            at += 2;
        }
        Some((Self { tokens: stream(&tokens[..at]), words, is_global }, &tokens[at..]))
    }

    /// Whether it is this one word.
    pub(crate) fn is_ident(&self, name: &str) -> bool {
        matches!(&self.words[..], [only] if only == name && !self.is_global)
    }

    /// Whether it ends so, whatever is in front.
    pub(crate) fn ends_in(&self, name: &str) -> bool {
        matches!(&self.words[..], [.., last] if last == name)
    }
}

impl ToTokens for Path {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

/// The elements of a list of types, patterns with types, or the like, between commas.
pub(crate) fn types(tokens: &[TokenTree]) -> Vec<&[TokenTree]> {
    let (mut elements, mut begin) = (Vec::new(), 0);
    // A comma may stand behind the last element, too.
    while begin < tokens.len() {
        let mut angles = Angles::default();
        let end = begin + until(&tokens[begin..], &mut |token| !angles.step(token) && is(token, ','));
        elements.push(&tokens[begin..end]);
        begin = end + 1;
    }
    elements
}

/// How deep in angle brackets the tokens of a type are.
#[derive(Default)]
pub(crate) struct Angles {
    depth: usize,
    after_dash: bool,
}

impl Angles {
    /// Takes the next token; gives whether it lies within brackets, or closes them.
    pub(crate) fn step(&mut self, token: &TokenTree) -> bool {
        let was_inside = self.depth > 0;
        match token {
            TokenTree::Punct(punct) => {
                match punct.as_char() {
                    '<' => self.depth += 1,
                    // Not that of an arrow.
                    '>' if !self.after_dash => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                self.after_dash = punct.as_char() == '-' && punct.spacing() == Spacing::Joint;
            }
            _ => self.after_dash = false,
        }
        was_inside || self.depth > 0
    }
}

/// The elements of a list of expressions, between commas.
///
/// Commas between brackets of any kind are no matter: those are single tokens. That leaves generics, which are told from
/// comparisons by what stands in front, as the compiler does it, and the parameters of closures.
pub(crate) fn values(tokens: &[TokenTree]) -> Vec<&[TokenTree]> {
    let (mut elements, mut begin, mut at) = (Vec::new(), 0, 0);
    let mut place = Place::Operand;
    while at < tokens.len() {
        let rest = &tokens[at..];
        (place, at) = match &rest[0] {
            comma if is(comma, ',') => {
                elements.push(&tokens[begin..at]);
                begin = at + 1;
                (Place::Operand, at + 1)
            }
            // `vec::<u8>`, `<T as Trait>::f`, `n as Vec<u8>`.
            bracket if is(bracket, '<') && place != Place::Operator => (Place::Operator, at + brackets(rest)),
            bar if is(bar, '|') && place == Place::Operand => (Place::Operand, at + parameters(rest)),
            colon if is(colon, ':') && begins_with_colons(rest) => {
                (if place == Place::Type { place } else { Place::Path }, at + 2)
            }
            dash if is(dash, '-') && rest.get(1).is_some_and(|it| is(it, '>')) => (Place::Type, at + 2),
            question if is(question, '?') => (Place::Operator, at + 1),
            TokenTree::Punct(punct) => {
                // The second half of `<<`, `||` and their like is no beginning of anything.
                let doubled = punct.spacing() == Spacing::Joint
                    && rest.get(1).is_some_and(|next| is(next, punct.as_char()) && "<|&>".contains(punct.as_char()));
                (if place == Place::Type { place } else { Place::Operand }, at + 1 + usize::from(doubled))
            }
            TokenTree::Ident(word) if word == "as" => (Place::Type, at + 1),
            TokenTree::Ident(word)
                if matches!(&text(word)[..], "return" | "break" | "move" | "static" | "async" | "in") =>
            {
                (Place::Operand, at + 1)
            }
            TokenTree::Ident(_) if place == Place::Type => (Place::Type, at + 1),
            _ => (Place::Operator, at + 1),
        };
    }
    // A comma may stand behind the last element, too.
    if begin < tokens.len() {
        elements.push(&tokens[begin..]);
    }
    elements
}

/// What an expression goes on with.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A value: `<` begins a type, `|` a closure.
    Operand,
    /// An operator: `<` is less than, `|` is or.
    Operator,
    /// The rest of a path: `<` begins its generics.
    Path,
    /// A type, whose end is not known: `<` begins its generics.
    Type,
}

/// How many tokens there are from an angle bracket to the one that closes it.
fn brackets(tokens: &[TokenTree]) -> usize {
    let mut angles = Angles::default();
    let closing = until(tokens, &mut |token| {
        angles.step(token);
        angles.depth == 0
    });
    closing + 1
}

/// How many tokens a closure's parameters are, with their bars.
fn parameters(tokens: &[TokenTree]) -> usize {
    let between = until(&tokens[1..], &mut |token| is(token, '|'));
    tokens.len().min(between + 2)
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::{Path, row, stream, types, values};

    fn texts(split: Vec<&[proc_macro2::TokenTree]>) -> Vec<String> {
        split.into_iter().map(|element| stream(element).to_string()).collect()
    }

    #[test]
    fn expressions_are_told_apart_whatever_commas_are_in_them() {
        let one = [
            quote!(f(1, 2)),
            quote!(HashMap::<u8, Vec<u8>>::new()),
            quote!(<Map<u8, u16> as Default>::default()),
            quote!(|a, b| a + b),
            quote!(move |a: Map<u8, u16>, (b, c)| a | b),
            quote!(|a, b| -> Result<u8, u16> { Ok(a) }),
            quote!(n as Pair<u8, u16>),
            quote!(&|a, b| a),
            quote!(Some(|a, b| a)),
            quote!(f::<fn(u8) -> Map<u8, u16>, u8>),
            quote!(vec![1, 2]),
            quote!(if a < b { 1 } else { 2 }),
            quote!(S::<u8, u16> { x: 1, ..d }),
            quote!([1, 2].map(|a| a).iter().fold(0, |a, b| a)),
        ];
        for expression in &one {
            assert_eq!(texts(values(&row(expression.clone()))), [expression.to_string()]);
        }
        let two = [
            quote!(a < b),
            quote!(c > d),
            quote!(1 << 2),
            quote!(a | b),
            quote!(a || b),
            quote!(x as u8),
            quote!(f()? < 1),
            quote!(-1),
            quote!("<"),
            quote!(|| 1),
            quote!(a <= b),
            quote!(a.b < c),
            quote!(1..),
            quote!('<'),
            quote!(a && b),
            quote!(x >> 1),
            quote!(T::<u8>::N < 3),
            quote!(!a),
        ];
        for first in one.iter().chain(&two) {
            for second in one.iter().chain(&two) {
                for list in [quote!(#first, #second), quote!(#first, #second,)] {
                    assert_eq!(texts(values(&row(list))), [first.to_string(), second.to_string()]);
                }
            }
        }
        assert!(values(&row(TokenStream::new())).is_empty());
    }

    #[test]
    fn parameters_are_told_apart_whatever_commas_are_in_them() {
        let all = [
            quote!(a: Map<u8, Vec<u16>>),
            quote!((b, c): (u8, u16)),
            quote!(f: &dyn Fn(u8) -> Map<u8, u16>),
            quote!(n: [u8; { 1 > 0 }]),
        ];
        let found = types(&row(quote!(#(#all),*))).into_iter().map(|it| stream(it).to_string()).collect::<Vec<_>>();
        assert_eq!(found, all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(types(&row(quote!(a: u8,))).len(), 1);
    }

    #[test]
    fn paths_end_where_something_else_begins() {
        let tokens = row(quote!(::core::prelude::v1::test(5)));
        let (path, rest) = Path::split(&tokens).unwrap();
        assert!(path.is_global && path.ends_in("test") && path.words.len() == 4 && rest.len() == 1);
        let tokens = row(quote!(expected = 5));
        let (path, rest) = Path::split(&tokens).unwrap();
        assert!(path.is_ident("expected") && rest.len() == 2);
        assert!(Path::split(&row(quote!("text"))).is_none());
    }
}
