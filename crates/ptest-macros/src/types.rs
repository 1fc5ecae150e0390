//! Types, as far as it matters what they are: references, `impl`, slices.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;

use crate::tokens::{self, Path};

#[derive(Clone)]
pub(crate) struct Type(TokenStream);

/// `&'lifetime mut elem`.
pub(crate) struct Reference {
    /// Its apostrophe and its name.
    pub(crate) lifetime: Option<(TokenStream, Ident)>,
    pub(crate) mutability: Option<Ident>,
    pub(crate) elem: Type,
}

impl ToTokens for Type {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

impl Type {
    pub(crate) fn new(tokens: &[TokenTree]) -> Self {
        Self(tokens::stream(tokens))
    }

    fn row(&self) -> Vec<TokenTree> {
        tokens::row(self.0.clone())
    }

    pub(crate) fn is_unit(&self) -> bool {
        matches!(&self.row()[..], [TokenTree::Group(group)]
            if group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty())
    }

    /// `impl Trait`.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(&self.row()[..], [first, ..] if tokens::is_word(first, "impl"))
    }

    /// A slice, `str`, `dyn Trait` or `impl Trait`: what no setup returns.
    pub(crate) fn is_unsized(&self) -> bool {
        let row = self.row();
        match &row[..] {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => {
                let inside = tokens::list(group.stream());
                tokens::until(&inside, &mut |token| tokens::is(token, ';')) == inside.len()
            }
            [first, ..] if tokens::is_word(first, "dyn") || tokens::is_word(first, "impl") => true,
            all => matches!(Path::split(all), Some((path, [])) if path.is_ident("str")),
        }
    }

    /// What is referred to, through whatever a macro has put around it, if it is a reference.
    pub(crate) fn reference(&self) -> Option<Reference> {
        let row = self.row();
        if let [TokenTree::Group(group)] = &row[..]
            && group.delimiter() == Delimiter::Parenthesis
        {
            let inside = tokens::list(group.stream());
            let is_tuple =
                tokens::types(&inside).len() != 1 || matches!(&inside[..], [.., last] if tokens::is(last, ','));
            return if is_tuple { None } else { Self(group.stream()).reference() };
        }
        let (and, mut rest) = row.split_first()?;
        if !tokens::is(and, '&') {
            return None;
        }
        let (mut lifetime, mut mutability) = (None, None);
        if let [apostrophe, TokenTree::Ident(name), behind @ ..] = rest
            && tokens::is(apostrophe, '\'')
        {
            lifetime = Some((tokens::stream(&rest[..2]), name.clone()));
            rest = behind;
        }
        if let [TokenTree::Ident(word), behind @ ..] = rest
            && word == "mut"
        {
            mutability = Some(word.clone());
            rest = behind;
        }
        Some(Reference { lifetime, mutability, elem: Self::new(rest) })
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::Type;

    #[test]
    fn references_are_seen_through_parentheses() {
        for ty in [quote!(&u8), quote!((&u8)), quote!(&'a mut u8), quote!(&&u8), quote!(&(dyn A + B))] {
            assert!(Type(ty).reference().is_some());
        }
        let reference = Type(quote!(&'a mut (u8, u8))).reference().unwrap();
        assert_eq!(reference.lifetime.unwrap().1, "a");
        assert!(reference.mutability.is_some() && !reference.elem.is_unit());
        for ty in [quote!(u8), quote!(Vec<&u8>), quote!((&u8, u8)), quote!(*const u8)] {
            assert!(Type(ty).reference().is_none());
        }
    }

    #[test]
    fn what_no_set_up_returns_is_known() {
        for ty in [quote!(str), quote!([u8]), quote!(dyn A), quote!(impl A)] {
            assert!(Type(ty).is_unsized());
        }
        for ty in [quote!(String), quote!([u8; 2]), quote!(str::Chars), quote!(Box<dyn A>), quote!(())] {
            assert!(!Type(ty).is_unsized());
        }
    }
}
