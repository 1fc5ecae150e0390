//! What a function may look like, and the parameters that are injected into it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, PatType, ReturnType, Signature, Type, TypeReference};

use crate::mistakes::Mistakes;

/// Refuses what no caller of ours can call; `what` names the function's role: "a test".
pub(crate) fn check_callable(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    if let Some(constness) = &signature.constness {
        mistakes.at(constness, format!("{what} runs at run time: take `const` away"));
    }
    if let Some(unsafety) = &signature.unsafety {
        mistakes.at(unsafety, format!("{what} is called by nobody who could promise anything: put `unsafe` inside"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.at(abi, format!("{what} is called from Rust: take `extern` away"));
    }
    if !signature.generics.params.is_empty() {
        mistakes.at(
            &signature.generics,
            format!("{what} is not generic, since nobody could say for which type to call it"),
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.at(clause, format!("{what} is not generic: take the `where` clause away"));
    }
    if let Some(variadic) = &signature.variadic {
        mistakes.at(variadic, format!("{what} has a fixed number of parameters"));
    }
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        mistakes.at(receiver, format!("{what} is a free function without `self`: take it out of the `impl` block"));
    }
}

/// The same, for functions whose result has to be given a type elsewhere.
pub(crate) fn check(signature: &Signature, what: &str, mistakes: &mut Mistakes) {
    check_callable(signature, what, mistakes);
    if let ReturnType::Type(_, returned) = &signature.output
        && let Type::ImplTrait(hidden) = &**returned
    {
        mistakes.at(hidden, format!("{what} returns a type that has a name: write that instead of `impl`"));
    }
}

/// What is returned, with its arrow; nothing for `()`.
pub(crate) fn output(signature: &Signature) -> Option<&ReturnType> {
    match &signature.output {
        ReturnType::Type(_, returned) if !matches!(&**returned, Type::Tuple(tuple) if tuple.elems.is_empty()) => {
            Some(&signature.output)
        }
        _ => None,
    }
}

/// The parameters; `self` has been refused already.
pub(crate) fn parameters(signature: &Signature) -> impl Iterator<Item = &PatType> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    })
}

/// The `T` of a parameter `&T`, through whatever a macro has put around it.
pub(crate) fn lent(parameter: &PatType) -> Option<&TypeReference> {
    let mut seen = &*parameter.ty;
    loop {
        match seen {
            Type::Group(group) => seen = &group.elem,
            Type::Paren(paren) => seen = &paren.elem,
            Type::Reference(reference) => return Some(reference),
            _ => return None,
        }
    }
}

/// The argument for a parameter of a test: a reference to what a context provides, or a value of the test's own.
pub(crate) fn injected(parameter: &PatType, mistakes: &mut Mistakes) -> TokenStream {
    if lent(parameter).is_some() {
        return provided(parameter, "", mistakes);
    }
    for attribute in &parameter.attrs {
        mistakes.at(attribute, "a parameter that is made from contexts has no attributes: take this one away");
    }
    let own = &parameter.ty;
    if let Type::ImplTrait(_) = &**own {
        mistakes.at(own, "a value is made by its type: write that instead of `impl`");
    }
    let span = Span::mixed_site().located_at(own.span());
    quote_spanned!(span=> ::ptest::FromContext::from_context())
}

/// The argument for a parameter that a context provides, or what is wrong with it; `instead` says what else there is
/// besides references.
pub(crate) fn provided(parameter: &PatType, instead: &str, mistakes: &mut Mistakes) -> TokenStream {
    for attribute in &parameter.attrs {
        mistakes.at(attribute, "a parameter that a context provides has no attributes: take this one away");
    }
    let Some(reference) = lent(parameter) else {
        let ty = &parameter.ty;
        mistakes.at(parameter, format!("contexts lend what they provide: write `&{}`{instead}", text(ty)));
        return TokenStream::new();
    };
    let provided = &*reference.elem;
    if let Some(mutability) = &reference.mutability {
        let message =
            "contexts lend their values to many tests at once: take `mut` away, and keep what changes in a `Mutex`";
        mistakes.at(mutability, message);
    }
    if let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident != "_") {
        mistakes.at(lifetime, "contexts lend their values until the test ends: take the lifetime away");
    }
    if matches!(provided, Type::Slice(_) | Type::TraitObject(_) | Type::ImplTrait(_))
        || matches!(provided, Type::Path(path) if path.path.is_ident("str"))
    {
        mistakes.at(provided, "contexts provide values by their type: write the very type that the set-up returns");
    }
    let span = Span::mixed_site().located_at(provided.span());
    quote_spanned!(span=> &::ptest::cx())
}

/// A type, for use within a message.
fn text(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
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
