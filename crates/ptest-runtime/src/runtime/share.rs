//! Values that cross the border of a process: always as bytes, so that whatever gets lost on the way is lost everywhere.

use std::any::Any;
use std::marker::PhantomData;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use super::codec;
use super::value::{Content, Made, Returned};

/// What the set-up of a shared context returns: the value, which is sent to the tests, and what stays behind.
///
/// The value is serialised, once, and each process gets a copy of its own. What it stands for (a server, a container, a
/// folder) stays in the process that set it up, until all tests of the context are done: hand it to
/// [`keep`](Self::keep), and it is dropped then, or given to the `#[teardown]`.
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
    /// A value for all tests of the context, in whichever process they run.
    pub fn new(value: T) -> Self {
        Self { value, kept: None }
    }

    /// Keeps something where the set-up ran, for the teardown to take or drop.
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

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    codec::to_bytes(value).map_err(|error| format!("a {} cannot be serialised: {error}", std::any::type_name::<T>()))
}

fn decode<T: DeserializeOwned + Send + Sync + 'static>(bytes: &[u8]) -> Result<Box<dyn Any + Send + Sync>, String> {
    let value: Result<T, _> = codec::from_bytes(bytes);
    value.map(|value| Box::new(value) as _).map_err(|error| {
        format!("a {} cannot be deserialised from what it serialises to: {error}", std::any::type_name::<T>())
    })
}

/// For a set-up that returns a [`Shared`].
pub trait ShareShared {
    fn share(&self) -> Result<Made, String>;
}

impl<T: Serialize> ShareShared for Returned<Shared<T>> {
    fn share(&self) -> Result<Made, String> {
        let Shared { value, kept } = self.take();
        Ok(Made { value: Content::Bytes(encode(&value)?), kept })
    }
}

/// For one that returns the value alone; then that is what the teardown gets.
pub trait SharePlain {
    fn share(&self) -> Result<Made, String>;
}

impl<T: Serialize + Send + 'static> SharePlain for &Returned<T> {
    fn share(&self) -> Result<Made, String> {
        let value = self.take();
        Ok(Made { value: Content::Bytes(encode(&value)?), kept: Some(Box::new(value)) })
    }
}

/// Stands for what a set-up would return.
pub struct Like<T>(PhantomData<fn() -> T>);

/// The type that a function would give, without calling it.
#[must_use]
pub fn like<T>(_: impl Fn() -> Option<T>) -> Like<T> {
    Like(PhantomData)
}

pub trait DecodeShared {
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send + Sync>, String>;
}

impl<T: DeserializeOwned + Send + Sync + 'static> DecodeShared for Like<Shared<T>> {
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send + Sync>, String> {
        decode::<T>(bytes)
    }
}

pub trait DecodePlain {
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send + Sync>, String>;
}

impl<T: DeserializeOwned + Send + Sync + 'static> DecodePlain for &Like<T> {
    fn decode(&self, bytes: &[u8]) -> Result<Box<dyn Any + Send + Sync>, String> {
        decode::<T>(bytes)
    }
}
