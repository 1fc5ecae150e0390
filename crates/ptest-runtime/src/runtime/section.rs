//! Where the attributes' work is found at run time: annotations, and the functions of fixtures, each kind in a section
//! of the binary that the linker puts together.
//!
//! The idea of collecting statics in a section is that of the `linkme` crate; what is done here needs no more than two
//! sections and keeps the compile time of a test low.

use std::any::Any;

use super::value::Made;
use crate::wire::annotation::Annotation;

/// What fixtures give and take.
type Value = Box<dyn Any + Send>;

/// A setup, as `#[ptest::setup]` registers it.
pub struct Setup {
    pub module: &'static str,
    /// Makes the value. A shared one was made before, and is made of its bytes again where there are some.
    pub run: fn(Option<&[u8]>) -> Result<Made, String>,
}

/// A teardown, as `#[ptest::teardown]` registers it.
pub struct Teardown {
    pub module: &'static str,
    /// Gets what the setup made, or what a shared context has kept.
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
    let mut found = Vec::new();
    for text in sections::annotations().iter().flatten() {
        match Annotation::read(text) {
            Ok(annotation) => found.extend(annotation),
            Err(foreign) => panic!("{foreign}"),
        }
    }
    found
}

/// The functions of all fixtures of this binary.
pub(super) fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    sections::fixtures().iter().flatten().copied()
}

/// The macros that make annotations, for one name of the section: an annotation stands in each test, so whatever they ask the
/// compiler is asked a thousand times, and which system it compiles for need not be. (`$d` is a dollar sign.)
#[rustfmt::skip]
macro_rules! annotating_into {
    ($section:literal, $d:tt) => {
        /// Puts an annotation into its section.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! __annotate {
            ($d kind:ident, $d name:ident $d (, $d key:ident = $d value:expr)* $d (,)?) => {
                const _: () = {
                    #[used]
                    #[unsafe(link_section = $section)]
                    static ANNOTATION: &str = ::core::concat!(
                        "ptest1\u{1f}",
                        ::core::stringify!($d kind),
                        "\u{1f}",
                        ::core::module_path!(),
                        "\u{1f}",
                        ::core::stringify!($d name),
                        "\u{1f}",
                        ::core::file!(),
                        "\u{1f}",
                        ::core::line!()
                        $d (, "\u{1f}", ::core::stringify!($d key), "=", $d value)*
                    );
                };
            };
        }

        /// The annotation of a test. Its name and its options come with the separators around them.
        ///
        /// All of it is a block, lest the test see what is in it.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! __test {
            ($d name:literal, $d options:literal) => {{
                #[used]
                #[unsafe(link_section = $section)]
                static ANNOTATION: &str = ::core::concat!(
                    "ptest1\u{1f}test\u{1f}",
                    ::core::module_path!(),
                    $d name,
                    ::core::file!(),
                    "\u{1f}",
                    ::core::line!(),
                    $d options
                );
                ANNOTATION
            }};
        }
    };
}

#[cfg(not(any(target_vendor = "apple", windows)))]
annotating_into!("ptest_meta", $);
#[cfg(target_vendor = "apple")]
annotating_into!("__DATA,__ptest_meta,regular,no_dead_strip", $);
#[cfg(windows)]
annotating_into!(".ptest$b", $);

/// A test that takes and gives nothing, expects no panic and has no time limit: nearly all of them. What the compiler puts
/// together here costs it less than what the attribute would.
///
/// The test asks at its beginning whether it is inside of its contexts, and is run from there if it is not: it is called once
/// more. A function within would have to be compiled for each test as well, and a guard takes even longer. No other
/// attribute may change such a test, for what that puts around it would be run twice. Those that stand inside of the body
/// go in front of it, which is for the attribute to do.
#[doc(hidden)]
#[macro_export]
macro_rules! __plain {
    ($name:literal $fn:tt $test:ident $none:tt { # ! $attribute:tt $($rest:tt)* }) => {
        #[::ptest::test]
        # $attribute
        $fn $test $none { $($rest)* }
    };
    ($name:literal $fn:tt $test:ident $none:tt $body:tt) => {
        #[::core::prelude::v1::test]
        $fn $test $none {
            if $crate::__private::is_inside($crate::__test!($name, "\u{1f}ignored=false"), $test) $body
        }
    };
    ($name:literal $options:literal [$($attributes:tt)*] [$($visibility:tt)*] $fn:tt $test:ident $none:tt $body:tt) => {
        $($attributes)*
        #[::core::prelude::v1::test]
        $($visibility)* $fn $test $none {
            if $crate::__private::is_inside($crate::__test!($name, $options), $test) $body
        }
    };
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
/// not there. What both hold has the size that it is aligned to, or twice that, so no linker has a reason for gaps; one that is as
/// long as an element reads as `None`. Whoever changes what stands in a section has to give it another name.
mod sections {
    use super::Fixture;
    use crate::wire::annotation::NOTHING;

    /// An annotation, as the section has it.
    type Text = Option<&'static str>;
    const _: () = assert!(size_of::<Text>() == size_of::<&str>());

    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__ptest_meta,regular,no_dead_strip"))]
    #[cfg_attr(windows, unsafe(link_section = ".ptest$b"))]
    #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = "ptest_meta"))]
    static NO_ANNOTATION: Text = Some(NOTHING);

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
        static ANNOTATIONS_START: Text;
        #[cfg_attr(target_vendor = "apple", link_name = "\u{1}section$end$__DATA$__ptest_meta")]
        #[cfg_attr(not(target_vendor = "apple"), link_name = "__stop_ptest_meta")]
        static ANNOTATIONS_STOP: Text;
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
    static ANNOTATIONS_START: Text = Some(NOTHING);
    #[cfg(windows)]
    #[unsafe(link_section = ".ptest$c")]
    static ANNOTATIONS_STOP: Text = Some(NOTHING);
    #[cfg(windows)]
    #[unsafe(link_section = ".ptestr$a")]
    static FIXTURES_START: Option<&Fixture> = Some(&Fixture::Nothing);
    #[cfg(windows)]
    #[unsafe(link_section = ".ptestr$c")]
    static FIXTURES_STOP: Option<&Fixture> = Some(&Fixture::Nothing);

    pub(super) fn annotations() -> &'static [Text] {
        // SAFETY: both are bounds of one section, which holds nothing but values of this type and is never written to.
        unsafe { between(&raw const ANNOTATIONS_START, &raw const ANNOTATIONS_STOP) }
    }

    pub(super) fn fixtures() -> &'static [Option<&'static Fixture>] {
        // SAFETY: as above.
        unsafe { between(&raw const FIXTURES_START, &raw const FIXTURES_STOP) }
    }

    /// # Safety
    ///
    /// From `start` to `stop` there is nothing but values of this type, which nobody changes.
    unsafe fn between<T>(start: *const T, stop: *const T) -> &'static [T] {
        let (length, rest) =
            ((stop.addr() - start.addr()) / size_of::<T>(), (stop.addr() - start.addr()) % size_of::<T>());
        assert!(rest == 0, "the linker has left gaps between what the attributes put there");
        // SAFETY: said above.
        unsafe { std::slice::from_raw_parts(start, length) }
    }
}
