//! What a function may look like, and the parameters that are injected into it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::function::{Parameter, Signature};
use crate::mistakes::Mistakes;
use crate::tokens;
use crate::types::{Reference, Type};

/// Refuses what no caller of ours can call; `what` names the function's role: "a test".
pub(crate) fn check_callable(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    let mut refuse = |is_there: bool, place: &dyn ToTokens, why: &str| {
        if is_there {
            mistakes.at(place, &format!("{what} {why}"));
        }
    };
    let Signature { constness, unsafety, abi, generics, where_clause, variadic, receiver, .. } = signature;
    refuse(constness.is_some(), constness, "cannot be `const`: remove `const`");
    refuse(unsafety.is_some(), unsafety, "cannot be `unsafe`: use an `unsafe` block inside of it");
    refuse(abi.is_some(), abi, "cannot be `extern`: remove `extern`");
    refuse(generics.is_some(), generics, "cannot be generic: nothing says for which type to call it");
    refuse(where_clause.is_some(), where_clause, "cannot have a `where` clause: remove it");
    refuse(variadic.is_some(), variadic, "cannot be variadic");
    refuse(receiver.is_some(), receiver, "must be a free function without `self`: move it out of the `impl` block");
}

/// The same, for functions whose result has to be given a type elsewhere.
pub(crate) fn check(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    check_callable(signature, what, mistakes);
    if let Some(output) = &signature.output
        && output.ty.is_hidden()
    {
        mistakes.at(&output.ty, &format!("{what} must return a type that has a name: write it instead of `impl`"));
    }
}

/// The argument for a parameter of a test: a reference to what a context provides, or a value of the test's own.
pub(crate) fn injected(parameter: &Parameter, mistakes: &mut Mistakes) -> TokenStream {
    if parameter.ty.reference().is_some() {
        return provided(parameter, "", mistakes);
    }
    for attribute in &parameter.attributes {
        mistakes.at(attribute, "a parameter that is made from contexts cannot have attributes: remove this one");
    }
    let own = &parameter.ty;
    if own.is_hidden() {
        mistakes.at(own, "the type of the parameter says how to make its value: name the type instead of `impl`");
    }
    let span = place(own);
    quote_spanned!(span=> ::ptest::FromContext::from_context())
}

/// The argument for a parameter that a context provides, or what is wrong with it; `instead` says what else there is
/// besides references.
pub(crate) fn provided(parameter: &Parameter, instead: &str, mistakes: &mut Mistakes) -> TokenStream {
    for attribute in &parameter.attributes {
        mistakes.at(attribute, "a parameter that a context provides cannot have attributes: remove this one");
    }
    let Some(Reference { lifetime, mutability, elem }) = parameter.ty.reference() else {
        let text = text(&parameter.ty);
        mistakes.at(parameter, &format!("contexts lend their values: write `&{text}`{instead}"));
        return TokenStream::new();
    };
    if let Some(mutability) = mutability {
        let message =
            "contexts lend their values to many tests at a time: remove `mut`, and put what changes into a `Mutex`";
        mistakes.at(&mutability, message);
    }
    if let Some((lifetime, name)) = lifetime
        && name != "_"
    {
        mistakes.at(&lifetime, "contexts lend their values until the test ends: remove the lifetime");
    }
    if elem.is_unsized() {
        mistakes.at(&elem, "values are found by their type: write exactly the type that the setup returns");
    }
    let span = place(&elem);
    quote_spanned!(span=> &::ptest::cx())
}

/// Where an error about some tokens is shown, in code that is ours.
pub(crate) fn place(tokens: &dyn ToTokens) -> Span {
    Span::mixed_site().located_at(tokens::span(tokens))
}

/// A type, for use within a message.
fn text(ty: &Type) -> String {
    let text = tokens::text(&ty.to_token_stream());
    text.replace(" :: ", "::").replace(" < ", "<").replace(" >", ">").replace("& ", "&").replace(" ,", ",")
}

/// Lints that judge signatures, where it is us who ask for references, results and `async`.
pub(crate) fn lints() -> TokenStream {
    quote! {
        #[allow(
            clippy::needless_pass_by_value, clippy::ptr_arg, clippy::too_many_arguments,
            clippy::trivially_copy_pass_by_ref, clippy::unnecessary_wraps, clippy::unused_async
        )]
    }
}
