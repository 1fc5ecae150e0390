//! Generated tests: one test for libtest, any number of cases for `cargo ptest`.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::limit;
use super::os;
use super::process::{Process, Role};
use super::test::{Test, drive};
use crate::wire::record::Record;

/// What the body of a generated test may return.
pub trait CaseResult {
    fn into_result(self) -> Result<(), String>;
}

impl CaseResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Debug> CaseResult for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Runs a test with each case that its generator gives, or with the one that this process is for.
///
/// The generator runs in several processes, once for the list of cases and once for each that runs; so what it gives
/// must be the same each time.
#[track_caller]
pub fn run_cases<I, T, R: CaseResult>(annotation: &'static [u8], generate: impl FnOnce() -> I, body: impl Fn(&T) -> R)
where
    I: IntoIterator<Item = (String, T)>,
{
    let process = Process::get();
    let mut generate = Some(generate);
    if let Role::Cases = process.role {
        let mut count = 0;
        for (name, _) in generate.take().into_iter().flat_map(|generate| generate()) {
            if let Some(problem) = problem(&name) {
                // Its last line is what the listing tells.
                os::write_stderr(&format!("{}: {problem}\n", Test::of(annotation).path()));
                std::process::exit(1);
            }
            process.say(&Record::Case { name });
            count += 1;
        }
        process.say(&Record::CasesEnd { count });
        // The test that this process was started with has no end.
        std::process::exit(0);
    }
    let wanted = match &process.role {
        Role::Worker { case } => case.as_deref(),
        _ => None,
    };
    drive(Test::of(annotation), &mut || {
        let (mut count, mut failed) = (0, Vec::new());
        for (name, case) in generate.take().into_iter().flat_map(|generate| generate()) {
            if wanted.is_some_and(|wanted| wanted != name) {
                continue;
            }
            count += 1;
            if let Some(problem) = problem(&name) {
                failed.push(problem);
                continue;
            }
            let result = catch_unwind(AssertUnwindSafe(|| body(&case).into_result()));
            if let Err(message) = result.unwrap_or_else(|payload| Err(limit::message(&*payload))) {
                failed.push(format!("{name}: {message}"));
            }
        }
        match (wanted, &failed[..]) {
            (Some(wanted), _) if count == 0 => {
                Err(format!("the generator gives no case {wanted} this time: it has to give the same ones each time"))
            }
            (None, []) if count == 0 => Err("the generator gives no cases".to_owned()),
            (_, []) => Ok(()),
            (Some(_), [failure, ..]) => Err(failure.clone()),
            (None, failures) => Err(format!("{} of {count} failed: {}", failures.len(), failures.join("; "))),
        }
    });
}

/// How long a case's name may be, in bytes: it goes through a pipe, and stands in a line of a report.
const LONGEST: usize = 512;

/// Why a case cannot have this name.
fn problem(name: &str) -> Option<String> {
    let why = match name {
        "" => "no name at all",
        _ if name.len() > LONGEST => "a name that is too long",
        _ if name.chars().any(char::is_control) => "a name with a line break or another control character in it",
        _ => return None,
    };
    let begin: String = name.chars().take(40).collect();
    Some(format!(
        "the generator gives a case {why}, {begin:?}: name each with at most {LONGEST} bytes of plain text, such as a number \
         or the name of a file"
    ))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, problem};

    #[test]
    fn names_that_no_report_can_show_are_refused() {
        assert_eq!(problem("n3 \u{e4} [x] a/b.json"), None);
        assert_eq!(problem(&"x".repeat(LONGEST)), None);
        assert!(problem(&"x".repeat(LONGEST + 1)).unwrap().contains("too long"));
        for name in ["a\nb", "\u{2}", "\u{1b}[1m", "a\u{1f}"] {
            assert!(problem(name).unwrap().contains("control character"), "{name:?}");
        }
        assert!(problem("").unwrap().contains("no name"));
    }
}
