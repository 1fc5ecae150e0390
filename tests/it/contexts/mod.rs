//! Contexts under all three runners: each kind alone and in one another, broken ones, and the ends of runs.
//!
//! What nose's documentation says of each kind is checked here, and wherever nose 1.3.7 does something else, so is that.

mod attributes;
mod calls;
mod ends;
mod example;
mod kinds;
mod linkers;
mod nesting;
mod reports;
mod rules;
mod runners;
mod setups;
mod teardowns;
mod twelve;
