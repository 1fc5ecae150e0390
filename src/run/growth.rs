//! What there is to do becomes known: all of it in the beginning, or more and more of it while cargo still builds
//! (`--eager`).
//!
//! The build has the slot that every process owns, so beside it each test needs one that was granted. When it has failed,
//! the run is brought to an end like one that is interrupted; when the run ends first, the build is ended.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use super::leftovers::{self, BUILD_ID, Whose};
use super::{Message, Run, Work};
use crate::event::{BinarySelected, Event, Stopped, TestsKnown};
use crate::filter::Decision;
use crate::group::Unaskable;
use crate::list::{self, Suite};
use crate::schedule::{Input, Stop};
use crate::threads;

/// A build that goes on beside the run.
pub struct Beside {
    pub news: Receiver<News>,
    pub end: EndBuild,
}

/// Ends the build, and does not come back before nothing is left of it.
pub type EndBuild = Box<dyn FnOnce()>;

/// Variables for a cargo that builds beside a run: a mark, and that it is to draw no bar between the results.
pub fn variables(run: &str) -> Vec<(&'static str, String)> {
    vec![("CARGO_TERM_PROGRESS_WHEN", "never".to_owned()), (BUILD_ID, run.to_owned())]
}

/// Ends whatever has been started with these. Where processes cannot be found by a mark, they go when they are done.
pub fn kill_build(run: &str) {
    leftovers::kill(run, Whose::Build);
}

/// What is heard of the build.
#[derive(Debug)]
pub enum News {
    More(Box<Work<'static>>),
    /// It is done, and everything is known.
    Built,
    Failed,
    /// What it has built cannot be run. Whoever says so knows why.
    Useless,
}

/// What has to be said of what was taken in.
pub(super) struct Taken {
    selected: Vec<BinarySelected>,
    /// By suite and place.
    ignored: Vec<(usize, usize)>,
    without_setup: Vec<(usize, usize)>,
    unaskable: Vec<Unaskable>,
}

impl Beside {
    /// Has the news told like everything else that happens.
    pub(super) fn pass_on(self, sender: &SyncSender<Message>) -> io::Result<EndBuild> {
        let sender = sender.clone();
        let panicked = sender.clone();
        let pass_on = move || pass_on(self.news, |news| sender.send(Message::News(news)).is_ok());
        threads::start("news", pass_on, move |panic| drop(panicked.send(Message::Panicked(panic))))?;
        Ok(self.end)
    }
}

/// Tells all news; false from `tell` means that the run is over. Who has news ends with the last of them: if that does not
/// come, a panic has ended it, and the run is not to wait for more.
fn pass_on(news: Receiver<News>, mut tell: impl FnMut(News) -> bool) {
    let mut is_over = false;
    for news in news {
        is_over = !matches!(news, News::More(_));
        if !tell(news) {
            return;
        }
    }
    if !is_over {
        tell(News::Useless);
    }
}

impl<'a> Run<'a> {
    pub(super) fn hear(&mut self, news: News) {
        match news {
            // What comes after the end is no part of the run.
            _ if self.stopped.is_some() => {}
            News::More(work) => {
                let taken = self.take_in(*work);
                if !taken.selected.is_empty() {
                    self.tell_what_is_known(None, false);
                }
                self.report(taken);
                self.step(Instant::now(), Input::Tick);
            }
            News::Built => {
                self.build_is_over(false);
                self.fit_the_pool();
                self.step(Instant::now(), Input::AllKnown);
            }
            News::Failed => {
                self.build_is_over(true);
                self.stop(Stopped::BuildFailed, Stop::Terminate);
            }
            News::Useless => {
                self.build_is_over(true);
                self.stop(Stopped::Error, Stop::Terminate);
            }
        }
    }

    /// The build had slots of its own number. Those that are too many for tests are asked for like any other, since they
    /// may be held still, and are not put back.
    fn fit_the_pool(&mut self) {
        let cap = self.scheduler.slots().cap;
        self.pool.grow_to(cap);
        self.surplus = self.pool.surplus(cap);
        (0..self.surplus).for_each(|_| self.requests.request_token());
    }

    fn build_is_over(&mut self, cut_short: bool) {
        self.building = false;
        self.end_build = None;
        let beside = self.book.since_start(Instant::now());
        self.tell_what_is_known(Some(beside.as_secs_f64()), cut_short);
    }

    fn tell_what_is_known(&mut self, build: Option<f64>, cut_short: bool) {
        let (tests, binaries, expected) = (self.results, self.binaries, self.book.expected());
        self.book.tell(&Event::TestsKnown(TestsKnown { tests, binaries, expected, build, cut_short }));
    }

    /// To be called when the run will not go on.
    pub(super) fn end_build(&mut self) {
        if let Some(end) = self.end_build.take() {
            end();
            self.build_is_over(true);
        }
    }

    /// Enters what there is to do into the books and the schedule.
    pub(super) fn take_in(&mut self, work: Work<'a>) -> Taken {
        let updating: BTreeSet<usize> = work.groups.groups.iter().filter(|it| it.once).map(|it| it.suite).collect();
        for suite in updating {
            self.sources.note(suite, list::sources(work.suites[suite - self.book.suites.len()]));
        }
        for (number, suite) in work.suites.iter().enumerate() {
            self.programs.note(self.book.suites.len() + number, &suite.binary.path);
        }
        let (items, more) = self.plan.add(&work, &self.sources.shared());
        let Work { suites, decisions, groups, .. } = work;
        let first = self.book.suites.len();
        let ignored = decisions.iter().zip(first..).flat_map(|(decisions, suite)| {
            let ignored = decisions.iter().enumerate().filter(|(_, decision)| **decision == Decision::Ignore);
            ignored.map(move |(test, _)| (suite, test))
        });
        let taken = Taken {
            selected: suites.iter().zip(&decisions).filter_map(|(suite, it)| selected(suite, it)).collect(),
            ignored: ignored.collect(),
            without_setup: groups.without_setup,
            unaskable: groups.unaskable,
        };
        self.results += items.len() + taken.ignored.len() + taken.without_setup.len() + taken.unaskable.len();
        self.binaries += taken.selected.len();
        self.groups.groups.extend(groups.groups);
        self.groups.hosts.extend(groups.hosts);
        self.book.add(suites, items, &more);
        self.scheduler.grow(more);
        taken
    }

    pub(super) fn report(&mut self, taken: Taken) {
        for selected in taken.selected {
            self.book.tell(&Event::BinarySelected(selected));
        }
        self.report_ignored(&taken.ignored);
        self.report_without_setup(&taken.without_setup);
        self.report_unaskable(taken.unaskable);
    }
}

/// The tests that are no skips, if there are any.
fn selected(suite: &Suite, decisions: &[Decision]) -> Option<BinarySelected> {
    let all = suite.tests.iter().zip(decisions);
    let taken = all.filter(|(_, decision)| !matches!(decision, Decision::Skip(_)));
    let tests: Vec<Arc<str>> = taken.map(|(test, _)| test.name.clone()).collect();
    let (binary, package) = (suite.binary.id.clone(), suite.binary.spec.clone());
    (!tests.is_empty()).then_some(BinarySelected { binary, package, tests, listed: suite.tests.len() })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// What is told of these news.
    fn told(all: Vec<News>) -> Vec<String> {
        let (sender, receiver) = mpsc::channel();
        all.into_iter().for_each(|news| sender.send(news).unwrap());
        drop(sender);
        let mut told = Vec::new();
        pass_on(receiver, |news| {
            told.push(match news {
                News::More(_) => "more".to_owned(),
                last => format!("{last:?}"),
            });
            true
        });
        told
    }

    #[test]
    fn news_that_end_without_a_last_one_do_not_leave_the_run_waiting() {
        let more = || News::More(Box::default());
        assert_eq!(told(vec![more(), News::Built]), ["more", "Built"]);
        assert_eq!(told(vec![more(), more()]), ["more", "more", "Useless"]);
        assert_eq!(told(vec![]), ["Useless"]);
    }
}
