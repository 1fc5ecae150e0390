//! `#[teardown]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::function::{self, Function};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::types::Type;
use crate::{fixture, signature};

const WHAT: &str = "a teardown";
const KNOWN: &str = "`#[teardown]` takes `timeout = \"10s\"` and `block_on = path`";

struct Teardown {
    timeout: Option<u64>,
    block_on: Option<TokenStream>,
}

/// The call of the function, and the type of what it takes by value.
struct Call {
    call: TokenStream,
    taken: Option<Type>,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let teardown = parse(options, &mut mistakes);
    match mistakes.unless(function::parse(item, "teardown")) {
        None => mistakes.beside(item, TokenStream::new()),
        Some(function) => {
            let call = check(&function, &teardown, &mut mistakes);
            let expansion = items(&function, &teardown, &call);
            mistakes.beside(&function.bare(), expansion)
        }
    }
}

fn parse(options: TokenStream, mistakes: &mut Mistakes) -> Teardown {
    let mut options = Options::parse(options, mistakes);
    let teardown = Teardown {
        timeout: options.timeout(mistakes),
        block_on: options.function("block_on", "futures::executor::block_on", mistakes),
    };
    options.finish(KNOWN, mistakes);
    teardown
}

fn check(function: &Function, teardown: &Teardown, mistakes: &mut Mistakes) -> Call {
    signature::check(&function.signature, WHAT, mistakes);
    let value = value();
    let (mut arguments, mut taken) = (Vec::new(), None);
    for parameter in &function.signature.parameters {
        if taken.is_none() && parameter.ty.reference().is_none() {
            taken = Some(parameter.ty.clone());
            arguments.push(quote!(#value));
        } else {
            let instead = "; a teardown takes one parameter by value at most, what its setup returned";
            arguments.push(signature::provided(parameter, instead, mistakes));
        }
    }
    let call = fixture::call(function, &arguments, teardown.block_on.clone(), WHAT, mistakes);
    Call { call, taken }
}

fn items(function: &Function, teardown: &Teardown, Call { call, taken }: &Call) -> TokenStream {
    let name = &function.signature.ident;
    let timeout = teardown.timeout.map(|timeout| quote!(timeout = #timeout));
    let value = value();
    let taking = taken.as_ref().map(|taken| quote!((#taken), |#value|));
    let registration = quote!(::ptest::__teardown!(#name, [#timeout], #taking { #call }););
    fixture::items(function, "THIS_MODULE_HAS_MORE_THAN_ONE_TEARDOWN", &registration)
}

/// The name of the setup's value, which is hidden from the user's own code.
fn value() -> Ident {
    Ident::new("value", Span::mixed_site())
}
