//! A failed item runs once more alone: while nothing else of its family does, since its neighbours may be what disturbed
//! it. A family is a package, whose test processes may share a folder, a port or a database without a word.

use super::queue::Queue;
use super::{Process, Scheduler};

/// What runs of each family.
#[derive(Clone, Debug, Default)]
pub(super) struct Families(Vec<Family>);

#[derive(Clone, Copy, Debug, Default)]
struct Family {
    processes: usize,
    /// The one process is a diagnosis, and no other may start.
    alone: bool,
}

impl Families {
    pub(super) fn add(&mut self, family: Option<usize>) {
        let count = family.map_or(0, |family| family + 1);
        self.0.resize(self.0.len().max(count), Family::default());
    }

    pub(super) fn started(&mut self, family: Option<usize>, diagnosis: bool) {
        if let Some(family) = family.map(|family| &mut self.0[family]) {
            family.processes += 1;
            family.alone = diagnosis;
        }
    }

    pub(super) fn exited(&mut self, family: Option<usize>) {
        if let Some(family) = family.map(|family| &mut self.0[family]) {
            family.processes -= 1;
            family.alone = false;
        }
    }

    /// How many of the items that wait in a queue of the family may start now.
    pub(super) fn room(&self, family: Option<usize>, queue: &Queue) -> usize {
        let Some(family) = family.map(|family| self.0[family]) else { return queue.len() };
        match queue.has_only_diagnoses() {
            _ if family.alone => 0,
            true => usize::from(family.processes == 0).min(queue.len()),
            false => queue.len() - queue.diagnoses.len(),
        }
    }

    fn has_several(&self, family: Option<usize>) -> bool {
        family.is_some_and(|family| self.0[family].processes > 1)
    }
}

impl Scheduler {
    /// Whether other processes of its family ran while the process was at its current item.
    pub fn has_company(&self, process: Process) -> bool {
        self.running.get(&process).is_some_and(|running| running.company)
    }

    /// One more process of the group's family runs, and all of them have company from now on if there are several.
    pub(super) fn joins_family(&mut self, group: usize, diagnosis: bool) {
        let family = self.spec.groups[group].family;
        self.families.started(family, diagnosis);
        if !self.families.has_several(family) {
            return;
        }
        for running in self.running.values_mut() {
            running.company |= self.spec.groups[running.batch.group].family == family;
        }
    }

    /// Whether the next item of a group's process has company from its beginning on.
    pub(super) fn begins_with_company(&self, group: usize) -> bool {
        self.families.has_several(self.spec.groups[group].family)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::{Action, Batch, Group, Input, Item, Spec};
    use super::*;

    fn spec(groups: &[(usize, usize, bool)], processes: usize, retries: u32) -> Spec {
        let mut next = 0;
        let groups = groups.iter().map(|(family, items, unit)| {
            next += items;
            Group {
                items: (next - items..next).collect(),
                timeouts: vec![None; *items],
                family: Some(*family),
                unit: *unit,
                per_process: usize::MAX,
                ..Group::default()
            }
        });
        Spec { retries, diagnose: true, ..Spec::sample(groups.collect(), processes) }
    }

    /// A run with a jobserver that grants whatever is asked for.
    struct World {
        scheduler: Scheduler,
        families: Vec<usize>,
        running: BTreeMap<Process, Batch>,
        held: usize,
        asked: usize,
        granted: usize,
        diagnosed: Vec<Item>,
        /// Each slot is granted as soon as it is asked for, so none is asked for in vain.
        at_once: bool,
    }

    impl World {
        fn new(spec: Spec, at_once: bool) -> Self {
            let families = spec.groups.iter().filter_map(|group| group.family).collect();
            let (running, scheduler) = (BTreeMap::new(), Scheduler::new(spec));
            let (held, asked, granted, diagnosed) = (0, 0, 0, Vec::new());
            let mut world = Self { scheduler, families, running, held, asked, granted, diagnosed, at_once };
            world.step(Input::Tick);
            world
        }

        fn family(&self, batch: &Batch) -> usize {
            self.families[batch.group]
        }

        fn step(&mut self, input: Input) {
            for action in self.scheduler.step(Duration::ZERO, input) {
                match action {
                    Action::Spawn(batch) => self.spawn(batch),
                    Action::RequestSlot => self.asked += 1,
                    Action::ReleaseSlot => {
                        assert!(!self.at_once || input != Input::SlotGranted, "it was asked for in vain");
                        self.held -= 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(self.running.len() <= self.held + 1, "each process has a slot");
            assert!(self.held < self.running.len().max(1), "no slot is held without a process");
            if self.at_once {
                self.grant();
            }
        }

        fn spawn(&mut self, batch: Batch) {
            let relatives = self.running.values().filter(|other| self.family(other) == self.family(&batch));
            for other in relatives {
                assert!(!batch.diagnosis && !other.diagnosis, "{batch:?} beside {other:?}");
            }
            if batch.diagnosis {
                assert!(!self.diagnosed.contains(&batch.items[0]), "one diagnosis is enough");
                self.diagnosed.extend(&batch.items);
            }
            self.running.insert(batch.process, batch);
        }

        fn grant(&mut self) -> bool {
            let waits = self.granted < self.asked;
            if waits {
                self.granted += 1;
                self.held += 1;
                self.step(Input::SlotGranted);
            }
            waits
        }

        /// The process finishes its next item, or exits if there is none.
        fn advance(&mut self, process: Process, passed: bool) {
            let Some(batch) = self.running.get_mut(&process) else { return };
            if batch.items.is_empty() {
                self.running.remove(&process);
                return self.step(Input::ProcessExited(process));
            }
            let item = batch.items.remove(0);
            self.step(Input::ItemStarted { process, item });
            self.step(Input::ItemFinished { process, item, passed, duration: Duration::ZERO });
        }
    }

    proptest! {
        #[test]
        fn a_diagnosis_runs_alone_in_its_family_and_every_run_comes_to_an_end(
            groups in prop::collection::vec((0..3_usize, 1..5_usize, any::<bool>()), 1..6),
            processes in 1..5_usize,
            retries in 0..2_u32,
            at_once: bool,
            choices in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 1..40),
        ) {
            let items: usize = groups.iter().map(|(_, items, _)| items).sum();
            let mut world = World::new(spec(&groups, processes, retries), at_once);
            let mut steps = 0;
            for (which, passed, grants) in choices.iter().cycle() {
                if world.scheduler.is_done() {
                    break;
                }
                steps += 1;
                prop_assert!(steps < 100 * (items + 1), "it goes on and on");
                if (*grants && world.grant()) || world.running.is_empty() {
                    continue;
                }
                let running: Vec<Process> = world.running.keys().copied().collect();
                world.advance(*which.get(&running), *passed);
            }
            prop_assert!(world.asked <= 20 * (items + 1), "{} slots were asked for", world.asked);
        }
    }

    #[test]
    fn the_first_item_of_its_process_is_diagnosed_if_it_had_company_and_when_that_is_gone() {
        let mut world = World::new(spec(&[(0, 1, false), (0, 1, false), (1, 1, false)], 3, 0), false);
        while world.grant() {}
        assert_eq!(world.running.len(), 3);
        assert!(world.scheduler.has_company(1) && world.scheduler.has_company(2) && !world.scheduler.has_company(3));
        world.advance(1, false);
        world.advance(1, false);
        world.advance(3, false);
        world.advance(3, false);
        assert!(world.diagnosed.is_empty(), "one has company, and the other one failed alone");
        world.advance(2, true);
        world.advance(2, true);
        assert_eq!(world.diagnosed, [0]);
        world.advance(4, true);
        world.advance(4, true);
        assert!(world.scheduler.is_done());
    }
}
