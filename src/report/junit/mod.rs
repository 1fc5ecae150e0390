//! JUnit XML, for continuous integration: a file that is kept true while the run goes on, and a stream.
//!
//! JUnit has words of its own, and they are used in this folder only. A `testsuite` is a test binary, named by
//! nextest's binary id; a `testcase` is one of its tests, named by its full path. Both stay the same when the schedule
//! changes. `docs/junit.xsd` says what may be in a file or a stream.
//!
//! The line from an [`Event`](crate::event::Event) to a file:
//! [`Cases`] makes a case of each last word on a test, with [`text`] cleaned and cut to size;
//! [`Progress`] knows whether the run was cut short, and makes a red case of that;
//! [`write_report`] sorts the cases into suites; [`JunitFile`] decides when to do so and replaces the file.
//! [`JunitStream`] writes the same cases in the order in which they arrive.

mod case;
mod document;
mod file;
mod progress;
#[cfg(test)]
pub(super) mod sample;
mod stream;
mod text;
mod verdict;

pub use file::{JunitFile, write};
pub use stream::JunitStream;

use case::{Case, Cases};
use document::write_report;
use progress::Progress;
pub(super) use text::cut;

/// Which tests' output the report includes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Tests that did not pass
    #[default]
    Failed,
    /// All tests
    All,
}

/// The name of the whole: of a file's `<testsuites>` and of a stream's `<testsuite>`.
const NAME: &str = "cargo ptest";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Fixture, FixtureFinished, Outcome, Reporter as _, TestFinished};
    use proptest::prelude::*;

    /// Both outputs for a run in which everything that can hold text holds `soup`.
    fn outputs(soup: &str) -> [String; 2] {
        let test = TestFinished {
            binary: soup.into(),
            file: Some(soup.into()),
            message: Some(soup.into()),
            output: soup.into(),
            after: vec![soup.into()],
            outcome: Outcome::Failed,
            ..sample::finished(soup)
        };
        let mut worker = sample::worker_failed(soup);
        (worker.binary, worker.tests, worker.output) = (soup.into(), vec![soup.into()], soup.into());
        let fixture = |which| {
            Event::FixtureFinished(FixtureFinished {
                binary: soup.into(),
                context: soup.into(),
                file: Some(soup.into()),
                output: soup.into(),
                ..sample::failed_fixture(which, soup)
            })
        };
        let not_set_up = TestFinished { outcome: Outcome::SetupFailed, contexts: vec![soup.into()], ..test.clone() };
        let events = sample::complete(vec![
            sample::test_started(soup, soup),
            Event::AttemptFailed(test.clone()),
            Event::TestFinished(TestFinished { outcome: Outcome::Passed, ..test.clone() }),
            Event::AttemptFailed(TestFinished { repetition: 2, ..test.clone() }),
            Event::TestFinished(TestFinished { repetition: 2, ..test.clone() }),
            Event::TestFinished(TestFinished { repetition: 3, outcome: Outcome::Ignored, ..test }),
            Event::WorkerFailed(worker),
            fixture(Fixture::Setup),
            Event::AttemptFailed(TestFinished { repetition: 4, ..not_set_up.clone() }),
            Event::TestFinished(TestFinished { repetition: 4, ..not_set_up }),
            fixture(Fixture::Teardown),
        ]);
        let mut file = Vec::new();
        write_report(events.iter().cloned().map(Ok), Output::All, &mut file).unwrap();
        let mut out = Vec::new();
        let mut stream = JunitStream::new(&mut out, Output::All);
        // The end is left out, so that the red case is in it, too.
        for event in &events[..events.len() - 1] {
            stream.event(event).unwrap();
        }
        stream.finish().unwrap();
        [file, out].map(|output| String::from_utf8(output).unwrap())
    }

    /// Bytes as tests write them: mostly those that mean something to XML, UTF-8 or a terminal.
    fn soup() -> impl Strategy<Value = String> {
        let special = prop::sample::select(
            b"<>&'\"]-!?/\0\t\n\r\x07\x08\x1b[]0;m\\\x7f\x80\xbe\xbf\xc2\xed\xef\xf0\xff".to_vec(),
        );
        prop_oneof![
            prop::collection::vec(special, 0..60).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            any::<String>(),
            prop::collection::vec(
                prop::sample::select(vec!['\u{fffd}', '\u{fffe}', '\u{ffff}', '\u{feff}', '\u{1ffff}']),
                0..9
            )
            .prop_map(|chars| chars.into_iter().collect()),
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_test_writes_the_xml_is_well_formed(soup in soup()) {
            for output in outputs(&soup) {
                sample::assert_well_formed(&output);
            }
        }
    }
}
