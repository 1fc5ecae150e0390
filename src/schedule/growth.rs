//! What there is to do becomes more while the run goes on.

use super::{Group, More, Queue, Scheduler, Spec};

impl Scheduler {
    /// Takes in what has become known. It starts with the next step.
    pub fn grow(&mut self, more: More) {
        let More { groups, limits, hosts, contexts } = more;
        self.lengths.add(&groups);
        self.used.resize(self.used.len() + limits.len(), 0);
        self.hosts.add(&hosts);
        self.spec.limits.extend(limits);
        self.spec.hosts.extend(hosts);
        self.spec.contexts.extend(contexts);
        for group in groups {
            self.add(group);
        }
    }

    fn add(&mut self, group: Group) {
        if group.first {
            self.first.push(self.queues.len());
        }
        self.queues.push(Queue::new(&group, &self.lengths));
        self.order.add();
        self.families.add(group.family);
        self.spec.groups.push(group);
        self.sort_in(self.queues.len() - 1);
    }

    /// How many slots there are that nobody has to grant.
    pub(super) fn owned(&self) -> usize {
        usize::from(!self.spec.growing)
    }
}

/// Takes out of the specification what there may be more of.
pub(super) fn take(spec: &mut Spec) -> More {
    More {
        groups: std::mem::take(&mut spec.groups),
        limits: std::mem::take(&mut spec.limits),
        hosts: std::mem::take(&mut spec.hosts),
        contexts: std::mem::take(&mut spec.contexts),
    }
}
