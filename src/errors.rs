//! How errors are worded for people.

/// An error and its causes in one line. A cause that the text before it already ends with is left out: many errors print
/// their cause themselves. So is a text that its cause begins with.
pub fn describe(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let last = parts.last().map_or("", String::as_str);
        if last.trim_end().ends_with(text.trim_end()) {
            continue;
        }
        if text.strip_prefix(last).is_some_and(|rest| rest.starts_with(':')) {
            parts.pop();
        }
        parts.push(text);
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn causes_follow_one_another() {
        let error = anyhow!("no room").context("cannot write x").context("cannot keep the journal");
        assert_eq!(describe(&error), "cannot keep the journal: cannot write x: no room");
    }

    #[test]
    fn the_same_is_not_said_twice() {
        let twice = anyhow!("no room").context("cannot write x").context("cannot write x");
        assert_eq!(describe(&twice), "cannot write x: no room");
        let with_its_cause = anyhow!("no room").context("cannot rename: no room").context("cannot write x");
        assert_eq!(describe(&with_its_cause), "cannot write x: cannot rename: no room");
        let in_its_cause = anyhow!("cannot write x: no room").context("cannot write x");
        assert_eq!(describe(&in_its_cause), "cannot write x: no room");
        let longer = anyhow!("cannot write xy").context("cannot write x");
        assert_eq!(describe(&longer), "cannot write x: cannot write xy");
    }

    #[test]
    fn a_file_that_cannot_be_put_into_place_has_one_reason() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("folder");
        std::fs::create_dir(&place).unwrap();
        let persisted = tempfile::NamedTempFile::new_in(folder.path()).unwrap().persist(&place);
        let error = persisted.context("cannot replace the file").unwrap_err();
        let reason = io::Error::from_raw_os_error(libc::EISDIR).to_string();
        assert_eq!(describe(&error).matches(&reason).count(), 1, "{}", describe(&error));
        assert_eq!(format!("{error:#}").matches(&reason).count(), 2, "else there is no need for this");
    }
}
