//! What is wrong with what the user wrote: gathered, so that all of it is said at once.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// Every mistake, each on its own tokens.
#[derive(Default)]
pub(crate) struct Mistakes(Option<syn::Error>);

impl Mistakes {
    /// Says what is wrong with some tokens, and what to write instead.
    pub(crate) fn at(&mut self, place: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(place, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// What came out of parsing, unless it is a mistake.
    pub(crate) fn unless<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// The errors for the compiler to report, if there are any, beside the item, which other code may use.
    pub(crate) fn beside(self, item: &impl ToTokens, expansion: TokenStream) -> TokenStream {
        match self.0.map(syn::Error::into_compile_error) {
            Some(errors) => quote!(#item #errors),
            None => expansion,
        }
    }
}
