//! What is measured, each case a package that is written for it: where a runner's own costs show, they are nearly all
//! there is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Tool;
use super::measure::Measure::{Cpu, Run, Wall};
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

use Tool::{Bare, CargoTest, Nextest, Ptest};

const EVERY_TOOL: &[Tool] = &[CargoTest, Nextest, Ptest];

const NOT_SLOWER_THAN_NEXTEST: Target = Target { measure: Wall, limit: Limit::Times(1.0, Nextest) };

/// What most cases have in common; the tests are those of the first one if no others are named.
const PLAIN: Case = Case {
    name: "",
    tests: "",
    package: "tiny",
    write: tiny,
    tools: EVERY_TOOL,
    processes: None,
    options: &[],
    variables: &[],
    red: false,
    targets: &[NOT_SLOWER_THAN_NEXTEST],
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "start",
        tests: "one empty test",
        package: "start",
        write: start,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Beyond(0.03, CargoTest) }],
        ..PLAIN
    },
    Case {
        name: "tiny",
        tests: "2,000 empty tests in one binary",
        targets: &[
            NOT_SLOWER_THAN_NEXTEST,
            Target { measure: Wall, limit: Limit::Times(1.2, CargoTest) },
            Target { measure: Wall, limit: Limit::Times(1.0, CargoTest) },
            Target { measure: Cpu, limit: Limit::Times(1.5, CargoTest) },
            Target { measure: Cpu, limit: Limit::Times(1.0 / 40.0, Nextest) },
        ],
        ..PLAIN
    },
    Case {
        name: "binaries",
        tests: "100 binaries of 3 empty tests",
        package: "binaries",
        write: binaries,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Times(0.7, CargoTest) }],
        ..PLAIN
    },
    Case {
        name: "cpu-1",
        tests: "400 tests of 1 ms CPU",
        package: "cpu",
        write: cpu,
        variables: &[("CPU_MILLIS", "1")],
        ..PLAIN
    },
    Case {
        name: "cpu-10",
        tests: "400 tests of 10 ms CPU",
        package: "cpu",
        write: cpu,
        variables: &[("CPU_MILLIS", "10")],
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.06, 2.0) }],
        ..PLAIN
    },
    Case {
        name: "cpu-50",
        tests: "400 tests of 50 ms CPU",
        package: "cpu",
        write: cpu,
        variables: &[("CPU_MILLIS", "50")],
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.02, 10.0) }],
        ..PLAIN
    },
    // 400 tests on 64 slots are seven rounds.
    Case {
        name: "sleepy",
        tests: "400 tests that wait for 50 ms, 64 slots",
        package: "sleepy",
        write: sleepy,
        processes: Some(64),
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.05, 0.35) }],
        ..PLAIN
    },
    // Eleven tests that wait for half a second each, so the best possible is six rounds of two, or four of three.
    Case {
        name: "uneven-2",
        tests: "9 + 2 tests of 0.5 s, failing, 2 slots",
        package: "uneven",
        write: uneven,
        processes: Some(2),
        variables: &[("UNEVEN_SECONDS", "0.5")],
        red: true,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.02, 3.0) }],
        ..PLAIN
    },
    Case {
        name: "uneven-3",
        tests: "9 + 2 tests of 0.5 s, failing, 3 slots",
        package: "uneven",
        write: uneven,
        processes: Some(3),
        variables: &[("UNEVEN_SECONDS", "0.5")],
        red: true,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.02, 2.0) }],
        ..PLAIN
    },
    Case {
        name: "uneven-4",
        tests: "9 + 2 tests of 0.5 s, failing, 4 slots",
        package: "uneven",
        write: uneven,
        processes: Some(4),
        variables: &[("UNEVEN_SECONDS", "0.5")],
        red: true,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.02, 1.5) }],
        ..PLAIN
    },
    // For the others these are tests like any; for ours each module is a unit, whole in one process. The longest is a
    // third of the work, so that the best possible is half of all.
    Case {
        name: "units",
        tests: "12 modules that are units, 240 tests of 5 ms",
        package: "units",
        write: units,
        processes: Some(2),
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Run, limit: Limit::Seconds(1.06, 0.6) }],
        ..PLAIN
    },
    Case {
        name: "failing",
        tests: "500 tests, every fifth of which fails",
        package: "failing",
        write: failing,
        red: true,
        ..PLAIN
    },
    Case {
        name: "once",
        tests: "400 tests, every fourth needs what takes a process 300 ms once",
        package: "once",
        write: once,
        targets: &[NOT_SLOWER_THAN_NEXTEST, Target { measure: Wall, limit: Limit::Times(1.3, CargoTest) }],
        ..PLAIN
    },
    Case { name: "prints", tests: "a test that prints 200,000 lines", package: "prints", write: prints, ..PLAIN },
    Case {
        name: "isolated",
        tests: "2,000 empty tests, a process for each",
        tools: &[Nextest, Ptest, Bare],
        options: &["--process-restartworker=1"],
        targets: &[
            NOT_SLOWER_THAN_NEXTEST,
            Target { measure: Cpu, limit: Limit::Times(1.0 / 3.0, Nextest) },
            Target { measure: Wall, limit: Limit::Times(1.3, Bare) },
        ],
        ..PLAIN
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
            // xargs's word for programs that fail.
            Bare => 123,
        }
    }
}

fn start(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), &tests(1, ""))
}

fn once(folder: &Path) -> Result<()> {
    const KEPT: &str = "use std::sync::LazyLock;
use std::time::{Duration, Instant};

static KEPT: LazyLock<u32> = LazyLock::new(|| {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {}
    7
});
";
    let mut text = KEPT.to_owned();
    for number in 0..400 {
        let body = if number % 4 == 0 { " assert_eq!(*KEPT, 7); " } else { "" };
        writeln!(text, "\n#[test]\nfn t{number:03}() {{{body}}}")?;
    }
    write(&folder.join("src/lib.rs"), "")?;
    write(&folder.join("tests/once.rs"), &text)
}

fn prints(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), &tests(1, " for number in 0..200_000 { println!(\"this is line {number}\"); } "))
}

fn tiny(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), &tests(2000, ""))
}

fn binaries(folder: &Path) -> Result<()> {
    write(&folder.join("src/lib.rs"), "")?;
    // With the library's own these are 101.
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
    let millis = std::env::var(\"CPU_MILLIS\").map_or(10, |text| text.parse().unwrap());
    let until = used() + Duration::from_millis(millis);
    while used() < until {}
}

";
    let text = format!("#![cfg(test)]\n\n{WORK}{}", tests(400, " work(); "));
    write(&folder.join("src/lib.rs"), &text)
}

fn sleepy(folder: &Path) -> Result<()> {
    let wait = " std::thread::sleep(std::time::Duration::from_millis(50)); ";
    write(&folder.join("src/lib.rs"), &format!("#![cfg(test)]\n\n{}", tests(400, wait)))
}

fn units(folder: &Path) -> Result<()> {
    let mut sources = "#![cfg(test)]\n\n".to_owned();
    let mut config = String::new();
    let wait = " std::thread::sleep(std::time::Duration::from_millis(5)); ";
    for (module, size) in [80, 40, 30, 20, 15, 15, 10, 10, 5, 5, 5, 5].into_iter().enumerate() {
        writeln!(sources, "mod m{module:02} {{\n{}}}", tests(size, wait)).expect("a string takes everything");
        let context = "[[context]]\npackage = \"units\"\ntest = \"m";
        writeln!(config, "{context}{module:02}::\"\nkind = \"unit\"\n").expect("a string takes everything");
    }
    write(&folder.join("src/lib.rs"), &sources)?;
    write(&folder.join(".config/ptest.toml"), &config)
}

fn failing(folder: &Path) -> Result<()> {
    let mut text = tests(400, "");
    for test in 0..100 {
        let body = "assert_eq!(1 + 1, 3, \"arithmetic\");";
        writeln!(text, "#[test]\nfn f{test:03}() {{ {body} }}").expect("a string takes everything");
    }
    write(&folder.join("src/lib.rs"), &format!("#![cfg(test)]\n\n{text}"))
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
