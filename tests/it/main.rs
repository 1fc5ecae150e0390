//! The whole tool on real crates: `fixtures/`, each of which shows one behaviour.
//!
//! Most tests run `cargo-ptest` as a user would and look at what it says in its JSON lines. They share one target
//! folder, so that the fixtures are compiled once.

#![expect(clippy::disallowed_methods, reason = "tests start programs and read their own environment")]

mod afterwards;
mod attempts;
#[cfg(target_os = "linux")]
mod beside;
#[cfg(unix)]
mod browser;
mod config;
#[cfg(target_os = "linux")]
mod contexts;
#[cfg(target_os = "linux")]
mod darkness;
#[cfg(target_os = "linux")]
mod databases;
mod docs;
#[cfg(target_os = "linux")]
mod doctests;
#[cfg(target_os = "linux")]
mod eager;
mod environment;
#[cfg(target_os = "linux")]
mod frameworks;
#[cfg(unix)]
mod history;
mod html;
mod integrations;
mod junit;
#[cfg(target_os = "linux")]
mod kills;
mod listing;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod loan;
mod machines;
mod options;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod readme;
#[cfg(target_os = "linux")]
mod remembered;
mod reports;
#[cfg(unix)]
mod runners;
#[cfg(target_os = "linux")]
mod runs;
#[cfg(target_os = "linux")]
mod sandboxes;
#[cfg(target_os = "linux")]
mod screen;
mod selection;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod slots;
mod table;
#[cfg(target_os = "linux")]
mod terminal;
mod tool;
mod trace;
#[cfg(target_os = "linux")]
mod updates;
mod workspace;
