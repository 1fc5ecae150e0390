//! What is wrong with what the user wrote: gathered, so that all of it is said at once.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::tokens;

/// Every mistake, each on its own tokens, as the errors for the compiler to report.
#[derive(Default)]
pub(crate) struct Mistakes(TokenStream);

/// Something wrong in one place. There is no way to join spans, so it is where the compiler looks at both.
pub(crate) struct Mistake {
    first: Span,
    last: Span,
    message: String,
}

impl Mistake {
    pub(crate) fn at(place: &dyn ToTokens, message: &str) -> Self {
        let (first, last) = match &tokens::list(place.to_token_stream())[..] {
            [] => (Span::call_site(), Span::call_site()),
            [only] => (only.span(), only.span()),
            [first, .., last] => (first.span(), last.span()),
        };
        Self { first, last, message: message.to_owned() }
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
    pub(crate) fn at(&mut self, place: &dyn ToTokens, message: &str) {
        self.add(&Mistake::at(place, message));
    }

    fn add(&mut self, mistake: &Mistake) {
        mistake.error().to_tokens(&mut self.0);
    }

    /// What came out of parsing, unless it is a mistake.
    pub(crate) fn unless<T>(&mut self, result: Result<T, Mistake>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.add(&mistake);
                None
            }
        }
    }

    /// The errors, if there are any, beside the item, which other code may use.
    pub(crate) fn beside(self, item: &TokenStream, expansion: TokenStream) -> TokenStream {
        let errors = self.0;
        if errors.is_empty() { expansion } else { quote!(#item #errors) }
    }
}
