//! Finds in a test's output why it failed. Pure.

/// The message of a test that the terminal has stopped.
pub(super) const TERMINAL: &str = "it tried to use the terminal and was stopped: tests run in the background, where a \
                                   process may not read from the terminal or change its modes; give it a terminal of its own \
                                   (a pty) or none (`setsid`), or run it alone on a terminal with `-- --exact NAME \
                                   --nocapture`, which lends it the terminal";

/// Longer messages are cut: the output has them whole.
const LONGEST: usize = 4096;

/// Why a test came to what it came to, as far as its output tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reason {
    pub message: String,
    /// The place that its panic names, as the compiler wrote it down: `FILE:LINE:COLUMN`.
    pub place: Option<String>,
}

/// The test's last word: the error that it returned, or the message of its panic with its place.
pub(super) fn of_failure(test: &str, output: &str) -> Option<Reason> {
    let lines: Vec<&str> = output.lines().collect();
    let (panic, error) = (Panic::last(test, &lines), returned_error(&lines));
    let (message, place) = match (panic, error) {
        // What it caught is not what it failed with.
        (Some(panic), Some(error)) if panic.is_before(error) => (lines[error..].join("\n"), None),
        (Some(panic), _) => (panic.message(&lines), Some(panic.place.to_owned())),
        (None, Some(error)) => (lines[error..].join("\n"), None),
        (None, None) => (section(test, output)?, None),
    };
    Some(Reason { message: shorten(message.trim_end().to_owned()), place })
}

/// Where the last panic of the test's own thread was.
pub(super) fn place_of_panic(test: &str, output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().collect();
    Panic::all(&lines).rfind(|panic| panic.thread == test).map(|panic| panic.place.to_owned())
}

/// What a process said last of its death: the panic that aborted it (if it was `aborted` at all), or what the standard
/// library, the C library or a sanitizer has said.
pub(super) fn of_death(test: &str, output: &str, aborted: bool) -> Option<Reason> {
    let lines: Vec<&str> = output.lines().collect();
    let words = lines.iter().rposition(|line| is_last_word(line));
    let panic = Panic::last(test, &lines).filter(|panic| aborted && panic.ends_all(&lines));
    // One that must not unwind comes from within the standard library, and another one was before it.
    let of_tests = || Panic::all(&lines).rfind(|panic| panic.thread == test && !panic.is_of_core());
    let (message, place) = match (words, panic) {
        (Some(words), _) if CANNOT_UNWIND.contains(&lines[words]) => (lines[words].to_owned(), of_tests()),
        (Some(words), panic) if panic.as_ref().is_none_or(|panic| panic.line < words) => {
            (lines[words].trim().to_owned(), None)
        }
        (_, Some(panic)) => (panic.message(&lines), Some(panic)),
        _ => return None,
    };
    Some(Reason { message: shorten(message), place: place.map(|panic| panic.place.to_owned()) })
}

/// The panics that abort in any case.
const CANNOT_UNWIND: [&str; 2] = ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

/// Whether a line is one of those that are printed only by what ends the process.
fn is_last_word(line: &str) -> bool {
    let starts = [
        // The standard library.
        "fatal runtime error: ",
        "memory allocation of ",
        "thread panicked while processing panic",
        // The C library: its heap, its stack protector, its assertions.
        "free(): ",
        "malloc(): ",
        "malloc_consolidate(): ",
        "realloc(): ",
        "munmap_chunk(): ",
        "double free or corruption",
        "corrupted size vs. prev_size",
        "corrupted double-linked list",
        "*** stack smashing detected ***",
        "*** buffer overflow detected ***",
        "Fatal glibc error: ",
        "Assertion failed: ",
        // C++, and the sanitizers.
        "terminate called ",
        "libc++abi: ",
        "  what():  ",
        "SUMMARY: ",
    ];
    let is_assertion = line.contains(": Assertion `") && line.ends_with("' failed.");
    let is_sanitizer = line.starts_with("==") && line.contains("ERROR: ") && line.contains("Sanitizer: ");
    let has_start = starts.iter().any(|start| line.starts_with(start));
    let is_summary_of_another = line.starts_with("SUMMARY: ") && !line.contains("Sanitizer: ");
    let is_allocation = !line.starts_with("memory allocation of ") || line.ends_with(" bytes failed");
    CANNOT_UNWIND.contains(&line)
        || is_assertion
        || is_sanitizer
        || (has_start && is_allocation && !is_summary_of_another)
}

/// The message of a doctest's panic, the compiler's first error, or what rustdoc says. The place of a panic says nothing:
/// it is one in the program that rustdoc has made of the doctest.
pub(super) fn of_doctest(output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().collect();
    let panic = || Some(format!("panicked: {}", Panic::last("main", &lines)?.text(&lines)));
    let error = || output.lines().find(|line| line.starts_with("error"));
    let first = || output.lines().find(|line| !line.trim().is_empty());
    let message = panic().or_else(|| error().or_else(first).map(str::to_owned))?;
    Some(shorten(message))
}

/// `thread 'NAME' (ID) panicked at PLACE:`, and the lines after it up to the backtrace.
struct Panic<'a> {
    /// The number of that line.
    line: usize,
    thread: &'a str,
    place: &'a str,
    /// The number of the first line that is not its message's.
    end: usize,
}

impl<'a> Panic<'a> {
    fn all<'b>(lines: &'b [&'a str]) -> impl DoubleEndedIterator<Item = Self> + use<'a, 'b> {
        lines.iter().enumerate().filter_map(move |(line, text)| {
            let at = text.find("thread '")?;
            let (thread, rest) = text[at + "thread '".len()..].split_once('\'')?;
            let (_, place) = rest.split_once(" panicked at ")?;
            let message = lines[line + 1..].iter().take_while(|line| !is_end(line)).count();
            Some(Self { line, thread, place: place.strip_suffix(':').unwrap_or(place), end: line + 1 + message })
        })
    }

    /// The test's own thread counts before others; of several panics, the last one: earlier ones were caught.
    fn last(test: &str, lines: &[&'a str]) -> Option<Self> {
        let own = Self::all(lines).rfind(|panic| panic.thread == test);
        own.or_else(|| Self::all(lines).next_back())
    }

    fn text(&self, lines: &[&str]) -> String {
        lines[self.line + 1..self.end].join("\n").trim_end().to_owned()
    }

    fn message(&self, lines: &[&str]) -> String {
        format!("panicked at {}: {}", self.place, self.text(lines))
    }

    /// Whether the error on that line came after it. Where nothing ends its message, a message of one line is taken for
    /// whole, and longer ones may quote somebody's error.
    fn is_before(&self, error: usize) -> bool {
        error >= self.end || error == self.line + 2
    }

    /// Whether nothing was written after it, but for its backtrace.
    fn ends_all(&self, lines: &[&str]) -> bool {
        let is_its_own = |line: &&str| line.is_empty() || line.starts_with([' ', '\t']) || is_end(line);
        lines[self.end..].iter().all(is_its_own) && !lines[self.end..].iter().any(|line| line.contains("thread '"))
    }

    fn is_of_core(&self) -> bool {
        self.place.contains("library/core/src/panicking.rs:")
    }
}

/// What comes after the message of a panic.
fn is_end(line: &str) -> bool {
    line.starts_with("stack backtrace:")
        || line.starts_with("note: ") && line.contains("RUST_BACKTRACE")
        || line.contains("thread '")
}

/// The number of the line `Error: ...`, which the harness prints for a test that returns `Err`: the last thing in its
/// output.
fn returned_error(lines: &[&str]) -> Option<usize> {
    lines.iter().rposition(|line| line.starts_with("Error: "))
}

/// What stands below `---- NAME ----`, where harnesses that imitate libtest put the reasons of failures.
fn section(test: &str, output: &str) -> Option<String> {
    let head = format!("---- {test} ----\n");
    let (_, text) = output.split_once(&head)?;
    let end = text.find("\n\n").unwrap_or(text.len());
    Some(text[..end].trim_end().to_owned()).filter(|message| !message.is_empty())
}

fn shorten(mut message: String) -> String {
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rfind(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

    fn message(test: &str, output: &str) -> String {
        of_failure(test, output).unwrap().message
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_all_lines_of_its_message() {
        let output = format!("before\n\nthread 'a::b' (17) panicked at src/lib.rs:3:23:\nboom\n  left: 1\n{NOTE}");
        let Reason { message, place } = of_failure("a::b", &output).unwrap();
        assert_eq!(message, "panicked at src/lib.rs:3:23: boom\n  left: 1");
        assert_eq!(place.as_deref(), Some("src/lib.rs:3:23"));
    }

    fn panic(thread: &str, text: &str) -> String {
        format!("thread '{thread}' panicked at x.rs:1:1:\n{text}\n")
    }

    #[test]
    fn the_tests_own_thread_counts_before_others_and_the_last_panic_before_earlier_ones() {
        let panic = |thread: &str, text: &str| panic(thread, text) + "stack backtrace:\n  0: x\n";
        let output = panic("t", "caught") + &panic("t", "own") + &panic("other", "foreign");
        assert_eq!(message("t", &output), "panicked at x.rs:1:1: own");
        assert_eq!(message("u", &output), "panicked at x.rs:1:1: foreign");
    }

    #[test]
    fn a_returned_error_is_told() {
        assert_eq!(message("t", "noise\nError: \"bad\"\n"), "Error: \"bad\"");
        let chain = "Error: top\n\nCaused by:\n    Error: below\n";
        assert_eq!(message("t", chain), chain.trim_end());
        assert_eq!(of_failure("t", "no Error: here\n"), None);
        assert_eq!(of_failure("t", ""), None);
    }

    #[test]
    fn a_returned_error_is_the_last_word_after_a_panic_that_was_caught() {
        let error = "Error: \"the error\"";
        let caught = [
            panic("t", "caught") + NOTE,
            panic("t", "caught") + "stack backtrace:\n   0: x\n             at ./src/lib.rs:1:1\n",
            panic("t", "caught") + NOTE + &panic("t", "caught, too"),
            panic("t", "two\nlines") + NOTE,
            panic("other", "caught by joining") + NOTE,
        ];
        for caught in caught {
            let reason = of_failure("t", &format!("{caught}{error}\n")).unwrap();
            assert_eq!((reason.message.as_str(), reason.place), (error, None), "{caught}");
        }
        // What was printed before a panic is not what it failed with, nor what its message quotes.
        assert_eq!(message("t", &(error.to_owned() + "\n" + &panic("t", "own") + NOTE)), "panicked at x.rs:1:1: own");
        let quoted = panic("t", "it said:\n```\nError: no\n```") + NOTE;
        assert_eq!(message("t", &quoted), "panicked at x.rs:1:1: it said:\n```\nError: no\n```");
    }

    #[test]
    fn a_death_is_told_with_its_last_words() {
        let twice = format!(
            "{}{NOTE}{}stack backtrace:\n   0: x\n\nthread 't' (1) panicked at /rustc/5980/library/core/src/panicking.rs:233:5:\n{}",
            panic("t", "first"),
            panic("t", "in drop").replace("x.rs:1:1", "x.rs:2:2"),
            "panic in a destructor during cleanup\nthread caused non-unwinding panic. aborting.\n"
        );
        let told = |output: &str| of_death("t", output, true).map(|reason| reason.message).unwrap_or_default();
        assert_eq!(told(&twice), "panic in a destructor during cleanup");
        assert_eq!(of_death("t", &twice, true).unwrap().place.as_deref(), Some("x.rs:2:2"));
        let overflow = "\nthread 't' (15) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n";
        assert_eq!(told(overflow), "fatal runtime error: stack overflow, aborting");
        let assertion = "x-1f: lib.c:12: main: Assertion `x == 1' failed.";
        let sanitizer = "SUMMARY: AddressSanitizer: heap-use-after-free x.c:3 in f";
        for words in [
            "memory allocation of 17 bytes failed",
            "free(): double free detected in tcache 2",
            "double free or corruption (out)",
            "*** stack smashing detected ***: terminated",
            assertion,
            sanitizer,
        ] {
            assert_eq!(told(&format!("noise\n{words}\n{NOTE}")), words);
        }
        assert_eq!(told("memory allocation of buffers is done\nSUMMARY: 3 files\nall is well\n"), "");
    }

    #[test]
    fn a_panic_is_why_a_process_was_aborted_and_not_what_was_caught_before() {
        let output = panic("t", "boom") + NOTE;
        let Reason { message, place } = of_death("t", &output, true).unwrap();
        assert_eq!((message.as_str(), place.as_deref()), ("panicked at x.rs:1:1: boom", Some("x.rs:1:1")));
        assert_eq!(of_death("t", &output, false), None);
        assert_eq!(of_death("t", &(output + "went on\n"), true), None);
    }

    #[test]
    fn a_doctest_fails_with_its_panic_or_a_compilers_error_or_what_rustdoc_says() {
        let panic = "Test executable failed (exit status: 101).\n\nstderr:\n\nthread 'main' (9) panicked at \
                     /tmp/x/doctest_bundle_2024.rs:39:1:\nboom: 1\n  left: 1\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(of_doctest(panic).unwrap(), "panicked: boom: 1\n  left: 1");
        let compiler =
            "warning: unused\nerror[E0308]: mismatched types\n --> src/lib.rs:1:1\nCouldn't compile the test.";
        assert_eq!(of_doctest(compiler).unwrap(), "error[E0308]: mismatched types");
        let said = "Test executable succeeded, but it's marked `should_panic`.";
        assert_eq!(of_doctest(said).unwrap(), said);
        assert_eq!(of_doctest("\n"), None);
    }

    #[test]
    fn the_reason_that_a_harness_gives_at_the_end_is_told() {
        let output = "test t ... FAILED\n\nfailures:\n\n---- t ----\nfirst\nsecond\n\n\nfailures:\n    t\n";
        assert_eq!(message("t", output), "first\nsecond");
    }
}
