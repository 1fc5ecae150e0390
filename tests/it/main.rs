//! The whole tool on real crates: `fixtures/`, each of which shows one behaviour.
//!
//! Most tests run `cargo-ptest` as a user would and look at what it says in its JSON lines. They share one target
//! folder, so that the fixtures are compiled once.

#[cfg(target_os = "linux")]
mod kills;
#[cfg(target_os = "linux")]
mod processes;
mod attempts;
mod config;
mod environment;
mod junit;
mod listing;
mod options;
mod reports;
mod selection;
mod table;
mod terminal;
mod tool;
mod workspace;
