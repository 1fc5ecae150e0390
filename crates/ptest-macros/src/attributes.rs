//! How the attributes that matter to us are told from each other: by their paths, as all attribute macros do, since nobody
//! says what a name means. The compiler has evaluated every `cfg` and `cfg_attr` before.

use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, MetaList, MetaNameValue, Path};

use crate::mistakes::Mistakes;

/// Whether an attribute's path ends so, whatever is in front.
pub(crate) fn ends_in(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == name)
}

/// Whether a path is that of the compiler's own `#[test]`: as people write it, or as macros do.
pub(crate) fn is_builtin_test(path: &Path) -> bool {
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    match &names[..] {
        [test] => test == "test" && path.leading_colon.is_none(),
        [library, prelude, _, test] => {
            (library == "core" || library == "std") && prelude == "prelude" && test == "test"
        }
        _ => false,
    }
}

/// Whether a path is that of our own `test`.
pub(crate) fn is_ours(path: &Path) -> bool {
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    matches!(&names[..], [library, test] if library == "ptest" && test == "test")
}

/// The message that `#[should_panic]` asks for, if it does.
pub(crate) fn expected_panic(attribute: &Attribute, mistakes: &mut Mistakes) -> Option<LitStr> {
    let text = |value: &Expr| match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    };
    let expected = match &attribute.meta {
        Meta::Path(_) => return None,
        Meta::NameValue(MetaNameValue { value, .. }) => text(value),
        Meta::List(MetaList { tokens, .. }) => match syn::parse2::<MetaNameValue>(tokens.clone()) {
            Ok(option) if option.path.is_ident("expected") => text(&option.value),
            _ => None,
        },
    };
    if expected.is_none() {
        mistakes
            .at(&attribute.meta, "write `#[should_panic]` or `#[should_panic(expected = \"part of the message\")]`");
    }
    expected
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::{is_builtin_test, is_ours};

    #[test]
    fn the_tests_of_the_compiler_ours_and_others_are_told_apart() {
        assert!(is_builtin_test(&parse_quote!(test)));
        assert!(is_builtin_test(&parse_quote!(::core::prelude::v1::test)));
        assert!(is_builtin_test(&parse_quote!(std::prelude::rust_2021::test)));
        assert!(!is_builtin_test(&parse_quote!(tokio::test)));
        assert!(is_ours(&parse_quote!(::ptest::test)));
        assert!(!is_ours(&parse_quote!(test)));
    }
}
