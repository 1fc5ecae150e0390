//! Time limits, as people write them.

use syn::{Expr, ExprLit, Lit};

const CURE: &str = "write a time such as \"30s\", \"500ms\", \"2.5s\", \"1m\" or a whole number of seconds";

/// Milliseconds from a literal: text with a unit, or a whole number of seconds.
pub(crate) fn milliseconds(value: &Expr) -> syn::Result<u64> {
    let literal = match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => parse(&text.value()),
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) if seconds.suffix().is_empty() => {
            seconds.base10_parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000))
        }
        _ => None,
    };
    match literal {
        Some(0) => {
            Err(syn::Error::new_spanned(value, "nothing can be done in no time; leave `timeout` out for no limit"))
        }
        Some(milliseconds) => Ok(milliseconds),
        None => Err(syn::Error::new_spanned(value, CURE)),
    }
}

/// A decimal number and a unit, in milliseconds. What is shorter than one is cut off.
fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let (scale, fraction) = (10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?, fraction.parse::<u64>().ok()?);
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(fraction.checked_mul(unit)? / scale)
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::milliseconds;

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(milliseconds(&parse_quote!("30s")).unwrap(), 30_000);
        assert_eq!(milliseconds(&parse_quote!("500ms")).unwrap(), 500);
        assert_eq!(milliseconds(&parse_quote!("1m")).unwrap(), 60_000);
        assert_eq!(milliseconds(&parse_quote!("2h")).unwrap(), 7_200_000);
        assert_eq!(milliseconds(&parse_quote!("2.5s")).unwrap(), 2500);
        assert_eq!(milliseconds(&parse_quote!("0.05m")).unwrap(), 3000);
        assert_eq!(milliseconds(&parse_quote!("3 s")).unwrap(), 3000);
        assert_eq!(milliseconds(&parse_quote!(7)).unwrap(), 7000);
        assert_eq!(milliseconds(&parse_quote!(1_000)).unwrap(), 1_000_000);
    }

    #[test]
    fn everything_else_is_told_what_a_time_looks_like() {
        let wrong = ["", "s", "5", "5 parsecs", "-5s", "1.2.3s", ".5s", "5.s", "1e3s", "99999999999999999999s", "1s "];
        for text in wrong {
            let error = milliseconds(&parse_quote!(#text)).expect_err(text).to_string();
            assert!(error.contains("such as \"30s\""), "{text}: {error}");
        }
        assert!(milliseconds(&parse_quote!(2.5)).is_err());
        assert!(milliseconds(&parse_quote!(5u8)).is_err());
        assert!(milliseconds(&parse_quote!(-5)).is_err());
        assert!(milliseconds(&parse_quote!(99_999_999_999_999_999_999)).is_err());
        assert!(milliseconds(&parse_quote!(LIMIT)).is_err());
    }

    #[test]
    fn no_time_at_all_is_not_a_limit() {
        for error in [milliseconds(&parse_quote!("0s")), milliseconds(&parse_quote!(0))] {
            assert!(error.unwrap_err().to_string().contains("leave `timeout` out"));
        }
    }
}
