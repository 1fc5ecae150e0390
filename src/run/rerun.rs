//! What a test comes to whose process ended with libtest's exit code for failures and without a word on it, and that then
//! ran again alone, without a log. Pure.
//!
//! A test that does what a daemon does closes the log or the output, or both, and then libtest ends so whatever becomes
//! of the test. Alone, the exit code tells: 0 says that it passed. But a test may also end its process itself, print what
//! libtest prints, and that must not become a pass. So the test runs alone with a log first, and has to do the same again;
//! one that ends well there has crashed before.

use super::dialect::{NoWord, Verdict};
use super::os::Exit;
use super::output::Output;

/// What is kept of the first process.
#[derive(Clone, Debug)]
pub(super) struct First {
    pub why: NoWord,
    pub exit: Exit,
    pub output: Output,
    /// A process of its own, with a log, has ended in the same way.
    pub confirmed: bool,
}

/// What becomes of a test whose process may have ended by chance: that of the second process, which has a log as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// It has ended in the same way: now the test runs without a log.
    Confirmed,
    /// The end of the first process stands.
    Crashed,
    /// It is to be judged like any other process.
    AsUsual,
}

/// `verdict` and `no_word` are those of the second process.
pub(super) fn confirm(exit: Exit, verdict: Option<Verdict>, no_word: bool) -> Confirmation {
    match verdict {
        None if no_word && exit == Exit::Code(101) => Confirmation::Confirmed,
        Some(Verdict::Passed | Verdict::Ignored) => Confirmation::Crashed,
        _ => Confirmation::AsUsual,
    }
}

/// What is known of the last one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is a fact of its own about the process")]
pub(super) struct Second {
    pub exit: Exit,
    /// By the whole text.
    pub verdict: Option<Verdict>,
    /// It ended in the test, as far as the text tells.
    pub ended_inside: bool,
    /// The text has what libtest says in the end, but not as libtest says it.
    pub disputed: bool,
    /// The text, or what became of it, shows that the test had failed or had closed its output.
    pub failed_or_closed: bool,
    /// The first process has written that the test panicked, and this one has not.
    pub only_first_panicked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    Verdict(Verdict),
    /// The end of the first process stands.
    Crashed,
    /// It is to be judged like any other process.
    AsUsual,
}

pub(super) fn conclude(first: &First, second: Second) -> Conclusion {
    let Second { exit, verdict, ended_inside, disputed, failed_or_closed, only_first_panicked } = second;
    let was_silent = matches!(first.why, NoWord::Silent { dark: false, .. });
    match (exit, verdict) {
        (Exit::Code(0), Some(Verdict::Passed | Verdict::Ignored)) if was_silent => Conclusion::Crashed,
        (Exit::Code(0), Some(Verdict::Passed) | None) if only_first_panicked => Conclusion::Crashed,
        (Exit::Code(0), Some(verdict @ (Verdict::Passed | Verdict::Ignored)))
        | (Exit::Code(101), Some(verdict @ Verdict::Failed)) => Conclusion::Verdict(verdict),
        (Exit::Code(0), None) if ended_inside && !disputed => Conclusion::Verdict(Verdict::Passed),
        (Exit::Code(101), None) if ended_inside && (failed_or_closed || !was_silent) => {
            Conclusion::Verdict(Verdict::Failed)
        }
        (Exit::Code(101), None) if ended_inside => Conclusion::Crashed,
        _ => Conclusion::AsUsual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG_CLOSED: NoWord = NoWord::LogClosed(0);
    const SILENT: NoWord = NoWord::Silent { place: 0, dark: false };
    const DARK: NoWord = NoWord::Silent { place: 0, dark: true };

    const INSIDE: Second = Second {
        exit: Exit::Code(0),
        verdict: None,
        ended_inside: true,
        disputed: false,
        failed_or_closed: false,
        only_first_panicked: false,
    };

    fn concluded(why: NoWord, second: Second) -> Conclusion {
        conclude(&First { why, exit: Exit::Code(101), output: Output::default(), confirmed: true }, second)
    }

    #[test]
    fn what_ends_well_with_a_log_has_crashed_before_and_what_ends_in_the_same_way_runs_without_one() {
        let lost = Exit::Code(101);
        assert_eq!(confirm(lost, None, true), Confirmation::Confirmed);
        assert_eq!(confirm(Exit::Code(0), Some(Verdict::Passed), false), Confirmation::Crashed);
        assert_eq!(confirm(lost, Some(Verdict::Failed), false), Confirmation::AsUsual);
        assert_eq!(confirm(Exit::Signal(6), None, true), Confirmation::AsUsual);
    }

    #[test]
    fn a_panic_of_the_first_process_alone_is_no_pass() {
        let second = Second { only_first_panicked: true, ..INSIDE };
        assert_eq!(concluded(LOG_CLOSED, second), Conclusion::Crashed);
        let told = Second { verdict: Some(Verdict::Passed), ended_inside: false, ..second };
        assert_eq!(concluded(LOG_CLOSED, told), Conclusion::Crashed);
    }

    #[test]
    fn who_has_closed_everything_is_judged_by_the_exit_code() {
        for why in [LOG_CLOSED, SILENT, DARK] {
            assert_eq!(concluded(why, INSIDE), Conclusion::Verdict(Verdict::Passed));
            let failed = Second { exit: Exit::Code(101), failed_or_closed: true, ..INSIDE };
            assert_eq!(concluded(why, failed), Conclusion::Verdict(Verdict::Failed));
            let killed = Second { exit: Exit::Signal(6), ..INSIDE };
            assert_eq!(concluded(why, killed), Conclusion::AsUsual, "a crash is a crash");
            assert_eq!(concluded(why, Second { disputed: true, ..INSIDE }), Conclusion::AsUsual, "a forged summary");
        }
    }

    #[test]
    fn who_has_closed_the_log_alone_is_judged_by_the_text() {
        for (verdict, code) in [(Verdict::Passed, 0), (Verdict::Failed, 101), (Verdict::Ignored, 0)] {
            let second = Second { exit: Exit::Code(code), verdict: Some(verdict), ended_inside: false, ..INSIDE };
            assert_eq!(concluded(LOG_CLOSED, second), Conclusion::Verdict(verdict));
            let other = Second { exit: Exit::Code(1), ..second };
            assert_eq!(concluded(LOG_CLOSED, other), Conclusion::AsUsual);
        }
    }

    #[test]
    fn who_ends_the_process_as_libtest_does_has_crashed_and_a_pass_at_the_second_time_is_none() {
        let again = Second { exit: Exit::Code(101), ..INSIDE };
        assert_eq!(concluded(SILENT, again), Conclusion::Crashed);
        let passes = Second { verdict: Some(Verdict::Passed), ended_inside: false, ..INSIDE };
        assert_eq!(concluded(SILENT, passes), Conclusion::Crashed);
        assert_eq!(concluded(DARK, passes), Conclusion::Verdict(Verdict::Passed), "another had closed the output");
    }
}
