//! `#[test]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, PatType, Path, ReturnType};

use crate::attributes::Conditional;
use crate::function::{self, Function};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::roles::Roles;
use crate::runtime::{self, Runtime};
use crate::{cases, signature};

const WHAT: &str = "a test";
const KNOWN: &str = "`#[test]` takes `timeout = \"5s\"`, `block_on = path` and `from = generator`";

/// A test function and all that has been said about it.
pub(crate) struct Test {
    pub(crate) function: Function,
    pub(crate) roles: Roles,
    pub(crate) runtime: Runtime,
    pub(crate) timeout: Option<u64>,
    pub(crate) from: Option<Path>,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = Options::parse(options, &mut mistakes);
    match mistakes.unless(function::parse(item, "test")) {
        None => mistakes.beside(item, TokenStream::new()),
        Some(function) => {
            let test = parse(options, function, &mut mistakes);
            let expansion = match cases::are_there(&test) {
                true => cases::expand(&test, &mut mistakes),
                false => single(&test, &mut mistakes),
            };
            mistakes.beside(&bare(&test), expansion)
        }
    }
}

fn parse(mut options: Options, mut function: Function, mistakes: &mut Mistakes) -> Test {
    let timeout = options.timeout(mistakes);
    let from = options.function("from", "generator", mistakes);
    let block_on = options.function("block_on", "futures::executor::block_on", mistakes);
    options.finish(KNOWN, mistakes);
    let mut roles = Roles::of(std::mem::take(&mut function.attributes), mistakes);
    signature::check(&function.signature, WHAT, mistakes);
    if let (Some(_), Some(output)) = (roles.should_panic.first(), signature::output(&function.signature)) {
        mistakes.at(output, "a test that should panic returns nothing: take this away, or `#[should_panic]`");
    }
    let attributes = std::mem::take(&mut roles.runtime);
    let runtime = runtime::of(&function.signature, block_on, attributes, WHAT, mistakes);
    Test { function, roles, runtime, timeout, from }
}

/// The one test that a function is without cases.
fn single(test: &Test, mistakes: &mut Mistakes) -> TokenStream {
    let mut parameters = signature::parameters(&test.function.signature);
    let case = test.from.as_ref().and_then(|from| case(from, parameters.next(), test, mistakes));
    let arguments: Vec<_> = parameters.map(|parameter| signature::injected(parameter, mistakes)).collect();

    let (name, output) = (&test.function.signature.ident, signature::output(&test.function.signature));
    let run = run(test, name, output, &body(test, case, &arguments));
    let (visibility, fn_token, builtin) = (&test.function.visibility, &test.function.signature.fn_token, builtin(test));
    let Roles { plain, cfg, ignore, .. } = &test.roles;
    let returned = test.from.is_none().then_some(output);
    quote! {
        #(#plain)* #(#cfg)* #(#ignore)* #builtin
        #visibility #fn_token #name() #returned { #run }
    }
}

/// The first parameter of a test that is run with what a generator makes.
fn case<'a>(from: &Path, first: Option<&'a PatType>, test: &Test, mistakes: &mut Mistakes) -> Option<&'a PatType> {
    if let Runtime::Test(attributes) = &test.runtime {
        let message = "a function with this attribute has no parameters, and `from` gives it one: write \
                       `#[tokio::main(flavor = \"current_thread\")]`, or the like, instead";
        attributes.iter().for_each(|attribute| mistakes.at(attribute.path(), message));
    }
    for (attribute, _) in &test.roles.should_panic {
        mistakes.at(
            attribute.path(),
            "cases of a generator can't be expected to panic: use `std::panic::catch_unwind` within",
        );
    }
    match first {
        None => mistakes.at(from, "the cases of a generator come by the first parameter: write `case: &T`"),
        Some(case) if signature::lent(case).is_none() => {
            mistakes.at(case, "the cases of a generator are lent: write `&T`, where the generator makes `(String, T)`");
        }
        Some(_) => {}
    }
    first
}

/// What libtest is told: the built-in attribute, and the lint silenced that sees a second one within.
pub(crate) fn builtin(test: &Test) -> TokenStream {
    let unnameable = matches!(test.runtime, Runtime::Test(_)).then(|| quote!(#[allow(unnameable_test_items)]));
    quote!(#unnameable #[::core::prelude::v1::test])
}

/// What runs the test, given a closure or a path to its body. It stands in a block of its own, lest the body see it.
pub(crate) fn run(test: &Test, name: &Ident, output: Option<&ReturnType>, body: &TokenStream) -> TokenStream {
    let ignored = test.roles.ignored();
    let timeout = test.timeout.map(|timeout| quote!(, timeout = #timeout));
    let limit = test.timeout.map(|timeout| quote!(.timeout(#timeout)));
    let generated = test.from.as_ref().map(|_| quote!(, generated = true));
    let registered = quote!({
        static TEST: ::ptest::__private::Test =
            ::ptest::__private::Test::new(::core::module_path!(), ::core::stringify!(#name))#limit;
        ::ptest::__annotate!(test, #name, ignored = #ignored #timeout #generated);
        &TEST
    });
    if let Some(from) = &test.from {
        return quote!(::ptest::__private::run_cases(#registered, #from, #body));
    }
    let run = if output.is_none() {
        quote!(::ptest::__private::run_plain(#registered, #body))
    } else {
        quote!(::ptest::__private::run(#registered, #body))
    };
    should_panic(test, &registered, body, run)
}

/// A test that should panic, perhaps only under a condition: then the compiler takes one of two away.
fn should_panic(test: &Test, registered: &TokenStream, body: &TokenStream, otherwise: TokenStream) -> TokenStream {
    test.roles.should_panic.iter().rfold(otherwise, |otherwise, (attribute, expected)| {
        let expected = match expected {
            None => quote!(::core::option::Option::None),
            Some(expected) => quote!(::core::option::Option::Some(#expected)),
        };
        let run = quote!(::ptest::__private::run_should_panic(#registered, #expected, #body));
        match attribute.condition() {
            None => run,
            Some(condition) => quote! {
                #[cfg(#condition)]
                { #run }
                #[cfg(not(#condition))]
                { #otherwise }
            },
        }
    })
}

/// A closure with the function's body in it. `case` is the parameter by which a generator's cases come; `arguments` are
/// for the others.
fn body(test: &Test, case: Option<&PatType>, arguments: &[TokenStream]) -> TokenStream {
    let Function { signature, body, .. } = &test.function;
    let output = signature::output(signature).map(ToTokens::to_token_stream);
    let inputs = &signature.inputs;
    if matches!(test.runtime, Runtime::None) && arguments.is_empty() {
        return quote!(|#inputs| #output #body);
    }
    // The parameters are those of a closure or function, so that they live as long as they would have, and lints see them
    // as what they are.
    let given = Ident::new("case", Span::mixed_site());
    let taken = case.map(|case| {
        let ty = &case.ty;
        quote!(#given: #ty)
    });
    let given = case.map(|_| given);
    let arguments = given.iter().map(ToTokens::to_token_stream).chain(arguments.iter().cloned());
    let call = quote!((#(#arguments),*));
    let within = match &test.runtime {
        Runtime::None => {
            let local = Ident::new("test", Span::mixed_site());
            let output = output.clone();
            quote!(let #local = |#inputs| #output #body; #local #call)
        }
        Runtime::BlockOn(path) => {
            let (function, name) = inner(test);
            quote!(#function #path(#name #call))
        }
        Runtime::Main(attributes) => {
            let (function, name) = inner(test);
            quote!(#(#attributes)* #function #name #call)
        }
        Runtime::Test(attributes) if inputs.is_empty() => {
            let name = &signature.ident;
            quote!(#(#attributes)* #signature #body #name())
        }
        Runtime::Test(attributes) => {
            let (function, name) = inner(test);
            with_runtime(test, attributes, &name, &quote!(#function #name #call))
        }
    };
    quote!(|#taken| #output { #within })
}

/// The function as it was, to be called from within the test of its name.
fn inner(test: &Test) -> (TokenStream, Ident) {
    let Function { signature, body, .. } = &test.function;
    let (lints, name) = (signature::lints(), &signature.ident);
    (quote!(#lints #signature #body), name.clone())
}

/// A function without parameters that an attribute gives a runtime to, and its call.
pub(crate) fn with_runtime(test: &Test, attributes: &[Conditional], name: &Ident, call: &TokenStream) -> TokenStream {
    let signature = &test.function.signature;
    let (asyncness, fn_token, output) = (&signature.asyncness, &signature.fn_token, &signature.output);
    let wait = asyncness.map(|_| quote!(.await));
    quote! {
        #(#attributes)*
        #asyncness #fn_token #name() #output { #call #wait }
        #name()
    }
}

/// The function alone, so that the compiler can say what else is wrong with it.
fn bare(test: &Test) -> TokenStream {
    let Function { visibility, signature, body, .. } = &test.function;
    let Roles { plain, cfg, .. } = &test.roles;
    let signature = cases::unmarked(signature);
    quote!(#(#plain)* #(#cfg)* #[cfg(test)] #[allow(dead_code)] #visibility #signature #body)
}
