//! Whether the targets are met. They are for two cores that have nothing else to do.

use super::measure::Measure;
use super::{Measured, Tool};

/// What the median of `cargo ptest` must not exceed.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) measure: Measure,
    pub(super) limit: Limit,
}

#[derive(Debug)]
pub(super) enum Limit {
    /// So many times what another tool's median is.
    Times(f64, Tool),
    /// So many times a number of seconds, which is the best possible.
    Seconds(f64, f64),
    /// So many seconds more than another tool's median is.
    Beyond(f64, Tool),
}

pub(super) fn text(measured: &[Measured]) -> String {
    let of_case = |case: &Measured| -> Vec<String> {
        let verdicts = case.case.targets.iter().filter_map(|target| verdict(target, case));
        verdicts.map(|words| format!("- {}: {words}\n", case.case.name)).collect()
    };
    measured.iter().flat_map(of_case).collect()
}

/// `None` if the tool to compare with was not measured.
fn verdict(target: &Target, measured: &Measured) -> Option<String> {
    let median = |tool| Some(measured.of(tool)?.of_measure(target.measure)?.median);
    let ours = median(Tool::Ptest)?;
    let (limit, explained) = match target.limit {
        Limit::Times(factor, tool) => (factor * median(tool)?, format!("{factor} times {}", tool.name())),
        Limit::Beyond(seconds, tool) => (seconds + median(tool)?, format!("{seconds} s more than {}", tool.name())),
        Limit::Seconds(factor, seconds) => (factor * seconds, format!("{factor} times the best possible {seconds} s")),
    };
    let verdict = if ours <= limit { "met" } else { "NOT met" };
    let measure = match target.measure {
        Measure::Wall => "wall",
        Measure::Cpu => "CPU",
        Measure::Run => "from the first process to the last result",
    };
    Some(format!("{verdict}: {measure} {ours:.3} s, at most {explained}: {limit:.3} s"))
}
