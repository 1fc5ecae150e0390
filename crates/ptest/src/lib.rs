//! Fixtures for Rust tests: setup and teardown that live as long as a process, or as a whole test run.
//!
//! A **context** is a module with a `#[setup]`: an inline module, a file module, or the root of a test crate. Its tests, and
//! the tests of the modules inside of it, get the value that the setup returns, by type. The same tests pass under
//! `cargo test`, `cargo nextest run` and `cargo ptest`; the three differ only in how much runs at the same time.
//!
//! # A complete file
//!
//! In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! ptest = "0.1"
//! serde = { version = "1", features = ["derive"] } # only for `#[setup(shared)]` and `call_concurrently`
//! ```
//!
//! In `tests/basket.rs`:
//!
//! ```
//! //! Tests of a basket.
//!
//! use ptest::{setup, teardown, test}; // this `test` replaces the built-in attribute
//!
//! struct Basket {
//!     items: Vec<u32>,
//! }
//!
//! #[setup]
//! fn basket() -> Basket {
//!     Basket { items: vec![1, 2, 3] }
//! }
//!
//! #[teardown] // optional: without it the value is dropped
//! fn empty(basket: Basket) {
//!     drop(basket.items);
//! }
//!
//! #[test]
//! fn has_three_items(basket: &Basket) {
//!     assert_eq!(basket.items.len(), 3);
//! }
//!
//! #[test(timeout = "5s")]
//! #[case::none(0, false)]
//! #[case::two(2, true)]
//! fn contains(basket: &Basket, #[case] item: u32, #[case] expected: bool) {
//!     assert_eq!(basket.items.contains(&item), expected);
//! }
//! ```
//!
//! `cargo test` runs three tests: `has_three_items`, `contains::none` and `contains::two`.
//!
//! # Three kinds
//!
//! | setup | its tests | how often it is set up |
//! |---|---|---|
//! | `#[setup]`, a **unit** | run one after another, in one process of `cargo ptest` | once; under nextest, where each test is a process, once per test |
//! | `#[setup(can_split)]` | run at the same time, in many processes | once per process |
//! | `#[setup(shared)]` | run at the same time, in many processes | once per run, in a process of its own: the *host* |
//!
//! The value of a shared context is serialised and sent to all processes. What it refers to, such as a server, a container or
//! a folder, stays in the host: see [`Shared`]. The value goes through serialisation under `cargo test`, too, so that a
//! field that gets lost is missed early.
//!
//! # Contexts inside of contexts
//!
//! ```
//! # mod orders {
//! use ptest::{setup, test};
//!
//! struct Basket { items: Vec<u32> }
//!
//! #[setup]
//! fn basket() -> Basket {
//!     Basket { items: vec![1, 2, 3] }
//! }
//!
//! mod totals { // the basket is set up before the sum, and torn down after it
//!     use super::Basket;
//!     use ptest::{setup, test};
//!
//!     struct Sum(u32);
//!
//!     #[setup(can_split)]
//!     fn sum(basket: &Basket) -> Result<Sum, std::num::TryFromIntError> {
//!         Ok(Sum(basket.items.iter().sum()))
//!     }
//!
//!     #[test(timeout = "5s")]
//!     fn is_six(sum: &Sum, basket: &Basket) {
//!         assert_eq!((sum.0, basket.items.len()), (6, 3));
//!     }
//! }
//! # }
//! ```
//!
//! # Rules
//!
//! * A module has at most one `#[setup]` and one `#[teardown]`.
//! * Contexts are set up from the outermost to the innermost, and torn down in reverse order after the last selected test of
//!   the process (for shared contexts: of the run). If no test of a context is selected, nothing of it runs.
//! * A setup fails if it panics, returns an error, or takes longer than its `timeout`, by default two minutes. Then each of its
//!   tests fails, by name, `#[should_panic]` or not. It is not tried again.
//! * A teardown that fails makes the run fail. Its default `timeout` is ten seconds.
//! * A `shared` context inside of a unit belongs to the one process that runs the unit. Inside of a `can_split` context, which
//!   has many processes, it is an error.
//! * A plain `#[test]` in a context's module gets no setup. `cargo ptest` reports it as failed without running it.
//!   `#[context(plain)]` on the module says that its tests need no setup.
//! * A test may call another test that has no contexts besides its own. Any other call fails: move what both do into a
//!   function.
//!
//! # What tests are called
//!
//! | written | name |
//! |---|---|
//! | `#[test] fn adds()` in `mod tests` | `tests::adds` |
//! | `#[test] #[case::empty(..)] #[case(..)] fn length(..)` | `length::empty`, `length::case_2` (`case_02` if there are ten or more) |
//! | `#[test(from = corpus)] fn loads(..)`, whose generator returns `("numbers", ..)` | under `cargo ptest` one test per case, `loads[numbers]`; elsewhere one test, `loads` |
//! | the setup and the teardown of the module `orders` | `orders::(setup)` and `orders::(teardown)`, in the reports of `cargo ptest` |
//!
//! # Values of a test's own
//!
//! A test that needs something of its own, such as a client or a transaction, takes it by value: see [`FromContext`].
//! [`call_concurrently`] calls a function several times at once in fresh processes, to show races.
//!
//! # Tests that need several cores
//!
//! ```ignore
//! #[test(threads_required = 4)]
//! fn sorts_in_four_threads() { /* ... */ }
//! ```
//!
//! `cargo ptest` gives such a test four slots, all of them or none, while other tests use the rest. Use it for tests that keep
//! several threads or processes busy; a cargo or make that a test runs takes part in the jobserver anyway. A test that asks for
//! more slots than `--processes` gets all of them. The tests of a unit run in one process, which takes as many slots as its most
//! demanding test for as long as it runs. If the jobserver belongs to another program, such as make, that many slots may never be
//! granted: then, when nothing else in the run is in progress, the test runs with the slots that there are, and the report says
//! so. `cargo test` and nextest ignore this option; nextest has a setting `threads-required` of its own.
//!
//! # Async
//!
//! Put `#[test]` above the attribute of the runtime: `#[test] #[tokio::test] async fn ...`. For other runtimes, write
//! `#[test(block_on = path::to::block_on)]`. Both work for setups and teardowns, too (with `#[tokio::main]`). Values should
//! contain addresses, not connection pools: each test has its own runtime, and a pool stops working when the runtime that created
//! it ends.
//!
//! # Common problems
//!
//! * **"`test` is ambiguous" (E0659)**: a child module has `use super::*`, and its parent `use ptest::test`. Write
//!   `use ptest::test;` in the child as well, or `#[ptest::test]`.
//! * **"`THIS_MODULE_HAS_MORE_THAN_ONE_SETUP` is defined multiple times"**: move one of the setups into an inner module.
//! * **"no context provides ..."**: a setup has to return exactly the type that the test asks for. The message lists what the
//!   contexts around the test provide. A setup in a sibling module is not around the test.
//! * **"the value of a shared context is sent to other processes, so ..."**: derive `serde::Serialize` and `serde::Deserialize`
//!   for it. What cannot be sent goes into [`Shared::keep`].
//! * **"use `ptest::test`, or `#[context(plain)]`"**: there is a built-in `#[test]` in a module with a `#[setup]`. Import
//!   `ptest::test` in that module.
//! * **"its value is still in use"**: a test left a thread running that holds the value. Join the thread in the test.
//! * **"cargo-ptest and the crate ptest have different versions"**: update both.
//! * **Tests of a unit disturb each other under nextest, or tests of another binary do**: a unit is one process only under
//!   `cargo ptest`, and other binaries are not part of it. For a fixed port or file, use `#[setup(shared)]`.
//! * **In a debugger**: `PTEST_SHARED=inprocess cargo test` keeps shared contexts in the test's process. A breakpoint on the first
//!   line of a test with contexts is hit twice, because the test function calls itself once, with the contexts set up.
//! * **Stack overflow**: for the same reason a test has somewhat less than one of the two megabytes of a test thread's stack.
//!   `RUST_MIN_STACK=8388608` gives it more.
//!
//! # Cost
//!
//! Besides its own three crates, `ptest` depends on `serde_core`, `proc-macro2`, `quote` and `unicode-ident`, which most
//! dependency trees contain already: no version of `syn`, no serialisation format. `ptest-macros` and `ptest-runtime` are compiled
//! at the same time. On two cores this takes about 3 s in an empty tree, and 1.0 to 1.1 s where serde's derive or syn is built
//! for other crates. A thousand tests of one assertion take 1.15 to 1.26 times as long to compile as with the built-in attribute
//! (1.3 to 1.4 times after a change); a thousand tests of seven lines at most 1.05 times (1.1 to 1.2). `cargo xtask bench build`
//! in the repository measures this. Concurrent calls are compiled only into test binaries that make some. Nothing runs before
//! `main`, and there are no hidden tests: a host is the same test binary, started again.
// Outside of a test build there are no tests, so what they use is not used.
#![doc(test(attr(allow(dead_code, unused_imports))))]
// What tests look like is what the examples are about.
#![allow(clippy::test_attr_in_doctest)]

#[doc(inline)]
pub use ptest_macros::{context, generate, setup, teardown, test};
#[cfg(unix)]
#[doc(inline)]
pub use ptest_runtime::{Call, CallError, Calls, ConcurrentCalls, call_concurrently, calls, make_concurrent_calls};
#[doc(inline)]
pub use ptest_runtime::{Cx, FromContext, Shared, cx, run_id, worker_index};

/// What the attributes expand to. It is private: nothing else may depend on it.
#[doc(hidden)]
pub use ptest_runtime::{__annotate, __plain, __private, __setup, __teardown, __test};

/// The README's example is compiled as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
