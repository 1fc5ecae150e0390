//! The attributes of the crate `ptest`. Use them from `ptest`, which re-exports them.
//!
//! Each attribute is expanded in the file of its name: it parses and checks options and function, and writes them out again.
//! Every mistake is reported, on its own token. [`test`](macro@test) needs more files: `roles` sorts the other attributes,
//! `runtime` decides how a future is run, `cases` makes several tests from one function. There is no `syn`: `tokens`,
//! `attributes`, `function`, `types` and `literal` parse as much of the language as is needed.

mod attributes;
mod cases;
mod context;
mod fixture;
mod function;
mod generate;
mod literal;
mod mistakes;
mod options;
mod roles;
mod runtime;
mod setup;
mod signature;
mod teardown;
mod test;
mod time;
mod tokens;
mod types;

use proc_macro::TokenStream;

/// Makes a module a context: the function runs before the tests of the module, and they get the value that it returns.
///
/// The module can be a file, an inline module, or the root of a test crate. All tests in it, and in the modules inside of it,
/// that are marked with [`test`](macro@test) belong to the context. The function returns `T` or `Result<T, E>`, where `E`
/// implements `Debug`. Each test that has a parameter `&T` gets the value. A module has at most one setup.
///
/// If the function panics, returns an error or times out, each test of the context fails. It is not tried again.
///
/// ```ignore
/// struct Basket(Vec<u32>);
///
/// #[ptest::setup(timeout = "2s")]
/// fn basket() -> Result<Basket, std::io::Error> {
///     Ok(Basket(Vec::new()))
/// }
///
/// #[ptest::test]
/// fn is_empty(basket: &Basket) {
///     assert!(basket.0.is_empty());
/// }
/// ```
///
/// # Kinds
///
/// * `unit`, the default: the tests run one after another in one process, between one setup and one teardown. `T` is `Send` and
///   `Sync`.
/// * `can_split`: the tests may be divided among several processes, each with its own setup and teardown. `T` is `Send` and
///   `Sync`.
/// * `shared`: set up once per run, in a process of its own, which sends the value to all others. The function returns
///   `ptest::Shared<T>`, where `T` can be serialised and deserialised with serde.
///
/// # Options
///
/// * `timeout = "30s"`: how long it may take; also `"500ms"`, `"2.5s"`, `"1m"`, `"1h"`, or a whole number of seconds. The default
///   is two minutes.
/// * `key = "pg"`, for `shared`: all test binaries of the package share this context.
/// * `plain`: the plain `#[test]`s in the module need no setup. Without this option `cargo ptest` reports them as failed, because
///   they would run without their setup.
/// * `block_on = futures::executor::block_on`: the function is async, and `block_on` runs its future.
///
/// # Parameters and futures
///
/// Parameters are references to values of the contexts around this one. An async function needs `block_on`, or an attribute
/// below that provides a runtime, such as `#[tokio::main(flavor = "current_thread")]`.
///
/// ```ignore
/// mod orders {
///     #[ptest::setup]
///     #[tokio::main(flavor = "current_thread")]
///     async fn orders(database: &super::Database) -> Orders {
///         Orders::insert_into(&database.url).await
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn setup(options: TokenStream, item: TokenStream) -> TokenStream {
    setup::expand(options.into(), &item.into()).into()
}

/// Tears down a context after its last test.
///
/// The function stands in the same module as the setup. It may take the setup's value by value (in a shared context: what
/// `ptest::Shared::keep` keeps), and references to values of the contexts around this one. It returns nothing or a `Result`;
/// an error, a panic or a timeout makes the run fail. Without a teardown the value is dropped. A module has at most one
/// teardown.
///
/// ```ignore
/// #[ptest::setup]
/// fn start() -> Server {
///     Server::start()
/// }
///
/// #[ptest::teardown(timeout = "5s")]
/// fn stop(server: Server) -> std::io::Result<()> {
///     server.shut_down()
/// }
/// ```
///
/// # Options
///
/// * `timeout = "30s"`: how long it may take, written as for [`setup`](macro@setup). The default is ten seconds.
/// * `block_on = futures::executor::block_on`: the function is async, and `block_on` runs its future.
#[proc_macro_attribute]
pub fn teardown(options: TokenStream, item: TokenStream) -> TokenStream {
    teardown::expand(options.into(), &item.into()).into()
}

/// A test that gets values from the contexts around it.
///
/// `use ptest::test;` replaces the built-in attribute. `cargo test` and all other runners see an ordinary test; when it runs,
/// the contexts around it are set up first. A parameter `&T` gets the value of type `T` from the innermost context that
/// provides one. A parameter `T`, by value, is created for this test: see `ptest::FromContext`. The test returns nothing or
/// anything else that the built-in attribute allows, such as a `Result`.
///
/// ```ignore
/// use ptest::test;
///
/// #[test]
/// fn is_empty(basket: &Basket) {
///     assert!(basket.0.is_empty());
/// }
///
/// #[test(timeout = "500ms")]
/// #[should_panic(expected = "out of stock")]
/// fn cannot_sell_what_is_not_there(basket: &Basket) {
///     basket.sell(1);
/// }
/// ```
///
/// In a child of a module that has `use ptest::test;`, `use super::*;` makes `test` ambiguous (E0659). Write
/// `use ptest::test;` in the child, too.
///
/// # Options
///
/// * `timeout = "5s"`: how long it may take; also `"500ms"`, `"2.5s"`, `"1m"`, `"1h"`, or a whole number of seconds. The default
///   is the runner's.
/// * `threads_required = 4`: how many slots of `cargo ptest` it takes, all of them or none, at least 1. For tests that keep
///   several cores busy. It is a literal; see the documentation of the crate `ptest`.
/// * `block_on = futures::executor::block_on`: the test is async, and `block_on` runs its future.
/// * `from = generator`: run the test for each case of a generator, see [`generate`](macro@generate).
///
/// # Other attributes
///
/// `#[ignore]` and `#[should_panic]` work as usual, except that a failed setup never counts as the expected panic. An
/// attribute below whose name is `test`, such as `#[tokio::test]`, provides the runtime of an async test:
///
/// ```ignore
/// #[ptest::test]
/// #[tokio::test(flavor = "multi_thread")]
/// async fn answers(api: &Api) -> Result<(), reqwest::Error> {
///     reqwest::get(&api.url).await?.error_for_status()?;
///     Ok(())
/// }
/// ```
///
/// It must not be above, because then the test would be registered twice. Attributes that generate tests have to be above:
/// `#[rstest] #[test_attr(ptest::test)]`. Such tests get values of contexts with `ptest::cx::<T>()`.
///
/// # Cases
///
/// With `#[case(..)]`s the function becomes a module with one test per case: here `length::empty`, `length::ascii` and
/// `length::case_3`. A case without a name gets its number, counted from 1, with as many digits as the last one needs.
/// Parameters with `#[case]` get the values of the case; the others get values of contexts, as always.
///
/// ```ignore
/// #[ptest::test]
/// #[case::empty("", 0)]
/// #[case::ascii("ab", 2)]
/// #[case("ä", 2)]
/// fn length(#[case] text: &str, #[case] bytes: usize) {
///     assert_eq!(text.len(), bytes);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    test::expand(options.into(), &item.into()).into()
}

/// Puts [`test`](macro@test) on every test of an inline module and of the inline modules inside of it.
///
/// It replaces `#[test]`, is added above `#[tokio::test]` and similar attributes, and is passed to `#[rstest]`.
///
/// ```ignore
/// #[ptest::context]
/// mod orders {
///     #[ptest::setup]
///     fn database() -> Database {
///         Database::open()
///     }
///
///     #[test]
///     fn lists_orders(database: &Database) {
///         assert!(database.orders().is_empty());
///     }
/// }
/// ```
///
/// `#[context(plain)]` changes no test. It declares that the plain `#[test]`s directly in the module need no setup, although they
/// are inside of a context that has one.
#[proc_macro_attribute]
pub fn context(options: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(options.into(), &item.into()).into()
}

/// Returns the cases of a test at run time, for cases that are not known at compile time, such as files.
///
/// The function has no parameters and returns an iterator or a collection of `(String, T)`: the name of each case and its value.
/// The names differ; each has 1 to 512 bytes and no control characters. The test takes the value as its first parameter,
/// `&T`.
///
/// `cargo ptest` runs each case as a test of its own, `loads[numbers]` and so on, in units as well. Other runners run all cases
/// as one test, `loads`, whose failure lists the cases that failed. Several processes call the generator, outside of all
/// contexts, so it must return the same cases each time; their order may differ. A generator that returns no cases fails
/// its test.
///
/// ```ignore
/// use std::path::PathBuf;
///
/// #[ptest::generate]
/// fn corpus() -> Vec<(String, PathBuf)> {
///     ["numbers", "nested"].map(|name| (name.to_owned(), format!("corpus/{name}.json").into())).into()
/// }
///
/// #[ptest::test(from = corpus)]
/// fn loads(path: &PathBuf) -> Result<(), std::io::Error> {
///     std::fs::read(path).map(|_| ())
/// }
/// ```
#[proc_macro_attribute]
pub fn generate(options: TokenStream, item: TokenStream) -> TokenStream {
    generate::expand(options.into(), &item.into()).into()
}
