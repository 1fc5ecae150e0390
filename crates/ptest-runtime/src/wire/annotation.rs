//! Annotations: one piece of text for each attribute, in a section of the binary of their own.
//!
//! The attributes cannot know the path of the module that they stand in, but `concat!` and `module_path!` can, so an
//! annotation is text that the compiler puts together. In the section stands a `&str` for each: an address and a length.
//! (The text itself would need no relocation, but the compiler takes longer to copy it than for all the rest of a test's
//! annotation.) Its fields are kind, module path, name, file, line and then options, each `key=value`:
//!
//! ```text
//! ptest1 \x1f test \x1f orders::cart \x1f add \x1f tests/orders.rs \x1f 7 \x1f ignored=false \x1f timeout=5000
//! ```

use super::{FIELD, Parts};

/// The section on ELF systems: a C identifier, so that the linker says where it begins and ends.
pub const SECTION_ELF: &str = "ptest_meta";
/// The section in Mach-O files, without its segment, `__DATA`.
pub const SECTION_MACH_O: &str = "__ptest_meta";
/// The section in COFF files; the linker puts what stands behind the dollar sign in order and cuts it off.
pub const SECTION_COFF: &str = ".ptest";

/// The first field: who wrote this, and in which version.
pub const MAGIC: &str = "ptest1";

/// What stands in the section of each binary, so that there is one.
pub const NOTHING: &str = "-";

/// Under this key a test says whether `#[ignore]` stands on it: `true` or `false`.
pub const IGNORED: &str = "ignored";
/// Under this key a test, setup or teardown says its time limit, in milliseconds.
pub const TIMEOUT: &str = "timeout";
/// Under this key a test says how many slots it takes, if more than one.
pub const THREADS: &str = "threads";
/// Under this key a test that is fed by a generator says so: `true`.
pub const GENERATED: &str = "generated";
/// Under this key a setup says its kind: `unit`, `can_split` or `shared`.
pub const KIND: &str = "kind";
/// Under this key a shared setup says by which name all binaries of its package share it.
pub const KEY: &str = "key";
/// Under this key a setup says that plain `#[test]`s in its module need no setup: `true`.
pub const PLAIN: &str = "plain";

/// What an attribute says of the item that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation<'a> {
    pub kind: Kind,
    /// As `module_path!()` has it: with the crate's name in front.
    pub module: &'a str,
    /// The function's name; empty for [`Kind::Plain`].
    pub name: &'a str,
    pub file: &'a str,
    pub line: u32,
    options: &'a str,
}

/// What is annotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Test,
    Setup,
    Teardown,
    /// A module whose plain `#[test]`s need no setup.
    Plain,
}

impl<'a> Annotation<'a> {
    /// The value of an option.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&'a str> {
        for option in Parts::of(self.options, FIELD) {
            if let Some(rest) = option.strip_prefix(key)
                && let Some(value) = rest.strip_prefix('=')
            {
                return Some(value);
            }
        }
        None
    }

    /// Whether an option is `true`.
    #[must_use]
    pub fn says(&self, key: &str) -> bool {
        self.option(key) == Some("true")
    }

    /// The time limit, if there is one.
    #[must_use]
    pub fn timeout(&self) -> Option<std::time::Duration> {
        self.option(TIMEOUT)?.parse().ok().map(std::time::Duration::from_millis)
    }

    /// How many slots it takes, if it says so.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        self.option(THREADS)?.parse().ok()
    }

    /// The annotation that a text in the section is, unless it is [`NOTHING`].
    pub fn read(text: &'a str) -> Result<Option<Self>, Foreign> {
        if text == NOTHING {
            return Ok(None);
        }
        match Self::parse(text) {
            None => Err(Foreign),
            annotation => Ok(annotation),
        }
    }

    fn parse(text: &'a str) -> Option<Self> {
        let mut fields = Parts::of(text, FIELD);
        if fields.next()? != MAGIC {
            return None;
        }
        let kind = match fields.next()? {
            "test" => Kind::Test,
            "setup" => Kind::Setup,
            "teardown" => Kind::Teardown,
            "plain" => Kind::Plain,
            _ => return None,
        };
        let (module, name, file) = (fields.next()?, fields.next()?, fields.next()?);
        let line = fields.next()?.parse().ok()?;
        Some(Self { kind, module, name, file, line, options: fields.rest.unwrap_or_default() })
    }
}

/// An annotation that this version of `ptest` does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an annotation is of another version of the ptest crate; use the same one everywhere")
    }
}

impl std::error::Error for Foreign {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read() {
        let texts = [
            "ptest1\x1ftest\x1fa::b\x1fc\x1fsrc/a.rs\x1f7\x1fignored=true\x1ftimeout=1500\x1fthreads=4",
            "ptest1\x1fplain\x1fa\x1f\x1fsrc/a.rs\x1f1",
        ];
        let found = texts.map(|text| Annotation::read(text).unwrap().unwrap());
        assert_eq!((found[0].kind, found[0].module, found[0].name, found[0].line), (Kind::Test, "a::b", "c", 7));
        assert!(found[0].says(IGNORED));
        assert_eq!(found[0].timeout(), Some(std::time::Duration::from_millis(1500)));
        assert_eq!((found[0].threads(), found[1].threads()), (Some(4), None));
        assert_eq!((found[1].kind, found[1].option(KEY)), (Kind::Plain, None));
        assert_eq!(Annotation::read(NOTHING), Ok(None));
    }

    #[test]
    fn what_is_of_another_version_is_an_error() {
        for text in ["ptest9\x1fnew", "ptest1\x1ftest\x1fcut", ""] {
            assert_eq!(Annotation::read(text), Err(Foreign));
        }
    }
}
