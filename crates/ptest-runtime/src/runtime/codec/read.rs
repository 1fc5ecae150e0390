//! From bytes to values. Whatever the bytes are, there is an end: with a value or with an error.

use serde_core::de::{self, DeserializeSeed, Visitor};
use serde_core::forward_to_deserialize_any;

use super::{DEEPEST, Error, TAGS, Tag};

pub(super) struct Reader<'de> {
    rest: &'de [u8],
    depth: u32,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// There must be nothing left.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(wrong("there is more than one value")) }
    }

    fn peek(&self) -> Result<Tag, Error> {
        let tag = self.rest.first().and_then(|byte| TAGS.get(usize::from(*byte)));
        tag.copied().ok_or_else(|| wrong("there is no value where one should be"))
    }

    fn tag(&mut self) -> Result<Tag, Error> {
        let tag = self.peek()?;
        self.rest = &self.rest[1..];
        Ok(tag)
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| wrong("a value is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Error> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.take(LENGTH)?);
        Ok(array)
    }

    fn long(&mut self) -> Result<&'de [u8], Error> {
        let length = u64::from_le_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| wrong("a value is cut off"))?)
    }

    fn text(&mut self) -> Result<&'de str, Error> {
        str::from_utf8(self.long()?).map_err(|_| wrong("a text is not UTF-8"))
    }

    fn open(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Error::too_deep()) } else { Ok(()) }
    }

    /// One step down that has no end of its own in the bytes, and perhaps no beginning either: a type whose value lies in
    /// itself could take such steps for ever.
    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.open()?;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// After all that was wanted of a sequence or a map.
    fn close(&mut self) -> Result<(), Error> {
        self.depth -= 1;
        match self.tag()? {
            Tag::End => Ok(()),
            _ => Err(wrong("there are more elements than were asked for")),
        }
    }

    fn is_at_end(&mut self) -> Result<bool, Error> {
        Ok(self.peek()? == Tag::End)
    }

    /// Whether a `Some` comes next that means nothing to those who do not ask for an option: its value says it all.
    fn skip_some(&mut self) -> Result<(), Error> {
        while self.peek()? == Tag::Some && !matches!(self.rest.get(1), Some(0..=2)) {
            self.tag()?;
        }
        Ok(())
    }
}

#[cold]
fn wrong(message: &str) -> Error {
    Error(message.into())
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip_some()?;
        match self.tag()? {
            Tag::Unit => visitor.visit_unit(),
            Tag::None => visitor.visit_none(),
            Tag::Some => self.within(|reader| visitor.visit_some(reader)),
            Tag::False => visitor.visit_bool(false),
            Tag::True => visitor.visit_bool(true),
            Tag::I8 => visitor.visit_i8(i8::from_le_bytes(self.array()?)),
            Tag::I16 => visitor.visit_i16(i16::from_le_bytes(self.array()?)),
            Tag::I32 => visitor.visit_i32(i32::from_le_bytes(self.array()?)),
            Tag::I64 => visitor.visit_i64(i64::from_le_bytes(self.array()?)),
            Tag::I128 => visitor.visit_i128(i128::from_le_bytes(self.array()?)),
            Tag::U8 => visitor.visit_u8(u8::from_le_bytes(self.array()?)),
            Tag::U16 => visitor.visit_u16(u16::from_le_bytes(self.array()?)),
            Tag::U32 => visitor.visit_u32(u32::from_le_bytes(self.array()?)),
            Tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.array()?)),
            Tag::U128 => visitor.visit_u128(u128::from_le_bytes(self.array()?)),
            Tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.array()?)),
            Tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.array()?)),
            Tag::Char => {
                let letter = char::from_u32(u32::from_le_bytes(self.array()?));
                visitor.visit_char(letter.ok_or_else(|| wrong("a value is not a character"))?)
            }
            Tag::Text => visitor.visit_borrowed_str(self.text()?),
            Tag::Bytes => visitor.visit_borrowed_bytes(self.long()?),
            Tag::Sequence => {
                self.open()?;
                let value = visitor.visit_seq(Elements(&mut *self))?;
                self.close()?;
                Ok(value)
            }
            Tag::Map => {
                self.open()?;
                let value = visitor.visit_map(Elements(&mut *self))?;
                self.close()?;
                Ok(value)
            }
            Tag::End => Err(wrong("there are fewer elements than were asked for")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek()? {
            Tag::None => {
                self.tag()?;
                visitor.visit_none()
            }
            Tag::Some => {
                self.tag()?;
                self.within(|reader| visitor.visit_some(reader))
            }
            // What is there is something, whoever wrote it.
            _ => self.within(|reader| visitor.visit_some(reader)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.within(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.skip_some()?;
        if self.peek()? != Tag::Map {
            return visitor.visit_enum(Variant { reader: self, has_content: false });
        }
        self.tag()?;
        self.open()?;
        let value = visitor.visit_enum(Variant { reader: &mut *self, has_content: true })?;
        self.close()?;
        Ok(value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What lies in a sequence or a map.
struct Elements<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.0.is_at_end()? { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.0.is_at_end()? { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.0)
    }
}

/// A variant: its name, and its content if it has some.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    has_content: bool,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(&mut *self.reader)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<(), Error> {
        if self.has_content && self.reader.tag()? != Tag::Unit {
            return Err(wrong("a variant has something in it"));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        if self.has_content { seed.deserialize(self.reader) } else { Err(wrong("a variant has nothing in it")) }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.newtype_variant_seed(Content(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.newtype_variant_seed(Content(visitor))
    }
}

/// Whatever comes next, for a visitor.
struct Content<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Content<V> {
    type Value = V::Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}
