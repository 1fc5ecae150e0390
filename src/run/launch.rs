//! What a process is started with: what it is to be, the tests that it is given, and what it may know of the run.

use std::collections::HashSet;
use std::ffi::OsString;
use std::process::Command;
use std::{fs, io};

use camino::Utf8PathBuf;
use ptest::wire::environment::{
    ANY, CONTEXT, HOST, HOST_NUMBER, NEXTEST_RUN_ID, OWN_NEXTEST_RUN_ID, ROLE, RUN_ID, RUNNER, SLOT, SLOTS, STOP,
    TOKEN, VALUE, VALUES, WANTED, WORKER, join_cases, join_values,
};

use super::dialect::Expected;
use super::leftovers::Whose;
use super::pick::pick;
use super::process::{Launch, Speech};
use super::{Run, os};
use crate::build::JOBSERVER;
use crate::group::Need;
use crate::list::{self, Harness, Suite, Test};
use crate::schedule::{Batch, HostId, Item, Process};

/// Some harnesses list their tests only for nextest, and some tests take it for leave to change their process for good:
/// it is set where each test has a process of its own.
const NEXTEST: &str = list::NEXTEST;

impl Run<'_> {
    /// What a worker's process is started with. What does not fit into its environment is put into files.
    pub(super) fn launch(&self, batch: &Batch, with_log: bool) -> io::Result<Launch> {
        let first = batch.items[0];
        let suite = self.book.suite(first);
        let group = &self.groups.groups[self.book.group(first)];
        let mut command = self.command(suite, group.hide_jobserver);
        command.env(SLOT, batch.worker.to_string());
        let tests = || batch.items.iter().map(|item| self.book.test(*item));
        let speech = match suite.harness {
            Harness::Libtest => {
                let token = suite.has_annotations().then(list::token);
                if let Some(token) = &token {
                    command.env(ROLE, WORKER).env(TOKEN, token).env(STOP, self.stop_file());
                    command.envs(self.values(suite, &group.needs));
                    command.envs(self.wanted(batch)?.map(|path| (WANTED, path)));
                }
                let with_log = with_log && self.has_log(first);
                // An annotated binary may have tests that are not listed.
                let is_counted = !with_log && token.is_none();
                Speech::Libtest {
                    expected: by_name(tests()),
                    include_ignored: tests().any(|test| test.ignored),
                    with_log,
                    out_of: is_counted.then(|| suite.tests.iter().map(|test| test.times).sum()),
                    token,
                }
            }
            Harness::Doctests => {
                let wanted: HashSet<&str> = tests().map(|test| &*test.name).collect();
                let all: Vec<_> = suite.tests.iter().map(|test| test.name.clone()).collect();
                Speech::Doctests {
                    expected: by_name(tests()),
                    pick: pick(&all, |name| wanted.contains(name)),
                    include_ignored: tests().any(|test| test.ignored),
                    with_log: self.has_log(first),
                }
            }
            Harness::Custom => {
                let test = self.book.test(first);
                let arguments = [test.name.as_ref(), "--exact", "--nocapture"].into_iter();
                // In the words of a runner that imitates libtest, the one selects ignored tests, and the other runs them.
                let imitates = suite.binary.libtest && !suite.binary.runner.is_empty();
                let ignored = if imitates { "--include-ignored" } else { "--ignored" };
                command.env(NEXTEST, "1");
                Speech::ExitCode {
                    arguments: arguments.chain(test.ignored.then_some(ignored)).map(str::to_owned).collect(),
                }
            }
            // More threads than one would be more than the slot allows.
            Harness::Whole if suite.binary.rustdoc.is_some() => {
                Speech::ExitCode { arguments: vec!["--test-threads=1".to_owned()] }
            }
            Harness::Whole => Speech::ExitCode { arguments: Vec::new() },
        };
        let by_text = matches!(speech, Speech::Libtest { with_log: false, .. });
        let witness = by_text.then(|| suite.binary.path.file_name().map(str::to_owned)).flatten();
        Ok(Launch {
            command,
            speech,
            live: self.options.live,
            terminal: false,
            folder: self.options.values.clone().into(),
            run: self.options.run.clone(),
            witness,
            whose: Whose::Worker(batch.worker),
        })
    }

    /// Whether libtest writes a log for the processes of this item's binary.
    pub(super) fn has_log(&self, item: Item) -> bool {
        !self.book.suite(item).without_log && !self.without_log.contains(&self.book.place(item))
    }

    /// Writes down which cases of generated tests a process is to run, if there are any among its tests.
    fn wanted(&self, batch: &Batch) -> io::Result<Option<Utf8PathBuf>> {
        let cases = batch.items.iter().filter_map(|item| self.book.test(*item).case.as_ref());
        let text = join_cases(cases.map(|case| (&*case.test, &*case.name)));
        if text.is_empty() {
            return Ok(None);
        }
        let path = self.options.values.join(format!("cases-{}", batch.process));
        let written = fs::create_dir_all(&self.options.values).and_then(|()| os::write_file(path.as_std_path(), &text));
        written.map_err(|error| match os::shortage(&error) {
            // There may be more of it later, which can be told from the number alone.
            Some(_) => error,
            None => io::Error::new(error.kind(), format!("cannot write {path}: {error}")),
        })?;
        Ok(Some(path))
    }

    pub(super) fn launch_host(&self, host: HostId, process: Process) -> Launch {
        let spec = &self.groups.hosts[host];
        let suite = self.book.suites[spec.suite];
        let token = list::token();
        let mut command = self.command(suite, spec.hide_jobserver);
        command
            .env(ROLE, HOST)
            .env(TOKEN, &token)
            .env(HOST_NUMBER, process.to_string())
            .env(CONTEXT, &*suite.contexts[spec.context].module)
            .env(VALUE, self.value(host))
            .envs(self.values(suite, &spec.needs));
        let test = suite.tests[spec.test].argument().clone();
        let folder = self.options.values.clone().into();
        Launch {
            command,
            speech: Speech::Host { test, token },
            live: false,
            terminal: false,
            folder,
            run: self.options.run.clone(),
            witness: None,
            whose: Whose::Host(process),
        }
    }

    /// The suite's binary, in an environment that says nothing of what another process was told to be.
    fn command(&self, suite: &Suite, hide_jobserver: bool) -> Command {
        let mut command = suite.binary.command();
        for name in [ROLE, TOKEN, SLOT, HOST_NUMBER, CONTEXT, VALUE, VALUES, WANTED, STOP] {
            command.env_remove(name);
        }
        // Whose processes run many tests is not what this says.
        command.env_remove(NEXTEST);
        // Between us and it there may be rustdoc, or what a runner starts it with.
        let runner = match suite.harness == Harness::Doctests || !suite.binary.runner.is_empty() {
            true => ANY.to_owned(),
            false => std::process::id().to_string(),
        };
        let nextest_run = &self.options.nextest_run;
        command.env(NEXTEST_RUN_ID, nextest_run).env(OWN_NEXTEST_RUN_ID, nextest_run).env(RUNNER, runner);
        command.env("PTEST", "1").env(RUN_ID, &self.options.run).env(SLOTS, self.scheduler.most_workers().to_string());
        if hide_jobserver {
            JOBSERVER.iter().for_each(|name| _ = command.env_remove(name));
        } else if let Some(makeflags) = &self.pool.makeflags {
            command.env(JOBSERVER[0], makeflags);
        }
        command
    }

    /// Where the values of shared contexts lie.
    fn values(&self, suite: &Suite, needs: &[Need]) -> Option<(&'static str, OsString)> {
        let paths: Vec<_> = needs.iter().map(|it| (&*suite.contexts[it.context].module, self.value(it.host))).collect();
        let values = join_values(paths.iter().map(|(module, path)| (*module, path.to_string())));
        (!needs.is_empty()).then(|| (VALUES, values.into()))
    }

    /// Where a host puts its value.
    fn value(&self, host: HostId) -> camino::Utf8PathBuf {
        self.options.values.join(host.to_string())
    }
}

/// The tests by the names that the binary knows. Cases of one test stand next to each other.
fn by_name<'a>(tests: impl Iterator<Item = &'a Test>) -> Vec<Expected> {
    let mut expected: Vec<Expected> = Vec::new();
    for test in tests {
        let name = test.argument();
        match expected.last_mut().filter(|last| test.case.is_some() && last.name == *name) {
            Some(last) => last.cases.extend(test.case.iter().map(|case| case.name.clone())),
            None => expected.push(Expected {
                name: name.clone(),
                times: test.times,
                cases: test.case.iter().map(|case| case.name.clone()).collect(),
            }),
        }
    }
    expected
}
