//! The line with `--eager`: what cargo has built is listed, filtered and grouped while cargo builds the rest, and what
//! comes of it is news for the run.
//!
//! A suite that has come to the run is needed until the end of the program, whenever that comes, and so is the
//! configuration. So neither is ever given back.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};

use camino::Utf8PathBuf;

use crate::beside::Ground;
use crate::build::{self, Site, TestBinary};
use crate::config::{self, Config};
use crate::exit::{Exit, Failure, OrExit};
use crate::filter::{self, Decision};
use crate::group::{self, Grouping, Unmatched};
use crate::history::{self, Lengths};
use crate::list::{self, Suite};
use crate::places;
use crate::run::{self, News, Work};

/// What the stages before the run need to know.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    pub build: &'a build::Options,
    pub list: &'a list::Options,
    pub filter: &'a filter::Options,
    pub group: &'a group::Options,
    pub run: &'a run::Options,
    /// Go by what tests took in earlier runs.
    pub history: bool,
    /// How many binaries are asked at once when the build is over.
    pub parallel: usize,
}

/// What has come of the stages before the run.
pub struct Fed {
    /// `None` if nothing was built.
    pub found: Option<Found>,
    /// Why that is not all.
    pub error: Option<Error>,
}

/// What was found out by the time at which the build was over.
pub struct Found {
    pub suites: Vec<&'static Suite>,
    pub decisions: Vec<Vec<Decision>>,
    pub lengths: Vec<Lengths>,
    pub config: &'static Config,
    pub unmatched: Vec<Unmatched>,
    /// How many tests ask for more slots than there are, and for how many at most.
    pub beyond: Option<(usize, usize)>,
    pub serial_packages: Vec<String>,
}

/// Why not all could be found out.
pub enum Error {
    NotBuilt(build::Failure),
    Other(Failure),
}

/// Builds, and tells the run what it may begin with. `opened` is told first where that will take place, once there is
/// something to run, or all is known.
pub fn feed(options: Options, opened: &Sender<(Ground, Site)>, news: &Sender<News>) -> Fed {
    let (sender, binaries) = mpsc::channel();
    let is_over = AtomicBool::new(false);
    let mut line = Line { options, opened, news, open: None };
    let built = std::thread::scope(|scope| {
        let building = scope.spawn(|| {
            let sender = sender;
            let tell = &mut |site: &Site, binary| drop(sender.send((site.clone(), binary)));
            let built = build::test_binaries(options.build, tell);
            is_over.store(true, Ordering::Relaxed);
            if built.is_err() {
                options.list.asking.give_up();
            }
            built
        });
        // When the build is over, what is left can be asked all at once.
        for (site, binary) in binaries.iter().take_while(|_| !is_over.load(Ordering::Relaxed)) {
            // What cannot be asked now is asked again when the build is over, and told of if it still cannot.
            let _ = line.found(&site, binary);
        }
        building.join().expect("the thread does not panic")
    });
    let (end, serial_packages, error) = match built {
        Err(failure) => (News::Failed, Vec::new(), Some(Error::NotBuilt(failure))),
        Ok(build) => match line.finish(build.binaries, &build.site) {
            Ok(()) => (News::Built, build.serial_packages, None),
            Err(failure) => (News::Useless, Vec::new(), Some(Error::Other(failure))),
        },
    };
    // A receiver that is gone means that the run is over.
    let _ = news.send(end);
    Fed { found: line.open.map(|open| open.found(serial_packages)), error }
}

/// The stages between the build and the run.
struct Line<'a> {
    options: Options<'a>,
    opened: &'a Sender<(Ground, Site)>,
    news: &'a Sender<News>,
    /// `None` before anything is built.
    open: Option<Open<'a>>,
}

struct Open<'a> {
    /// Until the run is told.
    ground: Option<(Ground, Site)>,
    list: list::Options,
    history: Utf8PathBuf,
    config: &'static Config,
    filter: filter::Options,
    grouping: Grouping<'a>,
    /// The programs that are in the suites.
    listed: HashSet<Utf8PathBuf>,
    suites: Vec<&'static Suite>,
    decisions: Vec<Vec<Decision>>,
    lengths: Vec<Lengths>,
    /// Nobody has been told of this yet: nothing of it is to run, or nothing may run before all is built.
    untold: Work<'static>,
    /// Tests write into sources that cargo may still have to compile.
    waits: bool,
    beyond: Option<(usize, usize)>,
}

impl<'a> Line<'a> {
    fn open(&mut self, site: &Site) -> Result<&mut Open<'a>, Failure> {
        if self.open.is_none() {
            self.open = Some(Open::new(self.options, site)?);
        }
        Ok(self.open.as_mut().expect("it has just been opened"))
    }

    fn found(&mut self, site: &Site, binary: TestBinary) -> Result<(), Failure> {
        let path = binary.path.clone();
        let open = self.open(site)?;
        let one = list::Options { parallel: 1, ..open.list.clone() };
        let suites = list::tests(vec![binary], &one).or_exit(Exit::ListFailed)?;
        open.listed.insert(path);
        self.take(suites);
        Ok(())
    }

    /// The build is over, and these are all that there are.
    fn finish(&mut self, binaries: Vec<TestBinary>, site: &Site) -> Result<(), Failure> {
        let parallel = self.options.parallel;
        let open = self.open(site)?;
        let all = list::Options { parallel, ..open.list.clone() };
        let is_left = |binary: &TestBinary| binary.rustdoc.is_some() || !open.listed.contains(&binary.path);
        let left = binaries.into_iter().filter(is_left).collect();
        let suites = list::tests(left, &all).or_exit(Exit::ListFailed)?;
        self.take(suites);
        self.tell();
        Ok(())
    }

    fn take(&mut self, suites: Vec<Suite>) {
        let options = self.options;
        let Some(open) = &mut self.open else { return };
        let decisions = filter::select(&suites, &open.filter);
        let is_anything_taken = decisions.iter().flatten().any(|it| !matches!(it, Decision::Skip(_)));
        let suites: Vec<&'static Suite> = suites.into_iter().map(|suite| &*Box::leak(Box::new(suite))).collect();
        let lengths = match options.history {
            true => history::recall(&open.history, &suites),
            false => history::nothing(&suites),
        };
        suites.iter().zip(&decisions).for_each(|(suite, decisions)| open.grouping.add(suite, decisions));
        let groups = open.grouping.take();
        if let Some((tests, most)) = groups.beyond(options.run.processes) {
            let (more, other) = open.beyond.unwrap_or_default();
            open.beyond = Some((tests + more, most.max(other)));
        }
        open.suites.extend(&suites);
        open.decisions.extend(decisions.iter().cloned());
        open.lengths.extend(lengths.iter().cloned());
        open.waits |= suites.iter().any(|it| group::updating(it, open.config, &options.group.env).is_some());
        open.untold.extend(Work { suites, decisions, groups, lengths });
        if is_anything_taken && !open.waits {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let Some(open) = &mut self.open else { return };
        if let Some(ground) = open.ground.take() {
            let _ = self.opened.send(ground);
        }
        let work = std::mem::take(&mut open.untold);
        let _ = self.news.send(News::More(Box::new(work)));
    }
}

impl<'a> Open<'a> {
    fn new(options: Options<'a>, site: &Site) -> Result<Self, Failure> {
        let config: &Config = Box::leak(Box::new(config::read(site.workspace_root.as_std_path())?));
        let ground = Ground::prepare(site, options.list, options.run)?;
        let mut filter = options.filter.clone();
        places::find(&mut filter, &site.workspace_root);
        Ok(Self {
            filter,
            list: ground.list.clone(),
            history: ground.journals.join("history"),
            ground: Some((ground, site.clone())),
            config,
            grouping: Grouping::new(config, options.group),
            listed: HashSet::new(),
            suites: Vec::new(),
            decisions: Vec::new(),
            lengths: Vec::new(),
            untold: Work::default(),
            waits: false,
            beyond: None,
        })
    }

    fn found(self, serial_packages: Vec<String>) -> Found {
        let Self { suites, decisions, lengths, config, grouping, beyond, .. } = self;
        Found { suites, decisions, lengths, config, unmatched: grouping.unmatched(), beyond, serial_packages }
    }
}
