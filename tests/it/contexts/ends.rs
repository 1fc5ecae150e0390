//! Runs that end before their time while contexts are up: what a host holds is torn down all the same.

use rustix::process::{Pid, Signal, kill_process};

use super::runners::{Folder, Runner, Seen, expect_no_values_of, fixture};
use crate::kills::{LIMIT, wait_until};
use crate::tool::of_kind;

const TEARDOWNS: [&str; 2] = ["waits::shared::inner::(teardown)", "waits::shared::(teardown)"];

/// A run, in the middle of which a test has a context of two levels.
struct Live {
    folder: Folder,
    child: std::process::Child,
}

impl Live {
    fn start(runner: Runner) -> Self {
        let filters = ["shared::inner::a_", "shared::inner::b_", "shared::inner::c_"];
        Self::start_with(runner, &filters, "waits::shared::inner::b_never_ends")
    }

    /// A run of the tests with such names, once this has been seen.
    fn start_with(runner: Runner, filters: &[&str], seen: &str) -> Self {
        let folder = Folder::new();
        let fixture = filters.iter().fold(fixture("broken", "waits"), |fixture, filter| fixture.filter(filter));
        let file = |name: &str| std::fs::File::create(folder.path().join(name)).unwrap();
        let child = fixture.command(runner, &folder).stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        let live = Self { folder, child };
        live.wait_for(seen);
        live
    }

    #[track_caller]
    fn wait_for(&self, what: &str) {
        wait_until(LIMIT, || self.folder.seen().iter().any(|it| it.what == what));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn told(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Waits for the teardowns, from the inner to the outer one, and for the end of everything.
    #[track_caller]
    fn expect_torn_down(&mut self) -> Option<i32> {
        let code = self.child.wait().unwrap().code();
        self.folder.expect_gone();
        let seen = self.folder.seen();
        let teardowns: Vec<&str> = seen.iter().filter(|it| it.name() == "(teardown)").map(|it| &*it.what).collect();
        assert_eq!(teardowns, TEARDOWNS, "{seen:?}");
        code
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // It is still there if the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn after_a_kill_of_the_runner_what_is_shared_is_torn_down() {
    for runner in [Runner::Ptest(1), Runner::Ptest(3)] {
        let mut live = Live::start(runner);
        live.signal(Signal::KILL);
        assert_eq!(live.expect_torn_down(), None);
        let events: Vec<_> = live.told("stdout").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        expect_no_values_of(&events);
    }
}

#[test]
fn after_ctrl_c_what_is_shared_is_torn_down_and_tests_that_were_not_reached_are_reported() {
    for runner in [Runner::Ptest(1), Runner::Ptest(3)] {
        let mut live = Live::start(runner);
        live.signal(Signal::INT);
        assert_eq!(live.expect_torn_down(), Some(130));
        let events: Vec<_> = live.told("stdout").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let finished: Vec<_> = of_kind(&events, "test-finished").collect();
        assert_eq!(finished.len(), 3, "{finished:#?}");
        let of = |name: &str| finished.iter().find(|it| it["test"].as_str().unwrap().ends_with(name)).unwrap();
        assert_eq!(of("b_never_ends")["outcome"], "not-reached");
        for name in ["a_passes", "c_waits_behind_it"] {
            let outcome = &of(name)["outcome"];
            assert!(outcome == "passed" || outcome == "not-reached", "{finished:#?}");
        }
        let torn_down = of_kind(&events, "fixture-finished").filter(|it| it["fixture"] == "teardown");
        let torn_down: Vec<_> = torn_down.map(|it| (it["context"].clone(), it["outcome"].clone())).collect();
        assert_eq!(
            torn_down,
            [("waits::shared::inner".into(), "passed".into()), ("waits::shared".into(), "passed".into())]
        );
        expect_no_values_of(&events);
    }
}

#[test]
fn a_fixture_that_the_end_of_the_run_cuts_short_has_an_end_in_the_report() {
    for kind in ["unit", "shared"] {
        let context = format!("waits::at_work::{kind}");
        let filter = format!("at_work::{kind}");
        let mut live = Live::start_with(Runner::Ptest(1), &[&filter], &format!("{context}::(setup)"));
        live.signal(Signal::INT);
        assert_eq!(live.child.wait().unwrap().code(), Some(130));
        let events: Vec<_> = live.told("stdout").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let setups: Vec<_> = of_kind(&events, "fixture-finished").map(|it| (&it["context"], &it["outcome"])).collect();
        assert_eq!(setups, [(&context.into(), &"not-reached".into())], "{}", live.told("stderr"));
        let tests: Vec<_> = of_kind(&events, "test-finished").map(|it| &it["outcome"]).collect();
        assert_eq!(tests, ["not-reached"]);
        live.folder.expect_gone();
    }
}

/// The test's own process, of which the host sees no more than that its stdin ends.
#[test]
fn after_a_kill_of_the_process_that_started_it_under_cargo_test_a_host_tears_down() {
    let mut live = Live::start(Runner::CargoTest(4));
    let seen = live.folder.seen();
    let test = seen.iter().find(|it| it.what == "waits::shared::inner::b_never_ends").map(|it: &Seen| it.process);
    let test = Pid::from_raw(test.unwrap().cast_signed()).unwrap();
    kill_process(test, Signal::KILL).unwrap();
    assert_eq!(live.expect_torn_down(), Some(101));
}

#[test]
fn after_a_kill_of_nextest_or_ctrl_c_its_hosts_tear_down() {
    if !Runner::Nextest(3).is_here() {
        return;
    }
    for signal in [Signal::KILL, Signal::INT] {
        let mut live = Live::start(Runner::Nextest(3));
        live.signal(signal);
        // nextest cannot end a test that is left to itself.
        let seen = live.folder.seen();
        let test = seen.iter().find(|it| it.what == "waits::shared::inner::b_never_ends").unwrap();
        if signal == Signal::KILL {
            kill_process(Pid::from_raw(test.process.cast_signed()).unwrap(), Signal::KILL).unwrap();
        }
        live.expect_torn_down();
    }
}
