//! How the tests start the tool, and how they read what it says.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A call of `cargo ptest` on fixtures.
pub struct Tool(Command);

/// What came of it.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The folder of the fixtures' workspace.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Where the fixtures are built: one folder for all tests.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures")
}

/// A command with an environment in which nothing of ours is left: these tests may themselves run under any runner.
pub fn clean(program: impl AsRef<OsStr>) -> Command {
    heed_signals();
    let mut command = Command::new(program);
    let ours = |name: &str| {
        let prefixes =
            ["PTEST", "NEXTEST", "CARGO_PKG_", "CARGO_MANIFEST", "CARGO_BIN_", "CARGO_TERM_", "GITHUB_", "RUST_TEST_"];
        let names = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"];
        let updates = ["SNAPSHOTS", "UPDATE_EXPECT", "K9_UPDATE_SNAPSHOTS"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name) || updates.contains(&name)
    };
    for name in std::env::vars().map(|(name, _)| name).filter(|name| ours(name)) {
        command.env_remove(name);
    }
    // Whatever toolchain these tests run with, it was not said to the tool.
    command.env("RUSTUP_TOOLCHAIN_SOURCE", "default");
    command.env("CARGO_TARGET_DIR", target()).env("CARGO_TERM_COLOR", "never").stdin(Stdio::null());
    command
}

/// Whoever started these tests may have had signals ignored (`nohup`, a background job), and whatever they start would
/// ignore them, too.
fn heed_signals() {
    static HEEDED: std::sync::Once = std::sync::Once::new();
    HEEDED.call_once(|| {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP] {
            // SAFETY: no handler is installed.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    });
}

/// `cargo`, as people type it, with our program where cargo looks for its subcommands.
pub fn cargo() -> Command {
    let ours = Path::new(env!("CARGO_BIN_EXE_cargo-ptest")).parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&path))).expect("a path");
    let mut command = clean("cargo");
    command.env("PATH", path).current_dir(fixtures());
    command
}

/// `cargo ptest` on the named packages of the fixtures. What these took in other tests is nothing to go by.
pub fn ptest(packages: &[&str]) -> Tool {
    let mut command = clean(env!("CARGO_BIN_EXE_cargo-ptest"));
    command.arg("ptest").current_dir(fixtures());
    command.args((!packages.is_empty()).then_some("--no-history"));
    for package in packages {
        command.args(["-p", package]);
    }
    Tool(command)
}

impl Tool {
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Has it write a JUnit file.
    pub fn junit(self, file: &Path) -> Self {
        self.args(["--junit".as_ref(), file])
    }

    /// Runs it in a folder of its own, and not in that of the fixtures.
    pub fn inside(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Has another program start it, by the words after `args`, in the same environment and folder.
    #[cfg(target_os = "linux")]
    pub fn within<S: AsRef<OsStr>>(self, program: &str, args: &[S]) -> Self {
        let mut outer = clean(program);
        outer.args(args).arg(self.0.get_program()).args(self.0.get_args());
        outer.current_dir(self.0.get_current_dir().expect("each has one"));
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => outer.env(name, value),
                None => outer.env_remove(name),
            };
        }
        Self(outer)
    }

    /// The command itself, for tests that do more with it than wait.
    #[cfg(target_os = "linux")]
    pub fn command(self) -> Command {
        self.0
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ran {
        let output = self.0.output().expect("the tool starts");
        let text = |bytes| String::from_utf8(bytes).expect("the tool speaks UTF-8");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs it to its end with JSON lines on stdout.
    pub fn json(self) -> (Ran, Vec<Value>) {
        self.args(["--message-format=json"]).run().with_events()
    }
}

impl Ran {
    /// The JSON lines on stdout.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// The same, and what it came to.
    pub fn with_events(self) -> (Self, Vec<Value>) {
        let events = self.events();
        (self, events)
    }

    /// Fails with all that was said, if the exit code is another.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "exit code\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// Names the file in which `cargo xtask ci` collects what was skipped.
const SKIPS: &str = "XTASK_SKIPS";

/// Reports that something was not tested here, and why: on stderr, past the harness, which keeps what passing tests print;
/// and as a line of the file that `cargo xtask ci` counts. The same reason has the same words each time.
pub fn skipped(what: impl std::fmt::Display) {
    let line = format!("{what}\n");
    // A closed stderr is no reason to fail.
    let _ = write!(std::io::stderr(), "SKIPPED: {line}");
    if let Some(path) = std::env::var_os(SKIPS) {
        let file = std::fs::File::options().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list of skips can be written");
    }
}

/// Makes a fifo.
pub fn make_fifo(path: &Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "{}", std::io::Error::last_os_error());
}

/// Whether there is a cargo-nextest to compare with, which people may work on this without.
pub fn nextest_is_here() -> bool {
    static IS_HERE: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let answers = clean("cargo").args(["nextest", "--version"]).output().is_ok_and(|it| it.status.success());
        if !answers {
            skipped("cargo-nextest is not installed: what it makes of our tests is NOT tested");
        }
        answers
    });
    *IS_HERE
}

/// The events of one kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}

/// `name outcome` of every finished test, sorted.
pub fn outcomes(events: &[Value]) -> Vec<String> {
    let finished = of_kind(events, "test-finished");
    let mut lines: Vec<String> =
        finished.map(|it| format!("{} {}", it["test"].as_str().unwrap(), it["outcome"].as_str().unwrap())).collect();
    lines.sort_unstable();
    lines
}
