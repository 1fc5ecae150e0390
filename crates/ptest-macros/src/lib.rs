//! The attributes of the `ptest` crate, which re-exports them; use them from there.
//!
//! Each is expanded in a file of its name: options and function are parsed, checked and written out again, and every
//! mistake is reported, on its own token. [`test`](macro@test) divides by what else is there: `roles` sorts the other
//! attributes, `runtime` decides how a future comes to its end, `cases` makes several tests of one function. What is read
//! is tokens: `tokens`, `attributes`, `function`, `types` and `literal` know as much of the language as that takes.

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

/// Sets up the context that a module is: what runs before the tests in it, and what they get.
///
/// The module that holds the function is the context, be it a file, an inline module or the root of a test crate, and all
/// tests in it and below it that are marked with [`test`](macro@test) belong to it. What the function returns, `T` or the
/// `T` of a `Result<T, E>`, is given to all of them that have a parameter `&T`. A module has one setup at most.
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
/// * `unit`, the default: the context's tests run one after another in one process, between one setup and one teardown.
/// * `can_split`: they may be divided among several processes, each with a setup and a teardown of its own.
/// * `shared`: set up once per run, in a process of its own, which gives the value to all others: the function returns
///   `ptest::Shared<T>`, where `T` can be serialised with serde.
///
/// # Options
///
/// * `timeout = "30s"`: how long it may take; also `"500ms"`, `"2.5s"`, `"1m"`, `"1h"`, or a whole number of seconds.
/// * `key = "pg"`, for `shared`: all test binaries of the package have this context in common.
/// * `plain`: the plain `#[test]`s in the module need no setup. Without it they fail, lest they run without.
/// * `block_on = futures::executor::block_on`: the function is async, and this one waits for its future.
///
/// # Parameters and futures
///
/// Parameters are references to what the contexts around this one provide. An async function needs `block_on`, or an
/// attribute below that gives it a runtime, such as `#[tokio::main(flavor = "current_thread")]`.
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

/// Tears down the context that a module is, after the last test in it.
///
/// It may take what the setup made by value (for a shared context: what `ptest::Shared::keep` keeps), and any number of
/// references to what the contexts around this one provide. Where there is no teardown, the value is dropped. A module has
/// one at most. It returns nothing or a `Result`.
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
/// Its options are `timeout` and `block_on`, as those of [`setup`](macro@setup).
#[proc_macro_attribute]
pub fn teardown(options: TokenStream, item: TokenStream) -> TokenStream {
    teardown::expand(options.into(), &item.into()).into()
}

/// A test, within the contexts that its module is in.
///
/// `use ptest::test;` puts it in place of the compiler's own. Tests stay what they were, for `cargo test` and all other
/// runners, and are sure besides that the contexts around them are set up. Parameters are references, and get the value of
/// that type from the innermost context that provides it.
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
/// In a module below one with `use ptest::test;`, `use super::*;` leaves it open which `#[test]` is meant (E0659):
/// `use ptest::test;` there, too, says it.
///
/// # Options
///
/// * `timeout = "5s"`: how long it may take; also `"500ms"`, `"2.5s"`, `"1m"`, `"1h"`, or a whole number of seconds.
/// * `threads_required = 4`: how many slots of `cargo ptest` it takes, all of them or none: for tests that keep several cores
///   busy, or start as many processes. It is a literal; see the crate's documentation.
/// * `block_on = futures::executor::block_on`: the test is async, and this function waits for its future.
/// * `from = generator`: see [`generate`](macro@generate).
///
/// # Other attributes
///
/// `#[ignore]` and `#[should_panic]` mean what they do elsewhere, except that a setup which fails is never a panic that was
/// expected. An attribute below whose name is `test`, such as `#[tokio::test]`, gives an async test its runtime:
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
/// It must not stand above, for then the test would be there twice. Attributes that make tests themselves do stand above:
/// `#[rstest] #[test_attr(ptest::test)]`. Their tests ask for what a context provides by `ptest::cx::<T>()`.
///
/// # Cases
///
/// With `#[case(..)]`s, the test is a module with a test for each of them, named as they are: here `length::empty`,
/// `length::ascii` and `length::case_3`. Parameters with `#[case]` get the values; others, as ever, what contexts provide.
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

/// Makes all tests of an inline module tests of ours, as if [`test`](macro@test) stood on each of them.
///
/// That is: in place of `#[test]`, above `#[tokio::test]` and the like, within `#[rstest]`; and in inline modules below, too.
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
/// `#[context(plain)]` changes nothing, and says that plain `#[test]`s right in the module need no setup, though a context
/// around has one.
#[proc_macro_attribute]
pub fn context(options: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(options.into(), &item.into()).into()
}

/// Makes the cases of a test when tests run: for those that are known only then, such as files.
///
/// The function has no parameters and returns something to iterate over, each item a name and a value; the names differ.
/// The test has the value as its first parameter. `cargo ptest` runs each case as a test of its own, `loads[numbers]` and so
/// on, in units as well; others run them all as one test, which says which of them failed. As several processes ask for the
/// cases, they must be the same each time; their order may differ. A generator runs outside of all contexts.
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
