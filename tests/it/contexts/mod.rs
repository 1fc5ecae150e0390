//! Contexts under all three runners: each kind alone and in one another, broken ones, and the ends of runs. What nose's
//! documentation says of each kind is checked here; where nose 1.3.7 does something else, so is that.

mod nesting;
mod runners;
