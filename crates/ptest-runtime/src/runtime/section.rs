//! Where the attributes' work is found at run time: annotations, and the functions of fixtures, each kind in a section
//! of the binary that the linker puts together.
//!
//! The idea of collecting statics in a section is that of the `linkme` crate; what is done here needs no more than two
//! sections and keeps the compile time of a test low.

use std::any::Any;

use super::value::Made;
use crate::wire::annotation::{self, Annotation};

/// What fixtures give and take.
type Value = Box<dyn Any + Send>;

type Decode = fn(&[u8]) -> Result<Box<dyn Any + Send + Sync>, String>;

/// A set-up, as `#[ptest::setup]` registers it.
pub struct Setup {
    pub module: &'static str,
    pub run: fn() -> Result<Made, String>,
    /// Makes the value of its bytes again. Only of shared contexts.
    pub decode: Option<Decode>,
}

/// A teardown, as `#[ptest::teardown]` registers it.
pub struct Teardown {
    pub module: &'static str,
    /// Gets what the set-up made, or what a shared context has kept.
    pub run: fn(Option<Value>) -> Result<(), String>,
}

/// What stands in the section of fixtures.
pub enum Fixture {
    Setup(Setup),
    Teardown(Teardown),
    /// So that the section is there in any case.
    Nothing,
}

/// All annotations of this binary.
pub(super) fn annotations() -> Vec<Annotation<'static>> {
    let found: Result<Vec<_>, _> = annotation::read(sections::annotations()).collect();
    found.unwrap_or_else(|foreign| panic!("{foreign}"))
}

/// The functions of all fixtures of this binary.
pub(super) fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    sections::fixtures().iter().flatten().copied()
}

/// Puts an annotation into its section.
#[doc(hidden)]
#[macro_export]
macro_rules! __annotate {
    ($($annotation:tt)*) => {
        const _: () = {
            $crate::__annotation!($($annotation)*);
        };
    };
}

/// The annotation itself, as a `static ANNOTATION`.
#[doc(hidden)]
#[macro_export]
macro_rules! __annotation {
    ($kind:ident, $name:ident $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__annotation!(::core::concat!(
            "\u{2}ptest1\u{1f}", ::core::stringify!($kind),
            "\u{1f}", ::core::module_path!(),
            "\u{1f}", ::core::stringify!($name),
            "\u{1f}", ::core::file!(),
            "\u{1f}", ::core::line!()
            $(, "\u{1f}", ::core::stringify!($key), "=", $value)*,
            "\u{3}"
        ));
    };
    ($text:expr) => {
        #[used]
        #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip"))]
        #[cfg_attr(windows, unsafe(link_section = ".ptest$b"))]
        #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_meta"))]
        static ANNOTATION: [u8; $text.len()] = $crate::__private::bytes($text);
    };
}

/// The annotation of a test, as a `static ANNOTATION`: its name and its options come with the separators around them.
///
/// It stands in every test, so whatever is in here is compiled a thousand times. One length for all costs less than a
/// constant for each, and three macros less than three conditions.
#[doc(hidden)]
#[macro_export]
#[cfg(not(any(target_vendor = "apple", windows)))]
macro_rules! __test {
    ($name:literal, $options:literal) => {
        #[used]
        #[unsafe(link_section = "ptest_meta")]
        static ANNOTATION: [u8; $crate::__private::LENGTH] = $crate::__private::padded(::core::concat!(
            "\u{2}ptest1\u{1f}test\u{1f}",
            ::core::module_path!(),
            $name,
            ::core::file!(),
            "\u{1f}",
            ::core::line!(),
            $options
        ));
    };
}

/// As above.
#[doc(hidden)]
#[macro_export]
#[cfg(target_vendor = "apple")]
macro_rules! __test {
    ($name:literal, $options:literal) => {
        #[used]
        #[unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip")]
        static ANNOTATION: [u8; $crate::__private::LENGTH] = $crate::__private::padded(::core::concat!(
            "\u{2}ptest1\u{1f}test\u{1f}",
            ::core::module_path!(),
            $name,
            ::core::file!(),
            "\u{1f}",
            ::core::line!(),
            $options
        ));
    };
}

/// As above.
#[doc(hidden)]
#[macro_export]
#[cfg(windows)]
macro_rules! __test {
    ($name:literal, $options:literal) => {
        #[used]
        #[unsafe(link_section = ".ptest$b")]
        static ANNOTATION: [u8; $crate::__private::LENGTH] = $crate::__private::padded(::core::concat!(
            "\u{2}ptest1\u{1f}test\u{1f}",
            ::core::module_path!(),
            $name,
            ::core::file!(),
            "\u{1f}",
            ::core::line!(),
            $options
        ));
    };
}

/// A test that takes and gives nothing, and expects no panic: nearly all of them. What the compiler puts together here costs
/// it less than what the attribute would.
///
/// The annotation stands in a block of its own, lest the test see it.
#[doc(hidden)]
#[macro_export]
macro_rules! __plain {
    ($name:literal fn $test:ident $none:tt $body:tt) => {
        #[::core::prelude::v1::test]
        fn $test() {
            fn $test $none $body
            $crate::__private::run_plain({ $crate::__test!($name, "\u{1f}ignored=false\u{3}"); &ANNOTATION }, $test)
        }
    };
    ($name:literal $options:literal [$($attributes:tt)*] [$($visibility:tt)*] $fn:tt $test:ident $none:tt $body:tt) => {
        $($attributes)*
        #[::core::prelude::v1::test]
        $($visibility)* fn $test() {
            $fn $test $none $body
            $crate::__private::run_plain({ $crate::__test!($name, $options); &ANNOTATION }, $test)
        }
    };
}

/// The bytes of a text, of which there are as many as the type says.
#[must_use]
pub const fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    match text.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => unreachable!(),
    }
}

/// How long the annotation of a test is: linkers, and those who read it, take what is left over for a gap.
pub const LENGTH: usize = 512;

/// A text with zeroes behind it.
#[must_use]
pub const fn padded(text: &str) -> [u8; LENGTH] {
    assert!(
        text.len() <= LENGTH,
        "ptest: the names of this test, its modules and its file are too long: 450 bytes is what they have together"
    );
    let mut bytes = [0; LENGTH];
    // SAFETY: both have as many bytes as the text, and the second one is nobody else's. This is run for every test when it
    // is compiled, and to copy a slice takes the compiler several times as long.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), bytes.as_mut_ptr(), text.len()) };
    bytes
}

/// Puts a fixture's function into its section.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($fixture:expr) => {
        #[used]
        #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_run,regular,no_dead_strip"))]
        #[cfg_attr(windows, unsafe(link_section = ".ptestr$b"))]
        #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_run"))]
        static FIXTURE: ::core::option::Option<&$crate::__private::Fixture> = ::core::option::Option::Some(&$fixture);
    };
}

/// The bounds of the two sections. Each holds something of ours, for the linker knows no bounds of a section that is
/// not there.
mod sections {
    use super::Fixture;

    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip"))]
    #[cfg_attr(windows, unsafe(link_section = ".ptest$b"))]
    #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_meta"))]
    static NO_ANNOTATION: u8 = 0;

    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_run,regular,no_dead_strip"))]
    #[cfg_attr(windows, unsafe(link_section = ".ptestr$b"))]
    #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_run"))]
    static NO_FIXTURE: Option<&Fixture> = Some(&Fixture::Nothing);

    // Nothing foreign is behind these names: the linker gives them to what it has put together from here.
    #[allow(improper_ctypes)]
    #[cfg(not(windows))]
    unsafe extern "C" {
        #[cfg_attr(target_vendor = "apple", link_name = "\u{1}section$start$__DATA$__ptest_meta")]
        #[cfg_attr(not(target_vendor = "apple"), link_name = "__start_ptest_meta")]
        static ANNOTATIONS_START: u8;
        #[cfg_attr(target_vendor = "apple", link_name = "\u{1}section$end$__DATA$__ptest_meta")]
        #[cfg_attr(not(target_vendor = "apple"), link_name = "__stop_ptest_meta")]
        static ANNOTATIONS_STOP: u8;
        #[cfg_attr(target_vendor = "apple", link_name = "\u{1}section$start$__DATA$__ptest_run")]
        #[cfg_attr(not(target_vendor = "apple"), link_name = "__start_ptest_run")]
        static FIXTURES_START: Option<&'static Fixture>;
        #[cfg_attr(target_vendor = "apple", link_name = "\u{1}section$end$__DATA$__ptest_run")]
        #[cfg_attr(not(target_vendor = "apple"), link_name = "__stop_ptest_run")]
        static FIXTURES_STOP: Option<&'static Fixture>;
    }

    // The linker sorts a section's parts by what stands behind the dollar sign.
    #[cfg(windows)]
    #[unsafe(link_section = ".ptest$a")]
    static ANNOTATIONS_START: u8 = 0;
    #[cfg(windows)]
    #[unsafe(link_section = ".ptest$c")]
    static ANNOTATIONS_STOP: u8 = 0;
    #[cfg(windows)]
    #[unsafe(link_section = ".ptestr$a")]
    static FIXTURES_START: Option<&Fixture> = Some(&Fixture::Nothing);
    #[cfg(windows)]
    #[unsafe(link_section = ".ptestr$c")]
    static FIXTURES_STOP: Option<&Fixture> = Some(&Fixture::Nothing);

    pub(super) fn annotations() -> &'static [u8] {
        let (start, stop) = (&raw const ANNOTATIONS_START, &raw const ANNOTATIONS_STOP);
        // SAFETY: both are bounds of one section, which is never written to, and all bytes of it are initialised.
        unsafe { std::slice::from_raw_parts(start, stop.addr() - start.addr()) }
    }

    pub(super) fn fixtures() -> &'static [Option<&'static Fixture>] {
        let start = &raw const FIXTURES_START;
        let length = (&raw const FIXTURES_STOP).addr() - start.addr();
        // SAFETY: as above. The section holds nothing but values of this type. They are pointers, so there are no gaps
        // between them; where a linker fills one with zeroes all the same, it reads as `None`.
        unsafe { std::slice::from_raw_parts(start, length / size_of::<Option<&Fixture>>()) }
    }
}
