//! `cargo ptest --generate`: completions for shells, and a man page, made from the options themselves.

use anyhow::{Context, Result};
use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::args::{AfterwardsArgs, Cli};

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// The option that asks for it. It is none of the run's, so it stands alone.
pub(super) const OPTION: &str = "--generate";

/// Shells complete the program's own name. In bash and in fish these make them do so where it stands behind `cargo`, too,
/// and leave the rest to whoever completed it before; zsh's completions of cargo do that of their own.
const BEHIND_CARGO: &str = r#"
_cargo_with_ptest() {
    if [[ ${COMP_WORDS[1]} == ptest ]] && ((COMP_CWORD > 1)); then
        COMP_WORDS=(cargo-ptest "${COMP_WORDS[@]:2}")
        ((COMP_CWORD--))
        _cargo__ptest cargo-ptest "$2" "$3"
    else
        declare -F _cargo >/dev/null || { declare -F _completion_loader >/dev/null && _completion_loader cargo; }
        complete -F _cargo_with_ptest -o bashdefault -o default cargo
        declare -F _cargo >/dev/null && _cargo "$@"
    fi
}
complete -F _cargo_with_ptest -o bashdefault -o default cargo
"#;

const BEHIND_CARGO_IN_FISH: &str = "
function __cargo_with_ptest
    set -l words (commandline -opc)
    test \"$words[2]\" = ptest
end
function __cargo_ptest_words
    set -l words (commandline -opc) (commandline -ct)
    complete --do-complete (string join ' ' -- cargo-ptest $words[3..-1])
end
complete -c cargo -n __cargo_with_ptest -a '(__cargo_ptest_words)'
";

pub(super) fn what(asked: Option<&str>) -> Result<What> {
    let names =
        || What::value_variants().iter().filter_map(ValueEnum::to_possible_value).map(|it| it.get_name().to_owned());
    let found = asked.and_then(|asked| What::from_str(asked, false).ok());
    found.with_context(|| format!("{OPTION} needs one of {}", names().collect::<Vec<_>>().join(", ")))
}

pub fn generate(what: What) -> Result<Vec<u8>> {
    let shell = match what {
        What::Man => return man(),
        What::Bash => Shell::Bash,
        What::Elvish => Shell::Elvish,
        What::Fish => Shell::Fish,
        What::Powershell => Shell::PowerShell,
        What::Zsh => Shell::Zsh,
    };
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(), "cargo-ptest", &mut out);
    match what {
        What::Bash => out.extend(BEHIND_CARGO.as_bytes()),
        What::Fish => out.extend(BEHIND_CARGO_IN_FISH.as_bytes()),
        _ => {}
    }
    Ok(out)
}

/// The program with its subcommands, which it tells apart itself: a filter may be called as they are.
fn command() -> Command {
    let with_options_of_a_run = |name: &'static str, about: &'static str| {
        let command = Cli::command().name(name).bin_name(format!("cargo-ptest {name}")).about(about);
        command.long_about(None::<&str>).after_help("").after_long_help("")
    };
    let run = with_options_of_a_run("run", "Runs the tests (default)");
    let list = with_options_of_a_run("list", "Lists the tests that would run");
    let report = AfterwardsArgs::command().name("report").bin_name("cargo-ptest report");
    Cli::command().name("cargo-ptest").bin_name("cargo-ptest").subcommand(run).subcommand(list).subcommand(report)
}

/// One page for all: `run` and `list` have the options of a run, and those of `report` follow them.
fn man() -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let page = Cli::command().name("cargo-ptest").display_name("cargo-ptest");
    clap_mangen::Man::new(page).render(&mut out).context("cannot write the man page")?;
    out.extend(COMMANDS.as_bytes());
    let report = AfterwardsArgs::command().name("report").disable_version_flag(true);
    let about = report.get_about().map(ToString::to_string).unwrap_or_default();
    out.extend(format!(".SH \"CARGO PTEST REPORT\"\n{about}\n").bytes());
    let mut options = Vec::new();
    clap_mangen::Man::new(report).render_options_section(&mut options).context("cannot write the man page")?;
    // They belong to the section that has begun.
    out.extend(String::from_utf8(options)?.replace(".SH OPTIONS", ".SS OPTIONS").bytes());
    Ok(out)
}

const COMMANDS: &str = "\
.SH \"CARGO PTEST RUN\"
Runs the tests. This is the default.
.SH \"CARGO PTEST LIST\"
Lists the tests that would run. It takes the options of a run.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_knows_the_options_and_what_is_not_known_is_told() {
        for what in What::value_variants() {
            let text = String::from_utf8(generate(*what).unwrap()).unwrap();
            let option = if *what == What::Man { r"process\-timeout" } else { "process-timeout" };
            assert!(text.contains(option), "{what:?}");
            assert!(*what != What::Man || text.contains(r"\-\-from") && text.contains("CARGO PTEST RUN"), "{text}");
        }
        let error = what(Some("tcsh")).unwrap_err().to_string();
        assert_eq!(error, "--generate needs one of man, bash, elvish, fish, powershell, zsh");
        assert!(what(None).is_err());
    }
}
