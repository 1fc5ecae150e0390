//! A terminal to run the tool on: nobody looks at it, but its modes are compared.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::setsid;

nix::ioctl_write_int_bad!(
    /// Makes a terminal the one that controls this session.
    take_terminal,
    libc::TIOCSCTTY
);

pub(super) struct Terminal {
    /// The programs' side.
    inner: OwnedFd,
    modes: Termios,
}

impl Terminal {
    /// Has a command run in front on a terminal of its own: stdin and stderr are that.
    pub(super) fn of(command: &mut Command) -> Result<Self> {
        let OpenptyResult { master, slave: inner } = openpty(None, None).context("opening a terminal")?;
        let modes = tcgetattr(&inner)?;
        command.stdin(inner.try_clone()?).stderr(Stdio::from(inner.try_clone()?)).env("TERM", "xterm-256color");
        let lead = || {
            setsid()?;
            // SAFETY: it takes numbers alone.
            unsafe { take_terminal(0, 0) }?;
            Ok(())
        };
        // SAFETY: it makes two system calls.
        unsafe { command.pre_exec(lead) };
        // It ends with an error when nobody has the other side open.
        thread::spawn(move || {
            let (mut outer, mut buffer) = (File::from(master), [0; 4096]);
            while let Ok(1..) = outer.read(&mut buffer) {}
        });
        Ok(Self { inner, modes })
    }

    /// Whoever gives them back may be the watchdog, which takes a moment.
    pub(super) fn expect_as_it_was(self, limit: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let modes = tcgetattr(&self.inner).context("looking at the terminal")?;
            if modes == self.modes {
                return Ok(());
            }
            if began.elapsed() > limit {
                bail!("the terminal is not as it was: {modes:?}\ninstead of {:?}", self.modes);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
