//! What a process is started with: the tests that it is given, and what it may know of the run.

use std::ffi::OsString;

use super::dialect::Expected;
use super::process::{Launch, Speech};
use super::{Run, leftovers};
use crate::list::Harness;
use crate::schedule::Batch;

/// Where a jobserver is named: ours, and those that make and cargo hand on.
const JOBSERVER: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

impl Run<'_> {
    pub(super) fn launch(&self, batch: &Batch) -> Launch {
        let first = batch.items[0];
        let suite = self.book.suite(first);
        let mut command = suite.binary.command();
        command.envs(self.marks(batch.worker));
        if self.book.hides_jobserver(first) {
            for name in JOBSERVER {
                command.env_remove(name);
            }
        } else if let Some(makeflags) = &self.pool.makeflags {
            command.env(JOBSERVER[0], makeflags);
        }
        let tests = || batch.items.iter().map(|item| self.book.test(*item));
        let speech = match suite.harness {
            Harness::Libtest => Speech::Libtest {
                expected: tests().map(|test| Expected { name: test.name.clone(), times: test.times }).collect(),
                include_ignored: tests().any(|test| test.ignored),
                with_log: !self.without_log.contains(&self.book.place(first)),
            },
            Harness::Custom => {
                let test = self.book.test(first);
                let arguments = [test.name.as_ref(), "--exact", "--nocapture"].into_iter();
                Speech::ExitCode {
                    arguments: arguments.chain(test.ignored.then_some("--ignored")).map(str::to_owned).collect(),
                }
            }
            Harness::Whole => Speech::ExitCode { arguments: Vec::new() },
        };
        Launch { command, speech, live: self.options.live }
    }

    /// What tests may know of the run that they are in.
    fn marks(&self, worker: usize) -> [(&'static str, OsString); 4] {
        [
            ("PTEST", "1".into()),
            (leftovers::RUN_ID, self.options.run.clone().into()),
            (leftovers::WORKER, worker.to_string().into()),
            ("PTEST_WORKERS", self.scheduler.most_workers().to_string().into()),
        ]
    }
}
