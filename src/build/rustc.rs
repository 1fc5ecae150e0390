//! Asks rustc what it knows of its platforms, and remembers the answers: a start costs more than running a small test
//! suite. cargo does the same for its own questions.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use cargo_config2::PathAndArgs;

use crate::descriptors;
use crate::files::{self, Stamp};

/// Answers by question; a question begins with which rustc was asked.
type Answers = BTreeMap<String, String>;

pub(super) struct Rustc<'a> {
    program: &'a PathAndArgs,
    /// Where the answers are kept.
    file: Utf8PathBuf,
}

impl<'a> Rustc<'a> {
    pub(super) fn new(program: &'a PathAndArgs, file: Utf8PathBuf) -> Self {
        Self { program, file }
    }

    /// What rustc prints when it is called with these arguments.
    pub(super) fn print(&self, args: &[&str]) -> Result<String> {
        let Some(question) = self.identity().map(|rustc| format!("{rustc} {}", args.join(" "))) else {
            return self.ask(args);
        };
        let mut answers = self.remembered();
        if let Some(answer) = answers.get(&question) {
            return Ok(answer.clone());
        }
        let answer = self.ask(args)?;
        answers.insert(question, answer.clone());
        // Without a memory the next run asks again.
        let _ = self.remember(&answers);
        Ok(answer)
    }

    /// Its version, if it has to be asked for it only once: it is not worth a start each time.
    pub(super) fn version(&self) -> Option<String> {
        self.identity()?;
        Some(self.print(&["--version"]).ok()?.trim_end().to_owned())
    }

    /// Tells this rustc from all others. A name that is looked up, and a wrapper, may stand for another each time.
    fn identity(&self) -> Option<String> {
        let path = self.program.path.as_path();
        if !path.is_absolute() || !self.program.args.is_empty() {
            return None;
        }
        let stamp = serde_json::to_string(&Stamp::of(path).ok()?).ok()?;
        Some(format!("{} {stamp}", path.display()))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where rustc is called")]
    fn ask(&self, args: &[&str]) -> Result<String> {
        // `Command::from` would do, and no lint would see it.
        let mut command = Command::new(&self.program.path);
        command.args(&self.program.args).args(args);
        let output = descriptors::output(&mut command).with_context(|| format!("cannot start {command:?}"))?;
        if !output.status.success() {
            bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        String::from_utf8(output.stdout).with_context(|| format!("the output of {command:?} is not UTF-8"))
    }

    fn remembered(&self) -> Answers {
        let text = files::read_sealed(&self.file).unwrap_or_default();
        let answers: Answers = serde_json::from_slice(&text).unwrap_or_default();
        // Toolchains come and go; the file must not grow with them for ever.
        if answers.len() < 100 { answers } else { Answers::new() }
    }

    fn remember(&self, answers: &Answers) -> Result<()> {
        files::write_sealed(&self.file, &serde_json::to_vec(answers)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_until_the_program_changes() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("rustc");
        let write = |text: &str| {
            std::fs::write(
                &program,
                format!("#!/bin/sh\necho asked >> {}\necho {text}\n", folder.path().join("log").display()),
            )
            .unwrap();
            std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        };
        let file = Utf8PathBuf::from_path_buf(folder.path().join("memory/answers.json")).unwrap();
        let program = PathAndArgs::new(&program);
        let ask = || Rustc::new(&program, file.clone()).print(&["--print=x"]).unwrap();
        write("one");
        assert_eq!([ask(), ask()], ["one\n", "one\n"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("log")).unwrap(), "asked\n");
        write("another");
        assert_eq!(ask(), "another\n");
    }
}
