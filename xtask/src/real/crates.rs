//! The published crates that `cargo xtask real` runs, each for a shape of its own.
//!
//! The versions are exact, so that what is compared doesn't change by itself. A crate qualifies if its package holds
//! its tests, if it builds by itself, and if `cargo test` says the same twice.

/// One package, or several that are laid out as one workspace.
pub(crate) struct Project {
    pub(crate) name: &'static str,
    /// Name and version of each.
    pub(crate) packages: &'static [(&'static str, &'static str)],
    /// What it has that the others have not.
    pub(crate) shape: &'static str,
    /// Which features, and which targets where not all.
    pub(crate) arguments: &'static [&'static str],
    /// The text of `.config/ptest.toml`, which nothing but `cargo ptest` reads.
    pub(crate) config: &'static str,
    pub(crate) known: &'static [Known],
}

/// A test whose outcome may differ from `cargo test`'s.
pub(crate) struct Known {
    pub(crate) binary: &'static str,
    pub(crate) test: &'static str,
    pub(crate) reason: &'static str,
}

impl Project {
    pub(crate) fn title(&self) -> String {
        let versions: Vec<_> = self.packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        versions.join(", ")
    }
}

pub(crate) const PROJECTS: &[Project] = &[
    Project {
        name: "time",
        packages: &[("time", "0.3.55")],
        shape: "thousands of tiny tests in one binary",
        // Without all of these its only test runs `cargo test --all-features` and waits for it.
        arguments: &[
            "--tests",
            "--features=large-dates,local-offset,macros,quickcheck,rand,serde-human-readable,serde-well-known",
        ],
        config: "",
        known: &[],
    },
    Project {
        name: "rust_xlsxwriter",
        packages: &[("rust_xlsxwriter", "0.3.1")],
        shape: "many binaries; serial_test, whose lock doesn't reach across processes",
        arguments: &["--tests"],
        // The two tests of each of these binaries write the same file.
        config: r#"
[[context]]
package = "rust_xlsxwriter"
binary = "rust_xlsxwriter::bootstrap01"
kind = "unit"

[[context]]
package = "rust_xlsxwriter"
binary = "rust_xlsxwriter::bootstrap23"
kind = "unit"

[[context]]
package = "rust_xlsxwriter"
binary = "rust_xlsxwriter::bootstrap25"
kind = "unit"
"#,
        known: &[],
    },
    Project {
        name: "crossbeam",
        packages: &[
            ("crossbeam-deque", "0.8.8"),
            ("crossbeam-epoch", "0.9.21"),
            ("crossbeam-queue", "0.3.14"),
            ("crossbeam-utils", "0.8.23"),
        ],
        shape: "a workspace; long tests that start threads",
        arguments: &["--workspace", "--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "jobserver",
        packages: &[("jobserver", "0.1.35")],
        shape: "harnesses that can't list; make as a child, and as the parent of its tests",
        arguments: &["--tests"],
        // It is about jobservers, and expects to find none or its own make's.
        config: r#"
[[context]]
package = "jobserver"
jobserver = "hide"
"#,
        known: &[],
    },
    Project {
        name: "datatest-stable",
        packages: &[("datatest-stable", "0.3.3")],
        shape: "libtest-mimic: a test for each file",
        // Its test `integration` wants cargo-nextest and the messages of a certain compiler.
        arguments: &["--lib", "--test=example"],
        config: "",
        known: &[],
    },
    Project {
        name: "indoc",
        packages: &[("indoc", "2.0.8")],
        shape: "a crate of procedural macros",
        arguments: &["--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "duct",
        packages: &[("duct", "1.1.2")],
        shape: "programs of its own, pipes, working directories, killed children",
        arguments: &["--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "signal-hook",
        packages: &[("signal-hook", "0.3.17")],
        shape: "signals, forks, exits in children",
        arguments: &["--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "rusty-fork",
        packages: &[("rusty-fork", "0.3.1")],
        shape: "tests that start their own program again with their own arguments",
        arguments: &["--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "expectrl",
        packages: &[("expectrl", "0.9.0")],
        shape: "programs in terminals of their own; an async variant of everything",
        arguments: &["--tests", "--all-features"],
        config: "",
        known: &[],
    },
    Project {
        name: "ctrlc",
        packages: &[("ctrlc", "3.5.3")],
        shape: "harnesses that send signals to themselves",
        arguments: &["--tests"],
        config: "",
        known: &[],
    },
    Project {
        name: "nix",
        packages: &[("nix", "0.32.0")],
        shape: "system calls of every kind: forks, ptys, mounts, namespaces, timers, signals",
        arguments: &["--tests", "--all-features"],
        config: "",
        // Other tests of the same process close the descriptors that these two wait for.
        known: &[
            Known {
                binary: "nix::test",
                test: "sys::test_epoll::test_epoll_ctl",
                reason: "it meets the descriptors of tests in other threads",
            },
            Known {
                binary: "nix::test",
                test: "sys::test_epoll::test_epoll_errno",
                reason: "it meets the descriptors of tests in other threads",
            },
        ],
    },
];
