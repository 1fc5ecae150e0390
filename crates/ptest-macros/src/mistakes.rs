//! What is wrong with what the user wrote: gathered, so that all of it is said at once.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

/// Every mistake, each on its own tokens.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

/// Something wrong in one place. There is no way to join spans, so it is where the compiler looks at both.
pub(crate) struct Mistake {
    first: Span,
    last: Span,
    message: String,
}

impl Mistake {
    pub(crate) fn at(place: impl ToTokens, message: impl Into<String>) -> Self {
        Self::new(place.to_token_stream(), message.into())
    }

    fn new(place: TokenStream, message: String) -> Self {
        let mut tokens = place.into_iter();
        let first = tokens.next().map_or_else(Span::call_site, |token| token.span());
        let last = tokens.last().map_or(first, |token| token.span());
        Self { first, last, message }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    fn error(&self) -> TokenStream {
        let (message, last) = (&self.message, self.last);
        // The compiler underlines from the first token to the last.
        let text = quote_spanned!(last=> { #message });
        let path = quote_spanned!(self.first=> ::core::compile_error!);
        quote!(#path #text)
    }
}

impl Mistakes {
    /// Says what is wrong with some tokens, and what to write instead.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl Into<String>) {
        self.0.push(Mistake::at(place, message));
    }

    /// What came out of parsing, unless it is a mistake.
    pub(crate) fn unless<T>(&mut self, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.0.push(mistake)).ok()
    }

    /// The errors for the compiler to report, if there are any, beside the item, which other code may use.
    pub(crate) fn beside(self, item: &impl ToTokens, expansion: TokenStream) -> TokenStream {
        if self.0.is_empty() {
            return expansion;
        }
        let errors = self.0.iter().map(Mistake::error);
        quote!(#item #(#errors)*)
    }
}
