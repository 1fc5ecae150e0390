//! `--message-format json`: one line for each event, on stdout.

use std::io::{BufWriter, Stdout, Write};

use anyhow::{Context, Result};

use super::write_line;
use crate::event::{Event, Reporter};

pub(super) struct Json(BufWriter<Stdout>);

impl Json {
    pub(super) fn new(stdout: Stdout) -> Self {
        Self(BufWriter::new(stdout))
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) -> Result<()> {
        write_line(&mut self.0, event)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush().context("cannot write to stdout")
    }
}
