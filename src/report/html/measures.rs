//! How well a run used what it had: numbers that say whether more slots or other contexts would help.

use super::Run;

#[derive(Debug, PartialEq)]
pub(super) struct Measures {
    /// What all tests and fixtures took together: how long the run would have been with one slot.
    pub serial: f64,
    /// How many times faster than that it was.
    pub speed_up: f64,
    /// The share of the slots' time in which they ran something.
    pub utilisation: f64,
    /// From when the first worker had nothing more to do until the end.
    pub tail: f64,
    /// What ended last.
    pub last: Option<String>,
}

/// Something that ran in a slot.
pub(super) struct Stretch {
    pub worker: usize,
    pub start: f64,
    pub duration: f64,
    pub name: String,
}

/// `None` for a run in which nothing ran.
pub(super) fn measures(run: &Run) -> Option<Measures> {
    let slots = run.started.as_ref().map_or(1, |run| run.workers);
    of_stretches(&stretches(run), slots, run.wall())
}

fn stretches(run: &Run) -> Vec<Stretch> {
    let tests = run.tests.iter().chain(run.attempts.values().flatten());
    let tests = tests.filter_map(|it| {
        let (start, name) = (run.since_start(it.timestamp), it.test.to_string());
        Some(Stretch { worker: it.worker?, start, duration: it.duration, name })
    });
    let fixtures = run.fixtures.iter().filter_map(|it| {
        let (start, name) = (run.since_start(it.timestamp), it.name());
        Some(Stretch { worker: it.worker?, start, duration: it.duration, name })
    });
    tests.chain(fixtures).collect()
}

fn of_stretches(stretches: &[Stretch], slots: usize, wall: f64) -> Option<Measures> {
    let end = |it: &Stretch| it.start + it.duration;
    let last = stretches.iter().max_by(|a, b| end(a).total_cmp(&end(b)))?;
    let serial: f64 = stretches.iter().map(|it| it.duration).sum();
    let workers = stretches.iter().map(|it| it.worker).max().map_or(0, |last| last + 1);
    let mut ends = vec![0.0_f64; workers];
    for it in stretches {
        ends[it.worker] = ends[it.worker].max(end(it));
    }
    let first_end = ends.iter().copied().fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many slots")]
    let room = slots.max(workers) as f64 * wall;
    Some(Measures {
        serial,
        speed_up: if wall > 0.0 { serial / wall } else { 1.0 },
        utilisation: if room > 0.0 { (serial / room).min(1.0) } else { 0.0 },
        tail: end(last) - first_end,
        last: Some(last.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(worker: usize, start: f64, duration: f64) -> Stretch {
        Stretch { worker, start, duration, name: format!("{worker}@{start}") }
    }

    #[test]
    fn a_run_that_is_spread_evenly_uses_all_of_its_slots() {
        let measures = of_stretches(&[stretch(0, 0.0, 2.0), stretch(1, 0.0, 2.0)], 2, 2.0).unwrap();
        assert_eq!(
            measures,
            Measures { serial: 4.0, speed_up: 2.0, utilisation: 1.0, tail: 0.0, last: Some("1@0".into()) }
        );
    }

    #[test]
    fn the_tail_begins_when_the_first_worker_is_done() {
        let stretches = [stretch(0, 0.0, 1.0), stretch(1, 0.0, 1.0), stretch(1, 1.0, 3.0)];
        let measures = of_stretches(&stretches, 4, 4.0).unwrap();
        assert_eq!((measures.tail, measures.last.as_deref()), (3.0, Some("1@1")));
        assert!((measures.utilisation - 5.0 / 16.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_of_nothing_has_no_measures() {
        assert_eq!(of_stretches(&[], 2, 0.0), None);
    }
}
