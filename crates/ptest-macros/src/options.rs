//! What stands in the parentheses of an attribute: `name` and `name = value`, in any order.

use proc_macro2::{Ident, Literal, TokenStream};

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
        for option in &tokens::values(&tokens) {
            match Meta::parse(option) {
                Ok(option) => options.push(option),
                Err([unexpected, ..]) if Path::split(option).is_some() => mistakes.at(unexpected, "expected `,`"),
                Err(unexpected) => mistakes.at(&tokens::stream(unexpected), "expected an option name"),
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
        let number = literal::of(&value).as_ref().and_then(literal::number);
        if let Some(number @ 1..) = number
            && let Ok(count) = usize::try_from(number)
        {
            return Some(count);
        }
        mistakes.at(&value, &format!("`{name}` must be a whole number, at least 1: write `{name} = {example}`"));
        None
    }

    /// A text that names something.
    pub(crate) fn text(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<Literal> {
        let value = self.value(name, example, mistakes)?;
        if let Some(text) = literal::of(&value)
            && literal::is_text(&text)
            && literal::text(&text).as_deref() != Some("")
        {
            return Some(text);
        }
        mistakes.at(&value, &format!("`{name}` must be a string literal: write `{name} = {example}`"));
        None
    }

    /// The path of a function. Where it is wrong, some path all the same: nothing will be missing because of it, and nothing
    /// comes of it.
    pub(crate) fn function(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<TokenStream> {
        let value = self.value(name, example, mistakes)?;
        if !is_path(&value) {
            mistakes.at(&value, &format!("`{name}` must be the path of a function: write `{name} = {example}`"));
        }
        Some(value)
    }

    /// A word without a value.
    pub(crate) fn word(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        let option = self.take(name, mistakes)?;
        if let Content::Nothing = option.content {
            return option.path.words.first().cloned();
        }
        mistakes.at(&option, &format!("`{name}` takes no value: write `{name}`"));
        None
    }

    /// What is left is unknown; `known` says what the attribute takes.
    pub(crate) fn finish(self, known: &str, mistakes: &mut Mistakes) {
        for option in &self.0 {
            mistakes.at(&option.path, &format!("unknown option: {known}"));
        }
    }

    fn value(&mut self, name: &str, example: &str, mistakes: &mut Mistakes) -> Option<TokenStream> {
        let option = self.take(name, mistakes)?;
        if let Content::Value(value) = option.content {
            return Some(value);
        }
        mistakes.at(&option, &format!("`{name}` needs a value: write `{name} = {example}`"));
        None
    }

    fn take(&mut self, name: &str, mistakes: &mut Mistakes) -> Option<Meta> {
        let (mut found, mut at) = (None, 0);
        while at < self.0.len() {
            if !self.0[at].path.is_ident(name) {
                at += 1;
            } else if found.is_none() {
                found = Some(self.0.remove(at));
            } else {
                let second = self.0.remove(at);
                mistakes.at(&second, &format!("`{name}` is given twice: remove one of them"));
            }
        }
        found
    }
}

/// Whether it is a path, with or without generics: what is in angle brackets is for the compiler to judge.
fn is_path(value: &TokenStream) -> bool {
    let mut angles = tokens::Angles::default();
    let mut bare = Vec::new();
    for token in &tokens::row(value.clone()) {
        if !angles.step(token) {
            bare.push(token.clone());
        }
    }
    // `f::<u8>` has colons in front of its brackets.
    let bare = match &bare[..] {
        [path @ .., _, _] if bare.len() > 2 && tokens::begins_with_colons(&bare[bare.len() - 2..]) => path,
        all => all,
    };
    matches!(Path::split(bare), Some((_, [])))
}
