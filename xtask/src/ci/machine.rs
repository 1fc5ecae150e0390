//! What the tests use besides a Rust toolchain and a C compiler: found, or installed where that is possible without asking
//! anybody: with apt-get as root or through a sudo that wants no password, and with rustup.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{cargo, platforms};

/// What there is in the end. What is not listed here is looked for by the tests themselves.
pub(super) struct Machine {
    pub(super) has_rustfmt: bool,
    pub(super) has_clippy: bool,
    pub(super) has_postgresql: bool,
}

/// Something that tests use, and the packages of Debian that have it.
struct Tool {
    name: &'static str,
    is_here: fn() -> bool,
    packages: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool { name: "make", is_here: || on_path("make"), packages: &["make"] },
    Tool { name: "xmllint", is_here: || on_path("xmllint"), packages: &["libxml2-utils"] },
    Tool { name: "zsh", is_here: || on_path("zsh"), packages: &["zsh"] },
    Tool { name: "fish", is_here: || on_path("fish"), packages: &["fish"] },
    Tool { name: "Python with venv", is_here: has_venv, packages: &["python3", "python3-venv"] },
    Tool { name: "PostgreSQL", is_here: has_postgresql, packages: &["postgresql"] },
    Tool { name: "Chromium", is_here: has_browser, packages: &["chromium"] },
];

impl Machine {
    pub(super) fn prepare(may_install: bool) -> Self {
        for component in ["rustfmt", "clippy"] {
            if may_install && !has_component(component) {
                println!("ci: installs {component} with rustup");
                succeeds(Command::new("rustup").args(["component", "add", component]));
            }
        }
        let targets = platforms::missing().unwrap_or_default();
        if may_install && !targets.is_empty() {
            println!("ci: installs the standard libraries for {} with rustup", targets.join(", "));
            succeeds(Command::new("rustup").args(["target", "add"]).args(targets));
        }
        let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !(tool.is_here)()).collect();
        if may_install && !missing.is_empty() {
            install(&missing);
        }
        for tool in missing.iter().filter(|tool| !(tool.is_here)()) {
            println!("ci: {} is not here; tests that need it are skipped", tool.name);
        }
        Self {
            has_rustfmt: has_component("rustfmt"),
            has_clippy: has_component("clippy"),
            has_postgresql: has_postgresql(),
        }
    }
}

/// Installs one tool after another, so that a package that this release lacks does not keep the others away.
fn install(tools: &[&Tool]) {
    let Some(apt) = apt_get() else { return };
    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
    println!("ci: installs {} with {}", names.join(", "), apt.join(" "));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(apt[0]);
        command.args(&apt[1..]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        succeeds(&mut command)
    };
    if !run(&["update", "--quiet"]) {
        println!("ci: apt-get update failed");
    }
    for tool in tools {
        let packages = [&["install", "--quiet", "--yes", "--no-install-recommends"], tool.packages].concat();
        if !run(&packages) {
            println!("ci: {} could not be installed", tool.name);
        }
    }
}

/// The words by which apt-get is called, if it may be.
fn apt_get() -> Option<&'static [&'static str]> {
    if !on_path("apt-get") {
        return None;
    }
    if nix::unistd::geteuid().is_root() {
        return Some(&["apt-get"]);
    }
    succeeds(Command::new("sudo").args(["-n", "true"])).then_some(&["sudo", "-n", "apt-get"])
}

fn has_component(name: &str) -> bool {
    let command = if name == "rustfmt" { "fmt" } else { name };
    quietly(&mut cargo::here(&[command, "--version"]))
}

fn has_venv() -> bool {
    // Debian's Python has the module without what it needs.
    quietly(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// A server that is named, or the programs of one, where `ptest-db` looks for them.
fn has_postgresql() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    env::var_os("PTEST_PG_URL").is_some()
        || on_path("initdb")
        || versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

fn has_browser() -> bool {
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().any(on_path)
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder: PathBuf| folder.join(program)).any(|file| file.is_file())
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn quietly(command: &mut Command) -> bool {
    succeeds(command.stdout(Stdio::null()).stderr(Stdio::null()))
}
