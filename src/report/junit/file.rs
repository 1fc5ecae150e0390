//! Keeps a JUnit file true while a run goes on.
//!
//! A file that is written at the end only is the last run's file until then, and for good if the runner is killed. One
//! that is appended to is ill-formed until the end. So the file is written whole, again and again, and each time put in
//! the place of the one before by renaming: whoever opens it finds a well-formed report of this run, red until the run
//! is over.

use std::{
    iter,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Output, write_report};
use crate::event::{Event, Reporter};
use crate::report::file;
use crate::report::journal::Written;

/// The time between the beginnings of two writes is at least this,
const PAUSE: Duration = Duration::from_secs(1);

/// and at least so many times what the last one took: 2 % of the time go into the file.
const SHARE: u32 = 50;

/// What errors call the file.
const WHAT: &str = "JUnit file";

/// The JUnit file of a run. It is made from the run's journal, so that no result is kept in memory for its sake.
pub struct JunitFile {
    path: Utf8PathBuf,
    journal: Written,
    output: Output,
    /// There have been events since the file was written.
    outdated: bool,
    began: Instant,
    took: Duration,
}

impl JunitFile {
    /// Writes a first file to `path`, red since nothing is known yet, together with the folders that it needs. Later
    /// ones will tell what the JSON lines in `journal` say, which need not exist yet.
    ///
    /// Fails if `path` can't be written, or is something that must not be replaced, such as a device.
    pub fn create(path: &Utf8Path, output: Output, journal: &Written) -> anyhow::Result<Self> {
        let began = Instant::now();
        let path = file::target(path, WHAT)?;
        // What the journal's path may hold now is another run's.
        write(&path, output, iter::empty())?;
        Ok(Self { path, journal: journal.clone(), output, outdated: false, began, took: began.elapsed() })
    }

    fn update(&mut self) -> anyhow::Result<()> {
        self.began = Instant::now();
        self.outdated = false;
        let result = self.journal.events().and_then(|events| write(&self.path, self.output, events));
        self.took = self.began.elapsed();
        result
    }
}

impl Reporter for JunitFile {
    fn event(&mut self, _: &Event) -> anyhow::Result<()> {
        self.outdated = true;
        Ok(())
    }

    /// Writes the file if it is time to. A write that fails leaves the file before in its place, which is true and red,
    /// and the run goes on: a full disk may be empty again at the end, when it counts.
    fn flush(&mut self) -> anyhow::Result<()> {
        if self.outdated && is_due(self.began.elapsed(), self.took) {
            self.outdated = self.update().is_err();
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.update()
    }
}

/// Whether to write again when the last write began `since` ago and `took` that long.
fn is_due(since: Duration, took: Duration) -> bool {
    since >= PAUSE.max(took * SHARE)
}

/// Puts a report of `events` in the place of the file at `path`.
pub fn write(
    path: &Utf8Path,
    output: Output,
    events: impl Iterator<Item = anyhow::Result<Event>>,
) -> anyhow::Result<()> {
    file::replace(path, WHAT, |out| write_report(events, output, out))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::junit::sample;
    use proptest::prelude::*;

    #[test]
    fn a_write_waits_for_a_second() {
        assert!(!is_due(Duration::from_millis(999), Duration::ZERO));
        assert!(is_due(Duration::from_secs(1), Duration::ZERO));
        assert!(is_due(Duration::from_secs(1), Duration::from_millis(20)));
    }

    #[test]
    fn a_slow_write_makes_the_next_wait_longer() {
        assert!(!is_due(Duration::from_millis(4_999), Duration::from_millis(100)));
        assert!(is_due(Duration::from_secs(5), Duration::from_millis(100)));
    }

    proptest! {
        /// Time is simulated: at each step the loop asks, and a write takes as long as proptest says.
        #[test]
        fn writes_take_no_more_than_their_share(steps: Vec<(u16, u16)>) {
            let (mut now, mut began, mut took) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
            let mut sum = Duration::ZERO;
            for (wait, cost) in steps {
                now += Duration::from_millis(wait.into());
                if is_due(now.saturating_sub(began), took) {
                    sum += took;
                    (began, took) = (now, Duration::from_millis(cost.into()));
                    now += took;
                }
                prop_assert!(sum * SHARE <= began);
            }
        }
    }

    /// A folder, the JUnit file in a folder in it, and the journal.
    fn folder_with_journal(events: &[Event]) -> (tempfile::TempDir, Utf8PathBuf, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let (file, journal) = (path.join("reports/new/junit.xml"), path.join("journal.jsonl"));
        let lines: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        fs::write(&journal, lines.concat()).unwrap();
        (folder, file, journal)
    }

    #[test]
    fn the_file_is_red_from_the_start_even_beside_a_finished_journal() {
        let (_folder, path, journal) = folder_with_journal(&sample::green_run());
        JunitFile::create(&path, Output::Failed, &Written::at(&journal)).unwrap();
        let xml = fs::read_to_string(&path).unwrap();
        assert!(xml.contains("[run incomplete]"), "{xml}");
        assert!(xml.contains("errors=\"1\""), "{xml}");
    }

    #[test]
    fn the_file_tells_the_whole_run_at_the_end() {
        let (_folder, path, journal) = folder_with_journal(&sample::green_run());
        let mut file = JunitFile::create(&path, Output::Failed, &Written::at(&journal)).unwrap();
        file.finish().unwrap();
        let xml = fs::read_to_string(&path).unwrap();
        assert!(!xml.contains("[run incomplete]"), "{xml}");
        assert!(xml.contains("tests=\"1\" skipped=\"0\" failures=\"0\" errors=\"0\""), "{xml}");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn the_file_stays_red_when_the_journal_breaks_off() {
        let mut events = sample::green_run();
        events.pop();
        let (_folder, path, journal) = folder_with_journal(&events);
        let mut file = JunitFile::create(&path, Output::Failed, &Written::at(&journal)).unwrap();
        file.finish().unwrap();
        let xml = fs::read_to_string(&path).unwrap();
        assert!(xml.contains("tests=\"2\" skipped=\"0\" failures=\"0\" errors=\"1\""), "{xml}");
    }

    #[test]
    fn a_journal_that_is_gone_is_an_error_at_the_end_only() {
        let (_folder, path, journal) = folder_with_journal(&[]);
        let mut file = JunitFile::create(&path, Output::Failed, &Written::at(&journal)).unwrap();
        fs::remove_file(&journal).unwrap();
        file.event(&sample::run_started(1)).unwrap();
        file.began = file.began.checked_sub(PAUSE * SHARE).unwrap();
        file.flush().unwrap();
        assert!(file.outdated, "it will be tried again");
        let error = format!("{:#}", file.finish().unwrap_err());
        assert!(error.contains("journal.jsonl"), "{error}");
        assert!(fs::read_to_string(&path).unwrap().contains("[run incomplete]"));
    }

    #[test]
    fn what_is_not_a_file_is_not_replaced() {
        let (folder, _, journal) = folder_with_journal(&[]);
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let error = JunitFile::create(path, Output::Failed, &Written::at(&journal)).err().unwrap().to_string();
        assert!(error.contains(path.as_str()), "{error}");
    }

    #[test]
    fn an_error_names_the_path() {
        let (_folder, path, journal) = folder_with_journal(&[]);
        let below_a_file = journal.join("junit.xml");
        let error = JunitFile::create(&below_a_file, Output::Failed, &Written::at(&path)).err().unwrap().to_string();
        assert!(error.contains(below_a_file.as_str()), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn everybody_may_read_the_file_and_a_link_stays_a_link() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let (folder, path, journal) = folder_with_journal(&[]);
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        JunitFile::create(&path, Output::Failed, &Written::at(&journal)).unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(path.as_std_path()), mode(&plain), "the umask decides, as for any file");

        let link = Utf8PathBuf::from_path_buf(folder.path().join("link.xml")).unwrap();
        symlink(&path, &link).unwrap();
        JunitFile::create(&link, Output::Failed, &Written::at(&journal)).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
