//! Which contexts are set up once in a run, each by a process of its own: a host.

use std::collections::HashMap;

use crate::list::{self, Context, ContextKind, Suite};

/// A process that sets up a shared context and holds it for those who need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    pub suite: usize,
    /// Among its suite's.
    pub context: usize,
    /// A test of the context: with the name of one the process is started.
    pub test: usize,
    /// It sees no jobserver, as that test.
    pub hide_jobserver: bool,
    /// The hosts of the shared contexts around it, the outermost first.
    pub needs: Vec<Need>,
}

/// The value of a shared context is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The context as the one in need knows it, among the contexts of its own suite.
    pub context: usize,
    /// Where it is set up: an index into [`Groups::hosts`](super::Groups::hosts).
    pub host: usize,
}

/// Who holds a context: the package's host of that name, or the binary's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder<'a> {
    OfPackage(&'a str, &'a str),
    OfBinary(usize, usize),
}

#[derive(Debug, Default)]
pub(super) struct Hosts<'a> {
    /// Those that were not taken yet.
    new: Vec<Host>,
    held: HashMap<Holder<'a>, usize>,
}

impl<'a> Hosts<'a> {
    /// The hosts that a test of this number needs, the outermost first. Those that there are not yet are made.
    pub(super) fn needed(&mut self, suite: &'a Suite, number: usize, test: usize, hide_jobserver: bool) -> Vec<Need> {
        let contexts = &suite.contexts;
        let mut needs: Vec<Need> = Vec::new();
        for context in hosted(contexts, suite.tests[test].context) {
            let holder = match &contexts[context].key {
                Some(key) => Holder::OfPackage(&suite.binary.package_id, key),
                None => Holder::OfBinary(number, context),
            };
            let next = self.held.len();
            let host = *self.held.entry(holder).or_insert_with(|| {
                self.new.push(Host { suite: number, context, test, hide_jobserver, needs: needs.clone() });
                next
            });
            needs.push(Need { context, host });
        }
        needs
    }

    /// Those that were made since the last time.
    pub(super) fn take(&mut self) -> Vec<Host> {
        std::mem::take(&mut self.new)
    }
}

/// The shared contexts at and around the innermost one, the outermost first. What is inside of a unit is set up in the
/// unit's process, once, with the unit.
fn hosted(contexts: &[Context], innermost: Option<usize>) -> Vec<usize> {
    let mut chain: Vec<usize> = list::numbers(contexts, innermost).collect();
    chain.reverse();
    let outside = chain.into_iter().take_while(|it| contexts[*it].kind != ContextKind::Unit);
    outside.filter(|it| contexts[*it].kind == ContextKind::Shared).collect()
}
