//! What is measured, each case a package that is written for it: where a runner's own costs show, they are nearly all
//! there is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Tool;
use super::measure::Measure::{Cpu, Wall};
use super::targets::{Limit, Target};
use crate::cargo;

pub(super) struct Case {
    pub(super) name: &'static str,
    /// What the tests are like.
    pub(super) tests: &'static str,
    /// The package that holds them, which two cases may share.
    pub(super) package: &'static str,
    /// Writes the package's sources.
    write: fn(&Path) -> Result<()>,
    pub(super) tools: &'static [Tool],
    /// How many slots or threads; if `None`, what each tool takes by itself, which is one for each core.
    pub(super) processes: Option<u8>,
    /// Further options of `cargo ptest`.
    pub(super) options: &'static [&'static str],
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Whether tests of the case fail on purpose.
    red: bool,
    pub(super) targets: &'static [Target],
}

use Tool::{CargoTest, Nextest, Ptest};

const EVERY_TOOL: &[Tool] = &[CargoTest, Nextest, Ptest];

const NOT_SLOWER_THAN_NEXTEST: Target = Target { measure: Wall, limit: Limit::Times(1.0, Nextest) };

pub(super) const CASES: &[Case] = &[
    Case {
        name: "tiny",
        tests: "2,000 empty tests in one binary",
        package: "tiny",
        write: tiny,
        tools: EVERY_TOOL,
        processes: None,
        options: &[],
        variables: &[],
        red: false,
        targets: &[
            NOT_SLOWER_THAN_NEXTEST,
            Target { measure: Wall, limit: Limit::Times(1.2, CargoTest) },
            Target { measure: Cpu, limit: Limit::Times(1.0 / 20.0, Nextest) },
        ],
    },
    Case {
        name: "binaries",
        tests: "100 binaries of 3 empty tests",
        package: "binaries",
        write: binaries,
        tools: EVERY_TOOL,
        processes: None,
        options: &[],
        variables: &[],
        red: false,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Times(1.0, CargoTest) }],
    },
    Case {
        name: "cpu",
        tests: "400 tests of 10 ms CPU",
        package: "cpu",
        write: cpu,
        tools: EVERY_TOOL,
        processes: None,
        options: &[],
        variables: &[],
        red: false,
        targets: &[NOT_SLOWER_THAN_NEXTEST],
    },
    // Eleven tests that wait for half a second each, so the best possible is six rounds of two, or four of three.
    Case {
        name: "uneven-2",
        tests: "9 + 2 tests of 0.5 s, failing, 2 slots",
        package: "uneven",
        write: uneven,
        tools: EVERY_TOOL,
        processes: Some(2),
        options: &[],
        variables: &[("UNEVEN_SECONDS", "0.5")],
        red: true,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Seconds(1.05, 3.0) }],
    },
    Case {
        name: "uneven-3",
        tests: "9 + 2 tests of 0.5 s, failing, 3 slots",
        package: "uneven",
        write: uneven,
        tools: EVERY_TOOL,
        processes: Some(3),
        options: &[],
        variables: &[("UNEVEN_SECONDS", "0.5")],
        red: true,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Seconds(1.05, 2.0) }],
    },
    Case {
        name: "isolated",
        tests: "2,000 empty tests, a process for each",
        package: "tiny",
        write: tiny,
        tools: &[Nextest, Ptest],
        processes: None,
        options: &["--process-restartworker=1"],
        variables: &[],
        red: false,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Cpu, limit: Limit::Times(0.5, Nextest) }],
    },
];

impl Case {
    /// Writes the case's package into a folder. Files that are there already stay untouched, so that cargo doesn't
    /// build them again.
    pub(super) fn generate(&self, folder: &Path) -> Result<()> {
        // No documentation is tested: the other two can't.
        let manifest = format!(
            "[package]\nname = \"{}\"\nedition = \"2024\"\n\n[lib]\ndoctest = false\n\n[workspace]\n",
            self.package
        );
        write(&folder.join("Cargo.toml"), &manifest)?;
        (self.write)(folder)
    }

    /// What a tool exits with when everything went as it should.
    pub(super) fn exit_code(&self, tool: Tool) -> i32 {
        match tool {
            _ if !self.red => 0,
            CargoTest => 101,
            Nextest | Ptest => 100,
        }
    }
}

fn tiny(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), &tests(2000, ""))
}

fn binaries(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), "")?;
    for binary in 0..100 {
        write(&folder.join(format!("tests/b{binary:02}.rs")), &tests(3, ""))?;
    }
    Ok(())
}

/// The tests count their own time on the processor: a loop by the clock would do less work the more of them run at once.
fn cpu(folder: &Path) -> Result<()> {
    const WORK: &str = "use std::time::Duration;

#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern \"C\" {
    fn clock_gettime(clock: i32, time: *mut Time) -> i32;
}

const CLOCK_THREAD_CPUTIME_ID: i32 = if cfg!(target_os = \"macos\") { 16 } else { 3 };

fn used() -> Duration {
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    assert_eq!(unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.seconds as u64, time.nanoseconds as u32)
}

fn work() {
    let until = used() + Duration::from_millis(10);
    while used() < until {}
}

";
    let text = format!("#![cfg(test)]\n\n{WORK}{}", tests(400, " work(); "));
    write(&folder.join("src/lib.rs"), &text)
}

/// The fixture itself, outside of the fixtures' workspace.
fn uneven(folder: &Path) -> Result<()> {
    let fixture = cargo::repository().join("fixtures/uneven/src/lib.rs");
    let text = fs::read_to_string(&fixture).with_context(|| format!("reading {}", fixture.display()))?;
    write(&folder.join("src/lib.rs"), &text)
}

fn tests(number: usize, body: &str) -> String {
    let mut text = String::new();
    for test in 0..number {
        writeln!(text, "#[test]\nfn t{test:04}() {{{body}}}").expect("a string takes everything");
    }
    text
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
