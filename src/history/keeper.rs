//! Listens to a run and remembers what took how long.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::learned::{Learned, Ran};
use super::{Lengths, contexts, file, place, tests};
use crate::event::{Event, Fixture, FixtureFinished, Outcome, Reporter, TestFinished};
use crate::list::{Harness, Suite};

/// How many binaries are remembered; beyond that, those are forgotten that have not run for the longest time.
const MOST: usize = 10_000;

/// A [`Reporter`] that measures; when the run is over it writes the history.
#[derive(Default)]
pub struct Keeper {
    cores: usize,
    crowded: bool,
    /// By binary, what was measured.
    measured: HashMap<Arc<str>, Measured>,
}

#[derive(Default)]
struct Measured {
    /// By process, the tests that it ran, in their order.
    processes: BTreeMap<u32, Vec<Test>>,
    setups: Vec<(Arc<str>, Duration)>,
}

struct Test {
    name: Arc<str>,
    took: Duration,
    outcome: Outcome,
}

impl Keeper {
    /// For a machine that can run so many processes at once.
    pub fn new(cores: usize) -> Self {
        Self { cores, ..Self::default() }
    }

    /// Writes what was measured of these suites, with what was known of them. What cannot be written is not remembered:
    /// the next run is none the worse for it.
    pub fn remember<'a>(&self, folder: &Utf8Path, suites: impl Iterator<Item = (&'a Suite, &'a Lengths)>) {
        if std::fs::create_dir_all(folder).is_err() {
            return;
        }
        for (suite, known) in suites {
            if let Some(measured) = self.measured.get(&suite.binary.id) {
                let _ = write(folder, suite, Learned::from(known.clone(), self.crowded), measured);
            }
        }
        forget_the_oldest(folder, MOST);
    }

    fn test(&mut self, it: &TestFinished) {
        let ran = matches!(it.outcome, Outcome::Passed | Outcome::Failed | Outcome::TimedOut | Outcome::Crashed);
        let Some((process, took)) = it.process.filter(|_| ran).zip(duration(it.duration)) else { return };
        let test = Test { name: it.test.clone(), took, outcome: it.outcome };
        self.measured.entry(it.binary.clone()).or_default().processes.entry(process).or_default().push(test);
    }

    fn fixture(&mut self, it: &FixtureFinished) {
        let counts = it.fixture == Fixture::Setup && it.outcome == Outcome::Passed;
        if let (true, Some(took)) = (counts, duration(it.duration)) {
            self.measured.entry(it.binary.clone()).or_default().setups.push((it.context.clone(), took));
        }
    }
}

impl Reporter for &mut Keeper {
    fn event(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::SlotsChanged(it) => self.crowded |= it.held > self.cores,
            Event::TestFinished(it) | Event::AttemptFailed(it) => self.test(it),
            Event::FixtureFinished(it) => self.fixture(it),
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn write(folder: &Utf8Path, suite: &Suite, mut learned: Learned, measured: &Measured) -> Result<()> {
    let places: HashMap<&str, usize> = tests(suite).zip(0..).collect();
    for tests in measured.processes.values() {
        match suite.harness {
            Harness::Libtest => learned.process(&tests.iter().map(|test| ran(test, &places)).collect::<Vec<_>>()),
            // A process of another harness has nothing to keep for a second test.
            _ => tests.iter().map(|test| ran(test, &places)).for_each(|it| learned.alone(it)),
        }
    }
    learned.conclude();
    let places: HashMap<&str, usize> = contexts(suite).zip(0..).collect();
    let setups_measured = measured.setups.iter().filter_map(|(name, took)| Some((*places.get(&**name)?, *took)));
    setups_measured.for_each(|(place, took)| learned.setup(place, took));
    let Some(lengths) = learned.worth_writing() else { return Ok(()) };
    // Replaced as a whole, so that a run beside this one reads either the old or the new.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(file::print(lengths, tests(suite), contexts(suite)).as_bytes())?;
    file.persist(place(folder, &suite.binary)).context("cannot rename")?;
    Ok(())
}

fn ran(test: &Test, places: &HashMap<&str, usize>) -> Ran {
    // What crashed was not at its end; what timed out took so long at least.
    let counts = test.outcome != Outcome::Crashed;
    let place = places.get(&*test.name).copied().filter(|_| counts);
    Ran { place, took: test.took, limited: test.outcome == Outcome::TimedOut }
}

/// Numbers in events may be anything.
fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// What cannot be removed is in nobody's way.
fn forget_the_oldest(folder: &Utf8Path, most: usize) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    let paths: Vec<Utf8PathBuf> = entries.flatten().map(|it| it.path().to_owned()).collect();
    let Some(surplus) = paths.len().checked_sub(most).filter(|surplus| *surplus > 0) else { return };
    let changed = |path: &Utf8PathBuf| path.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut paths: Vec<(SystemTime, Utf8PathBuf)> = paths.into_iter().map(|path| (changed(&path), path)).collect();
    paths.sort_unstable();
    paths.iter().take(surplus).for_each(|(_, path)| drop(std::fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Context, ContextKind, Test};

    fn suite(tests: &[&str]) -> Suite {
        Suite {
            tests: tests.iter().map(|name| Test::named(name)).collect(),
            contexts: vec![Context::named("demo::c", ContextKind::Shared, None)],
            ..Suite::sample()
        }
    }

    fn finished(test: &str, outcome: Outcome, seconds: f64) -> Event {
        finished_in(1, test, outcome, seconds)
    }

    fn finished_in(process: u32, test: &str, outcome: Outcome, seconds: f64) -> Event {
        let json = serde_json::json!({
            "event": "test-finished", "binary": "p::t", "test": test, "outcome": outcome, "attempt": 1,
            "timestamp": "2026-01-01T00:00:00Z", "duration": seconds, "process": process,
        });
        serde_json::from_value(json).unwrap()
    }

    fn recall(folder: &Utf8Path, suites: &[Suite]) -> Vec<Lengths> {
        super::super::recall(folder, &suites.iter().collect::<Vec<_>>())
    }

    fn run(folder: &Utf8Path, suites: &[Suite], events: &[Event]) {
        let known = recall(folder, suites);
        let mut keeper = Keeper::new(2);
        events.iter().for_each(|event| (&mut keeper).event(event).unwrap());
        keeper.remember(folder, suites.iter().zip(&known));
    }

    #[test]
    fn the_next_run_knows_what_this_one_measured_and_nothing_of_tests_that_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let millis = |millis| Some(Duration::from_millis(millis));
        let suites = [suite(&["a", "b", "c", "d"])];
        let setup = serde_json::from_value(serde_json::json!({
            "event": "fixture-finished", "binary": "p::t", "context": "demo::c", "fixture": "setup",
            "kind": "shared", "outcome": "passed", "timestamp": "2026-01-01T00:00:00Z", "duration": 0.5, "process": 2,
        }));
        let events = [
            finished("a", Outcome::Passed, 0.010),
            finished("b", Outcome::TimedOut, 0.020),
            finished("c", Outcome::Crashed, 0.030),
            finished("d", Outcome::Failed, 1e300),
            setup.unwrap(),
        ];
        run(folder, &suites, &events);
        let of = |tests: &[Option<Duration>], cold_only: &[bool]| Lengths {
            cold_only: cold_only.to_vec(),
            ..Lengths::known(tests.to_vec(), vec![millis(500)])
        };
        assert_eq!(recall(folder, &suites), [of(&[millis(10), millis(20), None, None], &[true, false, false, false])]);

        run(folder, &[suite(&["a", "e"])], &[finished("e", Outcome::Passed, 0.040)]);
        let expected = of(&[millis(10), None, millis(40)], &[true, false, true]);
        assert_eq!(recall(folder, &[suite(&["a", "b", "e"])]), [expected]);
    }

    #[test]
    fn it_is_known_which_tests_were_remembered_and_when() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (suites, before) = ([suite(&["a", "b c"])], SystemTime::now() - Duration::from_secs(60));
        run(folder, &suites, &[finished("b c", Outcome::Passed, 1.0)]);
        let remembered = |binary, at| super::super::remembered(folder, binary, at).into_iter().collect::<Vec<_>>();
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(remembered(&suites[0].binary.id, later), ["b c"]);
        assert!(remembered(&suites[0].binary.id, before).is_empty(), "it was not yet there");
        assert!(remembered("p", later).is_empty(), "that is another binary");
    }

    #[test]
    fn what_processes_pay_once_is_learned_but_not_from_a_test_that_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let suites = [suite(&["a", "b", "c"])];
        let once = |outcome, seconds| {
            run(folder, &suites, &["c", "a", "b"].map(|test| finished(test, Outcome::Passed, 0.001)));
            run(folder, &suites, &[finished("a", outcome, seconds), finished_in(2, "b", outcome, seconds)]);
            recall(folder, &suites)[0].warmup
        };
        assert_eq!(once(Outcome::TimedOut, 9.0), Duration::ZERO);
        assert!(once(Outcome::Passed, 90.0) > Duration::from_secs(60));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let suites = [suite(&["a"])];
        std::fs::write(place(folder, &suites[0].binary), b"\xff ptest history").unwrap();
        assert_eq!(recall(folder, &suites)[0].tests, [None]);
        run(folder, &suites, &[finished("a", Outcome::Passed, 1.0)]);
        assert_eq!(recall(folder, &suites)[0].tests, [Some(Duration::from_secs(1))]);
    }

    #[test]
    fn a_folder_with_too_many_files_loses_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        for (number, name) in ["b", "c", "a"].into_iter().enumerate() {
            let file = std::fs::File::create(folder.join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(number as u64)).unwrap();
        }
        forget_the_oldest(folder, 2);
        assert!(!folder.join("b").exists() && folder.join("c").exists() && folder.join("a").exists());
    }
}
