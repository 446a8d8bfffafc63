//! Lists the golden cases of every dialect, so that the library embeds them. The dialects are found by their folders.

#![expect(
    clippy::disallowed_macros,
    reason = "Cargo reads the standard output of a build script"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let crate_folder = std::env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    let dialects = Path::new(&crate_folder).join("../wharfinger-core/src/dialects");
    let dialects = dialects.canonicalize().expect("the dialects are there");
    println!("cargo::rerun-if-changed=build.rs");
    let mut list = String::from("&[\n");
    for dialect in entries(&dialects) {
        let cases = dialect.join("cases");
        if cases.is_dir() {
            println!("cargo::rerun-if-changed={}", cases.display());
            add(&cases, &name(&dialect), &mut list);
        }
    }
    list.push_str("]\n");
    let folder = std::env::var("OUT_DIR").expect("Cargo sets it");
    std::fs::write(Path::new(&folder).join("cases.rs"), list).expect("the list can be written");
}

/// Adds the files under a folder, sorted by name. `prefix` is the folder's path in the list.
fn add(folder: &Path, prefix: &str, list: &mut String) {
    for path in entries(folder) {
        let inner = format!("{prefix}/{}", name(&path));
        if path.is_dir() {
            add(&path, &inner, list);
        } else {
            writeln!(
                list,
                "({inner:?}, include_str!({:?})),",
                path.display().to_string()
            )
            .expect("a string grows");
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the cases can be read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the cases can be read").path())
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
