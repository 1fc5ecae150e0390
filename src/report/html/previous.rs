//! What tests took in the run before, from its journal.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::Run;
use crate::event::{Event, Outcome};
use crate::report::{Runs, file};

/// How many journals are looked into for one that ran the same tests.
const LOOKED_AT: usize = 3;

/// The durations of the tests that passed in an earlier run.
#[derive(Default)]
pub(super) struct Previous(HashMap<(Arc<str>, Arc<str>), f64>);

impl Previous {
    /// From the newest journal that is older than `journal` and has one of the run's tests. Whatever can't be read is
    /// as if it were not there: the page does without.
    pub(super) fn before(journal: &Utf8Path, run: &Run) -> Option<Self> {
        Runs::before(journal)
            .iter()
            .rev()
            .take(LOOKED_AT)
            .map(|path| Self::of(path))
            .find(|it| run.tests.iter().any(|test| it.duration(&test.binary, &test.test).is_some()))
    }

    fn of(journal: &Utf8Path) -> Self {
        let events = file::events(journal).into_iter().flatten().map_while(Result::ok);
        let passed = events.filter_map(|event| match event {
            Event::TestFinished(it) if it.outcome == Outcome::Passed => Some(((it.binary, it.test), it.duration)),
            _ => None,
        });
        Self(passed.collect())
    }

    pub(super) fn duration(&self, binary: &Arc<str>, test: &Arc<str>) -> Option<f64> {
        self.0.get(&(binary.clone(), test.clone())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TestFinished;
    use crate::report::junit::sample;

    #[test]
    fn the_newest_older_run_of_the_same_tests_counts() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let write = |name: &str, test: &str, duration: f64| {
            let event = Event::TestFinished(TestFinished { duration, ..sample::finished(test) });
            std::fs::write(folder.join(name), serde_json::to_string(&event).unwrap() + "\n{half").unwrap();
        };
        write("20240101.jsonl", "works", 1.0);
        write("20240102.jsonl", "works", 2.0);
        write("20240103.jsonl", "another", 3.0);
        write("20240104.jsonl", "works", 4.0);
        write("20240105.jsonl", "works", 5.0);
        let run = Run::of(sample::green_run().into_iter().map(Ok)).unwrap();
        let previous = Previous::before(&folder.join("20240104.jsonl"), &run).unwrap();
        assert_eq!(previous.duration(&"demo".into(), &"works".into()), Some(2.0));
        assert!(Previous::before(&folder.join("20240101.jsonl"), &run).is_none());
    }
}
