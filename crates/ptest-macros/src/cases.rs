//! `#[case(..)]`: cases that are known at compile time, each a test of its own.
//!
//! The function stays, and beside it comes a module of its name with a test for each case. What a case says is looked up
//! where the function stands, not within that module: hence the `impl` block out there for a type in there.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::attributes::{Attribute, Content};
use crate::function::{Function, Signature};
use crate::mistakes::{Mistake, Mistakes};
use crate::roles::Roles;
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
    !test.roles.case.is_empty()
        || test.function.signature.parameters.iter().any(|parameter| parameter.attributes.iter().any(is_mark))
}

fn is_mark(attribute: &Attribute) -> bool {
    attribute.path().is_ident("case")
}

/// The signature without the marks on its parameters, which mean nothing to the compiler.
pub(crate) fn unmarked(signature: &Signature) -> Signature {
    let mut signature = signature.clone();
    for parameter in &mut signature.parameters {
        parameter.attributes.retain(|attribute| !is_mark(attribute));
    }
    signature
}

pub(crate) fn expand(test: &Test, mistakes: &mut Mistakes) -> TokenStream {
    if let Some(from) = &test.from {
        mistakes.at(from, "a test has either cases or a generator of them: take `from` or the `#[case]`s away");
    }
    let arguments = arguments(test, mistakes);
    let cases = parse(test, arguments.iter().filter(|argument| argument.is_none()).count(), mistakes);
    let tests = cases.iter().map(|case| registered(test, case));
    let bodies = cases.iter().map(|case| body(test, case, &arguments));

    let (function, module) = (kept(test), &test.function.signature.ident);
    let lints = signature::lints();
    quote! {
        #[cfg(test)] #lints
        #function

        #[cfg(test)]
        mod #module {
            pub(super) enum Cases {}
            #(#tests)*
        }

        #[cfg(test)]
        impl #module::Cases { #(#bodies)* }
    }
}

/// The argument for each parameter; none for those that a case has a value for.
fn arguments(test: &Test, mistakes: &mut Mistakes) -> Vec<Option<TokenStream>> {
    let parameters = test.function.signature.parameters.iter();
    parameters
        .map(|parameter| {
            let marks = parameter.attributes.iter().filter(|attribute| is_mark(attribute)).count();
            (marks == 0).then(|| signature::injected(parameter, mistakes))
        })
        .collect()
}

fn parse(test: &Test, expected: usize, mistakes: &mut Mistakes) -> Vec<Case> {
    let attributes = &test.roles.case;
    let function = &test.function.signature.ident;
    if attributes.is_empty() {
        mistakes.at(
            function,
            "there are no cases for the parameters with `#[case]`: write `#[case(..)]` above the function",
        );
    }
    let width = attributes.len().to_string().len();
    let mut cases = Vec::<Case>::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let Some(name) = name(attribute, index + 1, width, mistakes) else { continue };
        let Some(values) = mistakes.unless(values(attribute)) else { continue };
        if cases.iter().any(|case| case.name == name) {
            mistakes.at(&attribute.meta, format!("there is a case `{name}` already: give this one another name"));
        }
        if values.len() != expected {
            let message = format!(
                "this case has {}, but `{function}` has {}",
                count(values.len(), "value"),
                count(expected, "parameter with `#[case]`")
            );
            mistakes.at(&attribute.meta, message);
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
            let tokens: Vec<_> = list.clone().into_iter().collect();
            let values = tokens::values(&tokens).into_iter().map(|value| match value {
                [] => Err(Mistake::at(list, "there is a comma without a value in front of it")),
                value => Ok(tokens::stream(value)),
            });
            values.collect()
        }
        Content::Value(_) => Err(Mistake::at(&attribute.meta, "write the values of a case as `#[case(1, 2)]`")),
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {}", what.replacen("value", "values", 1).replacen("parameter", "parameters", 1)),
    }
}

/// The function itself, for the cases to call.
fn kept(test: &Test) -> TokenStream {
    let Function { visibility, signature, body, .. } = &test.function;
    let Roles { plain, .. } = &test.roles;
    let runtime = match &test.runtime {
        Runtime::Main(attributes) => &attributes[..],
        _ => &[],
    };
    let signature = unmarked(signature);
    quote!(#(#plain)* #(#runtime)* #visibility #signature #body)
}

/// The test of a case, as libtest knows it.
fn registered(test: &Test, Case { name, .. }: &Case) -> TokenStream {
    let (builtin, ignore) = (test::builtin(test), &test.roles.ignore);
    let output = test.function.signature.output.as_ref();
    let run = test::run(test, name, output, &quote!(Cases::#name));
    // The return type, as it was written, means something where the function stands, but perhaps nothing in here.
    let returned = output.map(|output| {
        let span = signature::place(output);
        quote_spanned!(span=> -> impl ::std::process::Termination)
    });
    quote!(#ignore #builtin fn #name() #returned { #run })
}

/// The body of that test: the call of the function.
fn body(test: &Test, case: &Case, arguments: &[Option<TokenStream>]) -> TokenStream {
    let (name, signature) = (&case.name, &test.function.signature);
    let (function, output) = (&signature.ident, &signature.output);
    let mut values = case.values.iter();
    let arguments = arguments.iter().map(|argument| match argument {
        Some(injected) => injected.clone(),
        None => values.next().to_token_stream(),
    });
    let call = quote!(#function(#(#arguments),*));
    let (lint, within) = match &test.runtime {
        Runtime::None | Runtime::Main(_) => (None, call),
        Runtime::BlockOn(path) => (None, quote!(#path(#call))),
        Runtime::Test(attributes) => {
            let name = Ident::new("ptest_case", Span::mixed_site());
            let inner = test::with_runtime(test, attributes, &name, &call);
            (Some(quote!(#[allow(unnameable_test_items)])), quote!(#inner #name()))
        }
    };
    quote!(#lint fn #name() #output { #within })
}
