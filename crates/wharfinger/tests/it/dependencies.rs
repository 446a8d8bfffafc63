//! The table of dependencies in the documentation.

use std::collections::BTreeSet;
use std::path::Path;

/// A file of the project.
fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).expect("the file can be read")
}

/// The libraries that the workspace's `Cargo.toml` names, without its own crates.
fn named() -> BTreeSet<String> {
    let manifest: toml::Table = text("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let all = manifest["workspace"]["dependencies"].as_table();
    let all = all.expect("the workspace lists its dependencies").iter();
    let others = all.filter(|(_, wanted)| wanted.get("path").is_none());
    others.map(|(name, _)| name.clone()).collect()
}

#[test]
fn each_dependency_has_a_row_that_says_what_it_is_for() {
    let page = text("docs/dependencies.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let mut documented = BTreeSet::new();
    for row in rows {
        let mut cells = row.trim_matches('|').split(" | ");
        let names = cells.next().unwrap_or_default();
        let purpose = cells.next().unwrap_or_default();
        assert!(
            purpose.trim().len() > 3,
            "{row} does not say what it is for"
        );
        for name in names.split(',') {
            documented.insert(name.trim().trim_matches('`').to_owned());
        }
    }
    assert_eq!(documented, named());
}
