//! What setups make, and how tests get it: by its type, from the innermost context that provides it.

use std::any::{Any, TypeId, type_name};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// What a setup made, before it is put into its context.
pub struct Made {
    /// What tests get; of a shared context its bytes.
    pub(super) value: Content,
    /// What stays in the host of a shared context, for its teardown.
    pub(super) kept: Option<Box<dyn Any + Send>>,
}

pub(super) enum Content {
    Here(Value),
    Bytes(Vec<u8>),
}

/// A value of some type, and how the type is called.
pub(super) struct Value {
    any: Box<dyn Any + Send + Sync>,
    name: &'static str,
}

impl Value {
    pub(super) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self { any: Box::new(value), name: type_name::<T>() }
    }
}

impl Made {
    /// Of a unit. Its tests take turns, but what holds the value (what a test returns, a setup that was given up on) may
    /// outlast a turn; so it has to be `Sync`, too.
    pub fn unit<T: Send + Sync + 'static>(value: T) -> Self {
        Self { value: Content::Here(Value::new(value)), kept: None }
    }

    /// Of a context whose tests run at the same time.
    pub fn can_split<T: Send + Sync + 'static>(value: T) -> Self {
        Self { value: Content::Here(Value::new(value)), kept: None }
    }
}

/// The value of a context that is up.
pub(super) struct Live {
    value: Value,
    /// Nobody but the teardown ever sees it.
    kept: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Live {
    pub(super) fn new(value: Value, kept: Option<Box<dyn Any + Send>>) -> Self {
        Self { value, kept: Mutex::new(kept) }
    }

    /// What the teardown gets.
    pub(super) fn into_end(self) -> Box<dyn Any + Send> {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(self.value.any)
    }
}

/// The contexts that are up around the running test or setup, the outermost first.
pub(super) type Scope = Vec<(&'static str, Arc<Live>)>;

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// What this thread does from now on is within a scope. Gives the one before.
pub(super) fn enter(scope: Scope) -> Option<Scope> {
    SCOPE.replace(Some(scope))
}

/// Calls a function within a scope.
pub(super) fn within<R>(scope: Scope, function: impl FnOnce() -> R) -> R {
    struct Back(Option<Scope>);
    impl Drop for Back {
        fn drop(&mut self) {
            SCOPE.set(self.0.take());
        }
    }
    let _back = Back(enter(scope));
    function()
}

/// A reference to a context's value, as [`cx`] returns it. It dereferences to the value.
///
/// The context is not torn down while it exists. It can be sent to another thread only if the value is `Sync`.
pub struct Cx<T: 'static> {
    value: *const T,
    _context: Arc<Live>,
    /// `Send` and `Sync` exactly as a reference is.
    marker: PhantomData<&'static T>,
}

// SAFETY: it is a shared reference to a `T` that lives as long as the context that is kept up with it.
unsafe impl<T: Sync> Send for Cx<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Cx<T> {}

impl<T> Deref for Cx<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it points into a box that the context owns, which nobody changes or drops while the context is held.
        unsafe { &*self.value }
    }
}

impl<T: Debug> Debug for Cx<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// Returns the value of type `T` from the innermost context of the running test that provides one.
///
/// Tests and setups usually get such values as parameters. Use this function where the parameters belong to another macro,
/// such as rstest's, or in [`FromContext::from_context`]:
///
/// ```
/// # mod rstest_like {
/// struct Basket(u32);
///
/// #[ptest::setup]
/// fn basket() -> Basket {
///     Basket(3)
/// }
///
/// #[ptest::test]
/// fn holds_three() {
///     let basket = ptest::cx::<Basket>();
///     assert_eq!(basket.0, 3);
/// }
/// # }
/// ```
///
/// # Panics
///
/// If no context around the test provides a value of exactly this type; the message lists those that there are. Also if it is
/// called on a thread that runs no `#[ptest::test]`, setup or teardown: get the value on the test's own thread and pass
/// it on.
#[must_use]
#[track_caller]
pub fn cx<T: 'static>() -> Cx<T> {
    let found = SCOPE.with_borrow(|scope| {
        let scope = scope.as_ref().ok_or_else(|| {
            format!(
                "ptest: no #[ptest::test], setup or teardown runs on this thread, so no context can provide {}: get the \
                 value on the test's own thread and pass it on",
                type_name::<T>()
            )
        })?;
        let provides = |(_, live): &&(&'static str, Arc<Live>)| (*live.value.any).type_id() == TypeId::of::<T>();
        scope.iter().rev().find(provides).map(|(_, live)| live.clone()).ok_or_else(|| nothing_provides::<T>(scope))
    });
    let context = match found {
        Ok(context) => context,
        // Not in a closure: the panic is where the test asks for the value.
        Err(message) => panic!("{message}"),
    };
    let value: *const T = context.value.any.downcast_ref::<T>().expect("its type was compared");
    Cx { value, _context: context, marker: PhantomData }
}

fn nothing_provides<T>(scope: &Scope) -> String {
    let name = type_name::<T>();
    if scope.is_empty() {
        return format!("ptest: no context provides {name}: no module around this test has a #[setup]");
    }
    let mut provided = String::new();
    for (module, live) in scope.iter().rev() {
        provided.push_str(if provided.is_empty() { "" } else { ", " });
        provided.push_str(live.value.name);
        provided.push_str(" (of ");
        provided.push_str(module);
        provided.push(')');
    }
    format!(
        "ptest: no context provides {name}; those around this test provide {provided}: a #[setup] has to return exactly \
         that type"
    )
}

/// A type that tests can take by value: each test gets a value of its own, created right before the test starts.
///
/// [`from_context`](Self::from_context) gets what it needs from the contexts around the test with [`cx`]. The value is dropped
/// when the test ends.
///
/// ```
/// # mod tests {
/// struct Server { port: u16 }
///
/// #[ptest::setup]
/// fn server() -> Server {
///     Server { port: 80 }
/// }
///
/// struct Client { address: String }
///
/// impl ptest::FromContext for Client {
///     fn from_context() -> Self {
///         Client { address: format!("localhost:{}", ptest::cx::<Server>().port) }
///     }
/// }
///
/// #[ptest::test]
/// fn knows_its_server(client: Client) {
///     assert_eq!(client.address, "localhost:80");
/// }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a test cannot take `{Self}` by value",
    label = "not made from contexts",
    note = "contexts lend their values: write `&{Self}`; by value a test takes its `#[case(..)]`s and types that implement \
            `ptest::FromContext`"
)]
pub trait FromContext: Sized {
    /// Creates the value for one test.
    ///
    /// # Panics
    ///
    /// An implementation panics if it cannot create the value. Then the test fails with that message.
    fn from_context() -> Self;
}

/// What a function of the user's returned, a `Result` or not.
pub struct Returned<T>(Cell<Option<T>>);

impl<T> Returned<T> {
    pub fn new(value: T) -> Self {
        Self(Cell::new(Some(value)))
    }

    pub(super) fn take(&self) -> T {
        self.0.take().expect("it is taken once")
    }
}

/// Preferred by method resolution, since it needs no further reference.
pub trait ViaResult {
    type Value;
    fn result(&self) -> Result<Self::Value, String>;
}

impl<T, E: Debug> ViaResult for Returned<Result<T, E>> {
    type Value = T;

    fn result(&self) -> Result<T, String> {
        self.take().map_err(|error| format!("{error:?}"))
    }
}

/// For whatever is not a `Result`.
pub trait ViaPlain {
    type Value;
    fn result(&self) -> Result<Self::Value, String>;
}

impl<T> ViaPlain for &Returned<T> {
    type Value = T;

    fn result(&self) -> Result<T, String> {
        Ok(self.take())
    }
}

/// Gives a teardown what it takes.
pub fn take<T: 'static>(given: Option<Box<dyn Any + Send>>) -> Result<T, String> {
    let Some(given) = given else { return Err("there is nothing to tear down".to_owned()) };
    given.downcast().map(|value| *value).map_err(|_| {
        format!(
            "the teardown takes {}, but the setup returned another type (in a shared context: kept another type with \
             Shared::keep)",
            type_name::<T>()
        )
    })
}

/// Makes a setup known.
#[doc(hidden)]
#[macro_export]
macro_rules! __setup {
    ($name:ident, $kind:ident, [$($key:ident = $value:expr),* $(,)?], $call:expr) => {
        $crate::__annotate!(setup, $name, kind = ::core::stringify!($kind) $(, $key = $value)*);
        #[allow(unused_braces)]
        const _: () = {
            // Which of them are needed depends on what the function returns.
            #[allow(unused_imports)]
            use $crate::__private::{SharePlain as _, ShareShared as _, ViaPlain as _, ViaResult as _};
            $crate::__register!($crate::__private::Fixture::Setup($crate::__private::Setup {
                module: ::core::module_path!(),
                run: $crate::__setup!(@run $kind (&$crate::__private::Returned::new($call)).result()),
            }));
        };
    };
    (@run unit $result:expr) => { |_| $result.map($crate::__private::Made::unit) };
    (@run can_split $result:expr) => { |_| $result.map($crate::__private::Made::can_split) };
    (@run shared $result:expr) => {
        |bytes| {
            $crate::__private::share(bytes, || $result.map(|value| (&$crate::__private::Returned::new(value)).parts()))
        }
    };
}

/// Makes a teardown known.
#[doc(hidden)]
#[macro_export]
macro_rules! __teardown {
    ($name:ident, [$($key:ident = $value:expr),* $(,)?], ($type:ty), |$given:ident| $call:expr) => {
        $crate::__teardown!(@ $name, [$($key = $value),*], |given| {
            $crate::__private::take::<$type>(given).and_then(|$given| {
                (&$crate::__private::Returned::new($call)).result().map(|_: ()| ())
            })
        });
    };
    ($name:ident, [$($key:ident = $value:expr),* $(,)?], $call:expr) => {
        $crate::__teardown!(@ $name, [$($key = $value),*], |_given| {
            (&$crate::__private::Returned::new($call)).result().map(|_: ()| ())
        });
    };
    (@ $name:ident, [$($key:ident = $value:expr),*], $run:expr) => {
        $crate::__annotate!(teardown, $name $(, $key = $value)*);
        #[allow(unused_braces)]
        const _: () = {
            #[allow(unused_imports)]
            use $crate::__private::{ViaPlain as _, ViaResult as _};
            $crate::__register!($crate::__private::Fixture::Teardown($crate::__private::Teardown {
                module: ::core::module_path!(),
                run: $run,
            }));
        };
    };
}
