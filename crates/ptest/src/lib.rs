//! Contexts for Rust tests: set-up and teardown that a worker, a run or the world shares.
//!
//! A **context** is a module with a `#[setup]`: an inline module, a file module or the root of a test crate. Its tests, and
//! those of the modules in it, get what the set-up returns, by type. The same tests pass under `cargo test`, `cargo
//! nextest run` and `cargo ptest`; what differs is how much runs at the same time.
//!
//! ```
//! # mod orders {
//! // tests/orders.rs
//! use ptest::{setup, teardown, test}; // `test` takes the place of the built-in attribute
//!
//! struct Basket { items: Vec<u32> }
//!
//! #[setup]
//! fn basket() -> Basket {
//!     Basket { items: vec![1, 2, 3] }
//! }
//!
//! #[teardown] // optional: by default the value is dropped
//! fn empty(basket: Basket) {
//!     drop(basket.items);
//! }
//!
//! #[test]
//! fn has_three_items(basket: &Basket) {
//!     assert_eq!(basket.items.len(), 3);
//! }
//!
//! mod totals { // inside the context: the basket is set up before the sum and torn down after it
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
//!     fn is_six(sum: &Sum) {
//!         assert_eq!(sum.0, 6);
//!     }
//! }
//! # }
//! ```
//!
//! # Three kinds
//!
//! | set-up | its tests | how often |
//! |---|---|---|
//! | `#[setup]`, a **unit** | run one after another, in one worker of `cargo ptest` | once; under nextest, where each test is a process, once per test |
//! | `#[setup(can_split)]` | run at the same time, in many workers | once per process |
//! | `#[setup(shared)]` | run at the same time, in many workers | once per run, in a process of its own: the *host* |
//!
//! The value of a shared context is serialised and handed to all processes; a server, a container or a folder that it
//! stands for stays in the host: see [`Shared`]. It crosses a process border under `cargo test`, too, so that whatever
//! serialising loses is missed early. For a debugger `PTEST_SHARED=inprocess` keeps everything in one process.
//!
//! # Rules
//!
//! * Contexts are set up from the outermost to the innermost and torn down the other way round, after the last selected
//!   test of the process (of the run, for shared ones). If no test of a context is selected, nothing of it runs.
//! * A set-up that fails (it panics, returns an error, takes longer than its `timeout`, by default two minutes) fails
//!   each of its tests, by name, `#[should_panic]` or not, and is not tried again.
//! * A teardown that fails makes the run red. Its `timeout` is ten seconds by default.
//! * A `shared` context inside of a unit belongs to the one process that runs the unit. Inside of `can_split` it has no one
//!   place to be in: that is an error.
//! * A plain `#[test]` in a context's module gets no set-up. `cargo ptest` fails it without running it; `#[context(plain)]`
//!   on a module says that its tests need none.
//! * A module has one `#[setup]` and one `#[teardown]`.
//! * A test may call another one that has no other contexts than itself; one that has is refused: put what both do into a
//!   function.
//!
//! # Races
//!
//! `call_concurrently` calls a function at once in fresh processes, so that a race shows. A test that needs something of
//! its own (a transaction, a client) takes it by value: see [`FromContext`].
//!
//! # Tests that need several cores
//!
//! ```ignore
//! #[test(threads_required = 4)]
//! fn sorts_in_four_threads() { /* ... */ }
//! ```
//!
//! `cargo ptest` gives such a test four slots, all of them or none, while other tests use the rest. Say it of tests that keep
//! several threads or processes busy themselves; a cargo or make within takes part in the jobserver anyhow. A test that
//! asks for more slots than `--processes` gets all that there are. The tests of a unit run in one process, which takes what
//! the most demanding of them needs for as long as it lives. Under somebody else's jobserver (make's, for example) so many
//! slots may never be granted; then, when nothing else of the run is going on, the test is started with those that are
//! there, and the run says so. `cargo test` and nextest take no notice; nextest has an option `threads-required` of its own.
//!
//! # Async
//!
//! `#[test]` goes above the attribute of the runtime: `#[test] #[tokio::test] async fn ...`. With other runtimes say
//! `#[test(block_on = path::to::block_on)]`; the same is possible for set-ups and teardowns. Let values carry addresses,
//! not connection pools: each test has a runtime of its own, and a pool dies with the runtime that made it.
//!
//! # `use super::*`
//!
//! In a child module, `use super::*` next to a parent's `use ptest::test` makes `test` ambiguous (E0659). Say
//! `use ptest::test;` in the child, too, or write `#[ptest::test]`.
//!
//! # Cost
//!
//! Besides its own three crates, a test build gets `serde_core`, `proc-macro2`, `quote` and `unicode-ident`, which most
//! trees have: no `syn` of any version, no codec. `ptest-macros` and `ptest-runtime` are compiled side by side. What that
//! takes, and what a thousand tests take beside plain ones, `cargo xtask bench build` measures in the repository: on two cores
//! about 3 s in an empty tree, and 1.0 to 1.1 s where serde's derive or syn is built for others; a thousand tests of one
//! assertion take 1.15 to 1.26 times as long to compile as plain ones (1.3 to 1.4 times after a change), those of seven lines at
//! most 1.05 times (1.1 to 1.2). Concurrent calls are compiled in the test binaries that make some. Nothing is started
//! before `main`, and there is no hidden test: a host is this test binary, started once more.
//!
//! A test in a context is called, and then called once more from within: a breakpoint on its first line is met twice, and what the
//! function itself has on the stack is there twice, so of the two megabytes of a libtest thread it may take nearly one
//! (`RUST_MIN_STACK` gives more).
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

/// What the attributes expand to. Nobody else may depend on it.
#[doc(hidden)]
pub use ptest_runtime::{__annotate, __plain, __private, __setup, __teardown, __test};

/// The README's example is compiled as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
