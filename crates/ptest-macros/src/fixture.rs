//! What setups and teardowns have in common.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::attributes;
use crate::function::Function;
use crate::mistakes::Mistakes;
use crate::runtime::{self, Runtime};
use crate::{signature, tokens};

/// The call of a fixture's function, to the end of its future if it is async.
pub(crate) fn call(
    function: &Function,
    arguments: &[TokenStream],
    block_on: Option<TokenStream>,
    what: &str,
    mistakes: &mut Mistakes,
) -> TokenStream {
    let mut is_test = false;
    for attribute in &function.attributes {
        let path = attribute.path();
        if path.ends_in("test") {
            is_test = true;
            let cure = match attributes::is_builtin_test(path) || attributes::is_ours(path) {
                true => "remove it",
                false => "use `#[tokio::main(flavor = \"current_thread\")]` or similar instead",
            };
            mistakes.at(path, &format!("this would make {what} a test as well: {cure}"));
        }
    }
    let (name, arguments) = (&function.signature.ident, tokens::with_commas(arguments));
    let call = quote!(#name(#arguments));
    if is_test {
        return call;
    }
    match runtime::of(&function.signature, block_on, &function.attributes, what, mistakes) {
        Runtime::BlockOn(path) => quote!(#path(#call)),
        Runtime::None | Runtime::Main | Runtime::Test => call,
    }
}

/// The function as it is, and beside it, in tests, what makes it a fixture. There must be one of its kind in a module,
/// and the name of the constant is what the compiler shows to those who have two.
pub(crate) fn items(function: &Function, only_one: &str, registration: &TokenStream) -> TokenStream {
    let lints = signature::lints();
    let place = Span::mixed_site().located_at(function.signature.ident.span());
    let only_one = Ident::new(only_one, place);
    let only_one = quote_spanned!(place=> #[allow(dead_code)] const #only_one: () = (););
    quote! {
        #lints
        #[cfg_attr(not(test), allow(dead_code))]
        #function

        #[cfg(test)]
        #registration

        #only_one
    }
}
