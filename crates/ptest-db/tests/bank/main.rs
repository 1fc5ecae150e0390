//! A bank with a race, in PostgreSQL and in SQLite: a transfer that reads a balance and writes it back loses what another
//! one writes in between. Nothing in it is made for tests.

#![expect(clippy::needless_pass_by_value, reason = "a concurrent call takes its arguments")]

mod postgresql;
mod sqlite;
mod start;
