//! `#[case(..)]`: cases that are known at compile time, each a test of its own.
//!
//! The function stays, and beside it comes a module of its name with a test for each case. What a case says is looked up
//! where the function stands, not within that module: hence the `impl` block out there for a type in there.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::attributes::{self, Attribute, Content};
use crate::function::{Function, Signature};
use crate::mistakes::{Mistake, Mistakes};
use crate::runtime::Runtime;
use crate::signature;
use crate::test::{self, Test};
use crate::tokens;

struct Case {
    name: Ident,
    values: Vec<TokenStream>,
}

/// Whether a test has cases, or a parameter that wants them.
pub(crate) fn are_there(test: &Test) -> bool {
    !test.roles.case.is_empty() || test.function.signature.parameters.iter().any(|parameter| parameter.is_case)
}

/// Takes the marks from the parameters, since they mean nothing to the compiler.
pub(crate) fn take_marks(signature: &mut Signature) {
    for parameter in &mut signature.parameters {
        for attribute in std::mem::take(&mut parameter.attributes) {
            match attribute.path().is_ident("case") {
                true => parameter.is_case = true,
                false => parameter.attributes.push(attribute),
            }
        }
    }
}

pub(crate) fn expand(test: &Test, mistakes: &mut Mistakes) -> TokenStream {
    if let Some(from) = &test.from {
        mistakes.at(from, "a test has either `#[case]`s or a generator: remove `from` or the `#[case]`s");
    }
    let (arguments, expected) = arguments(test, mistakes);
    let (mut tests, mut bodies) = (TokenStream::new(), TokenStream::new());
    for case in &parse(test, expected, mistakes) {
        registered(test, case).to_tokens(&mut tests);
        body(test, case, &arguments).to_tokens(&mut bodies);
    }

    let (function, module) = (kept(test), &test.function.signature.ident);
    let lints = signature::lints();
    quote! {
        #[cfg(test)] #lints
        #function

        #[cfg(test)]
        mod #module {
            pub(super) enum Cases {}
            #tests
        }

        #[cfg(test)]
        impl #module::Cases { #bodies }
    }
}

/// The argument for each parameter, empty for those that a case has a value for; and how many those are.
fn arguments(test: &Test, mistakes: &mut Mistakes) -> (Vec<TokenStream>, usize) {
    let (mut arguments, mut expected) = (Vec::new(), 0);
    for parameter in &test.function.signature.parameters {
        arguments.push(match parameter.is_case {
            false => signature::injected(parameter, mistakes),
            true => TokenStream::new(),
        });
        expected += usize::from(parameter.is_case);
    }
    (arguments, expected)
}

fn parse(test: &Test, expected: usize, mistakes: &mut Mistakes) -> Vec<Case> {
    let attributes = &test.roles.case;
    let function = &test.function.signature.ident;
    if attributes.is_empty() {
        mistakes
            .at(function, "parameters have `#[case]`, but there are no cases: write `#[case(..)]` above the function");
    }
    let width = attributes.len().to_string().len();
    let mut cases = Vec::<Case>::new();
    let mut number = 0;
    for attribute in attributes {
        number += 1;
        let Some(name) = name(attribute, number, width, mistakes) else { continue };
        let Some(values) = mistakes.unless(values(attribute)) else { continue };
        if cases.iter().any(|case| case.name == name) {
            mistakes.at(&attribute.meta, &format!("there is already a case `{name}`: give this one another name"));
        }
        if values.len() != expected {
            let message = format!(
                "this case has {}, but `{function}` has {}",
                count(values.len(), "value", "values"),
                count(expected, "parameter with `#[case]`", "parameters with `#[case]`")
            );
            mistakes.at(&attribute.meta, &message);
        }
        cases.push(Case { name, values });
    }
    cases
}

/// A name that is given, or a number as `rstest` counts: all cases, with as many digits as the last one needs.
fn name(attribute: &Attribute, number: usize, width: usize, mistakes: &mut Mistakes) -> Option<Ident> {
    match &attribute.path().words[..] {
        [case] => Some(Ident::new(&format!("case_{number:0width$}"), case.span())),
        [_, name] => Some(name.clone()),
        _ => {
            mistakes.at(attribute.path(), "a case has one name: write `#[case::name(..)]`");
            None
        }
    }
}

fn values(attribute: &Attribute) -> Result<Vec<TokenStream>, Mistake> {
    match &attribute.meta.content {
        Content::Nothing => Ok(Vec::new()),
        Content::List(list) => {
            let mut values = Vec::new();
            for value in &tokens::values(&tokens::list(list.clone())) {
                if value.is_empty() {
                    return Err(Mistake::at(list, "expected a value before this comma"));
                }
                values.push(tokens::stream(value));
            }
            Ok(values)
        }
        Content::Value(_) => Err(Mistake::at(&attribute.meta, "write the values of a case as `#[case(1, 2)]`")),
    }
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// The function itself, for the cases to call.
fn kept(test: &Test) -> TokenStream {
    let Function { visibility, signature, body, .. } = &test.function;
    let plain = attributes::written(&test.roles.plain);
    let runtime = match &test.runtime {
        Runtime::Main => attributes::written(&test.roles.runtime),
        _ => TokenStream::new(),
    };
    quote!(#plain #runtime #visibility #signature #body)
}

/// The test of a case, as libtest knows it.
fn registered(test: &Test, Case { name, .. }: &Case) -> TokenStream {
    let (builtin, ignore) = (test::builtin(test), &test.roles.ignore);
    let output = test.function.signature.output.as_ref();
    let run = test::run(test, name, output, &quote!(Cases::#name));
    // The return type, as it was written, means something where the function stands, but perhaps nothing in here.
    let returned = match output {
        None => TokenStream::new(),
        Some(output) => quote_spanned!(signature::place(output)=> -> impl ::std::process::Termination),
    };
    quote!(#ignore #builtin fn #name() #returned { #run })
}

/// The body of that test: the call of the function.
fn body(test: &Test, case: &Case, injected: &[TokenStream]) -> TokenStream {
    let (name, signature) = (&case.name, &test.function.signature);
    let (function, output) = (&signature.ident, &signature.output);
    let mut values = case.values.iter();
    let mut arguments = Vec::new();
    for injected in injected {
        let argument = if injected.is_empty() { values.next() } else { Some(injected) };
        arguments.push(argument.to_token_stream());
    }
    let arguments = tokens::with_commas(&arguments);
    let call = quote!(#function(#arguments));
    let (lint, within) = match &test.runtime {
        Runtime::None | Runtime::Main => (None, call),
        Runtime::BlockOn(path) => (None, quote!(#path(#call))),
        Runtime::Test => {
            let name = Ident::new("ptest_case", Span::mixed_site());
            let inner = test::with_runtime(test, &name, &call);
            (Some(quote!(#[allow(unnameable_test_items)])), quote!(#inner #name()))
        }
    };
    quote!(#lint fn #name() #output { #within })
}
