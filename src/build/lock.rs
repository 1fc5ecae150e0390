//! How cargo is told which package is meant, where several have the same name.

use camino::Utf8Path;
use cargo_metadata::{Package, PackageId};

/// Name and version of all packages that cargo may have to tell from one another: those of `Cargo.lock`.
pub(super) struct Lock(Vec<(String, String)>);

impl Lock {
    /// Without the file nothing is known to be ambiguous.
    pub(super) fn read(workspace: &Utf8Path) -> Self {
        Self::parse(&std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap_or_default())
    }

    /// Cargo writes the file itself, with the version below the name.
    fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let value =
            |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned());
        let package = |pair: &[&str]| Some((value(pair[0], "name")?, value(pair[1], "version")?));
        Self(lines.windows(2).filter_map(package).collect())
    }

    /// What selects a package, if its name alone does not: name and version, or else its whole id.
    pub(super) fn spec(&self, package: &Package) -> Option<String> {
        self.spec_of(package.name.as_str(), &package.version.to_string(), &package.id)
    }

    fn spec_of(&self, name: &str, version: &str, id: &PackageId) -> Option<String> {
        let of_name = self.0.iter().filter(|it| it.0 == name);
        let of_version = of_name.clone().filter(|it| it.1 == version).count();
        match of_name.count() {
            0 | 1 => None,
            _ if of_version <= 1 => Some(format!("{name}@{version}")),
            _ => Some(id.repr.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_does_where_it_is_the_only_one() {
        let package =
            |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n");
        let text: String =
            [("a", "1.0.0"), ("itoa", "0.3.9"), ("itoa", "1.0.0"), ("twice", "1.0.0"), ("twice", "1.0.0")]
                .map(|(name, version)| package(name, version))
                .concat();
        let lock = Lock::parse(&format!("# This file is generated.\nversion = 4\n\n{text}"));
        let spec = |name: &str, version: &str| lock.spec_of(name, version, &PackageId { repr: "the id".to_owned() });
        assert_eq!(spec("a", "1.0.0"), None);
        assert_eq!(spec("new", "1.0.0"), None);
        assert_eq!(spec("itoa", "0.3.9").unwrap(), "itoa@0.3.9");
        assert_eq!(spec("twice", "1.0.0").unwrap(), "the id");
    }
}
