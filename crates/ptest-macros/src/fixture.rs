//! What set-ups and teardowns have in common.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, Path};

use crate::attributes::{self, Conditional};
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::runtime::{self, Runtime};
use crate::signature;

/// The call of a fixture's function, to the end of its future if it is async.
pub(crate) fn call(
    function: &Function,
    arguments: &[TokenStream],
    block_on: Option<Path>,
    what: &str,
    mistakes: &mut Mistakes,
) -> TokenStream {
    let (tests, mains) = Conditional::all(function.attributes.clone())
        .into_iter()
        .filter(|attribute| attribute.ends_in("test") || attribute.ends_in("main"))
        .partition::<Vec<_>, _>(|attribute| attribute.ends_in("test"));
    for test in &tests {
        let cure = match attributes::is_builtin_test(test.path()) || attributes::is_ours(test.path()) {
            true => "take it away",
            false => "write `#[tokio::main(flavor = \"current_thread\")]`, or the like, instead",
        };
        mistakes.at(test.path(), format!("this would make {what} a test as well: {cure}"));
    }
    let name = &function.signature.ident;
    let call = quote!(#name(#(#arguments),*));
    match tests.is_empty() {
        false => call,
        true => match runtime::of(&function.signature, block_on, mains, what, mistakes) {
            Runtime::BlockOn(path) => quote!(#path(#call)),
            Runtime::None | Runtime::Main(_) | Runtime::Test(_) => call,
        },
    }
}

/// The function as it is, and beside it, in tests, what makes it a fixture. There must be one of its kind in a module,
/// and the name of the constant is what the compiler shows to those who have two.
pub(crate) fn items(function: &Function, only_one: &str, registration: &TokenStream) -> TokenStream {
    let conditions: Vec<_> =
        Conditional::all(function.attributes.clone()).into_iter().filter(|attribute| attribute.is("cfg")).collect();
    let name = function.signature.ident.span();
    let only_one = Ident::new(only_one, Span::mixed_site().located_at(name));
    let lints = signature::lints();
    quote! {
        #lints
        #[cfg_attr(not(test), allow(dead_code))]
        #function

        #(#conditions)*
        #[cfg(test)]
        #registration

        #(#conditions)*
        #[cfg(test)]
        #[allow(dead_code)]
        const #only_one: () = ();
    }
}
