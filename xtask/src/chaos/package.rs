//! The package whose runs are killed. All of its tests pass, in some two seconds; on the way they flood, leave processes
//! behind, and set things up.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo;

const LIBRARY: &str = r#"
#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    #[test]
    fn floods() {
        let line = b"one of very many lines\n".repeat(1000);
        (0..500).for_each(|_| std::io::stdout().write_all(&line).unwrap());
    }

    #[test]
    fn leaves_a_process_behind() {
        Command::new("sleep").arg("600").spawn().unwrap();
    }

    #[test]
    fn leaves_a_process_in_another_session_behind() {
        assert!(Command::new("sh").args(["-c", "setsid sleep 600 <&- >&- 2>&- &"]).status().unwrap().success());
    }
"#;

const CONTEXT: &str = r"
mod KIND {
    use ptest::{setup, teardown, test};

    #[setup(KIND)]
    fn set_up() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    #[teardown]
    fn tear_down() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
";

/// Writes the package into an empty folder.
pub(super) fn write(folder: &Path) -> Result<()> {
    let runtime = cargo::repository().join("crates/ptest");
    let manifest = format!(
        "[workspace]\n[package]\nname = \"chaos\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\
         [dev-dependencies]\nptest = {{ path = {:?} }}\n",
        runtime.display().to_string()
    );
    let sleeps = |attribute: &str, count: u32| -> Vec<String> {
        let test = |number: u32| {
            let millis = 10 + number * 37 % 60;
            format!(
                "{attribute} fn sleeps_{number}() {{ std::thread::sleep(std::time::Duration::from_millis({millis})) }}"
            )
        };
        (0..count).map(test).collect()
    };
    let library = format!("{LIBRARY}{}\n}}\n", sleeps("#[test]", 30).join("\n"));
    let context = |kind: &str| format!("{}{}\n}}\n", CONTEXT.replace("KIND", kind), sleeps("#[test]", 6).join("\n"));
    let contexts: Vec<String> = ["shared", "unit", "can_split"].map(context).into();
    for (path, text) in [("Cargo.toml", manifest), ("src/lib.rs", library), ("tests/contexts.rs", contexts.join("\n"))]
    {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).context("making folders")?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Gives the next run something to build.
pub(super) fn touch(folder: &Path, seed: u64) -> Result<()> {
    let path = folder.join("src/lib.rs");
    let text = fs::read_to_string(&path)?;
    let code = text.split("// seed ").next().unwrap_or_default();
    Ok(fs::write(&path, format!("{code}// seed {seed}\n"))?)
}
