//! Finds the source files that filters name, as `tests/api.rs` or `src/lib.rs:120` do.

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{self, MOST_OF_A_TEXT};
use crate::filter::{self, Place};

/// Looks for the files that the filters name, from the current folder and from the root of the workspace.
pub fn find(options: &mut filter::Options, root: &Utf8Path) {
    let here = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::try_from(here).ok());
    let folders = [here.as_deref().unwrap_or(root), root];
    let filters: Vec<String> = options.filters.iter().chain(&options.skip).cloned().collect();
    for filter in filters {
        if let Some(place) = place(&filter, folders, root) {
            options.places.insert(filter, place);
        }
    }
}

fn place(filter: &str, folders: [&Utf8Path; 2], root: &Utf8Path) -> Option<Place> {
    let file = |path: &str| folders.into_iter().map(|folder| folder.join(path)).find(|path| path.is_file());
    let (file, line) = match (file(filter), filter::at_line(filter)) {
        (Some(file), _) => (file, None),
        (None, Some((path, line))) => (file(path)?, Some(line)),
        (None, None) => return None,
    };
    let line = line.map(|line| below_attributes(&files::read_text(&file, MOST_OF_A_TEXT).unwrap_or_default(), line));
    Some(Place { paths: names(&file, root), line, start: None })
}

/// The whole paths by which the compiler may know the file: as it was named, and below the root if links lead there.
fn names(file: &Utf8Path, root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let real = || {
        let (file, real_root) = (file.canonicalize_utf8().ok()?, root.canonicalize_utf8().ok()?);
        Some(file.strip_prefix(real_root).map_or(file.clone(), |file| root.join(file)))
    };
    let mut names = vec![filter::plain(file)];
    names.extend(real().filter(|real| *real != names[0]));
    names
}

/// The line below the attributes that a line is one of: a test starts at the name of its function.
fn below_attributes(text: &str, line: u32) -> u32 {
    let is_attribute = |line: &str| line.trim_start().starts_with("#[");
    let before = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let attributes = text.lines().skip(before).take_while(|line| is_attribute(line)).count();
    line.saturating_add(u32::try_from(attributes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        for path in ["src", "sub/src"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for (path, text) in
            [("src/a.rs", "mod b;\n\n#[test]\n#[ignore]\nfn f() {}\n"), ("sub/src/b.rs", ""), ("c:7", "")]
        {
            fs::write(root.join(path), text).unwrap();
        }
        (folder, root)
    }

    #[test]
    fn a_file_is_found_from_the_current_folder_and_from_the_root() {
        let (_folder, root) = folder();
        let here = root.join("sub");
        let found = |filter: &str| place(filter, [&here, &root], &root).map(|it| (it.paths, it.line));
        let file = |path: &str, line| Some((vec![root.join(path)], line));
        assert_eq!(found("src/a.rs"), file("src/a.rs", None));
        assert_eq!(found("src/b.rs"), file("sub/src/b.rs", None));
        assert_eq!(found("sub/src/b.rs:9"), file("sub/src/b.rs", Some(9)));
        assert_eq!(found("../src/./a.rs:5:3"), file("src/a.rs", Some(5)));
        assert_eq!(found(root.join("src/a.rs").as_str()), file("src/a.rs", None));
        assert_eq!(found("../c:7"), file("c:7", None));
        for none in ["", "src", "a.rs", "src/b", "src/a.rs:", "src/a.rs:x", "a::b", "c"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn an_attribute_belongs_to_the_function_below_it() {
        let (_folder, root) = folder();
        let line = |line| place(&format!("src/a.rs:{line}"), [&root, &root], &root).unwrap().line.unwrap();
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(line), [1, 2, 5, 5, 5, 6, 99]);
    }

    #[test]
    fn a_file_has_the_name_by_which_the_root_was_given_too() {
        let (_folder, root) = folder();
        let linked = root.join("linked");
        std::os::unix::fs::symlink(&root, &linked).unwrap();
        let found = place("src/a.rs", [&root, &linked], &linked).unwrap();
        assert_eq!(found.paths, [root.join("src/a.rs"), linked.join("src/a.rs")]);
    }
}
