//! The table of everything that was measured, in Markdown.

use std::thread;

use super::measure::Measure::{Cpu, Wall};
use super::measure::{Range, Spread};
use super::{Measured, Tool};

pub(super) fn print(measured: &[Measured]) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Seconds on {cores} cores: median (least to most); CPU is user and system time of the whole process tree.\n"
    );
    println!("| case | tool | wall | CPU | wall / cargo test | CPU / cargo test | wall / nextest | CPU / nextest |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for case in measured {
        for (tool, spread) in &case.tools {
            let [test_wall, test_cpu] = ratios(spread, case.of(Tool::CargoTest));
            let [nextest_wall, nextest_cpu] = ratios(spread, case.of(Tool::Nextest));
            println!(
                "| {}: {} | {} | {} | {} | {test_wall} | {test_cpu} | {nextest_wall} | {nextest_cpu} |",
                case.case.name,
                case.case.tests,
                tool.name(),
                range(spread.of_measure(Wall)),
                range(spread.of_measure(Cpu)),
            );
        }
    }
}

/// What was measured in multiples of another tool's wall and CPU time.
fn ratios(spread: &Spread, other: Option<&Spread>) -> [String; 2] {
    [Wall, Cpu].map(|measure| {
        other.map_or_else(String::new, |other| {
            format!("{:.2}", spread.of_measure(measure).median / other.of_measure(measure).median)
        })
    })
}

pub(super) fn range(Range { median, least, most }: Range) -> String {
    format!("{median:.2} ({least:.2} to {most:.2})")
}
