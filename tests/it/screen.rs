//! A terminal to run the tool on: a pty, with an emulator that knows what a person would see.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use pty_process::Size;
use pty_process::blocking::{self, Pty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};

use crate::kills::LIMIT;
use crate::tool::Tool;

pub struct Screen {
    pty: Pty,
    child: Child,
    /// What the programs write; it ends when none of them has the terminal open.
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// All that was ever written, for a look at how it was written.
    pub raw: Vec<u8>,
    /// The modes in which the terminal was made.
    modes: String,
}

const ROWS: u16 = 24;
const COLUMNS: u16 = 100;

/// Lines that have gone out of the window and can still be seen.
const SCROLLBACK: usize = 1000;

impl Screen {
    /// Runs the tool in front on a terminal of its own.
    pub fn start(tool: Tool) -> Self {
        Self::open(&tool.command())
    }

    /// Runs an interactive shell in the tool's environment, for job control.
    pub fn shell(tool: Tool) -> Self {
        Self::in_environment_of(&tool.command(), &["-i"])
    }

    /// Runs the tool below a shell that shares its process group with it. The script has the tool as `"$@"`.
    pub fn script(tool: Tool, script: &str) -> Self {
        let tool = tool.command();
        let words = [tool.get_program()].into_iter().chain(tool.get_args()).map(|it| it.to_str().unwrap());
        let arguments: Vec<&str> = ["-c", script, "sh"].into_iter().chain(words).collect();
        Self::in_environment_of(&tool, &arguments)
    }

    fn in_environment_of(tool: &Command, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(arguments).env("PS1", "$ ").env("ENV", "");
        shell.current_dir(tool.get_current_dir().unwrap_or(Path::new(".")));
        for (name, value) in tool.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::open(&shell)
    }

    fn open(command: &Command) -> Self {
        let (pty, pts) = blocking::open().expect("there are ptys");
        pty.resize(Size::new(ROWS, COLUMNS)).unwrap();
        let mut on_pty = blocking::Command::new(command.get_program())
            .args(command.get_args())
            .env("TERM", "xterm-256color")
            .env_remove("CI")
            .current_dir(command.get_current_dir().expect("a folder was chosen"));
        for (name, value) in command.get_envs() {
            on_pty = match value {
                Some(value) => on_pty.env(name, value),
                None => on_pty.env_remove(name),
            };
        }
        let modes = format!("{:?}", tcgetattr(&pts).unwrap());
        let child = on_pty.spawn(pts).expect("the program starts");
        let mut reader = std::fs::File::from(rustix::io::dup(&pty).unwrap());
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux ends it with an error when nobody has the other side open.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let size = |size: u16| size.try_into().unwrap();
        let parser = vt100::Parser::new(size(ROWS), size(COLUMNS), SCROLLBACK);
        Self { pty, child, bytes, parser, raw: Vec::new(), modes }
    }

    /// Kills what a shell runs in front.
    pub fn kill_job(&self) {
        let shell = self.child.id();
        let jobs = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let job = jobs.split_whitespace().last().expect("the shell runs something").parse().unwrap();
        kill_process(Pid::from_raw(job).unwrap(), Signal::KILL).unwrap();
    }

    pub fn press(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.screen_mut().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// What is seen now.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until what is seen is as it should be.
    #[track_caller]
    pub fn wait_for(&mut self, what: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let text = self.text();
            if what(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.bytes.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(why) => panic!("{why}; the screen is\n{text}"),
            }
        }
    }

    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) -> String {
        self.wait_for(|screen| screen.contains(text))
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend(bytes);
        self.parser.process(bytes);
    }

    /// Waits for the program's end; gives its exit code, and what is left on the screen.
    #[track_caller]
    pub fn finish(&mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + LIMIT;
        while let Ok(bytes) = self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.take(&bytes);
        }
        assert!(Instant::now() < deadline, "it ends in time; the screen is\n{}", self.text());
        let status = self.child.wait().unwrap();
        (status.code(), self.text())
    }

    /// Whether the program that was started here is in front, with its process group.
    pub fn is_in_front(&self) -> bool {
        tcgetpgrp(&self.pty).unwrap() == Pid::from_child(&self.child)
    }

    /// Whether what is typed is seen and waits for the end of the line, as people expect of a terminal.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.pty).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// The terminal is as it was: its modes, the cursor, and nothing of the live region below the report.
    #[track_caller]
    pub fn expect_as_it_was(&self) {
        assert_eq!(format!("{:?}", tcgetattr(&self.pty).unwrap()), self.modes);
        self.expect_clean();
    }

    #[track_caller]
    pub fn expect_clean(&self) {
        let screen = self.parser.screen();
        assert!(!screen.hide_cursor(), "the cursor can be seen");
        assert_eq!(screen.cursor_position().1, 0, "the next line begins at its beginning:\n{}", self.text());
        let below = self.text().lines().skip(screen.cursor_position().0.into()).collect::<String>();
        assert_eq!(below, "", "nothing is left below the cursor");
        assert!(!self.text().contains(" done,"), "nothing is left of the bar:\n{}", self.text());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It is gone, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
