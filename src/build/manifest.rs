//! What only a manifest knows: whether a target keeps libtest's harness, and which profiles there are. `cargo metadata`
//! does not say.

use anyhow::{Context, Result};
use camino::Utf8Path;
use cargo_metadata::Target;
use nextest_metadata::RustTestBinaryKind;
use toml::{Table, Value};

use crate::files::{self, MOST_OF_A_TEXT};

/// Reads `harness` of the target's table; it is true where nothing is said.
pub(super) fn has_libtest_harness(path: &Utf8Path, kind: &RustTestBinaryKind, target: &Target) -> Result<bool> {
    Ok(harness(&read(path)?, kind, &target.name))
}

/// Whether it defines a profile.
pub(super) fn has_profile(path: &Utf8Path, name: &str) -> Result<bool> {
    Ok(read(path)?.get("profile").and_then(|profiles| profiles.get(name)).is_some())
}

fn read(path: &Utf8Path) -> Result<Table> {
    let text = files::read_text(path, MOST_OF_A_TEXT).with_context(|| format!("cannot read {path}"))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {path}"))
}

fn harness(manifest: &Table, kind: &RustTestBinaryKind, name: &str) -> bool {
    let section = match kind.as_str() {
        "lib" | "proc-macro" => "lib",
        kind => kind,
    };
    let said = match manifest.get(section) {
        // There is one library, so its table needs no name.
        Some(Value::Table(lib)) => lib.get("harness"),
        Some(Value::Array(targets)) => targets
            .iter()
            .find(|it| it.get("name").and_then(Value::as_str) == Some(name))
            .and_then(|it| it.get("harness")),
        _ => None,
    };
    said.and_then(Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harness_is_read_from_the_table_of_the_target() {
        let manifest = toml::from_str(
            "[lib]\nharness = false\n[[test]]\nname = 'own'\nharness = false\n[[test]]\nname = 'stock'\n[[bench]]\nname = 'own'",
        )
        .unwrap();
        assert!(!harness(&manifest, &RustTestBinaryKind::LIB, "any"));
        assert!(!harness(&manifest, &RustTestBinaryKind::PROC_MACRO, "any"));
        assert!(!harness(&manifest, &RustTestBinaryKind::TEST, "own"));
        assert!(harness(&manifest, &RustTestBinaryKind::TEST, "stock"));
        assert!(harness(&manifest, &RustTestBinaryKind::TEST, "found by its place"));
        assert!(harness(&manifest, &RustTestBinaryKind::BENCH, "own"));
        assert!(harness(&manifest, &RustTestBinaryKind::BIN, "own"));
    }
}
