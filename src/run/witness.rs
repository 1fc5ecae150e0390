//! Whether the text of a process without a log is to be believed, and what a test came to that ran again alone because it
//! was not. Pure.
//!
//! There are three witnesses: the text with its counts, the exit code, and on Linux how many bytes the process's first
//! thread has written. libtest writes with that thread and runs each test in another one (since Rust 1.67), so bytes that
//! a test has made up are missing from the count. It cannot be had everywhere, and without it a test can still make up a
//! whole text with the right numbers, on purpose, and end the process. One that just ends the process never looks so.

use super::dialect::{Unlogged, Verdict};
use super::os::Exit;
use super::rerun::{Conclusion, Second};

/// What the number of bytes says that the first thread has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// Not all that the text says is libtest's.
    Less,
    Exact,
    /// What is libtest's may all be there, and has not been understood.
    More,
    /// Nothing.
    Unknown,
}

fn count(text: &Unlogged, written: Option<u64>) -> Count {
    match written {
        // Whoever has not even written the header is not libtest.
        Some(written) if text.header > 0 && written >= text.header => match written {
            _ if written < text.told => Count::Less,
            _ if written <= text.told + text.before => Count::Exact,
            _ => Count::More,
        },
        _ => Count::Unknown,
    }
}

/// Whether what the text says of tests that have ended is to be believed.
pub(super) fn is_believed(text: &Unlogged, written: Option<u64>, exit: Exit, has_failures: bool) -> bool {
    let ended_by_libtest = matches!(exit, Exit::Code(0 | 101));
    match count(text, written) {
        Count::Less => false,
        // What one test has made up may be as long as what another one has hidden.
        _ if text.has_doubled => false,
        Count::Exact => true,
        Count::More | Count::Unknown if !ended_by_libtest => true,
        Count::More | Count::Unknown if text.is_complete => exit == Exit::Code(if has_failures { 101 } else { 0 }),
        // libtest seems to have ended the process, and the text does not.
        Count::More => false,
        Count::Unknown => !text.has_summary,
    }
}

/// What a disputed test came to that ran again alone: the exit code says it, if it was libtest that ended the process.
pub(super) fn conclude(text: &Unlogged, written: Option<u64>, second: Second) -> Conclusion {
    let Second { exit, verdict, failed_or_closed, .. } = second;
    let by_libtest = match count(text, written) {
        Count::Unknown => None,
        _ => written.and_then(|written| text.has_gone_on(written)),
    };
    match (exit, by_libtest, verdict) {
        (Exit::Code(0), Some(true) | None, Some(Verdict::Ignored)) => Conclusion::Verdict(Verdict::Ignored),
        (Exit::Code(0), Some(true), _) | (Exit::Code(0), None, Some(Verdict::Passed)) => {
            Conclusion::Verdict(Verdict::Passed)
        }
        (Exit::Code(101), Some(true), _) | (Exit::Code(101), _, Some(Verdict::Failed)) => {
            Conclusion::Verdict(Verdict::Failed)
        }
        (Exit::Code(101), ..) if failed_or_closed => Conclusion::Verdict(Verdict::Failed),
        (Exit::Code(0 | 101), ..) | (_, Some(false), Some(_)) => Conclusion::Crashed,
        _ => Conclusion::AsUsual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Unlogged = Unlogged {
        told: 200,
        started: 40,
        before: 0,
        header: 17,
        has_doubled: false,
        is_complete: true,
        has_summary: false,
        notes: Vec::new(),
    };

    fn broken() -> Unlogged {
        Unlogged { told: 60, is_complete: false, ..TEXT }
    }

    #[test]
    fn a_text_whose_bytes_are_all_libtests_is_believed_and_one_with_others_is_not() {
        let doubled = Unlogged { has_doubled: true, ..TEXT };
        for exit in [Exit::Code(0), Exit::Code(101), Exit::Signal(6)] {
            assert!(is_believed(&TEXT, Some(200), exit, false));
            assert!(
                !is_believed(&doubled, Some(200), exit, false),
                "lies of two tests may have the same length as the truth"
            );
            assert!(!is_believed(&TEXT, Some(199), exit, false));
        }
        let spoken = Unlogged { before: 10, is_complete: false, ..TEXT };
        assert!(is_believed(&spoken, Some(210), Exit::Code(0), false), "a constructor may write with the same thread");
        assert!(!is_believed(&spoken, Some(211), Exit::Code(0), false));
    }

    #[test]
    fn without_a_count_the_numbers_the_exit_code_and_the_places_of_the_lines_have_to_agree() {
        for written in [None, Some(3), Some(300)] {
            let believed = |text: &Unlogged, exit, failed| is_believed(text, written, exit, failed);
            assert!(believed(&TEXT, Exit::Code(0), false) && believed(&TEXT, Exit::Code(101), true));
            assert!(!believed(&TEXT, Exit::Code(101), false) && !believed(&TEXT, Exit::Code(0), true));
            assert!(!believed(&Unlogged { has_doubled: true, ..TEXT }, Exit::Code(0), false));
            assert!(!believed(&Unlogged { has_summary: true, ..broken() }, Exit::Code(0), false));
            assert!(believed(&broken(), Exit::Signal(6), false), "a crash in the middle");
        }
        assert!(is_believed(&broken(), None, Exit::Code(0), false), "a test has ended the process");
        assert!(!is_believed(&broken(), Some(61), Exit::Code(0), false), "libtest has gone on, and was not heard");
    }

    fn alone(exit: i32, verdict: Option<Verdict>) -> Second {
        let ended_inside = verdict.is_none();
        let (exit, disputed) = (Exit::Code(exit), false);
        Second { exit, verdict, ended_inside, disputed, failed_or_closed: false, only_first_panicked: false }
    }

    #[test]
    fn alone_the_exit_code_counts_if_libtest_has_come_to_its_end() {
        for written in [41, 60, 200] {
            let written = Some(written);
            assert_eq!(conclude(&broken(), written, alone(0, None)), Conclusion::Verdict(Verdict::Passed));
            assert_eq!(conclude(&broken(), written, alone(101, None)), Conclusion::Verdict(Verdict::Failed));
        }
        for written in [Some(40), None] {
            assert_eq!(conclude(&broken(), written, alone(0, None)), Conclusion::Crashed, "it has ended the process");
            assert_eq!(conclude(&broken(), written, alone(101, None)), Conclusion::Crashed);
        }
        assert_eq!(conclude(&TEXT, Some(40), alone(0, Some(Verdict::Passed))), Conclusion::Crashed, "made up");
        for verdict in [Verdict::Passed, Verdict::Ignored] {
            assert_eq!(conclude(&TEXT, None, alone(0, Some(verdict))), Conclusion::Verdict(verdict));
        }
        let killed = |verdict| Second { exit: Exit::Signal(6), ..alone(0, verdict) };
        assert_eq!(conclude(&broken(), Some(40), killed(None)), Conclusion::AsUsual);
        assert_eq!(conclude(&TEXT, Some(200), killed(Some(Verdict::Passed))), Conclusion::AsUsual, "at exit");
        assert_eq!(conclude(&TEXT, Some(40), killed(Some(Verdict::Passed))), Conclusion::Crashed, "in the test");
    }
}
