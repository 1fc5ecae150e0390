//! From values to bytes.
//!
//! What serde asks for is `#[inline]`, so that of all these functions a test binary gets those that its values need.

use serde_core::ser::{self, Serialize};

use super::{DEEPEST, Error, Tag};

pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    depth: u32,
}

/// Numbers: a tag and their bytes.
macro_rules! numbers {
    ($($method:ident $type:ty, $tag:ident;)*) => {
        $(
            #[inline]
            fn $method(self, value: $type) -> Result<(), Error> {
                self.put(Tag::$tag, &value.to_le_bytes());
                Ok(())
            }
        )*
    };
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), depth: 0 }
    }

    fn put(&mut self, tag: Tag, bytes: &[u8]) {
        self.bytes.push(tag as u8);
        self.bytes.extend_from_slice(bytes);
    }

    fn put_long(&mut self, tag: Tag, bytes: &[u8]) {
        self.put(tag, &(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// Begins what has other values in it.
    fn open(&mut self, tag: Tag) -> Result<&mut Self, Error> {
        self.down()?.put(tag, &[]);
        Ok(self)
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.put(Tag::End, &[]);
    }

    /// Steps down without a tag that says so; [`Writer::up`] comes after it.
    fn down(&mut self) -> Result<&mut Self, Error> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Error::too_deep()) } else { Ok(self) }
    }

    fn up(&mut self) {
        self.depth -= 1;
    }

    /// A variant that has something in it is a map of one entry, the value of which comes next.
    fn open_variant(&mut self, variant: &str) -> Result<(), Error> {
        self.open(Tag::Map)?.put_long(Tag::Text, variant.as_bytes());
        Ok(())
    }
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Elements<'a>;
    type SerializeStruct = Elements<'a>;
    type SerializeStructVariant = Elements<'a>;

    numbers! {
        serialize_i8 i8, I8;
        serialize_i16 i16, I16;
        serialize_i32 i32, I32;
        serialize_i64 i64, I64;
        serialize_i128 i128, I128;
        serialize_u8 u8, U8;
        serialize_u16 u16, U16;
        serialize_u32 u32, U32;
        serialize_u64 u64, U64;
        serialize_u128 u128, U128;
        serialize_f32 f32, F32;
        serialize_f64 f64, F64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.put(if value { Tag::True } else { Tag::False }, &[]);
        Ok(())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.put(Tag::Char, &u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.put_long(Tag::Text, value.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.put_long(Tag::Bytes, value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.put(Tag::None, &[]);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.open(Tag::Some)?)?;
        // There is one value in it, so its end is known.
        self.up();
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.put(Tag::Unit, &[]);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.down()?)?;
        self.up();
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.open_variant(variant)?;
        value.serialize(&mut *self)?;
        self.close();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Error> {
        Ok(Elements { writer: self.open(Tag::Sequence)?, ends: 1 })
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Error> {
        self.serialize_seq(None)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, Error> {
        self.serialize_seq(None)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'a>, Error> {
        self.open_variant(variant)?;
        Ok(Elements { writer: self.open(Tag::Sequence)?, ends: 2 })
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'a>, Error> {
        Ok(Elements { writer: self.open(Tag::Map)?, ends: 1 })
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, Error> {
        self.serialize_map(None)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'a>, Error> {
        self.open_variant(variant)?;
        Ok(Elements { writer: self.open(Tag::Map)?, ends: 2 })
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What lies in a sequence or a map.
pub(super) struct Elements<'a> {
    writer: &'a mut Writer,
    /// A variant's map ends with what lies in it.
    ends: u8,
}

impl Elements<'_> {
    fn close(self) {
        (0..self.ends).for_each(|_| self.writer.close());
    }
}

/// What has values without keys.
macro_rules! sequences {
    ($($trait:ident $method:ident;)*) => {
        $(
            impl ser::$trait for Elements<'_> {
                type Ok = ();
                type Error = Error;

                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                    value.serialize(&mut *self.writer)
                }

                #[inline]
                fn end(self) -> Result<(), Error> {
                    self.close();
                    Ok(())
                }
            }
        )*
    };
}

sequences! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

/// What has named fields.
macro_rules! structs {
    ($($trait:ident)*) => {
        $(
            impl ser::$trait for Elements<'_> {
                type Ok = ();
                type Error = Error;

                fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                    self.writer.put_long(Tag::Text, key.as_bytes());
                    value.serialize(&mut *self.writer)
                }

                #[inline]
                fn end(self) -> Result<(), Error> {
                    self.close();
                    Ok(())
                }
            }
        )*
    };
}

structs!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut *self.writer)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}
