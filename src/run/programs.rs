//! The programs of the tests' binaries, which somebody may build anew while the run goes on: an editor, a watcher, cargo in
//! another terminal. The tests before and after belong to different programs then, and the run says so.

use std::collections::HashMap;
use std::time::SystemTime;

use camino::Utf8Path;

#[derive(Default)]
pub(super) struct Programs {
    of_suite: HashMap<usize, Built>,
}

/// What tells a program from the one that is built after it.
type Built = (SystemTime, u64);

impl Programs {
    /// Notes how the program of a suite looks now.
    pub(super) fn note(&mut self, suite: usize, program: &Utf8Path) {
        self.of_suite.extend(built(program).map(|it| (suite, it)));
    }

    /// Whether the program is another one than it was at the last look. One that is gone cannot be started, which is told
    /// anyway.
    pub(super) fn is_another(&mut self, suite: usize, program: &Utf8Path) -> bool {
        let Some(now) = built(program) else { return false };
        self.of_suite.insert(suite, now).is_some_and(|before| before != now)
    }
}

fn built(program: &Utf8Path) -> Option<Built> {
    let metadata = program.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_built_anew_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let program = folder.join("program");
        std::fs::write(&program, "1").unwrap();
        let mut programs = Programs::default();
        programs.note(0, &program);
        programs.note(1, &folder.join("none"));
        assert!(!programs.is_another(0, &program));
        // Cargo gives a program a second name after a build in which it did not change.
        std::fs::hard_link(&program, folder.join("link")).unwrap();
        assert!(!programs.is_another(0, &program));
        std::fs::remove_file(&program).unwrap();
        assert!(!programs.is_another(0, &program));
        std::fs::write(&program, "22").unwrap();
        assert!(programs.is_another(0, &program));
        assert!(!programs.is_another(0, &program));
        assert!(!programs.is_another(1, &program), "it was not there before");
    }
}
