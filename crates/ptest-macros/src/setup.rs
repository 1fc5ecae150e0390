//! `#[setup]`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use crate::function::{self, Function};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::{fixture, signature, tokens};

const WHAT: &str = "a setup";
const KNOWN: &str = "`#[setup]` takes one of `unit`, `can_split` and `shared`, and `timeout = \"30s\"`, `key = \"pg\"`, `plain`, \
                     `block_on = path`";

struct Setup {
    kind: Ident,
    timeout: Option<u64>,
    key: Option<Literal>,
    plain: bool,
    block_on: Option<TokenStream>,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let setup = parse(options, &mut mistakes);
    match mistakes.unless(function::parse(item, "setup")) {
        None => mistakes.beside(item, TokenStream::new()),
        Some(function) => {
            let call = check(&function, &setup, &mut mistakes);
            let expansion = items(&function, &setup, &call);
            mistakes.beside(&function.bare(), expansion)
        }
    }
}

fn parse(options: TokenStream, mistakes: &mut Mistakes) -> Setup {
    let mut options = Options::parse(options, mistakes);
    let mut kinds = Vec::new();
    for kind in &["unit", "can_split", "shared"] {
        if let Some(kind) = options.word(kind, mistakes) {
            kinds.push(kind);
        }
    }
    let setup = Setup {
        kind: kinds.pop().unwrap_or_else(|| Ident::new("unit", Span::call_site())),
        timeout: options.timeout(mistakes),
        key: options.text("key", "\"pg\"", mistakes),
        plain: options.word("plain", mistakes).is_some(),
        block_on: options.function("block_on", "futures::executor::block_on", mistakes),
    };
    for kind in &kinds {
        mistakes.at(kind, &format!("a context is either `{kind}` or `{}`: remove one of them", setup.kind));
    }
    if let Some(key) = &setup.key
        && setup.kind != "shared"
    {
        mistakes.at(key, "`key` is for contexts that several binaries share: write `#[setup(shared, key = ..)]`");
    }
    options.finish(KNOWN, mistakes);
    setup
}

/// The call of the function, if it can be called.
fn check(function: &Function, setup: &Setup, mistakes: &mut Mistakes) -> TokenStream {
    signature::check(&function.signature, WHAT, mistakes);
    let instead = "; a setup gets values from the contexts around it";
    let mut arguments = Vec::new();
    for parameter in &function.signature.parameters {
        arguments.push(signature::provided(parameter, instead, mistakes));
    }
    fixture::call(function, &arguments, setup.block_on.clone(), WHAT, mistakes)
}

fn items(function: &Function, setup: &Setup, call: &TokenStream) -> TokenStream {
    let (name, kind) = (&function.signature.ident, &setup.kind);
    let mut options = Vec::new();
    if let Some(timeout) = setup.timeout {
        options.push(quote!(timeout = #timeout));
    }
    if let Some(key) = &setup.key {
        options.push(quote!(key = #key));
    }
    if setup.plain {
        options.push(quote!(plain = true));
    }
    let options = tokens::with_commas(&options);
    let registration = quote!(::ptest::__setup!(#name, #kind, [#options], { #call }););
    fixture::items(function, "THIS_MODULE_HAS_MORE_THAN_ONE_SETUP", &registration)
}
