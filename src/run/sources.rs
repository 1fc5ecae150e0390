//! The source files of binaries whose tests write into them.
//!
//! Where a literal stands in its file is compiled in. When somebody has changed the file, a process of that binary would
//! write to the wrong place: so it is not started. Whoever has changed it may be another binary that was compiled from the
//! same file, a process that died, or somebody with an editor.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

#[derive(Default)]
pub(super) struct Sources {
    of_suite: HashMap<usize, Vec<(Utf8PathBuf, State)>>,
}

/// What tells a file from what it was before; `None` where it cannot be looked at.
type State = Option<(SystemTime, u64)>;

impl Sources {
    /// Notes how the files of a suite look now.
    pub(super) fn note(&mut self, suite: usize, files: Vec<Utf8PathBuf>) {
        let seen = files.into_iter().map(|file| {
            let state = state(&file);
            (file, state)
        });
        self.of_suite.insert(suite, seen.collect());
    }

    /// A file of the suite that has changed since.
    pub(super) fn changed(&self, suite: usize) -> Option<&Utf8Path> {
        let files = self.of_suite.get(&suite)?;
        files.iter().find(|(file, seen)| state(file) != *seen).map(|(file, _)| file.as_path())
    }

    /// The suites that have a file in common: for each such file, all of its suites.
    pub(super) fn shared(&self) -> BTreeSet<Vec<usize>> {
        let mut suites: BTreeMap<&Utf8Path, Vec<usize>> = BTreeMap::new();
        let mut numbers: Vec<usize> = self.of_suite.keys().copied().collect();
        numbers.sort_unstable();
        for suite in numbers {
            self.of_suite[&suite].iter().for_each(|(file, _)| suites.entry(file).or_default().push(suite));
        }
        suites.into_values().filter(|suites| suites.len() > 1).collect()
    }
}

fn state(file: &Utf8Path) -> State {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_noticed_in_each_suite_that_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let [own, common, gone] = ["own.rs", "common.rs", "gone.rs"].map(|it| folder.join(it));
        std::fs::write(&own, "1").unwrap();
        std::fs::write(&common, "1").unwrap();
        let mut sources = Sources::default();
        sources.note(3, vec![own.clone(), gone]);
        sources.note(4, vec![common.clone()]);
        sources.note(7, vec![common.clone(), own]);
        assert_eq!(sources.shared(), [vec![3, 7], vec![4, 7]].into());
        assert_eq!([3, 4, 7, 8].map(|it| sources.changed(it)), [None; 4]);
        std::fs::write(&common, "another").unwrap();
        assert_eq!([3, 4, 7].map(|it| sources.changed(it)), [None, Some(&*common), Some(&*common)]);
    }
}
