//! Under nextest no test lives long enough to hold the lifeline of a host. So a process stands between: the keeper starts
//! the host, waits for the end of nextest, and lets the host tear down. What becomes of that it tells on nextest's
//! stderr, since no test is left to fail.

use std::fs::File;
use std::process::Command;
use std::time::Instant;

use super::{child, meeting, serve};
use crate::runtime::context::Context;
use crate::runtime::os;
use crate::runtime::process::{Process, variable};
use crate::wire::record::Record;

/// What a keeper is told.
pub(super) struct Keeper {
    /// The number of nextest's process.
    pub runner: u32,
    /// The path of the meeting place, to be cleared away.
    pub meeting: String,
}

const RUNNER: &str = "PTEST_KEEP_FOR";
const MEETING: &str = "PTEST_MEETING";

impl Keeper {
    /// What the process that started this one said, if this one is to be a keeper.
    pub(super) fn of_this_process() -> Option<Self> {
        let runner = variable(RUNNER)?.parse().ok()?;
        Some(Self { runner, meeting: variable(MEETING)? })
    }

    pub(super) fn tell(&self, command: &mut Command) {
        command.env(RUNNER, self.runner.to_string()).env(MEETING, &self.meeting);
    }

    /// What a keeper starts is none.
    pub(super) fn forget(command: &mut Command) {
        command.env_remove(RUNNER).env_remove(MEETING);
    }

    /// Keeps the context until nextest has ended. The value goes into the file `value`, and what becomes of it into the
    /// meeting place, whose lock came with it on stdin: whoever started this process may be killed before that.
    pub(super) fn keep(&self, context: &Context, value: &str) {
        let process = Process::get();
        let module = || context.module.to_owned();
        let stderr = os::stderr_of(self.runner);
        let place = os::take_stdin();
        let begin = Instant::now();
        process.say(&Record::SetupStarted { context: module(), limit: context.setup_limit });
        match child::start(context) {
            Ok(host) => {
                meeting::tell(place, Ok(value));
                process.say(&Record::SetupFinished { context: module(), duration: begin.elapsed() });
                self.wait(stderr.as_ref());
                // Its time begins when those inside of it are gone.
                serve::wait_for_those_inside(value);
                if let Err(failure) = host.end() {
                    os::write_stderr(&format!("ptest: {}::(teardown) failed: {}\n", context.module, failure.message));
                }
            }
            Err(failure) => {
                meeting::tell(place, Err(&failure));
                process.say(&Record::SetupFailed { context: module(), failure });
                // Until then others have to find that it failed.
                self.wait(stderr.as_ref());
            }
        }
        let _ = std::fs::remove_file(value);
        let _ = std::fs::remove_file(&self.meeting);
    }

    fn wait(&self, stderr: Option<&File>) {
        // The test process that has read our output will soon be gone.
        os::discard_output();
        if let Some(stderr) = stderr {
            os::send_stderr_to(stderr);
        }
        os::wait_for_exit(self.runner);
    }
}
