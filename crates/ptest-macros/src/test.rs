//! `#[test]`.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::attributes::{self, Attribute};
use crate::function::{self, Function, Output, Parameter};
use crate::mistakes::Mistakes;
use crate::options::Options;
use crate::roles::{Roles, ShouldPanic};
use crate::runtime::{self, Runtime};
use crate::{cases, signature, tokens};

const WHAT: &str = "a test";
const KNOWN: &str =
    "`#[test]` takes `timeout = \"5s\"`, `threads_required = 4`, `block_on = path` and `from = generator`";

/// A test function and all that has been said about it.
pub(crate) struct Test {
    pub(crate) function: Function,
    pub(crate) roles: Roles,
    pub(crate) runtime: Runtime,
    pub(crate) timeout: Option<u64>,
    pub(crate) threads_required: Option<usize>,
    pub(crate) from: Option<TokenStream>,
}

pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    if let Some(expansion) = simplest(&options, item) {
        return expansion;
    }
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
    let threads_required = options.count("threads_required", "4", mistakes);
    let from = options.function("from", "generator", mistakes);
    let block_on = options.function("block_on", "futures::executor::block_on", mistakes);
    options.finish(KNOWN, mistakes);
    let roles = Roles::of(std::mem::take(&mut function.attributes), mistakes);
    cases::take_marks(&mut function.signature);
    signature::check(&function.signature, WHAT, mistakes);
    if let (Some(_), Some(output)) = (&roles.should_panic, &function.signature.output) {
        mistakes
            .at(output, "a test with `#[should_panic]` returns nothing: remove the return type or `#[should_panic]`");
    }
    let runtime = runtime::of(&function.signature, block_on, &roles.runtime, WHAT, mistakes);
    Test { function, roles, runtime, timeout, threads_required, from }
}

/// The one test that a function is without cases.
fn single(test: &Test, mistakes: &mut Mistakes) -> TokenStream {
    if let Some(plain) = plain(test) {
        return plain;
    }
    let mut parameters = test.function.signature.parameters.iter();
    if let Some(from) = &test.from {
        check_case(from, parameters.next(), test, mistakes);
    }
    let mut arguments = Vec::new();
    for parameter in parameters {
        arguments.push(signature::injected(parameter, mistakes));
    }

    let (name, output) = (&test.function.signature.ident, test.function.signature.output.as_ref());
    let (inner, callable) = inner(test, test.from.is_some(), &arguments);
    let run = run(test, name, output, &callable);
    let (visibility, fn_token, builtin) = (&test.function.visibility, &test.function.signature.fn_token, builtin(test));
    let Roles { plain, ignore, .. } = &test.roles;
    let returned = test.from.is_none().then_some(output);
    quote! {
        #(#plain)* #ignore #builtin
        #visibility #fn_token #name() #returned { #inner #run }
    }
}

/// `#[test] fn name() { .. }`, without anything besides: there are a thousand of those, and somebody waits for each. What
/// the compiler makes of it is what it makes of [`plain`].
fn simplest(options: &TokenStream, item: &TokenStream) -> Option<TokenStream> {
    let mut tokens = options.is_empty().then(|| item.clone().into_iter())?;
    let mut next = || tokens.next();
    let (Some(TokenTree::Ident(fn_token)), Some(TokenTree::Ident(name))) = (next(), next()) else { return None };
    let (Some(TokenTree::Group(parameters)), Some(TokenTree::Group(body)), None) = (next(), next(), next()) else {
        return None;
    };
    let is_simple = fn_token == "fn"
        && parameters.delimiter() == Delimiter::Parenthesis
        && parameters.stream().is_empty()
        && body.delimiter() == Delimiter::Brace;
    is_simple.then(|| {
        let named = named(&name);
        quote!(::ptest::__plain! { #named #item })
    })
}

/// A test that nothing needs to be known of and that no other attribute changes: nearly all are so, and each passes through
/// here while somebody waits.
fn plain(test: &Test) -> Option<TokenStream> {
    let Test { function: Function { visibility, signature, body, .. }, roles: Roles { plain, ignore, .. }, .. } = test;
    let is_plain = signature.parameters.is_empty()
        && signature.asyncness.is_none()
        && signature.output.is_none()
        && test.from.is_none()
        && test.roles.should_panic.is_none()
        && test.timeout.is_none()
        && matches!(test.runtime, Runtime::None)
        && plain.iter().all(Attribute::is_inert);
    is_plain.then(|| {
        let (named, options) = texts(test, &signature.ident);
        quote!(::ptest::__plain! { #named #options [#(#plain)* #ignore] [#visibility] #signature #body })
    })
}

/// The first parameter of a test that is run with what a generator makes.
fn check_case(from: &TokenStream, first: Option<&Parameter>, test: &Test, mistakes: &mut Mistakes) {
    if let Runtime::Test = test.runtime {
        let message = "this attribute allows no parameters, but `from` needs one: use \
                       `#[tokio::main(flavor = \"current_thread\")]` or similar instead";
        for attribute in &test.roles.runtime {
            mistakes.at(attribute.path(), message);
        }
    }
    if let Some(ShouldPanic { attribute, .. }) = &test.roles.should_panic {
        mistakes.at(
            attribute.path(),
            "`#[should_panic]` does not work with generated cases: use `std::panic::catch_unwind` in the test",
        );
    }
    match first {
        None => mistakes.at(from, "the first parameter of a test with `from` is the case: write `case: &T`"),
        Some(case) if case.ty.reference().is_none() => {
            mistakes.at(
                case,
                "generated cases are passed by reference: write `&T`, where the generator's items are `(String, T)`",
            );
        }
        Some(_) => {}
    }
}

/// What libtest is told: the built-in attribute, and the lint silenced that sees a second one within.
pub(crate) fn builtin(test: &Test) -> TokenStream {
    let unnameable = matches!(test.runtime, Runtime::Test).then(|| quote!(#[allow(unnameable_test_items)]));
    quote!(#unnameable #[::core::prelude::v1::test])
}

/// What runs the test, given a function or a closure.
pub(crate) fn run(test: &Test, name: &Ident, output: Option<&Output>, callable: &TokenStream) -> TokenStream {
    let (named, options) = texts(test, name);
    let annotation = quote!(::ptest::__test!(#named, #options));
    if let Some(from) = &test.from {
        return quote!(::ptest::__private::run_cases(#annotation, #from, #callable));
    }
    match &test.roles.should_panic {
        Some(ShouldPanic { expected: None, .. }) => {
            quote!(::ptest::__private::run_should_panic(#annotation, ::core::option::Option::None, #callable))
        }
        Some(ShouldPanic { expected: Some(expected), .. }) => {
            quote!(::ptest::__private::run_should_panic(#annotation, ::core::option::Option::Some(#expected), #callable))
        }
        None if output.is_none() => quote!(::ptest::__private::run_plain(#annotation, #callable)),
        None => quote!(::ptest::__private::run(#annotation, #callable)),
    }
}

/// What the annotation has of the test's name and its options. It is all in one text each, since every token costs once more
/// for every test.
fn texts(test: &Test, name: &Ident) -> (String, String) {
    let named = named(name);
    let ignored = test.roles.ignore.is_some();
    let timeout = test.timeout.map(|timeout| format!("\u{1f}timeout={timeout}")).unwrap_or_default();
    let threads = test.threads_required.map(|threads| format!("\u{1f}threads={threads}")).unwrap_or_default();
    let generated = test.from.as_ref().map(|_| "\u{1f}generated=true").unwrap_or_default();
    let options = format!("\u{1f}ignored={ignored}{timeout}{threads}{generated}");
    (named, options)
}

/// The name with the separators around it.
fn named(name: &Ident) -> String {
    format!("\u{1f}{name}\u{1f}")
}

/// The function as it was, for within the test of its name, and what to call there: itself, or a closure that has the
/// arguments. `has_case` says whether the first parameter is for a generator's case.
///
/// A function within is cheaper to compile than a closure, and its parameters live and its errors read as ever.
fn inner(test: &Test, has_case: bool, arguments: &[TokenStream]) -> (TokenStream, TokenStream) {
    let Function { signature, body, .. } = &test.function;
    let is_simple = signature.parameters.is_empty() && signature.asyncness.is_none() && signature.output.is_none();
    let lints = if is_simple { TokenStream::new() } else { signature::lints() };
    let attributes = attributes::written(&test.roles.runtime);
    let (name, signature) = signature.within();

    let (mut taken, mut given) = (TokenStream::new(), Vec::new());
    if has_case {
        let case = Ident::new("case", Span::mixed_site());
        taken = quote!(#case: &_);
        given.push(case.to_token_stream());
    }
    for argument in arguments {
        given.push(argument.clone());
    }
    let given = tokens::with_commas(&given);
    let call = quote!(#name(#given));
    match &test.runtime {
        Runtime::BlockOn(path) => (quote!(#lints #signature #body), quote!(|#taken| #path(#call))),
        Runtime::Test if arguments.is_empty() => (quote!(#attributes #signature #body), quote!(#name)),
        Runtime::Test => {
            let call = quote!(#lints #signature #body #call);
            (with_runtime(test, &name, &call), quote!(#name))
        }
        Runtime::None | Runtime::Main => {
            let callable = if arguments.is_empty() { quote!(#name) } else { quote!(|#taken| #call) };
            (quote!(#attributes #lints #signature #body), callable)
        }
    }
}

/// A function without parameters that an attribute gives a runtime to.
pub(crate) fn with_runtime(test: &Test, name: &Ident, call: &TokenStream) -> TokenStream {
    let attributes = attributes::written(&test.roles.runtime);
    let signature = &test.function.signature;
    let (asyncness, fn_token, output) = (&signature.asyncness, &signature.fn_token, &signature.output);
    let wait = asyncness.as_ref().map(|_| quote!(.await));
    quote! {
        #attributes
        #asyncness #fn_token #name() #output { #call #wait }
    }
}

/// The function alone, so that the compiler can say what else is wrong with it.
fn bare(test: &Test) -> TokenStream {
    let Function { visibility, signature, body, .. } = &test.function;
    let Roles { plain, .. } = &test.roles;
    quote!(#(#plain)* #[cfg(test)] #[allow(dead_code)] #visibility #signature #body)
}
