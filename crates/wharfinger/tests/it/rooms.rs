//! The rooms of the store: a room imports only rooms below it.

use std::path::{Path, PathBuf};

/// From top to bottom.
const ROOMS: [&str; 19] = [
    "maintain",
    "admit",
    "transition",
    "destinations",
    "read",
    "addresses",
    "directory",
    "catalogue",
    "write",
    "stock",
    "replies",
    "prepare",
    "stats",
    "receipts",
    "index",
    "journal",
    "engine",
    "api",
    "format",
];

/// What any room may import from the root of the store: the struct that it adds its operations to.
const OF_THE_ROOT: [&str; 1] = ["Store"];

fn store() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")
}

pub(crate) fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The first names of a path behind `crate::store::`: one, or those of a group in braces.
pub(crate) fn first_names(path: &str) -> Vec<&str> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let leading = |path: &str| path.find(|c| !is_name(c)).unwrap_or(path.len());
    let Some(group) = path.strip_prefix('{') else {
        return vec![&path[..leading(path)]];
    };
    let (mut names, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && is_name(character) => {
                names.push(&group[at..at + leading(&group[at..])]);
                begins = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn names_behind_the_store_are_found() {
    assert_eq!(first_names("index::page::Page;"), ["index"]);
    let group = "{Store, journal::{self, end}, replies};";
    assert_eq!(first_names(group), ["Store", "journal", "replies"]);
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let mut upward = Vec::new();
    for (above, room) in ROOMS.iter().enumerate() {
        let mut files = Vec::new();
        rust_files(&store().join(room), &mut files);
        assert!(!files.is_empty(), "{room} has no files");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("the sources can be read");
            for path in text.split("crate::store::").skip(1) {
                for name in first_names(path) {
                    let may = OF_THE_ROOT.contains(&name) || ROOMS[above..].contains(&name);
                    if !may {
                        upward.push(format!("{}: {name}", file.display()));
                    }
                }
            }
        }
    }
    assert!(
        upward.is_empty(),
        "imports that do not point down: {upward:#?}"
    );
}

#[test]
fn each_room_is_listed_and_says_what_it_keeps() {
    for entry in std::fs::read_dir(store()).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if !path.is_dir() {
            continue;
        }
        let room = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(ROOMS.contains(&&*room), "{room} is not listed");
        let head = std::fs::read_to_string(path.join("mod.rs")).expect("a room has a mod.rs");
        assert!(head.starts_with("//! "), "{room}/mod.rs has no head");
        let says = [
            "May import",
            "Imports no other room",
            "No other room imports",
        ];
        assert!(
            says.iter().any(|words| head.contains(words)),
            "{room}: what may it import?"
        );
    }
}

/// The server has no part in the benchmark.
#[test]
fn only_the_command_line_imports_the_benchmark() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&sources, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("the sources can be read");
        let may = file.starts_with(sources.join("cli")) || !text.contains("wharfinger_bench");
        assert!(may, "{} imports the benchmark", file.display());
    }
}
