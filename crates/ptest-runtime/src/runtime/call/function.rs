//! Functions that travel to another process of the same program.
//!
//! The program may lie elsewhere in each process's memory, but everything in it keeps its distances. So a function is
//! known by how far its entry is from a function that both sides know.

use std::any::type_name;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::runtime::codec;

/// Takes the arguments as bytes, gives the result as bytes.
pub(super) type Apply = fn(&[u8]) -> Result<Vec<u8>, String>;

/// What the process of a call does, and with which function. Only programs that make calls have an entry, so only those have
/// this side of calls in them.
pub(super) struct Entry {
    pub serve: fn(Apply) -> !,
    pub apply: Apply,
}

/// How far a call's entry is from [`anchor`], in bytes; one that lies before it is far, around the whole memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Distance(usize);

/// The fixed point.
#[inline(never)]
fn anchor() {}

/// How far it is to the function that calls `F`.
pub(super) fn distance<F, A, R>(_: F) -> Distance
where
    A: DeserializeOwned,
    R: Serialize,
    F: Fn(A) -> R + Copy + Send + 'static,
{
    const {
        assert!(
            size_of::<F>() == 0,
            "ptest: a concurrent call runs in another process, so its function must not capture anything, nor be a function \
             pointer: pass what it needs as arguments"
        );
    }
    Distance((entry::<F, A, R> as fn() -> Entry as usize).wrapping_sub(anchor as fn() as usize))
}

fn entry<F, A, R>() -> Entry
where
    A: DeserializeOwned,
    R: Serialize,
    F: Fn(A) -> R + Copy + Send + 'static,
{
    Entry { serve: super::child::serve, apply: apply::<F, A, R> }
}

fn apply<F, A, R>(arguments: &[u8]) -> Result<Vec<u8>, String>
where
    A: DeserializeOwned,
    R: Serialize,
    F: Fn(A) -> R + Copy + Send + 'static,
{
    // SAFETY: `F` has no bytes, it is aligned, and it is a `Copy` function that existed when the call was made, in a process
    // like this one: one more of it is as good.
    let function: F = unsafe { std::ptr::NonNull::dangling().read() };
    let arguments: A = codec::from_bytes(arguments)
        .map_err(|error| format!("the arguments of {} cannot be deserialised: {error}", type_name::<F>()))?;
    let result = function(arguments);
    codec::to_bytes(&result)
        .map_err(|error| format!("the result of {} cannot be serialised: {error}", type_name::<F>()))
}

impl Distance {
    /// What is there.
    ///
    /// # Safety
    ///
    /// The distance was measured in a process of this very program.
    pub(super) unsafe fn entry(self) -> Entry {
        let address = (anchor as fn() as usize).wrapping_add(self.0);
        let pointer = std::ptr::with_exposed_provenance::<()>(address);
        // SAFETY: the address is that of an `entry`, as the caller promises.
        let entry = unsafe { std::mem::transmute::<*const (), fn() -> Entry>(pointer) };
        entry()
    }
}

impl std::fmt::Display for Distance {
    #[inline]
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Distance {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(number: u32) -> u32 {
        2 * number
    }

    #[test]
    fn a_function_and_a_closure_are_found_by_their_distance() {
        for (distance, expected) in [(distance(double), 14), (distance(|number: u32| number + 1), 8)] {
            let distance: Distance = distance.to_string().parse().unwrap();
            // SAFETY: it was measured in this process.
            let entry = unsafe { distance.entry() };
            let result = (entry.apply)(&codec::to_bytes(&7).unwrap()).unwrap();
            assert_eq!(codec::from_bytes::<u32>(&result).unwrap(), expected);
        }
    }

    #[test]
    fn arguments_of_another_type_are_an_error() {
        // SAFETY: it was measured in this process.
        let entry = unsafe { distance(double).entry() };
        let error = (entry.apply)(&codec::to_bytes("seven").unwrap()).unwrap_err();
        assert!(error.contains("cannot be deserialised"), "{error}");
    }
}
