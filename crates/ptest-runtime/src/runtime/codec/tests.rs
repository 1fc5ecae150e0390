//! What is written is read again as it was, whatever its type asks for; and whatever else is read is an error.

#![expect(
    clippy::items_after_statements,
    clippy::option_option,
    reason = "these are values that have to come back, too"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{DEEPEST, from_bytes, to_bytes};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<u8>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i64, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Any {
    Unit,
    Newtype(Box<Any>),
    Tuple(u16, char),
    Struct { a: Option<Option<bool>>, b: Vec<Any> },
    Nothing(()),
    Maybe(Option<Box<Any>>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct All {
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    floats: (u32, u64),
    flag: bool,
    letter: char,
    text: String,
    nested: Option<Option<Option<u8>>>,
    unit: ((), Unit, Option<()>, Option<Unit>),
    newtype: Newtype,
    pair: Pair,
    maps: BTreeMap<(u8, Option<char>), Vec<i16>>,
    any: Any,
    fixed: [u8; 3],
}

fn variants() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(Any::Unit),
        Just(Any::Nothing(())),
        Just(Any::Maybe(None)),
        (any::<u16>(), any::<char>()).prop_map(|(number, letter)| Any::Tuple(number, letter)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Any::Newtype(it.into())),
            inner.clone().prop_map(|it| Any::Maybe(Some(it.into()))),
            (any::<Option<Option<bool>>>(), vec(inner, 0..4)).prop_map(|(a, b)| Any::Struct { a, b }),
        ]
    })
}

prop_compose! {
    fn all()(
        signed in any::<(i8, i16, i32, i64, i128)>(),
        unsigned in any::<(u8, u16, u32, u64, u128)>(),
        floats in any::<(u32, u64)>(),
        (flag, letter, text) in any::<(bool, char, String)>(),
        nested in any::<Option<Option<Option<u8>>>>(),
        (some, unit) in any::<(bool, bool)>(),
        newtype in any::<Option<u8>>(),
        pair in any::<(i64, String)>(),
        maps in btree_map(any::<(u8, Option<char>)>(), vec(any::<i16>(), 0..4), 0..4),
        any in variants(),
        fixed in any::<[u8; 3]>(),
    ) -> All {
        All {
            signed,
            unsigned,
            floats,
            flag,
            letter,
            text,
            nested,
            unit: ((), Unit, some.then_some(()), unit.then_some(Unit)),
            newtype: Newtype(newtype),
            pair: Pair(pair.0, pair.1),
            maps,
            any,
            fixed,
        }
    }
}

fn there_and_back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    from_bytes(&to_bytes(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn every_value_comes_back_as_it_was(value in all()) {
        prop_assert_eq!(&there_and_back(&value), &value);
        let floats = (f32::from_bits(value.floats.0), f64::from_bits(value.floats.1));
        let back = there_and_back(&floats);
        prop_assert_eq!((back.0.to_bits(), back.1.to_bits()), value.floats);
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_an_error(value in all(), at in any::<prop::sample::Index>()) {
        let mut bytes = to_bytes(&value).unwrap();
        prop_assert!(from_bytes::<All>(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(from_bytes::<All>(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(0..24_u8, 0..400), noise in vec(any::<u8>(), 0..400)) {
        for bytes in [&bytes, &noise] {
            let _ = from_bytes::<All>(bytes);
            let _ = from_bytes::<Any>(bytes);
            let _ = from_bytes::<Vec<Any>>(bytes);
            let _ = from_bytes::<serde::de::IgnoredAny>(bytes);
        }
    }
}

#[test]
fn texts_and_bytes_are_borrowed() {
    let bytes = to_bytes("borrowed").unwrap();
    let text: Cow<str> = Cow::Borrowed(from_bytes::<&str>(&bytes).unwrap());
    assert!(matches!(text, Cow::Borrowed("borrowed")));

    struct Raw<'a>(&'a [u8]);
    impl Serialize for Raw<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    let bytes = to_bytes(&Raw(b"\0\xff")).unwrap();
    assert_eq!(from_bytes::<&[u8]>(&bytes).unwrap(), b"\0\xff");
}

#[test]
fn types_that_ask_what_is_there_are_told() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u64),
        Text(String),
        Named { value: Option<f64> },
        Variant(Any),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Empty,
        Full { any: Any, maybe: Option<i32> },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        left_out: Option<u8>,
        #[serde(flatten)]
        rest: BTreeMap<String, Untagged>,
        #[serde(rename = "other")]
        renamed: Tagged,
    }
    let any = Any::Struct { a: Some(Some(true)), b: vec![Any::Unit, Any::Tuple(1, 'x')] };
    let rest = [
        ("number", Untagged::Number(7)),
        ("text", Untagged::Text("seven".into())),
        ("named", Untagged::Named { value: Some(0.5) }),
        ("variant", Untagged::Variant(any.clone())),
    ];
    for (left_out, renamed) in [(None, Tagged::Full { any, maybe: Some(-1) }), (Some(1), Tagged::Empty)] {
        let rest = BTreeMap::from(rest.each_ref().map(|(key, value)| ((*key).to_owned(), there_and_back(value))));
        let flat = Flat { left_out, rest, renamed };
        assert_eq!(there_and_back(&flat), flat);
    }
    #[derive(Serialize)]
    struct Written {
        value: Option<u8>,
        more: Vec<u8>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Read {
        value: u8,
    }
    let bytes = to_bytes(&Written { value: Some(5), more: vec![1, 2] }).unwrap();
    assert_eq!(from_bytes::<Read>(&bytes).unwrap(), Read { value: 5 });
}

#[test]
fn what_is_too_deep_is_an_error_on_both_sides() {
    let nested = |depth: u32| (1..depth).fold(Any::Unit, |any, _| Any::Newtype(any.into()));
    let deepest = nested(DEEPEST);
    assert_eq!(there_and_back(&deepest), deepest);
    assert!(to_bytes(&nested(DEEPEST + 2)).unwrap_err().to_string().contains("deep"));
    let open = [vec![super::Tag::Sequence as u8; 100_000], vec![super::Tag::Some as u8; 100_000]];
    for bytes in open {
        assert!(from_bytes::<serde::de::IgnoredAny>(&bytes).unwrap_err().to_string().contains("deep"));
    }
}

#[test]
fn another_type_than_was_written_is_an_error() {
    fn error<T: Debug + DeserializeOwned>(bytes: &[u8]) -> String {
        from_bytes::<T>(bytes).unwrap_err().to_string()
    }
    assert!(error::<u32>(&to_bytes("seven").unwrap()).contains("invalid type"));
    assert!(error::<u8>(&to_bytes(&300).unwrap()).contains("invalid value"));
    assert!(error::<(u8, u8)>(&to_bytes(&[1, 2, 3]).unwrap()).contains("more elements"));
    assert!(error::<(u8, u8)>(&to_bytes(&[1]).unwrap()).contains("length"));
    assert!(error::<Any>(&to_bytes("Newtype").unwrap()).contains("nothing in it"));
}

/// Types whose values lie in themselves, each by another way down.
mod recursive {
    use std::collections::BTreeMap;

    use super::*;

    macro_rules! types {
        ($($(#[$attribute:meta])* $kind:ident $name:ident $body:tt;)*) => {
            $(types!(@ $(#[$attribute])* $kind $name $body);)*

            /// Reads bytes as each of these types.
            fn read_all(bytes: &[u8]) {
                $(let _ = from_bytes::<$name>(bytes);)*
            }
        };
        (@ $(#[$attribute:meta])* tuple $name:ident ($($fields:tt)*)) => {
            #[derive(Debug, PartialEq, Serialize, Deserialize)]
            $(#[$attribute])*
            struct $name($($fields)*);
        };
        (@ $(#[$attribute:meta])* $kind:ident $name:ident $body:tt) => {
            #[derive(Debug, PartialEq, Serialize, Deserialize)]
            $(#[$attribute])*
            $kind $name $body
        };
    }

    types! {
        tuple Maybe (Option<Box<Maybe>>);
        tuple Nothing (Box<Option<Nothing>>);
        tuple Twice (Option<Option<Box<Twice>>>);
        tuple Pairs (Option<Box<Pairs>>, Option<Box<Pairs>>);
        tuple List (Vec<List>);
        tuple Keys (BTreeMap<u8, Keys>);
        tuple Either (Result<Box<Either>, Option<Box<Either>>>);
        #[serde(transparent)] tuple Transparent (Option<Box<Transparent>>);
        struct Named { next: Option<Box<Named>> };
        #[derive(Default)] #[serde(default)] struct Empty { next: Vec<Empty>, other: Option<Box<Empty>> };
        enum Variants { Unit, Newtype(Box<Variants>), Maybe(Option<Box<Variants>>), Two(Box<Variants>, Maybe) };
        #[serde(tag = "kind")] enum Tagged { Unit, Struct { next: Option<Box<Tagged>> } };
    }

    #[test]
    fn one_or_two_bytes_have_an_end() {
        for first in 0..=u8::MAX {
            read_all(&[first]);
            for second in 0..24 {
                read_all(&[first, second]);
            }
        }
        let unit = [super::super::Tag::Unit as u8];
        assert!(from_bytes::<Maybe>(&unit).unwrap_err().to_string().contains("deep"));
        assert!(from_bytes::<Transparent>(&unit).unwrap_err().to_string().contains("deep"));
    }

    #[test]
    fn the_same_tag_over_and_over_has_an_end() {
        for tag in super::super::TAGS {
            read_all(&vec![tag as u8; 100_000]);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_end(tags in vec(0..24_u8, 0..400), noise in vec(any::<u8>(), 0..400)) {
            read_all(&tags);
            read_all(&noise);
        }
    }

    #[test]
    fn what_can_be_written_can_be_read_and_what_is_too_deep_cannot_be_written() {
        fn nested(depth: u32) -> Maybe {
            (0..depth).fold(Maybe(None), |inner, _| Maybe(Some(inner.into())))
        }
        let depth = (0..2 * DEEPEST).take_while(|depth| to_bytes(&nested(*depth)).is_ok()).last().unwrap();
        // A newtype and an option for each.
        assert_eq!(depth, (DEEPEST - 1) / 2);
        assert_eq!(there_and_back(&nested(depth)), nested(depth));
        assert!(to_bytes(&nested(depth + 1)).unwrap_err().to_string().contains("deep"));
    }
}
