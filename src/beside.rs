//! What goes on beside the build: the binaries that it has finished are listed while cargo builds the others.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::build::{Site, TestBinary};
use crate::list::{self, Ahead};
use crate::run::watchdog::Watchdog;
use crate::run::{self, RUN_ID};

/// What has to be there before the first binary is started.
pub struct Ground {
    /// The folder of the journals.
    pub journals: Utf8PathBuf,
    /// For the values of shared contexts.
    pub values: Utf8PathBuf,
    pub list: list::Options,
    pub watchdog: Watchdog,
}

impl Ground {
    pub fn prepare(site: &Site, list: &list::Options, run: &run::Options) -> Result<Self> {
        let journals = site.target_directory.join("ptest");
        // A run inside of another one has the other's name in front of its own.
        let values = journals.join("shared").join(run.run.replace('/', "-"));
        let watchdog = Watchdog::start(&run.run, &journals, &values, run.processes, run.keys || run.live)
            .context("cannot start the watchdog")?;
        let list = list::Options { mark: (RUN_ID, run.run.clone()), memory: journals.join("lists"), ..list.clone() };
        Ok(Self { journals, values, list, watchdog })
    }
}

/// Has binaries asked for their tests as soon as they are there.
pub struct Lister<'a> {
    list: &'a list::Options,
    run: &'a run::Options,
    begun: Option<(Ground, Ahead)>,
}

impl<'a> Lister<'a> {
    pub fn new(list: &'a list::Options, run: &'a run::Options) -> Self {
        Self { list, run, begun: None }
    }

    /// To be called when a binary has been built. Whatever cannot be done now is done, or told, when the build is over.
    pub fn found(&mut self, site: &Site, binary: TestBinary) {
        if !Ahead::is_of_use(&binary) {
            return;
        }
        if self.begun.is_none() {
            let begin = |ground: Ground| Ahead::start(ground.list.clone()).map(|ahead| (ground, ahead));
            self.begun = Ground::prepare(site, self.list, self.run).ok().and_then(begin);
        }
        if let Some((_, ahead)) = &self.begun {
            ahead.ask(binary);
        }
    }

    /// To be called when the build is over, and whether it went well; gives what was prepared.
    pub fn finish(self, built: bool) -> Option<Ground> {
        let (ground, ahead) = self.begun?;
        ahead.finish(built);
        Some(ground)
    }
}
