//! What the end of a process means for the tests that it was given. Pure.
//!
//! The exit status is a witness of its own: 0 says that all tests passed, 101 that some did not. A status that says
//! anything else, or says it too early, must not go by in silence.

use super::dialect::{End, NoWord};
use super::os::Exit;
use crate::schedule::{ExitLimit, SHORTEST_EXIT};

/// Why the runner asked a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The time of the test at this place was up.
    Late(usize),
    /// It had not ended so long after its last test.
    Lingering(ExitLimit),
    /// The run ends before its time.
    Stop,
}

/// What is known of a process when it is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub end: &'a End,
    pub exit: Exit,
    pub asked: Option<Asked>,
    /// The test that it was asked to end for has its verdict all the same.
    pub late_has_ended: bool,
    /// How many tests it was given, how many of them ended, and whether any of them failed.
    pub given: usize,
    pub ended: usize,
    pub failed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Judgement {
    /// It did what it was told to; what it did not begin (if it was asked to end) goes back.
    Clean,
    /// The log could not be opened: all is run again without one.
    WithoutLog,
    /// libtest ended it without a word on the test at this place, which is to run again alone.
    Alone(usize),
    /// It ended in the test at this place.
    TimedOut(usize),
    Crashed(usize),
    /// It was asked to end while that test ran.
    Interrupted,
    /// It ended before any of its tests began; each of them would meet the same.
    NotStarted(String),
    /// It failed outside of any test.
    Failed(String),
}

pub(super) fn judge(facts: Facts) -> Judgement {
    let Facts { end, exit, asked, late_has_ended, given, ended, failed } = facts;
    let no_word = end.no_word.filter(|_| exit == Exit::Code(101) && asked.is_none());
    if no_word == Some(NoWord::NotOpened) {
        return Judgement::WithoutLog;
    }
    if let Some(ran) = end.mismatch {
        return Judgement::NotStarted(format!(
            "the binary was given {given} tests and ran {ran}: it does not know them by name"
        ));
    }
    if let Some(NoWord::LogClosed(place) | NoWord::Silent { place, .. }) = no_word {
        return Judgement::Alone(place);
    }
    match (&end.running, asked) {
        // Our signal met whatever came after the test that it was for: that goes to another process.
        (_, Some(Asked::Late(_))) if late_has_ended => return Judgement::Interrupted,
        (Some((place, _)), Some(Asked::Late(late))) if *place == late => return Judgement::TimedOut(late),
        (_, Some(Asked::Stop)) => return Judgement::Interrupted,
        (Some((place, _)), _) => return Judgement::Crashed(*place),
        (None, Some(Asked::Lingering(limit))) => return Judgement::Failed(did_not_end(limit)),
        (None, Some(Asked::Late(_))) if ended == 0 => {
            return Judgement::NotStarted("timed out before its first test started".to_owned());
        }
        (None, _) => {}
    }
    let expected = Exit::Code(if failed { 101 } else { 0 });
    if ended == given && (exit == expected || end.by_exit_code) {
        return Judgement::Clean;
    }
    // Where a test before it has closed the output, nobody sees a test begin. But it was its turn.
    if let Some(NoWord::Silent { place, dark: true }) = end.no_word.filter(|_| ended < given) {
        return Judgement::Crashed(place);
    }
    if ended == 0 {
        return Judgement::NotStarted(format!("its process ended before its first test started: {exit}"));
    }
    Judgement::Failed(match ended == given {
        true => format!("it ended after its last test: {exit}"),
        false => format!("it ended between two tests: {exit}"),
    })
}

fn did_not_end(ExitLimit { limit, of_item }: ExitLimit) -> String {
    let whose = match of_item {
        true => format!("that test's timeout, but at least {SHORTEST_EXIT:?}"),
        false => "no process may take longer to exit".to_owned(),
    };
    format!("it did not end within {limit:?} of its last test ({whose})")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::output::Output;
    use super::*;

    fn end(running: Option<usize>) -> End {
        End {
            running: running.map(|place| (place, Output::default())),
            by_exit_code: false,
            mismatch: None,
            no_word: None,
            disputed: false,
            unlogged: None,
            closed: false,
            stray: Output::default(),
            fixture: Output::default(),
        }
    }

    fn judged(end: &End, exit: Exit, asked: Option<Asked>, ended: usize, failed: bool) -> Judgement {
        judge(Facts { end, exit, asked, late_has_ended: false, given: 3, ended, failed })
    }

    #[test]
    fn the_status_must_agree_with_the_verdicts() {
        let none = end(None);
        assert_eq!(judged(&none, Exit::Code(0), None, 3, false), Judgement::Clean);
        assert_eq!(judged(&none, Exit::Code(101), None, 3, true), Judgement::Clean);
        for (exit, failed) in
            [(Exit::Code(101), false), (Exit::Code(0), true), (Exit::Signal(6), false), (Exit::Code(1), true)]
        {
            assert!(matches!(judged(&none, exit, None, 3, failed), Judgement::Failed(_)), "{exit} {failed}");
        }
    }

    #[test]
    fn an_end_inside_of_a_test_is_a_crash_whatever_the_code() {
        for exit in [Exit::Code(0), Exit::Code(101), Exit::Signal(9)] {
            assert_eq!(judged(&end(Some(1)), exit, None, 1, false), Judgement::Crashed(1));
        }
    }

    #[test]
    fn a_test_of_which_libtest_says_nothing_runs_again_alone_and_a_crash_does_not() {
        let in_the_dark = End { no_word: Some(NoWord::Silent { place: 1, dark: true }), ..end(None) };
        assert_eq!(judged(&in_the_dark, Exit::Signal(6), None, 1, false), Judgement::Crashed(1));
        let silent = End { no_word: Some(NoWord::Silent { place: 1, dark: false }), ..end(Some(1)) };
        assert_eq!(judged(&silent, Exit::Code(101), None, 1, false), Judgement::Alone(1));
        for exit in [Exit::Code(0), Exit::Code(1), Exit::Signal(6)] {
            assert_eq!(judged(&silent, exit, None, 1, false), Judgement::Crashed(1), "{exit}");
        }
        assert_eq!(judged(&silent, Exit::Code(101), Some(Asked::Late(1)), 1, false), Judgement::TimedOut(1));
        let not_opened = End { no_word: Some(NoWord::NotOpened), ..end(None) };
        assert_eq!(judged(&not_opened, Exit::Code(101), None, 0, false), Judgement::WithoutLog);
        assert!(matches!(judged(&not_opened, Exit::Signal(6), None, 0, false), Judgement::NotStarted(_)));
    }

    #[test]
    fn a_test_is_timed_out_only_if_it_is_the_one_whose_time_was_up() {
        let killed = Exit::Signal(15);
        assert_eq!(judged(&end(Some(1)), killed, Some(Asked::Late(1)), 1, false), Judgement::TimedOut(1));
        let late = Facts {
            end: &end(Some(2)),
            exit: killed,
            asked: Some(Asked::Late(1)),
            late_has_ended: true,
            given: 3,
            ended: 2,
            failed: false,
        };
        assert_eq!(judge(late), Judgement::Interrupted, "the next test is not to blame for our signal");
        assert!(matches!(judged(&end(None), killed, Some(Asked::Late(0)), 0, false), Judgement::NotStarted(_)));
    }

    #[test]
    fn an_early_end_goes_by_whether_a_test_had_ended_before() {
        assert!(matches!(judged(&end(None), Exit::Code(0), None, 0, false), Judgement::NotStarted(_)));
        assert!(matches!(judged(&end(None), Exit::Code(0), None, 1, false), Judgement::Failed(_)));
    }

    #[test]
    fn a_process_that_does_not_end_is_told_with_the_limit_that_it_had() {
        let why = |limit, of_item| {
            let asked = Asked::Lingering(ExitLimit { limit: Duration::from_secs(limit), of_item });
            judged(&end(None), Exit::Signal(9), Some(asked), 3, false)
        };
        let failed = |why: &str| Judgement::Failed(why.to_owned());
        let own = "it did not end within 2s of its last test (that test's timeout, but at least 1s)";
        assert_eq!(why(2, true), failed(own));
        let common = "it did not end within 60s of its last test (no process may take longer to exit)";
        assert_eq!(why(60, false), failed(common));
    }

    #[test]
    fn a_stop_is_nobodys_failure() {
        assert_eq!(judged(&end(Some(0)), Exit::Signal(15), Some(Asked::Stop), 0, false), Judgement::Interrupted);
        assert_eq!(judged(&end(None), Exit::Signal(9), Some(Asked::Stop), 0, false), Judgement::Interrupted);
    }
}
