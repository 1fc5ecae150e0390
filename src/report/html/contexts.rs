//! The contexts of a run, what their fixtures cost, and what could be done about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maud::{Markup, html};

use super::Run;
use super::escape::Text;
use super::status::{count, time};
use crate::event::{Fixture, FixtureKind};

/// What a context cost, and what it was good for.
#[derive(Debug, Default)]
pub(super) struct Cost {
    kind: Option<FixtureKind>,
    tests: usize,
    /// What its tests took.
    in_tests: f64,
    setups: usize,
    in_setups: f64,
    in_teardowns: f64,
    failed: bool,
    /// From the first thing of it that began until the last one that ended.
    span: (f64, f64),
    binaries: BTreeSet<Arc<str>>,
}

/// Below this nothing is worth anybody's time.
const CHEAP: f64 = 0.1;

/// By context, those that cost most first.
fn costs(run: &Run) -> Vec<(Arc<str>, Cost)> {
    let mut costs: BTreeMap<Arc<str>, Cost> = BTreeMap::new();
    for test in &run.tests {
        for context in &test.contexts {
            let cost = costs.entry(context.clone()).or_default();
            cost.tests += 1;
            cost.in_tests += test.duration;
            cost.binaries.insert(test.binary.clone());
            if test.worker.is_some() {
                cost.stretch(run.since_start(test.timestamp), test.duration);
            }
        }
    }
    for it in &run.fixtures {
        let cost = costs.entry(it.context.clone()).or_default();
        cost.kind = Some(it.kind);
        cost.binaries.insert(it.binary.clone());
        match it.fixture {
            Fixture::Setup => {
                cost.setups += 1;
                cost.in_setups += it.duration;
                cost.failed |= it.outcome.is_red();
            }
            Fixture::Teardown => cost.in_teardowns += it.duration,
            Fixture::Host => {}
        }
        cost.stretch(run.since_start(it.timestamp), it.duration);
    }
    let mut costs: Vec<(Arc<str>, Cost)> = costs.into_iter().collect();
    costs.sort_by(|(_, a), (_, b)| b.fixtures().total_cmp(&a.fixtures()));
    costs
}

impl Cost {
    fn stretch(&mut self, start: f64, duration: f64) {
        let known = if self.span.1 > 0.0 { self.span } else { (start, 0.0) };
        self.span = (known.0.min(start), known.1.max(start + duration));
    }

    fn fixtures(&self) -> f64 {
        self.in_setups + self.in_teardowns
    }

    /// What to do, or why nothing need be done.
    fn advice(&self, wall: f64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "nobody sets up so often")]
        let each = self.in_setups / self.setups.max(1) as f64;
        let took = self.span.1 - self.span.0;
        let was_waited_for = self.span.1 >= wall * 0.95 && took >= wall * 0.5 && took >= 2.0 * CHEAP;
        match self.kind {
            _ if self.failed => "Its setup failed: fix that first.".to_owned(),
            None => "It has no setup.".to_owned(),
            Some(FixtureKind::Unit) if was_waited_for && self.tests > 1 && self.in_tests > 2.0 * each => format!(
                "The run waited for its tests, which took {} one after another. If they can run at the same time, kind = \
                 \"can-split\" spreads them over several processes, at the cost of one setup ({}) in each.",
                time(took),
                time(each)
            ),
            Some(FixtureKind::CanSplit) if self.setups > 1 && self.in_setups > self.in_tests.max(CHEAP) => format!(
                "{} took longer than the tests that needed them. kind = \"shared\" sets up once for all processes; kind = \
                 \"unit\" also sets up once, and runs the tests one after another.",
                count(self.setups, "setup")
            ),
            Some(FixtureKind::Shared) if was_waited_for && each > wall * 0.3 => {
                format!(
                    "Its tests waited {} for the setup. A faster setup, or a part of it done before the run, would help.",
                    time(each)
                )
            }
            _ if self.fixtures() < CHEAP => "Its setup takes almost no time.".to_owned(),
            _ if self.fixtures() < self.in_tests => "Its setup takes less time than its tests.".to_owned(),
            _ => format!(
                "Its setup takes longer than its {}: a faster one would help more than another kind.",
                count(self.tests, "test")
            ),
        }
    }
}

/// `None` if there are no contexts.
pub(super) fn contexts(run: &Run) -> Option<Markup> {
    let costs = costs(run);
    if costs.is_empty() {
        return None;
    }
    let wall = run.wall();
    Some(html! {
        table.contexts {
            thead { tr {
                th scope="col" { "Context" }
                th scope="col" { "Kind" }
                th.number.minor scope="col" { "Tests" }
                th.number.minor scope="col" { "In tests" }
                th.number scope="col" { "Setups" }
                th.number scope="col" { "In setups" }
                th.number.minor scope="col" { "In teardowns" }
            } }
            @for (context, cost) in &costs { tbody {
                tr {
                    th.name scope="row" { (Text(context)) }
                    td { (cost.kind.map_or("–", kind)) }
                    td.number.minor { (cost.tests) }
                    td.number.minor { (time(cost.in_tests)) }
                    td.number { (cost.setups) }
                    td.number { (time(cost.in_setups)) }
                    td.number.minor { (time(cost.in_teardowns)) }
                }
                tr.advice { td colspan="7" { (cost.advice(wall)) } }
            } }
        }
    })
}

fn kind(kind: FixtureKind) -> &'static str {
    match kind {
        FixtureKind::Unit => "unit",
        FixtureKind::CanSplit => "can-split",
        FixtureKind::Shared => "shared",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(kind: FixtureKind, tests: usize, in_tests: f64, setups: usize, in_setups: f64) -> Cost {
        Cost { kind: Some(kind), tests, in_tests, setups, in_setups, span: (0.0, 10.0), ..Cost::default() }
    }

    #[test]
    fn advice_fits_the_cost() {
        let unit = cost(FixtureKind::Unit, 9, 9.0, 1, 0.5);
        assert!(unit.advice(10.0).contains("can-split"), "{}", unit.advice(10.0));
        assert!(unit.advice(100.0).contains("less time than its tests"), "{}", unit.advice(100.0));
        let split = cost(FixtureKind::CanSplit, 9, 1.0, 4, 4.0);
        assert!(split.advice(10.0).contains("shared"), "{}", split.advice(10.0));
        let shared = cost(FixtureKind::Shared, 9, 1.0, 1, 0.01);
        assert!(shared.advice(10.0).contains("almost no time"), "{}", shared.advice(10.0));
        let failed = Cost { failed: true, ..split };
        assert!(failed.advice(10.0).contains("failed"));
    }
}
