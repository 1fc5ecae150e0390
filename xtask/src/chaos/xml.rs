//! Whether a text is well-formed XML, as far as reports use it: elements, attributes, text, CDATA and comments.

use anyhow::{Context, Result, bail, ensure};

pub(super) fn check(text: &str) -> Result<()> {
    let mut open: Vec<&str> = Vec::new();
    let mut roots = 0;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        ensure!(!open.is_empty() || before.trim().is_empty(), "text outside of the root: {before:?}");
        let until = |end: &str| tag.find(end).map(|at| at + end.len()).with_context(|| format!("{end} is missing"));
        let length = match tag {
            _ if tag.starts_with("<![CDATA[") => until("]]>")?,
            _ if tag.starts_with("<!--") => until("-->")?,
            _ if tag.starts_with("<?") => until("?>")?,
            _ => {
                let length = end_of_tag(tag).with_context(|| format!("a tag without an end: {tag:.60}"))?;
                let inner = &tag[1..length - 1];
                let name = inner.trim_matches('/').split_whitespace().next().unwrap_or_default();
                if inner.starts_with('/') {
                    ensure!(open.pop() == Some(name), "</{name}> ends another element");
                } else {
                    roots += usize::from(open.is_empty());
                    if !inner.ends_with('/') {
                        open.push(name);
                    }
                }
                length
            }
        };
        rest = &tag[length..];
    }
    if let Some(name) = open.last() {
        bail!("<{name}> has no end");
    }
    ensure!(roots == 1 && rest.trim().is_empty(), "there is not one root");
    Ok(())
}

/// The length of a tag: `>` may stand in an attribute.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(it), _) if it == byte => quote = None,
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_is_cut_short_or_out_of_order_is_not_well_formed() {
        let whole = "<?xml version=\"1.0\"?>\n<a x=\"1 > 0\"><b/>text<![CDATA[<]]><!-- < --></a>\n";
        check(whole).unwrap();
        for wrong in [&whole[..60], "<a><b></a></b>", "<a/><b/>", "", "<a", "text<a/>"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
