//! Records: what a process says of its fixtures, in the same stream as its tests' output, so that their order tells
//! which output belongs to which of them.
//!
//! A record is written by one call and is shorter than a pipe takes at once, so nothing is ever between its bytes. It
//! begins with a token that only the process and its reader know:
//!
//! ```text
//! \x02ptest:TOKEN \x1f setup-finished \x1f orders \x1f 1500 \x03\n
//! ```

use std::time::Duration;

use super::{BEGIN, END, FIELD, Parts};

/// Something that happened to a fixture. Contexts are named by their module path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The setup may take so long; it sees to that itself, unless it takes the whole process with it.
    SetupStarted {
        context: String,
        limit: Duration,
    },
    SetupFinished {
        context: String,
        duration: Duration,
    },
    SetupFailed {
        context: String,
        failure: Failure,
    },
    /// The running test does not run, since the setup of a context that it belongs to had failed before.
    NotSetUp {
        context: String,
    },
    /// The running test was the context's last one here. `passed`: what its body came to, if this is a test's process.
    TeardownStarted {
        context: String,
        limit: Duration,
        passed: bool,
    },
    TeardownFinished {
        context: String,
        duration: Duration,
    },
    TeardownFailed {
        context: String,
        failure: Failure,
    },
    /// A generated test has a case of this name.
    Case {
        name: String,
    },
    /// That were all cases.
    CasesEnd {
        count: u64,
    },
    /// A case of the generated test that runs is over.
    CaseEnded {
        test: String,
        name: String,
        passed: bool,
    },
    /// There are no more of them to come.
    CasesOver {
        test: String,
    },
    /// What comes now is from the function that is called; before that it was libtest that spoke.
    CallBegan,
}

/// Why, and after which time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub message: String,
    pub duration: Duration,
    /// It had no end within its limit.
    pub timed_out: bool,
}

/// The longest text of a message, in bytes: a pipe takes 4096 bytes at once on Linux, and that is for all of a record.
const LONGEST: usize = 2048;

/// The longest name of a context or a case. Those that there are are shorter.
const LONGEST_NAME: usize = 1024;

/// [`FIELD`], which is one byte.
const SEPARATOR: u8 = FIELD as u8;

impl Record {
    /// The bytes to write, in one call.
    #[must_use]
    pub fn encode(&self, token: &str) -> Vec<u8> {
        let mut line = Line(opening(token));
        match self {
            Self::SetupStarted { context, limit } => line.kind("setup-started").name(context).micros(limit),
            Self::SetupFinished { context, duration } => line.kind("setup-finished").name(context).micros(duration),
            Self::SetupFailed { context, failure } => line.kind("setup-failed").name(context).failure(failure),
            Self::NotSetUp { context } => line.kind("not-set-up").name(context),
            Self::TeardownStarted { context, limit, passed } => {
                line.kind("teardown-started").name(context).micros(limit).flag(*passed)
            }
            Self::TeardownFinished { context, duration } => {
                line.kind("teardown-finished").name(context).micros(duration)
            }
            Self::TeardownFailed { context, failure } => line.kind("teardown-failed").name(context).failure(failure),
            Self::Case { name } => line.kind("case").name(name),
            Self::CasesEnd { count } => line.kind("cases-end").number((*count).into()),
            Self::CaseEnded { test, name, passed } => line.kind("case-ended").name(test).name(name).flag(*passed),
            Self::CasesOver { test } => line.kind("cases-over").name(test),
            Self::CallBegan => line.kind("call-began"),
        };
        line.0.extend_from_slice(&[END, b'\n']);
        line.0
    }

    /// Reads what stands between the token and the end.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = Parts::of(text, FIELD);
        let kind = fields.next()?;
        let mut next = || Some(fields.next()?.to_owned());
        let record = match kind {
            "setup-started" => Self::SetupStarted { context: next()?, limit: duration(&next()?)? },
            "setup-finished" => Self::SetupFinished { context: next()?, duration: duration(&next()?)? },
            "setup-failed" => Self::SetupFailed { context: next()?, failure: failure(&mut next)? },
            "not-set-up" => Self::NotSetUp { context: next()? },
            "teardown-started" => {
                Self::TeardownStarted { context: next()?, limit: duration(&next()?)?, passed: next()? == "true" }
            }
            "teardown-finished" => Self::TeardownFinished { context: next()?, duration: duration(&next()?)? },
            "teardown-failed" => Self::TeardownFailed { context: next()?, failure: failure(&mut next)? },
            "case" => Self::Case { name: next()? },
            "cases-end" => Self::CasesEnd { count: next()?.parse().ok()? },
            "case-ended" => Self::CaseEnded { test: next()?, name: next()?, passed: next()? == "true" },
            "cases-over" => Self::CasesOver { test: next()? },
            "call-began" => Self::CallBegan,
            _ => return None,
        };
        Some(record)
    }
}

fn opening(token: &str) -> Vec<u8> {
    let mut bytes = vec![BEGIN];
    bytes.extend_from_slice(format!("ptest:{token}{FIELD}").as_bytes());
    bytes
}

/// A record that is being written: the fields behind its opening, each but the kind with a separator before it.
struct Line(Vec<u8>);

impl Line {
    fn kind(&mut self, kind: &str) -> &mut Self {
        self.0.extend_from_slice(kind.as_bytes());
        self
    }

    /// Of a context, a test or a case.
    fn name(&mut self, name: &str) -> &mut Self {
        self.text(name, LONGEST_NAME)
    }

    /// The text without what has a meaning here, and not too long.
    fn text(&mut self, text: &str, longest: usize) -> &mut Self {
        let mut end = text.len().min(longest);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push(SEPARATOR);
        for byte in &text.as_bytes()[..end] {
            self.0.push(if matches!(*byte, BEGIN | END | SEPARATOR) { b' ' } else { *byte });
        }
        if end < text.len() {
            self.0.extend_from_slice(b" [...]");
        }
        self
    }

    fn number(&mut self, number: u128) -> &mut Self {
        self.text(&number.to_string(), LONGEST_NAME)
    }

    fn micros(&mut self, duration: &Duration) -> &mut Self {
        self.number(duration.as_micros())
    }

    fn flag(&mut self, flag: bool) -> &mut Self {
        self.text(if flag { "true" } else { "false" }, LONGEST_NAME)
    }

    fn failure(&mut self, failure: &Failure) -> &mut Self {
        self.text(&failure.message, LONGEST).micros(&failure.duration).flag(failure.timed_out)
    }
}

fn failure(next: &mut dyn FnMut() -> Option<String>) -> Option<Failure> {
    Some(Failure { message: next()?, duration: duration(&next()?)?, timed_out: next()? == "true" })
}

fn duration(text: &str) -> Option<Duration> {
    Some(Duration::from_micros(text.parse().ok()?))
}

/// Takes the records out of a stream that arrives in pieces.
#[derive(Debug)]
pub struct Splitter {
    opening: Vec<u8>,
    /// What may be the beginning of a record.
    kept: Vec<u8>,
}

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(Vec<u8>),
    Record(Record),
}

/// A record is never longer than this; what looks like one and goes on is text.
const LONGEST_RECORD: usize = 4 * LONGEST;

impl Splitter {
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self { opening: opening(token), kept: Vec::new() }
    }

    /// Takes in the next bytes, gives what they make whole.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Piece> {
        // Nearly all bytes are plain output.
        let mut pieces = Vec::new();
        if self.kept.is_empty() && !bytes.contains(&BEGIN) {
            push_text(&mut pieces, bytes);
            return pieces;
        }
        self.kept.extend_from_slice(bytes);
        let mut text = 0;
        let mut at = 0;
        while let Some(before) = length_before(BEGIN, &self.kept[at..]) {
            let begin = at + before;
            match self.record_at(begin) {
                Found::Record(record, end) => {
                    push_text(&mut pieces, &self.kept[text..begin]);
                    pieces.push(Piece::Record(record));
                    (text, at) = (end, end);
                }
                Found::Nothing => at = begin + 1,
                Found::Beginning => {
                    push_text(&mut pieces, &self.kept[text..begin]);
                    self.kept.drain(..begin);
                    return pieces;
                }
            }
        }
        push_text(&mut pieces, &self.kept[text..]);
        self.kept.clear();
        pieces
    }

    /// The stream has ended: what was kept is text after all.
    pub fn end(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    fn record_at(&self, begin: usize) -> Found {
        let rest = &self.kept[begin..];
        if rest.len() < self.opening.len() {
            return if self.opening.starts_with(rest) { Found::Beginning } else { Found::Nothing };
        }
        if !rest.starts_with(&self.opening) {
            return Found::Nothing;
        }
        // The newline belongs to it.
        let end = match length_before(END, rest) {
            Some(end) if end + 1 < rest.len() => end,
            _ => return if rest.len() > LONGEST_RECORD { Found::Nothing } else { Found::Beginning },
        };
        let Ok(text) = str::from_utf8(&rest[self.opening.len()..end]) else { return Found::Nothing };
        match Record::parse(text) {
            Some(record) => Found::Record(record, begin + end + 1 + usize::from(rest[end + 1] == b'\n')),
            None => Found::Nothing,
        }
    }
}

enum Found {
    /// A whole record, and where it ends.
    Record(Record, usize),
    /// It may become one.
    Beginning,
    Nothing,
}

/// How many bytes there are before the first such one.
fn length_before(wanted: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_records() -> Vec<Record> {
        let (context, limit, duration) = ("a::b".to_owned(), Duration::from_secs(2), Duration::from_micros(1500));
        let failure = Failure { message: "said\nwhy".into(), duration, timed_out: true };
        vec![
            Record::SetupStarted { context: context.clone(), limit },
            Record::SetupFinished { context: context.clone(), duration },
            Record::SetupFailed { context: context.clone(), failure: failure.clone() },
            Record::NotSetUp { context: context.clone() },
            Record::TeardownStarted { context: context.clone(), limit, passed: true },
            Record::TeardownFinished { context: context.clone(), duration },
            Record::TeardownFailed { context, failure },
            Record::Case { name: "n3".into() },
            Record::CasesEnd { count: 5 },
            Record::CaseEnded { test: "m::t".into(), name: "n3".into(), passed: false },
            Record::CasesOver { test: "m::t".into() },
            Record::CallBegan,
        ]
    }

    #[test]
    fn records_are_found_in_the_middle_of_text_however_it_is_cut() {
        let mut stream = b"test a ... begin\x02ptest:other\x1fcase\x1fx\x03\n".to_vec();
        for record in all_records() {
            stream.extend(record.encode("t1"));
            stream.extend(b"out");
        }
        for size in 1..40 {
            let mut splitter = Splitter::new("t1");
            let pieces = stream.chunks(size).flat_map(|chunk| splitter.read(chunk)).collect::<Vec<_>>();
            let records = pieces.iter().filter_map(|it| match it {
                Piece::Record(record) => Some(record.clone()),
                Piece::Text(_) => None,
            });
            assert_eq!(records.collect::<Vec<_>>(), all_records(), "in pieces of {size}");
            let text = pieces.iter().filter_map(|it| match it {
                Piece::Text(text) => Some(text.clone()),
                Piece::Record(_) => None,
            });
            let text = [text.flatten().collect::<Vec<u8>>(), splitter.end()].concat();
            let expected =
                format!("test a ... begin\x02ptest:other\x1fcase\x1fx\x03\n{}", "out".repeat(all_records().len()));
            assert_eq!(String::from_utf8(text).unwrap(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_message_has_no_end_of_a_record_and_is_not_too_long() {
        let failure = Failure { message: "\x03\x1f".repeat(5000), duration: Duration::ZERO, timed_out: false };
        let bytes = Record::SetupFailed { context: "c".into(), failure }.encode("t");
        assert!(bytes.len() < 4096);
        assert!(matches!(&Splitter::new("t").read(&bytes)[..], [Piece::Record(Record::SetupFailed { .. })]));
        let failure = Failure { message: "x".repeat(9000), duration: Duration::MAX, timed_out: false };
        assert!(Record::SetupFailed { context: "c".repeat(9000), failure }.encode(&"t".repeat(64)).len() < 4096);
    }

    #[test]
    fn what_only_looks_like_a_record_is_text() {
        let mut splitter = Splitter::new("t");
        let text = [b"\x02ptest:t\x1f".to_vec(), vec![b'x'; 10_000]].concat();
        let pieces = splitter.read(&text);
        assert_eq!(pieces, [Piece::Text(text)]);
    }
}
