//! What stands in the parentheses of an attribute: `name` and `name = value`, in any order.

use proc_macro2::{Ident, Literal, TokenStream, TokenTree};

use crate::attributes::{Content, Meta};
use crate::mistakes::Mistakes;
use crate::tokens::{self, Path};
use crate::{literal, time};

/// The options that nobody has asked for yet.
pub(crate) struct Options(Vec<Meta>);

impl Options {
    pub(crate) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let tokens = tokens::row(tokens);
        let mut options = Vec::new();
        for option in tokens::values(&tokens) {
            match Meta::parse(option) {
                Ok(option) => options.push(option),
                Err([unexpected, ..]) if Path::split(option).is_some() => mistakes.at(unexpected, "expected `,`"),
                Err(unexpected) => mistakes.at(tokens::stream(unexpected), "expected the name of an option"),
            }
        }
        Self(options)
    }

    /// A time limit, in milliseconds.
    pub(crate) fn timeout(&mut self, mistakes: &mut Mistakes) -> Option<u64> {
        let value = self.value("timeout", "\"30s\"", mistakes)?;
        mistakes.unless(time::milliseconds(&value))
    }

    /// How many of something: a literal, since it is read without running anything.
    pub(crate) fn count(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<usize> {
        let value = self.value(name, example, mistakes)?;
        let number = literal::of(&value).and_then(|literal| literal::number(&literal));
        let count = number.and_then(|number| usize::try_from(number).ok()).filter(|count| *count > 0);
        if count.is_none() {
            let message = format!("`{name}` is a whole number from 1: write `{name} = {example}`");
            mistakes.at(tokens::stream(&value), message);
        }
        count
    }

    /// A text that names something.
    pub(crate) fn text(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<Literal> {
        let value = self.value(name, example, mistakes)?;
        let text = literal::of(&value).filter(|it| literal::is_text(it) && literal::text(it).as_deref() != Some(""));
        if text.is_none() {
            mistakes.at(tokens::stream(&value), format!("`{name}` is a text: write `{name} = {example}`"));
        }
        text
    }

    /// The path of a function. Where it is wrong, some path all the same: nothing will be missing because of it, and nothing
    /// comes of it.
    pub(crate) fn function(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<TokenStream> {
        let value = self.value(name, example, mistakes)?;
        if !is_path(&value) {
            let message = format!("`{name}` is the path of a function: write `{name} = {example}`");
            mistakes.at(tokens::stream(&value), message);
        }
        Some(tokens::stream(&value))
    }

    /// A word without a value.
    pub(crate) fn word(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        let option = self.take(name, mistakes)?;
        if let Content::Nothing = option.content {
            return option.path.words.into_iter().next();
        }
        mistakes.at(option, format!("`{name}` has no value: write `{name}`"));
        None
    }

    /// What is left is unknown; `known` says what the attribute takes.
    pub(crate) fn finish(self, known: &str, mistakes: &mut Mistakes) {
        for option in self.0 {
            mistakes.at(option.path, format!("there is no such option here: {known}"));
        }
    }

    fn value(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<Vec<TokenTree>> {
        let option = self.take(name, mistakes)?;
        if let Content::Value(value) = option.content {
            return Some(value);
        }
        mistakes.at(option, format!("`{name}` needs a value: write `{name} = {example}`"));
        None
    }

    fn take(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Meta> {
        let mut found = None;
        for option in std::mem::take(&mut self.0) {
            match (option.path.is_ident(name), &found) {
                (false, _) => self.0.push(option),
                (true, None) => found = Some(option),
                (true, Some(_)) => mistakes.at(option, format!("`{name}` stands here twice: take one of them away")),
            }
        }
        found
    }
}

/// Whether it is a path, with or without generics: what is in angle brackets is for the compiler to judge.
fn is_path(value: &[TokenTree]) -> bool {
    let mut angles = tokens::Angles::default();
    let bare: Vec<TokenTree> = tokens::seen(value).into_iter().filter(|token| !angles.step(token)).collect();
    // `f::<u8>` has colons in front of its brackets.
    let bare = match &bare[..] {
        [path @ .., _, _] if bare.len() > 2 && tokens::begins_with_colons(&bare[bare.len() - 2..]) => path,
        all => all,
    };
    Path::split(bare).is_some_and(|(_, rest)| rest.is_empty())
}
