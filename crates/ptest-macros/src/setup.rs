//! `#[setup]`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use crate::function::{self, Function};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::{fixture, signature};

const WHAT: &str = "a set-up";
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
    let mut kinds =
        ["unit", "can_split", "shared"].into_iter().filter_map(|kind| options.word(kind, mistakes)).collect::<Vec<_>>();
    let setup = Setup {
        kind: kinds.pop().unwrap_or_else(|| quote::format_ident!("unit")),
        timeout: options.timeout(mistakes),
        key: options.text("key", "\"pg\"", mistakes),
        plain: options.word("plain", mistakes).is_some(),
        block_on: options.function("block_on", "futures::executor::block_on", mistakes),
    };
    for kind in kinds {
        mistakes.at(&kind, format!("a context is either `{kind}` or `{}`: take one of them away", setup.kind));
    }
    if let Some(key) = setup.key.as_ref().filter(|_| setup.kind != "shared") {
        mistakes.at(key, "a key names what several binaries share: write `#[setup(shared, key = ..)]`");
    }
    options.finish(KNOWN, mistakes);
    setup
}

/// The call of the function, if it can be called.
fn check(function: &Function, setup: &Setup, mistakes: &mut Mistakes) -> TokenStream {
    signature::check(&function.signature, WHAT, mistakes);
    let instead = "; a set-up gets what the contexts around it provide";
    let arguments: Vec<_> = function
        .signature
        .parameters
        .iter()
        .map(|parameter| signature::provided(parameter, instead, mistakes))
        .collect();
    fixture::call(function, &arguments, setup.block_on.clone(), WHAT, mistakes)
}

fn items(function: &Function, setup: &Setup, call: &TokenStream) -> TokenStream {
    let (name, kind) = (&function.signature.ident, &setup.kind);
    let timeout = setup.timeout.iter().map(|timeout| quote!(timeout = #timeout));
    let key = setup.key.iter().map(|key| quote!(key = #key));
    let plain = setup.plain.then(|| quote!(plain = true));
    let options = timeout.chain(key).chain(plain);
    let registration = quote!(::ptest::__setup!(#name, #kind, [#(#options),*], { #call }););
    fixture::items(function, "THIS_MODULE_HAS_MORE_THAN_ONE_SET_UP", &registration)
}
