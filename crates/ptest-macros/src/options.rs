//! What stands in the parentheses of an attribute: `name` and `name = value`, in any order.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Token};

use crate::mistakes::Mistakes;
use crate::time;

/// The options that nobody has asked for yet.
pub(crate) struct Options(Vec<Meta>);

impl Options {
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let options = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens);
        Self(mistakes.unless(options).into_iter().flatten().collect())
    }

    /// A time limit, in milliseconds.
    pub(crate) fn timeout(&mut self, mistakes: &mut Mistakes) -> Option<u64> {
        let value = self.value("timeout", "\"30s\"", mistakes)?;
        mistakes.unless(time::milliseconds(&value))
    }

    /// How many of something: a literal, since it is read without running anything.
    pub(crate) fn count(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<usize> {
        let value = self.value(name, example, mistakes)?;
        let count = match &value {
            Expr::Lit(ExprLit { lit: Lit::Int(count), .. }) if count.suffix().is_empty() => count.base10_parse().ok(),
            _ => None,
        };
        if count.is_none_or(|count| count == 0) {
            mistakes.at(value, format!("`{name}` is a whole number from 1: write `{name} = {example}`"));
        }
        count
    }

    /// A text that names something.
    pub(crate) fn text(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<LitStr> {
        match self.value(name, example, mistakes)? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if !text.value().is_empty() => Some(text),
            other => {
                mistakes.at(other, format!("`{name}` is a text: write `{name} = {example}`"));
                None
            }
        }
    }

    /// The path of a function. Where it is wrong, some path all the same: nothing will be missing because of it, and nothing
    /// comes of it.
    pub(crate) fn function(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<Path> {
        match self.value(name, example, mistakes)? {
            Expr::Path(path) if path.attrs.is_empty() && path.qself.is_none() => Some(path.path),
            other => {
                mistakes.at(&other, format!("`{name}` is the path of a function: write `{name} = {example}`"));
                Some(Ident::new(name, other.span()).into())
            }
        }
    }

    /// A word without a value.
    pub(crate) fn word(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        match self.take(name, mistakes)? {
            Meta::Path(path) => path.get_ident().cloned(),
            other => {
                mistakes.at(other, format!("`{name}` has no value: write `{name}`"));
                None
            }
        }
    }

    /// What is left is unknown; `known` says what the attribute takes.
    pub(crate) fn finish(self, known: &str, mistakes: &mut Mistakes) {
        for option in self.0 {
            mistakes.at(option.path(), format!("there is no such option here: {known}"));
        }
    }

    fn value(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<Expr> {
        match self.take(name, mistakes)? {
            Meta::NameValue(option) => Some(option.value),
            other => {
                mistakes.at(other, format!("`{name}` needs a value: write `{name} = {example}`"));
                None
            }
        }
    }

    fn take(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Meta> {
        let mut found = self.0.extract_if(.., |option| option.path().is_ident(name));
        let first = found.next();
        for again in found {
            mistakes.at(again, format!("`{name}` stands here twice: take one of them away"));
        }
        first
    }
}
