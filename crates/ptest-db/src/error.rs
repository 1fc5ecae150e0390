//! What can go wrong, as a text that says what to do about it. Nothing branches on it: a setup returns it, a test fails
//! with it.

use std::fmt;

/// An error of a database driver or of a migration.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no database for a test, and what to do about it.
///
/// Its `Debug` form is readable as well, and includes all causes, because test runners print the `Debug` form of an error that
/// a setup or test returns.
pub struct Error {
    text: String,
    cause: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), cause: None }
    }

    pub(crate) fn caused(text: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self { text: text.into(), cause: Some(cause.into()) }
    }

    /// For a test, which has nobody to return it to.
    #[track_caller]
    pub(crate) fn fail_test(&self) -> ! {
        panic!("ptest-db: {self:?}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)?;
        let mut said = self.text.clone();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors say their cause themselves.
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Says what was tried when it failed.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<BoxError>> Trying<T> for Result<T, E> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Error::caused(what(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_said_once() {
        let inner = Error::caused("cannot connect", "no route");
        assert_eq!(
            format!("{:?}", Error::caused("no database: cannot connect", inner)),
            "no database: cannot connect: no route"
        );
    }
}
