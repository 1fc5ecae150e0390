//! Values that cross the border of a process: always as bytes, so that whatever gets lost on the way is lost everywhere.

use std::any::{Any, type_name};

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::codec;
use super::value::{self, Content, Made, Returned};

/// The return value of a `#[setup(shared)]`: a value that is sent to the tests, and what stays behind in the host process.
///
/// The value is serialised once with serde, and each process deserialises a copy. What it refers to (a server, a container, a
/// folder) stays in the process that ran the setup: pass it to [`keep`](Self::keep). When all tests of the context are done,
/// it is passed to the `#[teardown]`, or dropped if there is none.
///
/// `T` implements `Serialize`, `Deserialize`, `Send` and `Sync`, and contains no references. The setup may also return
/// `Result<Shared<T>, E>`, where `E` implements `Debug`.
///
/// ```
/// # mod tests {
/// use ptest::{setup, teardown, test};
/// # struct Server;
/// # impl Server {
/// #     fn start() -> Self { Server }
/// #     fn url(&self) -> String { "http://[::1]:1".into() }
/// #     fn shutdown(self) {}
/// # }
/// #
/// # #[derive(Debug)]
/// struct Api { url: String }
/// # impl serde::Serialize for Api {
/// #     fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { self.url.serialize(s) }
/// # }
/// # impl<'de> serde::Deserialize<'de> for Api {
/// #     fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
/// #         String::deserialize(d).map(|url| Api { url })
/// #     }
/// # }
///
/// #[setup(shared)]
/// fn api() -> ptest::Shared<Api> {
///     let server = Server::start();
///     ptest::Shared::new(Api { url: server.url() }).keep(server)
/// }
///
/// #[teardown]
/// fn stop(server: Server) {
///     server.shutdown();
/// }
///
/// #[test]
/// fn has_a_url(api: &Api) {
///     assert!(api.url.starts_with("http"));
/// }
/// # }
/// ```
pub struct Shared<T> {
    value: T,
    kept: Option<Box<dyn Any + Send>>,
}

impl<T> Shared<T> {
    /// A value for all tests of the context, in all processes.
    pub fn new(value: T) -> Self {
        Self { value, kept: None }
    }

    /// Keeps something in the process that ran the setup. The `#[teardown]` takes it by value; without a teardown it is
    /// dropped. If this is called twice, the second value replaces the first one.
    #[must_use]
    pub fn keep<K: Send + 'static>(self, kept: K) -> Self {
        Self { kept: Some(Box::new(kept)), ..self }
    }
}

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// What may be the value of a shared context.
#[diagnostic::on_unimplemented(
    message = "the value of a shared context is sent to other processes, so `{Self}` has to be `Serialize` and `Deserialize`",
    label = "cannot be sent to other processes",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on `{Self}`, if it is `Send + Sync + 'static`; what \
            cannot be sent, such as a server, stays in the process of the setup: `ptest::Shared::new(address).keep(server)`"
)]
pub trait SharedValue: Serialize + DeserializeOwned + Send + Sync + 'static {}

// It is the sentence above that is said, and not which of these bounds is missing.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> SharedValue for T {}

/// What the setup of a shared context makes: with bytes it was made before, and is in them.
pub fn share<T: SharedValue>(
    bytes: Option<&[u8]>,
    run: impl FnOnce() -> Result<Parts<T>, String>,
) -> Result<Made, String> {
    if let Some(bytes) = bytes {
        let value: T = codec::from_bytes(bytes).map_err(|error| {
            format!("a {} cannot be deserialised from what it serialises to: {error}", type_name::<T>())
        })?;
        return Ok(Made { value: Content::Here(value::Value::new(value)), kept: None });
    }
    let Parts { value, kept } = run()?;
    let bytes =
        codec::to_bytes(&value).map_err(|error| format!("a {} cannot be serialised: {error}", type_name::<T>()))?;
    let kept = match kept {
        Kept::Value => Some(Box::new(value) as _),
        Kept::Other(kept) => kept,
    };
    Ok(Made { value: Content::Bytes(bytes), kept })
}

/// What is sent, and what stays.
pub struct Parts<T> {
    value: T,
    kept: Kept,
}

/// What the teardown gets.
enum Kept {
    Value,
    Other(Option<Box<dyn Any + Send>>),
}

/// For a setup that returns a [`Shared`].
pub trait ShareShared {
    type Value;
    fn parts(&self) -> Parts<Self::Value>;
}

impl<T> ShareShared for Returned<Shared<T>> {
    type Value = T;

    fn parts(&self) -> Parts<T> {
        let Shared { value, kept } = self.take();
        Parts { value, kept: Kept::Other(kept) }
    }
}

/// For one that returns the value alone.
pub trait SharePlain {
    type Value;
    fn parts(&self) -> Parts<Self::Value>;
}

impl<T> SharePlain for &Returned<T> {
    type Value = T;

    fn parts(&self) -> Parts<T> {
        Parts { value: self.take(), kept: Kept::Value }
    }
}
