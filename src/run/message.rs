//! Finds in a test's output why it failed. Pure.

/// The message of a test that was ended from the keyboard.
pub(super) const BY_HAND: &str = "ended by hand";

/// The message of a test that the terminal has stopped.
pub(super) const TERMINAL: &str = "it wants the terminal, and was stopped by it: tests run in the background, where nobody \
                                   may read from a terminal or change its modes; give it a terminal of its own (a pty), or \
                                   none (`setsid`)";

/// Longer messages are cut: the output has them whole.
const LONGEST: usize = 4096;

/// The message of the test's panic with its place, or of the error that it returned.
pub(super) fn of_failure(test: &str, output: &str) -> Option<String> {
    let message = panic(test, output).or_else(|| returned_error(output)).or_else(|| section(test, output))?;
    Some(shorten(message))
}

/// The message of a doctest's panic, the compiler's first error, or what rustdoc says. The place of a panic says nothing:
/// it is one in the program that rustdoc has made of the doctest.
pub(super) fn of_doctest(output: &str) -> Option<String> {
    let panic = || Some(format!("panicked: {}", panic("main", output)?.split_once(": ")?.1));
    let error = || output.lines().find(|line| line.starts_with("error"));
    let first = || output.lines().find(|line| !line.trim().is_empty());
    let message = panic().or_else(|| error().or_else(first).map(str::to_owned))?;
    Some(shorten(message))
}

/// `thread 'NAME' (ID) panicked at PLACE:`, and the lines after it up to the backtrace. The test's own thread counts
/// before others; of several panics, the last one: earlier ones were caught.
fn panic(test: &str, output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().collect();
    let panics: Vec<(usize, &str, &str)> = lines
        .iter()
        .enumerate()
        .filter_map(|(number, line)| {
            let at = line.find("thread '")?;
            let (thread, rest) = line[at + "thread '".len()..].split_once('\'')?;
            let (_, place) = rest.split_once(" panicked at ")?;
            Some((number, thread, place.strip_suffix(':').unwrap_or(place)))
        })
        .collect();
    let own = panics.iter().rfind(|(_, thread, _)| *thread == test);
    let (number, _, place) = own.or(panics.last())?;
    let is_end = |line: &&&str| {
        line.starts_with("stack backtrace:")
            || line.starts_with("note: run with `RUST_BACKTRACE")
            || line.contains("thread '")
    };
    let message: Vec<&str> = lines[number + 1..].iter().take_while(|line| !is_end(line)).copied().collect();
    Some(format!("panicked at {place}: {}", message.join("\n").trim_end()))
}

/// `Error: ...`, which the harness prints for a test that returns `Err`: the last thing in its output.
fn returned_error(output: &str) -> Option<String> {
    let at = output.rfind("Error: ")?;
    let begins_line = at == 0 || output[..at].ends_with('\n');
    begins_line.then(|| output[at..].trim_end().to_owned())
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

    #[test]
    fn a_panic_is_told_with_its_place_and_all_lines_of_its_message() {
        let output = "before\n\nthread 'a::b' (17) panicked at src/lib.rs:3:23:\nboom\n  left: 1\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(of_failure("a::b", output).unwrap(), "panicked at src/lib.rs:3:23: boom\n  left: 1");
    }

    #[test]
    fn the_tests_own_thread_counts_before_others_and_the_last_panic_before_earlier_ones() {
        let panic = |thread: &str, text: &str| {
            format!("thread '{thread}' panicked at x.rs:1:1:\n{text}\nstack backtrace:\n  0: x\n")
        };
        let output = panic("t", "caught") + &panic("t", "own") + &panic("other", "foreign");
        assert_eq!(of_failure("t", &output).unwrap(), "panicked at x.rs:1:1: own");
        assert_eq!(of_failure("u", &output).unwrap(), "panicked at x.rs:1:1: foreign");
    }

    #[test]
    fn a_returned_error_is_told() {
        assert_eq!(of_failure("t", "noise\nError: \"bad\"\n").unwrap(), "Error: \"bad\"");
        assert_eq!(of_failure("t", "no Error: here\n"), None);
        assert_eq!(of_failure("t", ""), None);
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
        assert_eq!(of_failure("t", output).unwrap(), "first\nsecond");
    }
}
