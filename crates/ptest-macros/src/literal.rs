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
    quoted(&tokens::text(literal)).is_some()
}

/// What a text says, unless it has escapes in it.
pub(crate) fn text(literal: &Literal) -> Option<String> {
    let source = tokens::text(literal);
    let text = quoted(&source)?;
    let is_raw = source.as_bytes()[0] == b'r';
    if is_raw || !text.as_bytes().contains(&b'\\') { Some(text.to_owned()) } else { None }
}

/// What stands between the quotes of a text, raw or not. Bytes are no text, and a suffix makes something else of it.
fn quoted(source: &str) -> Option<&str> {
    let mut bare = source.as_bytes();
    if let [b'r', raw @ ..] = bare {
        bare = raw;
        while let [b'#', inside @ .., b'#'] = bare {
            bare = inside;
        }
    }
    match bare {
        [b'"', text @ .., b'"'] => str::from_utf8(text).ok(),
        _ => None,
    }
}

/// A whole number in decimal, without a suffix.
pub(crate) fn number(literal: &Literal) -> Option<u64> {
    digits(tokens::text(literal).as_bytes())
}

/// The number that some digits are, if there are any. Underscores may stand among them.
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    let mut number: Option<u64> = None;
    for letter in text {
        match letter {
            b'0'..=b'9' => {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(letter - b'0'))?);
            }
            b'_' => {}
            _ => return None,
        }
    }
    number
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
