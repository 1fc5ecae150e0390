//! Sets a context up and tears it down, and says so.

use std::sync::Arc;
use std::time::Duration;

use super::{Context, Kind, end};
use crate::runtime::host;
use crate::runtime::limit;
use crate::runtime::process::Process;
use crate::runtime::value::{Content, Live, Made, Scope};
use crate::wire::record::{Failure, Record};

/// The context's value, and the host that it came from if this process has started one.
pub(super) fn set_up(context: &Context, around: &Scope) -> Result<(Live, Option<host::Handle>), Failure> {
    if context.kind == Kind::Shared {
        let (bytes, handle) = host::value(context, around)?;
        let live = decode(context, &bytes).map(|value| Live::new(value, None));
        return match live {
            Ok(live) => Ok((live, handle)),
            Err(message) => {
                // Its teardown is waited for; what becomes of it matters less than this.
                let _ = handle.map(host::Handle::end);
                Err(Failure { message, duration: Duration::ZERO, timed_out: false })
            }
        };
    }
    let process = Process::get();
    let module = context.module.to_owned();
    process.say(&Record::SetupStarted { context: module.clone(), limit: context.setup_limit });
    let made = make(context, around.clone()).and_then(|(made, duration)| {
        let live = match made.value {
            Content::Here(value) => Ok(Live::new(value, made.kept)),
            Content::Bytes(bytes) => decode(context, &bytes).map(|value| Live::new(value, made.kept)),
        };
        let live = live.map_err(|message| Failure { message, duration, timed_out: false })?;
        Ok((live, duration))
    });
    match made {
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

/// Runs the set-up.
pub(in crate::runtime) fn make(context: &Context, around: Scope) -> Result<(Made, Duration), Failure> {
    let setup = context.setup.run;
    let name = format!("{}::(setup)", context.module);
    let (made, duration) = limit::run(name, context.setup_limit, around, Box::new(move || setup().map(Some)))?;
    Ok((made.unwrap_or_else(|| unreachable!("a set-up makes something")), duration))
}

/// The value of a shared context.
pub(in crate::runtime) fn decode(
    context: &Context,
    bytes: &[u8],
) -> Result<Box<dyn std::any::Any + Send + Sync>, String> {
    let decode = context.setup.decode.ok_or("its set-up is not a shared one")?;
    decode(bytes)
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
        return host.map_or(Ok(()), host::Handle::end);
    }
    let process = Process::get();
    let module = context.module.to_owned();
    process.say(&Record::TeardownStarted { context: module.clone(), limit: context.teardown_limit, passed });
    let ended = match Arc::try_unwrap(live) {
        Ok(live) => end(context, Some(live.into_end()), around.clone()),
        Err(_) => Err(Failure {
            message: "its value is still in use: a thread that a test left behind has it (join it in the test), or a set-up or teardown inside that had no end in its time"
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
