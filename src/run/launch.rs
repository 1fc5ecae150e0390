//! What a process is started with: what it is to be, the tests that it is given, and what it may know of the run.

use std::collections::HashSet;
use std::ffi::OsString;
use std::process::Command;

use ptest::wire::environment::{
    CASE, CONTEXT, HOST, HOST_NUMBER, ROLE, RUN_ID, SLOT, SLOTS, STOP, TOKEN, VALUE, VALUES, WORKER, join_values,
};

use super::Run;
use super::dialect::Expected;
use super::pick::pick;
use super::process::{Launch, Speech};
use crate::group::Need;
use crate::list::{self, Harness, Suite};
use crate::schedule::{Batch, HostId, Process};

/// Where a jobserver is named: ours, and those that make and cargo hand on.
const JOBSERVER: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

impl Run<'_> {
    pub(super) fn launch(&self, batch: &Batch) -> Launch {
        let first = batch.items[0];
        let suite = self.book.suite(first);
        let group = &self.groups.groups[self.book.group(first)];
        let mut command = self.command(suite);
        command.env(SLOT, batch.worker.to_string());
        if group.hide_jobserver {
            for name in JOBSERVER {
                command.env_remove(name);
            }
        }
        let tests = || batch.items.iter().map(|item| self.book.test(*item));
        let speech = match suite.harness {
            Harness::Libtest => {
                let token = suite.has_annotations().then(list::token);
                if let Some(token) = &token {
                    command.env(ROLE, WORKER).env(TOKEN, token).env(STOP, self.stop_file());
                    command.envs(self.values(suite, &group.needs));
                    command.envs(self.book.test(first).case.as_ref().map(|case| (CASE, &*case.name)));
                }
                Speech::Libtest {
                    expected: tests().map(|it| Expected { name: it.argument().clone(), times: it.times }).collect(),
                    include_ignored: tests().any(|test| test.ignored),
                    with_log: !self.without_log.contains(&self.book.place(first)),
                    token,
                }
            }
            Harness::Doctests => {
                let wanted: HashSet<&str> = tests().map(|test| &*test.name).collect();
                let all: Vec<_> = suite.tests.iter().map(|test| test.name.clone()).collect();
                Speech::Doctests {
                    expected: tests().map(|it| Expected { name: it.name.clone(), times: it.times }).collect(),
                    pick: pick(&all, |name| wanted.contains(name)),
                    include_ignored: tests().any(|test| test.ignored),
                    // Only a pipe can be opened again, and not lose what was in it.
                    with_log: cfg!(target_os = "linux") && !self.without_log.contains(&self.book.place(first)),
                }
            }
            Harness::Custom => {
                let test = self.book.test(first);
                let arguments = [test.name.as_ref(), "--exact", "--nocapture"].into_iter();
                Speech::ExitCode {
                    arguments: arguments.chain(test.ignored.then_some("--ignored")).map(str::to_owned).collect(),
                }
            }
            // More threads than one would be more than the slot allows.
            Harness::Whole if suite.binary.rustdoc.is_some() => {
                Speech::ExitCode { arguments: vec!["--test-threads=1".to_owned()] }
            }
            Harness::Whole => Speech::ExitCode { arguments: Vec::new() },
        };
        Launch { command, speech, live: self.options.live }
    }

    pub(super) fn launch_host(&self, host: HostId, process: Process) -> Launch {
        let spec = &self.groups.hosts[host];
        let suite = self.book.suites[spec.suite];
        let token = list::token();
        let mut command = self.command(suite);
        command
            .env(ROLE, HOST)
            .env(TOKEN, &token)
            .env(HOST_NUMBER, process.to_string())
            .env(CONTEXT, &*suite.contexts[spec.context].module)
            .env(VALUE, self.value(host))
            .envs(self.values(suite, &spec.needs));
        let test = suite.tests[spec.test].argument().clone();
        Launch { command, speech: Speech::Host { test, token }, live: false }
    }

    /// The suite's binary, in an environment that says nothing of what another process was told to be.
    fn command(&self, suite: &Suite) -> Command {
        let mut command = suite.binary.command();
        for name in [ROLE, TOKEN, SLOT, HOST_NUMBER, CONTEXT, VALUE, VALUES, CASE, STOP] {
            command.env_remove(name);
        }
        command.env("PTEST", "1").env(RUN_ID, &self.options.run).env(SLOTS, self.scheduler.most_workers().to_string());
        if let Some(makeflags) = &self.pool.makeflags {
            command.env(JOBSERVER[0], makeflags);
        }
        command
    }

    /// Where the values of shared contexts lie.
    fn values(&self, suite: &Suite, needs: &[Need]) -> Option<(&'static str, OsString)> {
        let paths: Vec<_> = needs.iter().map(|it| (&*suite.contexts[it.context].module, self.value(it.host))).collect();
        let values = join_values(paths.iter().map(|(module, path)| (*module, path.as_str())));
        (!needs.is_empty()).then(|| (VALUES, values.into()))
    }

    /// Where a host puts its value.
    fn value(&self, host: HostId) -> camino::Utf8PathBuf {
        self.options.values.join(host.to_string())
    }
}
