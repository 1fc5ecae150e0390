//! Addresses in the web, of what the run was made from. Pure.

use std::fmt::Write;

use crate::event::Origin;

/// Where a line of the workspace's sources is shown.
pub(super) fn to_source(origin: Option<&Origin>, file: &str, line: Option<u32>) -> Option<String> {
    let sources = web(origin?.sources.as_deref()?)?;
    if file.starts_with('/') || file.split('/').any(|part| part == "..") {
        return None;
    }
    let line = line.map(|line| format!("#L{line}")).unwrap_or_default();
    Some(format!("{sources}{}{line}", encoded(file)))
}

/// Where the commit is shown, by where its files are.
pub(super) fn to_commit(origin: &Origin) -> Option<String> {
    let (sources, commit) = (web(origin.sources.as_deref()?)?, origin.commit.as_deref()?);
    let (forge, _) = sources.split_once(&format!("/blob/{commit}/"))?;
    Some(format!("{forge}/commit/{commit}"))
}

/// A journal may say anything: a link must not be a script.
fn web(address: &str) -> Option<&str> {
    (address.starts_with("https://") || address.starts_with("http://")).then_some(address)
}

fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => encoded.push(byte.into()),
            // Writing to a string does not fail.
            byte => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(sources: &str) -> Origin {
        let sources = Some(sources.to_owned());
        Origin { sources, commit: Some("12ab".to_owned()), ..Origin::default() }
    }

    #[test]
    fn a_line_and_a_commit_have_addresses() {
        let github = origin("https://forge.example/us/demo/blob/12ab/crates/");
        assert_eq!(
            to_source(Some(&github), "cart/src/a b.rs", Some(7)).as_deref(),
            Some("https://forge.example/us/demo/blob/12ab/crates/cart/src/a%20b.rs#L7")
        );
        assert_eq!(to_commit(&github).as_deref(), Some("https://forge.example/us/demo/commit/12ab"));
        let gitlab = origin("https://lab.example/us/demo/-/blob/12ab/");
        assert_eq!(to_commit(&gitlab).as_deref(), Some("https://lab.example/us/demo/-/commit/12ab"));
    }

    #[test]
    fn what_is_no_source_of_the_workspace_has_none() {
        let github = origin("https://forge.example/us/demo/blob/12ab/");
        for file in ["/home/me/.cargo/registry/x.rs", "../other/src/lib.rs"] {
            assert_eq!(to_source(Some(&github), file, Some(7)), None);
        }
        assert_eq!(to_source(Some(&origin("javascript:alert(1)//")), "src/lib.rs", None), None);
        assert_eq!(to_source(None, "src/lib.rs", None), None);
    }
}
