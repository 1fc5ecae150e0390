//! The complete file that the documentation shows is `tests/basket.rs`, which is compiled and run.

const FILE: &str = include_str!("basket.rs");

#[test]
fn the_readme_shows_a_file_that_passes() {
    assert!(include_str!("../README.md").contains(&format!("```rust\n{FILE}```\n")));
}

#[test]
fn the_crate_documentation_shows_the_same_file() {
    let lines = include_str!("../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//!"));
    let documentation: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let documentation = documentation.join("\n");
    assert!(documentation.contains(&format!("```\n{FILE}```\n")), "{documentation}");
}
