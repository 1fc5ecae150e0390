//! `#[generate]`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::function::{self, Function};
use crate::mistakes::Mistakes;
use crate::{options::Options, signature};

const WHAT: &str = "a generator";

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    Options::parse(options, &mut mistakes).finish("`#[generate]` takes no options", &mut mistakes);
    match mistakes.unless(function::parse(item, "generate")) {
        None => mistakes.beside(item, TokenStream::new()),
        Some(function) => {
            check(&function, &mut mistakes);
            mistakes.beside(&function.bare(), quote!(#[cfg_attr(not(test), allow(dead_code))] #function))
        }
    }
}

fn check(function: &Function, mistakes: &mut Mistakes) {
    signature::check_callable(&function.signature, WHAT, mistakes);
    if let Some(asyncness) = &function.signature.asyncness {
        mistakes.at(asyncness, "a generator runs outside of any async runtime: remove `async`");
    }
    for parameter in &function.signature.parameters {
        let message = "a generator runs outside of all contexts: remove its parameters";
        mistakes.at(parameter, message);
    }
    if function.signature.output.is_none() {
        let message =
            "a generator must return its cases: write `-> impl Iterator<Item = (String, T)>`, or a collection";
        mistakes.at(&function.signature.ident, message);
    }
}
