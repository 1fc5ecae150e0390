//! A function as it was written. Its body stays what it is, tokens, so that macros understand neither more nor less of it
//! than the compiler, and cost nothing for it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::attributes::Attribute;
use crate::mistakes::Mistake;
use crate::tokens::{self, Angles};
use crate::types::Type;

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: TokenStream,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// All that stands between a function's visibility and its body.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) constness: Option<Ident>,
    pub(crate) asyncness: Option<Ident>,
    pub(crate) unsafety: Option<Ident>,
    pub(crate) abi: Option<TokenStream>,
    pub(crate) fn_token: Ident,
    pub(crate) ident: Ident,
    /// With their angle brackets.
    pub(crate) generics: Option<TokenStream>,
    /// Their parentheses, for their place.
    parentheses: Group,
    pub(crate) receiver: Option<TokenStream>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) variadic: Option<TokenStream>,
    /// With its arrow; nothing for `()`.
    pub(crate) output: Option<Output>,
    pub(crate) where_clause: Option<TokenStream>,
}

#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) attributes: Vec<Attribute>,
    /// With the colon.
    pattern: TokenStream,
    pub(crate) ty: Type,
}

/// What is returned.
#[derive(Clone)]
pub(crate) struct Output {
    arrow: TokenStream,
    pub(crate) ty: Type,
}

impl Function {
    /// The function without the attributes that make something else of it, so that the compiler can say what else is wrong.
    pub(crate) fn bare(&self) -> TokenStream {
        let Self { attributes, visibility, signature, body } = self;
        let attributes = attributes
            .iter()
            .filter(|attribute| !attribute.path().ends_in("main") && !attribute.path().ends_in("test"));
        quote!(#(#attributes)* #[allow(dead_code)] #visibility #signature #body)
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, signature, body } = self;
        tokens.extend(quote!(#(#attributes)* #visibility #signature #body));
    }
}

impl ToTokens for Signature {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { constness, asyncness, unsafety, abi, fn_token, ident, generics, output, where_clause, .. } = self;
        let (receiver, variadic) = (self.receiver.iter(), self.variadic.iter());
        let parameters = self.parameters.iter().map(ToTokens::to_token_stream);
        let inputs = receiver.cloned().chain(parameters).chain(variadic.cloned());
        let mut parentheses = Group::new(Delimiter::Parenthesis, quote!(#(#inputs),*));
        parentheses.set_span(self.parentheses.span());
        tokens.extend(
            quote!(#constness #asyncness #unsafety #abi #fn_token #ident #generics #parentheses #output #where_clause),
        );
    }
}

impl ToTokens for Parameter {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, pattern, ty } = self;
        tokens.extend(quote!(#(#attributes)* #pattern #ty));
    }
}

impl ToTokens for Output {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.arrow.to_tokens(tokens);
        self.ty.to_tokens(tokens);
    }
}

/// The function that an attribute stands on, if it is one.
pub(crate) fn parse(item: &TokenStream, attribute: &str) -> Result<Function, Mistake> {
    let tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let rest = &mut &tokens[..];
    let mut attributes = Attribute::take(rest, false);
    let visibility = visibility(rest);
    let Some(mut signature) = Signature::up_to_name(rest) else {
        return Err(Mistake::at(item, format!("`#[{attribute}]` goes on a function")));
    };
    signature.up_to_body(rest);
    let body = match rest.first() {
        Some(TokenTree::Group(group)) => braces(group.clone()),
        other => {
            let place = other.map_or_else(|| item.clone(), ToTokens::to_token_stream);
            return Err(Mistake::at(place, "this function needs a body: write `{ .. }`"));
        }
    };
    let (inner, body) = inner_attributes(body);
    attributes.extend(inner);
    Ok(Function { attributes, visibility, signature, body })
}

/// `pub`, `pub(in path)`, or what a macro's `$visibility:vis` was.
pub(crate) fn visibility(rest: &mut &[TokenTree]) -> TokenStream {
    let length = match rest {
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::None => 1,
        [public, TokenTree::Group(group), ..]
            if tokens::is_word(public, "pub") && group.delimiter() == Delimiter::Parenthesis =>
        {
            2
        }
        [public, ..] if tokens::is_word(public, "pub") => 1,
        _ => 0,
    };
    take(rest, length)
}

fn take(rest: &mut &[TokenTree], length: usize) -> TokenStream {
    let (taken, behind) = rest.split_at(length);
    *rest = behind;
    tokens::stream(taken)
}

/// The next token, if it is this word.
fn take_word(rest: &mut &[TokenTree], text: &str) -> Option<Ident> {
    let (first, behind) = rest.split_first()?;
    let word = tokens::word(first).filter(|word| word == text)?;
    *rest = behind;
    Some(word)
}

impl Signature {
    fn up_to_name(rest: &mut &[TokenTree]) -> Option<Self> {
        let constness = take_word(rest, "const");
        let asyncness = take_word(rest, "async");
        let unsafety = take_word(rest, "unsafe").or_else(|| take_word(rest, "safe"));
        let abi = match rest {
            [word, TokenTree::Literal(_), ..] if tokens::is_word(word, "extern") => Some(take(rest, 2)),
            [word, ..] if tokens::is_word(word, "extern") => Some(take(rest, 1)),
            _ => None,
        };
        let fn_token = take_word(rest, "fn")?;
        let (name, behind) = rest.split_first()?;
        let ident = tokens::word(name)?;
        *rest = behind;
        let mut angles = Angles::default();
        let length = rest.iter().take_while(|token| angles.step(token)).count();
        let generics = (length > 0).then(|| take(rest, length));
        let Some((TokenTree::Group(parentheses), behind)) = rest.split_first() else { return None };
        *rest = behind;
        let mut signature = Self {
            constness,
            asyncness,
            unsafety,
            abi,
            fn_token,
            ident,
            generics,
            parentheses: parentheses.clone(),
            receiver: None,
            parameters: Vec::new(),
            variadic: None,
            output: None,
            where_clause: None,
        };
        signature.inputs();
        Some(signature)
    }

    fn inputs(&mut self) {
        let inside: Vec<TokenTree> = self.parentheses.stream().into_iter().collect();
        for (index, mut input) in tokens::types(&inside).into_iter().enumerate() {
            let all = tokens::stream(input);
            let attributes = Attribute::take(&mut input, false);
            // Up to the first colon that is none of a path.
            let mut at = 0;
            while at < input.len() && (!tokens::is(&input[at], ':') || tokens::begins_with_colons(&input[at..])) {
                at += if tokens::begins_with_colons(&input[at..]) { 2 } else { 1 };
            }
            let is_receiver = |token: &TokenTree| tokens::is_word(token, "self");
            if index == 0 && input[..at].iter().any(is_receiver) {
                self.receiver = Some(all);
            } else if at < input.len() && !tokens::is(&input[input.len() - 1], '.') {
                let (pattern, ty) = input.split_at(at + 1);
                self.parameters.push(Parameter { attributes, pattern: tokens::stream(pattern), ty: Type::new(ty) });
            } else {
                // Without a type there are but the three dots; anything else is for the compiler to refuse.
                self.variadic = Some(all);
            }
        }
    }

    fn up_to_body(&mut self, rest: &mut &[TokenTree]) {
        if let [dash, angle, ..] = rest
            && tokens::is(dash, '-')
            && tokens::is(angle, '>')
        {
            let arrow = take(rest, 2);
            let length = until_body(rest, true);
            let ty = Type::new(&rest[..length]);
            *rest = &rest[length..];
            self.output = Some(Output { arrow, ty }).filter(|output| !output.ty.is_unit());
        }
        if rest.first().is_some_and(|token| tokens::is_word(token, "where")) {
            let length = until_body(rest, false);
            self.where_clause = Some(take(rest, length));
        }
    }

    /// The signature for a copy that is ours, so that lints which judge how the user names things see the original alone.
    pub(crate) fn within(&self) -> Self {
        let mut signature = self.clone();
        signature.fn_token.set_span(signature.fn_token.span().resolved_at(Span::mixed_site()));
        signature.ident.set_span(signature.ident.span().resolved_at(Span::mixed_site()));
        signature
    }
}

/// How many tokens there are in front of the body, or in front of `where` if there may be one.
fn until_body(rest: &[TokenTree], or_where: bool) -> usize {
    let mut angles = Angles::default();
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => matches!(braces(group.clone()).delimiter(), Delimiter::Brace),
        token => tokens::is(token, ';') || or_where && tokens::is_word(token, "where"),
    };
    rest.iter().position(|token| !angles.step(token) && ends(token)).unwrap_or(rest.len())
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
fn inner_attributes(body: Group) -> (Vec<Attribute>, Group) {
    let mut start = body.stream().into_iter();
    let is = |token: Option<TokenTree>, letter| token.is_some_and(|token| tokens::is(&token, letter));
    if !is(start.next(), '#') || !is(start.next(), '!') {
        return (Vec::new(), body);
    }
    let inside: Vec<TokenTree> = body.stream().into_iter().collect();
    let rest = &mut &inside[..];
    let attributes = Attribute::take(rest, true);
    let mut without = Group::new(Delimiter::Brace, tokens::stream(rest));
    without.set_span(body.span());
    (attributes, without)
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::parse;

    #[test]
    fn a_function_is_written_as_it_was_read() {
        let functions = [
            "fn f() {}",
            "#[a] #[b(c)] pub(crate) const async unsafe extern \"C\" fn f<'a, T: Fn(u8) -> [u8; 1]>(#[case] a: &'a T, \
             (b, c): (A, B::<u8, 1>)) -> Map<u8, {1}> where T: Copy, [u8; {1}]: Sized { a; b }",
            "pub fn f(&mut self, a: a::b::C, ...) -> &dyn Fn() -> u8 {}",
            "fn f(a: Map<A, B>, S { x, y: [z, ..] }: S) -> impl Iterator<Item = (A, B)> {}",
        ];
        for function in functions {
            let function: TokenStream = function.parse().unwrap();
            let parsed = parse(&function, "test").ok().unwrap();
            assert_eq!(quote!(#parsed).to_string(), function.to_string());
        }
        let parsed = parse(
            &quote!(
                fn f(a: A, b: B) -> () {
                    #![x]
                    #![y(z)]
                    a
                }
            ),
            "test",
        )
        .ok()
        .unwrap();
        assert_eq!(
            quote!(#parsed).to_string(),
            quote!(
                #[x]
                #[y(z)]
                fn f(a: A, b: B) {
                    a
                }
            )
            .to_string()
        );
    }

    #[test]
    fn what_is_no_function_is_told_so() {
        for item in [
            quote!(
                struct S;
            ),
            quote!(
                const F: fn() = f;
            ),
            quote!(
                mod f {}
            ),
            quote!(),
        ] {
            assert!(parse(&item, "test").err().unwrap().message().contains("goes on a function"));
        }
        assert!(
            parse(
                &quote!(
                    fn f();
                ),
                "test"
            )
            .err()
            .unwrap()
            .message()
            .contains("needs a body")
        );
    }
}
