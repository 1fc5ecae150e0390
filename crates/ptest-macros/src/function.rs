//! A function as it was written. Its body stays what it is, tokens, so that macros understand neither more nor less of it
//! than the compiler, and cost nothing for it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::attributes::{self, Attribute};
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

pub(crate) struct Parameter {
    pub(crate) attributes: Vec<Attribute>,
    /// It was marked with `#[case]`, which is not among its attributes then.
    pub(crate) is_case: bool,
    /// With the colon.
    pattern: TokenStream,
    pub(crate) ty: Type,
}

/// What is returned.
pub(crate) struct Output {
    arrow: TokenStream,
    pub(crate) ty: Type,
}

impl Function {
    /// The function without the attributes that make something else of it, so that the compiler can say what else is wrong.
    pub(crate) fn bare(&self) -> TokenStream {
        let Self { attributes, visibility, signature, body } = self;
        let mut bare = TokenStream::new();
        for attribute in attributes {
            if !attribute.path().ends_in("main") && !attribute.path().ends_in("test") {
                attribute.to_tokens(&mut bare);
            }
        }
        quote!(#bare #[allow(dead_code)] #visibility #signature #body)
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        attributes::written(&self.attributes).to_tokens(tokens);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl ToTokens for Signature {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.write(&self.fn_token, &self.ident, tokens);
    }
}

impl ToTokens for Parameter {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        attributes::written(&self.attributes).to_tokens(tokens);
        self.pattern.to_tokens(tokens);
        self.ty.to_tokens(tokens);
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
    let tokens = tokens::list(item.clone());
    let rest = &mut &tokens[..];
    let mut attributes = Attribute::take(rest, false);
    let visibility = visibility(rest);
    let Some(mut signature) = Signature::up_to_name(rest) else {
        return Err(Mistake::at(item, &format!("`#[{attribute}]` belongs on a function")));
    };
    signature.up_to_body(rest);
    let needs_body = "this function needs a body: write `{ .. }`";
    let body = match *rest {
        [TokenTree::Group(group), ..] => without_inner_attributes(braces(group.clone()), &mut attributes),
        [other, ..] => return Err(Mistake::at(other, needs_body)),
        [] => return Err(Mistake::at(item, needs_body)),
    };
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
    let word = tokens::word(first)?;
    if word != text {
        return None;
    }
    *rest = behind;
    Some(word)
}

impl Signature {
    fn up_to_name(rest: &mut &[TokenTree]) -> Option<Self> {
        let constness = take_word(rest, "const");
        let asyncness = take_word(rest, "async");
        let mut unsafety = take_word(rest, "unsafe");
        if unsafety.is_none() {
            unsafety = take_word(rest, "safe");
        }
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
        let length = tokens::until(rest, &mut |token| !angles.step(token));
        let generics = if length > 0 { Some(take(rest, length)) } else { None };
        let [TokenTree::Group(parentheses), behind @ ..] = *rest else { return None };
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
        let inside = tokens::list(self.parentheses.stream());
        let mut is_first = true;
        for input in &tokens::types(&inside) {
            let mut input = *input;
            let all = tokens::stream(input);
            let attributes = Attribute::take(&mut input, false);
            // Up to the first colon that is none of a path.
            let mut at = 0;
            while at < input.len() && (!tokens::is(&input[at], ':') || tokens::begins_with_colons(&input[at..])) {
                at += if tokens::begins_with_colons(&input[at..]) { 2 } else { 1 };
            }
            if is_first && tokens::has_word(&input[..at], "self") {
                self.receiver = Some(all);
            } else if at < input.len() && !tokens::is(&input[input.len() - 1], '.') {
                let (pattern, ty) = input.split_at(at + 1);
                let (pattern, ty) = (tokens::stream(pattern), Type::new(ty));
                self.parameters.push(Parameter { attributes, is_case: false, pattern, ty });
            } else {
                // Without a type there are but the three dots; anything else is for the compiler to refuse.
                self.variadic = Some(all);
            }
            is_first = false;
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
            if !ty.is_unit() {
                self.output = Some(Output { arrow, ty });
            }
        }
        if let [word, ..] = rest
            && tokens::is_word(word, "where")
        {
            let length = until_body(rest, false);
            self.where_clause = Some(take(rest, length));
        }
    }

    /// The name and the signature of a copy that is ours, so that lints which judge how the user names things see the
    /// original alone.
    pub(crate) fn within(&self) -> (Ident, TokenStream) {
        let (mut fn_token, mut ident) = (self.fn_token.clone(), self.ident.clone());
        fn_token.set_span(fn_token.span().resolved_at(Span::mixed_site()));
        ident.set_span(ident.span().resolved_at(Span::mixed_site()));
        let mut tokens = TokenStream::new();
        self.write(&fn_token, &ident, &mut tokens);
        (ident, tokens)
    }

    fn write(&self, fn_token: &Ident, ident: &Ident, tokens: &mut TokenStream) {
        let Self { constness, asyncness, unsafety, abi, generics, output, where_clause, .. } = self;
        let mut inputs = Vec::new();
        if let Some(receiver) = &self.receiver {
            inputs.push(receiver.clone());
        }
        for parameter in &self.parameters {
            inputs.push(parameter.to_token_stream());
        }
        if let Some(variadic) = &self.variadic {
            inputs.push(variadic.clone());
        }
        let parentheses = tokens::regroup(&self.parentheses, tokens::with_commas(&inputs));
        tokens.extend(
            quote!(#constness #asyncness #unsafety #abi #fn_token #ident #generics #parentheses #output #where_clause),
        );
    }
}

/// How many tokens there are in front of the body, or in front of `where` if there may be one.
fn until_body(rest: &[TokenTree], or_where: bool) -> usize {
    let mut angles = Angles::default();
    tokens::until(rest, &mut |token| {
        !angles.step(token)
            && match token {
                TokenTree::Group(group) => braces(group.clone()).delimiter() == Delimiter::Brace,
                token => tokens::is(token, ';') || or_where && tokens::is_word(token, "where"),
            }
    })
}

/// A `$body:block` of a macro comes in delimiters that nobody sees.
fn braces(group: Group) -> Group {
    if group.delimiter() != Delimiter::None {
        return group;
    }
    match &tokens::list(group.stream())[..] {
        [TokenTree::Group(only)] => braces(only.clone()),
        _ => group,
    }
}

/// `#![allow(..)]` may begin a function's body, but no other block: such attributes go in front of the function.
fn without_inner_attributes(body: Group, attributes: &mut Vec<Attribute>) -> Group {
    let mut start = body.stream().into_iter();
    match (start.next(), start.next()) {
        (Some(pound), Some(bang)) if tokens::is(&pound, '#') && tokens::is(&bang, '!') => {}
        _ => return body,
    }
    let inside = tokens::list(body.stream());
    let rest = &mut &inside[..];
    for attribute in Attribute::take(rest, true) {
        attributes.push(attribute);
    }
    tokens::regroup(&body, tokens::stream(rest))
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
            assert!(parse(&item, "test").err().unwrap().message().contains("belongs on a function"));
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
