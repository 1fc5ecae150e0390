//! Which tests this process runs: what libtest makes of its arguments, made once more. Pure.
//!
//! There is no other way to know that a test is the last one of its context. Should libtest ever select otherwise, the
//! context is torn down at the end of the process instead.

/// What libtest's arguments select.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    ignored: Ignored,
    /// How many tests may run at once, if that is said.
    threads: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ignored {
    #[default]
    LeftOut,
    Only,
    Included,
}

/// libtest's other options that take a value, which may stand in the next argument.
const WITH_VALUE: [&str; 5] = ["--logfile", "--color", "--format", "-Z", "--shuffle-seed"];

impl Selection {
    pub(super) fn of(arguments: &[String]) -> Self {
        let mut selection = Self::default();
        let (mut only, mut included) = (false, false);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => selection.exact = true,
                "--ignored" => only = true,
                "--include-ignored" => included = true,
                "--skip" => {
                    if let Some(skipped) = arguments.next() {
                        selection.skips.push(skipped.clone());
                    }
                }
                "--" => {
                    for filter in arguments.by_ref() {
                        selection.filters.push(filter.clone());
                    }
                }
                "--test-threads" => selection.threads = arguments.next().cloned(),
                argument if WITH_VALUE.contains(&argument) => drop(arguments.next()),
                argument => match argument.split_once('=') {
                    Some(("--skip", skipped)) => selection.skips.push(skipped.to_owned()),
                    Some(("--test-threads", threads)) => selection.threads = Some(threads.to_owned()),
                    _ if argument.starts_with('-') && argument != "-" => {}
                    _ => selection.filters.push(argument.to_owned()),
                },
            }
        }
        selection.ignored = match (only, included) {
            (_, true) => Ignored::Included,
            (true, false) => Ignored::Only,
            (false, false) => Ignored::LeftOut,
        };
        selection
    }

    /// How many tests libtest runs at once, if that is said here or by the value of `RUST_TEST_THREADS`.
    pub(super) fn threads(&self, variable: Option<String>) -> Option<String> {
        self.threads.clone().or(variable)
    }

    /// Whether a test of this name runs.
    pub(super) fn takes(&self, name: &str, is_ignored: bool) -> bool {
        let wanted = match self.ignored {
            Ignored::LeftOut => !is_ignored,
            Ignored::Only => is_ignored,
            Ignored::Included => true,
        };
        wanted && (self.filters.is_empty() || self.matches(name, &self.filters)) && !self.matches(name, &self.skips)
    }

    fn matches(&self, name: &str, filters: &[String]) -> bool {
        for filter in filters {
            let matches = if self.exact { name == filter } else { name.contains(filter.as_str()) };
            if matches {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(arguments: &str) -> Vec<&'static str> {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let selection = Selection::of(&arguments);
        let tests = [("a::one", false), ("a::two", true), ("b::one", false)];
        tests.iter().filter(|(name, ignored)| selection.takes(name, *ignored)).map(|(name, _)| *name).collect()
    }

    #[test]
    fn filters_skips_and_ignore_are_read_as_libtest_reads_them() {
        assert_eq!(taken(""), ["a::one", "b::one"]);
        assert_eq!(taken("one"), ["a::one", "b::one"]);
        assert_eq!(taken("one --exact"), [""; 0]);
        assert_eq!(taken("a::one --exact b::one"), ["a::one", "b::one"]);
        assert_eq!(taken("--skip a::"), ["b::one"]);
        assert_eq!(taken("--skip=one --include-ignored"), ["a::two"]);
        assert_eq!(taken("--exact --skip one"), ["a::one", "b::one"]);
        assert_eq!(taken("--ignored"), ["a::two"]);
        assert_eq!(taken("--include-ignored a::"), ["a::one", "a::two"]);
        assert_eq!(taken("-- --exact"), [""; 0]);
    }

    #[test]
    fn the_number_of_threads_is_that_of_the_arguments_else_that_of_the_environment() {
        let threads = |arguments: &str, variable: Option<&str>| {
            let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
            Selection::of(&arguments).threads(variable.map(str::to_owned))
        };
        assert_eq!(threads("--test-threads 20 a", Some("3")).as_deref(), Some("20"));
        assert_eq!(threads("a --test-threads=20", None).as_deref(), Some("20"));
        assert_eq!(threads("--skip --test-threads=20", Some("3")).as_deref(), Some("3"));
        assert_eq!(threads("-- --test-threads=20", None), None);
    }

    #[test]
    fn the_value_of_an_option_is_no_filter() {
        assert_eq!(taken("--test-threads 1 --logfile b --color=never -Z unstable-options -q a::"), ["a::one"]);
    }
}
