//! Shared contexts: a process of its own, the host, sets the context up and waits; everybody else gets the value.
//!
//! Who starts the host depends on who runs the tests. `cargo ptest` starts it itself and says where the value lies.
//! Under `cargo test` the one test process starts it and ends it. Under nextest, where every test is a process, the
//! first one has it started by a keeper, which ends it when nextest has ended, and the others find it.

mod child;
mod keeper;
mod meeting;
mod serve;

use std::time::Duration;

use super::context::Context;
use super::os;
use super::process::{Process, Role, variable};
use super::value::Scope;
use crate::wire::environment::{VALUES, find_value};
use crate::wire::record::Failure;

pub(super) use child::Handle;
pub(super) use serve::serve;

/// The value of a shared context, as bytes, and the host if this process has to end it. `around` are the contexts
/// around it, whose values the host needs, too.
pub(super) fn value(context: &Context, around: &Scope) -> Result<(Vec<u8>, Option<Handle>), Failure> {
    // The files of the contexts around it are known already: this one is entered after them.
    debug_assert!(around.iter().all(|(module, _)| *module != context.module));
    if let Some(path) = given(context.module) {
        return Ok((read(&path)?, None));
    }
    match Process::get().role {
        Role::Worker { .. } => Err(failure(format!(
            "cargo-ptest passed no value for {}: do cargo-ptest and the crate ptest have different versions?",
            context.module
        ))),
        Role::Nextest if os::HAS_KEEPERS => Ok((read(&meeting::host_of(context)?)?, None)),
        _ => {
            let handle = child::start(context)?;
            Ok((read(handle.value())?, Some(handle)))
        }
    }
}

/// Where the runner, or whoever started this process, says that a value lies.
fn given(module: &str) -> Option<String> {
    if matches!(Process::get().role, Role::Worker { .. } | Role::Host { .. }) {
        Some(find_value(&variable(VALUES)?, module)?.to_owned())
    } else {
        None
    }
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failure(format!(
            "its host, the process that holds the context, ended before this test, so its value no longer exists \
             ({path}): was it killed, or did something in it exit, abort or run out of memory?"
        )),
        _ => failure(format!("cannot read the value of a setup in {path}: {error}")),
    })
}

fn failure(message: String) -> Failure {
    Failure { message, duration: Duration::ZERO, timed_out: false }
}
