//! Concurrent calls: the same function, or several, at once in fresh processes, to provoke races.
//!
//! The idea is that of django-concurrent-test-helper. A child is this test binary, started once more; the function
//! travels as its distance from a fixed point in the program, so that nothing needs to be registered.
//!
//! Few test binaries make calls. So that the others, and whoever only compiles `ptest`, do not pay for it, nearly all
//! functions here are generic or `#[inline]`: they become code in the binaries that use them.

mod child;
mod function;
mod line;
mod parent;

use std::any::Any;
use std::fmt;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::codec;
use crate::wire::environment::FUNCTION;

/// How long a call may take if nobody says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes the call that this process is for.
pub(super) fn serve(function: &str) -> ! {
    let Ok(distance) = function.parse::<function::Distance>() else {
        panic!("{FUNCTION}={function}: there is no such function")
    };
    // SAFETY: whoever started this process measured the distance in this very program.
    let entry = unsafe { distance.entry() };
    (entry.serve)(entry.apply)
}

/// Why a concurrent call has no result. An error that the function itself returns is a result: `Ok(Err(error))`.
pub enum CallError {
    /// The function panicked.
    Panicked {
        /// The panic's message.
        message: String,
        /// Where it panicked, as `FILE:LINE:COLUMN`: `src/orders.rs:7:5`.
        location: Option<String>,
        /// The backtrace, if `RUST_BACKTRACE` asks for one.
        backtrace: Option<String>,
    },
    /// The process exited without a result: it was killed by a signal, aborted, or called `exit`.
    Exited {
        /// How it exited.
        status: ExitStatus,
        /// The last 64 KiB that it wrote to stderr.
        stderr: String,
    },
    /// The call took longer than its timeout, and its process was killed.
    TimedOut {
        /// The timeout.
        after: Duration,
        /// The last 64 KiB that it wrote to stderr.
        stderr: String,
    },
    /// The arguments or the result could not be serialised or deserialised.
    Codec(String),
}

impl fmt::Display for CallError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Panicked { message, location: Some(location), .. } => write!(f, "panicked at {location}: {message}"),
            Self::Panicked { message, .. } => write!(f, "panicked: {message}"),
            Self::Exited { status, .. } => write!(f, "exited without a result: {}", describe(*status)),
            Self::TimedOut { after, .. } => write!(f, "timed out after {after:?}"),
            Self::Codec(why) => f.write_str(why),
        }
    }
}

/// What an assertion or `unwrap` shows.
impl fmt::Debug for CallError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Panicked { message, location, backtrace } => f
                .debug_struct("Panicked")
                .field("message", message)
                .field("location", location)
                .field("backtrace", backtrace)
                .finish(),
            Self::Exited { status, stderr } => f
                .debug_struct("Exited")
                .field("status", &format_args!("{}", describe(*status)))
                .field("stderr", stderr)
                .finish(),
            Self::TimedOut { after, stderr } => {
                f.debug_struct("TimedOut").field("after", after).field("stderr", stderr).finish()
            }
            Self::Codec(why) => f.debug_tuple("Codec").field(why).finish(),
        }
    }
}

impl std::error::Error for CallError {}

/// `signal 6 (SIGABRT)`, `exit status 1`: what the standard library says, without its colon.
#[inline]
fn describe(status: ExitStatus) -> String {
    status.to_string().replacen(": ", " ", 1)
}

/// One call of a function, to be made in a process of its own. [`calls!`](crate::calls) creates a list of them.
#[derive(Debug)]
pub struct Call<R> {
    function: function::Distance,
    /// As bytes, or why they cannot be.
    arguments: Result<Vec<u8>, String>,
    /// The arguments themselves: what they stand for, a database or a server, is to be there until the calls are over.
    kept: Rc<dyn Any>,
    result: std::marker::PhantomData<fn() -> R>,
}

impl<R> Clone for Call<R> {
    fn clone(&self) -> Self {
        Self { arguments: self.arguments.clone(), kept: self.kept.clone(), ..*self }
    }
}

impl<R: Serialize + DeserializeOwned> Call<R> {
    /// A call of `function` with `arguments`.
    ///
    /// The function is a function item or a closure that captures nothing, because it runs in another process. It gets a copy
    /// of the arguments, which are serialised with serde; the original is dropped when all calls have finished.
    pub fn new<A, F>(function: F, arguments: A) -> Self
    where
        A: Serialize + DeserializeOwned + 'static,
        F: Fn(A) -> R + Copy + Send + 'static,
    {
        let encoded = codec::to_bytes(&arguments)
            .map_err(|error| format!("the arguments of a concurrent call cannot be serialised: {error}"));
        Self {
            function: function::distance::<F, A, R>(function),
            arguments: encoded,
            kept: Rc::new(arguments),
            result: std::marker::PhantomData,
        }
    }
}

/// A list of calls, as [`calls!`](crate::calls) creates it. An iterator of [`Call`]s can be collected into one, too.
#[derive(Clone, Debug)]
pub struct Calls<R>(Vec<Call<R>>);

impl<R> Calls<R> {
    /// The list `n` times in a row: `[a, b]` becomes `[a, b, a, b]` for 2.
    #[must_use]
    pub fn repeat(self, n: usize) -> Self {
        let all = self.0.iter().cycle().take(n * self.0.len());
        all.cloned().collect()
    }
}

impl<R> FromIterator<Call<R>> for Calls<R> {
    fn from_iter<I: IntoIterator<Item = Call<R>>>(calls: I) -> Self {
        Self(calls.into_iter().collect())
    }
}

/// Calls that are made at the same time, each in a fresh process. Nothing runs until [`run`](Self::run).
#[derive(Clone, Debug)]
pub struct ConcurrentCalls<R> {
    calls: Calls<R>,
    timeout: Duration,
    environment: Vec<(String, String)>,
}

impl<R: Serialize + DeserializeOwned> ConcurrentCalls<R> {
    /// How long each call may take, counted from its start. The default is 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets an environment variable for the processes of the calls. Otherwise they have the environment of the test.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Makes the calls and waits for all of them. Returns one result per call, in the order of the calls.
    ///
    /// # Panics
    ///
    /// If it is called outside of a `#[ptest::test]`, or if a process cannot be started. A call that panics or crashes is an
    /// `Err` in the list.
    #[must_use = "a call that panicked or crashed is reported here and nowhere else"]
    #[track_caller]
    pub fn run(self) -> Vec<Result<R, CallError>> {
        parent::run(&self.calls.0, self.timeout, &self.environment)
    }
}

/// Calls a function `n` times at the same time, each in a fresh process, with the same arguments, to show races. Returns one
/// result per call.
///
/// All processes are started first and then make the call together. What they print is part of the test's output. All of
/// them have exited when this function returns, and only then the arguments are dropped. For a timeout other than 30 seconds,
/// or for different functions, see [`make_concurrent_calls`].
///
/// The processes take no slots of `cargo ptest` besides that of the test. If they keep several cores busy, reserve more:
/// `#[ptest::test(threads_required = 5)]`.
///
/// For an `async` function, use a closure that captures nothing: `|args| block_on(transfer(args))`.
///
/// ```
/// # mod tests {
/// fn increment(path: String) -> u32 {
///     // Reads, adds one, writes: what another process writes meanwhile is lost.
///     let counter = std::fs::read_to_string(&path).map_or(0, |text| text.parse().unwrap());
///     std::fs::write(&path, (counter + 1).to_string()).unwrap();
///     counter + 1
/// }
///
/// #[ptest::test]
/// fn no_increment_is_lost() {
///     let path = std::env::temp_dir().join(ptest::run_id().replace('/', "-")).display().to_string();
///     let results = ptest::call_concurrently(5, increment, path.clone());
///     assert!(results.iter().all(Result::is_ok), "{results:?}");
///     assert_eq!(std::fs::read_to_string(&path).unwrap(), "5");
/// }
/// # }
/// ```
///
/// A closure that captures something cannot be called in another process, so it does not compile:
///
/// ```compile_fail
/// let amount = 7;
/// let _ = ptest::call_concurrently(5, move |account: u32| account + amount, 1_u32);
/// ```
///
/// # Panics
///
/// If it is called outside of a `#[ptest::test]`, or if a process cannot be started. A call that panics or crashes is an
/// `Err` in the list.
#[must_use = "a call that panicked or crashed is reported here and nowhere else"]
#[track_caller]
pub fn call_concurrently<A, R, F>(n: usize, function: F, arguments: A) -> Vec<Result<R, CallError>>
where
    A: Serialize + DeserializeOwned + 'static,
    R: Serialize + DeserializeOwned,
    F: Fn(A) -> R + Copy + Send + 'static,
{
    make_concurrent_calls(Calls(vec![Call::new(function, arguments)]).repeat(n)).run()
}

/// Prepares several calls that are made at the same time, each in a fresh process. Functions and arguments may differ; the
/// type of the result is the same. [`ConcurrentCalls::run`] makes the calls.
///
/// ```
/// # mod tests {
/// fn deposit((account, amount): (u32, u64)) -> Result<u64, String> {
///     Err(format!("no account {account} to put {amount} into"))
/// }
///
/// fn close(account: u32) -> Result<u64, String> {
///     Err(format!("no account {account} to close"))
/// }
///
/// #[ptest::test]
/// fn who_is_first() {
///     let calls = ptest::calls![deposit((7, 100)), close(7)];
///     let results = ptest::make_concurrent_calls(calls.repeat(3)).timeout(std::time::Duration::from_secs(10)).run();
///     assert_eq!(results.len(), 6);
/// }
/// # }
/// ```
#[must_use]
pub fn make_concurrent_calls<R>(calls: Calls<R>) -> ConcurrentCalls<R> {
    ConcurrentCalls { calls, timeout: LIMIT, environment: Vec::new() }
}

/// Creates a list of calls for [`make_concurrent_calls`], written as calls of functions with one argument:
/// `calls![deposit((7, 100)), close(7)]`. [`Calls::repeat`] repeats it.
///
/// For closures, which `async` functions need, use [`Call::new`] and collect the calls:
///
/// ```
/// # mod tests {
/// async fn deposit((account, amount): (u32, u64)) -> u64 {
///     u64::from(account) + amount
/// }
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let mut future = std::pin::pin!(future);
/// #     match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
/// #         std::task::Poll::Ready(done) => done,
/// #         std::task::Poll::Pending => unreachable!(),
/// #     }
/// # }
///
/// #[ptest::test]
/// fn both_are_noted() {
///     let deposits = [(7, 100), (8, 50)].map(|it| ptest::Call::new(|it| block_on(deposit(it)), it));
///     let results = ptest::make_concurrent_calls(deposits.into_iter().collect()).run();
///     assert_eq!(results.len(), 2);
/// }
/// # }
/// ```
#[macro_export]
macro_rules! calls {
    ($($($function:ident)::+($argument:expr)),* $(,)?) => {
        $crate::Calls::from_iter([$($crate::Call::new($($function)::+, $argument)),*])
    };
}
