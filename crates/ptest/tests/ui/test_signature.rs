//! What a test's function may look like.

use ptest::test;

struct Api;

#[test]
fn hidden_parameter(_own: impl ptest::FromContext, #[allow(unused)] _attribute: Api) {}

#[test]
fn all_at_once(_api: &mut Api, _name: &'static u32, _numbers: &[u32], #[cfg(unix)] _unix: &u32) {}

#[test]
const fn constant() {}

#[test]
unsafe extern "C" fn foreign<T>(_first: u32) {}

#[test]
fn hidden() -> impl std::process::Termination {}

#[test]
#[should_panic]
fn returns() -> Result<(), String> {
    Ok(())
}

#[test]
#[should_panic(message = "no")]
fn misspelt() {}

impl Api {
    #[test]
    fn method(&self) {}
}

fn main() {}
