//! A module is one context, with one setup and one teardown.

use ptest::{setup, teardown};

#[setup]
fn first() {}

#[setup]
fn second() {}

#[teardown]
fn stop() {}

#[teardown]
fn stop_again() {}

fn main() {}
