//! What the command line and the environment say about the terminal: what to show there, and whether to listen to keys.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;

use super::args::{Cli, ShowProgress, TestBinaryArgs};
use super::{Env, time};
use crate::report::{FinalStatusLevel, Levels, OutputWhen, Progress, StatusLevel, Stdout};

/// What is told of which tests.
pub(super) fn levels(cli: &Cli, tests: &TestBinaryArgs) -> Levels {
    let quiet = cli.report.quiet || tests.quiet;
    let (status, at_the_end) = match quiet {
        true => (StatusLevel::Fail, FinalStatusLevel::Fail),
        false => (StatusLevel::default(), FinalStatusLevel::default()),
    };
    let success_output = if tests.libtest.show_output { OutputWhen::Immediate } else { OutputWhen::Never };
    Levels {
        status: cli.report.status_level.unwrap_or(status),
        at_the_end: cli.report.final_status_level.unwrap_or(at_the_end),
        failure_output: cli.report.failure_output,
        success_output: cli.report.success_output.unwrap_or(success_output),
    }
}

/// How what goes on is shown.
pub(super) fn progress(cli: &Cli, tests: &TestBinaryArgs, env: &Env) -> Result<Progress> {
    // What goes to stdout must not be torn apart, if it is for the same screen.
    let shared = cli.report.message_format != Stdout::Human && std::io::stdout().is_terminal();
    Ok(how(Facts {
        heartbeat: time("--heartbeat", &cli.report.heartbeat)?,
        wanted: if cli.report.hide_progress_bar { ShowProgress::None } else { cli.report.show_progress },
        quiet: cli.report.quiet || tests.quiet,
        can_move: can_move(env) && !shared,
        ci: env.text("CI").is_some_and(|ci| !ci.is_empty() && ci != "false"),
        cargo_says_never: env.text("CARGO_TERM_PROGRESS_WHEN") == Some("never"),
    }))
}

/// Whether to listen to keys: somebody sits at the keyboard and sees what they do.
pub(super) fn keys(cli: &Cli, env: &Env) -> bool {
    !cli.report.no_input_handler && std::io::stdin().is_terminal() && can_move(env)
}

/// Whether stderr is a terminal that can move its cursor.
fn can_move(env: &Env) -> bool {
    std::io::stderr().is_terminal() && !matches!(env.text("TERM"), None | Some("" | "dumb"))
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Facts {
    wanted: ShowProgress,
    heartbeat: Duration,
    quiet: bool,
    can_move: bool,
    ci: bool,
    cargo_says_never: bool,
}

fn how(facts: Facts) -> Progress {
    let Facts { wanted, heartbeat, quiet, can_move, ci, cargo_says_never } = facts;
    match wanted {
        ShowProgress::Bar if can_move => Progress::Region,
        _ if quiet => Progress::None,
        ShowProgress::None => Progress::None,
        ShowProgress::Auto if can_move && !ci && !cargo_says_never => Progress::Region,
        ShowProgress::Auto | ShowProgress::Bar => Progress::Heartbeat(heartbeat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_for_terminals_and_for_whoever_asks_for_it() {
        let heartbeat = Duration::from_secs(60);
        let wanted = ShowProgress::Auto;
        let auto = Facts { wanted, heartbeat, quiet: false, can_move: true, ci: false, cargo_says_never: false };
        assert_eq!(how(auto), Progress::Region);
        assert_eq!(how(Facts { can_move: false, ..auto }), Progress::Heartbeat(heartbeat));
        assert_eq!(how(Facts { ci: true, ..auto }), Progress::Heartbeat(heartbeat));
        assert_eq!(how(Facts { cargo_says_never: true, ..auto }), Progress::Heartbeat(heartbeat));
        assert_eq!(how(Facts { quiet: true, ..auto }), Progress::None);
        let bar = Facts { wanted: ShowProgress::Bar, ci: true, quiet: true, ..auto };
        assert_eq!(how(bar), Progress::Region);
        assert_eq!(how(Facts { can_move: false, quiet: false, ..bar }), Progress::Heartbeat(heartbeat));
        assert_eq!(how(Facts { wanted: ShowProgress::None, ..auto }), Progress::None);
    }
}
