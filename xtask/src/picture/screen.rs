//! What a person sees: a command on a terminal of a fixed size, read by a terminal emulator.

use std::io::{ErrorKind, Read};
use std::num::NonZeroU16;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pty_process::Size;
use pty_process::blocking;

/// As wide as a picture can be shown without being made smaller, and high enough that nothing scrolls away.
const ROWS: u16 = 80;
const COLUMNS: u16 = 100;

pub(super) struct Screen(vt100::Parser);

impl Screen {
    /// Runs a command to its end, or until all of some texts are on the screen.
    pub(super) fn of(command: &Command, typed: &str, until: &[&str]) -> Result<Self> {
        let mut screen = Self(vt100::Parser::new(size(ROWS), size(COLUMNS), 0));
        screen.0.process(format!("\x1b[1;32m$\x1b[m \x1b[1m{typed}\x1b[m\r\n").as_bytes());
        let (mut pty, pts) = blocking::open().context("opening a terminal")?;
        pty.resize(Size::new(ROWS, COLUMNS)).context("setting the size of the terminal")?;
        let mut child = on_terminal(command).spawn(pts).context("running cargo ptest")?;
        let mut buffer = [0; 4096];
        loop {
            match pty.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => screen.0.process(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Linux ends it so when no process has the other side open.
                Err(_) => break,
            }
            if !until.is_empty() && screen.shows(until) {
                break;
            }
        }
        ensure!(screen.shows(until), "the run ended before {until:?} were on the screen");
        // The runner ends its tests when its terminal is gone.
        drop(pty);
        child.wait().context("waiting for cargo ptest")?;
        Ok(screen)
    }

    fn shows(&self, texts: &[&str]) -> bool {
        let screen = self.0.screen().contents();
        texts.iter().all(|text| screen.contains(text))
    }

    /// The rows up to the last one that has something.
    pub(super) fn rows(&self) -> Vec<Vec<&vt100::Cell>> {
        let screen = self.0.screen();
        let row = |row| (0..COLUMNS).filter_map(move |column| screen.cell(row, column)).collect::<Vec<_>>();
        let mut rows: Vec<_> = (0..ROWS).map(row).collect();
        let is_empty = |row: &[&vt100::Cell]| row.iter().all(|cell| cell.contents().trim().is_empty());
        rows.truncate(rows.iter().rposition(|row| !is_empty(row)).map_or(0, |last| last + 1));
        rows
    }

    /// How many columns the widest row fills.
    pub(super) fn columns(&self) -> usize {
        let filled = |row: &Vec<&vt100::Cell>| row.iter().rposition(|cell| !cell.contents().trim().is_empty());
        self.rows().iter().filter_map(filled).max().map_or(0, |last| last + 1)
    }
}

fn size(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).expect("a terminal has a size")
}

/// The command with the terminal as its standard streams, which is another type.
fn on_terminal(command: &Command) -> blocking::Command {
    let mut on_terminal = blocking::Command::new(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        on_terminal = on_terminal.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        on_terminal = match value {
            Some(value) => on_terminal.env(name, value),
            None => on_terminal.env_remove(name),
        };
    }
    on_terminal
}
