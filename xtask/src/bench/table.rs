//! What was measured, as a table in Markdown.

use std::fmt::Write;
use std::thread;

use super::measure::{Range, Spread};
use super::{Measured, Tool};

pub(super) fn text(measured: &[Measured]) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "Seconds on {cores} cores: median (least to most); CPU is user and system time of the whole process tree.\n\n"
    );
    text += "| case | tool | wall | CPU | wall / cargo test | CPU / cargo test | wall / nextest | CPU / nextest |\n";
    text += "|---|---|--:|--:|--:|--:|--:|--:|\n";
    for case in measured {
        for (tool, spread) in &case.tools {
            let [test_wall, test_cpu] = ratios(spread, case.of(Tool::CargoTest));
            let [nextest_wall, nextest_cpu] = ratios(spread, case.of(Tool::Nextest));
            let row = writeln!(
                text,
                "| {}: {} | {} | {} | {} | {test_wall} | {test_cpu} | {nextest_wall} | {nextest_cpu} |",
                case.case.name,
                case.case.tests,
                tool.name(),
                range(spread.wall()),
                range(spread.cpu()),
            );
            row.expect("a string takes everything");
        }
    }
    text
}

/// What was measured in multiples of another tool's wall and CPU time.
fn ratios(spread: &Spread, other: Option<&Spread>) -> [String; 2] {
    let ratio = |own: Range, other: Option<Range>| other.map(|other| format!("{:.2}", own.median / other.median));
    let ratios = [ratio(spread.wall(), other.map(Spread::wall)), ratio(spread.cpu(), other.map(Spread::cpu))];
    ratios.map(Option::unwrap_or_default)
}

pub(super) fn range(Range { median, least, most }: Range) -> String {
    format!("{median:.2} ({least:.2} to {most:.2})")
}
