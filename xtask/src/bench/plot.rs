//! What was measured, as a picture: for each case the wall time of each tool in multiples of `cargo test`'s, or of the
//! first tool's where that was not measured. The scale is logarithmic: the tools are that far apart.

use std::fmt::Write;

use super::{Measured, Tool};

const LEFT: f64 = 120.0;
const WIDTH: f64 = 640.0;
const BAR: f64 = 14.0;
const GAP: f64 = 14.0;

/// The widest bar and the narrowest one, in powers of ten.
const DECADES: (f64, f64) = (-1.0, 2.0);

pub(super) fn svg(measured: &[Measured]) -> String {
    let mut bars = String::new();
    let mut top = 50.0;
    for case in measured {
        let Some((_, first)) = case.tools.first() else { continue };
        let whole = first.wall().median;
        let label = top + BAR * 1.1;
        push(
            &mut bars,
            &format!("<text x=\"{}\" y=\"{label}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, case.case.name),
        );
        for (tool, spread) in &case.tools {
            let ratio = spread.wall().median / whole;
            let (start, end) = (place(1.0), place(ratio));
            let (left, width) = (start.min(end), (start - end).abs().max(1.0));
            let (colour, name) = (colour(*tool), tool.name());
            push(
                &mut bars,
                &format!(
                    "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"><title>{}: \
                     {name} {:.2} s</title></rect><text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{ratio:.2}</text>",
                    BAR - 2.0,
                    case.case.name,
                    spread.wall().median,
                    start.max(end) + 4.0,
                    top + BAR - 4.0,
                ),
            );
            top += BAR;
        }
        top += GAP;
    }
    let mut grid = String::new();
    for (ratio, label) in [(0.1, "0.1"), (1.0, "1"), (10.0, "10"), (100.0, "100")] {
        let x = place(ratio);
        push(
            &mut grid,
            &format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"36\" y2=\"{top}\" stroke=\"#ccc\"/>\
                 <text x=\"{x:.1}\" y=\"30\" text-anchor=\"middle\">{label}</text>"
            ),
        );
    }
    let mut legend = String::new();
    for (number, tool) in [Tool::CargoTest, Tool::Nextest, Tool::Ptest, Tool::Bare].into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "there are four")]
        let x = LEFT + 130.0 * number as f64;
        push(
            &mut legend,
            &format!(
                "<rect x=\"{x}\" y=\"4\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"13\">{}</text>",
                colour(tool),
                x + 14.0,
                tool.name()
            ),
        );
    }
    let (width, height) = (LEFT + WIDTH + 60.0, top + 10.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\"><title>Wall time in multiples of cargo test's</title>\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{legend}{grid}{bars}</svg>\n"
    )
}

/// How far to the right a ratio stands.
fn place(ratio: f64) -> f64 {
    let (least, most) = DECADES;
    LEFT + WIDTH * (ratio.log10().clamp(least, most) - least) / (most - least)
}

fn colour(tool: Tool) -> &'static str {
    match tool {
        Tool::CargoTest => "#9aa5b1",
        Tool::Nextest => "#e0a458",
        Tool::Ptest => "#2f7d5d",
        Tool::Bare => "#555555",
    }
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}
