//! Literals: texts and whole numbers, as far as options have them.

use proc_macro2::{Literal, TokenStream, TokenTree};

use crate::tokens;

/// The only token, if it is a literal.
pub(crate) fn of(value: &TokenStream) -> Option<Literal> {
    match &tokens::row(value.clone())[..] {
        [TokenTree::Literal(literal)] => Some(literal.clone()),
        _ => None,
    }
}

/// Whether it is a text.
pub(crate) fn is_text(literal: &Literal) -> bool {
    quoted(&literal.to_string()).is_some()
}

/// What a text says, unless it has escapes in it.
pub(crate) fn text(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    let text = quoted(&source)?;
    (source.starts_with('r') || !text.contains('\\')).then(|| text.to_owned())
}

/// What stands between the quotes of a text, raw or not. Bytes are no text, and a suffix makes something else of it.
fn quoted(source: &str) -> Option<&str> {
    let bare = match source.strip_prefix('r') {
        Some(raw) => {
            let hashes = raw.len() - raw.trim_start_matches('#').len();
            raw[hashes..].strip_suffix(&raw[..hashes])?
        }
        None => source,
    };
    bare.strip_prefix('"')?.strip_suffix('"')
}

/// A whole number in decimal, without a suffix.
pub(crate) fn number(literal: &Literal) -> Option<u64> {
    literal.to_string().replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::{is_text, number, of, text};
    #[test]
    fn texts_and_numbers_are_read() {
        let literal = |tokens| of(&tokens).unwrap();
        for (tokens, expected) in
            [(quote!("5s"), "5s"), (quote!(r"5\s"), r"5\s"), (quote!(r#"a"b"#), "a\"b"), (quote!(""), "")]
        {
            assert_eq!(text(&literal(tokens)).as_deref(), Some(expected));
        }
        assert!(is_text(&literal(quote!("\n"))) && text(&literal(quote!("\n"))).is_none());
        for tokens in [quote!(b"5s"), quote!(c"5s"), quote!('5'), quote!(5)] {
            assert!(!is_text(&literal(tokens)));
        }
        assert_eq!(number(&literal(quote!(1_000))), Some(1000));
        for tokens in [quote!(5u8), quote!(2.5), quote!("5"), quote!(99_999_999_999_999_999_999)] {
            assert_eq!(number(&literal(tokens)), None);
        }
        assert!(of(&quote!(-5)).is_none() && of(&quote!(LIMIT)).is_none());
    }
}
