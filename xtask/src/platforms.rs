//! Checks that the code compiles for systems that it is not tested on: both of Apple's, another processor, musl.
//!
//! No linker and no library of those systems is needed to check, but the sources of the standard library are, from which
//! cargo makes what it needs of it. They come with rustup's component `rust-src`, or with a distribution's toolchain: of
//! Debian the packages `rustc-web`, `cargo-web` and `rust-web-src`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::cargo;

const TARGETS: [&str; 4] =
    ["aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"];

/// What is checked besides the runner: everything that compiles no C, for which a compiler and headers of that system would
/// be needed. So the tests of `ptest-db` are not, whose drivers do, nor those of `xtask`, which is for whoever works on it.
const PACKAGES: [&str; 4] = ["ptest-runner", "ptest", "ptest-macros", "ptest-runtime"];

/// Where Debian's second toolchain has its programs.
const PACKAGED: (&str, &str) = ("/usr/bin/rustc", "/usr/share/cargo/bin/cargo");

/// A toolchain that has the sources of the standard library.
struct Toolchain {
    rustc: PathBuf,
    cargo: PathBuf,
}

/// Checks all of it; says loudly that it does not where no toolchain has what it takes.
pub(crate) fn run() -> Result<()> {
    let Some(toolchain) = find() else {
        eprintln!(
            "platforms: SKIPPED: no toolchain here has the sources of the standard library, so it is not known whether the \
             code compiles for {}. Install rustup's component rust-src, or Debian's packages rustc-web, cargo-web and \
             rust-web-src.",
            TARGETS.join(", ")
        );
        return Ok(());
    };
    let start = Instant::now();
    let target = cargo::target_folder()?.join("platforms");
    check(&toolchain, &target, &PACKAGES, &["--all-targets"])?;
    check(&toolchain, &target, &["ptest-db"], &["--lib", "--all-features"])?;
    println!("platforms: {} compile after {:.1} s", TARGETS.join(", "), start.elapsed().as_secs_f64());
    Ok(())
}

fn check(toolchain: &Toolchain, target: &Path, packages: &[&str], options: &[&str]) -> Result<()> {
    let mut command = Command::new(&toolchain.cargo);
    command
        .args(["check", "-Zbuild-std=std,panic_unwind,test", "--message-format=short"])
        .args(options)
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .args(TARGETS.iter().flat_map(|target| ["--target", target]))
        .current_dir(cargo::repository())
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTC", &toolchain.rustc)
        // That of a stable toolchain takes the option above, too.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env_remove("RUSTUP_TOOLCHAIN")
        .stdin(Stdio::null());
    let output = command.output().with_context(|| format!("running {}", toolchain.cargo.display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    // To deny warnings by a flag would deny those of the standard library, too.
    let faults: Vec<&str> = text.lines().filter(|line| line.contains("warning: ") || line.contains("error")).collect();
    faults.iter().for_each(|line| eprintln!("{line}"));
    let (packages, targets) = (packages.join(", "), TARGETS.join(", "));
    ensure!(output.status.success(), "{packages} do not compile for one of {targets}");
    ensure!(faults.is_empty(), "{packages} compile for {targets}, but with warnings");
    Ok(())
}

/// The toolchain in use if it has the sources, else the packaged one.
fn find() -> Option<Toolchain> {
    let own = sysroot(Path::new("rustc"))
        .map(|root| Toolchain { rustc: root.join("bin/rustc"), cargo: root.join("bin/cargo") });
    let packaged = Toolchain { rustc: PACKAGED.0.into(), cargo: PACKAGED.1.into() };
    own.into_iter().chain([packaged]).find(|it| it.rustc.exists() && it.cargo.exists() && has_sources(&it.rustc))
}

fn has_sources(rustc: &Path) -> bool {
    sysroot(rustc).is_some_and(|root| root.join("lib/rustlib/src/rust/library/Cargo.lock").exists())
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc).arg("--print=sysroot").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().into())
}
