//! Values as bytes, and back: how they cross the border of a process.
//!
//! The format is for two processes of the same program, so it need not be documented, compact or stable. It says with
//! each value what it is, as JSON does, since some types ask for that (`untagged`, `flatten`, `skip_serializing_if`). It
//! loses nothing: integers of all sizes, every bit of a float, `Some(None)`, keys of any type.
//!
//! A value is a [tag](Tag) and what belongs to it. Sequences and maps end with a tag of their own, so a number that is
//! read never decides how much memory is taken. A variant without fields is its name, any other a map of one entry.

mod read;
mod write;

use std::fmt;

use serde_core::{Serialize, de, ser};

/// The bytes of a value.
pub(super) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut writer = write::Writer::new();
    value.serialize(&mut writer)?;
    Ok(writer.bytes)
}

/// The value of bytes, all of them.
pub(super) fn from_bytes<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut reader = read::Reader::new(bytes);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Unit,
    None,
    /// A value follows.
    Some,
    False,
    True,
    /// Numbers and characters: their bytes follow, the least one first.
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    /// The length, in eight bytes, and so many bytes.
    Text,
    /// As above.
    Bytes,
    /// Values follow, and then [`Tag::End`].
    Sequence,
    /// Keys and values follow in turn, and then [`Tag::End`].
    Map,
    End,
}

const TAGS: [Tag; 23] = [
    Tag::Unit,
    Tag::None,
    Tag::Some,
    Tag::False,
    Tag::True,
    Tag::I8,
    Tag::I16,
    Tag::I32,
    Tag::I64,
    Tag::I128,
    Tag::U8,
    Tag::U16,
    Tag::U32,
    Tag::U64,
    Tag::U128,
    Tag::F32,
    Tag::F64,
    Tag::Char,
    Tag::Text,
    Tag::Bytes,
    Tag::Sequence,
    Tag::Map,
    Tag::End,
];

/// How deep values may lie in one another: a stack has its end, and the tests' are short.
const DEEPEST: u32 = 256;

/// Why a value cannot be written or read.
#[derive(Debug)]
pub(super) struct Error(Box<str>);

impl Error {
    fn too_deep() -> Self {
        Self(format!("values are nested more than {DEEPEST} deep").into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

#[cfg(test)]
mod tests;
