//! What the developers of `cargo ptest` run, as `cargo xtask COMMAND`. Each command is one file; this one only matches.
//!
//! The commands run on Unix: [`mod@bench`] asks the kernel what a tree of processes has used.
#![allow(
    clippy::disallowed_methods,
    reason = "starting processes and reading the environment is the trade of a build tool; the rules are the runner's"
)]

mod alone;
mod bench;
mod book;
mod cargo;
mod chaos;
mod ci;
mod deny;
mod dist;
mod msrv;
mod packages;
mod pages;
mod picture;
mod platforms;
mod real;
mod release;
mod skips;
mod tidy;
mod workflows;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The developers' commands of cargo ptest")]
enum Command {
    /// Everything that must be green before a change lands
    Ci(ci::Options),
    /// Check by machine what no reviewer remembers to look at
    Tidy,
    /// Build and use each published crate alone, with each of its features
    Alone,
    /// Package and compile everything that is published, exactly as it would be uploaded
    Packages,
    /// Check that the published packages compile with the oldest Rust that they promise
    Msrv,
    /// Check licences, sources and known vulnerabilities of all dependencies with cargo-deny
    Deny,
    /// Check GitHub's workflows with actionlint
    Workflows,
    /// Run published crates' own tests with cargo test and with cargo ptest, and compare every outcome
    Real(real::Options),
    /// Measure cargo test, cargo-nextest and cargo ptest side by side
    Bench(bench::Options),
    /// Check that the code compiles without warnings for systems that it is not tested on
    Platforms,
    /// Kill real runs at random moments, and check what they leave behind
    Chaos(chaos::Options),
    /// Build the archive of one target that cargo-binstall downloads, in target/dist
    Dist(dist::Options),
    /// Fill in what the owner of the repository names: its URL, the home page, the authors
    Release(release::Options),
    /// Build the book of docs/ with mdBook, and check its links
    Book,
    /// Make the pictures of the pages from real runs
    Picture,
    /// Run one test binary and write down what it said (`real` makes cargo call this)
    #[command(hide = true)]
    Witness(real::witness::Options),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Ci(options) => ci::run(&options),
        Command::Tidy => tidy::run(),
        Command::Alone => alone::run(),
        Command::Packages => packages::run(),
        Command::Msrv => msrv::run(),
        Command::Deny => deny::run(),
        Command::Workflows => workflows::run(),
        Command::Real(options) => real::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Platforms => platforms::run(),
        Command::Chaos(options) => chaos::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Release(options) => release::run(&options),
        Command::Book => book::run(),
        Command::Picture => picture::run(),
        Command::Witness(options) => return real::witness::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
