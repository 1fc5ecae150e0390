//! Sets a context up and tears it down, and says so.

use std::sync::Arc;
use std::time::Duration;

use super::{Context, Kind, end};
use crate::runtime::host;
use crate::runtime::limit;
use crate::runtime::process::Process;
use crate::runtime::value::{Content, Live, Made, Scope, Value};
use crate::wire::record::{Failure, Record};

/// The context's value, and the host that it came from if this process has started one.
pub(super) fn set_up(context: &Context, around: &Scope) -> Result<(Live, Option<host::Handle>), Failure> {
    if context.kind == Kind::Shared {
        let (bytes, handle) = host::value(context, around)?;
        return match decode(context, &bytes) {
            Ok(value) => Ok((Live::new(value, None), handle)),
            Err(message) => {
                if let Some(handle) = handle {
                    // Its teardown is waited for; what becomes of it matters less than this.
                    let _ = handle.end();
                }
                Err(Failure { message, duration: Duration::ZERO, timed_out: false })
            }
        };
    }
    let process = Process::get();
    let module = context.module.to_owned();
    process.say(&Record::SetupStarted { context: module.clone(), limit: context.setup_limit });
    match set_up_here(context, around.clone()) {
        Ok((live, duration)) => {
            process.say(&Record::SetupFinished { context: module, duration });
            Ok((live, None))
        }
        Err(failure) => {
            process.say(&Record::SetupFailed { context: module, failure: failure.clone() });
            Err(failure)
        }
    }
}

fn set_up_here(context: &Context, around: Scope) -> Result<(Live, Duration), Failure> {
    let (made, duration) = make(context, around)?;
    let value = match made.value {
        Content::Here(value) => Ok(value),
        Content::Bytes(bytes) => decode(context, &bytes),
    };
    match value {
        Ok(value) => Ok((Live::new(value, made.kept), duration)),
        Err(message) => Err(Failure { message, duration, timed_out: false }),
    }
}

/// Runs the setup.
pub(in crate::runtime) fn make(context: &Context, around: Scope) -> Result<(Made, Duration), Failure> {
    let setup = context.setup.run;
    let name = format!("{}::(setup)", context.module);
    let (made, duration) = limit::run(name, context.setup_limit, around, Box::new(move || Ok(Some(setup(None)?))))?;
    let Some(made) = made else { unreachable!("a setup returns something") };
    Ok((made, duration))
}

/// The value of a shared context.
pub(in crate::runtime) fn decode(context: &Context, bytes: &[u8]) -> Result<Value, String> {
    match (context.setup.run)(Some(bytes))?.value {
        Content::Here(value) => Ok(value),
        Content::Bytes(_) => Err("its setup is not shared".to_owned()),
    }
}

pub(super) fn tear_down(
    context: &Context,
    live: Arc<Live>,
    host: Option<host::Handle>,
    around: &Scope,
    passed: bool,
) -> Result<(), Failure> {
    if context.kind == Kind::Shared {
        drop(live);
        return match host {
            Some(host) => host.end(),
            None => Ok(()),
        };
    }
    let process = Process::get();
    let module = context.module.to_owned();
    process.say(&Record::TeardownStarted { context: module.clone(), limit: context.teardown_limit, passed });
    let ended = match Arc::try_unwrap(live) {
        Ok(live) => end(context, Some(live.into_end()), around.clone()),
        Err(_) => Err(Failure {
            message: "its value is still in use: by a thread that a test left running (join it in the test), by an inner setup or \
                      teardown that timed out, or by a test that runs while another one exits the process"
                .into(),
            duration: Duration::ZERO,
            timed_out: false,
        }),
    };
    match ended {
        Ok(duration) => {
            process.say(&Record::TeardownFinished { context: module, duration });
            Ok(())
        }
        Err(failure) => {
            process.say(&Record::TeardownFailed { context: module, failure: failure.clone() });
            Err(failure)
        }
    }
}
