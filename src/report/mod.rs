//! Tells people and machines what happens: one file a format, each a [`Reporter`] that listens to events.

pub mod afterwards;
mod brief;
mod control;
mod diagnosis;
mod file;
mod github;
mod html;
mod journal;
mod json;
mod junit;
mod levels;
mod libtest;
mod live;
mod outstanding;
mod record;
mod repeats;
mod rerun;
mod runs;
mod setups;
mod slowest;
mod styles;
mod summary;
mod terminal;
mod trace;

use std::io::{BufWriter, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::event::{Event, Reporter, Show};
use crate::tty::Stderr;
use journal::Written;

pub use control::{json as visible_json, line, tame};
pub use file::check_places;
pub use github::Options as GithubOptions;
pub use junit::Output as JunitOutput;
pub use levels::{FinalStatusLevel, Levels, OutputWhen, StatusLevel};
pub use live::Progress;
pub use outstanding::outstanding;
pub use runs::Runs;
pub use terminal::{Options as TerminalOptions, Verbosity};

/// What the report stage needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub stdout: Stdout,
    /// Where the JUnit file goes.
    pub junit: Option<Utf8PathBuf>,
    /// What JUnit says of what tests wrote, in the file and on stdout.
    pub junit_output: JunitOutput,
    /// Where the trace goes.
    pub trace: Option<Utf8PathBuf>,
    /// Annotations and a summary for GitHub, if it is there to read them.
    pub github: Option<GithubOptions>,
    /// Where the page for the browser goes.
    pub html: Option<Utf8PathBuf>,
    pub terminal: TerminalOptions,
}

impl Options {
    /// The files that are to be written, by their options.
    pub fn files(&self) -> Vec<(&'static str, &Utf8Path)> {
        named(self.junit.as_deref(), self.html.as_deref(), self.trace.as_deref())
    }
}

fn named<'a>(
    junit: Option<&'a Utf8Path>,
    html: Option<&'a Utf8Path>,
    trace: Option<&'a Utf8Path>,
) -> Vec<(&'static str, &'a Utf8Path)> {
    let files = [("--junit", junit), ("--html", html), ("--trace", trace)];
    files.into_iter().filter_map(|(option, path)| Some((option, path?))).collect()
}

/// What is written to stdout; what people read goes to stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Stdout {
    /// Nothing on stdout
    #[default]
    Human,
    /// One JSON object per line, for each event
    Json,
    /// One JUnit testsuite, each case written when its result arrives
    Junit,
    /// The output of test binaries with `--format json`, binary by binary
    LibtestJson,
}

/// All reporters that were asked for.
pub struct Reporters<'a>(Vec<Box<dyn Reporter + 'a>>);

impl<'a> Reporters<'a> {
    /// One more that listens.
    pub fn push(&mut self, reporter: impl Reporter + 'a) {
        self.0.push(Box::new(reporter));
    }
}

/// Opens the reporters of a run. The journal, which the files are made from, lies among those of earlier `runs`.
pub fn open(options: &Options, runs: &Runs, run: &str) -> Result<Reporters<'static>> {
    let journal = journal::Journal::create(runs, run)?;
    let written = journal.written();
    // The journal comes first: the others may read what it has just written.
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(journal)];
    reporters.push(Box::new(terminal::Terminal::new(options.terminal.clone(), Stderr::new())));
    match options.stdout {
        Stdout::Human => {}
        Stdout::Json => reporters.push(Box::new(json::Json::new(std::io::stdout()))),
        Stdout::LibtestJson => {
            let out = BufWriter::new(std::io::stdout());
            reporters.push(Box::new(libtest::LibtestJson::new(
                out,
                options.terminal.levels.success_output != OutputWhen::Never,
            )));
        }
        Stdout::Junit => {
            let out = BufWriter::new(std::io::stdout());
            reporters.push(Box::new(junit::JunitStream::new(out, options.junit_output)));
        }
    }
    if let Some(github) = &options.github {
        reporters.push(Box::new(github::Github::new(github.clone(), Stderr::new())));
    }
    if let Some(junit) = &options.junit {
        reporters.push(Box::new(junit::JunitFile::create(junit, options.junit_output, &written)?));
    }
    if let Some(trace) = &options.trace {
        reporters.push(Box::new(trace::TraceFile::create(trace, &written)?));
    }
    if let Some(html) = &options.html {
        reporters.push(Box::new(html::HtmlFile::create(html, &written)?));
    }
    Ok(Reporters(reporters))
}

/// Before anything else is done: what the last run left in the place of a file must not be taken for this one's.
pub fn begin(options: &Options) -> Result<()> {
    let none = Written::at(Utf8Path::new(""));
    if let Some(path) = &options.junit {
        junit::JunitFile::create(path, options.junit_output, &none)?;
    }
    if let Some(path) = &options.trace {
        trace::TraceFile::create(path, &none)?;
    }
    if let Some(path) = &options.html {
        html::HtmlFile::create(path, &none)?;
    }
    Ok(())
}

/// It has not come to a run. The file says so already; the stream is a document, too, however short.
pub fn nothing_ran(options: &Options) -> Result<()> {
    match options.stdout {
        Stdout::Junit => junit::JunitStream::new(std::io::stdout(), options.junit_output).finish(),
        Stdout::Human | Stdout::Json | Stdout::LibtestJson => Ok(()),
    }
}

impl Reporter for Reporters<'_> {
    fn event(&mut self, event: &Event) -> Result<()> {
        all(&mut self.0, |it| it.event(event))
    }

    fn flush(&mut self) -> Result<()> {
        all(&mut self.0, |it| it.flush())
    }

    fn finish(&mut self) -> Result<()> {
        all(&mut self.0, |it| it.finish())
    }

    fn pulse(&self) -> Duration {
        self.0.iter().map(|it| it.pulse()).min().unwrap_or(Duration::from_secs(1))
    }

    fn show(&mut self, wanted: &Show) -> Result<()> {
        all(&mut self.0, |it| it.show(wanted))
    }

    fn suspend(&mut self) -> Result<()> {
        all(&mut self.0, |it| it.suspend())
    }

    fn lend_terminal(&mut self, lent: bool) -> Result<()> {
        all(&mut self.0, |it| it.lend_terminal(lent))
    }

    fn resume(&mut self) {
        self.0.iter_mut().for_each(|it| it.resume());
    }
}

/// One reporter's failure keeps nothing from the others; the first one is told.
fn all<'a>(
    reporters: &mut [Box<dyn Reporter + 'a>],
    tell: impl FnMut(&mut Box<dyn Reporter + 'a>) -> Result<()>,
) -> Result<()> {
    let results: Vec<Result<()>> = reporters.iter_mut().map(tell).collect();
    results.into_iter().collect()
}

/// Writes one event as one line of JSON, with the version in front.
fn write_line(out: &mut impl Write, event: &Event) -> Result<()> {
    let event = serde_json::to_string(event).context("cannot write JSON")?;
    // Every event is an object; to lay another around it, so that the version comes first, costs as much again.
    let rest = event.strip_prefix('{').context("an event is no JSON object")?;
    writeln!(out, "{{\"v\":{},{}", crate::event::VERSION, control::json(rest)).context("cannot write JSON")
}
