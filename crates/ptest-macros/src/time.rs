//! Time limits, as people write them.

use proc_macro2::{Literal, TokenStream};

use crate::literal;
use crate::mistakes::Mistake;

const CURE: &str = "write a duration such as \"30s\", \"500ms\", \"2.5s\", \"1m\", or a whole number of seconds";

/// Milliseconds from a literal: text with a unit, or a whole number of seconds.
pub(crate) fn milliseconds(value: &TokenStream) -> Result<u64, Mistake> {
    match literal::of(value).as_ref().and_then(read) {
        Some(0) => Err(Mistake::at(value, "a timeout must be longer than zero")),
        Some(milliseconds) => Ok(milliseconds),
        None => Err(Mistake::at(value, CURE)),
    }
}

fn read(literal: &Literal) -> Option<u64> {
    match literal::text(literal) {
        Some(text) => parse(text.as_bytes()),
        None => literal::number(literal)?.checked_mul(1000),
    }
}

/// A decimal number and a unit, in milliseconds. What is shorter than one is cut off.
fn parse(text: &[u8]) -> Option<u64> {
    let (whole, rest) = split(text);
    let (fraction, unit) = match rest {
        [b'.', rest @ ..] => split(rest),
        rest => (&b"0"[..], rest),
    };
    let unit: u64 = match unit.trim_ascii_start() {
        b"ms" => 1,
        b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return None,
    };
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = literal::digits(fraction)?.checked_mul(unit)? / scale;
    literal::digits(whole)?.checked_mul(unit)?.checked_add(fraction)
}

/// The digits that a text begins with, and what stands behind them.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut length = 0;
    while length < text.len() && text[length].is_ascii_digit() {
        length += 1;
    }
    text.split_at(length)
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    fn milliseconds(tokens: &TokenStream) -> Result<u64, String> {
        super::milliseconds(tokens).map_err(|mistake| mistake.message().to_owned())
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(milliseconds(&quote!("30s")).unwrap(), 30_000);
        assert_eq!(milliseconds(&quote!("500ms")).unwrap(), 500);
        assert_eq!(milliseconds(&quote!("1m")).unwrap(), 60_000);
        assert_eq!(milliseconds(&quote!("2h")).unwrap(), 7_200_000);
        assert_eq!(milliseconds(&quote!("2.5s")).unwrap(), 2500);
        assert_eq!(milliseconds(&quote!("0.05m")).unwrap(), 3000);
        assert_eq!(milliseconds(&quote!("3 s")).unwrap(), 3000);
        assert_eq!(milliseconds(&quote!(7)).unwrap(), 7000);
        assert_eq!(milliseconds(&quote!(1_000)).unwrap(), 1_000_000);
    }

    #[test]
    fn everything_else_is_told_what_a_time_looks_like() {
        let wrong = ["", "s", "5", "5 parsecs", "-5s", "1.2.3s", ".5s", "5.s", "1e3s", "99999999999999999999s", "1s "];
        for text in wrong {
            let error = milliseconds(&quote!(#text)).expect_err(text);
            assert!(error.contains("such as \"30s\""), "{text}: {error}");
        }
        assert!(milliseconds(&quote!(2.5)).is_err());
        assert!(milliseconds(&quote!(5u8)).is_err());
        assert!(milliseconds(&quote!(-5)).is_err());
        assert!(milliseconds(&quote!(99_999_999_999_999_999_999)).is_err());
        assert!(milliseconds(&quote!(LIMIT)).is_err());
    }

    #[test]
    fn no_time_at_all_is_not_a_limit() {
        for error in [milliseconds(&quote!("0s")), milliseconds(&quote!(0))] {
            assert!(error.unwrap_err().contains("longer than zero"));
        }
    }
}
