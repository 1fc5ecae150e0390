//! The host's side: set up, hand over the value, wait, tear down.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::child::Lifeline;
use super::read;
use crate::runtime::context::{self, Context, Tree};
#[cfg(unix)]
use crate::runtime::os;
use crate::runtime::process::Process;
use crate::runtime::value::{Content, Live, Scope};
use crate::wire::record::{Failure, Record};

/// Holds the context of `module` until nobody needs it any more. The value goes into the file `value`.
pub(in crate::runtime) fn serve(tree: &Tree, module: &str, value: &str) -> ! {
    let lifeline = Lifeline::of_this_process();
    let code = match tree.find(module) {
        Some(_) if lifeline.only_keeps() => {
            lifeline.wait();
            0
        }
        Some(context) => hold(tree, context, value, &lifeline),
        None => {
            let message = tree.problem(module).unwrap_or("this binary has no such context").to_owned();
            let failure = Failure { message, duration: Duration::ZERO, timed_out: false };
            Process::get().say(&Record::SetupFailed { context: module.to_owned(), failure });
            lifeline.wait_after_failure();
            1
        }
    };
    lifeline.clean_up(value);
    // The test that this process was started with has no end.
    std::process::exit(code)
}

fn hold(tree: &Tree, context: &Context, value: &str, lifeline: &Lifeline) -> i32 {
    let process = Process::get();
    let module = || context.module.to_owned();
    process.say(&Record::SetupStarted { context: module(), limit: context.setup_limit });
    let made = around(tree, context).and_then(|scope| {
        let (made, duration) = context::make(context, scope.clone())?;
        let failed = |message: String| Failure { message, duration, timed_out: false };
        let Content::Bytes(bytes) = made.value else { return Err(failed("it is not shared".to_owned())) };
        // What cannot be read again fails here, once, and not in each test.
        context::decode(context, &bytes).map_err(failed)?;
        write(value, &bytes).map_err(|error| failed(format!("cannot write its value to {value}: {error}")))?;
        Ok((scope, made.kept, duration))
    });
    let (scope, kept, duration) = match made {
        Ok(made) => made,
        Err(failure) => {
            process.say(&Record::SetupFailed { context: module(), failure });
            lifeline.wait_after_failure();
            return 1;
        }
    };
    let inside = lifeline.hold_back(tree, context);
    process.say(&Record::SetupFinished { context: module(), duration });
    lifeline.wait();
    lifeline.wait_for_those_inside(value);
    process.say(&Record::TeardownStarted { context: module(), limit: context.teardown_limit, passed: true });
    match context::end(context, kept, scope) {
        Ok(duration) => {
            process.say(&Record::TeardownFinished { context: module(), duration });
            drop(inside);
            0
        }
        Err(failure) => {
            lifeline.complain(&format!("ptest: {}::(teardown) failed: {}\n", context.module, failure.message));
            process.say(&Record::TeardownFailed { context: module(), failure });
            1
        }
    }
}

/// The values of the shared contexts around this one.
fn around(tree: &Tree, inner: &Context) -> Result<Scope, Failure> {
    let mut scope = Scope::new();
    for context in tree.around(inner.module) {
        let path = super::given(context.module).unwrap_or_default();
        let value = context::decode(context, &read(&path)?).map_err(super::failure)?;
        scope.push((context.module, Arc::new(Live::new(value, None))));
    }
    Ok(scope)
}

/// The file is there whole or not at all, and for nobody else to read.
fn write(path: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{path}.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&unfinished)?.write_all(bytes)?;
    std::fs::rename(&unfinished, path)
}

impl Lifeline {
    /// Returns when nobody needs the context any more.
    fn wait(&self) {
        match self {
            Self::Stdin => {
                // An error is an end, too.
                let _ = io::stdin().read_to_end(&mut Vec::new());
                #[cfg(unix)]
                os::discard_broken_output();
            }
            #[cfg(unix)]
            Self::Process { process, .. } => {
                // The test process that reads our output will soon be gone.
                os::discard_output();
                os::wait_for_exit(*process);
            }
        }
    }

    /// Keeps the hosts of the contexts around from tearing down before this one has, by a lock on each one's
    /// value. The other lifeline is cut by somebody who knows the order.
    fn hold_back(&self, tree: &Tree, inner: &Context) -> Vec<File> {
        match self {
            Self::Stdin => Vec::new(),
            #[cfg(unix)]
            Self::Process { .. } => {
                let values = tree.around(inner.module).filter_map(|context| super::given(context.module));
                values.filter_map(|value| super::meeting::hold(&value).ok()).collect()
            }
        }
    }

    fn wait_for_those_inside(&self, value: &str) {
        match self {
            Self::Stdin => {}
            #[cfg(unix)]
            Self::Process { .. } => drop(super::meeting::wait_until_free(value)),
        }
    }

    /// Under nextest, others have to find that the set-up failed, until the run is over.
    fn wait_after_failure(&self) {
        match self {
            Self::Stdin => {}
            #[cfg(unix)]
            Self::Process { .. } => self.wait(),
        }
    }

    fn clean_up(&self, value: &str) {
        let _ = std::fs::remove_file(value);
        match self {
            Self::Stdin => {}
            #[cfg(unix)]
            Self::Process { meeting, .. } => drop(std::fs::remove_file(meeting)),
        }
    }

    /// Says what nobody else would learn.
    fn complain(&self, text: &str) {
        match self {
            Self::Stdin => {}
            #[cfg(unix)]
            Self::Process { stderr, .. } => {
                if let Some(mut stderr) = stderr.as_ref() {
                    let _ = stderr.write_all(text.as_bytes());
                }
            }
        }
    }
}
