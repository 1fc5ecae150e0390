//! The attributes of the `ptest` crate, which re-exports them: see there.

mod attributes;
mod cases;
mod context;
mod fixture;
mod function;
mod generate;
mod mistakes;
mod options;
mod roles;
mod runtime;
mod setup;
mod signature;
mod teardown;
mod test;
mod time;

use proc_macro::TokenStream;

/// Sets up the context that a module is.
#[proc_macro_attribute]
pub fn setup(options: TokenStream, item: TokenStream) -> TokenStream {
    setup::expand(options.into(), &item.into()).into()
}

/// Tears down the context that a module is.
#[proc_macro_attribute]
pub fn teardown(options: TokenStream, item: TokenStream) -> TokenStream {
    teardown::expand(options.into(), &item.into()).into()
}

/// A test within the contexts that its module is in.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(options.into(), &item.into()).into()
}

/// Makes the `#[test]`s of a module tests of ours.
#[proc_macro_attribute]
pub fn context(options: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(options.into(), &item.into()).into()
}

/// Makes cases when tests run.
#[proc_macro_attribute]
pub fn generate(options: TokenStream, item: TokenStream) -> TokenStream {
    generate::expand(options.into(), &item.into()).into()
}
